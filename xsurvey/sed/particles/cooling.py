r"""Particles in a steady state between injection, losses of energy, and escape.

.. math:: \frac{d}{d\gamma}(\dot\gamma N) + \frac{N}{t_{esc}} = Q, \qquad
   -\dot\gamma = a \gamma^2 + c \gamma

has the solution (Kardashev 1962; Dermer & Menon 2009, appendix C)

.. math:: N(\gamma) = \frac{1}{|\dot\gamma|} \int_\gamma^\infty Q(\gamma') e^{-F} d\gamma', \qquad
   F = \int_\gamma^{\gamma'} \frac{dg}{t_{esc}\,|\dot\gamma(g)|}
     = \frac{1}{c\,t_{esc}} \ln\left[1 + \frac{c (\gamma' - \gamma)}{\gamma (a\gamma' + c)}\right],

a of synchrotron losses, and of scattering in the Thomson regime, c of expansion. Between two places
the integrand is summed at nodes of a variable in which exp(-F) is nearly constant: so it is as
good where particles escape long before they cool as where they never escape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from xsurvey.sed.constants import ELECTRON_REST_ENERGY, LIGHT, THOMSON
from xsurvey.sed.grids import TAPS, LogGrid, tap_values

_INJECTED, _INJECTED_WEIGHTS = np.polynomial.legendre.leggauss(3)
_INJECTED, _INJECTED_WEIGHTS = (_INJECTED + 1) / 2, _INJECTED_WEIGHTS / 2
_WITHIN, _WITHIN_WEIGHTS = np.polynomial.legendre.leggauss(4)
_WITHIN, _WITHIN_WEIGHTS = (_WITHIN + 1) / 2, _WITHIN_WEIGHTS / 2
_SMALL = 1e-12


def synchrotron_losses(energy_density: np.ndarray, mass_ratio: float = 1.0) -> np.ndarray:
    r"""Return a of a gamma^2 in 1/s: 4/3 sigma_T c U / (m_e c^2) (m_e / m)^3.

    Parameters
    ----------
    energy_density : ndarray, shape (b,)
        Of the field, and of photons that are scattered in the Thomson regime, erg / cm3.
    mass_ratio : float
        m_e / m.
    """
    return 4 / 3 * THOMSON * LIGHT * mass_ratio**3 / ELECTRON_REST_ENERGY * energy_density


@dataclass(frozen=True)
class Losses:
    """What particles lose, 1/s.

    Attributes
    ----------
    quadratic, linear, escape : ndarray, shape (b,)
        a of a gamma^2, c of c gamma, and 1 / t_esc. One of the former two is positive.
    """

    quadratic: np.ndarray
    linear: np.ndarray
    escape: np.ndarray

    def __post_init__(self) -> None:
        """Refuse negative rates, and particles that lose nothing.

        Raises
        ------
        ValueError
        """
        rates = np.stack([self.quadratic, self.linear, self.escape])
        if not (np.isfinite(rates).all() and (rates >= 0).all()):
            raise ValueError("rates of losses are finite, and not negative")
        if not (rates[:2].sum(axis=0) > 0).all():
            raise ValueError("a steady state with losses needs losses of energy")

    def rate(self, gamma: np.ndarray) -> np.ndarray:
        """Return the loss of Lorentz factor in 1/s of gamma, shape (b, n)."""
        return (self.quadratic[:, None] * gamma + self.linear[:, None]) * gamma

    def time(self, ln_low: np.ndarray, ln_high: np.ndarray) -> np.ndarray:
        """Return the time in s in which particles come from the upper ln gamma, shape (b, n)."""
        linear = self.linear[:, None]
        scale = self.quadratic[:, None] + linear * np.exp(-ln_high)
        # what it would be without c, and log(1 + c d) / c
        d: np.ndarray = np.expm1(ln_high - ln_low) * np.exp(-ln_high) / scale
        if not linear.any():
            return d
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(linear * d > _SMALL, np.log1p(linear * d) / linear, d)

    def before(self, ln_gamma: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Return gamma some time earlier, shape (b, n): the inverse of `time`."""
        linear = self.linear[:, None]
        gamma: np.ndarray = np.exp(ln_gamma)
        if not linear.any():
            return gamma / (1 - self.quadratic[:, None] * gamma * time)
        with np.errstate(invalid="ignore", divide="ignore"):
            d = np.where(linear * time > _SMALL, np.expm1(linear * time) / linear, time)
        return gamma * (1 + linear * d) / (1 - self.quadratic[:, None] * gamma * d)

    def survival(self, ln_low: np.ndarray, ln_high: np.ndarray) -> np.ndarray:
        """Return exp(-F), which part does not escape from one ln gamma to a lower, (b, n)."""
        result: np.ndarray = np.exp(-self.escape[:, None] * self.time(ln_low, ln_high))
        return result


