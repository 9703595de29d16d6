"""Sums over events by detector and channel, of which all binned estimators are made.

Modulation factor and effective area are constants of a channel: the Stokes parameters of any energy
bins, weighted or not, with or without acceptance correction, and all their variances, follow from
these sums, without looking at the events again.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np


@dataclass(frozen=True)
class ChannelSums:
    """Sums over the events of each detector and channel.

    All arrays have shape (d, c), or (b, d, c) of several sets of events.

    ``q = 2 cos 2 psi`` and ``u = 2 sin 2 psi`` of an event whose photoelectron left at the position
    angle ``psi``, north through east: twice those of Kislat et al. (2015, Astropart. Phys. 68, 45,
    eq. 9), so that the mean of ``q`` is the modulation factor times Q/I. Files hold them so, where
    a correction for spurious modulation may have been taken off: ``q^2 + u^2`` is about 4, and
    need not be 4.

    Attributes
    ----------
    counts : ndarray
        Number of events.
    weight, weight2 : ndarray
        Sums of w and w^2; of events without weights both are the counts.
    q, u : ndarray
        Sums of w q and w u.
    q_weight2, u_weight2 : ndarray
        Sums of w^2 q and w^2 u.
    qq, qu, uu : ndarray
        Sums of w^2 q^2, w^2 q u and w^2 u^2.
    weight4 : ndarray
        Sum of w^4, of which the tails of few events depend.
    """

    counts: np.ndarray
    weight: np.ndarray
    weight2: np.ndarray
    q: np.ndarray
    u: np.ndarray
    q_weight2: np.ndarray
    u_weight2: np.ndarray
    qq: np.ndarray
    qu: np.ndarray
    uu: np.ndarray
    weight4: np.ndarray

    @classmethod
    def zeros(cls, detectors: int, channels: int) -> ChannelSums:
        """Return sums over no events."""
        return cls(*(np.zeros((detectors, channels)) for _ in fields(cls)))

    @classmethod
    def of_events(
        cls, place: np.ndarray, q: np.ndarray, u: np.ndarray, weight: np.ndarray | None,
        shape: tuple[int, int],
    ) -> ChannelSums:  # fmt: skip
        """Return the sums over some events.

        Parameters
        ----------
        place : ndarray of int, shape (n,)
            Detector times number of channels plus channel, from 0.
        q, u : ndarray, shape (n,)
        weight : ndarray, shape (n,), or None
        shape : (int, int)
            Detectors and channels.
        """

        def total(values: np.ndarray | None = None) -> np.ndarray:
            size = shape[0] * shape[1]
            return np.bincount(place, values, size).astype(np.float64).reshape(shape)

        counts = total()
        if weight is None:
            sum_q, sum_u = total(q), total(u)
            return cls(
                counts, counts, counts, sum_q, sum_u, sum_q, sum_u, total(q * q), total(q * u),
                total(u * u), counts,
            )  # fmt: skip
        weight = np.asarray(weight, np.float64)
        wq, wu, w2 = weight * q, weight * u, weight * weight
        return cls(
            counts, total(weight), total(w2), total(wq), total(wu), total(weight * wq),
            total(weight * wu), total(wq * wq), total(wq * wu), total(wu * wu), total(w2 * w2),
        )  # fmt: skip

    def __add__(self, other: ChannelSums) -> ChannelSums:
        """Return the sums over the events of both."""
        return ChannelSums(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def of_detectors(self, chosen: np.ndarray) -> ChannelSums:
        """Return the sums of some detectors: their places, or a mask of shape (d,)."""
        return ChannelSums(*(getattr(self, f.name)[..., chosen, :] for f in fields(self)))

    def reshaped(self, shape: tuple[int, ...]) -> ChannelSums:
        """Return the same sums in arrays of another shape."""
        return ChannelSums(*(getattr(self, f.name).reshape(shape) for f in fields(self)))

    def rotated(self, angle: float) -> ChannelSums:
        """Return the sums with all position angles larger by ``angle`` (deg)."""
        c, s = np.cos(2 * np.radians(angle)), np.sin(2 * np.radians(angle))
        return ChannelSums(
            self.counts, self.weight, self.weight2,
            c * self.q - s * self.u, s * self.q + c * self.u,
            c * self.q_weight2 - s * self.u_weight2, s * self.q_weight2 + c * self.u_weight2,
            c * c * self.qq - 2 * c * s * self.qu + s * s * self.uu,
            c * s * (self.qq - self.uu) + (c * c - s * s) * self.qu,
            s * s * self.qq + 2 * c * s * self.qu + c * c * self.uu, self.weight4,
        )  # fmt: skip
