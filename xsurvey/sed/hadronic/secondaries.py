"""All pairs, and all gamma rays, that protons make of photons."""

from __future__ import annotations

from xsurvey.sed.grids import LogGrid
from xsurvey.sed.hadronic.bethe_heitler import bethe_heitler_table
from xsurvey.sed.hadronic.folding import ProtonPhotonKernel, Table
from xsurvey.sed.hadronic.photo_pion import photo_pion_kernel, photo_pion_table


def pairs_kernel(protons: LogGrid, photons: LogGrid, pairs: LogGrid) -> ProtonPhotonKernel:
    """Return what makes electrons and positrons, of pions and directly, both signs together.

    Parameters
    ----------
    protons, photons, pairs : LogGrid
        Lorentz factors, and energies in m_e c^2, with the same number of nodes a decade.
    """
    per_decade = protons.per_decade
    pions = [(photo_pion_table(name, per_decade), 1.0) for name in ("positron", "electron")]
    table = Table.sum_of([*pions, (bethe_heitler_table(per_decade), 2.0)])
    return ProtonPhotonKernel(protons, photons, pairs, table)


def gamma_ray_kernel(protons: LogGrid, photons: LogGrid, gamma_rays: LogGrid) -> ProtonPhotonKernel:
    """Return what makes gamma rays, of neutral pions, as `pairs_kernel`."""
    return photo_pion_kernel(protons, photons, gamma_rays, "gamma")
