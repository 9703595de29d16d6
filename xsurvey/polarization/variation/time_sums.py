"""One pass over events: sums of their Stokes parameters by time, pulse phase and energy.

Memory is that of a chunk and of the bins, whatever the number of events.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from xsurvey.errors import InputError
from xsurvey.events import EventChunk, EventList
from xsurvey.polarization.bin_sums import channels_in_bins, check_edges
from xsurvey.polarization.channel_sums import ChannelSums
from xsurvey.polarization.event_sums import EventSums, check_events, place_of_events
from xsurvey.polarization.measure import scale_of_regions
from xsurvey.polarization.modulation import Modulation
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.polarization.variation.binned_sums import BinnedSums
from xsurvey.polarization.variation.time_grid import TimeGrid
from xsurvey.regions import RegionSet


@dataclass(frozen=True)
class RegionSums:
    """Sums of a region; a BinnedSums an energy bin.

    Attributes
    ----------
    time : tuple of BinnedSums
        In the bins of a `TimeGrid`.
    phase : tuple of BinnedSums
        In bins of pulse phase, 0 to 1; empty without an ephemeris.
    """

    time: tuple[BinnedSums, ...]
    phase: tuple[BinnedSums, ...] = ()

    def total(self) -> BinnedSums:
        """Return the sums by time, of all energies."""
        return _sum(self.time)

    def total_phase(self) -> BinnedSums:
        """Return the sums by phase, of all energies."""
        return _sum(self.phase)

    def by_energy(self, edges: np.ndarray) -> BinnedSums:
        """Return the sums by energy, of all times; edges of the energy bins, keV."""
        rows = [one.total() for one in self.time]
        names = ("counts", "weight", "weight2", "z", "z_weight2", "power", "square")
        return BinnedSums(edges, *(np.concatenate([getattr(r, n) for r in rows]) for n in names))

    def less_background(self, background: RegionSums, scale: float) -> RegionSums:
        """Return the sums of the source alone."""
        return RegionSums(*(
            tuple(a.less_background(b, scale) for a, b in zip(mine, other, strict=True))
            for mine, other in ((self.time, background.time), (self.phase, background.phase))
        ))  # fmt: skip


@dataclass(frozen=True)
class TimeSums:
    """Sums of the events of a source by time, phase and energy.

    Attributes
    ----------
    grid : TimeGrid
    energy_edges : ndarray, shape (n + 1,)
        keV.
    source : RegionSums
        Of the source region.
    net : RegionSums
        Background subtracted; those of the source region without a background.
    found : EventSums
        What was left out.
    scale : float or None
        Of the background region.
    """

    grid: TimeGrid
    energy_edges: np.ndarray
    source: RegionSums
    net: RegionSums
    found: EventSums
    scale: float | None = None


def sum_times(
    events: EventList, modulation: Modulation, parameters: PolarizationParameters, grid: TimeGrid,
    region: RegionSet | None = None, background: RegionSet | None = None, *,
    phase: Callable[[np.ndarray], np.ndarray] | None = None, phase_bins: int = 10,
) -> TimeSums:  # fmt: skip
    """Sum the events of a source in bins of time, energy and pulse phase.

    Parameters
    ----------
    events : EventList
    modulation : Modulation
    parameters : PolarizationParameters
        Energy bins, weights, acceptance correction, scale of the background.
    grid : TimeGrid
    region, background : RegionSet, optional
        In the list's sky pixels.
    phase : callable, optional
        Gives pulse phases in [0, 1) of mission times.
    phase_bins : int

    Raises
    ------
    InputError, ParameterError
        As `xsurvey.polarization.measure.measure_polarization`.
    """
    terms = EventTerms.of(events, modulation, parameters)
    regions = [region] if background is None else [region, background]
    phase_edges = np.linspace(0, 1, phase_bins + 1)
    tables = [(_Table(terms.bins, len(grid.good)), _Table(terms.bins, phase_bins)) for _ in regions]
    counts = [np.zeros(modulation.factor.size) for _ in regions]
    dropped: list[int] = []
    unweighted = shared = number = 0
    for chunk in events.chunks(unusable=dropped.append):
        number += len(chunk)
        place, weight = terms.place(chunk), terms.weight(chunk)
        good = np.isfinite(weight) & (weight >= 0)
        inside = np.zeros(len(chunk), dtype=np.int8)
        for i, one in enumerate(regions):
            mask = place >= 0
            if one is not None:
                mask &= one.contains(chunk["x"], chunk["y"])
            inside += mask
            unweighted += int(np.count_nonzero(mask & ~good))
            mask &= good
            counts[i] += np.bincount(place[mask], minlength=len(counts[i]))
            mask &= terms.energy_bin(place) >= 0
            events_of = terms.select(chunk, place, weight, mask)
            tables[i][0].add(events_of, grid.place(events_of.time))
            if phase is not None:
                at = np.minimum((phase(events_of.time) * phase_bins).astype(int), phase_bins - 1)
                tables[i][1].add(events_of, at)
        shared += int(np.count_nonzero(inside > 1))
    terms.check(np.sum(counts, axis=0))
    shape = modulation.factor.shape
    zero = ChannelSums.zeros(*shape)
    found = EventSums(
        tuple(replace(zero, counts=one.reshape(shape)) for one in counts), sum(dropped),
        unweighted, shared, number,
    )  # fmt: skip
    summed = [
        RegionSums(a.sums(grid.edges), b.sums(phase_edges) if phase is not None else ())
        for a, b in tables
    ]
    if background is None:
        return TimeSums(grid, terms.edges, summed[0], summed[0], found)
    scale = parameters.background_scale
    if scale is None:
        scale = scale_of_regions(events, region, background, found)
    net = summed[0].less_background(summed[1], scale)
    return TimeSums(grid, terms.edges, summed[0], net, found, scale)


@dataclass(frozen=True)
class TimedEvents:
    """Events one by one, arrays (e,): z = (q + iu) / mu, weight with acceptance, energy bin."""

    time: np.ndarray
    z: np.ndarray
    weight: np.ndarray
    modulation: np.ndarray
    energy_bin: np.ndarray

    def __len__(self) -> int:
        return len(self.time)


@dataclass(frozen=True)
class EventTerms:
    """What an event adds to sums: weight times 1 / area, and its Stokes parameters over mu."""

    edges: np.ndarray
    column: str | None
    modulation: Modulation
    weighted: bool
    factor: np.ndarray
    acceptance: np.ndarray
    bin_of_place: np.ndarray
    lost: np.ndarray

    @classmethod
    def of(
        cls, events: EventList, modulation: Modulation, parameters: PolarizationParameters
    ) -> EventTerms:
        """Return those of a measurement.

        Raises
        ------
        InputError, ParameterError
            No Stokes parameters, no weights, no good time, energies beyond the responses.
        """
        column = check_events(events, parameters.weighted)
        edges = check_edges(np.array(parameters.edges), modulation)
        member = channels_in_bins(modulation.energy, edges)
        usable = modulation.usable() & member.any(axis=1)
        area = modulation.effective_area if parameters.acceptance_correction else 1.0
        with np.errstate(divide="ignore", invalid="ignore"):
            acceptance = np.where(usable, 1 / np.where(usable, area, 1.0), 0.0)
        factor = np.where(usable, modulation.factor, 1.0)
        energy_bin = np.where(usable, member.argmax(axis=1), -1)
        return cls(
            edges, column, modulation, parameters.weighted, factor.ravel(), acceptance.ravel(),
            energy_bin.ravel(), (member.any(axis=1) & ~usable).ravel(),
        )  # fmt: skip

    def check(self, counts: np.ndarray) -> None:
        """Raise InputError where events of the energy bins have no modulation factor."""
        lost = counts[self.lost].sum()
        if lost:
            raise InputError(
                self.modulation.name or "responses", f"have no modulation factor for {lost:.0f} "
                "events within the energy bins", "choose other bins",
            )  # fmt: skip

    @property
    def bins(self) -> int:
        """Energy bins."""
        return len(self.edges) - 1

    def place(self, chunk: EventChunk) -> np.ndarray:
        """Return detector times channels plus channel of each event, negative without one."""
        return place_of_events(chunk, self.column, self.modulation)

    def energy_bin(self, place: np.ndarray) -> np.ndarray:
        """Return the energy bin of places; -1 of what is in none."""
        return np.where(place >= 0, self.bin_of_place[np.maximum(place, 0)], -1)

    def weight(self, chunk: EventChunk) -> np.ndarray:
        """Return the events' own weights, 1 without."""
        return np.asarray(chunk["weight"], float) if self.weighted else np.ones(len(chunk))

    def select(
        self, chunk: EventChunk, place: np.ndarray, weight: np.ndarray, mask: np.ndarray
    ) -> TimedEvents:
        """Return some events of a chunk, all of which have an energy bin."""
        at = place[mask]
        mu = self.factor[at]
        z = np.asarray(chunk["q"][mask], float) + 1j * np.asarray(chunk["u"][mask], float)
        return TimedEvents(
            np.asarray(chunk["time"][mask], float), z / mu, weight[mask] * self.acceptance[at],
            mu, self.bin_of_place[at],
        )  # fmt: skip


