r"""Energy distributions of particles, as numbers that stand at the nodes of a grid.

A distribution is made of smooth pieces, each cut at two Lorentz factors. What a node stands for is
the sum over pieces of its weight in the integral over d(ln gamma) times gamma n(gamma), so that
:math:`\sum_j N_j f(\gamma_j) = \int n(\gamma) f(\gamma) d\gamma` to the fourth order of the step,
wherever breaks and cuts are. Pieces are evaluated at up to three nodes beyond their cuts.

Names and normalisations are those of agnpy (Nigro et al. 2022, A&A 660, A18).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from xsurvey.inference.parameter_set import FitParameter
from xsurvey.sed.fit_parameters import flat, held
from xsurvey.sed.grids import LogGrid
from xsurvey.sed.particles.cooling import Losses, Source, steady_numbers, steady_state

_STEPS = 20  # a decade, in which cooling particles are followed
_LARGEST = 600.0  # of natural logarithms: e^600 is a number still


@dataclass(frozen=True)
class Piece:
    """A part of a distribution without breaks.

    Attributes
    ----------
    low, high : ndarray, shape (b,)
        Lorentz factors at which it is cut.
    ln_density : callable
        ln n of ln gamma, (b, g) or (g,) to (b, g); smooth beyond both cuts, too.
    """

    low: np.ndarray
    high: np.ndarray
    ln_density: Callable[[np.ndarray], np.ndarray]


class Distribution(ABC):
    """Particles per cm3 and unit of the Lorentz factor.

    Attributes
    ----------
    name : str
        As users write it.
    description : str
        The formula.
    parameters : tuple of FitParameter
        In the order of the columns of theta.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    parameters: ClassVar[tuple[FitParameter, ...]]

    @abstractmethod
    def density(self, theta: np.ndarray, gamma: np.ndarray) -> np.ndarray:
        """Return n(gamma) in cm^-3.

        Parameters
        ----------
        theta : ndarray, shape (b, p)
        gamma : ndarray, shape (g,)

        Returns
        -------
        ndarray, shape (b, g)
        """

    @abstractmethod
    def numbers(
        self, theta: np.ndarray, grid: LogGrid, ln_shift: np.ndarray | None = None
    ) -> np.ndarray:
        r"""Return how many particles per cm3 stand at each node.

        Parameters
        ----------
        theta : ndarray, shape (b, p)
        grid : LogGrid
            Of Lorentz factors; particles beyond its limits are left out.
        ln_shift : ndarray, shape (b,), optional
            ln of a factor by which all nodes are shifted.

        Returns
        -------
        ndarray, shape (b, g)
            :math:`N_j` of :math:`\sum_j N_j f(\gamma_j) = \int n f d\gamma`.
        """


class PiecewiseDistribution(Distribution):
    """A distribution made of smooth pieces, zero beyond gamma_min and gamma_max."""

    @abstractmethod
    def pieces(self, theta: np.ndarray) -> list[Piece]:
        """Return the pieces of distributions with the parameters theta, shape (b, p)."""

    def density(self, theta: np.ndarray, gamma: np.ndarray) -> np.ndarray:
        """Return n(gamma), as `Distribution.density`."""
        result = np.zeros((len(theta), len(gamma)))
        for piece in self.pieces(theta):
            inside = (gamma >= piece.low[:, None]) & (gamma < piece.high[:, None])
            result += np.where(inside, _exp(piece.ln_density(np.log(gamma))), 0.0)
        return result

    def numbers(
        self, theta: np.ndarray, grid: LogGrid, ln_shift: np.ndarray | None = None
    ) -> np.ndarray:
        """Return particles at nodes, as `Distribution.numbers`."""
        shift = np.zeros(len(theta)) if ln_shift is None else ln_shift
        ln_gamma = grid.ln + shift[:, None]
        result = np.zeros((len(theta), len(grid)))
        for piece in self.pieces(theta):
            weights = grid.weights(piece.low * np.exp(-shift), piece.high * np.exp(-shift))
            result += weights * _exp(piece.ln_density(ln_gamma) + ln_gamma)
        return result


def _exp(ln: np.ndarray) -> np.ndarray:
    # far beyond its cuts, where it has no weight, a piece may be larger than any number
    return np.exp(np.clip(ln, -_LARGEST, _LARGEST))


