"""Flares of the background: times in which the whole field counts too much, cut out.

The rate is that of all events of a hard band, by livetime and, of a scan, by how much of the field
of view lay on the sky that the file covers. Bins whose counts are too many for a constant rate are
flares (a Poisson probability, one-sided), the rate is found anew without them, until nothing
changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs.utils import skycoord_to_pixel
from pydantic import Field
from scipy import ndimage, signal, stats

from xsurvey.errors import InputError, ParameterError
from xsurvey.events import EventList
from xsurvey.good_times import GoodTimeIntervals
from xsurvey.missions import get_mission
from xsurvey.parameters import StepParameters
from xsurvey.timing.visibility import alike_detectors
from xsurvey.units import Band, Duration, EnergyBand, written

_SAMPLE = 1.0  # s
_PIXEL = 60.0  # arcsec, of the map of how much of the field of view is on the file's sky
_QUIET = 0.75
_MOST_ROUNDS = 100
_MOST_BINS = 1_000_000


class FlareParameters(StepParameters):
    """How times of high background are found and cut out."""

    flare_threshold: float = Field(
        default=4.0, ge=0, le=20,
        description="How many sigma (of one tail of a Gaussian) the counts of a bin may be above "
        "a constant rate. 0: no filtering.",
    )  # fmt: skip
    flare_band: Band | None = Field(
        default=None,
        description="Energies, in keV, of the light curve; the mission's hard band, or its hardest "
        "one, if not given.",
    )
    flare_bin: Duration = Field(default=written("20s"), gt=0, description="Width of its bins.")
    flare_coverage: float = Field(
        default=0.05, ge=0, lt=1,
        description="Bins with less exposure, as a part of a full one, are not judged, and kept.",
    )  # fmt: skip


@dataclass(frozen=True)
class FieldLightCurve:
    """Counts of a whole field in n time bins.

    Attributes
    ----------
    start, stop : ndarray, shape (n,)
        Mission seconds.
    counts : ndarray of int, shape (n,)
    exposure : ndarray, shape (n,)
        s: livetime, the sum over coaligned detectors, times the part of the field of view that lay
        on the file's sky.
    band : EnergyBand
    """

    start: np.ndarray
    stop: np.ndarray
    counts: np.ndarray
    exposure: np.ndarray
    band: EnergyBand


@dataclass(frozen=True)
class FlareFilter:
    """What was found.

    Attributes
    ----------
    curve : FieldLightCurve
    flare : ndarray of bool, shape (n,)
    rate : float
        count / s of one detector without flares.
    lost : float
        Part of the exposure that lies in flares.
    """

    curve: FieldLightCurve
    flare: np.ndarray
    rate: float
    lost: float

    @property
    def flares(self) -> GoodTimeIntervals:
        """The times to be cut out."""
        return GoodTimeIntervals.from_edges(
            self.curve.start[self.flare], self.curve.stop[self.flare]
        )


def without_flares(
    events: EventList, parameters: FlareParameters
) -> tuple[EventList, FlareFilter | None]:
    """Return the events and good times outside of flares, and what was found.

    Parameters
    ----------
    events : EventList
        Of the whole field; read once.
    parameters : FlareParameters

    Returns
    -------
    events : EventList
    found : FlareFilter or None
        None without filtering.

    Raises
    ------
    InputError
        No good time, no counts in the band, or everything is a flare.
    ParameterError
        More bins than a million.
    """
    if parameters.flare_threshold == 0:
        return events, None
    found = find_flares(field_light_curve(events, parameters), parameters)
    if not found.flare.any():
        return events, found
    every = [g for g in events.gti.values() if len(g.start)]
    span = GoodTimeIntervals.from_edges(
        np.array([min(g.start[0] for g in every)]), np.array([max(g.stop[-1] for g in every)])
    )
    flares = found.flares
    edges = np.concatenate((span.start, flares.stop)), np.concatenate((flares.start, span.stop))
    kept = GoodTimeIntervals.from_edges(*edges)
    if not any(g.intersection(kept).total > 0 for g in every):
        raise InputError(
            events.observation.path, "is a flare all over", "set a higher flare_threshold"
        )
    return events.in_time(kept), found


def find_flares(curve: FieldLightCurve, parameters: FlareParameters) -> FlareFilter:
    """Find the bins whose counts are too many for a constant rate.

    Parameters
    ----------
    curve : FieldLightCurve
    parameters : FlareParameters
    """
    judged = curve.exposure > parameters.flare_coverage * curve.exposure.max(initial=0.0)
    chance = stats.norm.sf(parameters.flare_threshold)
    order = np.argsort(
        np.divide(
            curve.counts, curve.exposure, out=np.zeros(len(curve.counts)),
            where=curve.exposure > 0,
        )
    )  # fmt: skip
    # to begin with, the rate of the quieter part of the time: flares may be most of the counts
    first = np.cumsum(curve.exposure[order]) <= _QUIET * curve.exposure.sum()
    quiet = np.zeros(len(order), dtype=bool)
    quiet[order[first]] = True
    rate = _rate(curve, quiet if curve.counts[quiet].any() else judged)
    flare = np.zeros(len(order), dtype=bool)
    for _ in range(_MOST_ROUNDS):
        found = judged & (stats.poisson.sf(curve.counts - 1, rate * curve.exposure) < chance)
        rate = _rate(curve, judged & ~found)
        if np.array_equal(found, flare):
            break
        flare = found
    total = curve.exposure.sum()
    return FlareFilter(
        curve, flare, rate, float(curve.exposure[flare].sum() / total) if total > 0 else 0.0
    )


def _rate(curve: FieldLightCurve, used: np.ndarray) -> float:
    exposure = float(curve.exposure[used].sum())
    return float(curve.counts[used].sum()) / exposure if exposure > 0 else 0.0


def field_light_curve(events: EventList, parameters: FlareParameters) -> FieldLightCurve:
    """Count the events of a whole field in time.

    Bins are of one width from the beginning of each stretch of good time on; the last one of a
    stretch is shorter.

    Raises
    ------
    InputError
        No good time, no counts in the band, or a scan that does not tell where it looked.
    ParameterError
        More bins than a million.
    """
    if events.observation.scanning and not events.attitude:
        raise InputError(
            events.observation.path, "is a scan that does not tell where the telescope looked: its "
            "rate cannot be judged", "give the file with its attitude, or a flare_threshold of 0",
        )  # fmt: skip
    band = parameters.flare_band or _hard_band(events)
    stretches = _stretches(events)
    lengths = stretches.stop - stretches.start
    if np.ceil(lengths / parameters.flare_bin).sum() > _MOST_BINS:
        raise ParameterError(
            "flare_bin", f"{parameters.flare_bin:g} s makes more than a million bins",
            "give wider bins",
        )  # fmt: skip
    edges = [
        np.append(np.arange(a, b - 1e-6 * parameters.flare_bin, parameters.flare_bin), b)
        for a, b in zip(stretches.start, stretches.stop, strict=True)
    ]
    start, stop = (np.concatenate([e[s] for e in edges]) for s in (slice(-1), slice(1, None)))
    counts = np.zeros(len(start), dtype=np.int64)
    low, high = np.full(2, np.inf), np.full(2, -np.inf)
    for chunk in events.chunks():
        if not len(chunk):
            continue
        xy = (chunk["x"], chunk["y"])
        low = np.minimum(low, [v.min() for v in xy])
        high = np.maximum(high, [v.max() for v in xy])
        energy = chunk["energy"]
        time = chunk["time"][(energy >= band.minimum) & (energy < band.maximum)]
        place = np.searchsorted(start, time, side="right") - 1
        inside = (place >= 0) & (time <= stop[np.maximum(place, 0)])
        counts += np.bincount(place[inside], minlength=len(start))
    if not counts.any():
        raise InputError(
            events.observation.path, f"has no events of {band} keV to find flares with",
            "give another flare_band, or a flare_threshold of 0",
        )  # fmt: skip
    return FieldLightCurve(
        start, stop, counts, _exposures(events, start, stop, np.stack([low, high])), band
    )


def _hard_band(events: EventList) -> EnergyBand:
    mission = get_mission(events.observation.mission)
    if mission.particle_band is not None:
        return mission.particle_band
    bands = [mission.bands[label] for label in mission.photometry_bands]
    return max(bands, key=lambda band: band.minimum)


def _stretches(events: EventList) -> GoodTimeIntervals:
    """Return the good times of any detector."""
    every = [g for g in events.gti.values() if len(g.start)]
    if not every:
        raise InputError(events.observation.path, "has no good time", "give a complete event file")
    return GoodTimeIntervals.from_edges(
        np.concatenate([g.start for g in every]), np.concatenate([g.stop for g in every])
    )


def _exposures(
    events: EventList, start: np.ndarray, stop: np.ndarray, box: np.ndarray
) -> np.ndarray:
    """Return livetimes, of coaligned detectors the sum, times the part of the field on the sky."""
    total = np.zeros(len(start))
    covered = None
    scanning = events.observation.scanning
    if scanning:
        covered = _CoveredPart(events, box)
    groups = alike_detectors(events) if scanning else [[number] for number in events.gti]
    for detectors in groups:
        intervals = events.gti[detectors[0]].cut(np.append(start, stop))
        time, length = intervals.samples(_SAMPLE)
        live = sum(
            events.live_fraction.get(d, events.live_fraction.get(-1, 1.0)) for d in detectors
        )
        weight = length * live
        if covered is not None:
            weight = weight * covered(time, detectors[0])
        place = np.searchsorted(start, time, side="right") - 1
        inside = (place >= 0) & (time <= stop[np.maximum(place, 0)])
        total += np.bincount(place[inside], weight[inside], minlength=len(start))
    return total


class _CoveredPart:
    """How much of the field of view lies in the box of a file's events, by time."""

    def __init__(self, events: EventList, box: np.ndarray) -> None:
        self._events = events
        mission = get_mission(events.observation.mission)
        assert mission.field_radius is not None
        side = _PIXEL / events.pixel_size
        reach = int(np.ceil(mission.field_radius * 60 / _PIXEL)) + 1
        number = np.maximum(np.ceil((box[1] - box[0]) / side), 1).astype(int)
        sky = np.zeros((number[1] + 2 * reach, number[0] + 2 * reach))
        sky[reach:-reach, reach:-reach] = 1.0
        offset = np.arange(-reach, reach + 1) * _PIXEL / 60
        disc = (np.hypot(offset[:, None], offset) <= mission.field_radius).astype(float)
        self._part = np.clip(signal.fftconvolve(sky, disc / disc.sum(), "same"), 0, 1)
        self._low, self._side, self._reach = box[0], side, reach

    def __call__(self, time: np.ndarray, detector: int) -> np.ndarray:
        direction = self._events.attitude[detector].at(time)
        sky = SkyCoord(*direction.T, representation_type="cartesian", frame="icrs")
        x, y = skycoord_to_pixel(sky, self._events.wcs, origin=1)
        place = [
            np.nan_to_num((v - low) / self._side - 0.5 + self._reach, nan=-1e9)
            for v, low in ((y, self._low[1]), (x, self._low[0]))
        ]
        found = ndimage.map_coordinates(self._part, place, order=1, mode="constant", cval=0.0)
        return np.asarray(found)
