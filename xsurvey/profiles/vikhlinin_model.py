r"""Brightness of a cluster whose density has a cusp and a steepening.

.. math::

   \epsilon \propto n_p n_e \propto (r/r_c)^{-\alpha} (1 + (r/r_c)^2)^{-3\beta + \alpha/2}
   (1 + (r/r_s)^\gamma)^{-\varepsilon/\gamma}, \quad \gamma = 3

is the first term of equation 3 of Vikhlinin et al. (2006, ApJ 640, 691), integrated along the line
of sight. The norm is that of the beta model that it is at :math:`\alpha = \varepsilon = 0`.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from xsurvey.profiles.brightness_models import BACKGROUND, NORM, ModelParameter, radii_between
from xsurvey.profiles.line_of_sight import annulus_averages, projected

_GAMMA = 3.0


class VikhlininModel:
    """A projected density with cusp and steepening, and a background; see the module."""

    name = "vikhlinin"
    parameters = (
        NORM, ModelParameter("rc", "radius"),
        # averages around the centre converge below 3; eps < 5 is a condition of the paper
        ModelParameter("alpha", "shape", 0.0, 2.5), ModelParameter("beta", "shape", 0.34, 3.0),
        ModelParameter("rs", "radius"), ModelParameter("epsilon", "shape", 0.0, 5.0), BACKGROUND,
    )  # fmt: skip

    def brightness(self, theta: np.ndarray, radius: np.ndarray) -> np.ndarray:
        """Return the brightness, shape (b, n); radii are positive."""
        theta = np.asarray(theta, float)
        radius = np.asarray(radius, float)
        scales = theta[:, [1, 4]]
        largest = max(float(radius.max(initial=0.0)), float(scales.max(initial=0.0)))
        return self._norm(theta) * self._projected(theta, radius, largest) + theta[:, -1:]

    def averages(self, theta: np.ndarray, edges: np.ndarray) -> np.ndarray:
        """Return averages over annuli, shape (b, n)."""
        theta = np.asarray(theta, float)
        average = annulus_averages(edges)
        shape = average(self._projected(theta, average.grid, average.grid[-1]))
        return self._norm(theta) * shape + theta[:, -1:]

    def shapes(self, edges: np.ndarray) -> np.ndarray:
        """Return starts with and without a cusp, the steepening far out or in the middle."""
        radii = radii_between(edges, 5)
        return np.array([
            [1, rc, alpha, beta, max(rs, 2 * rc), eps, 0]
            for rc in radii[:4] for alpha in (0.1, 1.0) for beta in (0.5, 0.75)
            for rs, eps in ((radii[3], 1.0), (edges[-1], 0.3))
        ])  # fmt: skip

    @staticmethod
    def _norm(theta: np.ndarray) -> np.ndarray:
        """Return the norm over the integral of the beta model's emissivity through its centre."""
        rc, beta = theta[:, 1:2], theta[:, 3:4]
        centre = np.sqrt(np.pi) * np.exp(
            special.gammaln(3 * beta - 0.5) - special.gammaln(3 * beta)
        )
        return theta[:, :1] / (rc * centre)

    @staticmethod
    def _projected(theta: np.ndarray, radius: np.ndarray, largest: float) -> np.ndarray:
        rc, alpha, beta, rs, epsilon = theta.T[1:6, :, None, None]

        def emissivity(r: np.ndarray) -> np.ndarray:
            x2 = (r / rc) ** 2
            logarithm = -alpha / 2 * np.log(x2) + (alpha / 2 - 3 * beta) * np.log1p(x2)
            return np.exp(logarithm - epsilon / _GAMMA * np.log1p((r / rs) ** _GAMMA))

        return projected(emissivity, radius, largest)
