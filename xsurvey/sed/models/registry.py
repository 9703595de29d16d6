"""Radiative models and distributions of electrons by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xsurvey.errors import ParameterError, nearest
from xsurvey.galaxy_clusters.cosmology import Cosmology
from xsurvey.sed.models.base import COSMOLOGY, RadiativeModel
from xsurvey.sed.models.external import ExternalComptonModel
from xsurvey.sed.models.hadronic import HadronicModel
from xsurvey.sed.models.ssc import SynchrotronSelfCompton
from xsurvey.sed.particles.distributions import DISTRIBUTIONS as _DISTRIBUTIONS
from xsurvey.sed.targets.broad_lines import DEFAULT_LINE, BroadLines
from xsurvey.sed.targets.torus import Torus

_MODELS = (SynchrotronSelfCompton, ExternalComptonModel, HadronicModel)

MODELS: Mapping[str, str] = {model.name: model.description for model in _MODELS}
"""Names of models, and what they are."""
DISTRIBUTIONS: Mapping[str, str] = {name: d.description for name, d in _DISTRIBUTIONS.items()}
"""Names of distributions of electrons, and their formulas."""


def radiative_model(
    name: str, *, electrons: str = "broken-power-law", redshift: float,
    self_absorption: bool = True, targets: Sequence[str] = (), line: str | None = None,
    black_body: bool = False, cosmology: Cosmology = COSMOLOGY,
) -> RadiativeModel:  # fmt: skip
    """Return a model.

    Parameters
    ----------
    name : str
        One of `MODELS`.
    electrons : str
        One of `DISTRIBUTIONS`.
    redshift : float
        For the distance, frequencies and the radius.
    self_absorption : bool
        Whether electrons absorb the synchrotron photons.
    targets : sequence of str
        What electrons of `external-compton` scatter: names of
        `xsurvey.sed.targets.registry.TARGETS`.
    line : str, optional
        That the target `blr` emits: a name, or a wavelength in Angstrom; `DEFAULT_LINE` of
        `xsurvey.sed.targets.broad_lines` if not given.
    black_body : bool
        Whether electrons scatter a black body's photons of the target `torus`, or those of one
        energy.
    cosmology : Cosmology
        For the luminosity distance.

    Raises
    ------
    ParameterError
        An unknown name, a redshift that is no distance, targets of a model that has none, or a
        line or black body of a target that is not there.
    """
    if name not in MODELS:
        raise ParameterError(
            "model", f"there is no radiative model '{name}'", nearest(name, MODELS)
        )
    if electrons not in _DISTRIBUTIONS:
        raise ParameterError(
            "electrons", f"there is no distribution '{electrons}'",
            nearest(electrons, _DISTRIBUTIONS),
        )  # fmt: skip
    if not 0 < redshift < 20:
        raise ParameterError(
            "redshift", f"{redshift:g} is no distance", "give a number above 0, and below 20"
        )
    _check_effect(name, targets, line, black_body)
    distribution = _DISTRIBUTIONS[electrons]
    if name == ExternalComptonModel.name:
        return ExternalComptonModel(
            distribution, redshift, targets=targets, line=line or DEFAULT_LINE,
            black_body=black_body,
            self_absorption=self_absorption, cosmology=cosmology,
        )  # fmt: skip
    plain = HadronicModel if name == HadronicModel.name else SynchrotronSelfCompton
    return plain(distribution, redshift, self_absorption=self_absorption, cosmology=cosmology)


def _check_effect(name: str, targets: Sequence[str], line: str | None, black_body: bool) -> None:
    """Raise where targets, or what is said of them, would change nothing."""
    if targets and name != ExternalComptonModel.name:
        raise ParameterError(
            "target", f"electrons of the model '{name}' scatter nothing from outside",
            f"leave it out, or take the model '{ExternalComptonModel.name}'",
        )  # fmt: skip
    for option, given, target in (
        ("line", line is not None, BroadLines.name), ("black_body", black_body, Torus.name),
    ):  # fmt: skip
        if given and target not in targets:
            raise ParameterError(
                option, f"is of the target {target}, which is not there",
                f"leave it out, or take the model '{ExternalComptonModel.name}' with the target "
                f"{target}",
            )  # fmt: skip
