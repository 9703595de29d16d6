"""Event lists: rows read lazily in chunks, filters, good time intervals.

An `EventList` holds no rows. Iterating `EventList.chunks` reads the file once, a bounded
number of rows at a time, and applies the filters to each chunk, so that a file of 100
million rows needs no more memory than a small one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from astropy.time import Time
from astropy.wcs import WCS

from xsurvey.attitude import Attitude
from xsurvey.errors import InputError
from xsurvey.good_times import GoodTimeIntervals
from xsurvey.units import EnergyBand, SkyPosition, dates_of_any_time

__all__ = [
    "DetectorFilter", "EnergyFilter", "EventChunk", "EventFilter", "EventList", "EventSource",
    "GoodTimeIntervals", "GtiFilter", "Observation", "RegionFilter",
]  # fmt: skip

_SURELY_EV = 100.0  # keV, above what X-ray telescopes see


@dataclass(frozen=True)
class Observation:
    """What the headers say of an observation, in one vocabulary for all missions.

    Times are mission seconds; ``reference_mjd`` and ``time_scale`` turn them into dates. A
    scanning observation sweeps the sky: it has no optical axis, and ``pointing`` is the centre
    of the field that the file covers. A closed one has seen no sky: all its events are particles.
    """

    path: Path
    mission: str
    telescope: str
    instrument: str
    target: str
    obs_id: str
    pointing: SkyPosition
    roll: float
    reference_mjd: float
    time_scale: str
    header_exposure: float
    frame_time: float
    scanning: bool = False
    warnings: tuple[str, ...] = ()
    closed: bool = False

    def date(self, mission_seconds: float) -> str:
        """Return the ISO date (UTC) of a mission time, empty where it is not finite."""
        if not np.isfinite(mission_seconds) or not np.isfinite(self.reference_mjd):
            return ""
        days = mission_seconds / 86400.0
        with dates_of_any_time():
            time = Time(self.reference_mjd, days, format="mjd", scale=self.time_scale.lower())
            return str(time.utc.isot)

    def mjd(self, mission_seconds: float) -> float:
        """Return the MJD (UTC) of a mission time, NaN where it is not finite."""
        date = self.date(mission_seconds)
        if not date:
            return float("nan")
        with dates_of_any_time():
            return float(Time(date, scale="utc").mjd)


class EventSource(Protocol):
    """Rows of an event table and how a mission reads them."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def rows(self) -> int:
        """Rows of the table."""

    @property
    def required(self) -> tuple[str, ...]:
        """Columns without which an event is of no use, beside time, place and energy."""

    def chunks(self, rows: int | None = None) -> Iterator[np.ndarray]:
        """Yield raw structured arrays in file order."""

    def decode(self, raw: np.ndarray, name: str) -> np.ndarray:
        """Return a column in the common vocabulary: time, x, y, energy, detector, ..."""

    def standard_filter(self, raw: np.ndarray) -> np.ndarray:
        """Return the mission's mask of events worth keeping."""

    def has(self, name: str) -> bool:
        """Tell whether `decode` knows the column."""


class EventChunk:
    """Some rows of an event list, columns decoded when asked for.

    The common columns are ``time`` [s], ``x``, ``y`` [sky pixel, 1-based], ``energy``
    [keV] and ``detector`` [chip or module number]; other names are the file's.
    """

    def __init__(self, raw: np.ndarray, source: EventSource) -> None:
        self.raw = raw
        self._source = source
        self._columns: dict[str, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.raw)

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._columns:
            self._columns[name] = self._source.decode(self.raw, name)
        return self._columns[name]

    def select(self, mask: np.ndarray) -> EventChunk:
        """Return the rows where ``mask`` is true."""
        if mask.all():
            return self
        selected = EventChunk.__new__(EventChunk)
        selected._source = self._source
        selected._columns = {name: values[mask] for name, values in self._columns.items()}
        selected.raw = self.raw[mask]
        return selected

    def is_usable(self) -> np.ndarray:
        """Tell which events have a time, a place, an energy and what else the mission needs."""
        usable = np.ones(len(self), dtype=bool)
        for name in ("time", "x", "y", "energy", *self._source.required):
            usable &= np.isfinite(self[name])
        return usable


EventFilter = Callable[[EventChunk], np.ndarray]


@dataclass(frozen=True)
class EnergyFilter:
    """Keeps events of ``minimum <= energy < maximum``."""

    band: EnergyBand

    def __call__(self, chunk: EventChunk) -> np.ndarray:
        """Return the mask of the events of the band."""
        energy = chunk["energy"]
        return (energy >= self.band.minimum) & (energy < self.band.maximum)


