"""Light curves of sources whose arrival times and exposures are at hand."""

from __future__ import annotations

import numpy as np

from xsurvey.events import EventList
from xsurvey.timing.arrival_phases import ExposureHistory
from xsurvey.timing.light_curve import LightCurve
from xsurvey.units import EnergyBand

_COUNTS_A_BIN = 20
_MOST_BINS = 50
_VISIT_GAP = 60.0  # s; scans of a field are hours apart


def source_light_curve(
    events: EventList, band: EnergyBand, time: np.ndarray, background_time: np.ndarray,
    scale: float, history: ExposureHistory, factor: float,
) -> LightCurve:  # fmt: skip
    """Bin arrival times: a bin a visit of a scan, otherwise bins of one width.

    Parameters
    ----------
    events : EventList
        For the headers.
    band : EnergyBand
    time, background_time : ndarray
        In the source region and in the background region, mission seconds, in order.
    scale : float
        Expected background counts in the source region a count in the background region.
    history : ExposureHistory
        With some exposure.
    factor : float
        From the unit of its exposure to effective seconds.

    Returns
    -------
    LightCurve
        Bins with exposure; of a pointing as many that they hold 20 counts in the mean, at most 50.
    """
    if events.observation.scanning:
        new = history.start[1:] - history.stop[:-1] > _VISIT_GAP
        start = history.start[np.concatenate(([True], new))]
        stop = history.stop[np.concatenate((new, [True]))]
    else:
        number = int(np.clip(len(time) // _COUNTS_A_BIN, 2, _MOST_BINS))
        edges = np.linspace(history.start[0], history.stop[-1], number + 1)
        start, stop = edges[:-1], edges[1:]
    exposure = (history.until(stop) - history.until(start)) * factor
    seen = exposure > 0
    start, stop, exposure = start[seen], stop[seen], exposure[seen]
    shape = (len(start), 1)
    observation = events.observation
    return LightCurve(
        time=(start + stop) / 2, timedel=stop - start, bands=(band,),
        counts=_histogram(time, start, stop)[:, None],
        background_counts=_histogram(background_time, start, stop)[:, None],
        background_scale=np.full(shape, scale), exposure=exposure[:, None],
        reference_mjd=observation.reference_mjd, time_scale=observation.time_scale,
        telescope=observation.telescope, instrument=observation.instrument,
        target=observation.target, warnings=observation.warnings,
        stamps={"EXPMAP": "APPROX"} if scale > 0 else {"EXPMAP": "APPROX", "BACKGND": "NONE"},
    )  # fmt: skip


def _histogram(time: np.ndarray, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    number = np.searchsorted(start, time, side="right") - 1
    inside = (number >= 0) & (time <= stop[np.clip(number, 0, len(stop) - 1)])
    return np.bincount(number[inside], minlength=len(start))
