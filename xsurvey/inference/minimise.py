"""The lowest value of a statistic within bounds.

Levenberg-Marquardt on the Fisher matrix: the statistic's expected second derivatives by the model
and the model's first derivatives give a quadratic form (Fisher scoring), whose damped steps
within the bounds are tried, several dampings in one batch. Where the model has kinks, as one that
is tabulated and linear between nodes, the form is wrong at a minimum that lies on one; there the
search is finished without derivatives, by a simplex (Nelder & Mead 1965).
"""

from __future__ import annotations

import numpy as np

from xsurvey.errors import ParameterError
from xsurvey.inference.minimum import Minimum
from xsurvey.inference.search import Search
from xsurvey.inference.statistic_target import Objective, Penalty, Target

_RESTARTS = 3


def minimise(
    objective: Objective, start: np.ndarray, bounds: tuple[np.ndarray, np.ndarray],
    scale: np.ndarray, penalty: Penalty | None = None, tolerance: float = 1e-5,
    max_iterations: int = 200, probe: bool = True, polish: bool = True, negligible: float = 0.0,
) -> Minimum:  # fmt: skip
    """Return the minimum that is reached from ``start``.

    Parameters
    ----------
    objective : Objective
        Model and statistic, -2 ln L up to a constant.
    start : ndarray, shape (k,)
    bounds : pair of ndarray, shape (k,)
        Lower and upper ones; infinite where there are none.
    scale : ndarray, shape (k,)
        Positive; by how much the parameters change typically, within a factor of a thousand.
    penalty : callable, optional
        What priors add to the statistic, as `PriorSet.penalty`: (b, k) to values (b,), gradients
        (b, k) and curvatures (b, k).
    tolerance : float
        Largest distance to the lowest value that is expected at the end, in units of the
        statistic: 1e-5 is far below what a fit can tell.
    max_iterations : int
    probe : bool
        Look 1 and 3 standard deviations to both sides of each parameter in the end, the others
        along, and search from there too if the statistic is far below what the quadratic form
        has it: kinks may have made a second minimum.
    polish : bool
        Finish without derivatives at kinks. False for a quick look at where a search leads.
    negligible : float
        What derivatives may promise, and the statistic not keep, without that the search goes on
        without them: for models that are smooth but for rounding.

    Returns
    -------
    Minimum
        With ``converged=False`` and a message if the iterations did not suffice.

    Raises
    ------
    ParameterError
        The start is out of the bounds, or the statistic is no finite number there.
    """
    target, theta = _prepared(objective, start, bounds, scale, penalty)
    models, totals = target.values(theta[None])
    if not np.isfinite(totals[0]):
        raise ParameterError(
            "start", "the statistic is not a finite number there", "start elsewhere"
        )
    search = Search(
        target, theta, models[0], float(totals[0]), target.scale.copy(), tolerance, max_iterations,
        negligible=negligible,
    )  # fmt: skip
    if not polish:
        search.most_polishes = 0
    search.run()
    if probe:
        for _ in range(_RESTARTS):
            if not search.probe():
                break
    return search.result()


def minimise_from(
    objective: Objective, starts: np.ndarray, bounds: tuple[np.ndarray, np.ndarray],
    scale: np.ndarray, penalty: Penalty | None = None, tolerance: float = 1e-5,
    max_iterations: int = 200, searches: int = 3,
) -> tuple[Minimum, list[Minimum]]:  # fmt: skip
    """Return the lowest of the minima that are reached from the best of several starts.

    Parameters
    ----------
    objective, bounds, scale, penalty, tolerance, max_iterations
        As `minimise`.
    starts : ndarray, shape (s, k)
        All are evaluated in one batch.
    searches : int
        From how many of them, those with the lowest statistic, to search.

    Returns
    -------
    best : Minimum
    minima : list of Minimum
        All that were found, in the order of the statistic of their starts.

    Raises
    ------
    ParameterError
        The statistic is not finite at any of the starts.
    """
    starts = np.atleast_2d(np.asarray(starts, float))
    target, _ = _prepared(objective, starts[0], bounds, scale, penalty)
    _, totals = target.values(starts)
    order = [i for i in np.argsort(totals, kind="stable") if np.isfinite(totals[i])][:searches]
    if not order:
        raise ParameterError(
            "start", "the statistic is not a finite number at any start", "start elsewhere"
        )
    minima = [
        minimise(objective, starts[i], bounds, scale, penalty, tolerance, max_iterations)
        for i in order
    ]
    return min(minima, key=lambda m: m.statistic), minima


def _prepared(
    objective: Objective, start: np.ndarray, bounds: tuple[np.ndarray, np.ndarray],
    scale: np.ndarray, penalty: Penalty | None,
) -> tuple[Target, np.ndarray]:  # fmt: skip
    theta = np.array(start, float)
    lower, upper = (np.broadcast_to(np.asarray(b, float), theta.shape) for b in bounds)
    widths = np.broadcast_to(np.asarray(scale, float), theta.shape)
    if not (np.all(widths > 0) and np.all(np.isfinite(widths)) and np.all(lower <= upper)):
        raise ValueError("scales must be positive and bounds in order")
    if not np.all((theta >= lower) & (theta <= upper)):
        raise ParameterError("start", "is outside the bounds", "start inside them")
    return Target(objective, lower, upper, widths, penalty), theta