@dataclass(frozen=True)
class GtiFilter:
    """Keeps events in the good times of their own detector."""

    gti: Mapping[int, GoodTimeIntervals]
    shared: GoodTimeIntervals | None = None

    def __call__(self, chunk: EventChunk) -> np.ndarray:
        """Return the mask of the events in good time."""
        time = chunk["time"]
        if self.shared is not None:
            return self.shared.contains(time)
        detector = chunk["detector"]
        edges = {(g.start.tobytes(), g.stop.tobytes()) for g in self.gti.values()}
        if len(edges) == 1:
            known = np.zeros(len(chunk), dtype=bool)
            for number in self.gti:  # they are few: faster than looking them all up
                known |= detector == number
            return next(iter(self.gti.values())).contains(time) & known
        mask = np.zeros(len(chunk), dtype=bool)
        for number, intervals in self.gti.items():
            mask |= (detector == number) & intervals.contains(time)
        return mask


@dataclass(frozen=True)
class DetectorFilter:
    """Keeps events of some detectors."""

    numbers: tuple[int, ...]

    def __call__(self, chunk: EventChunk) -> np.ndarray:
        """Return the mask of the events that these detectors saw."""
        return np.isin(chunk["detector"], self.numbers)


class _Region(Protocol):
    def contains(self, x: np.ndarray, y: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True)
class RegionFilter:
    """Keeps events inside a region given in the list's sky pixels."""

    region: _Region

    def __call__(self, chunk: EventChunk) -> np.ndarray:
        """Return the mask of the events inside."""
        return self.region.contains(chunk["x"], chunk["y"])


