"""Time bins of a test of constancy, made of fine ones, and the polarization in each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from xsurvey.polarization.bin_sums import BinSums
from xsurvey.polarization.estimators import empirical
from xsurvey.polarization.records import columns_of_bins
from xsurvey.polarization.variation.binned_sums import BinnedSums
from xsurvey.polarization.variation.time_grid import TimeGrid


@dataclass(frozen=True)
class TimeBins:
    """Coarse bins; arrays of shape (n,).

    Attributes
    ----------
    start, stop : ndarray
        First and last good time, mission seconds. A gap may be within a bin; none is a bin.
    livetime : ndarray
        s.
    net, source : BinnedSums
        With and without the background subtracted.
    """

    start: np.ndarray
    stop: np.ndarray
    livetime: np.ndarray
    net: BinnedSums
    source: BinnedSums


def coarse_bins(
    grid: TimeGrid, source: BinnedSums, net: BinnedSums, number: int, equal: str = "counts"
) -> TimeBins | None:
    """Join fine bins to a number of bins with equally many events, or equal livetime.

    Ends are those of fine bins. Bins without events are joined to the ones before.

    Parameters
    ----------
    grid : TimeGrid
    source, net : BinnedSums
        In its bins.
    number : int
    equal : {'counts', 'livetime'}

    Returns
    -------
    TimeBins or None
        Less bins where events are at too few times; None where all are in one, or there are none.
    """
    amount = source.counts if equal == "counts" else grid.livetime
    until = np.cumsum(amount, dtype=float)
    if not until.size or until[-1] <= 0 or source.counts.sum() == 0:
        return None
    wanted = until[-1] * np.arange(1, number) / number
    after = np.searchsorted(until, wanted)
    # the nearer of both ends of the fine bin
    before = np.where(after > 0, until[np.maximum(after - 1, 0)], 0.0)
    first = np.where(wanted - before < until[after] - wanted, after, after + 1)
    first = np.unique(first[first < len(until)])
    # events before each end: as many as before the one before it are an empty bin
    counted = np.cumsum(source.counts)
    before_end, kept = np.unique(counted[first - 1], return_index=True)
    kept = kept[(before_end > 0) & (before_end < counted[-1])]
    if not len(kept):
        return None
    first = np.append(0, first[kept])
    last = np.append(first[1:], len(until)) - 1
    good = np.flatnonzero(grid.good)
    start = grid.edges[good[np.searchsorted(good, first)]]
    stop = grid.edges[1 + good[np.searchsorted(good, last, side="right") - 1]]
    return TimeBins(
        start, stop, np.add.reduceat(grid.livetime, first), net.grouped(first),
        source.grouped(first),
    )  # fmt: skip


def polarization_of_sums(net: BinnedSums, source: BinnedSums) -> Mapping[str, np.ndarray]:
    """Return degrees, angles, errors and limits in bins, as `columns_of_bins` has them.

    Parameters
    ----------
    net, source : BinnedSums
        In the same b bins, with and without the background subtracted.

    Returns
    -------
    mapping of str to ndarray, shape (b,)
        Without what sums by time do not have: energies, modulation factors.
    """
    nothing = np.full(len(net.counts), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        gross = np.where(source.weight2 > 0, source.weight**2 / source.weight2, 0.0)
        # as of events that count alike: sums by time have no fourth powers
        quartic = np.where(gross > 0, net.power**2 / gross, 0.0)
    sums = BinSums(
        energy_min=nothing, energy_max=nothing, counts=source.counts.astype(float), i=net.weight,
        q=net.z.real, u=net.z.imag, modulation=nothing, energy=nothing, weight2=net.weight2,
        q_weight2=net.z_weight2.real, u_weight2=net.z_weight2.imag,
        qq=(net.power + net.square.real) / 2, qu=net.square.imag / 2,
        uu=(net.power - net.square.real) / 2, quartic=quartic, gross=gross,
    )  # fmt: skip
    columns = columns_of_bins(empirical(sums))
    absent = ("energy_min", "energy_max", "energy", "modulation", "flags")
    return {name: values for name, values in columns.items() if name not in absent}
