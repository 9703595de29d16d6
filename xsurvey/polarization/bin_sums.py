"""Sums over energy bins of what events tell of the Stokes parameters at the source."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from xsurvey.errors import InputError, ParameterError
from xsurvey.polarization.channel_sums import ChannelSums
from xsurvey.polarization.modulation import Modulation

POWERS = {
    **dict.fromkeys(("i", "q", "u", "modulation", "energy"), 1),
    **dict.fromkeys(("weight2", "q_weight2", "u_weight2", "qq", "qu", "uu"), 2), "quartic": 4,
}  # fmt: skip
"""Of which power of an event's weight sums are, and so of the scale that events are added with."""

_ROUNDING = 1e-6  # keV, by which an edge may miss the middle of a channel


@dataclass(frozen=True)
class BinSums:
    """Sums over the events of energy bins; arrays have shape (n,), or (b, n).

    An event's weight is ``w a``: that of the file or 1, times the inverse of the effective area
    where the acceptance is corrected for. Its Stokes parameters are ``q / mu`` and ``u / mu``.

    Attributes
    ----------
    energy_min, energy_max : ndarray, shape (n,)
        keV; a bin holds the channels whose middles are above the one and not above the other.
    counts : ndarray
        Events; with a background those of the source region.
    i, q, u : ndarray
        Sums of w a, w a q/mu and w a u/mu, background subtracted.
    modulation, energy : ndarray
        Sums of w a mu and of w a times energy.
    weight2 : ndarray
        Sum of (w a)^2; this and what follows has the background's share added, not subtracted.
    q_weight2, u_weight2 : ndarray
        Sums of (w a)^2 q/mu and u/mu.
    qq, qu, uu : ndarray
        Sums of (w a)^2 (q/mu)^2, (w a)^2 q u/mu^2 and (w a)^2 (u/mu)^2.
    quartic : ndarray
        Sum of (w a)^4 (2/mu)^4: fourth powers of what each event adds to (Q, U), without its phase;
        the background's share, with the fourth power of its scale, added.
    gross : ndarray
        Effective number of events before a background was subtracted.
    """

    energy_min: np.ndarray
    energy_max: np.ndarray
    counts: np.ndarray
    i: np.ndarray
    q: np.ndarray
    u: np.ndarray
    modulation: np.ndarray
    energy: np.ndarray
    weight2: np.ndarray
    q_weight2: np.ndarray
    u_weight2: np.ndarray
    qq: np.ndarray
    qu: np.ndarray
    uu: np.ndarray
    quartic: np.ndarray
    gross: np.ndarray

    def __add__(self, other: BinSums) -> BinSums:
        """Return the sums over the events of both, in the same energy bins.

        ``gross`` is added, too: exact where events have the same mean weight in both.

        Raises
        ------
        ValueError
            The bins are not the same.
        """
        edges = ("energy_min", "energy_max")
        if not all(np.array_equal(getattr(self, n), getattr(other, n)) for n in edges):
            raise ValueError("sums of different energy bins are not added")
        return BinSums(*(
            getattr(self, f.name) + (0 if f.name in edges else getattr(other, f.name))
            for f in fields(self)
        ))  # fmt: skip

    def of_bins(self, chosen: np.ndarray) -> BinSums:
        """Return the sums of some bins: their places, or a mask."""
        return BinSums(*(getattr(self, f.name)[..., chosen] for f in fields(self)))


def check_edges(edges: np.ndarray, modulation: Modulation) -> np.ndarray:
    """Return edges of energy bins that can be used.

    Raises
    ------
    ParameterError
        They are fewer than two, do not rise, or reach beyond the energies of the responses.
    """
    edges = np.asarray(edges, float)
    if edges.ndim != 1 or len(edges) < 2 or not np.all(np.diff(edges) > 0):
        raise ParameterError(
            "ebins", "are not two or more rising energies", "write them as 2,4,6,8 (keV)"
        )
    low, high = modulation.range()
    if edges[0] < low - _ROUNDING or edges[-1] > high + _ROUNDING:
        raise ParameterError(
            "ebins", f"reach from {edges[0]:g} to {edges[-1]:g} keV, but the responses from "
            f"{low:.4g} to {high:.4g}", "choose energies between these",
        )  # fmt: skip
    return edges


def channels_in_bins(energy: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Tell which channels belong to which bins, shape (c, n): middles in (lower, upper]."""
    middle = energy[:, None]
    low, high = edges[:-1] + _ROUNDING, edges[1:] + _ROUNDING
    return np.asarray((middle > low) & (middle <= high))


def bin_sums(
    sums: ChannelSums, modulation: Modulation, edges: np.ndarray, acceptance: bool = True
) -> BinSums:
    """Sum channels and detectors into energy bins.

    Parameters
    ----------
    sums : ChannelSums
        Arrays (d, c) or (b, d, c).
    modulation : Modulation
        Of the same detectors and channels.
    edges : ndarray, shape (n + 1,)
        keV.
    acceptance : bool
        Whether to weight by the inverse of the effective area: what is measured is then the
        polarization of the photons that arrive, and not of those that are detected.

    Raises
    ------
    ParameterError
        As `check_edges`.
    InputError
        A channel within the bins has events and no modulation factor.
    """
    edges = check_edges(edges, modulation)
    member = channels_in_bins(modulation.energy, edges)
    usable = modulation.usable() & member.any(axis=1)
    lost = sums.counts * (member.any(axis=1) & ~usable)
    if lost.any():
        raise InputError(
            modulation.name or "responses", f"have no modulation factor for {lost.sum():.0f} "
            "events within the energy bins", "choose other bins",
        )  # fmt: skip
    mu = np.where(usable, modulation.factor, 1.0)
    area = np.where(usable, modulation.effective_area, 1.0) if acceptance else np.ones_like(mu)
    a = np.where(usable, 1 / area, 0.0)
    inside = member.astype(float)

    def total(values: np.ndarray, factor: np.ndarray) -> np.ndarray:
        return np.asarray((values * factor).sum(axis=-2) @ inside)

    weight, weight2 = total(sums.weight, a), total(sums.weight2, a * a)
    with np.errstate(divide="ignore", invalid="ignore"):
        gross = np.where(weight2 > 0, weight**2 / weight2, 0.0)
    return BinSums(
        energy_min=edges[:-1], energy_max=edges[1:],
        counts=total(sums.counts, usable.astype(float)), i=weight,
        q=total(sums.q, a / mu), u=total(sums.u, a / mu),
        modulation=total(sums.weight, a * mu), energy=total(sums.weight, a * modulation.energy),
        weight2=weight2, q_weight2=total(sums.q_weight2, a * a / mu),
        u_weight2=total(sums.u_weight2, a * a / mu), qq=total(sums.qq, (a / mu) ** 2),
        qu=total(sums.qu, (a / mu) ** 2), uu=total(sums.uu, (a / mu) ** 2),
        quartic=16 * total(sums.weight4, (a / mu) ** 4), gross=gross,
    )  # fmt: skip
