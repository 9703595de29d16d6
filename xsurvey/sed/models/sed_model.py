"""What a radiative model is to the registry: its name, its options, and how it is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from xsurvey.errors import ParameterError
from xsurvey.galaxy_clusters.cosmology import Cosmology
from xsurvey.sed.models.base import COSMOLOGY, RadiativeModel
from xsurvey.sed.particles.distributions import Distribution

OF_ELECTRONS = frozenset({"electrons", "self_absorption"})
"""Options of models of which electrons are a part."""
OF_TARGETS = frozenset({"target", "line", "black_body"})
"""Options of models that scatter photons from outside."""


class ModelSetup(NamedTuple):
    """What a user asks of a model, beside its parameters.

    Attributes
    ----------
    electrons : Distribution
    redshift : float
    self_absorption : bool
        Whether electrons absorb synchrotron photons.
    targets : tuple of str
        Names of `xsurvey.sed.targets.registry.TARGETS`.
    line : str or None
        That the target ``blr`` emits.
    black_body : bool
        Whether the target ``torus`` is one.
    cosmology : Cosmology
        For the luminosity distance.
    """

    electrons: Distribution
    redshift: float
    self_absorption: bool = True
    targets: tuple[str, ...] = ()
    line: str | None = None
    black_body: bool = False
    cosmology: Cosmology = COSMOLOGY


@dataclass(frozen=True)
class SedModel:
    """A kind of radiative model that users ask for by its name.

    Attributes
    ----------
    name : str
        As of ``--model``. The entry point should have the same name, which is all that is known
        of a plug-in that cannot be loaded.
    description : str
        In a few words, for ``--help``.
    make : callable
        From a `ModelSetup` to a `RadiativeModel`, or to a `PolarizedModel`.
    options : frozenset of str
        Which of `OF_ELECTRONS` and `OF_TARGETS` it takes: others than their defaults are refused,
        since they would change nothing.
    version : str
        Of packages' and scripts' models: in results, and in keys of tasks and chains. Change it
        with the model. Those of xsurvey have the version of the stages.
    """

    name: str
    description: str
    make: Callable[[ModelSetup], RadiativeModel]
    options: frozenset[str] = frozenset()
    version: str = "1"

    def __post_init__(self) -> None:
        unknown = self.options - OF_ELECTRONS - OF_TARGETS
        if unknown:
            raise ParameterError(
                f"model '{self.name}'", f"takes options that there are not: {sorted(unknown)}",
                f"take some of {', '.join(sorted(OF_ELECTRONS | OF_TARGETS))}",
            )  # fmt: skip
