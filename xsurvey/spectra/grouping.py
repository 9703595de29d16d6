"""Groups of detector channels: from a file, with minimum counts, or as fine as data can use.

Bad channels are those whose quality is not 0: XSPEC's ``ignore bad`` and Sherpa's ``ignore_bad``
leave out the same. Groups are runs of channels; bad channels are gaps between them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

_GAUSSIAN_IN_FWHM = 1.314
"""All counts of a Gaussian line over those within its FWHM, 1 / erf(sqrt(ln 2))."""
_FEW = 2.119  # x below which a bin is as wide as the resolution (Kaastra & Bleeker 2016, eq. 36)


@dataclass(frozen=True)
class Grouping:
    """Groups of channels.

    Attributes
    ----------
    first, last : ndarray of int, shape (m,)
        Positions of channels, not their numbers; group i is ``first[i]`` up to, but not with,
        ``last[i]``. Ascending, without overlaps; gaps are channels in no group.

    Raises
    ------
    ValueError
        Groups are empty, overlap, or are not in order.
    """

    first: np.ndarray
    last: np.ndarray

    def __post_init__(self) -> None:
        """Check the order of the groups."""
        if self.first.shape != self.last.shape or self.first.ndim != 1:
            raise ValueError("first and last of groups differ in shape")
        if np.any(self.first >= self.last) or np.any(self.first[1:] < self.last[:-1]):
            raise ValueError("groups are empty, overlap, or are not in order")
        if len(self.first) and self.first[0] < 0:
            raise ValueError("groups begin before the first channel")

    def __len__(self) -> int:
        """Return the number of groups."""
        return len(self.first)

    @property
    def sizes(self) -> np.ndarray:
        """Number of channels of each group, shape (m,)."""
        return np.asarray(self.last - self.first)

    def channels(self) -> np.ndarray:
        """Return the positions of all channels in groups, ascending."""
        return np.flatnonzero(self.members(int(self.last[-1]) if len(self) else 0) >= 0)

    def members(self, number: int) -> np.ndarray:
        """Return the group of each of ``number`` channels, -1 for none, shape (number,)."""
        group = np.full(number, -1)
        inside = np.repeat(self.first - np.cumsum(self.sizes) + self.sizes, self.sizes)
        group[inside + np.arange(len(inside))] = np.repeat(np.arange(len(self)), self.sizes)
        return group

    def flags(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return columns GROUPING and QUALITY that say the same, each of shape (number,).

        A channel in no group has GROUPING 1 and QUALITY 5 (bad by the user's choice).
        """
        group = self.members(number)
        grouping = np.where(np.diff(group, prepend=-2) != 0, 1, -1)
        grouping[group < 0] = 1
        return grouping.astype(np.int16), np.where(group < 0, 5, 0).astype(np.int16)


def ungrouped(quality: np.ndarray) -> Grouping:
    """Return each good channel as a group of its own.

    Parameters
    ----------
    quality : ndarray of int, shape (n,)
        0 is good.
    """
    first = np.flatnonzero(np.asarray(quality) == 0)
    return Grouping(first, first + 1)


def group_by_file(grouping: np.ndarray, quality: np.ndarray) -> Grouping:
    """Return the groups that the columns of a file tell.

    A group with a bad channel in it is left out as a whole: the rest of it is not what it was made
    for.

    Parameters
    ----------
    grouping : ndarray of int, shape (n,)
        -1 goes on with a group, all else starts one (1), or is a channel by itself (0).
    quality : ndarray of int, shape (n,)
        0 is good.
    """
    grouping, quality = np.asarray(grouping), np.asarray(quality)
    starts = grouping >= 0
    # what follows an ungrouped channel cannot go on with it
    starts[1:] |= (grouping[:-1] == 0) & (grouping[1:] < 0)
    starts[:1] = True
    first = np.flatnonzero(starts)
    if not len(first):
        return Grouping(first, first)
    last = np.append(first[1:], len(grouping))
    bad = np.logical_or.reduceat(quality != 0, first)
    return Grouping(first[~bad], last[~bad])


