"""A series of polarization measurements of one source."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from xsurvey.polarization.measurement import within_half_turn
from xsurvey.polarization.optical.angle_error import measured_angle_error
from xsurvey.polarization.optical.debias import DebiasMethod, debiased


@dataclass(frozen=True)
class PolarizationSeries:
    """Measurements in order of time; arrays of shape (n,).

    Attributes
    ----------
    mjd : ndarray
        Days, UTC.
    pd, pd_error : ndarray
        Degree as it was measured, not debiased, and its standard deviation, which is that of q and
        of u: fractions.
    pa_deg, pa_error : ndarray
        Position angle in (-90, 90] and its error, degrees.
    name : str
        Of the source or file.
    """

    mjd: np.ndarray
    pd: np.ndarray
    pd_error: np.ndarray
    pa_deg: np.ndarray
    pa_error: np.ndarray
    name: str = ""

    def __len__(self) -> int:
        return len(self.mjd)

    @property
    def stokes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """q, u, shape (n,), and covariance, (n, 2, 2): errors equal and not correlated."""
        turn = np.radians(2 * self.pa_deg)
        covariance = np.eye(2) * self.pd_error[:, None, None] ** 2
        return self.pd * np.cos(turn), self.pd * np.sin(turn), covariance

    def debiased_pd(self, method: DebiasMethod = "mas") -> np.ndarray:
        """Return debiased degrees (`xsurvey.polarization.optical.debias.debiased`)."""
        return debiased(self.pd, self.pd_error, method)

    def between(self, first_mjd: float, last_mjd: float) -> PolarizationSeries:
        """Return the measurements from one time to another, ends included."""
        keep = (self.mjd >= first_mjd) & (self.mjd <= last_mjd)
        arrays = ("mjd", "pd", "pd_error", "pa_deg", "pa_error")
        return replace(self, **{n: getattr(self, n)[keep] for n in arrays})


def polarization_series(
    mjd: np.ndarray, pd: np.ndarray, pd_error: np.ndarray, pa_deg: np.ndarray,
    pa_error: np.ndarray | None = None, name: str = "",
) -> PolarizationSeries:  # fmt: skip
    """Return a series of arrays.

    Parameters
    ----------
    mjd, pd, pd_error, pa_deg : ndarray, shape (n,)
        As in `PolarizationSeries`; angles may be any number of half turns away.
    pa_error : ndarray, shape (n,), optional
        Degrees; where it is NaN or not given, the error at the measured degree
        (`xsurvey.polarization.optical.angle_error`).

    Raises
    ------
    ValueError
        Arrays of different lengths, values that are not finite, times that do not increase,
        negative degrees, errors that are not above zero.
    """
    arrays = [np.array(v, float) for v in (mjd, pd, pd_error, pa_deg)]
    time, degree, error, angle = arrays
    if any(a.ndim != 1 or len(a) != len(time) for a in arrays):
        raise ValueError("times, degrees, errors and angles are not of one length")
    for what, values in zip(("time", "degree", "error", "angle"), arrays, strict=True):
        _at_first(~np.isfinite(values), f"a {what} is not a finite number")
    step = np.diff(time)
    _at_first(np.append(False, step == 0), "a time occurs twice")
    _at_first(np.append(False, step < 0), "a time is earlier than the one before")
    _at_first(degree < 0, "a polarization degree is negative")
    _at_first(error <= 0, "an error of the degree is not above zero")
    spread = measured_angle_error(degree, error)
    if pa_error is not None:
        given = np.array(pa_error, float)
        if given.shape != time.shape:
            raise ValueError("errors of angles are not of the length of the angles")
        _at_first((given <= 0) | np.isinf(given), "an error of an angle is not above zero")
        spread = np.where(np.isnan(given), spread, given)
    return PolarizationSeries(time, degree, error, within_half_turn(angle), spread, name)


def _at_first(wrong: np.ndarray, what: str) -> None:
    if wrong.any():
        raise ValueError(f"{what} (row {int(np.flatnonzero(wrong)[0]) + 1})")
