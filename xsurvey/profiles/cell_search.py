r"""Minimising a statistic whose model bends at known values of some parameters.

Plasmas are linear in kT between AtomDB's temperatures and bend there, so that a statistic may have
its minimum on a bend, where derivatives do not tell. Between two bends everything is smooth: the
search is kept within such cells by bounds, and goes over into the next one where the statistic
falls there too. A minimum on a bend is one that neither side leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from xsurvey.inference.held import PenalisedObjective
from xsurvey.inference.minimise import minimise
from xsurvey.inference.minimum import Minimum, covariance_of
from xsurvey.inference.quadratic_step import free_parameters
from xsurvey.inference.statistic_target import Target

_MOST_CELLS = 60
"""Passages into other cells before a search is given up."""
_ENOUGH = 1e-2
"""Units of the statistic: where less is to be gained, a search that differences keep from its
tolerance (parameters that nearly stand for each other) has ended well."""


@dataclass(frozen=True)
class Bent:
    """A statistic with its bounds.

    Attributes
    ----------
    objective : PenalisedObjective
    lower, upper, scale : ndarray, shape (k,)
    kinks : mapping of int to ndarray
        Values at which the model bends, ascending, by parameter.
    """

    objective: PenalisedObjective
    lower: np.ndarray
    upper: np.ndarray
    scale: np.ndarray
    kinks: Mapping[int, np.ndarray]

    def cell(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return lower and upper bounds of the cell that a place (k,) lies in."""
        lower, upper = self.lower.copy(), self.upper.copy()
        for index, values in self.kinks.items():
            inner = values[(values > lower[index]) & (values < upper[index])]
            ends = np.concatenate(([lower[index]], inner, [upper[index]]))
            cell = int(np.clip(np.searchsorted(ends, theta[index], side="right") - 1, 0,
                               len(ends) - 2))  # fmt: skip
            lower[index], upper[index] = ends[cell], ends[cell + 1]
        return lower, upper

    def target(self, lower: np.ndarray, upper: np.ndarray) -> Target:
        """Return the statistic within other bounds."""
        return Target(self.objective, lower, upper, self.scale, self.objective.penalty)


def minimise_in_cells(
    bent: Bent, start: np.ndarray, tolerance: float = 1e-4, max_iterations: int = 100
) -> Minimum:
    """Return the minimum that is reached from a start.

    Parameters
    ----------
    bent : Bent
    start : ndarray, shape (k,)
        Within the bounds.
    tolerance : float
        Largest distance to the lowest value that is expected at the end.
    max_iterations : int
        In one cell.

    Returns
    -------
    Minimum
        Its covariance is NaN for parameters on bends: see `with_covariance`.
    """
    theta = np.clip(np.asarray(start, float), bent.lower, bent.upper)
    lower, upper = bent.cell(theta)
    last = np.inf
    rows = evaluations = 0
    for _ in range(_MOST_CELLS):
        found = minimise(
            bent.objective, theta, (lower, upper), bent.scale, bent.objective.penalty, tolerance,
            max_iterations, probe=False, polish=False,
        )  # fmt: skip
        rows, evaluations = rows + found.rows, evaluations + found.evaluations
        theta = found.best
        passed = found.statistic < last - tolerance
        last = min(last, found.statistic)
        moved = _next_cell(bent, theta, lower, upper, tolerance) if passed else None
        if moved is None:
            break
        lower, upper = moved
    else:
        return replace(found, converged=False, message="too many changes of cells")
    if not found.converged and _to_be_gained(found) < _ENOUGH:
        found = replace(found, converged=True, message="converged as far as differences tell")
    on_bound = (theta <= bent.lower) | (theta >= bent.upper)
    return replace(found, at_bounds=found.at_bounds & on_bound, rows=rows, evaluations=evaluations)


def _to_be_gained(found: Minimum) -> float:
    """Return how much lower the quadratic form is at its own minimum."""
    if not np.isfinite(found.gradient).all():
        return np.inf
    return float(0.25 * found.gradient @ np.nan_to_num(found.covariance) @ found.gradient)


def with_covariance(bent: Bent, minimum: Minimum) -> Minimum:
    """Return a minimum with the covariance by differences over bends, the mean of both sides."""
    target = bent.target(bent.lower, bent.upper)
    theta = minimum.best
    model = target.models(theta[None])[0]
    widths = np.sqrt(np.nan_to_num(np.diag(minimum.covariance)))
    widths = np.where(widths > 0, widths, bent.scale)
    _, hessian = target.derivatives(theta, model, widths, central=True)
    diagonal = np.diag(hessian)
    widths = np.where(diagonal > 0, np.sqrt(2 / np.where(diagonal > 0, diagonal, 1)), bent.scale)
    gradient, hessian = target.derivatives(theta, model, widths, central=True)
    free = free_parameters(gradient, bent.lower - theta, bent.upper - theta)
    covariance, undetermined = covariance_of(hessian, free & (bent.upper > bent.lower))
    return replace(minimum, covariance=covariance, undetermined=undetermined)


def _next_cell(
    bent: Bent, theta: np.ndarray, lower: np.ndarray, upper: np.ndarray, tolerance: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the bounds of a cell in which the statistic falls further, if there is one."""
    below = {i for i in bent.kinks if theta[i] <= lower[i] > bent.lower[i]}
    above = {i for i in bent.kinks if theta[i] >= upper[i] < bent.upper[i]}
    if not below and not above:
        return None
    new_lower, new_upper = lower.copy(), upper.copy()
    for index in below | above:
        values = np.concatenate(([bent.lower[index]], bent.kinks[index], [bent.upper[index]]))
        if index in below:
            new_upper[index] = theta[index]
            new_lower[index] = max(values[values < theta[index]].max(), bent.lower[index])
        else:
            new_lower[index] = theta[index]
            new_upper[index] = min(values[values > theta[index]].min(), bent.upper[index])
    target = bent.target(new_lower, new_upper)
    model = target.models(theta[None])[0]
    gradient, hessian = target.derivatives(theta, model, 1e-3 * bent.scale)
    curvature = np.maximum(np.diag(hessian), 1e-300)
    gain = gradient**2 / (2 * curvature)
    moved = False
    for index in below | above:
        falls = gradient[index] > 0 if index in below else gradient[index] < 0
        if falls and gain[index] > tolerance:
            lower, upper = lower.copy(), upper.copy()
            lower[index], upper[index] = new_lower[index], new_upper[index]
            moved = True
    return (lower, upper) if moved else None