@dataclass(frozen=True)
class Source:
    """Particles that are injected between two Lorentz factors.

    Attributes
    ----------
    low, high : ndarray, shape (b,)
    rate : callable
        Q in 1 / cm3 / s per unit of gamma, of ln gamma, (b, n) to (b, n); smooth between both.
    """

    low: np.ndarray
    high: np.ndarray
    rate: Callable[[np.ndarray], np.ndarray]


def source_at_nodes(grid: LogGrid, rates: np.ndarray) -> Source:
    """Return a source known at the nodes of a grid, interpolated between them.

    Parameters
    ----------
    grid : LogGrid
        Of Lorentz factors.
    rates : ndarray, shape (b, g)
        Q in 1 / cm3 / s per unit of gamma.
    """
    per_ln = rates * grid.nodes
    low, high = (np.full(len(rates), limit) for limit in grid.limits)

    def rate(ln: np.ndarray) -> np.ndarray:
        values: np.ndarray = np.maximum(grid.interpolate(per_ln, ln), 0.0) * np.exp(-ln)
        return values

    return Source(low, high, rate)


def steady_state(sources: Sequence[Source], losses: Losses, ln_gamma: np.ndarray) -> np.ndarray:
    """Return how many particles there are in the steady state.

    Parameters
    ----------
    sources : sequence of Source
    losses : Losses
    ln_gamma : ndarray, shape (b, n)
        Rising; no further apart than particles are to be followed in one step, a tenth of a decade
        or less, up to the highest of the sources.

    Returns
    -------
    ndarray, shape (b, n)
        N per cm3 and unit of gamma.
    """
    below, above = ln_gamma[:, :-1], ln_gamma[:, 1:]
    gained = np.zeros_like(below)
    for source in sources:
        ends = np.log(source.low)[:, None], np.log(source.high)[:, None]
        low, high = np.clip(below, *ends), np.clip(above, *ends)
        gained += losses.survival(below, low) * _injected(source, losses, low, high)
    # from above downwards: what comes from a step higher, and what is injected on the way
    kept = np.ascontiguousarray(losses.survival(below, above).T)
    flow = np.zeros((ln_gamma.shape[1], len(ln_gamma)))
    flow[:-1] = gained.T
    for place in range(len(flow) - 2, -1, -1):
        flow[place] += kept[place] * flow[place + 1]
    return flow.T / losses.rate(np.exp(ln_gamma))


class SteadyStateAtNodes:
    """Steady states at the nodes of a grid, of many sources that are known there.

    What is injected between two nodes is a sum over six, with weights that are those of the losses
    alone: made once.

    Parameters
    ----------
    grid : LogGrid
        Of Lorentz factors.
    losses : Losses
    """

    def __init__(self, grid: LogGrid, losses: Losses) -> None:
        self.grid = grid
        below = np.broadcast_to(grid.ln[2:-3], (len(losses.escape), len(grid) - TAPS + 1))
        above = below + grid.step
        self._kept = np.ascontiguousarray(losses.survival(below, above).T)
        self._rate = losses.rate(np.broadcast_to(grid.nodes, (len(below), len(grid))))
        gamma, scale = _injection_nodes(losses, below, above)
        fraction = np.log(gamma).reshape(*below.shape, -1) - below[..., None]
        taps = tap_values(np.clip(fraction / grid.step, 0, 1))
        # of the source by ln gamma, in place of gamma
        values = (losses.rate(gamma) / gamma).reshape(fraction.shape) * _INJECTED_WEIGHTS
        weights = np.einsum("bcq,bcqt->tcb", values, taps) * scale.T
        self._weights = weights

    def __call__(self, rates: np.ndarray) -> np.ndarray:
        """Return N per cm3 and unit of gamma at the nodes, shape (b, g).

        Parameters
        ----------
        rates : ndarray, shape (b, g)
            Q in 1 / cm3 / s per unit of gamma; what is beyond the third nodes from both ends is
            left out.
        """
        per_ln = np.ascontiguousarray((rates * self.grid.nodes).T)
        cells = len(self._kept)
        gained = self._weights[0] * per_ln[:cells]
        for tap in range(1, TAPS):
            gained += self._weights[tap] * per_ln[tap : tap + cells]
        np.maximum(gained, 0.0, out=gained)
        flow = np.zeros((len(self.grid), rates.shape[0]))
        for cell in range(cells - 1, -1, -1):
            flow[cell + 2] = gained[cell] + self._kept[cell] * flow[cell + 3]
        result: np.ndarray = flow.T / self._rate
        return result


