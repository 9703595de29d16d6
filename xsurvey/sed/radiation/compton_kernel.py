r"""Compton scattering of isotropic photons by isotropic electrons, by Jones' kernel.

An electron gamma makes of n(eps) photons per cm3 of the energy eps (in m_e c^2)

.. math:: \frac{dN}{dt\,d\epsilon_s} = \frac{3}{4} \frac{c \sigma_T}{\gamma^2}
   \int \frac{n(\epsilon)}{\epsilon} F(q, \Gamma) d\epsilon, \quad
   F = 2q \ln q + (1 + 2q)(1 - q) + \frac{(\Gamma q)^2 (1 - q)}{2 (1 + \Gamma q)}

with :math:`\Gamma = 4\epsilon\gamma`, :math:`q = w / [\Gamma (1 - w)]`, :math:`w =
\epsilon_s/\gamma` and 1/(4 gamma^2) <= q <= 1 (Jones 1968, Phys. Rev. 167, 1159; Blumenthal & Gould
1970; Dermer & Menon 2009, eq. 6.74): Klein-Nishina is in it, and electrons are relativistic.
"""

from __future__ import annotations

import numpy as np

from xsurvey.sed.grids import TAPS, tap_values

_PHOTON_NODES = 8  # Gauss-Legendre, in each cell of seed energies
_ELECTRON_NODES = 6  # in each cell of electron energies
_RECOIL = 1e-2  # eps_s / gamma, above which cells of electrons are divided


def jones(q: np.ndarray, gamma_e: np.ndarray) -> np.ndarray:
    """Return F of q between 0 and 1, and of Gamma = 4 eps gamma."""
    q = np.asarray(q, float)
    recoil = gamma_e * q
    return 2 * q * np.log(q) + (1 + 2 * q) * (1 - q) + recoil**2 * (1 - q) / (2 * (1 + recoil))


def cell_integrals(ln_w: np.ndarray, ln_product: np.ndarray, step: float) -> np.ndarray:
    r"""Return integrals of F over cells of seed energies, of each node about the cell.

    Parameters
    ----------
    ln_w : ndarray, shape (a,)
        ln of eps_s / gamma.
    ln_product : ndarray, shape (m,)
        ln of gamma times the lower end of the cell.
    step : float
        Width of the cell in ln eps.

    Returns
    -------
    ndarray, shape (a, m, 6)
        :math:`\int \phi_k(\ln\epsilon) \frac{\epsilon_0}{\epsilon} F d\ln\epsilon` over the part of
        the cell where q <= 1, with eps_0 its lower end, and phi_k the contribution of the k-th of
        six nodes to the interpolated value.
    """
    position, weight = _gauss(_PHOTON_NODES)
    w = np.minimum(np.exp(ln_w), 1)
    with np.errstate(divide="ignore"):
        # Gamma at which q = 1
        threshold = np.where(w < 1, ln_w - np.log1p(-w), np.inf)[:, None]
    bottom = np.log(4) + ln_product[None, :]
    begin = np.clip((threshold - bottom) / step, 0, 1)
    result = np.zeros((len(ln_w), len(ln_product), TAPS))
    some = begin < 1
    begin, threshold = begin[some], np.broadcast_to(threshold, begin.shape)[some]
    bottom = np.broadcast_to(bottom, some.shape)[some]
    total = np.zeros((len(begin), TAPS))
    for p, h in zip(position, weight, strict=True):
        fraction = begin + (1 - begin) * p
        ln_gamma_e = bottom + fraction * step
        q = np.exp(np.minimum(threshold - ln_gamma_e, 0))
        value = h * (1 - begin) * step * np.exp(-fraction * step) * jones(q, np.exp(ln_gamma_e))
        total += value[:, None] * tap_values(fraction)
    result[some] = total
    return result


def _gauss(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights from 0 to 1."""
    position, weight = np.polynomial.legendre.leggauss(number)
    return (1 + position) / 2, weight / 2


def divided_integrals(
    ln_w: np.ndarray, ln_product: np.ndarray, step: float, first_tap: int = 0
) -> np.ndarray:
    """Return `cell_integrals` as a mean over the electrons that a node stands for.

    gamma^2 n is interpolated between nodes as seeds are. Where the kernel is smooth, this changes
    nothing to the fourth order of the step; where it ends within a cell it is the right integral.

    Parameters and result are those of `cell_integrals`, for gamma of the node.

    Parameters
    ----------
    first_tap : int
        The mean is over cells in which the node is this tap, or a later one. Of a node r nodes
        above the largest electrons' energy, r + 3 leaves out what is above.
    """
    position, weight = _gauss(_ELECTRON_NODES)
    result = np.zeros((len(ln_w), len(ln_product), TAPS))
    share = 0.0
    for fraction, h in zip(position, weight, strict=True):
        taps = h * tap_values(fraction)
        for tap in range(first_tap, TAPS):
            # the node is this tap of a cell whose lower end is 2 - tap nodes from it
            shift = (2 - tap + fraction) * step
            share += taps[tap]
            factor = taps[tap] * np.exp(-3 * shift)  # gamma^-3 of gamma^2 n
            result += factor * cell_integrals(ln_w - shift, ln_product + shift, step)
    return result / share


def scattering_table(ln_w: np.ndarray, ln_product: np.ndarray, step: float) -> np.ndarray:
    """Return `cell_integrals`, as means over electrons where the kernel is not smooth in gamma.

    Parameters and result are those of `cell_integrals`, for gamma of the node.
    """
    table = cell_integrals(ln_w, ln_product, step)
    near = ln_w > np.log(_RECOIL)
    table[near] = divided_integrals(ln_w[near], ln_product, step)
    return table
