"""The polarization angle as a function of time, with its error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xsurvey.polarization.optical.ambiguity import ResolvedAngles
from xsurvey.polarization.optical.linear_rotation import LinearRotation


@dataclass(frozen=True)
class AngleFunction:
    """A piecewise linear angle, or one line: linear in k values that have independent errors.

    Attributes
    ----------
    knots : ndarray, shape (k,)
        MJD of the values of a piecewise linear function, which is straight between these and not
        defined beyond. Of a line (k = 2 values, the angle at ``knots[0]`` and the rate) the
        reference time and the last time it was measured.
    values, errors : ndarray, shape (k,)
        Degrees; of the rate degrees a day.
    is_line : bool
    first_mjd, last_mjd : float
        Where the angle was measured.
    scatter : float
        Of angles about a line, degrees: it is not in its error, but in that of single angles.
    """

    knots: np.ndarray
    values: np.ndarray
    errors: np.ndarray
    is_line: bool
    first_mjd: float
    last_mjd: float
    scatter: float = 0.0

    def covers(self, mjd: np.ndarray | float) -> np.ndarray:
        """Tell which times lie where the angle was measured."""
        mjd = np.asarray(mjd, float)
        return (mjd >= self.first_mjd) & (mjd <= self.last_mjd)

    def angle(self, mjd: np.ndarray | float) -> np.ndarray:
        """Return angles, degrees.

        Raises
        ------
        ValueError
            Times outside the measurements of a piecewise linear function. A line goes on.
        """
        at, before, after = self._neighbours(mjd)
        return np.asarray(before * self.values[at] + after * self.values[at + 1])

    def error(self, mjd: np.ndarray | float) -> np.ndarray:
        """Return standard deviations of the angles, degrees."""
        at, before, after = self._neighbours(mjd)
        return np.asarray(np.hypot(before * self.errors[at], after * self.errors[at + 1]))

    def samples(self, mjd: np.ndarray, number: int, seed: int = 0) -> np.ndarray:
        """Return functions that are drawn within the errors, shape (number, times)."""
        drawn = np.random.default_rng(seed).normal(
            self.values, self.errors, (number, len(self.values))
        )
        at, before, after = self._neighbours(mjd)
        functions = np.empty((number, *at.shape))
        for row, values in zip(functions, drawn, strict=True):
            row[...] = before * values[at] + after * values[at + 1]
        return functions

    def _neighbours(self, mjd: np.ndarray | float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the first of two values that the angle consists of, and how much of each."""
        mjd = np.asarray(mjd, float)
        if self.is_line:
            return np.zeros(mjd.shape, int), np.ones_like(mjd), mjd - self.knots[0]
        if not np.all(self.covers(mjd)):
            raise ValueError(
                f"the angle was measured from MJD {self.first_mjd:.3f} to {self.last_mjd:.3f} only"
            )
        at = np.clip(np.searchsorted(self.knots, mjd, side="right") - 1, 0, len(self.knots) - 2)
        part = (mjd - self.knots[at]) / (self.knots[at + 1] - self.knots[at])
        return at, 1 - part, part


def piecewise_angle(resolved: ResolvedAngles, stretch: slice | None = None) -> AngleFunction:
    """Return the angle that is straight between the measurements of a series.

    Parameters
    ----------
    resolved : ResolvedAngles
    stretch : slice, optional
        Of its measurements; all if not given.

    Raises
    ------
    ValueError
        Less than two measurements, or an ambiguous step among them: the angle between its ends is
        not known. ``resolved.pieces()`` has the stretches without.
    """
    at = slice(None) if stretch is None else stretch
    mjd = resolved.series.mjd[at]
    if len(mjd) < 2:
        raise ValueError("an angle as a function of time needs two measurements")
    index = np.arange(len(resolved.series))[at]
    if resolved.ambiguous[index[:-1]].any():
        raise ValueError("a step of the angle is ambiguous: take one of the stretches without")
    return AngleFunction(
        mjd, resolved.angle_deg[at], resolved.series.pa_error[at], False, mjd[0], mjd[-1]
    )


def linear_angle(line: LinearRotation, first_mjd: float, last_mjd: float) -> AngleFunction:
    """Return the angle of a line that was fitted to one series between two times.

    Raises
    ------
    ValueError
        Lines of several series, or times that do not increase.
    """
    if line.rate.shape != (1,) or not first_mjd < last_mjd:
        raise ValueError("one line, and a first time before the last one")
    return AngleFunction(
        np.array([line.reference_mjd[0], last_mjd]), np.array([line.angle_deg[0], line.rate[0]]),
        np.array([line.angle_error[0], line.rate_error[0]]), True, first_mjd, last_mjd,
        float(line.scatter[0]),
    )  # fmt: skip
