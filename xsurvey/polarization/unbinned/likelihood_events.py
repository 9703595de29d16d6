"""Events of regions for a likelihood: summed into cells, or one by one where each has a weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xsurvey.events import EventList
from xsurvey.polarization.channel_sums import ChannelSums
from xsurvey.polarization.event_sums import check_events, place_of_events
from xsurvey.polarization.modulation import Modulation
from xsurvey.polarization.unbinned.polarized_points import SECTORS, sector_of
from xsurvey.regions import RegionSet


@dataclass(frozen=True)
class RegionEvents:
    """Events of a region, arrays (n,).

    Attributes
    ----------
    detector, channel : ndarray of int
        Places in those of a `Modulation`.
    q, u : ndarray
    weight : ndarray
        1 of events without weights.
    x, y : ndarray
        Sky pixels.
    """

    detector: np.ndarray
    channel: np.ndarray
    q: np.ndarray
    u: np.ndarray
    weight: np.ndarray
    x: np.ndarray
    y: np.ndarray


def read_cells(
    events: EventList, modulation: Modulation, regions: Sequence[RegionSet | None],
    usable: np.ndarray,
) -> list[ChannelSums]:  # fmt: skip
    """Sum events into sectors of 2 psi of channels, in one pass whose memory is that of a chunk.

    Parameters
    ----------
    events : EventList
    modulation : Modulation
    regions : sequence of RegionSet or None
    usable : ndarray of bool, shape (c,)
        Channels to sum.

    Returns
    -------
    list of ChannelSums
        Arrays (d, c, s), one a region.
    """
    column = check_events(events, False)
    d, c = modulation.factor.shape
    result = [ChannelSums.zeros(d, c * SECTORS) for _ in regions]
    for chunk in events.chunks():
        place = place_of_events(chunk, column, modulation)
        for i, region in enumerate(regions):
            mask = (place >= 0) & usable[np.maximum(place, 0) % c]
            if region is not None:
                mask &= region.contains(chunk["x"], chunk["y"])
            q, u = (chunk[name][mask].astype(np.float64) for name in ("q", "u"))
            cell = place[mask] * SECTORS + sector_of(q, u)
            result[i] += ChannelSums.of_events(cell, q, u, None, (d, c * SECTORS))
    return [sums.reshaped((d, c, SECTORS)) for sums in result]


def read_region_events(
    events: EventList, modulation: Modulation, regions: Sequence[RegionSet | None],
    usable: np.ndarray, weighted: bool,
) -> list[RegionEvents]:  # fmt: skip
    """Return the events of regions; 56 bytes of memory each.

    Parameters are those of `read_cells`, and whether to take the events' weights: events without
    one, or of weight 0, are left out then.
    """
    column = check_events(events, weighted)
    c = modulation.factor.shape[1]
    names = ("q", "u", "weight", "x", "y") if weighted else ("q", "u", "x", "y")
    found: list[dict[str, list[np.ndarray]]] = [
        {name: [] for name in ("place", *names)} for _ in regions
    ]
    for chunk in events.chunks():
        place = place_of_events(chunk, column, modulation)
        good = (place >= 0) & usable[np.maximum(place, 0) % c]
        if weighted:
            good &= np.isfinite(chunk["weight"]) & (chunk["weight"] > 0)
        for parts, region in zip(found, regions, strict=True):
            mask = good if region is None else good & region.contains(chunk["x"], chunk["y"])
            parts["place"].append(place[mask])
            for name in names:
                parts[name].append(np.asarray(chunk[name][mask], np.float64))
    result = []
    for parts in found:
        place, *rest = (np.concatenate([np.zeros(0), *arrays]) for arrays in parts.values())
        if not weighted:
            rest.insert(2, np.ones(len(place)))
        place = place.astype(np.int64)
        result.append(RegionEvents(place // c, place % c, *rest))
    return result
