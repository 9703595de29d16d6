"""Synchrotron, SSC and external Compton emission of one homogeneous sphere in a jet."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from xsurvey.galaxy_clusters.cosmology import Cosmology
from xsurvey.inference.parameter_set import FitParameter
from xsurvey.inference.priors import Uniform
from xsurvey.sed.boosting import blob_radius, ln_frequency_in_blob, observed_flux
from xsurvey.sed.fit_parameters import held
from xsurvey.sed.models.base import COSMOLOGY, Quantity
from xsurvey.sed.models.ssc import DEFAULT_RESOLUTION, Resolution, SynchrotronSelfCompton
from xsurvey.sed.particles.distributions import Distribution
from xsurvey.sed.radiation.external_compton import ExternalCompton
from xsurvey.sed.targets.base import Target
from xsurvey.sed.targets.broad_lines import DEFAULT_LINE
from xsurvey.sed.targets.disk import Disk
from xsurvey.sed.targets.registry import targets as named_targets
from xsurvey.sed.targets.torus import Torus

MU_S = FitParameter(
    "mu_s", 0.999, 0, 1, "", frozen=True, step=1e-4, prior=Uniform(0, 1),
    description="cosine of the angle between the jet and the line of sight; not tied to delta",
)  # fmt: skip
DISTANCE = held("r", 1e18, 1e14, 1e25, "distance of the sphere from the black hole", "cm")

PER_DECADE = 20


class ExternalComptonModel:
    """A sphere that scatters its synchrotron photons, and photons from outside of the jet.

    The disk, the torus and their light that is not scattered are in it: the torus if it is a
    target, and the disk if it or what it lights, the broad lines or the torus, is one.

    Parameters
    ----------
    electrons : Distribution
    redshift : float
    targets : sequence of str
        Names of `xsurvey.sed.targets.registry.TARGETS`.
    line : str
        Of the broad lines, by name or by its wavelength in Angstrom.
    black_body : bool
        Whether the dust's photons that are scattered are those of a black body, or of one energy.
    self_absorption : bool
        Whether electrons absorb synchrotron photons.
    cosmology : Cosmology
        For the luminosity distance.
    resolution : Resolution
        Of synchrotron and SSC emission.
    per_decade : int
        Nodes a decade of external Compton scattering.
    """

    name = "external-compton"
    description = (
        "synchrotron, synchrotron self-Compton and external Compton emission of one homogeneous "
        "sphere in a jet, with the disk and the torus"
    )

    def __init__(
        self, electrons: Distribution, redshift: float, *, targets: Sequence[str] = ("torus",),
        line: str = DEFAULT_LINE, black_body: bool = False, self_absorption: bool = True,
        cosmology: Cosmology = COSMOLOGY, resolution: Resolution = DEFAULT_RESOLUTION,
        per_decade: int = PER_DECADE,
    ) -> None:  # fmt: skip
        self._jet = SynchrotronSelfCompton(
            electrons, redshift, self_absorption=self_absorption, cosmology=cosmology,
            resolution=resolution,
        )  # fmt: skip
        self.electrons = electrons
        self.redshift = redshift
        self.distance = self._jet.distance
        self.targets = named_targets(targets, redshift=redshift, line=line, black_body=black_body)
        lit = {"disk", "blr", "torus"} & set(targets)
        self._shining: list[Disk | Torus] = [Disk()] if lit else []
        self._shining += [target for target in self.targets if isinstance(target, Torus)]
        self.parameters = _once(
            (*self._jet.parameters, MU_S, DISTANCE),
            *(target.parameters for target in (*self._shining, *self.targets)),
        )
        self.quantities: tuple[Quantity, ...] = (
            *self._jet.quantities,
            *(
                Quantity(_density(t), "erg / cm3", f"of photons at the sphere: {t.description}")
                for t in self.targets
            ),
        )
        self.notes = (*self._jet.notes, *_notes(self.targets))
        self._names = [p.name for p in self.parameters]
        self._low = np.array([p.minimum for p in self.parameters])
        self._high = np.array([p.maximum for p in self.parameters])
        self._scattering = ExternalCompton(per_decade)

    def components(self, theta: np.ndarray, frequencies: np.ndarray) -> dict[str, np.ndarray]:
        """Return nu F_nu of processes by name, as `RadiativeModel.components`.

        They are "synchrotron", "compton" (SSC), "compton_TARGET" of each target, and "disk" and
        "torus", which are seen themselves.
        """
        theta = np.asarray(theta, float)
        frequencies = np.asarray(frequencies, float)
        possible = self._possible(theta)
        names = ["synchrotron", "compton"]
        names += [f"compton_{t.name}" for t in self.targets] + [t.name for t in self._shining]
        result = {name: np.full((len(theta), len(frequencies)), np.nan) for name in names}
        if possible.any():
            rows = theta[possible]
            found = self._jet.components(rows[:, : len(self._jet.parameters)], frequencies)
            for name, flux in (found | self._outside(rows, frequencies)).items():
                result[name][possible] = flux
        return result

    def degrees(
        self, theta: np.ndarray, frequencies: np.ndarray, inclination_deg: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Return degrees of "synchrotron" and "compton", as `PolarizedModel.degrees`.

        Light from outside is not polarized, and isotropic electrons do not polarize what they
        scatter of it.
        """
        jet = np.asarray(theta, float)[:, : len(self._jet.parameters)]
        return self._jet.degrees(jet, frequencies, inclination_deg)

    def derived(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """Return `quantities` by name, shape (b,) each."""
        theta = np.asarray(theta, float)
        values = self._values(theta)
        found = self._jet.derived(theta[:, : len(self._jet.parameters)])
        for target in self.targets:
            found[_density(target)] = target.rays(values).energy.sum(axis=1)
        return found

    def _values(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        return dict(zip(self._names, theta.T, strict=True))

    def _possible(self, theta: np.ndarray) -> np.ndarray:
        values = self._values(theta)
        with np.errstate(invalid="ignore"):
            possible = np.all((theta >= self._low) & (theta <= self._high), axis=1)
            possible &= values["gamma_min"] < values["gamma_max"]
            if "R_in" in values:
                possible &= values["R_in"] < values["R_out"]
        return possible

    def _outside(self, theta: np.ndarray, frequencies: np.ndarray) -> dict[str, np.ndarray]:
        """Return nu F_nu of what the jet scatters from outside, and of what is there."""
        values = self._values(theta)
        delta = values["delta"]
        particles = theta[:, : len(self.electrons.parameters)]
        powers = self._scattering.power(
            lambda grid: self.electrons.numbers(particles, grid),
            (float(values["gamma_min"].min()), float(values["gamma_max"].max())),
            delta, [target.rays(values) for target in self.targets],
            ln_frequency_in_blob(frequencies, delta, self.redshift),
        )  # fmt: skip
        radius = blob_radius(values["t_var"], delta, self.redshift)
        result = {
            f"compton_{target.name}": observed_flux(power, delta, radius, self.distance)
            for target, power in zip(self.targets, powers, strict=True)
        }
        ln_nu = np.log(frequencies * (1 + self.redshift))
        sphere = 4 * math.pi * self.distance**2
        return result | {t.name: t.power(values, ln_nu) / sphere for t in self._shining}


def _once(*groups: Iterable[FitParameter]) -> tuple[FitParameter, ...]:
    """Return parameters in order, those of one name once."""
    return tuple({p.name: p for group in groups for p in group}.values())


def _density(target: Target) -> str:
    return f"photon_energy_{target.name}"


def _notes(targets: Sequence[Target]) -> tuple[str, ...]:
    return tuple(target.note for target in targets if target.note)
