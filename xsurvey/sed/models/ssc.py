"""Synchrotron and synchrotron self-Compton emission of one homogeneous sphere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from xsurvey.galaxy_clusters.cosmology import Cosmology
from xsurvey.sed.boosting import blob_radius, ln_frequency_in_blob, observed_flux
from xsurvey.sed.constants import ELECTRON_REST_ENERGY, FREQUENCY_OF_REST_ENERGY, LIGHT
from xsurvey.sed.fit_parameters import flat, held
from xsurvey.sed.grids import LogGrid
from xsurvey.sed.models.base import COSMOLOGY, Quantity, luminosity_distance
from xsurvey.sed.models.ssc_polarization import ssc_degrees
from xsurvey.sed.particles.distributions import Distribution
from xsurvey.sed.radiation.compton import ComptonKernel
from xsurvey.sed.radiation.self_absorption import AbsorptionKernel, escaping_fraction
from xsurvey.sed.radiation.self_compton import seed_energy
from xsurvey.sed.radiation.synchrotron import SynchrotronKernel, field_energy, gyrofrequency
from xsurvey.sed.spectrum_interpolation import EndedSpectra, LogSpectra

DELTA = flat("delta", 20.0, 1, 100, 0.5, "Doppler factor")
LOG10_B = flat("log10_B", -1.0, -5, 4, 0.03, "log10 of the magnetic field", "log10(G)")
T_VAR = held(
    "t_var", 86400.0, 10, 1e9, "time of variability: the radius is c t_var delta / (1 + z)", "s"
)

_LOWEST_X = 1e-2  # nu / nu_B
_HIGHEST_X = 100.0  # nu / (nu_B gamma_max^2): t = 33, of which e^-2t is nothing
# eps of seeds in the frame of the sphere
_LOWEST_SEED = 1e-18
_HIGHEST_SEED = 10.0
_KEPT = 8  # sets of kernels, some MB each


class Resolution(NamedTuple):
    """Nodes a decade: of electrons and frequencies of synchrotron, and of Compton scattering."""

    synchrotron: int = 24
    compton: int = 12


DEFAULT_RESOLUTION = Resolution()


class _Kernels(NamedTuple):
    synchrotron_electrons: LogGrid
    x: LogGrid
    synchrotron: SynchrotronKernel
    absorption: AbsorptionKernel
    compton: ComptonKernel


class Zone(NamedTuple):
    """Parameters of spheres, shape (b,), in G and cm, and of their electrons (b, p)."""

    electrons: np.ndarray
    delta: np.ndarray
    b: np.ndarray
    radius: np.ndarray


@dataclass(frozen=True)
class SphereEmission:
    """What leaves spheres, in their frame.

    Attributes
    ----------
    zone : Zone
    synchrotron : LogSpectra
        erg / s / cm3 / Hz over their volume, by ln of nu / nu_B.
    compton : EndedSpectra
        erg / s / cm3, by ln of the photons' energy in m_e c^2.
    depth : LogSpectra or None
        2 kappa R of synchrotron photons, by ln of nu / nu_B; None: they are not absorbed.
    """

    zone: Zone
    synchrotron: LogSpectra
    compton: EndedSpectra
    depth: LogSpectra | None

    def powers(self, ln_nu: np.ndarray) -> dict[str, np.ndarray]:
        """Return nu times the emissivity of "synchrotron" and "compton", erg / s / cm3, (b, f).

        Parameters
        ----------
        ln_nu : ndarray, shape (b, f)
            ln of Hz.
        """
        return {
            "synchrotron": np.exp(ln_nu) * self.synchrotron(ln_nu - self._ln_nu_b),
            "compton": self.compton(ln_nu - math.log(FREQUENCY_OF_REST_ENERGY)),
        }

    def transparency(self, ln_nu: np.ndarray) -> np.ndarray:
        """Return what part of other photons the electrons let out of the sphere, shape (b, f)."""
        if self.depth is None:
            return np.ones_like(ln_nu)
        return escaping_fraction(self.depth(ln_nu - self._ln_nu_b))

    @property
    def _ln_nu_b(self) -> np.ndarray:
        ln: np.ndarray = np.log(gyrofrequency(self.zone.b))[:, None]
        return ln


class SynchrotronSelfCompton:
    """One sphere of electrons in a tangled field that scatter their own synchrotron photons.

    Parameters
    ----------
    electrons : Distribution
    redshift : float
    self_absorption : bool
        Whether electrons absorb synchrotron photons.
    cosmology : Cosmology
        For the luminosity distance.
    resolution : Resolution
    precision : type
        Of the product of scattering: single precision differs by less than 2e-5 from double.
    """

    name = "ssc"
    description = "synchrotron and synchrotron self-Compton emission of one homogeneous sphere"
    quantities: tuple[Quantity, ...] = (
        Quantity("radius", "cm", "of the sphere, c t_var delta / (1 + z)"),
        Quantity("magnetic_field", "G", "in the sphere"),
        Quantity("magnetic_energy", "erg / cm3", "B^2 / 8 pi"),
        Quantity("electron_energy", "erg / cm3", "of relativistic electrons"),
        Quantity("energy_ratio", "", "of electrons to the field"),
        Quantity(
            "jet_power", "erg / s",
            "2 pi R^2 Gamma^2 beta c (U_e + U_B) of two jets with Gamma = delta, without protons",
        ),
    )  # fmt: skip
    notes: tuple[str, ...] = (
        "one homogeneous sphere with isotropic electrons, which does not absorb its gamma rays",
    )

    def __init__(
        self, electrons: Distribution, redshift: float, *, self_absorption: bool = True,
        cosmology: Cosmology = COSMOLOGY, resolution: Resolution = DEFAULT_RESOLUTION,
        precision: type = np.float32,
    ) -> None:  # fmt: skip
        self.electrons = electrons
        self.redshift = redshift
        self.distance = luminosity_distance(redshift, cosmology)
        self.self_absorption = self_absorption
        self.resolution, self.precision = resolution, precision
        self.parameters = (*electrons.parameters, DELTA, LOG10_B, T_VAR)
        self._low = np.array([p.minimum for p in self.parameters])
        self._high = np.array([p.maximum for p in self.parameters])
        names = [p.name for p in electrons.parameters]
        self._gamma_limits = names.index("gamma_min"), names.index("gamma_max")

    def components(self, theta: np.ndarray, frequencies: np.ndarray) -> dict[str, np.ndarray]:
        """Return nu F_nu of "synchrotron" and "compton", as `RadiativeModel.components`."""
        theta = np.asarray(theta, float)
        frequencies = np.asarray(frequencies, float)
        possible = self._possible(theta)
        result = {
            name: np.full((len(theta), len(frequencies)), np.nan)
            for name in ("synchrotron", "compton")
        }
        if possible.any():
            for name, flux in self._components(theta[possible], frequencies).items():
                result[name][possible] = flux
        return result

    def degrees(
        self, theta: np.ndarray, frequencies: np.ndarray, inclination_deg: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Return degrees of "synchrotron" and "compton", as `PolarizedModel.degrees`.

        Of light that the sphere does not absorb, and of seeds at its centre.
        """
        theta = np.asarray(theta, float)
        possible = self._possible(theta)
        result = {
            name: np.full((len(theta), len(frequencies)), np.nan)
            for name in ("synchrotron", "compton")
        }
        if possible.any():
            zone = self._zone(theta[possible])
            found = ssc_degrees(
                lambda grid: self.electrons.numbers(zone.electrons, grid),
                float(theta[possible, self._gamma_limits[1]].max()), zone.b,
                np.asarray(inclination_deg, float)[possible],
                ln_frequency_in_blob(np.asarray(frequencies, float), zone.delta, self.redshift),
            )  # fmt: skip
            for name, degree in found.items():
                result[name][possible] = degree
        return result

    def derived(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """Return `quantities` by name, shape (b,) each."""
        theta = np.asarray(theta, float)
        zone = self._zone(theta)
        grid = LogGrid(1.0, 10 * theta[:, self._gamma_limits[1]].max(), self.resolution.synchrotron)
        particles = self.electrons.numbers(zone.electrons, grid) @ grid.nodes
        energy, magnetic = ELECTRON_REST_ENERGY * particles, field_energy(zone.b)
        # Gamma^2 beta of Gamma = delta
        motion = zone.delta * np.sqrt(zone.delta**2 - 1)
        return {
            "radius": zone.radius,
            "magnetic_field": zone.b,
            "magnetic_energy": magnetic,
            "electron_energy": energy,
            "energy_ratio": energy / magnetic,
            "jet_power": 2 * math.pi * zone.radius**2 * motion * LIGHT * (energy + magnetic),
        }

    def _possible(self, theta: np.ndarray) -> np.ndarray:
        low, high = (theta[:, i] for i in self._gamma_limits)
        with np.errstate(invalid="ignore"):
            inside = np.all((theta >= self._low) & (theta <= self._high), axis=1)
            return inside & (low < high)

    def _zone(self, theta: np.ndarray) -> Zone:
        delta, log10_b, t_var = theta[:, -3:].T
        radius = blob_radius(t_var, delta, self.redshift)
        return Zone(theta[:, :-3], delta, 10**log10_b, radius)

    def _components(self, theta: np.ndarray, frequencies: np.ndarray) -> dict[str, np.ndarray]:
        zone = self._zone(theta)
        ln_nu = ln_frequency_in_blob(frequencies, zone.delta, self.redshift)
        emission = self.emission(theta, float(ln_nu.min()), float(ln_nu.max()))
        return {
            name: observed_flux(values, zone.delta, zone.radius, self.distance)
            for name, values in emission.powers(ln_nu).items()
        }

    def emission(self, theta: np.ndarray, ln_lowest: float, ln_highest: float) -> SphereEmission:
        """Return what leaves the spheres, in their frame, between two frequencies.

        Parameters
        ----------
        theta : ndarray, shape (b, p)
            Within the limits of the parameters.
        ln_lowest, ln_highest : float
            ln of Hz; below, the spectra of scattered photons go on as straight lines.
        """
        zone = self._zone(theta)
        kernels = self._kernels_of(theta[:, self._gamma_limits[1]].max(), ln_lowest, ln_highest)
        numbers = self.electrons.numbers(zone.electrons, kernels.synchrotron_electrons)
        emissivity = kernels.synchrotron.emissivity(numbers, zone.b)
        depth = np.zeros_like(emissivity)
        if self.self_absorption:
            coefficient = kernels.absorption.coefficient(numbers, zone.b)
            depth = 2 * coefficient * zone.radius[:, None]
        leaving = LogSpectra(kernels.x, emissivity * escaping_fraction(depth))
        return SphereEmission(
            zone, leaving, self._compton(kernels.compton, theta, zone, leaving),
            LogSpectra(kernels.x, depth) if self.self_absorption else None,
        )  # fmt: skip

    def _compton(
        self, kernel: ComptonKernel, theta: np.ndarray, zone: Zone, leaving: LogSpectra
    ) -> EndedSpectra:
        """Return the power per volume, erg / s / cm3, by ln of the scattered energy.

        Nodes are shifted so that gamma_max is one of them.
        """
        ln_end = np.log(theta[:, self._gamma_limits[1]])
        last, shift = kernel.electrons.nearest(ln_end)
        ln_nu_b = np.log(gyrofrequency(zone.b))
        ln_seeds = kernel.seeds.ln + (math.log(FREQUENCY_OF_REST_ENERGY) - ln_nu_b - shift)[:, None]
        seeds = seed_energy(leaving(ln_seeds), zone.radius)
        numbers = self.electrons.numbers(zone.electrons, kernel.electrons, shift)
        return EndedSpectra(
            kernel.scattered, kernel.emissivity(numbers, seeds, last, shift), ln_end, shift
        )

    def _kernels_of(self, gamma_max: float, ln_lowest: float, ln_highest: float) -> _Kernels:
        """Return kernels that reach to a Lorentz factor and over frequencies, by whole decades."""
        low, high = (
            (ln_nu - math.log(FREQUENCY_OF_REST_ENERGY)) / math.log(10)
            for ln_nu in (ln_lowest, ln_highest)
        )
        highest = math.ceil(math.log10(gamma_max) - 1e-9)
        last = min(math.ceil(high), highest)
        first = min(math.floor(low), last - 1)
        return _kernels(highest, first, last, self.resolution, self.precision)


@lru_cache(maxsize=_KEPT)
def _kernels(
    highest: int, first: int, last: int, resolution: Resolution, precision: type
) -> _Kernels:
    """Return kernels of electrons up to 10^highest and photons from 10^first to 10^last m_e c^2."""
    fine, coarse = resolution
    gamma_max = 10.0**highest
    electrons = LogGrid(1.0, gamma_max, fine)
    x = LogGrid(_LOWEST_X, _HIGHEST_X * gamma_max**2, fine)
    lowest = max(10.0**first / (4 * gamma_max**2), _LOWEST_SEED)
    compton = ComptonKernel(
        LogGrid(0.5, gamma_max, coarse),  # shifted by less than half a step
        LogGrid(min(lowest, 0.1 * _HIGHEST_SEED), _HIGHEST_SEED, coarse),
        LogGrid(10.0**first, 10.0**last, coarse),
        precision,
    )
    return _Kernels(
        electrons, x, SynchrotronKernel(electrons, x), AbsorptionKernel(electrons, x), compton
    )
