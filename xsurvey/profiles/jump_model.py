r"""Brightness of gas whose density is a broken power law with a jump: shocks and cold fronts.

.. math::

   n = n_0 (r/r_j)^{-\alpha_1} \;(r < r_j), \qquad n = (n_0 / C) (r/r_j)^{-\alpha_2} \;(r > r_j)

(as Owers et al. 2009, ApJ 704, 1349), and an emissivity proportional to its square, integrated
along the line of sight. Outside of the jump that is a power law; inside, the outer gas in front and
behind is an incomplete beta function, and the inner gas a smooth integral over
:math:`r = R \cosh t`. The norm is :math:`\epsilon(r_j^-) r_j`, a brightness.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from xsurvey.profiles.brightness_models import (
    BACKGROUND,
    NORM,
    ModelParameter,
    radii_between,
)

_NODE, _WEIGHT = np.polynomial.legendre.leggauss(32)
_NODE, _WEIGHT = (_NODE + 1) / 2, _WEIGHT / 2
_BIN_NODE, _BIN_WEIGHT = np.polynomial.legendre.leggauss(6)
_BIN_NODE, _BIN_WEIGHT = (_BIN_NODE + 1) / 2, _BIN_WEIGHT / 2
_SMALLEST = 1e-5
"""Of the jump's radius: smaller radii are as the centre."""


class BrokenPowerLawModel:
    """A broken power law in density with a jump, projected, and a background; see the module."""

    name = "broken_power_law"
    parameters = (
        NORM, ModelParameter("alpha1", "shape", -1.0, 1.4),
        # what is in front converges above 1/2
        ModelParameter("alpha2", "shape", 0.51, 5.0), ModelParameter("rj", "radius", inside=True),
        ModelParameter("jump", "shape", 0.1, 10.0), BACKGROUND,
    )  # fmt: skip

    def brightness(self, theta: np.ndarray, radius: np.ndarray) -> np.ndarray:
        """Return the brightness, shape (b, n); radii are positive."""
        norm, alpha1, alpha2, rj, jump, background = np.asarray(theta, float).T[:, :, None]
        x = np.asarray(radius, float) / rj
        shape = _outer(x, alpha2) / jump**2 + _inner(x, alpha1)
        return norm * shape + background

    def averages(self, theta: np.ndarray, edges: np.ndarray) -> np.ndarray:
        """Return averages over annuli, shape (b, n); a bin may hold the jump."""
        norm, alpha1, alpha2, rj, jump, background = np.asarray(theta, float).T[:, :, None]
        x = np.asarray(edges, float) / rj
        inside = np.minimum(x, 1.0)
        total = np.diff(_inner_light(inside, alpha1), axis=1)
        total += _outer_light_inside(inside, alpha2) / jump**2
        outside = np.maximum(x, 1.0)
        total += _outer_light_outside(outside, alpha2) / jump**2
        return norm * total / np.diff(x**2, axis=1) + background

    def shapes(self, edges: np.ndarray) -> np.ndarray:
        """Return starts with the jump at many radii."""
        middles = np.sqrt(edges[1:] * np.maximum(edges[:-1], 0.3 * edges[1:]))
        radii = np.unique(np.concatenate((radii_between(edges, 8), middles[1:-1])))
        return np.array([
            [1, 0.5, 1.2, rj, jump, 0] for rj in radii for jump in (1.2, 2.0)
        ])  # fmt: skip


def _beta_integral(x: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return the incomplete beta function of x^2 with alpha - 1/2 and 1/2, not normalised."""
    a = alpha - 0.5
    return special.betainc(a, 0.5, np.clip(x, 0, 1) ** 2) * special.beta(a, 0.5)


def _outer(x: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return the brightness of r^(-2 alpha) beyond radius 1 at projected radii x."""
    x = np.maximum(x, _SMALLEST)
    return x ** (1 - 2 * alpha) * _beta_integral(np.minimum(x, 1.0), alpha)


def _inner(x: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return the brightness of r^(-2 alpha) within radius 1 at projected radii x."""
    x = np.clip(x, _SMALLEST, 1.0)
    end = np.arccosh(1 / x)
    along = x[..., None] * np.cosh(end[..., None] * _NODE)
    return 2 * end * (along ** (1 - 2 * alpha[..., None]) @ _WEIGHT)


def _inner_light(x: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    r"""Return twice the light of r^(-2 alpha) within radius 1 seen within x, over 2 pi.

    Its shells send :math:`1 - \sqrt{1 - x^2/r^2}` of their light through a circle of radius x:
    what does not come through is :math:`\int_x^1 r^{1-2\alpha} \sqrt{r^2 - x^2}\, dr`.
    """
    small = x < _SMALLEST
    safe = np.where(small, 1.0, x)
    end = np.arccosh(1 / safe)[..., None]
    t = end * _NODE
    missed = np.cosh(t) ** (1 - 2 * alpha[..., None]) * np.sinh(t) ** 2
    missed = safe ** (3 - 2 * alpha) * end[..., 0] * (missed @ _WEIGHT)
    everything = 1 / (3 - 2 * alpha)
    return 4 * (everything - np.where(small, everything, missed))


def _outer_light_inside(x: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return the integral of the outer gas over x^2 in annuli inside radius 1, shape (b, n).

    Smooth in v = sqrt(1 - x^2), the half length of the line of sight in the inner gas.
    """
    v = np.sqrt(1 - x**2)
    low, width = v[:, 1:, None], (v[:, :-1] - v[:, 1:])[..., None]
    nodes = low + width * _BIN_NODE
    brightness = _outer(np.sqrt(np.maximum(1 - nodes**2, 0)), alpha[..., None])
    return ((brightness * 2 * nodes) @ _BIN_WEIGHT) * width[..., 0]


def _outer_light_outside(x: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return the integral of the outer gas over x^2 in annuli outside radius 1, shape (b, n)."""
    integral = special.boxcox(x, 3 - 2 * alpha)
    return 2 * special.beta(alpha - 0.5, 0.5) * np.diff(integral, axis=1)
