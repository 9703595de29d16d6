"""Effective exposure of many places as functions of time, from good times and attitude."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from xsurvey.attitude import separations, unit_vectors
from xsurvey.errors import InputError
from xsurvey.events import EventList
from xsurvey.good_times import GoodTimeIntervals
from xsurvey.missions import get_mission
from xsurvey.timing.arrival_phases import ExposureHistory
from xsurvey.timing.visibility import alike_detectors, passages, reach

_SCAN_STEP = 0.25  # s; 22 arcsec of a scan, one part in 160 of the time that it sees a source
_POINTING_STEP = 2.0  # s
_MOST_PIECES = 10_000  # of a pointing: of long ones they are longer than a step
_AT_ONCE = 2_000_000  # pieces times places


def exposure_histories(
    events: EventList, ra: np.ndarray, dec: np.ndarray, energy: float, detectors: Sequence[int],
    by_detector: np.ndarray,
) -> Iterator[ExposureHistory]:  # fmt: skip
    """Yield the exposure of each place: livetime times relative effective area.

    Parameters
    ----------
    events : EventList
    ra, dec : ndarray, shape (n,)
        ICRS, degrees.
    energy : float
        keV, for the vignetting.
    detectors : sequence of int
    by_detector : ndarray, shape (n, detectors)
        Events of each detector at the places: without an attitude they tell which of detectors
        side by side see it.

    Yields
    ------
    ExposureHistory
        The area is 1 on the optical axis, the mean of coaligned detectors. Empty where a place
        was never seen, or nothing tells by which detector.

    Raises
    ------
    InputError
        No good time, or a scan without attitude.
    """
    if not any(len(g.start) for g in events.gti.values()):
        raise InputError(events.observation.path, "has no good time", "give a complete event file")
    if events.attitude and get_mission(events.observation.mission).field_radius is not None:
        return _by_attitude(events, ra, dec, energy)
    if events.observation.scanning:
        raise InputError(
            events.observation.path, "is a scan that does not tell where the telescope looked: "
            "how long a place was seen is unknown", "give the file with its attitude",
        )  # fmt: skip
    return _by_good_times(events, ra, dec, energy, detectors, by_detector)


def _by_good_times(
    events: EventList, ra: np.ndarray, dec: np.ndarray, energy: float, detectors: Sequence[int],
    by_detector: np.ndarray,
) -> Iterator[ExposureHistory]:  # fmt: skip
    mission = get_mission(events.observation.mission)
    off_axis = separations(unit_vectors(*events.observation.pointing), unit_vectors(ra, dec))
    vignetting = mission.vignetting(off_axis, energy)
    pieces = _all_good_times(events)
    middle = (pieces.start + pieces.stop) / 2
    if events.coaligned:
        detectors = list(events.gti)
        by_detector = np.ones((len(ra), len(detectors)))
    live = np.zeros((len(detectors), len(middle)))
    for row, detector in enumerate(detectors):
        intervals = events.gti.get(detector, events.gti.get(-1))
        if intervals is not None:
            live[row] = intervals.contains(middle) * _live_fraction(events, detector)
    total = by_detector.sum(axis=1, keepdims=True)
    shares = np.divide(by_detector, total, out=np.zeros_like(by_detector), where=total > 0)
    for share, factor in zip(shares, vignetting, strict=True):
        yield _history(pieces.start, pieces.stop, share @ live * factor)


def _by_attitude(
    events: EventList, ra: np.ndarray, dec: np.ndarray, energy: float
) -> Iterator[ExposureHistory]:
    if not len(ra):
        return
    mission = get_mission(events.observation.mission)
    assert mission.field_radius is not None
    nearest = np.cos(np.radians(mission.field_radius / 60))
    vectors = unit_vectors(ra, dec)
    good = _all_good_times(events)
    if events.observation.scanning:
        middle, margin = reach(vectors, mission.field_radius)
        near = GoodTimeIntervals.from_edges(np.empty(0), np.empty(0))
        for attitude in {id(a): a for a in events.attitude.values()}.values():
            near = near.union(passages(good, attitude, middle, margin))
        good = good.intersection(near).cut(np.concatenate((good.start, good.stop)))
        step = _SCAN_STEP
    else:
        step = max(_POINTING_STEP, good.total / _MOST_PIECES)
    time, length = good.samples(step)
    groups = []
    for alike in alike_detectors(events):
        seen = events.gti[alike[0]].contains(time)
        live = sum(_live_fraction(events, detector) for detector in alike)
        groups.append((np.flatnonzero(seen), events.attitude[alike[0]].at(time[seen]), live))
    modules = len(events.gti) if events.coaligned else 1
    number = max(1, _AT_ONCE // max(len(time), 1))
    for begin in range(0, len(vectors), number):
        chunk = vectors[begin : begin + number]
        area = np.zeros((len(chunk), len(time)))
        for rows, axis, live in groups:
            cosine = chunk @ axis.T
            place, piece = np.nonzero(cosine > nearest)
            off_axis = np.degrees(np.arccos(np.minimum(cosine[place, piece], 1.0))) * 60
            area[place, rows[piece]] += live / modules * mission.vignetting(off_axis, energy)
        for one in area:
            yield _history(time - length / 2, time + length / 2, one)


def _history(start: np.ndarray, stop: np.ndarray, area: np.ndarray) -> ExposureHistory:
    seen = area > 0
    return ExposureHistory(start[seen], stop[seen], area[seen])


def _live_fraction(events: EventList, detector: int) -> float:
    return events.live_fraction.get(detector, events.live_fraction.get(-1, 1.0))


def _all_good_times(events: EventList) -> GoodTimeIntervals:
    """Return the times good for any detector, cut wherever it changes for which."""
    every = list(events.gti.values())
    edges = [np.concatenate([g.start for g in every]), np.concatenate([g.stop for g in every])]
    return GoodTimeIntervals.from_edges(*edges).cut(np.concatenate(edges))