def group_min_counts(
    counts: np.ndarray, minimum: float, good: np.ndarray | None = None
) -> Grouping:
    """Join channels, from the lowest up, until each group has a number of counts.

    No group reaches over a bad channel. What is left over at the end of a run of good channels
    joins the last group there, so that no counts are lost; a run with fewer counts than ``minimum``
    in all is left out, since it cannot make a group. For groups that end at the edges of an energy
    band, let only channels in the band be good.

    Parameters
    ----------
    counts : ndarray, shape (n,)
        Not negative.
    minimum : float
    good : ndarray of bool, shape (n,), optional
        All channels by default.

    Raises
    ------
    ValueError
        ``minimum`` is not positive, or counts are negative or not finite.
    """
    counts = np.asarray(counts, dtype=np.float64)
    if not minimum > 0:
        raise ValueError("the minimum of counts must be positive")
    if not np.all((counts >= 0) & np.isfinite(counts)):
        raise ValueError("counts to be grouped are negative or not finite")
    sums = np.concatenate([[0.0], np.cumsum(counts)])
    first: list[int] = []
    last: list[int] = []
    for start, stop in _runs_of(good, len(counts)):
        begin, groups = start, len(first)
        # whole counts are exact in these sums; fractions may lack one part in 1e12
        while begin < stop:
            reach = minimum + sums[begin] - 1e-12 * sums[-1]
            end = int(np.searchsorted(sums[begin + 1 : stop + 1], reach)) + begin + 1
            if end > stop:
                break
            first.append(begin)
            last.append(end)
            begin = end
        if len(first) > groups:
            last[-1] = stop
    return Grouping(np.array(first, dtype=np.int64), np.array(last, dtype=np.int64))


def fwhm_in_channels(matrix: csr_array, channel_width: np.ndarray) -> np.ndarray:
    """Return the resolution of a detector, in channels, as a function of the channel.

    Of each energy the response per keV is taken where it falls to half its largest value, linearly
    between channels; that is the FWHM at the channel of the largest value. Between those channels
    it is interpolated, beyond them it is that of the nearest.

    Parameters
    ----------
    matrix : csr_array, shape (energies, n)
        With sorted columns.
    channel_width : ndarray, shape (n,)
        keV; all 1 where widths do not matter.

    Returns
    -------
    fwhm : ndarray, shape (n,)
        Not less than 1.

    Raises
    ------
    ValueError
        The matrix is 0 everywhere.
    """
    # bins of no width occur at the ends of real detectors
    width = np.where(np.asarray(channel_width) > 0, channel_width, np.inf)
    peaks, widths = [], []
    for start, stop in zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True):
        columns = matrix.indices[start:stop]
        density = matrix.data[start:stop] / width[columns]
        if not len(columns) or not density.max() > 0:
            continue
        shape = np.zeros(int(columns[-1] - columns[0]) + 3)  # with a zero at each end
        shape[columns - columns[0] + 1] = density
        peak = int(np.argmax(shape))
        peaks.append(int(columns[0]) + peak - 1)
        widths.append(_full_width(shape, peak))
    if not peaks:
        raise ValueError("the matrix is 0 everywhere")
    at, which = np.unique(peaks, return_inverse=True)
    mean = np.bincount(which, weights=widths) / np.bincount(which)
    return np.maximum(np.interp(np.arange(matrix.shape[1]), at, mean), 1.0)


def _full_width(shape: np.ndarray, peak: int) -> float:
    half = shape[peak] / 2
    below = shape < half
    left = int(np.flatnonzero(below[:peak])[-1])
    right = peak + int(np.flatnonzero(below[peak:])[0])
    lower = left + (half - shape[left]) / (shape[left + 1] - shape[left])
    upper = right - (half - shape[right]) / (shape[right - 1] - shape[right])
    return float(upper - lower)


def optimal_bin_width(counts: np.ndarray, fwhm: np.ndarray, good: np.ndarray) -> np.ndarray:
    """Return how wide bins should be that lose no information, in channels.

    Kaastra & Bleeker 2016 (A&A 587, A151): with N_r counts in a resolution element and R elements,

        x = ln(N_r (1 + 0.20 ln R)),                                          (eq. 37)
        width / FWHM = (0.08 + 7.0/x + 1.8/x^2) / (1 + 5.9/x), 1 for x <= 2.119.   (eq. 36)

    R is the sum of 1 / FWHM over the channels (eq. B1); N_r is 1.314 times the counts within one
    FWHM around the channel, which makes up for a line's counts outside it (eq. B2 to B4).

    Parameters
    ----------
    counts, fwhm : ndarray, shape (n,)
    good : ndarray of bool, shape (n,)

    Returns
    -------
    width : ndarray, shape (n,)
    """
    number = len(counts)
    resolution = np.maximum(fwhm, 1.0)
    elements = max(float(np.sum(good / resolution)), 1.0)
    sums = np.concatenate([[0.0], np.cumsum(np.where(good, counts, 0.0))])
    edges, centre = np.arange(number + 1.0), np.arange(number) + 0.5
    high = np.interp(centre + resolution / 2, edges, sums)
    low = np.interp(centre - resolution / 2, edges, sums)
    in_element = _GAUSSIAN_IN_FWHM * np.maximum(high - low, 0.0)
    # below _FEW the value of x does not matter
    x = np.log(np.maximum(in_element * (1 + 0.20 * np.log(elements)), 1.0))
    many = np.maximum(x, _FEW)
    fraction = (0.08 + 7.0 / many + 1.8 / many**2) / (1 + 5.9 / many)
    return np.where(x <= _FEW, 1.0, np.minimum(fraction, 1.0)) * resolution


