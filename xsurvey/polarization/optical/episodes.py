"""Rotation episodes of a series: where the angle swings far, and how fast.

Episodes are the swings (`xsurvey.polarization.optical.swings`), cut to where the angle leaves the
neighbourhood, some errors wide, of where it began, and where it arrives near its extreme: rests
before and after do not make a rotation slower.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xsurvey.polarization.optical.ambiguity import ResolvedAngles
from xsurvey.polarization.optical.linear_rotation import LinearRotation, fit_rotations
from xsurvey.polarization.optical.swings import FEWEST, TOLERANCE, all_swings


@dataclass(frozen=True)
class RotationEpisode:
    """A swing of the angle.

    Attributes
    ----------
    first, last : int
        Its measurements, counted from 0, both included.
    first_mjd, last_mjd : float
    amplitude, amplitude_error : float
        Last angle less first one, degrees, positive north through east, and the error that both
        have.
    line : LinearRotation
        Through its measurements, arrays of shape (1,): rate in degrees a day.
    branch_probability : float
        That all of its half turns are resolved as they are.
    """

    first: int
    last: int
    first_mjd: float
    last_mjd: float
    amplitude: float
    amplitude_error: float
    line: LinearRotation
    branch_probability: float

    @property
    def is_ambiguous(self) -> bool:
        """Whether it is more probable than one in twenty that a half turn is another."""
        return self.branch_probability < 0.95


def rotation_episodes(
    resolved: ResolvedAngles, smallest: float = 90.0, tolerance: float = TOLERANCE,
    fewest: int = FEWEST,
) -> list[RotationEpisode]:  # fmt: skip
    """Return the swings of a series that are large enough, in order of time.

    Parameters
    ----------
    resolved : ResolvedAngles
    smallest : float
        Amplitude, degrees.
    tolerance, fewest
        Of `xsurvey.polarization.optical.swings`; three measurements or more.

    Raises
    ------
    ValueError
        Less than three measurements asked for.
    """
    if fewest < 3:
        raise ValueError("an episode has three measurements or more")
    series, angle = resolved.series, resolved.angle_deg
    found = []
    for begin, end in all_swings(angle, series.pa_error, tolerance, fewest):
        first, last = _cut(angle, series.pa_error, begin, end, tolerance)
        size = float(angle[last] - angle[first])
        if abs(size) < smallest or last - first + 1 < fewest:
            continue
        at = slice(first, last + 1)
        found.append(
            RotationEpisode(
                first, last, float(series.mjd[first]), float(series.mjd[last]), size,
                float(np.hypot(series.pa_error[first], series.pa_error[last])),
                fit_rotations(series.mjd[at], angle[None, at], series.pa_error[at]),
                float(np.prod(resolved.step_probability[first:last])),
            )
        )  # fmt: skip
    return found


def _cut(
    angle: np.ndarray, error: np.ndarray, first: int, last: int, tolerance: float
) -> tuple[int, int]:
    """Return a swing without what is within errors of the angles at its ends."""
    at = np.arange(first, last + 1)
    begins = np.abs(angle[at] - angle[first]) <= tolerance * np.hypot(error[at], error[first])
    first = int(at[np.flatnonzero(begins)[-1]])
    at = at[at >= first]
    ends = np.abs(angle[at] - angle[last]) <= tolerance * np.hypot(error[at], error[last])
    return first, int(at[np.flatnonzero(ends)[0]])
