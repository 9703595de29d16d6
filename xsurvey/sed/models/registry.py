"""Radiative models and distributions of electrons by name.

A package offers a model of its own through an entry point of the group ``xsurvey.sed_models``, a
script with `register_model`. Processes other than the script's, such as Dask workers, know those
of entry points only.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from xsurvey.errors import ParameterError, XSurveyError, nearest, printable
from xsurvey.galaxy_clusters.cosmology import Cosmology
from xsurvey.sed.models.base import COSMOLOGY, RadiativeModel
from xsurvey.sed.models.external import ExternalComptonModel
from xsurvey.sed.models.hadronic import HadronicModel
from xsurvey.sed.models.sed_model import OF_ELECTRONS, OF_TARGETS, ModelSetup, SedModel
from xsurvey.sed.models.ssc import SynchrotronSelfCompton
from xsurvey.sed.particles.distributions import DISTRIBUTIONS as _DISTRIBUTIONS
from xsurvey.sed.targets.broad_lines import DEFAULT_LINE, BroadLines
from xsurvey.sed.targets.torus import Torus

logger = logging.getLogger(__name__)

_GROUP = "xsurvey.sed_models"


def _ssc(setup: ModelSetup) -> RadiativeModel:
    return SynchrotronSelfCompton(
        setup.electrons, setup.redshift, self_absorption=setup.self_absorption,
        cosmology=setup.cosmology,
    )  # fmt: skip


def _external_compton(setup: ModelSetup) -> RadiativeModel:
    return ExternalComptonModel(
        setup.electrons, setup.redshift, targets=setup.targets, line=setup.line or DEFAULT_LINE,
        black_body=setup.black_body, self_absorption=setup.self_absorption,
        cosmology=setup.cosmology,
    )  # fmt: skip


def _hadronic(setup: ModelSetup) -> RadiativeModel:
    return HadronicModel(
        setup.electrons, setup.redshift, self_absorption=setup.self_absorption,
        cosmology=setup.cosmology,
    )  # fmt: skip


_MODELS = {
    kind.name: SedModel(kind.name, kind.description, make, options)
    for kind, make, options in (
        (SynchrotronSelfCompton, _ssc, OF_ELECTRONS),
        (ExternalComptonModel, _external_compton, OF_ELECTRONS | OF_TARGETS),
        (HadronicModel, _hadronic, OF_ELECTRONS),
    )
}
DISTRIBUTIONS: Mapping[str, str] = {name: d.description for name, d in _DISTRIBUTIONS.items()}
"""Names of distributions of electrons, and their formulas."""
DEFAULT_ELECTRONS = "broken-power-law"


_REGISTERED: dict[str, SedModel] = {}


def sed_models() -> Mapping[str, SedModel]:
    """Return all models by name: xsurvey's, and those of packages and scripts."""
    return {**_MODELS, **own_models()}


def model_names() -> Mapping[str, str]:
    """Return names and descriptions for help texts, of packages' models that are not loaded none.

    Modules that models of packages import may ask for it while they are imported themselves.
    """
    named = {point.name: "of a package" for point in entry_points(group=_GROUP)}
    return {**named, **{name: model.description for name, model in _MODELS.items()}}


def own_models() -> Mapping[str, SedModel]:
    """Return the models of packages and scripts by name."""
    return {**_loaded()[0], **_REGISTERED}


def options_record(name: str, electrons: str, self_absorption: bool) -> dict[str, Any]:
    """Return what results tell of a model's options, None where it does not take them.

    And the ``version`` of models of packages and scripts.
    """
    model = sed_models()[name]
    own = {} if name in _MODELS else {"version": model.version}
    options = {"electrons": electrons, "self_absorption": self_absorption}
    return own | {key: v if key in model.options else None for key, v in options.items()}


def broken_models() -> Mapping[str, str]:
    """Return why plug-ins cannot be used, by the names of their entry points."""
    return _loaded()[1]


def register_model(model: SedModel) -> None:
    """Make a model known to this process; one of a script may be registered again.

    Raises
    ------
    ParameterError
        xsurvey or a package has a model of that name.
    """
    _check_new(model, _loaded()[0])
    _REGISTERED[model.name] = model


