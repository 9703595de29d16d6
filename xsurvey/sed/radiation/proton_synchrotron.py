r"""Synchrotron emission of relativistic protons.

It is that of electrons with the mass of a proton: :math:`\sigma_T` is smaller by
:math:`(m_e/m_p)^2` and :math:`\nu_B` by m_e/m_p, so that over x = nu / nu_B the power per volume
and frequency is m_e/m_p of what as many electrons emit.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import replace

import numpy as np

from xsurvey.inference.parameter_set import FitParameter
from xsurvey.inference.priors import Uniform
from xsurvey.sed.constants import ELECTRON_MASS, PROTON_MASS, PROTON_REST_ENERGY
from xsurvey.sed.fit_parameters import ScaleFree
from xsurvey.sed.grids import LogGrid
from xsurvey.sed.particles.distributions import Distribution
from xsurvey.sed.radiation.synchrotron import ParticleSynchrotron

MASS_RATIO = ELECTRON_MASS / PROTON_MASS
"""m_e / m_p."""
PREFIX = "proton_"
"""Of the names of parameters."""

_HIGHEST = 1e12  # Lorentz factor: 10^21 eV
_VALUES = {
    "gamma_min": 1.0,
    "gamma_max": 1e10,
    "log10_gamma_c": 9.0,
    "log10_gamma_b": 7.0,
    "log10_gamma_cool": 8.0,
}
_KEPT = 4


def proton_parameters(distribution: Distribution) -> tuple[FitParameter, ...]:
    """Return parameters of a distribution for protons, with names that begin with "proton_".

    Lorentz factors may be up to 1e12.
    """
    return tuple(_of_protons(p) for p in distribution.parameters)


def _of_protons(parameter: FitParameter) -> FitParameter:
    name = parameter.name
    changed = replace(
        parameter, name=PREFIX + name, value=_VALUES.get(name, parameter.value),
        description=f"{parameter.description}, of protons",
    )  # fmt: skip
    if name in ("log10_gamma_c", "log10_gamma_b", "log10_gamma_cool"):
        top = math.log10(_HIGHEST)
        return replace(changed, maximum=top, prior=Uniform(changed.minimum, top))
    if name in ("gamma_min", "gamma_max", "gamma_0"):
        return replace(
            changed, maximum=_HIGHEST, prior=ScaleFree(changed.minimum, _HIGHEST),
            step=0.1 * changed.value,
        )  # fmt: skip
    return changed


class ProtonSynchrotron:
    """Emission of protons with isotropic pitch angles in a tangled field.

    Parameters
    ----------
    protons : Distribution
    per_decade : int
        Nodes a decade of Lorentz factors and of frequencies.
    """

    def __init__(self, protons: Distribution, per_decade: int = 20) -> None:
        self.protons = protons
        self.per_decade = per_decade
        self.parameters = proton_parameters(protons)
        names = [p.name for p in protons.parameters]
        self._limits = names.index("gamma_min"), names.index("gamma_max")
        self._kernels: OrderedDict[tuple[int, int], ParticleSynchrotron] = OrderedDict()

    def power(self, theta: np.ndarray, b: np.ndarray, ln_nu: np.ndarray) -> np.ndarray:
        """Return nu times the emissivity in erg / s / cm3, shape (n, f).

        Parameters
        ----------
        theta : ndarray, shape (n, p)
            Parameters of protons.
        b : ndarray, shape (n,)
            Field in G.
        ln_nu : ndarray, shape (n, f)
            ln of Hz, in the frame of the sphere.
        """
        kernel = self._kernel(theta)
        return kernel.power(self.protons.numbers(theta, kernel.gamma), b, ln_nu)

    def energy(self, theta: np.ndarray) -> np.ndarray:
        """Return the energy of protons with their rest mass in erg / cm3, shape (n,)."""
        gamma = self._kernel(theta).gamma
        return PROTON_REST_ENERGY * (self.protons.numbers(theta, gamma) @ gamma.nodes)

    def _kernel(self, theta: np.ndarray) -> ParticleSynchrotron:
        """Return the emission on a grid that reaches over all protons, by whole decades."""
        low, high = (theta[:, column] for column in self._limits)
        first = math.floor(math.log10(low.min()) + 1e-9)
        last = math.ceil(math.log10(high.max()) - 1e-9)
        key = first, max(last, first + 1)
        if key not in self._kernels:
            gamma = LogGrid(10.0 ** key[0], 10.0 ** key[1], self.per_decade)
            self._kernels[key] = ParticleSynchrotron(gamma, MASS_RATIO)
            if len(self._kernels) > _KEPT:
                self._kernels.popitem(last=False)
        self._kernels.move_to_end(key)
        return self._kernels[key]
