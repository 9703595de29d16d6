r"""What gas radiates: the cooling function, and how long its heat lasts.

A plasma of one temperature radiates :math:`n_e n_H \Lambda(T, Z)` per volume. :math:`\Lambda` is
that of apec, so that luminosities are of the plasma that spectra are fitted with.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from xsurvey.galaxy_clusters.composition import Composition
from xsurvey.galaxy_clusters.constants import GIGAYEAR, KEV
from xsurvey.spectra.models.evaluator import ModelEvaluator
from xsurvey.spectra.models.expression import parse_expression
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.units import EnergyBand

BOLOMETRIC = EnergyBand(0.01, 100.0)
"""keV; outside it clusters radiate less than 1e-3 of their power."""

COOLING_RANGE = (0.1, 50.0)
"""keV, of the temperatures at which the cooling function is known."""

_NODES = 200
_BINS_PER_DECADE = 500
_NORM = 1e-14  # apec's norm: 1e-14 / (4 pi D^2) times the emission measure


class CoolingFunction:
    """Power per emission measure as a function of temperature and abundance.

    Parameters
    ----------
    band : EnergyBand
        keV, in the frame of the gas.
    settings : ModelSettings, optional

    Raises
    ------
    MissingDataError
        XSPEC's models or AtomDB are not installed.
    """

    def __init__(
        self, band: EnergyBand = BOLOMETRIC, settings: ModelSettings | None = None
    ) -> None:
        self.band = band
        self._ln_kt, self._power = _table(band, settings or ModelSettings())

    def __call__(
        self, temperature: np.ndarray | float, abundance: np.ndarray | float
    ) -> np.ndarray:
        """Return Lambda, erg cm3 / s; multiplied by n_e n_H it is the power per volume.

        Parameters
        ----------
        temperature : ndarray
            keV; NaN results out of `COOLING_RANGE`.
        abundance : ndarray
            Solar. Lambda is linear in it.
        """
        temperature = np.asarray(temperature, float)
        with np.errstate(invalid="ignore", divide="ignore"):
            ln_kt = np.log(temperature)
        plain, metals = (
            np.interp(ln_kt, self._ln_kt, values, left=np.nan, right=np.nan)
            for values in self._power
        )
        return np.asarray(plain + metals * np.asarray(abundance))


@lru_cache(maxsize=16)
def _table(band: EnergyBand, settings: ModelSettings) -> tuple[np.ndarray, np.ndarray]:
    bins = max(100, round(_BINS_PER_DECADE * np.log10(band.maximum / band.minimum)))
    edges = np.geomspace(band.minimum, band.maximum, bins + 1)
    centre = (edges[1:] + edges[:-1]) / 2
    kt = np.geomspace(*COOLING_RANGE, _NODES)
    evaluator = ModelEvaluator(parse_expression("apec"), edges, settings)
    # kT, abundance, redshift, norm
    rows = np.array([(t, z, 0.0, 1.0) for z in (0.0, 1.0) for t in kt])
    # a flux F of norm N is of the power 4 pi D^2 F and the emission measure 4 pi D^2 N / 1e-14
    power = (evaluator(rows) @ centre) * KEV * _NORM
    plain, solar = power.reshape(2, -1)
    return np.log(kt), np.array([plain, solar - plain])


def cooling_time(
    density: np.ndarray, temperature: np.ndarray, power: np.ndarray, gas: Composition,
    isobaric: bool = False,
) -> np.ndarray:  # fmt: skip
    r"""Return how long the heat of gas lasts at its present power, in 1e9 years.

    .. math:: t_{cool} = \frac{3}{2} \frac{(n_e + n_i) kT}{n_e n_H \Lambda(T, Z)}

    (Sarazin 1986, Rev. Mod. Phys. 58, 1, section V; with 5/2 in place of 3/2 for gas that cools
    at constant pressure.)

    Parameters
    ----------
    density : ndarray
        Electrons per cm3.
    temperature : ndarray
        keV.
    power : ndarray
        Lambda, erg cm3 / s (`CoolingFunction`).
    gas : Composition
    isobaric : bool
    """
    heat = (2.5 if isobaric else 1.5) * gas.particles_per_electron * np.asarray(temperature) * KEV
    # n_e n_H Lambda per electron
    loss = np.asarray(density) / gas.electrons_per_hydrogen * power
    return np.asarray(heat / loss / GIGAYEAR)