def _index(name: str, value: float, where: str = "") -> FitParameter:
    return flat(name, value, -1, 7, 0.03, f"index of the distribution{where}")


LOG10_K = flat("log10_k", -3.0, -20, 10, 0.05, "log10 of the density's norm", "log10(cm-3)")
LOG10_GAMMA_B = flat("log10_gamma_b", 4.0, 0, 9, 0.03, "log10 of the Lorentz factor of the break")
LOG10_GAMMA_C = flat("log10_gamma_c", 5.0, 0, 9, 0.03, "log10 of the Lorentz factor of the cutoff")
GAMMA_MIN = held("gamma_min", 100.0, 1, 1e6, "lowest Lorentz factor")
GAMMA_MAX = held("gamma_max", 1e6, 10, 1e9, "highest Lorentz factor")
GAMMA_0 = held("gamma_0", 1e3, 1, 1e9, "Lorentz factor at which the index is p")


class PowerLaw(PiecewiseDistribution):
    """One index between two energies."""

    name = "power-law"
    description = "k gamma^-p"
    parameters = (LOG10_K, _index("p", 2.2), GAMMA_MIN, GAMMA_MAX)

    def pieces(self, theta: np.ndarray) -> list[Piece]:
        """Return the one piece of theta: log10_k, p, gamma_min, gamma_max."""
        log10_k, p, low, high = theta.T
        return [Piece(low, high, lambda ln: _power(log10_k, p, ln))]


class BrokenPowerLaw(PiecewiseDistribution):
    """Two indices, and a sharp break."""

    name = "broken-power-law"
    description = "k (gamma/gamma_b)^-p1 below gamma_b, k (gamma/gamma_b)^-p2 above"
    parameters = (
        LOG10_K, _index("p1", 2.0, " below the break"),
        _index("p2", 3.5, " above the break"), LOG10_GAMMA_B, GAMMA_MIN, GAMMA_MAX
    )  # fmt: skip

    def pieces(self, theta: np.ndarray) -> list[Piece]:
        """Return two, of theta: log10_k, p1, p2, log10_gamma_b, gamma_min, gamma_max."""
        log10_k, p1, p2, log10_break, low, high = theta.T
        ln_break = log10_break[:, None] * np.log(10)
        middle = np.clip(10**log10_break, low, high)
        return [
            Piece(low, middle, lambda ln: _power(log10_k, p1, ln - ln_break)),
            Piece(middle, high, lambda ln: _power(log10_k, p2, ln - ln_break)),
        ]


class LogParabola(PiecewiseDistribution):
    """An index that grows with the logarithm of the energy."""

    name = "log-parabola"
    description = "k (gamma/gamma_0)^-(p + q log10(gamma/gamma_0))"
    parameters = (
        LOG10_K, _index("p", 2.2),
        flat("q", 0.2, -1, 3, 0.02, "curvature: change of the index over half a decade"), GAMMA_0,
        GAMMA_MIN, GAMMA_MAX,
    )  # fmt: skip

    def pieces(self, theta: np.ndarray) -> list[Piece]:
        """Return the one piece of theta: log10_k, p, q, gamma_0, gamma_min, gamma_max."""
        log10_k, p, q, gamma_0, low, high = theta.T

        def ln_density(ln: np.ndarray) -> np.ndarray:
            ratio = ln - np.log(gamma_0)[:, None]
            return _power(log10_k, p, ratio) - q[:, None] / np.log(10) * ratio**2

        return [Piece(low, high, ln_density)]


class CutoffPowerLaw(PiecewiseDistribution):
    """A power law with an exponential end."""

    name = "exponential-cutoff-power-law"
    description = "k gamma^-p exp(-gamma/gamma_c)"
    parameters = (LOG10_K, _index("p", 2.2), LOG10_GAMMA_C, GAMMA_MIN, GAMMA_MAX)

    def pieces(self, theta: np.ndarray) -> list[Piece]:
        """Return the one piece of theta: log10_k, p, log10_gamma_c, gamma_min, gamma_max."""
        log10_k, p, log10_cutoff, low, high = theta.T
        ln_cutoff = log10_cutoff[:, None] * np.log(10)
        return [Piece(low, high, lambda ln: _power(log10_k, p, ln) - np.exp(ln - ln_cutoff))]


