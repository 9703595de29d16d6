"""What a likelihood of a polarization is of: events, or cells of a few alike, as vectors.

An event of Stokes parameters q, u (2 cos 2 psi, 2 sin 2 psi) is the vector x = mu (q, u) / 2: its
probability is 1 + x . (Q/I, U/I) times what it is without polarization. Events whose vectors are
nearly the same can be one point, with their mean vector and the scatter about it: what a logarithm
loses by that is of the third order of their distance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from xsurvey.polarization.channel_sums import ChannelSums

SECTORS = 72
"""Sectors of 2 psi that events of a channel are summed in: vectors within one differ by 9 % of the
modulation factor at most, which changes Q/I by less than 3e-7."""


@dataclass(frozen=True)
class PolarizedPoints:
    """Events, or cells of them, as vectors; n points in g groups.

    Attributes
    ----------
    group : ndarray of int, shape (n,)
        Energy bin, or data set, that a point belongs to.
    groups : int
    number : ndarray, shape (n,)
        Events of a point.
    x : ndarray, shape (n, 2)
        Mean of mu (q, u) / 2.
    scatter : ndarray, shape (n, 3), or None
        Sums over the events of (dx_1^2, dx_1 dx_2, dx_2^2) about the mean; None where each point
        is one event.
    source : ndarray, shape (n,), or None
        Probability that an event is of the source and not of the background; None: all are.
    fraction : ndarray of int, shape (n,), or None
        Which of m numbers ``source`` follows from, -1 for none.
    slope : ndarray, shape (n,), or None
        Derivative of ``source`` by this number.
    fraction_variance : ndarray, shape (m,), or None
        Variances of the numbers, each of one group.
    """

    group: np.ndarray
    groups: int
    number: np.ndarray
    x: np.ndarray
    scatter: np.ndarray | None = None
    source: np.ndarray | None = None
    fraction: np.ndarray | None = None
    slope: np.ndarray | None = None
    fraction_variance: np.ndarray | None = None

    @classmethod
    def of_events(
        cls, group: np.ndarray, groups: int, q: np.ndarray, u: np.ndarray, modulation: np.ndarray
    ) -> PolarizedPoints:
        """Return one point an event.

        Parameters
        ----------
        group : ndarray of int, shape (n,)
        groups : int
        q, u : ndarray, shape (n,)
            2 cos 2 psi, 2 sin 2 psi.
        modulation : ndarray, shape (n,)
            Modulation factor that each event has.
        """
        x = 0.5 * modulation[:, None] * np.stack([q, u], axis=1)
        return cls(np.asarray(group), groups, np.ones(len(x)), x)

    @classmethod
    def of_cells(
        cls, sums: ChannelSums, group: np.ndarray, groups: int, factor: np.ndarray
    ) -> tuple[PolarizedPoints, np.ndarray]:
        """Return one point a sector of a channel, where there are events.

        Parameters
        ----------
        sums : ChannelSums
            Of events without weights, arrays (d, c, s) of detectors, channels and `sectors`.
        group : ndarray of int, shape (c,)
            Negative for channels that are left out.
        groups : int
        factor : ndarray, shape (d, c)
            Modulation factor.

        Returns
        -------
        points : PolarizedPoints
        channel : ndarray of int, shape (n,)
            Of each point.
        """
        filled = (sums.counts > 0) & (group >= 0)[:, None] & np.isfinite(factor)[..., None]
        detector, channel, _ = np.nonzero(filled)
        n = sums.counts[filled]
        half = 0.5 * factor[detector, channel]
        q, u = sums.q[filled] / n, sums.u[filled] / n
        about = np.stack(
            [sums.qq[filled] - n * q * q, sums.qu[filled] - n * q * u, sums.uu[filled] - n * u * u],
            axis=1,
        )
        points = cls(
            group[channel], groups, n, half[:, None] * np.stack([q, u], axis=1),
            half[:, None] ** 2 * about,
        )  # fmt: skip
        return points, channel

    def mixed(
        self, source: np.ndarray, fraction: np.ndarray | None = None,
        slope: np.ndarray | None = None, variance: np.ndarray | None = None,
    ) -> PolarizedPoints:  # fmt: skip
        """Return the same events, of the source with a probability only."""
        return replace(
            self, source=source, fraction=fraction, slope=slope, fraction_variance=variance
        )

    def of_groups(self, chosen: np.ndarray) -> PolarizedPoints:
        """Return the points of some groups, which are numbered anew; fractions are dropped."""
        number = np.full(self.groups, -1)
        number[chosen] = np.arange(len(chosen))
        mask = number[self.group] >= 0
        return PolarizedPoints(
            number[self.group[mask]], len(chosen), self.number[mask], self.x[mask],
            None if self.scatter is None else self.scatter[mask],
            None if self.source is None else self.source[mask],
        )  # fmt: skip

    def total(self, values: np.ndarray) -> np.ndarray:
        """Sum values of points, shape (n,), over each group."""
        return np.bincount(self.group, values, self.groups)


def joined(parts: Sequence[PolarizedPoints]) -> PolarizedPoints:
    """Return the points of several, all with probabilities; fractions are those of the first."""
    sources = [np.ones(len(p.x)) if p.source is None else p.source for p in parts]
    scatters = [np.zeros((len(p.x), 3)) if p.scatter is None else p.scatter for p in parts]
    first = parts[0]
    rest = sum(len(p.x) for p in parts[1:])

    def extended(values: np.ndarray | None, fill: float) -> np.ndarray | None:
        return None if values is None else np.concatenate([values, np.full(rest, fill)])

    fraction = extended(first.fraction, -1)
    return PolarizedPoints(
        np.concatenate([p.group for p in parts]), first.groups,
        np.concatenate([p.number for p in parts]), np.concatenate([p.x for p in parts]),
        np.concatenate(scatters) if any(p.scatter is not None for p in parts) else None,
        np.concatenate(sources), None if fraction is None else fraction.astype(int),
        extended(first.slope, 0.0), first.fraction_variance,
    )  # fmt: skip


def sector_of(q: np.ndarray, u: np.ndarray, sectors: int = SECTORS) -> np.ndarray:
    """Return which sector of 2 psi events are in."""
    turn = np.arctan2(u, q) * (sectors / (2 * np.pi)) + sectors / 2
    return np.minimum(turn.astype(np.int64), sectors - 1)
