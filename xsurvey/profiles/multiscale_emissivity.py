r"""Emissivities of spheres with slopes that change on all scales.

The logarithmic slope :math:`p = -d\ln\varepsilon/d\ln r` is a function of :math:`x = \ln r` between
two limits,

.. math:: p(x) = p_0 + (p_1 - p_0)\,/\,(1 + e^{-g(x)}), \qquad g(x) = \bar g + \sum_k z_k L_k(x),

and g a Gaussian process with the covariance :math:`\sigma^2 e^{-(x - x')^2 / 2 \ell^2}`. The
functions L are its midpoint construction (that of Levy for Brownian motion): those of the ends of
the range, of its middle, of the middles of its halves, and so on, each narrower and of smaller
amplitude than those before. With z of a standard normal distribution profiles are as smooth as the
covariance says unless the data want otherwise; where the data say nothing their uncertainty grows
with the distance in ln r.

The process is a smooth one: rough ones (Matern of 3/2) have slopes that tremble within an e-fold,
as those of the gas of clusters do not, and intervals of densities that are wider than their errors
(docs/deprojection.md).

Sums of King functions with positive coefficients (Eckert et al. 2020, Open Journal of Astrophysics
3, 12) span about the same profiles. Of many counts, however, they know the sum of neighbouring
coefficients much better than each of them, along a curve in their logarithms, which no sampler
follows quickly; slopes at different radii have hardly any such degeneracy.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

_JITTER = 1e-6


@dataclass(frozen=True)
class SlopePrior:
    """What slopes are like without data; those of the emissivity, twice those of the density.

    Attributes
    ----------
    shallowest, steepest : float
        Limits of the slope; negative where emissivities rise outward.
    middle : float
        Its median.
    spread : float
        Sigma of the process g: 1.25 is nearly flat between the limits.
    length : float
        Correlation length of the process, e-folds of radius.
    """

    shallowest: float = -1.0
    steepest: float = 10.0
    middle: float = 4.0
    spread: float = 1.25
    length: float = 1.0


@dataclass(frozen=True)
class MultiscaleEmissivity:
    """Emissivities at J radii, from a level and K numbers z.

    Attributes
    ----------
    knots : ndarray, shape (K,)
        arcmin, ascending, even in ln r; slopes are linear in ln r between them and constant
        beyond the last. Inside of the first the emissivity is constant.
    pivot : float
        arcmin, where ln of the emissivity is the level.
    prior : SlopePrior
    """

    knots: np.ndarray
    pivot: float
    prior: SlopePrior

    @cached_property
    def functions(self) -> np.ndarray:
        """The functions L at the knots, shape (K knots, K functions)."""
        x = np.log(self.knots)
        distance = (x[:, None] - x) / self.prior.length
        covariance = self.prior.spread**2 * np.exp(-(distance**2) / 2)
        order = _dyadic(len(x))
        # the triangular root in this order is the midpoint construction
        root = np.linalg.cholesky(covariance[np.ix_(order, order)] + _JITTER * np.eye(len(x)))
        functions = np.empty_like(root)
        functions[order] = root
        return functions

    @property
    def _mean(self) -> float:
        p = self.prior
        return float(np.log((p.middle - p.shallowest) / (p.steepest - p.middle)))

    def slopes(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return slopes p at the knots and their derivatives by g, (b, K) each, of z (b, K)."""
        p = self.prior
        with np.errstate(over="ignore"):
            share = 1 / (1 + np.exp(-(self._mean + z @ self.functions.T)))
        span = p.steepest - p.shallowest
        return p.shallowest + span * share, span * share * (1 - share)

    def interpolation(self, radius: np.ndarray) -> np.ndarray:
        """Return the matrix from slopes at the knots to those at radii, (n, K)."""
        x, knots = np.log(np.asarray(radius, float)), np.log(self.knots)
        inside = x < knots[0] - 1e-9
        return np.where(
            inside[:, None],
            0.0,
            np.array([np.interp(x, knots, row) for row in np.eye(len(knots))]).T,
        )

    def integrals(self, radius: np.ndarray) -> np.ndarray:
        """Return the matrix from slopes at the knots to ln of pivot's over radius' emissivity."""
        x, knots = np.log(np.asarray(radius, float)), np.log(self.knots)
        return _integrated_hats(x, knots) - _integrated_hats(np.log([self.pivot]), knots)


def _dyadic(n: int) -> np.ndarray:
    """Return the order of both ends, the middle, the middles of the halves, and so on."""
    order, intervals = [0, n - 1], [(0, n - 1)]
    while intervals:
        following = []
        for low, high in intervals:
            if high - low > 1:
                middle = (low + high) // 2
                order.append(middle)
                following += [(low, middle), (middle, high)]
        intervals = following
    return np.array(order)


def _integrated_hats(x: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Return integrals from the first knot to x (n,) of linear interpolation, shape (n, K).

    Zero before the first knot: nothing is resolved there, and a cusp that may be steep inside of it
    would be told by the few counts of the first bin alone.
    """
    result = np.zeros((len(x), len(knots)))
    for k in range(len(knots) - 1):
        width = knots[k + 1] - knots[k]
        t = np.clip((x - knots[k]) / width, 0, 1)
        result[:, k] += width * (t - t**2 / 2)
        result[:, k + 1] += width * t**2 / 2
    result[:, -1] += np.maximum(x - knots[-1], 0)
    return result
