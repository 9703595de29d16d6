"""How long a place on the sky was seen in each time bin, and with what effective area."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from xsurvey.attitude import Attitude, separations, unit_vectors
from xsurvey.events import EventList
from xsurvey.good_times import GoodTimeIntervals
from xsurvey.missions import get_mission
from xsurvey.units import SkyPosition

_COARSE = 2.0  # s
_FASTEST = 3.0  # arcmin / s: twice the speed of a survey scan
_STEP = 0.05  # s; 5 arcsec of a scan, a thousandth of the time that it sees a source


def good_time_in(gti: GoodTimeIntervals, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """Return the good time in each bin, s, shape (n,)."""
    if not len(gti.start):
        return np.zeros(len(start))
    edges = np.stack([gti.start, gti.stop], axis=1).ravel()
    done = np.repeat(np.cumsum(gti.stop - gti.start), 2)
    done[0::2] -= gti.stop - gti.start
    return np.interp(stop, edges, done) - np.interp(start, edges, done)


def pointed_exposure(
    events: EventList, start: np.ndarray, stop: np.ndarray, shares: Mapping[int, float]
) -> np.ndarray:
    """Return the livetime in each bin of a place that is always in the field, shape (n,).

    Parameters
    ----------
    events : EventList
    start, stop : ndarray, shape (n,)
        Of the bins, mission seconds.
    shares : mapping of int to float
        What part of the place each detector sees; they add up to 1.
    """
    total = np.zeros(len(start))
    for detector, share in shares.items():
        intervals = events.gti.get(detector, events.gti.get(-1))
        if intervals is None:
            continue
        live = events.live_fraction.get(detector, events.live_fraction.get(-1, 1.0))
        total += share * live * good_time_in(intervals, start, stop)
    return total


def attitude_exposure(
    events: EventList, places: Sequence[SkyPosition], energies: Sequence[float | None],
    start: np.ndarray, stop: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Return exposures by what the file tells of where the telescope looked.

    Parameters
    ----------
    events : EventList
        With an attitude for each detector.
    places : sequence of SkyPosition, length m
    energies : sequence of float or None, length k
        keV, for the vignetting; None for the time in the field alone.
    start, stop : ndarray, shape (n,)
        Of the bins, mission seconds; they may not overlap.

    Returns
    -------
    ndarray, shape (n, k)
        Livetime in the field times relative effective area, s, the mean over the places and
        over coaligned detectors.
    """
    mission = get_mission(events.observation.mission)
    radius = mission.field_radius
    assert radius is not None
    vectors = unit_vectors(*np.array(places, dtype=float).T)
    total = np.zeros((len(start), len(energies)))
    middle, margin = reach(vectors, radius)
    for detectors in alike_detectors(events):
        intervals, attitude = events.gti[detectors[0]], events.attitude[detectors[0]]
        live = sum(
            events.live_fraction.get(d, events.live_fraction.get(-1, 1.0)) for d in detectors
        )
        near = passages(intervals, attitude, middle, margin)
        # a piece that lies in two bins would be counted in one of them
        pieces = near.intersection(GoodTimeIntervals(start, stop)).cut(np.append(start, stop))
        time, length = pieces.samples(_step(events))
        number = np.clip(np.searchsorted(start, time, side="right") - 1, 0, len(start) - 1)
        axis = attitude.at(time)
        for vector in vectors:
            off_axis = separations(axis, vector)
            seen = off_axis < radius
            for column, energy in enumerate(energies):
                area = 1.0 if energy is None else mission.vignetting(off_axis[seen], energy)
                weight = length[seen] * live * area / len(vectors)
                total[:, column] += np.bincount(number[seen], weight, minlength=len(start))
    return total / (len(events.gti) if events.coaligned else 1)


def alike_detectors(events: EventList) -> list[list[int]]:
    """Return the detectors in groups of the same good times and attitude."""
    groups: dict[tuple[bytes, ...], list[int]] = {}
    for detector, intervals in events.gti.items():
        attitude = events.attitude[detector]
        arrays = (intervals.start, intervals.stop, attitude.time, attitude.ra, attitude.dec)
        groups.setdefault(tuple(a.tobytes() for a in arrays), []).append(detector)
    return list(groups.values())


def passages(
    intervals: GoodTimeIntervals, attitude: Attitude, middle: np.ndarray, distance: float
) -> GoodTimeIntervals:
    """Return the good times in which the axis is about within some arcmin of a place."""
    time, length = intervals.samples(_COARSE)
    # the axis moves less than a coarse step's worth between samples and what lies around them
    moved = _FASTEST * _COARSE
    near = separations(attitude.at(time), middle) < distance + moved
    start, stop = time[near] - length[near] / 2, time[near] + length[near] / 2
    return GoodTimeIntervals.from_edges(start, stop)


def _step(events: EventList) -> float:
    return _STEP if events.observation.scanning else 1.0


def reach(vectors: np.ndarray, radius: float) -> tuple[np.ndarray, float]:
    """Return the middle of some places, and how far from it a field of a radius sees any of them.

    Parameters
    ----------
    vectors : ndarray, shape (m, 3)
    radius : float
        Arcmin.
    """
    middle = vectors.mean(axis=0)
    middle = middle / np.linalg.norm(middle)
    return middle, radius + float(separations(vectors, middle).max())
