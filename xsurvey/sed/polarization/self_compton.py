r"""Polarization of synchrotron photons of a uniform field that the electrons scatter.

Averaged over the directions of electrons, of a scattered photon's linear polarization the part
t^2 / 2 beside Xi is left, along that of the seed (`xsurvey.sed.radiation.head_on` has t, Xi and the
kernel):
Fano's matrix has (1 + c^2) / 2 and c for the two Stokes parameters in the plane of scattering, c =
1 - t, which Klein-Nishina does not change, and half their difference does not depend on where that
plane is (Fano 1957, Rev. Mod. Phys. 29, 74; Bonometto & Saggion 1973, A&A 23, 9; Krawczynski 2012,
ApJ 744, 30). In the Thomson regime, with t = 2y, these are 2 y^2 and 2 (1 - 2y + 2y^2).

Scattered light and its polarized part are one sum each over electrons and chi, of seeds of all
directions (`xsurvey.sed.polarization.seed_directions`). Seeds are those at the centre of a
homogeneous sphere that is transparent to them.
"""

from __future__ import annotations

import math

import numpy as np

from xsurvey.sed.constants import FREQUENCY_OF_REST_ENERGY
from xsurvey.sed.grids import LogGrid
from xsurvey.sed.polarization.seed_directions import SeedDirections
from xsurvey.sed.polarization.synchrotron import UniformFieldKernel, interpolated_degree
from xsurvey.sed.radiation.head_on import HIGHEST_T, HeadOnKernel
from xsurvey.sed.radiation.synchrotron import gyrofrequency
from xsurvey.sed.spectrum_interpolation import LogSpectra


def polarized_head_on(_: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Return t^2 / 2, what is left of the polarization beside Xi; zero where t is above 2."""
    return np.where(t <= HIGHEST_T, t**2 / 2, 0.0)


def thomson_ratio(p: np.ndarray) -> np.ndarray:
    """Return what electrons n ~ gamma^-p leave of polarization, but for directions of seeds.

    Of their own synchrotron photons in the Thomson regime: means of 2 y^2 and 2 (1 - 2y + 2y^2)
    over y^((p - 1) / 2) dy.

    Examples
    --------
    >>> float(thomson_ratio(np.array(3.0)))
    0.75
    """
    a = (p - 1) / 2
    return 1 / (a + 3) / (1 / (a + 1) - 2 / (a + 2) + 2 / (a + 3))


class SelfComptonPolarization:
    """Tensors from electrons and emission across the field to scattered and polarized light.

    Parameters
    ----------
    electrons, seeds, scattered : LogGrid
        Lorentz factors, chi and eps_s, with the same number of nodes a decade.

    Attributes
    ----------
    ln_emitted : ndarray, shape (n,)
        ln of the energies in m_e c^2 at which emission across the field is asked for.
    """

    def __init__(self, electrons: LogGrid, seeds: LogGrid, scattered: LogGrid) -> None:
        self.scattered = scattered
        self._directions = SeedDirections(seeds.per_decade)
        self._total = HeadOnKernel(electrons, seeds, scattered)
        self._polarized = HeadOnKernel(electrons, seeds, scattered, polarized_head_on)
        self._per_node = seeds.step / seeds.nodes
        number = len(seeds) + self._directions.shifts - 1
        self.ln_emitted = seeds.ln[0] + seeds.step * (self._directions.first + np.arange(number))

    def emissivity(
        self, numbers: np.ndarray, total: np.ndarray, polarized: np.ndarray,
        inclination_deg: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        """Return the scattered power, and its part that is polarized across the field.

        Parameters
        ----------
        numbers : ndarray, shape (b, g)
            Electrons per cm3 at the nodes of `electrons`.
        total, polarized : ndarray, shape (b, n)
            S(eps) at `ln_emitted`, where seeds at the angle alpha to the field have the energy
            sin(alpha) S(eps / sin(alpha)) / 4 pi per cm3, eps and sr, in erg.
        inclination_deg : ndarray, shape (b,)
            Of the field to the line of sight.

        Returns
        -------
        total, polarized : ndarray, shape (b, s)
            eps_s j(eps_s) in erg / s / cm3 at the nodes of `scattered`; polarized below zero is
            along the field as it is seen.
        """
        seeds = self._directions.seeds(total, polarized, inclination_deg)
        total, polarized = (
            kernel.emissivity(numbers, (self._per_node * seed)[:, None, :])[:, 0]
            for kernel, seed in zip((self._total, self._polarized), seeds, strict=True)
        )
        return total, polarized

    def degree(
        self, numbers: np.ndarray, total: np.ndarray, polarized: np.ndarray,
        inclination_deg: np.ndarray, ln_energy: np.ndarray,
    ) -> np.ndarray:  # fmt: skip
        """Return degrees of polarization, shape (b, f), below zero along the field.

        Parameters
        ----------
        numbers, total, polarized, inclination_deg
            As of `emissivity`; S in any unit.
        ln_energy : ndarray, shape (b, f)
            ln of eps_s.
        """
        scattered = self.emissivity(numbers, total, polarized, inclination_deg)
        return interpolated_degree(self.scattered, *scattered, ln_energy)


def emission_across(
    kernel: UniformFieldKernel, numbers: np.ndarray, b: np.ndarray, ln_energy: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return synchrotron emission across the field, total and polarized, in a unit of no meaning.

    Parameters
    ----------
    kernel : UniformFieldKernel
    numbers : ndarray, shape (b, g)
        Electrons at the nodes of the kernel's `gamma`.
    b : ndarray, shape (b,)
        Field in G.
    ln_energy : ndarray, shape (e,)
        ln of photon energies in m_e c^2.

    Returns
    -------
    total, polarized : ndarray, shape (b, e)
    """
    ln_y = ln_energy + math.log(FREQUENCY_OF_REST_ENERGY) - np.log(gyrofrequency(b))[:, None]
    total, polarized = kernel.emission(numbers)
    return LogSpectra(kernel.y, total)(ln_y), LogSpectra(kernel.y, polarized)(ln_y)