def group_optimal(counts: np.ndarray, fwhm: np.ndarray, good: np.ndarray | None = None) -> Grouping:
    """Group channels as finely as the resolution and the counts can use, and no finer.

    Widths are those of `optimal_bin_width`; a group ends before it would be wider than is best for
    any of its channels. Bad channels are not in groups. Meant for Poisson statistics: groups may
    have no counts.

    Parameters
    ----------
    counts : ndarray, shape (n,)
    fwhm : ndarray, shape (n,)
        Of the response, in channels (`fwhm_in_channels`).
    good : ndarray of bool, shape (n,), optional
        All channels by default.

    Raises
    ------
    ValueError
        Counts or widths are not finite, or widths not positive.
    """
    counts = np.asarray(counts, dtype=np.float64)
    fwhm = np.asarray(fwhm, dtype=np.float64)
    if not np.all(np.isfinite(counts)):
        raise ValueError("counts to be grouped are not finite")
    if not np.all((fwhm > 0) & np.isfinite(fwhm)):
        raise ValueError("a resolution is not positive or not finite")
    usable = np.ones(len(counts), dtype=bool) if good is None else np.asarray(good, dtype=bool)
    width = optimal_bin_width(counts, fwhm, usable)
    most = np.maximum(np.floor(width), 1).astype(np.int64)
    first: list[int] = []
    last: list[int] = []
    for start, stop in _runs_of(usable, len(counts)):
        begin = start
        while begin < stop:
            end, limit = begin + 1, int(most[begin])
            while end < stop and end - begin < min(limit, int(most[end])):
                limit = min(limit, int(most[end]))
                end += 1
            first.append(begin)
            last.append(end)
            begin = end
    return Grouping(np.array(first, dtype=np.int64), np.array(last, dtype=np.int64))


def _runs_of(good: np.ndarray | None, number: int) -> list[tuple[int, int]]:
    """Return begin and end (exclusive) of each run of good channels."""
    usable = np.ones(number, dtype=bool) if good is None else np.asarray(good, dtype=bool)
    if usable.shape != (number,):
        raise ValueError("good has another number of channels than counts")
    step = np.diff(np.concatenate([[0], usable.astype(np.int8), [0]]))
    return list(
        zip(np.flatnonzero(step > 0).tolist(), np.flatnonzero(step < 0).tolist(), strict=True)
    )


def notice(
    grouping: Grouping,
    channel_low: np.ndarray,
    channel_high: np.ndarray,
    minimum: float,
    maximum: float,
) -> Grouping:
    """Return the groups that overlap an energy range.

    Whole groups are kept, so that the range snaps outward to their edges, as in Sherpa. Only to
    touch the range is not to overlap it.

    Parameters
    ----------
    channel_low, channel_high : ndarray, shape (n,)
        Nominal energies of the channels, keV, ascending or descending.
    minimum, maximum : float
        keV.
    """
    low, high = group_energies(grouping, channel_low, channel_high)
    kept = (high > minimum) & (low < maximum)
    return Grouping(grouping.first[kept], grouping.last[kept])


def group_energies(
    grouping: Grouping, channel_low: np.ndarray, channel_high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and highest energies of groups, each of shape (m,)."""
    ends = np.stack([grouping.first, grouping.last - 1])
    return (
        np.asarray(channel_low)[ends].min(axis=0), np.asarray(channel_high)[ends].max(axis=0),
    )  # fmt: skip


def sum_groups(values: np.ndarray, grouping: Grouping) -> np.ndarray:
    """Return sums over groups of channels.

    Parameters
    ----------
    values : ndarray, shape (..., n)

    Returns
    -------
    sums : ndarray, shape (..., m)

    Raises
    ------
    ValueError
        A group has channels beyond ``n``.
    """
    values = np.asarray(values)
    number = values.shape[-1]
    if not len(grouping):
        return np.zeros((*values.shape[:-1], 0), dtype=np.result_type(values, np.int64))
    if grouping.last[-1] > number:
        raise ValueError(f"a group ends at channel {grouping.last[-1]} of {number}")
    # reduceat sums from each index to the next: every other sum is that of a gap, or not used
    indices = np.stack([grouping.first, grouping.last], axis=1).reshape(-1)
    if indices[-1] == number:
        indices = indices[:-1]
    return np.asarray(np.add.reduceat(values, indices, axis=-1)[..., ::2])
