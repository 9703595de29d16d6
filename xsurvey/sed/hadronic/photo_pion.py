r"""Secondaries of pions that protons make of the photons of a sphere, by Kelner & Aharonian.

Of N_p protons at the nodes of a grid, and photons that fill a sphere homogeneously and from all
directions,

.. math:: Q(\gamma) = \sum_p N_p \frac{m_e}{m_p \gamma_p}
   \int \epsilon n(\epsilon)\, \Phi(\eta, x)\, d\ln\epsilon, \qquad
   \eta = 4 \epsilon \gamma_p \frac{m_e}{m_p}, \quad x = \frac{m_e \gamma}{m_p \gamma_p}

with eps and the secondary's energy gamma in m_e c^2. On grids of one step Phi is a table of two
places, over eta and x, in which cells of photons are integrated: sums over photons are one product
with it for each proton.
"""

from __future__ import annotations

import numpy as np

from xsurvey.sed.constants import ELECTRON_MASS, ELECTRON_REST_ENERGY, PROTON_MASS
from xsurvey.sed.grids import TAPS, LogGrid, tap_values
from xsurvey.sed.hadronic.photo_pion_spectra import SECONDARIES, Secondary

MASS_RATIO = ELECTRON_MASS / PROTON_MASS
"""m_e / m_p."""
HIGHEST = 1e4
"""eta of protons and photons above which they are left out: 94 GeV in their centre of mass."""
_LOWEST_X = 1e-6  # below it all spectra are flat
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)
_NODES, _WEIGHTS = (_NODES + 1) / 2, _WEIGHTS / 2


class PhotoPionKernel:
    """From protons and photons to one kind of secondaries.

    Parameters
    ----------
    protons : LogGrid
        Lorentz factors.
    photons : LogGrid
        Energies in m_e c^2.
    secondaries : LogGrid
        Energies in m_e c^2: Lorentz factors of electrons and positrons.
    particle : str
        One of `SECONDARIES`.
    """

    def __init__(
        self, protons: LogGrid, photons: LogGrid, secondaries: LogGrid, particle: str
    ) -> None:
        if not protons.per_decade == photons.per_decade == secondaries.per_decade:
            raise ValueError("protons, photons and secondaries need grids of one step")
        self.protons, self.photons, self.secondaries = protons, photons, secondaries
        kind = SECONDARIES[particle]
        step = protons.step
        # places on the lattice of eta of the cells' lower ends, and of x
        first = int(np.floor(np.log(kind.threshold / (4 * MASS_RATIO)) / step))
        last = int(np.ceil(np.log(HIGHEST / (4 * MASS_RATIO)) / step))
        self._lowest = int(np.floor(np.log(_LOWEST_X / MASS_RATIO) / step))
        ratios = np.arange(self._lowest, int(np.ceil(-np.log(MASS_RATIO) / step)) + 1)
        table = _cell_integrals(kind, np.arange(first, last), ratios, step)
        # node m of photons is in the cells of which it is one of the six: (eta, x)
        self._first = first - 2
        self._table = np.zeros((last - first + TAPS - 1, len(ratios)))
        for tap in range(TAPS):
            self._table[tap : tap + last - first] += table[:, :, tap]

    def rates(self, protons: np.ndarray, photons: np.ndarray) -> np.ndarray:
        """Return how many secondaries are made, per cm3, s, and unit of their energy.

        Parameters
        ----------
        protons : ndarray, shape (b, p)
            Per cm3 at the nodes of `protons`.
        photons : ndarray, shape (b, e)
            Energy of photons per cm3 and eps, erg / cm3, at the nodes of `photons`.

        Returns
        -------
        ndarray, shape (b, s)
            Q at the nodes of `secondaries`.
        """
        spectra = self._by_ratio(photons / ELECTRON_REST_ENERGY)
        spectra *= (protons * (MASS_RATIO / self.protons.nodes))[:, :, None]
        result = np.zeros((len(protons), len(self.secondaries)))
        for place in range(len(self.protons)):
            begin = self.protons.start + place + self._lowest - self.secondaries.start
            values = spectra[:, place]
            low, high = max(begin, 0), min(begin + values.shape[1], result.shape[1])
            if low < high:
                result[:, low:high] += values[:, low - begin : high - begin]
            result[:, : max(min(begin, result.shape[1]), 0)] += values[:, :1]
        return np.maximum(result, 0.0)

    def _by_ratio(self, photons: np.ndarray) -> np.ndarray:
        """Return integrals over photons for each proton and x, (b, p, r), of eps n(eps)."""
        place = self._first + np.arange(len(self._table)) - self.photons.start
        place = place - (self.protons.start + np.arange(len(self.protons)))[:, None]
        inside = (place >= 0) & (place < len(self.photons))
        seen = photons[:, np.where(inside, place, 0)] * inside
        result: np.ndarray = seen @ self._table
        return result


def _cell_integrals(
    kind: Secondary, cells: np.ndarray, ratios: np.ndarray, step: float
) -> np.ndarray:
    """Return integrals of Phi over cells of ln eps, by place of x and of six nodes, (k, r, 6)."""
    eta = 4 * MASS_RATIO * np.exp((cells[:, None] + _NODES) * step)
    x = MASS_RATIO * np.exp(ratios * step)
    spectrum = kind.spectrum(eta[:, None, :], x[:, None])
    result: np.ndarray = (spectrum * _WEIGHTS) @ tap_values(_NODES) * step
    return result