def _injection_nodes(
    losses: Losses, ln_low: np.ndarray, ln_high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return gamma at nodes in exp(-F), (b, n * 3), and what their weighted mean is of, (b, n)."""
    time = losses.time(ln_low, ln_high)
    depth = np.maximum(losses.escape[:, None] * time, _SMALL)
    lost = -np.expm1(-depth)
    # nodes in exp(-F), of which the integrand is Q |rate| alone
    when = time[..., None] * -np.log1p(-lost[..., None] * _INJECTED) / depth[..., None]
    start = np.repeat(ln_low, len(_INJECTED), axis=1)
    return losses.before(start, when.reshape(len(when), -1)), time * lost / depth


def _injected(
    source: Source, losses: Losses, ln_low: np.ndarray, ln_high: np.ndarray
) -> np.ndarray:
    """Return integrals of Q exp(-F) from each lower to each upper end, shape (b, n)."""
    gamma, scale = _injection_nodes(losses, ln_low, ln_high)
    values = source.rate(np.log(gamma)) * losses.rate(gamma)
    result: np.ndarray = (values.reshape(*ln_low.shape, -1) @ _INJECTED_WEIGHTS) * scale
    return result


def steady_numbers(
    sources: Sequence[Source], losses: Losses, grid: LogGrid, ln_shift: np.ndarray | None = None
) -> np.ndarray:
    r"""Return how many particles per cm3 stand at each node in the steady state.

    Parameters
    ----------
    sources : sequence of Source
        The ends of one are not within another.
    losses : Losses
    grid : LogGrid
        Of Lorentz factors; particles below its limits, and below 1, are left out.
    ln_shift : ndarray, shape (b,), optional
        ln of a factor by which all nodes are shifted.

    Returns
    -------
    ndarray, shape (b, g)
        :math:`N_j` of :math:`\sum_j N_j f(\gamma_j) = \int N f d\gamma`.
    """
    count = len(losses.escape)
    shift = np.zeros((count, 1)) if ln_shift is None else ln_shift[:, None]
    edges = grid.ln[2:-2] + shift
    ends = (
        np.log(np.min([source.low for source in sources], axis=0))[:, None],
        np.log(np.max([source.high for source in sources], axis=0))[:, None],
    )
    result = np.zeros((count, len(grid)))
    # where particles are injected, and where they only come to: N has a kink between
    body = _Cells.between(edges, *ends)
    points = np.hstack([ends[0], body.points, ends[1]])
    density = steady_state(sources, losses, points)
    body.add(result, density[:, 1:-1])
    tail = _Cells.between(edges, np.zeros_like(ends[0]), ends[0])
    bottom = np.exp(ends[0])
    flow = density[:, :1] * losses.rate(bottom)
    survival = losses.survival(np.minimum(tail.points, ends[0]), ends[0])
    tail.add(result, flow * survival / losses.rate(np.exp(tail.points)))
    return result


@dataclass(frozen=True)
class _Cells:
    """Nodes within the cells of a grid, of which a part may be cut off.

    Attributes
    ----------
    edges : ndarray, shape (b, c + 1)
        ln gamma of the cells as they are without cuts.
    points : ndarray, shape (b, c * 4)
        ln gamma of the nodes, rising.
    width : ndarray, shape (b, c)
        Of what is left of each cell.
    """

    edges: np.ndarray
    points: np.ndarray
    width: np.ndarray

    @classmethod
    def between(cls, edges: np.ndarray, low: np.ndarray, high: np.ndarray) -> _Cells:
        """Return cells with these edges, (b, c + 1), cut at low and high, (b, 1)."""
        inside = np.clip(edges, low, high)
        width = np.diff(inside)
        points = inside[:, :-1, None] + width[..., None] * _WITHIN
        return cls(edges, points.reshape(len(edges), -1), width)

    def add(self, result: np.ndarray, density: np.ndarray) -> None:
        """Add particles with a density at the points to the six nodes about each."""
        number = (density * np.exp(self.points)).reshape(*self.width.shape, len(_WITHIN))
        by_tap = number @ (_WITHIN_WEIGHTS[:, None] * tap_values(_WITHIN))
        whole = self.edges[0, 1] - self.edges[0, 0]
        cut = np.nonzero((self.width > 0) & (self.width < whole * (1 - 1e-9)))
        points = self.points.reshape(number.shape)[cut]
        taps = tap_values((points - self.edges[:, :-1][cut][:, None]) / whole)
        by_tap[cut] = np.einsum("nk,nkt,k->nt", number[cut], taps, _WITHIN_WEIGHTS)
        by_tap *= self.width[..., None]
        for tap in range(TAPS):
            result[:, tap : tap + by_tap.shape[1]] += by_tap[..., tap]