def read_timed_events(
    events: EventList, modulation: Modulation, parameters: PolarizationParameters,
    region: RegionSet | None = None,
) -> TimedEvents:  # fmt: skip
    """Return the events of a region one by one: of few, for tests by permutations and simulations.

    Parameters and errors are those of `sum_times`.
    """
    terms = EventTerms.of(events, modulation, parameters)
    parts: list[TimedEvents] = []
    for chunk in events.chunks():
        place, weight = terms.place(chunk), terms.weight(chunk)
        mask = (terms.energy_bin(place) >= 0) & np.isfinite(weight) & (weight > 0)
        if region is not None:
            mask &= region.contains(chunk["x"], chunk["y"])
        parts.append(terms.select(chunk, place, weight, mask))
    names = ("time", "z", "weight", "modulation", "energy_bin")
    columns: Sequence[np.ndarray] = [
        np.concatenate([getattr(p, n) for p in parts]) if parts else np.zeros(0) for n in names
    ]
    return TimedEvents(*columns)


class _Table:
    """Sums that grow with each chunk, (energy bins, bins)."""

    def __init__(self, rows: int, columns: int) -> None:
        self._shape = rows, columns
        self._sums = np.zeros((10, rows * columns))

    def add(self, events: TimedEvents, at: np.ndarray) -> None:
        """Add events in their bins; those of bin -1 are in none, as are those of weight 0."""
        kept = (at >= 0) & (events.weight > 0)
        w, z = events.weight[kept], events.z[kept]
        flat = events.energy_bin[kept] * self._shape[1] + at[kept]
        w2 = w * w
        square = w2 * z * z
        terms = (
            None, w, w2, w * z.real, w * z.imag, w2 * z.real, w2 * z.imag, w2 * np.abs(z) ** 2,
            square.real, square.imag,
        )  # fmt: skip
        for row, term in enumerate(terms):
            self._sums[row] += np.bincount(flat, term, self._sums.shape[1])

    def sums(self, edges: np.ndarray) -> tuple[BinnedSums, ...]:
        """Return them, one an energy bin."""
        n, w, w2, q, u, q2, u2, power, qq, qu = self._sums.reshape(10, *self._shape)
        return tuple(
            BinnedSums(
                edges, np.rint(n[i]).astype(np.int64), w[i], w2[i], q[i] + 1j * u[i],
                q2[i] + 1j * u2[i], power[i], qq[i] + 1j * qu[i],
            )
            for i in range(self._shape[0])
        )  # fmt: skip


def _sum(parts: Sequence[BinnedSums]) -> BinnedSums:
    result = parts[0]
    for one in parts[1:]:
        result = result + one
    return result
