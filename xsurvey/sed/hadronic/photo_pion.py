r"""Secondaries of pions that protons make of photons, by Kelner & Aharonian (2008).

As in `folding`, with their Phi(eta, x) times m_e / m_p, eta = 4 eps gamma_p m_e / m_p, and
x = m_e gamma / (m_p gamma_p).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from xsurvey.sed.grids import LogGrid
from xsurvey.sed.hadronic.folding import ProtonPhotonKernel, Table
from xsurvey.sed.hadronic.photo_pion_spectra import SECONDARIES
from xsurvey.sed.radiation.proton_synchrotron import MASS_RATIO

HIGHEST = 1e4
"""eta above which protons and photons are left out: 94 GeV in their centre of mass."""
_LOWEST_X = 1e-6  # below it all spectra are flat


def photo_pion_kernel(
    protons: LogGrid, photons: LogGrid, secondaries: LogGrid, particle: str
) -> ProtonPhotonKernel:
    """Return what makes one kind of secondaries of protons and photons.

    Parameters
    ----------
    protons, photons, secondaries : LogGrid
        Lorentz factors, and energies in m_e c^2, with the same number of nodes a decade.
    particle : str
        One of `SECONDARIES`.
    """
    return ProtonPhotonKernel(
        protons, photons, secondaries, photo_pion_table(particle, protons.per_decade)
    )


@lru_cache(maxsize=32)
def photo_pion_table(particle: str, per_decade: int) -> Table:
    """Return the process by which protons and photons make one of `SECONDARIES`."""
    kind = SECONDARIES[particle]

    def spectrum(product: np.ndarray, ratio: np.ndarray) -> np.ndarray:
        eta, x = 4 * MASS_RATIO * product[:, None, :], MASS_RATIO * ratio[:, None]
        return MASS_RATIO * kind.spectrum(eta, x)

    products = kind.threshold / (4 * MASS_RATIO), HIGHEST / (4 * MASS_RATIO)
    return Table(spectrum, products, (_LOWEST_X / MASS_RATIO, 1 / MASS_RATIO), per_decade)
