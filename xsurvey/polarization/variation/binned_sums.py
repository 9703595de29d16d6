r"""Sums of the Stokes parameters of events in bins of time, of phase or of anything else.

With :math:`z = (q + i u) / \mu` of an event, mu the modulation factor at its energy, the sums
of w, w^2, w z, w^2 z, w^2 |z|^2 and w^2 z^2 are enough for q, u and their covariance of any union
of bins, and for those after a rotation of each bin's angles: z of a bin is then multiplied by
:math:`e^{-2 i \phi}`, z^2 by :math:`e^{-4 i \phi}`, and |z|^2 stays. What is computed from them
costs bins, not events.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np


@dataclass(frozen=True)
class BinnedSums:
    """Sums over the events of b bins; arrays of shape (b,).

    Attributes
    ----------
    edges : ndarray, shape (b + 1,)
        Of the bins, in the unit of what they are bins of. Events on the last edge are in.
    counts : ndarray
        Events; with a background subtracted those of the source region.
    weight, weight2 : ndarray
        Sums of w and of w^2.
    z, z_weight2 : ndarray of complex
        Sums of w z and of w^2 z.
    power : ndarray
        Sums of w^2 |z|^2.
    square : ndarray of complex
        Sums of w^2 z^2.
    """

    edges: np.ndarray
    counts: np.ndarray
    weight: np.ndarray
    weight2: np.ndarray
    z: np.ndarray
    z_weight2: np.ndarray
    power: np.ndarray
    square: np.ndarray

    @property
    def centre(self) -> np.ndarray:
        """Middles of the bins."""
        return (self.edges[1:] + self.edges[:-1]) / 2

    @property
    def used(self) -> np.ndarray:
        """Which bins have events, of the source region or of a background that was subtracted."""
        return self.weight2 > 0

    def __add__(self, other: BinnedSums) -> BinnedSums:
        """Return the sums of both, in the same bins: more events, or another detector."""
        if not np.array_equal(self.edges, other.edges):
            raise ValueError("sums of different bins are not added")
        names = [f.name for f in fields(self) if f.name != "edges"]
        return BinnedSums(self.edges, *(getattr(self, n) + getattr(other, n) for n in names))

    def normalised(self, pooled: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return q, u, shape (b,), and their covariance, shape (b, 2, 2).

        Parameters
        ----------
        pooled : bool
            Take the covariance of an event from all bins together, not from each bin's own events:
            of bins of less than some 30 events that is better known, if weights and energies are
            distributed alike in all of them (bins of time, not of energy).

        Returns
        -------
        q, u, covariance : ndarray
            NaN in bins without events, with no more than the background, and, if not pooled, with
            less than three events: the covariance of two is singular.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = self.z / self.weight
            covariance = self.centred(mean) / (self.weight**2)[:, None, None]
        if pooled and self.weight.sum() > 0:
            total = self.total()
            each = total.centred(total.z / total.weight)[0] / total.weight2[0]
            with np.errstate(invalid="ignore", divide="ignore"):
                covariance = each * (self.weight2 / self.weight**2)[:, None, None]
        few = (self.counts < (1 if pooled else 3)) | (self.weight <= 0)
        covariance[few] = np.nan
        return np.where(few, np.nan, mean.real), np.where(few, np.nan, mean.imag), covariance

    def total(self) -> BinnedSums:
        """Return the sums of all bins as one."""
        names = [f.name for f in fields(self) if f.name != "edges"]
        return BinnedSums(self.edges[[0, -1]], *(getattr(self, n).sum()[None] for n in names))

    def grouped(self, first: np.ndarray) -> BinnedSums:
        """Return the sums of runs of bins; ``first`` has the first bin of each, increasing."""
        names = [f.name for f in fields(self) if f.name != "edges"]
        arrays = (np.add.reduceat(getattr(self, n), first) for n in names)
        return BinnedSums(np.append(self.edges[first], self.edges[-1]), *arrays)

    def only(self, kept: np.ndarray) -> BinnedSums:
        """Return the sums with nothing in bins that are not kept, a mask of shape (b,)."""
        names = [f.name for f in fields(self) if f.name != "edges"]
        return BinnedSums(self.edges, *(np.where(kept, getattr(self, n), 0) for n in names))

    def less_background(self, background: BinnedSums, scale: float) -> BinnedSums:
        """Return the sums of the source alone.

        Sums of weights and Stokes parameters are subtracted, of squares added times the square of
        the scale: variances follow as without a background
        (`xsurvey.polarization.background.subtract_background`).

        Parameters
        ----------
        background : BinnedSums
            Of a background region, in the same bins.
        scale : float
            Area times exposure of the source region relative to the background region.

        Raises
        ------
        ValueError
            Other bins, or a scale that is not above zero.
        """
        if not np.array_equal(self.edges, background.edges):
            raise ValueError("sums of different bins are not subtracted")
        if not (np.isfinite(scale) and scale > 0):
            raise ValueError(f"a background cannot be scaled by {scale:g}")
        squares = ("weight2", "z_weight2", "power", "square")
        return replace(
            self, weight=self.weight - scale * background.weight, z=self.z - scale * background.z,
            **{n: getattr(self, n) + scale**2 * getattr(background, n) for n in squares},
        )  # fmt: skip

    def centred(self, mean: np.ndarray) -> np.ndarray:
        """Return sums of w^2 (z - mean)(z - mean)^T, shape (b, 2, 2): rows and columns q, u."""
        power = self.power - 2 * (np.conj(mean) * self.z_weight2).real
        power = power + np.abs(mean) ** 2 * self.weight2
        square = self.square - 2 * mean * self.z_weight2 + mean**2 * self.weight2
        return second_moments(power, square)


def second_moments(power: np.ndarray, square: np.ndarray) -> np.ndarray:
    """Return matrices (..., 2, 2) of sums of xx, xy, yy from those of |z|^2 and z^2, z = x + iy."""
    result = np.empty((*np.shape(power), 2, 2))
    result[..., 0, 0] = (power + square.real) / 2
    result[..., 1, 1] = (power - square.real) / 2
    result[..., 0, 1] = result[..., 1, 0] = square.imag / 2
    return result


def binned_sums(
    position: np.ndarray, q: np.ndarray, u: np.ndarray, edges: np.ndarray,
    weight: np.ndarray | float = 1.0, modulation: np.ndarray | float = 1.0,
) -> BinnedSums:  # fmt: skip
    """Sum the Stokes parameters of events in bins.

    Parameters
    ----------
    position : ndarray, shape (e,)
        What the bins are of: mission seconds, pulse phases. Events beyond the edges are left out.
    q, u : ndarray, shape (e,)
        2 cos 2 psi and 2 sin 2 psi of the events.
    edges : ndarray, shape (b + 1,)
        Increasing.
    weight : float or ndarray, shape (e,)
        Positive, or zero for what shall not count.
    modulation : float or ndarray, shape (e,)
        Modulation factor at the energies of the events; 1 where q and u are divided by it.

    Raises
    ------
    ValueError
        Values that are not finite, edges that do not increase, a modulation of zero, a negative
        weight.
    """
    position, edges = np.asarray(position, float), np.asarray(edges, float)
    z = np.asarray(q, float) + 1j * np.asarray(u, float)
    weight = np.broadcast_to(np.asarray(weight, float), z.shape)
    modulation = np.broadcast_to(np.asarray(modulation, float), z.shape)
    if position.shape != z.shape or z.ndim != 1:
        raise ValueError("times, q and u of events are not of one length")
    if edges.ndim != 1 or len(edges) < 2 or not np.all(np.diff(edges) > 0):
        raise ValueError("edges of bins do not increase")
    if not all(np.isfinite(v).all() for v in (position, z, weight, edges)):
        raise ValueError("a time, Stokes parameter, weight or edge is not finite")
    if np.any(weight < 0) or not np.all(modulation > 0):
        raise ValueError("weights are not negative, and modulation factors above zero")
    index = np.searchsorted(edges, position, side="right") - 1
    index[position == edges[-1]] = len(edges) - 2
    inside = (index >= 0) & (index < len(edges) - 1) & (weight > 0)
    index, w, z = index[inside], weight[inside], (z / modulation)[inside]

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(index, values, len(edges) - 1)

    def complex_total(values: np.ndarray) -> np.ndarray:
        return total(values.real) + 1j * total(values.imag)

    return BinnedSums(
        edges, np.bincount(index, minlength=len(edges) - 1), total(w), total(w**2),
        complex_total(w * z), complex_total(w**2 * z), total(w**2 * np.abs(z) ** 2),
        complex_total(w**2 * z**2),
    )  # fmt: skip


def equal_count_edges(position: np.ndarray, bins: int) -> np.ndarray:
    """Return edges, shape (bins + 1,), of bins with the same number of events, within one.

    From the first event to the last one; edges lie halfway between two events.

    Raises
    ------
    ValueError
        Positions that are not finite, or fewer different ones than bins ask for.
    """
    value = np.sort(np.asarray(position, float))
    if bins < 1 or not np.isfinite(value).all() or len(value) < 2:
        raise ValueError("bins of equal counts need two events, at finite places")
    cut = (np.arange(1, bins) * len(value)) // bins
    edges = np.concatenate(([value[0]], (value[cut - 1] + value[cut]) / 2, [value[-1]]))
    if not np.all(np.diff(edges) > 0):
        raise ValueError(f"there are too few different times or phases for {bins} bins")
    return edges
