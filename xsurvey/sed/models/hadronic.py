"""One homogeneous sphere of electrons and protons, and the pairs that these make."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from xsurvey.galaxy_clusters.cosmology import Cosmology
from xsurvey.sed.boosting import ln_frequency_in_blob, observed_flux
from xsurvey.sed.constants import (
    ELECTRON_REST_ENERGY,
    FREQUENCY_OF_REST_ENERGY,
    GYROFREQUENCY,
    LIGHT,
    PROTON_REST_ENERGY,
)
from xsurvey.sed.fit_parameters import flat
from xsurvey.sed.grids import LogGrid
from xsurvey.sed.hadronic.cascade import PairCascade
from xsurvey.sed.hadronic.folding import ProtonPhotonKernel
from xsurvey.sed.hadronic.opacity import PairOpacity
from xsurvey.sed.hadronic.protons import (
    HIGHEST,
    PARAMETERS,
    ProtonRows,
    losses_of,
    proton_numbers,
)
from xsurvey.sed.hadronic.secondaries import gamma_ray_kernel, pairs_kernel
from xsurvey.sed.models.base import COSMOLOGY, Quantity
from xsurvey.sed.models.ssc import SphereEmission, SynchrotronSelfCompton, Zone
from xsurvey.sed.particles.distributions import Distribution
from xsurvey.sed.polarization.synchrotron import UniformFieldKernel, ln_scaled_frequency
from xsurvey.sed.radiation.proton_synchrotron import MASS_RATIO
from xsurvey.sed.radiation.self_absorption import escaping_fraction
from xsurvey.sed.radiation.self_compton import seed_energy
from xsurvey.sed.radiation.synchrotron import ParticleSynchrotron
from xsurvey.sed.spectrum_interpolation import LogSpectra

PER_DECADE = 10
COMPONENTS = ("synchrotron", "compton", "proton_synchrotron", "pair_synchrotron", "pion_decay")

# Lorentz factors, and photons in m_e c^2 in the frame of the sphere
_HIGHEST_PAIR = 10.0**HIGHEST / MASS_RATIO
_TARGETS = 1e-13, 1e3
_ABSORBED = 1e-2
_LOWEST_Y, _HIGHEST_Y = 1e-2, 100.0  # the latter times the square of a Lorentz factor
_LN_REST = math.log(FREQUENCY_OF_REST_ENERGY)
_LN_COMPTON = math.log(1e-10) + _LN_REST, math.log(1e9) + _LN_REST
_REMEMBERED = 2  # states: of fluxes, and of polarization at the same parameters


LOG10_B = flat(
    "log10_B", 1.5, 0, 4, 0.03, "log10 of the magnetic field; below some gauss the light of "
    "protons is lost in that which electrons scatter", "log10(G)",
)  # fmt: skip


class _Kernels(NamedTuple):
    protons: LogGrid
    to_hitting: np.ndarray
    pairs: LogGrid
    targets: LogGrid
    gamma_rays: LogGrid
    proton_synchrotron: ParticleSynchrotron
    pair_synchrotron: ParticleSynchrotron
    opacity: PairOpacity
    to_pairs: ProtonPhotonKernel
    to_gamma_rays: ProtonPhotonKernel
    cascade: PairCascade


class State(NamedTuple):
    """What is in spheres in the steady state.

    Attributes
    ----------
    leptons : SphereEmission
        Of the electrons that are given.
    protons, pairs : ndarray, shape (n, p) and (n, g)
        Per cm3 at the nodes of their grids.
    depth : ndarray, shape (n, s)
        2 kappa R of gamma rays at the nodes of their grid.
    pion_photons : ndarray, shape (n, s)
        Photons of pions, per cm3, s and eps.
    secondary_power : ndarray, shape (n,)
        Of all that protons make of photons, erg / s / cm3.
    """

    leptons: SphereEmission
    protons: np.ndarray
    pairs: np.ndarray
    depth: np.ndarray
    pion_photons: np.ndarray
    secondary_power: np.ndarray

    @property
    def zone(self) -> Zone:
        """The spheres."""
        return self.leptons.zone


class HadronicModel:
    """A sphere of electrons and protons whose photons make pairs, and these cascades.

    Protons are injected as a power law; they and pairs are in a steady state with synchrotron and
    adiabatic losses and escape. Electrons are as they are given.

    Parameters
    ----------
    electrons : Distribution
    redshift : float
    self_absorption : bool
        Whether electrons absorb synchrotron photons, those of protons and pairs too.
    cosmology : Cosmology
        For the luminosity distance.
    per_decade : int
        Nodes a decade of pairs and gamma rays; of protons that radiate, twice as many.
    """

    name = "hadronic"
    description = (
        "synchrotron emission of electrons and protons of one homogeneous sphere, and of pairs by "
        "photo-pions, Bethe-Heitler process and cascades; with self-Compton emission"
    )
    quantities: tuple[Quantity, ...] = (
        Quantity("radius", "cm", "of the sphere, c t_var delta / (1 + z)"),
        Quantity("magnetic_field", "G", "in the sphere"),
        Quantity("magnetic_energy", "erg / cm3", "B^2 / 8 pi"),
        Quantity("electron_energy", "erg / cm3", "of the electrons that are given"),
        Quantity("proton_energy", "erg / cm3", "of protons in the steady state"),
        Quantity("energy_ratio", "", "of electrons and protons to the field"),
        Quantity(
            "jet_power", "erg / s",
            "2 pi R^2 Gamma^2 beta c (U_e + U_p + U_B) of two jets with Gamma = delta",
        ),
        Quantity(
            "gyroradius_ratio", "", "gyroradius of the fastest protons over R; below 1 they stay"
        ),
        Quantity(
            "secondary_power_ratio", "",
            "power of what protons make of photons, over that injected as protons",
        ),
    )  # fmt: skip
    notes: tuple[str, ...] = (
        "one homogeneous sphere in a steady state; electrons as given, protons and pairs with "
        "synchrotron and adiabatic losses and escape",
        "protons collide with the electrons' synchrotron photons, and lose no energy by it: right "
        "where secondary_power_ratio is far below 1; pions and muons decay before they lose energy",
        "gamma rays are absorbed by synchrotron photons of electrons and protons; pairs of the "
        "cascade share energies 9 to 1, and emit synchrotron photons alone",
    )

    def __init__(
        self, electrons: Distribution, redshift: float, *, self_absorption: bool = True,
        cosmology: Cosmology = COSMOLOGY, per_decade: int = PER_DECADE,
    ) -> None:  # fmt: skip
        self._leptons = SynchrotronSelfCompton(
            electrons, redshift, self_absorption=self_absorption, cosmology=cosmology
        )
        self.electrons, self.redshift = electrons, redshift
        self.distance = self._leptons.distance
        self.per_decade = per_decade
        own = {LOG10_B.name: LOG10_B}
        self.parameters = (*(own.get(p.name, p) for p in self._leptons.parameters), *PARAMETERS)
        self._low = np.array([p.minimum for p in self.parameters])
        self._high = np.array([p.maximum for p in self.parameters])
        self._names = [p.name for p in self.parameters]
        self._states: list[tuple[bytes, State]] = []

    def components(self, theta: np.ndarray, frequencies: np.ndarray) -> dict[str, np.ndarray]:
        """Return nu F_nu of `COMPONENTS`, as `RadiativeModel.components`."""
        theta, frequencies = np.asarray(theta, float), np.asarray(frequencies, float)
        possible = self._possible(theta)
        result = {name: np.full((len(theta), len(frequencies)), np.nan) for name in COMPONENTS}
        if possible.any():
            state = self.state(theta[possible])
            ln_nu = ln_frequency_in_blob(frequencies, state.zone.delta, self.redshift)
            for name, power in self._powers(state, ln_nu).items():
                result[name][possible] = observed_flux(
                    power, state.zone.delta, state.zone.radius, self.distance
                )
        return result

    def degrees(
        self, theta: np.ndarray, frequencies: np.ndarray, inclination_deg: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Return degrees of polarization, as `PolarizedModel.degrees`.

        Of synchrotron light of electrons, protons and pairs, and of what electrons scatter; gamma
        rays of pions have none.
        """
        theta, frequencies = np.asarray(theta, float), np.asarray(frequencies, float)
        inclination_deg = np.asarray(inclination_deg, float)
        found = self._leptons.degrees(self._of_leptons(theta), frequencies, inclination_deg)
        possible = self._possible(theta)
        for degree in found.values():
            degree[~possible] = np.nan
        for name in ("proton_synchrotron", "pair_synchrotron"):
            found[name] = np.full((len(theta), len(frequencies)), np.nan)
        if not possible.any():
            return found
        state = self.state(theta[possible])
        ln_nu = ln_frequency_in_blob(frequencies, state.zone.delta, self.redshift)
        fields = _field_kernels(self.per_decade)
        for name, numbers, kernel, mass in (
            ("proton_synchrotron", state.protons, fields[0], MASS_RATIO),
            ("pair_synchrotron", state.pairs, fields[1], 1.0),
        ):
            ln_y = ln_scaled_frequency(ln_nu, mass * state.zone.b, inclination_deg[possible])
            # NaN where there are no such particles, whose light would have had a degree
            found[name][possible] = np.nan_to_num(kernel.degree(numbers, ln_y))
        return found

    def derived(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """Return `quantities` by name, shape (b,) each; NaN in rows at which there is no state."""
        theta = np.asarray(theta, float)
        possible = self._possible(theta)
        found = {quantity.name: np.full(len(theta), np.nan) for quantity in self.quantities}
        if possible.any():
            for name, values in self._derived(theta[possible]).items():
                found[name][possible] = values
        return found

    def _derived(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        found = self._leptons.derived(self._of_leptons(theta))
        state, rows = self.state(theta), self._of_protons(theta)
        protons = PROTON_REST_ENERGY * (state.protons @ _kernels(self.per_decade).protons.nodes)
        electrons, magnetic = found["electron_energy"], found["magnetic_energy"]
        found["proton_energy"] = protons
        found["energy_ratio"] = (electrons + protons) / magnetic
        found["jet_power"] = found["jet_power"] * (1 + protons / (electrons + magnetic))
        # m_p c^2 gamma / (e B)
        gyration = LIGHT / (2 * math.pi * MASS_RATIO * GYROFREQUENCY * state.zone.b)
        found["gyroradius_ratio"] = 10.0**rows.log10_gamma_max * gyration / state.zone.radius
        volume = 4 / 3 * math.pi * state.zone.radius**3
        found["secondary_power_ratio"] = state.secondary_power * volume / 10.0**rows.log10_power
        return found

    def _of_leptons(self, theta: np.ndarray) -> np.ndarray:
        return theta[:, : -len(PARAMETERS)]

    def _of_protons(self, theta: np.ndarray) -> ProtonRows:
        return ProtonRows(*theta[:, -len(PARAMETERS) :].T)

    def _possible(self, theta: np.ndarray) -> np.ndarray:
        values = dict(zip(self._names, theta.T, strict=True))
        with np.errstate(invalid="ignore"):
            inside = np.all((theta >= self._low) & (theta <= self._high), axis=1)
            inside &= values["gamma_min"] < values["gamma_max"]
            return inside & (
                np.log10(values["proton_gamma_min"]) < values["log10_proton_gamma_max"]
            )

    def state(self, theta: np.ndarray) -> State:
        """Return the steady state at parameters within their limits, (n, p).

        It is remembered for what is asked of the same parameters next.
        """
        key = theta.tobytes()
        for known, state in self._states:
            if known == key:
                return state
        state = self._new_state(theta)
        self._states = [(key, state), *self._states][:_REMEMBERED]
        return state

    def _new_state(self, theta: np.ndarray) -> State:
        kernels = _kernels(self.per_decade)
        rows = self._of_protons(theta)
        leptons = self._leptons.emission(self._of_leptons(theta), *_LN_COMPTON)
        b, radius = leptons.zone.b, leptons.zone.radius
        protons = proton_numbers(rows, b, radius, kernels.protons)

        # photons that are in the sphere, and how those above are absorbed by them
        ln_nu = np.broadcast_to(kernels.targets.ln + _LN_REST, (len(theta), len(kernels.targets)))
        synchrotron = leptons.powers(ln_nu)["synchrotron"]
        of_protons = kernels.proton_synchrotron.power(protons, b, ln_nu)
        u, u_protons = (seed_energy(x / np.exp(ln_nu), radius) for x in (synchrotron, of_protons))
        depth = 2 * kernels.opacity.coefficient(u + u_protons) * radius[:, None]

        hitting = protons @ kernels.to_hitting
        born = kernels.to_pairs.rates(hitting, u)
        pion_photons = kernels.to_gamma_rays.rates(hitting, u)
        eps = kernels.gamma_rays.nodes
        ln_nu = np.broadcast_to(
            kernels.gamma_rays.ln + _LN_REST, (len(theta), len(kernels.gamma_rays))
        )
        power = np.asarray(sum(self._radiated(leptons, protons, ln_nu).values()))
        found = kernels.cascade.solve(
            born, pion_photons + power / (ELECTRON_REST_ENERGY * eps**2),
            escaping_fraction(depth), losses_of(rows, b, radius, 1.0), b,
        )  # fmt: skip
        secondaries = born @ kernels.pairs.nodes**2 * kernels.pairs.step
        secondaries += pion_photons @ eps**2 * kernels.gamma_rays.step
        return State(
            leptons, protons, found.pairs * kernels.pairs.nodes * kernels.pairs.step, depth,
            pion_photons, secondaries * ELECTRON_REST_ENERGY,
        )  # fmt: skip

    def made(self, state: State, ln_nu: np.ndarray) -> dict[str, np.ndarray]:
        """Return nu' times what electrons and protons radiate before it is absorbed by photons.

        Parameters
        ----------
        state : State
        ln_nu : ndarray, shape (n, f)
            ln of Hz in the frame of the sphere.

        Returns
        -------
        dict of str to ndarray, shape (n, f)
            erg / s / cm3; without secondaries.
        """
        return self._radiated(state.leptons, state.protons, ln_nu)

    def _radiated(
        self, leptons: SphereEmission, protons: np.ndarray, ln_nu: np.ndarray
    ) -> dict[str, np.ndarray]:
        of_protons = _kernels(self.per_decade).proton_synchrotron.power(
            protons, leptons.zone.b, ln_nu
        )
        return leptons.powers(ln_nu) | {"proton_synchrotron": of_protons}

    def _powers(self, state: State, ln_nu: np.ndarray) -> dict[str, np.ndarray]:
        """Return nu' times what leaves the sphere, erg / s / cm3, (n, f)."""
        kernels = _kernels(self.per_decade)
        gamma_rays, ln_eps = kernels.gamma_rays, ln_nu - _LN_REST
        leaving = escaping_fraction(LogSpectra(gamma_rays, state.depth)(ln_eps))
        transparent = leaving * state.leptons.transparency(ln_nu)
        found = {name: power * leaving for name, power in state.leptons.powers(ln_nu).items()}
        for name, numbers, kernel in (
            ("proton_synchrotron", state.protons, kernels.proton_synchrotron),
            ("pair_synchrotron", state.pairs, kernels.pair_synchrotron),
        ):
            found[name] = kernel.power(numbers, state.zone.b, ln_nu) * transparent
        energy = state.pion_photons * gamma_rays.nodes**2 * ELECTRON_REST_ENERGY
        some = (energy.max(axis=1) > 0)[:, None]
        found["pion_decay"] = LogSpectra(gamma_rays, energy)(ln_eps) * some * leaving
        return found


@lru_cache(maxsize=2)
def _kernels(per_decade: int) -> _Kernels:
    protons = LogGrid(1.0, 10.0**HIGHEST, 2 * per_decade)  # which end abruptly
    hitting = LogGrid(1.0, 10.0**HIGHEST, per_decade)
    pairs = LogGrid(1.0, _HIGHEST_PAIR, per_decade)
    targets = LogGrid(*_TARGETS, per_decade)
    gamma_rays = LogGrid(_ABSORBED, _HIGHEST_PAIR, per_decade)
    return _Kernels(
        protons, hitting.from_finer(protons), pairs, targets, gamma_rays,
        ParticleSynchrotron(protons, MASS_RATIO), ParticleSynchrotron(pairs),
        PairOpacity(targets, gamma_rays),
        pairs_kernel(hitting, targets, pairs), gamma_ray_kernel(hitting, targets, gamma_rays),
        PairCascade(pairs, gamma_rays),
    )  # fmt: skip


@lru_cache(maxsize=2)
def _field_kernels(per_decade: int) -> tuple[UniformFieldKernel, UniformFieldKernel]:
    """Return the polarization of protons and of pairs in a uniform field."""
    kernels = _kernels(per_decade)
    protons, pairs = (
        UniformFieldKernel(
            grid, LogGrid(_LOWEST_Y, _HIGHEST_Y * grid.limits[1] ** 2, grid.per_decade)
        )
        for grid in (kernels.protons, kernels.pairs)
    )
    return protons, pairs
