r"""Search for a rotation of the polarization angle at a constant rate.

Events are turned back by omega (t - t0) for many rates omega
(`derotation`). Where omega is the source's, the polarization adds up, and
chi-squared of no polarization is greatest; how narrow its peak is tells the error of omega:

.. math:: \sigma_\omega = \frac{1}{2 \sqrt{\chi^2}\, \sigma_t},

the error of an angle, 1 / (2 PD / sigma) radians, over the scatter of the times. What such a
maximum is worth, of all the rates that were tried, is in `rotation_trials`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xsurvey.polarization.significance import log_chi2_tail
from xsurvey.polarization.variation.binned_sums import BinnedSums
from xsurvey.polarization.variation.derotation import DAY, Derotated, derotated, widest_bin

_REFINED = 401  # rates between the neighbours of the best


@dataclass(frozen=True)
class RotationScan:
    """Polarization as a function of the rate of a rotation.

    Attributes
    ----------
    rate : ndarray, shape (r,)
        Degrees a day, north through east, increasing.
    derotated : Derotated
        Of these rates.
    reference_time : float
        At which angles are given, seconds: the mean time of the events, which makes angle and rate
        independent.
    best_rate : float
        Of the largest chi-squared, refined between the rates of the scan.
    best_rate_error : float
        Standard deviation, degrees a day, by the formula above.
    rate_low, rate_high : float
        Where chi-squared is 1 less than at its best: the 68.3 % interval; NaN where the scan ends
        before.
    best : Derotated
        At the best rate, arrays of shape (1,): its angle is that at the reference time.
    at_rest : Derotated
        Without rotation, arrays of shape (1,).
    spread : float
        Scatter of the times, days, weighted as their noise is.
    """

    rate: np.ndarray
    derotated: Derotated
    reference_time: float
    best_rate: float
    best_rate_error: float
    rate_low: float
    rate_high: float
    best: Derotated
    at_rest: Derotated
    spread: float

    @property
    def at_edge(self) -> bool:
        """Whether the best rate is an end of the scan: the true one may be beyond."""
        return bool(self.best_rate <= self.rate[0] or self.best_rate >= self.rate[-1])

    @property
    def gain(self) -> float:
        """Rise of chi-squared by the rotation, over that without one."""
        return float(self.best.chi2[0] - self.at_rest.chi2[0])

    @property
    def log_probability(self) -> float:
        r"""Logarithm of the chance of such a maximum, anywhere in the scan, without polarization.

        :math:`e^{-z/2} (1 + \Delta\omega\, \sigma_t \sqrt{2 z / \pi})` with z the largest
        chi-squared: the second factor is the number of independent rates, by the expected number of
        upcrossings of the envelope of Gaussian noise (for periodograms Baluev 2008, MNRAS 385,
        1279; from memory). It is an upper limit, and close to the probability where that is small.
        """
        z = float(self.best.chi2[0])
        tail = float(log_chi2_tail(z, 2)) + float(np.log(self.independent_rates))
        return min(tail, 0.0)

    @property
    def independent_rates(self) -> float:
        """How many rates were tried in effect, at the largest chi-squared."""
        width = np.radians(self.rate[-1] - self.rate[0])
        return float(1 + width * self.spread * np.sqrt(2 * self.best.chi2[0] / np.pi))


def scan_rates(
    duration: float, highest: float, lowest: float | None = None, oversampling: float = 10.0
) -> np.ndarray:
    """Return rates for a scan, degrees a day; zero is among them where it is in the range.

    Parameters
    ----------
    duration : float
        From first to last event, seconds: rates that differ by 180 degrees in it are independent.
    highest, lowest : float
        Ends; the lowest is minus the highest if it is not given.
    oversampling : float
        Rates in the time of an independent one.

    Raises
    ------
    ValueError
        An impossible range, duration or oversampling.
    """
    lowest = -highest if lowest is None else lowest
    if not (np.isfinite([lowest, highest]).all() and lowest < highest):
        raise ValueError(f"rates from {lowest:g} to {highest:g} degrees a day are no range")
    if not (np.isfinite(duration) and duration > 0 and oversampling >= 1):
        raise ValueError("a duration is above zero, and an oversampling at least 1")
    step = 180.0 / (oversampling * duration / DAY)
    rates = np.arange(np.ceil(lowest / step), np.floor(highest / step) + 1) * step
    return np.unique(np.concatenate(([lowest], rates, [highest])))


def rotation_scan(sums: BinnedSums, rate: np.ndarray, loss: float = 0.01) -> RotationScan:
    """Search for a rotation at a constant rate.

    Parameters
    ----------
    sums : BinnedSums
        By time, seconds; bins as fine as `derotation.widest_bin` says.
    rate : ndarray, shape (r,)
        Degrees a day, increasing: `scan_rates`.
    loss : float
        Largest part of the polarization that may be lost within a bin at the highest rate.

    Raises
    ------
    ValueError
        Rates that do not increase, bins that are too wide, events in less than three bins.
    """
    rate = np.asarray(rate, float)
    if rate.ndim != 1 or len(rate) < 3 or not np.all(np.diff(rate) > 0):
        raise ValueError("three rates or more are needed, increasing")
    used = sums.used
    if used.sum() < 3:
        raise ValueError("a rotation needs events in three time bins or more")
    highest = float(np.abs(rate).max())
    width = float(np.diff(sums.edges)[used].max())
    if width > widest_bin(highest, loss) * (1 + 1e-9):
        raise ValueError(
            f"time bins of {width:g} s are too wide for {highest:g} degrees a day: take "
            f"{widest_bin(highest, loss):.4g} s or less"
        )
    time = sums.centre / DAY
    mean = float(np.average(time, weights=sums.weight2))
    since = time - mean
    spread = float(np.sqrt(np.average(since**2, weights=sums.weight2)))
    scan = derotated(sums, rate[:, None] * since)
    top = int(np.argmax(scan.chi2))
    near = np.linspace(rate[max(top - 1, 0)], rate[min(top + 1, len(rate) - 1)], _REFINED)
    fine = derotated(sums, near[:, None] * since)
    best_rate = float(near[np.argmax(fine.chi2)])
    best = derotated(sums, best_rate * since)
    low, high = _interval(sums, since, best_rate, float(best.chi2[0]), rate[[0, -1]], spread)
    return RotationScan(
        rate, scan, mean * DAY, best_rate,
        float(np.degrees(0.5 / (np.sqrt(best.chi2[0]) * spread))), low, high, best,
        derotated(sums, np.zeros(len(since))), spread,
    )  # fmt: skip


def _interval(
    sums: BinnedSums, since: np.ndarray, best: float, top: float, ends: np.ndarray, spread: float
) -> tuple[float, float]:
    """Return where chi-squared first is 1 below its best, on both sides; NaN beyond the scan."""
    step = np.degrees(0.5 / (np.sqrt(top) * spread))  # a standard deviation
    away = np.linspace(0, 8 * step, 801)
    found = []
    for sign, end in ((-1.0, ends[0]), (1.0, ends[1])):
        chi2 = derotated(sums, (best + sign * away)[:, None] * since).chi2
        below = np.flatnonzero(chi2 < top - 1)
        at = best + sign * away[below[0]] if len(below) else np.nan
        found.append(float(at) if sign * (end - at) >= 0 else float("nan"))
    return found[0], found[1]
