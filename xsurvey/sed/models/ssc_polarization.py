"""Degrees of polarization of a sphere's synchrotron and self-Compton emission."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from xsurvey.sed.constants import FREQUENCY_OF_REST_ENERGY
from xsurvey.sed.grids import LogGrid
from xsurvey.sed.polarization.self_compton import SelfComptonPolarization, emission_across
from xsurvey.sed.polarization.synchrotron import UniformFieldKernel, ln_scaled_frequency

_PER_DECADE = 10
_LOWEST_Y, _HIGHEST_Y = 1e-2, 100.0  # the latter times gamma_max^2
_LOWEST_SEED, _HIGHEST_SEED = 1e-18, 10.0  # in m_e c^2
_KEPT = 4  # sets of kernels, some ten MB each


class _Kernels(NamedTuple):
    electrons: LogGrid
    field: UniformFieldKernel
    scattering: SelfComptonPolarization


def ssc_degrees(
    numbers: Callable[[LogGrid], np.ndarray], gamma_max: float, b: np.ndarray,
    inclination_deg: np.ndarray, ln_nu: np.ndarray,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Return degrees of "synchrotron" and "compton" in a uniform field, shape (b, f) each.

    Parameters
    ----------
    numbers : callable
        Gives the electrons at the nodes of a grid, (b, g).
    gamma_max : float
        The largest of all rows.
    b, inclination_deg : ndarray, shape (b,)
        Field in G, and its angle to the line of sight, both in the frame of the sphere.
    ln_nu : ndarray, shape (b, f)
        ln of the frequency in Hz, in the frame of the sphere.

    Returns
    -------
    dict of str to ndarray
        Of light that is polarized across the field as it is seen; below zero along it.
    """
    ln_eps = ln_nu - math.log(FREQUENCY_OF_REST_ENERGY)
    highest = math.ceil(math.log10(gamma_max) - 1e-9)
    last = min(math.ceil(ln_eps.max() / math.log(10)), highest)
    first = min(math.floor(ln_eps.min() / math.log(10)), last - 1)
    kernels = _kernels(highest, first, last)
    electrons = numbers(kernels.electrons)
    seeds = emission_across(kernels.field, electrons, b, kernels.scattering.ln_emitted)
    return {
        "synchrotron": kernels.field.degree(
            electrons, ln_scaled_frequency(ln_nu, b, inclination_deg)
        ),
        "compton": kernels.scattering.degree(electrons, *seeds, inclination_deg, ln_eps),
    }


@lru_cache(maxsize=_KEPT)
def _kernels(highest: int, first: int, last: int) -> _Kernels:
    """Return kernels of electrons up to 10^highest and photons from 10^first to 10^last m_e c^2."""
    gamma_max = 10.0**highest
    electrons = LogGrid(1.0, gamma_max, _PER_DECADE)
    y = LogGrid(_LOWEST_Y, _HIGHEST_Y * gamma_max**2, _PER_DECADE)
    lowest = min(max(10.0**first / (4 * gamma_max**2), _LOWEST_SEED), 0.1 * _HIGHEST_SEED)
    scattering = SelfComptonPolarization(
        electrons, LogGrid(lowest, _HIGHEST_SEED, _PER_DECADE),
        LogGrid(10.0**first, 10.0**last, _PER_DECADE),
    )  # fmt: skip
    return _Kernels(electrons, UniformFieldKernel(electrons, y), scattering)
