"""Intervals from the profile of a statistic: where it has risen by a given amount.

The interval of one parameter at a rise of 1, 2.706 and 3.841 holds the truth with 68.3, 90 and
95 % (Lampton, Margon & Bowyer 1976, ApJ 208, 177).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from scipy import optimize, stats

_LARGEST_STEPS = 60
_LOWER = 1e-3
_FAR = 3.0
# stands for anything higher, or for no number, where a root is looked for


@dataclass(frozen=True)
class ProfileInterval:
    """Where a profile has risen by ``delta``.

    Attributes
    ----------
    lower, upper : float
        The ends; a bound where the statistic has not risen so much up to there.
    lower_at_bound, upper_at_bound : bool
        Whether an end is such a bound: the interval is open on that side.
    better : tuple of float or None
        A parameter and its statistic, if one was met that is lower than the best: the minimum was
        not one, and the ends are NaN. Fit again from there.
    evaluations : int
        Times that the profile was computed.
    """

    lower: float
    upper: float
    lower_at_bound: bool
    upper_at_bound: bool
    better: tuple[float, float] | None
    evaluations: int


def profile_delta(confidence: float) -> float:
    """Return the rise of the statistic at the ends of one parameter's interval.

    Examples
    --------
    >>> round(profile_delta(0.90), 3)
    2.706
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence} is not between 0 and 1")
    return float(stats.chi2.ppf(confidence, 1))


def profile_interval(
    profile_statistic: Callable[[float], float], best: float, best_statistic: float,
    sigma: float, bounds: tuple[float, float], delta: float = 1.0, tolerance: float = 1e-3,
) -> ProfileInterval:  # fmt: skip
    """Return where the profile of a statistic is ``delta`` above its minimum, on both sides.

    Parameters
    ----------
    profile_statistic : callable
        The statistic with one parameter held at a value and all others fitted. A value that is
        not finite counts as very high.
    best, best_statistic : float
        The parameter at the minimum, and the statistic there.
    sigma : float
        Its standard deviation, about; where the search begins.
    bounds : pair of float
        Of the parameter.
    delta : float
        The rise, see `profile_delta`.
    tolerance : float
        Of the ends, relative to their distance from ``best``.

    Raises
    ------
    ValueError
        Numbers that cannot be: ``best`` outside the bounds, a sigma or delta that is not positive.
    """
    low, high = bounds
    if not (low <= best <= high and math.isfinite(best) and math.isfinite(best_statistic)):
        raise ValueError("best must be a finite value between the bounds")
    if not (0 < sigma < math.inf and 0 < delta < math.inf and tolerance > 0):
        raise ValueError("sigma, delta and tolerance must be positive")
    search = _Profile(profile_statistic, best, best_statistic, delta)
    try:
        lower, lower_at_bound = search.end(-1, low, sigma, tolerance)
        upper, upper_at_bound = search.end(+1, high, sigma, tolerance)
    except _BetterError as better:
        return ProfileInterval(
            math.nan, math.nan, False, False, (better.value, better.statistic), search.evaluations
        )
    return ProfileInterval(lower, upper, lower_at_bound, upper_at_bound, None, search.evaluations)


class _BetterError(Exception):
    def __init__(self, value: float, statistic: float) -> None:
        super().__init__(value, statistic)
        self.value, self.statistic = value, statistic


class _Profile:
    """The root of the rise over delta, less one: almost a straight line to its zero."""

    def __init__(
        self, statistic: Callable[[float], float], best: float, lowest: float, delta: float
    ) -> None:
        self.statistic, self.best, self.lowest, self.delta = statistic, best, lowest, delta
        self.evaluations = 0

    def height(self, value: float) -> float:
        """Return sqrt(rise / delta) - 1; inf for no number."""
        self.evaluations += 1
        rise = float(self.statistic(value)) - self.lowest
        if rise < -_LOWER * max(1.0, self.delta):
            raise _BetterError(value, rise + self.lowest)
        return math.sqrt(max(rise, 0.0) / self.delta) - 1 if math.isfinite(rise) else math.inf

    def end(self, side: int, bound: float, sigma: float, tolerance: float) -> tuple[float, bool]:
        """Return the end on one side, and whether it is the bound."""
        room = abs(bound - self.best)
        if room == 0:
            return self.best, True
        inner, outer = 0.0, min(sigma * math.sqrt(self.delta), room)
        for _ in range(_LARGEST_STEPS):
            height = self.height(bound if outer >= room else self.best + side * outer)
            if height < 0 and outer >= room:
                return bound, True
            if height < 0:
                # the profile says how far it is, if it is a parabola
                growth = 1.05 / (1 + height) if height > -1 else math.inf
                inner, outer = outer, min(outer * min(max(growth, 1.3), 4.0), room)
            elif inner == 0 and height > 1:
                outer *= max(1.2 / (1 + height), 0.01)
            else:
                break
        else:
            return side * math.inf, True
        return self.best + side * self._crossing(side, inner, outer, height, tolerance), False

    def _crossing(
        self, side: int, inner: float, outer: float, height: float, tolerance: float
    ) -> float:
        """Return the distance at which the profile crosses delta, between two distances."""

        def at(distance: float) -> float:
            if distance == 0:
                return -1.0
            known = height if distance == outer else self.height(self.best + side * distance)
            return min(known, _FAR)

        xtol = tolerance * (inner or 0.5 * outer)
        return float(optimize.brentq(at, inner, outer, xtol=xtol, rtol=1e-12))