@dataclass(frozen=True)
class EventList:
    """Events of one observation: where they are, how to read them, which to keep.

    Attributes
    ----------
    observation : Observation
    wcs : astropy.wcs.WCS
        Sky pixels (1-based ``x``, ``y``) to ICRS.
    gti : mapping of int to GoodTimeIntervals
        By detector (chip, module); the key -1 stands for all of them.
    sources : tuple of EventSource
        The tables with the rows; several where units of one observation have files of their own.
    pixel_size : float
        Sky pixel in arcsec.
    live_fraction : mapping of int to float
        Part of the good time in which a detector could see photons, by its number; 1 if absent.
    coaligned : bool
        Whether the detectors look at the same field at the same time: their counts then add up,
        and an exposure is the mean over them.
    attitude : mapping of int to Attitude
        Where each detector looked, as far as the file tells.
    filters : tuple of callables
        Applied after the mission's standard filter.
    """

    observation: Observation
    wcs: WCS
    gti: Mapping[int, GoodTimeIntervals]
    sources: tuple[EventSource, ...]
    pixel_size: float
    live_fraction: Mapping[int, float] = field(default_factory=dict)
    coaligned: bool = False
    attitude: Mapping[int, Attitude] = field(default_factory=dict)
    filters: tuple[EventFilter, ...] = ()
    history: tuple[str, ...] = field(default=())

    @property
    def rows(self) -> int:
        """Rows of the tables, before any filter."""
        return sum(source.rows for source in self.sources)

    def chunks(
        self, rows: int | None = None, unusable: Callable[[int], None] | None = None
    ) -> Iterator[EventChunk]:
        """Yield the events that pass all filters, at most ``rows`` rows read at a time.

        Events without a time, place, energy or else what they need are left out
        (`count_unusable`); ``unusable`` is told of each chunk how many these are.
        """
        for chunk in self._standard_chunks(rows):
            kept = chunk.select(chunk.is_usable())
            if unusable is not None:
                unusable(len(chunk) - len(kept))
            if self.gti:
                kept = kept.select(self._gti_filter(kept))
            for keep in self.filters:
                kept = kept.select(keep(kept))
            yield kept

    def _standard_chunks(self, rows: int | None = None) -> Iterator[EventChunk]:
        for source in self.sources:
            for raw in source.chunks(rows):
                chunk = EventChunk(raw, source)
                yield chunk.select(source.standard_filter(raw))

    def count_unusable(self) -> int:
        """Return how many events lack something they need; they are never yielded."""
        return sum(int((~chunk.is_usable()).sum()) for chunk in self._standard_chunks())

    def columns(self, names: Iterable[str]) -> dict[str, np.ndarray]:
        """Return whole columns of the events that pass; memory grows with their number."""
        names = list(names)
        parts: dict[str, list[np.ndarray]] = {name: [] for name in names}
        for chunk in self.chunks():
            for name in names:
                parts[name].append(chunk[name])
        return {n: np.concatenate(p) if p else np.empty(0) for n, p in parts.items()}

    def count(self) -> int:
        """Return the number of events that pass all filters."""
        return sum(len(chunk) for chunk in self.chunks())

    def in_energy(self, band: EnergyBand) -> EventList:
        """Return the events of an energy band."""
        return self._filtered(EnergyFilter(EnergyBand(*band)), f"energy {EnergyBand(*band)} keV")

    def in_region(self, region: _Region) -> EventList:
        """Return the events inside a region (see `xsurvey.regions.read_region_file`)."""
        return self._filtered(RegionFilter(region), f"region {region}")

    def in_time(self, intervals: GoodTimeIntervals) -> EventList:
        """Return the events in some intervals; the GTIs, and so the exposure, shrink with them."""
        gti = {number: own.intersection(intervals) for number, own in self.gti.items()}
        kept = self._filtered(GtiFilter({}, intervals), f"time in {len(intervals.start)} intervals")
        return replace(kept, gti=gti)

    def in_detectors(self, numbers: Iterable[int], label: str = "") -> EventList:
        """Return the events of some detectors; exposures are those of these alone.

        Raises
        ------
        InputError
            The observation has none of them.
        """
        wanted = tuple(sorted(set(numbers)))
        gti = {number: own for number, own in self.gti.items() if number in (-1, *wanted)}
        name = label or ", ".join(str(number) for number in wanted)
        if not gti:
            there = ", ".join(str(number) for number in self.gti)
            raise InputError(
                self.observation.path, f"has no events of detectors {name}",
                f"choose among its detectors {there}",
            )  # fmt: skip
        return replace(self._filtered(DetectorFilter(wanted), f"detectors {name}"), gti=gti)

    def has_column(self, name: str) -> bool:
        """Tell whether the events have a column."""
        return all(source.has(name) for source in self.sources)

    @property
    def ontime(self) -> float:
        """Good time of the detector that has most of it, in seconds."""
        return max((intervals.total for intervals in self.gti.values()), default=0.0)

    @property
    def livetime(self) -> float:
        """Good time corrected for dead time, in seconds.

        Of coaligned detectors the mean, of others that of the detector that has most of it.
        """
        each = [self.detector_livetime(number) for number in self.gti]
        if not each:
            return 0.0
        return float(np.mean(each)) if self.coaligned else max(each)

    def detector_livetime(self, detector: int) -> float:
        """Good time of one detector corrected for dead time, in seconds."""
        intervals = self.gti.get(detector, self.gti.get(-1))
        total = intervals.total if intervals is not None else 0.0
        return total * self.live_fraction.get(detector, self.live_fraction.get(-1, 1.0))

    def require_events(self, count: int, bands: Sequence[EnergyBand] = ()) -> None:
        """Raise when nothing is left to analyse.

        Parameters
        ----------
        count : int
            Events that are left.
        bands : sequence of EnergyBand
            Those that were looked at, beside the energies of the list's own filters.

        Raises
        ------
        InputError
            ``count`` is zero; the message tells whether there are events of other energies.
        """
        if count:
            return
        own = [keep.band for keep in self.filters if isinstance(keep, EnergyFilter)]
        if bands := (*own, *bands):
            others = tuple(k for k in self.filters if not isinstance(k, EnergyFilter))
            replace(self, filters=others)._refuse_bands(bands)
        applied = ", ".join(("standard filter", *self.history))
        raise InputError(
            self.observation.path, f"no events are left after filtering ({applied})",
            "widen the region or the times",
        )  # fmt: skip

    def _refuse_bands(self, bands: Sequence[EnergyBand]) -> None:
        """Raise where there are events, of whatever energies."""
        energy = self.columns(["energy"])["energy"]
        if not len(energy):
            return
        low, high = float(energy.min()), float(energy.max())
        kilo = [EnergyBand(b.minimum / 1e3, b.maximum / 1e3) for b in bands]
        in_ev = all(b.minimum >= _SURELY_EV for b in bands)
        raise InputError(
            self.observation.path,
            f"none of {len(energy)} events lies in {', '.join(f'{b} keV' for b in bands)} (they "
            f"have {low:.4g} to {high:.4g} keV)",
            f"bands are in keV: {', '.join(map(str, kilo))}?" if in_ev else
            "choose a band that holds some",
        )  # fmt: skip

    def _gti_filter(self, chunk: EventChunk) -> np.ndarray:
        if -1 in self.gti:
            return self.gti[-1].contains(chunk["time"])
        return GtiFilter(self.gti)(chunk)

    def _filtered(self, keep: EventFilter, label: str) -> EventList:
        return replace(self, filters=(*self.filters, keep), history=(*self.history, label))
