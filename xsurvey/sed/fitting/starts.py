"""Where fits of spectral energy distributions start: places spread over the priors, brought near.

Chi-square is flat where a model is far below the data, and tells nothing of where to go. The
distance in logarithms of the flux does, from any distance: places are compared by it and brought
down in it, before chi-square is asked.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import qmc

from xsurvey.inference.best_fit import typical_changes
from xsurvey.inference.minimise import minimise
from xsurvey.sed.fitting.likelihood import SedLikelihood

_TRIED = 2048
"""Places that are looked at."""
_BATCH = 128
_APART = 0.1
"""Least distance of two chosen places, in quantiles of the prior of one parameter."""
_SEARCHES = 12
"""Searches in logarithms, at least: some end beside the deepest minimum."""
_SAME = 0.1
"""Largest difference of ln flux of two ends that are taken for one."""
_ERROR = 0.2
"""Least error of ln flux: places are to be near, not best."""
_FLOOR = 1e-9
"""Of models, relative to the data: further below nothing is told apart."""
_ITERATIONS, _ROUGH = 30, 0.1


class LogDistance:
    """The squared distance of ln model from ln flux, of points that are detected.

    Attributes
    ----------
    likelihood : SedLikelihood
    used : ndarray of bool, shape (n,)
        Points that are no limits and above their error.
    """

    def __init__(self, likelihood: SedLikelihood) -> None:
        points = likelihood.points
        self.likelihood = likelihood
        self.used = ~points.is_limit & (points.flux > points.sigma)
        flux, sigma = points.flux[self.used], points.sigma[self.used]
        self._flux, self._error = flux, np.hypot(sigma / flux, _ERROR)

    def evaluate(self, theta: np.ndarray) -> np.ndarray:
        """Return ln of the model relative to the data, shape (b, d)."""
        with np.errstate(over="ignore"):
            ratio = self.likelihood.fluxes_at_points(theta)[:, self.used] / self._flux
        return np.log(np.maximum(ratio, 0.0) + _FLOOR)

    def total(self, model: np.ndarray) -> np.ndarray:
        """Return the sum of squares in units of the errors, shape (b,)."""
        return np.asarray(((model / self._error) ** 2).sum(axis=1))

    def derivatives(self, model: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return first and second derivatives by the logarithm, both (b, d)."""
        second = np.broadcast_to(2 / self._error**2, model.shape)
        return second * model, second


def choose_starts(likelihood: SedLikelihood, starts: int) -> np.ndarray:
    """Return the start values, and the best places that searches in logarithms lead to.

    Parameters
    ----------
    likelihood : SedLikelihood
    starts : int
        Places to return beside the start values as they are, or fewer where searches end at the
        same ones; with 1 the start values alone.

    Returns
    -------
    ndarray, shape (s, k)
        The start values first; parameters that do not change fluxes have theirs in all rows. The
        same ones each time.
    """
    theta = likelihood.parameters.start[None, :]
    distance = LogDistance(likelihood)
    if starts == 1 or not theta.shape[1] or not distance.used.any():
        return theta
    quantiles = _spread(theta.shape[1])
    places = np.clip(likelihood.priors.transform(quantiles), *likelihood.parameters.bounds)
    places = np.where(likelihood.of_fluxes, places, theta)
    searches = max(starts, _SEARCHES)
    chosen = _apart(quantiles, _distances(distance, places), searches - 1)
    ends = np.array([_brought_near(distance, p) for p in (theta[0], *places[chosen])])
    ends = np.where(likelihood.of_fluxes, ends, theta)
    # degenerate parameters: ends are compared by their light
    distinct = _apart(distance.evaluate(ends), _distances(distance, ends), starts, _SAME)
    return np.concatenate((theta, ends[distinct]))


def _spread(k: int) -> np.ndarray:
    """Return places in the unit cube, a Sobol sequence without the corner it begins with."""
    engine = qmc.Sobol(k, scramble=False)
    return np.asarray(engine.random(2 * _TRIED)[1 : _TRIED + 1])


def _distances(distance: LogDistance, places: np.ndarray) -> np.ndarray:
    """Return the distance at each place; infinite where the model has no value."""
    parts = [
        distance.total(distance.evaluate(places[i : i + _BATCH]))
        for i in range(0, len(places), _BATCH)
    ]
    found = np.concatenate(parts)
    return np.where(np.isfinite(found), found, np.inf)


def _apart(places: np.ndarray, found: np.ndarray, number: int, apart: float = _APART) -> list[int]:
    """Return the nearest places, none of them beside one that was taken."""
    chosen: list[int] = []
    for place in np.argsort(found, kind="stable"):
        if len(chosen) == number or not np.isfinite(found[place]):
            break
        away = np.abs(places[chosen] - places[place]).max(axis=1, initial=0.0)
        if not chosen or away.min() > apart:
            chosen.append(int(place))
    return chosen


def _brought_near(distance: LogDistance, theta: np.ndarray) -> np.ndarray:
    """Return where a search in logarithms leads; the place itself where it has no value."""
    if not np.isfinite(distance.total(distance.evaluate(theta[None, :]))[0]):
        return theta
    likelihood = distance.likelihood
    found = minimise(
        distance, theta, likelihood.parameters.bounds, typical_changes(likelihood, theta),
        likelihood.penalty, tolerance=_ROUGH, max_iterations=_ITERATIONS, probe=False,
        polish=False,
    )  # fmt: skip
    return found.best
