"""The step to the lowest point of a damped quadratic form within bounds."""

from __future__ import annotations

import numpy as np

_RIDGE = 1e-10


def bounded_step(
    gradient: np.ndarray, hessian: np.ndarray, damping: float, room_below: np.ndarray,
    room_above: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Return the step p that minimises g.p + p.(H + damping diag H).p / 2 within bounds.

    Marquardt's (1963, J. SIAM 11, 431) damping, by the diagonal, does not depend on the units of
    parameters. Parameters at a bound which the gradient pushes against stay; those that would
    cross one stop at it, until nothing is gained by leaving it (an active-set method, exact for a
    convex form).

    Parameters
    ----------
    gradient : ndarray, shape (k,)
    hessian : ndarray, shape (k, k)
        Positive semidefinite; a parameter with a zero on the diagonal stays.
    damping : float
    room_below, room_above : ndarray, shape (k,)
        Largest steps down (negative or zero) and up (positive or zero).

    Returns
    -------
    ndarray, shape (k,)
    """
    k = len(gradient)
    diagonal = np.diag(hessian)
    matrix = hessian + np.diag((damping + _RIDGE) * diagonal)
    step = np.zeros(k)
    free = free_parameters(gradient, room_below, room_above) & (diagonal > 0)
    for _ in range(10 * k):
        wanted = _solved(gradient, matrix, step, free)
        if np.all((wanted >= room_below) & (wanted <= room_above)):
            step = wanted
            slope = gradient + matrix @ step
            # a bound that holds nothing back any more is left
            pull = np.where(step <= room_below, -slope, np.where(step >= room_above, slope, 0.0))
            pull[free | (diagonal <= 0) | (room_below >= room_above)] = 0.0
            if pull.max(initial=0.0) <= _RIDGE * np.abs(gradient).max(initial=0.0):
                break
            free[int(np.argmax(pull))] = True
        else:
            step, stopped = _until_a_bound(step, wanted, room_below, room_above)
            free[stopped] = False
    return np.clip(step, room_below, room_above)


def _solved(
    gradient: np.ndarray, matrix: np.ndarray, step: np.ndarray, free: np.ndarray
) -> np.ndarray:
    """Return the lowest point along the free parameters, the others where they are."""
    wanted = step.copy()
    used = np.flatnonzero(free)
    if len(used):
        root = 1 / np.sqrt(np.diag(matrix)[used])
        scaled = matrix[np.ix_(used, used)] * np.outer(root, root)
        slope = gradient[used] + matrix[np.ix_(used, np.flatnonzero(~free))] @ step[~free]
        wanted[used] = -root * np.linalg.solve(scaled, root * slope)
    return wanted


def _until_a_bound(
    step: np.ndarray, wanted: np.ndarray, room_below: np.ndarray, room_above: np.ndarray
) -> tuple[np.ndarray, int]:
    """Go from ``step`` towards ``wanted`` until a parameter is stopped; return which one."""
    change = wanted - step
    room = np.where(change > 0, room_above - step, room_below - step)
    with np.errstate(all="ignore"):
        fraction = np.where(change != 0, room / change, np.inf)
    stopped = int(np.argmin(fraction))
    result = step + fraction[stopped] * change
    result[stopped] = room_above[stopped] if change[stopped] > 0 else room_below[stopped]
    return result, stopped


def free_parameters(
    gradient: np.ndarray, room_below: np.ndarray, room_above: np.ndarray
) -> np.ndarray:
    """Return which parameters no bound holds back, bool of shape (k,)."""
    held_below = (room_below >= 0) & (gradient >= 0)
    held_above = (room_above <= 0) & (gradient <= 0)
    return ~(held_below | held_above)


def expected_decrease(gradient: np.ndarray, hessian: np.ndarray, step: np.ndarray) -> float:
    """Return how much lower the quadratic form is after ``step``."""
    return float(-(gradient @ step + 0.5 * step @ hessian @ step))
