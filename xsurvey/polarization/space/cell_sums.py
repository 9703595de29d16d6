"""One pass over events: sums by cell of the sky and energy bin.

Cells are pixels, or sectors of annuli. What `BinSums` says of energy bins holds of each cell, so
that estimators and backgrounds are the same; arrays have shape (p, n), of p cells and n bins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from xsurvey.errors import InputError
from xsurvey.events import EventList
from xsurvey.polarization.background import subtracted
from xsurvey.polarization.bin_sums import BinSums, channels_in_bins, check_edges
from xsurvey.polarization.event_sums import check_events, place_of_events
from xsurvey.polarization.modulation import Modulation
from xsurvey.regions import RegionSet

ModelDirections = tuple[np.ndarray, np.ndarray]
"""q0 = 2 cos 2 phi and u0 = 2 sin 2 phi of model angles phi at the places of events."""

Placing = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, ModelDirections | None]]
"""From sky pixels x and y to numbers of cells, negative where there is none, and directions."""

_SUMS = tuple(
    f.name for f in fields(BinSums) if f.name not in ("energy_min", "energy_max", "gross")
)


@dataclass(frozen=True)
class CellSums:
    """Sums of the events in cells, and what was left out.

    Attributes
    ----------
    sums : BinSums
        Arrays (p, n).
    aligned : BinSums or None
        The same with Stokes parameters along and across the model's directions.
    background : BinSums or None
        Of the events in the background region, arrays (n,).
    place : ndarray of int, shape (m,), or None
        Cell times number of bins plus bin, of each event; only if phases are kept.
    strength : ndarray, shape (m,), or None
        w a |(q, u)| / mu of each event.
    counts : ndarray, shape (p, d)
        Events by detector, of all bins.
    background_counts : ndarray, shape (d,)
        Likewise of the background region.
    unusable, unweighted, events : int
        As in `EventSums`; ``unweighted`` are those in cells or background.
    """

    sums: BinSums
    aligned: BinSums | None
    background: BinSums | None
    place: np.ndarray | None
    strength: np.ndarray | None
    counts: np.ndarray
    background_counts: np.ndarray
    unusable: int = 0
    unweighted: int = 0
    events: int = 0


class _Totals:
    """Sums of all kinds, one a cell and bin."""

    def __init__(self, cells: int, edges: np.ndarray) -> None:
        self.edges, self.shape = edges, (cells, len(edges) - 1)
        self.values = {name: np.zeros(cells * self.shape[1]) for name in _SUMS}

    def add(self, place: np.ndarray, weight: np.ndarray, mu: np.ndarray, energy: np.ndarray,
            q: np.ndarray, u: np.ndarray) -> None:  # fmt: skip
        """Add events with weights w a and Stokes parameters w a q/mu, w a u/mu."""
        each = {
            "i": weight, "q": q, "u": u, "modulation": weight * mu, "energy": weight * energy,
            "weight2": weight * weight, "q_weight2": weight * q, "u_weight2": weight * u,
            "qq": q * q, "qu": q * u, "uu": u * u, "quartic": (2 * weight / mu) ** 4,
        }  # fmt: skip
        for name, values in [("counts", None), *each.items()]:
            total = self.values[name]
            total += np.bincount(place, values, len(total))

    def sums(self) -> BinSums:
        """Return what was added up."""
        arrays = {name: total.reshape(self.shape) for name, total in self.values.items()}
        return BinSums(
            energy_min=self.edges[:-1], energy_max=self.edges[1:],
            gross=effective_number(arrays["i"], arrays["weight2"]), **arrays,
        )  # fmt: skip


def effective_number(weight: np.ndarray, weight2: np.ndarray) -> np.ndarray:
    """Return the effective number of events, 0 where there are none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(weight2 > 0, weight**2 / weight2, 0.0)


