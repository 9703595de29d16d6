r"""Absorption of gamma rays by the photons of a sphere: gamma + gamma to electron and positron.

Of photons of all directions the cross section is the mean

.. math:: \bar\sigma(s_0) = \frac{2}{s_0^2} \int_1^{s_0} s\,\sigma(s)\,ds, \qquad
   s_0 = \epsilon_1 \epsilon,

of that of Breit & Wheeler (1934), sigma(s) at a centre-of-mass energy of 2 sqrt(s) m_e c^2
(Gould & Schreder 1967, Phys. Rev. 155, 1404; Brown, Mikaelian & Gould 1973; Dermer & Menon 2009,
eq. 10.9). Photons are taken to be homogeneous and isotropic.

On grids of one step it depends on the sum of two places alone, and the threshold, a product of
one, is between cells.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from xsurvey.sed.constants import ELECTRON_REST_ENERGY, THOMSON
from xsurvey.sed.grids import TAPS, LogGrid, tap_values
from xsurvey.sed.radiation.self_absorption import escaping_fraction

_CLOSED = 0.3  # velocity of the pair above which the closed form does not cancel
_FRACTIONS, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_FRACTIONS, _WEIGHTS = (_FRACTIONS + 1) / 2, _WEIGHTS / 2


def pair_cross_section(s: np.ndarray) -> np.ndarray:
    """Return the cross section of two photons in cm2, zero below s = 1.

    Parameters
    ----------
    s : ndarray
        eps_1 eps (1 - cos theta) / 2.
    """
    s = np.maximum(s, 1.0)
    return 3 / 16 * THOMSON * _shape(np.sqrt(1 - 1 / s), np.arcsinh(np.sqrt(s - 1))) / s


def _shape(beta: np.ndarray, rapidity: np.ndarray) -> np.ndarray:
    """Return the bracket of the cross section, of the velocity of the pair and its artanh."""
    return (3 - beta**4) * 2 * rapidity - 2 * beta * (2 - beta**2)


def mean_cross_section(s0: np.ndarray) -> np.ndarray:
    """Return the mean over directions of (1 - cos theta) sigma in cm2, zero below s0 = 1.

    Parameters
    ----------
    s0 : ndarray
        Product of the energies of both photons in m_e c^2.
    """
    s0 = np.maximum(np.asarray(s0, float), 1.0)
    beta = np.sqrt(1 - 1 / s0)
    slow, fast = np.minimum(beta, _CLOSED), np.maximum(s0, 1 / (1 - _CLOSED**2))
    integral = np.where(beta < _CLOSED, _by_quadrature(slow), _closed(fast))
    return 3 / 8 * THOMSON * integral / s0**2


def _by_quadrature(beta: np.ndarray) -> np.ndarray:
    """Return the integral over s of s sigma, in 3/16 sigma_T, up to a velocity."""
    velocity = beta[..., None] * _FRACTIONS
    shape = _shape(velocity, np.arctanh(velocity))
    return beta * (shape * 2 * velocity / (1 - velocity**2) ** 2 @ _WEIGHTS)


def _closed(s0: np.ndarray) -> np.ndarray:
    """Return the same as Gould & Schreder's function, with s0 = 1 / (1 - beta^2)."""
    beta = np.sqrt(1 - 1 / s0)
    w = s0 * (1 + beta) ** 2  # (1 + beta) / (1 - beta)
    ln_w = np.log(w)
    dilogarithm = -special.spence(1 + w) - np.pi**2 / 12  # of ln(1 + w) / w from 1 to w
    return (
        ((1 + beta**2) * s0 - beta**2 - ln_w) * ln_w - 4 * beta * s0 + 2 * beta
        + 4 * ln_w * np.log1p(w) - 4 * dilogarithm
    )  # fmt: skip


class PairOpacity:
    """The matrix from photons of a sphere to the absorption of gamma rays.

    Parameters
    ----------
    photons, gamma_rays : LogGrid
        Energies in m_e c^2, with the same number of nodes a decade.
    """

    def __init__(self, photons: LogGrid, gamma_rays: LogGrid) -> None:
        if photons.per_decade != gamma_rays.per_decade:
            raise ValueError("photons and gamma rays need grids of one step")
        cells = np.arange(len(photons) - TAPS + 1)
        # lattice number of the product at the lower end of each cell: the threshold is at zero
        place = gamma_rays.start + np.arange(len(gamma_rays))[:, None] + photons.start + 2 + cells
        products = np.arange(max(place.max(), 0) + 1)
        table = _cell_integrals(products, photons.step)
        values = np.where((place >= 0)[..., None], table[np.maximum(place, 0)], 0.0)
        self._matrix = np.zeros((len(photons), len(gamma_rays)))
        for tap in range(TAPS):
            self._matrix[tap : tap + len(cells)] += values[:, :, tap].T

    def coefficient(self, photons: np.ndarray) -> np.ndarray:
        """Return absorption coefficients in 1/cm at the nodes of `gamma_rays`, shape (b, s).

        Parameters
        ----------
        photons : ndarray, shape (b, e)
            Energy of photons per cm3 and eps, erg / cm3, at the nodes of `photons`.
        """
        return np.maximum(photons / ELECTRON_REST_ENERGY @ self._matrix, 0.0)


def _cell_integrals(products: np.ndarray, step: float) -> np.ndarray:
    """Return integrals over cells from these lattice numbers, of each of six nodes, (k, 6)."""
    # just above the threshold the mean cross section is (s0 - 1)^3/2: smooth in the root
    fraction, weight = _FRACTIONS**2, 2 * _FRACTIONS * _WEIGHTS
    sigma = mean_cross_section(np.exp((products[:, None] + fraction) * step))
    return (sigma * weight) @ tap_values(fraction) * step


def attenuation(coefficient: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Return what part of the gamma rays made in a homogeneous sphere leaves it.

    Parameters
    ----------
    coefficient : ndarray, shape (b, s)
        In 1/cm.
    radius : ndarray, shape (b,)
        In cm.
    """
    return escaping_fraction(2 * coefficient * radius[:, None])
