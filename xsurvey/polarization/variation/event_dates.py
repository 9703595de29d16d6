"""Event times as dates, and dates as event times."""

from __future__ import annotations

import numpy as np
from astropy.time import Time, TimeDelta

from xsurvey.errors import InputError
from xsurvey.events import Observation
from xsurvey.units import dates_of_any_time


def mjd_of_times(observation: Observation, seconds: np.ndarray | float) -> np.ndarray:
    """Return the MJD (UTC) of mission times, any shape.

    Raises
    ------
    InputError
        The file does not say of which date its zero of time is.
    """
    with dates_of_any_time():
        time = _zero(observation) + TimeDelta(np.asarray(seconds, float), format="sec")
        return np.asarray(time.utc.mjd)


def time_of_epoch(observation: Observation, mjd: float) -> float:
    """Return the mission time, seconds, of an MJD in the time scale of the events.

    Both days are subtracted as two numbers each: nothing of a millisecond pulse is lost in them,
    but a date of one double is itself known to a microsecond only.

    Raises
    ------
    InputError
        The file does not say of which date its zero of time is.
    """
    zero = _zero(observation)
    with dates_of_any_time():
        return float((Time(mjd, format="mjd", scale=zero.scale) - zero).sec)


def _zero(observation: Observation) -> Time:
    if not np.isfinite(observation.reference_mjd):
        raise InputError(
            observation.path, "does not say of which date its times are (MJDREF)",
            "give files with a reference time",
        )  # fmt: skip
    scale = observation.time_scale.lower()
    if scale not in Time.SCALES:
        raise InputError(
            observation.path, f"has times in the scale '{observation.time_scale}'",
            f"TIMESYS is one of {', '.join(sorted(s.upper() for s in Time.SCALES))}",
        )  # fmt: skip
    return Time(observation.reference_mjd, format="mjd", scale=scale)