class CutoffBrokenPowerLaw(PiecewiseDistribution):
    """Two indices with a sharp break, and an exponential end."""

    name = "exponential-cutoff-broken-power-law"
    description = (
        "k (gamma/gamma_b)^-p1 exp(-gamma/gamma_c) below gamma_b, "
        "k (gamma/gamma_b)^-p2 exp(-gamma/gamma_c) above"
    )
    parameters = (
        LOG10_K, _index("p1", 2.0, " below the break"),
        _index("p2", 3.0, " above the break"), LOG10_GAMMA_B, LOG10_GAMMA_C, GAMMA_MIN,
        GAMMA_MAX,
    )  # fmt: skip

    def pieces(self, theta: np.ndarray) -> list[Piece]:
        """Return two: log10_k, p1, p2, log10_gamma_b, log10_gamma_c, gamma_min, gamma_max."""
        ln_cutoff = theta[:, 4:5] * np.log(10)

        def with_cutoff(piece: Piece) -> Piece:
            return Piece(
                piece.low, piece.high, lambda ln: piece.ln_density(ln) - np.exp(ln - ln_cutoff)
            )

        return [with_cutoff(p) for p in BrokenPowerLaw().pieces(np.delete(theta, 4, axis=1))]


class CooledPowerLaw(Distribution):
    """A power law that is injected, and loses energy by synchrotron emission until it escapes.

    The steady state of Q = k gamma^-p / t_esc: k gamma^-p below gamma_cool, where particles escape
    first, and k gamma_cool gamma^-(p + 1) / (p - 1) above it; and if gamma_cool is below gamma_min,
    a tail as gamma^-2 below gamma_min.
    """

    name = "cooled-power-law"
    description = (
        "injected k gamma^-p / t_esc in balance with escape, t_esc, and losses that take as "
        "long at gamma_cool and as gamma^2"
    )
    parameters = (
        LOG10_K, _index("p", 2.2, " that is injected"),
        flat(
            "log10_gamma_cool", 4.0, -1, 10, 0.03,
            "log10 of the Lorentz factor of particles that cool while they escape",
        ),
        held("gamma_min", 100.0, 1, 1e6, "lowest Lorentz factor that is injected"),
        held("gamma_max", 1e6, 10, 1e9, "highest Lorentz factor that is injected"),
    )  # fmt: skip

    def density(self, theta: np.ndarray, gamma: np.ndarray) -> np.ndarray:
        """Return n(gamma), as `Distribution.density`; not zero below gamma_min."""
        source, losses = self._balance(theta)
        steps = LogGrid(np.min(gamma) * 0.5, max(np.max(gamma), source.high.max()) * 2, _STEPS)
        ln, place = np.unique(np.append(np.log(gamma), steps.ln), return_inverse=True)
        n = steady_state([source], losses, np.broadcast_to(ln, (len(theta), len(ln))))
        return n[:, place[: len(gamma)]] * (np.asarray(gamma) >= 1)

    def numbers(
        self, theta: np.ndarray, grid: LogGrid, ln_shift: np.ndarray | None = None
    ) -> np.ndarray:
        """Return particles at nodes, as `Distribution.numbers`."""
        source, losses = self._balance(theta)
        return steady_numbers([source], losses, grid, ln_shift)

    def _balance(self, theta: np.ndarray) -> tuple[Source, Losses]:
        """Return what is injected and lost in units of 1 / t_esc."""
        log10_k, p, log10_cool, low, high = theta.T
        one = np.ones(len(theta))
        source = Source(low, high, lambda ln: _exp(_power(log10_k, p, ln)))
        return source, Losses(10**-log10_cool, 0 * one, one)


def _power(log10_k: np.ndarray, index: np.ndarray, ln: np.ndarray) -> np.ndarray:
    """Return ln of k x^-index of ln x, shape (b, g)."""
    return log10_k[:, None] * np.log(10) - index[:, None] * ln


DISTRIBUTIONS: dict[str, Distribution] = {
    kind.name: kind()
    for kind in (
        BrokenPowerLaw,
        PowerLaw,
        LogParabola,
        CutoffPowerLaw,
        CutoffBrokenPowerLaw,
        CooledPowerLaw,
    )
}
"""Distributions by name."""