@cache
def _loaded() -> tuple[dict[str, SedModel], dict[str, str]]:
    """Return the models of packages, and why others cannot be loaded, which is warned of."""
    found: dict[str, SedModel] = {}
    broken: dict[str, str] = {}
    for point in entry_points(group=_GROUP):
        try:
            model = point.load()
            if not isinstance(model, SedModel):
                raise TypeError("it is no SedModel")
            _check_new(model, found)
            found[model.name] = model
        except Exception as error:  # a stranger's plug-in must not take the others down
            broken[point.name] = printable(error)
            logger.warning(
                "radiative model '%s' (%s) is left out, since it cannot be loaded: %s; "
                "reinstall or remove its package", point.name, point.value, printable(error),
            )  # fmt: skip
    return found, broken


def _check_new(model: SedModel, others: Mapping[str, SedModel]) -> None:
    for whose, names in (("xsurvey", _MODELS), ("an installed package", others)):
        if model.name in names:
            raise ParameterError(
                f"radiative model '{model.name}'", f"{whose} has a model of that name",
                "choose another",
            )  # fmt: skip


def radiative_model(
    name: str, *, electrons: str = DEFAULT_ELECTRONS, redshift: float,
    self_absorption: bool = True, targets: Sequence[str] = (), line: str | None = None,
    black_body: bool = False, cosmology: Cosmology = COSMOLOGY,
) -> RadiativeModel:  # fmt: skip
    """Return a model.

    Parameters
    ----------
    name : str
        One of `sed_models`.
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
        An unknown name, a redshift that is no distance, an option that the model does not take, or
        a line or black body of a target that is not there.
    """
    if not 0 < redshift < 20:
        raise ParameterError(
            "redshift", f"{redshift:g} is no distance", "give a number above 0, and below 20"
        )
    check_model(
        name, electrons=electrons, self_absorption=self_absorption, targets=targets, line=line,
        black_body=black_body,
    )  # fmt: skip
    setup = ModelSetup(
        _DISTRIBUTIONS[electrons], redshift, self_absorption, tuple(targets), line, black_body,
        cosmology,
    )  # fmt: skip
    kind = sed_models()[name]
    try:
        return kind.make(setup)
    except XSurveyError:
        raise
    except Exception as error:
        if name in _MODELS:
            raise
        raise ParameterError(
            f"model '{name}'", f"cannot be made ({type(error).__name__}: {error})",
            "correct it, or the package that it is of",
        ) from error  # fmt: skip


def check_model(
    name: str, *, electrons: str = DEFAULT_ELECTRONS, self_absorption: bool = True,
    targets: Sequence[str] = (), line: str | None = None, black_body: bool = False,
) -> None:  # fmt: skip
    """Check what is asked of a model before its redshift is known.

    Raises
    ------
    ParameterError
        An unknown name of a model or of electrons, an option that the model does not take, a line
        or black body of a target that is not there. Targets are looked at when it is made.
    """
    models = sed_models()
    for option, given, known in (
        ("model", name, models), ("electrons", electrons, _DISTRIBUTIONS),
    ):  # fmt: skip
        if given not in known:
            what = "radiative model" if option == "model" else "distribution"
            raise ParameterError(option, f"there is no {what} '{given}'", nearest(given, known))
    asked = {
        "electrons": electrons != DEFAULT_ELECTRONS, "self_absorption": not self_absorption,
        "target": bool(targets), "line": line is not None, "black_body": black_body,
    }  # fmt: skip
    for option, is_asked in asked.items():
        if is_asked and option not in models[name].options:
            taking = [f"'{other}'" for other, m in models.items() if option in m.options]
            raise ParameterError(
                option, f"changes nothing of the model '{name}'",
                f"leave it out, or take the model {' or '.join(taking)}",
            )  # fmt: skip
    for option, target in (("line", BroadLines.name), ("black_body", Torus.name)):
        if asked[option] and target not in targets:
            raise ParameterError(
                option, f"is of the target {target}, which is not there",
                f"leave it out, or add the target {target}",
            )  # fmt: skip
