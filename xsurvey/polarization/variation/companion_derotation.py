"""X-ray events turned back by the angle of a companion series, and what is along it.

Between two measurements of the series the angle is straight. Where a half turn is open the angle
between them is not known: events there are left out, as are those beyond the series. Half turns of
a whole stretch make no difference to Stokes parameters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from xsurvey.polarization.intervals import (
    ONE_SIGMA,
    angle_interval,
    degree_interval,
    degree_limits,
)
from xsurvey.polarization.known_angle_record import along_record, along_test
from xsurvey.polarization.measurement import angle_of
from xsurvey.polarization.optical.ambiguity import ResolvedAngles
from xsurvey.polarization.optical.angle_function import AngleFunction, piecewise_angle
from xsurvey.polarization.records import LIMITS
from xsurvey.polarization.significance import log_chi2_tail, polarization_chi2
from xsurvey.polarization.variation.binned_sums import BinnedSums
from xsurvey.polarization.variation.derotation import Derotated, derotated, marginal
from xsurvey.polarization.variation.null_tests import NullTest

SAMPLES = 200
"""Angles drawn within the errors of the series."""
_TIMES_AT_ONCE = 20_000

_ALONG = "no polarization along the companion's angle"
_FREE = "no polarization, whatever its angle to the companion's"


@dataclass(frozen=True)
class CompanionDerotation:
    """Polarization relative to the angle of a companion series.

    Attributes
    ----------
    q, u, covariance : float, float, ndarray (2, 2)
        Relative to the companion's angle: q along it; errors have those of the series in them.
    at_rest : Derotated
        Of the same events without rotation, arrays (1,).
    share : float
        Of the events, those where the angle is known.
    counts : int
        Their number.
    angle_error : float
        Mean error of the angle at these times, degrees.
    first_mjd, last_mjd : float
        Of the times that were used.
    """

    q: float
    u: float
    covariance: np.ndarray
    at_rest: Derotated
    share: float
    counts: int
    angle_error: float
    first_mjd: float
    last_mjd: float

    @property
    def along_test(self) -> NullTest:
        """Of polarization along the companion's angle; one-sided."""
        return along_test(self.q, self.u, self.covariance, 0.0, _ALONG)

    @property
    def free_test(self) -> NullTest:
        """Of polarization at any constant angle to the companion's."""
        q, u = np.array([self.q]), np.array([self.u])
        chi2 = float(polarization_chi2(q, u, self.covariance[None])[0])
        return NullTest(chi2, 2, float(log_chi2_tail(chi2, 2)), _FREE, "chi-squared")

    def record(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "along": along_record(self.q, self.u, self.covariance, 0.0, _ALONG),
            "free_angle": _free(self.q, self.u, self.covariance) | self.free_test.record(),
            "at_rest": _free(
                float(self.at_rest.q[0]), float(self.at_rest.u[0]), self.at_rest.covariance[0]
            ),
            "counts": self.counts, "share_of_events": self.share,
            "angle_error_deg": self.angle_error,
            # of a degree that the error of the angle leaves
            "kept_degree": float(np.exp(-2 * np.radians(self.angle_error) ** 2)),
            "mjd_start": self.first_mjd, "mjd_stop": self.last_mjd,
        }  # fmt: skip


def derotated_by_companion(
    sums: BinnedSums, mjd: np.ndarray, resolved: ResolvedAngles, seed: int = 0
) -> CompanionDerotation | None:
    """Turn events back by the angle of a companion, and measure what is left along it.

    Parameters
    ----------
    sums : BinnedSums
        By time, background subtracted.
    mjd : ndarray, shape (b,)
        Middles of the bins, UTC as the series.
    resolved : ResolvedAngles
    seed : int
        Of the angles that are drawn within their errors.

    Returns
    -------
    CompanionDerotation or None
        None where no event is at a time at which the angle is known, or they are not more than
        the background.
    """
    known = known_times(resolved, mjd)
    part = sums.only(known & sums.used)
    if not part.used.any() or part.weight.sum() <= 0 or part.counts.sum() < 3:
        return None
    used = np.flatnonzero(part.used)
    angles = np.zeros((SAMPLES, len(mjd)))
    errors = np.zeros(len(mjd))
    for number, function in enumerate(_functions(resolved)):
        at = used[function.covers(mjd[used])]
        for first in range(0, len(at), _TIMES_AT_ONCE):
            one = at[first : first + _TIMES_AT_ONCE]
            angles[:, one] = function.samples(mjd[one], SAMPLES, seed + number)
            errors[one] = function.error(mjd[one])
    q, u, covariance = marginal(derotated(part, angles))
    if not (np.isfinite(covariance).all() and np.linalg.det(covariance) > 0):
        return None
    weight = part.weight2[used]
    return CompanionDerotation(
        q, u, covariance, derotated(part, np.zeros(len(mjd))),
        float(part.counts.sum() / sums.counts.sum()),
        int(part.counts.sum()), float(np.sqrt(np.average(errors[used] ** 2, weights=weight))),
        float(mjd[used[0]]), float(mjd[used[-1]]),
    )  # fmt: skip


def known_times(resolved: ResolvedAngles, mjd: np.ndarray) -> np.ndarray:
    """Tell at which times the angle is known: between measurements, no half turn open."""
    known = np.zeros(np.shape(mjd), dtype=bool)
    for function in _functions(resolved):
        known |= function.covers(mjd)
    return known


def steepest_rate(resolved: ResolvedAngles) -> float:
    """Return the fastest change of the angle where it is known, degrees a day; 0 without any."""
    step = np.abs(np.diff(resolved.angle_deg)) / np.diff(resolved.series.mjd)
    return float(step[~resolved.ambiguous].max(initial=0.0))


def _functions(resolved: ResolvedAngles) -> Iterator[AngleFunction]:
    for stretch in resolved.pieces():
        if stretch.stop - stretch.start >= 2:
            yield piecewise_angle(resolved, stretch)


def _free(q: float, u: float, covariance: np.ndarray) -> dict[str, Any]:
    """Return degree and angle with intervals and limits, of a free angle."""
    x, y, spread = np.array([q]), np.array([u]), covariance[None]
    low, high = degree_interval(x, y, spread)[0]
    limits = degree_limits(x, y, spread, LIMITS)[0]
    return {
        "pd": float(np.hypot(q, u)), "pd_lower": float(low), "pd_upper": float(high),
        "confidence": ONE_SIGMA, "pd_upper_99": float(limits[0]), "pd_upper_9973": float(limits[1]),
        "pa_deg": float(angle_of(x, y)[0]),
        "pa_half_width_deg": float(angle_interval(x, y, spread)[0]),
        "q_norm": q, "u_norm": u, "q_norm_variance": float(covariance[0, 0]),
        "u_norm_variance": float(covariance[1, 1]), "qu_norm_covariance": float(covariance[0, 1]),
    }  # fmt: skip