def sum_cells(
    events: EventList, modulation: Modulation, edges: np.ndarray, placing: Placing, cells: int, *,
    background: RegionSet | None = None, weighted: bool = False, acceptance: bool = True,
    aligned: bool = False, keep_phases: bool = False,
) -> CellSums:  # fmt: skip
    """Sum events by cell and energy bin, each with the modulation and area of its own channel.

    Parameters
    ----------
    events : EventList
    modulation : Modulation
        Says which detectors and channels there are; events of others are in no sum.
    edges : ndarray, shape (n + 1,)
        keV.
    placing : Placing
    cells : int
        p; numbers of cells are below it.
    background : RegionSet, optional
        In the list's sky pixels.
    weighted, acceptance : bool
        As in `sum_events` and `bin_sums`.
    aligned : bool
        Whether to sum along the directions of the model too, which ``placing`` then gives.
    keep_phases : bool
        Whether to return what `simulated_maximum` needs of each event: memory grows with them.

    Raises
    ------
    InputError
        As `sum_events`, or a channel within the bins has events and no modulation factor.
    ParameterError
        As `check_edges`.
    """
    edges = check_edges(edges, modulation)
    column = check_events(events, weighted)
    table = _ChannelTable(modulation, edges, acceptance)
    bins, detectors = len(edges) - 1, len(modulation.detectors)
    total, along, beside = (_Totals(n, edges) for n in (cells, cells if aligned else 0, 1))
    counts = np.zeros(cells * detectors)
    background_counts = np.zeros(detectors)
    dropped: list[int] = []
    kept: list[tuple[np.ndarray, np.ndarray]] = []
    number = unweighted = 0
    for chunk in events.chunks(unusable=dropped.append):
        number += len(chunk)
        channel = place_of_events(chunk, column, modulation)
        mask = channel >= 0
        mask &= table.bin[channel] >= 0
        if not mask.any():
            continue
        channel, x, y, q, u = channel[mask], *(chunk[n][mask] for n in ("x", "y", "q", "u"))
        weight = chunk["weight"][mask].astype(float) if weighted else np.ones(len(channel))
        cell, model = placing(x, y)
        inside = np.zeros(len(x), bool) if background is None else background.contains(x, y)
        bad = ~(np.isfinite(weight) & (weight >= 0))
        unweighted += int(np.count_nonzero(bad & ((cell >= 0) | inside)))
        weight = np.where(bad, 0.0, weight) * table.area[channel]
        mu = table.factor[channel]
        wq, wu = weight * q / mu, weight * u / mu
        place = cell * bins + table.bin[channel]
        detector = channel // len(modulation.energy)
        parts = [mu, table.energy[channel], wq, wu]
        chosen = (cell >= 0) & ~bad
        table.check(channel, chosen | (inside & ~bad))
        total.add(place[chosen], weight[chosen], *(v[chosen] for v in parts))
        counts += np.bincount(cell[chosen] * detectors + detector[chosen], minlength=len(counts))
        if aligned and model is not None:
            q0, u0 = (v[chosen] for v in model)
            a, b = wq[chosen], wu[chosen]
            turned = (a * q0 + b * u0) / 2, (b * q0 - a * u0) / 2
            along.add(place[chosen], weight[chosen], mu[chosen], table.energy[channel[chosen]],
                      *turned)  # fmt: skip
        if keep_phases:
            kept.append((place[chosen].astype(np.int32), np.hypot(wq[chosen], wu[chosen])))
        if background is not None:
            chosen = inside & ~bad
            beside.add(table.bin[channel[chosen]], weight[chosen], *(v[chosen] for v in parts))
            background_counts += np.bincount(detector[chosen], minlength=detectors)
    places = [np.concatenate(v) for v in zip(*kept, strict=True)] if kept else [None, None]
    first = None
    if background is not None:
        arrays = {name: values[0] for name, values in vars(beside.sums()).items()
                  if name in (*_SUMS, "gross")}  # fmt: skip
        first = BinSums(energy_min=edges[:-1], energy_max=edges[1:], **arrays)
    return CellSums(
        total.sums(), along.sums() if aligned else None,
        first,
        places[0], places[1], counts.reshape(cells, detectors), background_counts,
        sum(dropped), unweighted, number,
    )  # fmt: skip


class _ChannelTable:
    """Energy bin, weight, modulation factor and energy by detector times channels plus channel."""

    def __init__(self, modulation: Modulation, edges: np.ndarray, acceptance: bool) -> None:
        member = channels_in_bins(modulation.energy, edges)
        number = np.where(member.any(axis=1), member.argmax(axis=1), -1)
        usable = modulation.usable()
        area = modulation.effective_area if acceptance else np.ones(usable.shape)
        self.name = modulation.name
        self.usable = usable.ravel()
        self.bin = np.broadcast_to(number, usable.shape).ravel()
        self.area = (1 / np.where(usable, area, 1.0)).ravel()
        self.factor = np.where(usable, modulation.factor, 1.0).ravel()
        self.energy = np.broadcast_to(modulation.energy, usable.shape).ravel()

    def check(self, channel: np.ndarray, chosen: np.ndarray) -> None:
        """Raise where events of channels without modulation would be counted."""
        lost = int(np.count_nonzero(~self.usable[channel] & chosen))
        if lost:
            raise InputError(
                self.name or "responses", f"have no modulation factor for {lost} events within "
                "the energy bins", "choose other bins",
            )  # fmt: skip


def summed(sums: BinSums, label: np.ndarray | None = None, groups: int = 1) -> BinSums:
    """Add cells up into groups.

    Parameters
    ----------
    sums : BinSums
        Arrays (p, n).
    label : ndarray of int, shape (p,), optional
        Group of each cell, negative for none; all in one if not given.
    groups : int

    Returns
    -------
    BinSums
        Arrays (groups, n).
    """
    label = np.zeros(len(sums.counts), int) if label is None else label
    inside = label >= 0
    bins = sums.counts.shape[1]
    place = (label[inside, None] * bins + np.arange(bins)).ravel()
    arrays = {
        name: np.bincount(place, getattr(sums, name)[inside].ravel(), groups * bins).reshape(
            groups, bins
        )
        for name in _SUMS
    }
    return BinSums(
        energy_min=sums.energy_min, energy_max=sums.energy_max,
        gross=effective_number(arrays["i"], arrays["weight2"]), **arrays,
    )  # fmt: skip


def subtract_level(sums: BinSums, background: BinSums, scale: np.ndarray) -> BinSums:
    """Subtract a background from cells, as `subtract_background` does with one scale.

    The same events of the background are subtracted everywhere: errors that come from them are
    common to all cells.

    Parameters
    ----------
    sums : BinSums
        Arrays (p, n).
    background : BinSums
        Arrays (n,), or (p, n) if directions are those of cells.
    scale : ndarray, shape (p, 1)
        Area times exposure of a cell relative to the background region.
    """
    return BinSums(
        energy_min=sums.energy_min, energy_max=sums.energy_max, counts=sums.counts,
        gross=sums.gross, **subtracted(sums, background, scale),
    )  # fmt: skip
