"""Tasks of spectra, and what can be known to be wrong with them before any work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from xsurvey.config import Config
from xsurvey.engine import Task
from xsurvey.engine.parts import PARTS_FILE
from xsurvey.engine.plan import OutputOf
from xsurvey.errors import MissingDataError, ParameterError, XSurveyError
from xsurvey.imaging.stack_parameters import SharedSky
from xsurvey.inference.parameter_set import ParameterSet, apply_settings
from xsurvey.missions import Mission
from xsurvey.pipelines.observations import ObservationInput
from xsurvey.pipelines.spectra.extraction_stage import SPECTRA
from xsurvey.pipelines.spectra.fits_stage import LINES, SPECTRAL_FITS
from xsurvey.pipelines.spectra.model_versions import atomdb_version
from xsurvey.pipelines.spectra.parameters import SpectralFitParameters, SpectraParameters
from xsurvey.pipelines.spectra.parts_stage import SPECTRAL_PARTS
from xsurvey.pipelines.spectra.places import extraction_target
from xsurvey.pipelines.spectra.results_stage import SPECTRAL_RESULTS
from xsurvey.pipelines.spectra.settings_of import alternatives_for, parameters_for
from xsurvey.spectra.assembly import model_parameters
from xsurvey.spectra.fit_parameters import SpectrumFitParameters
from xsurvey.spectra.models.expression import Expression, parse_expression
from xsurvey.spectra.models.installation import installation
from xsurvey.spectra.models.model_data import require_data, uses_atomdb
from xsurvey.spectra.models.python_models import python_models
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.spectra.models.table_store import TABLE_FORMAT

_FILES = ("exposure", "arf", "rmf")
_ALTERNATIVES = "spectral_fits.alternatives"


def spectral_versions(config: Config) -> dict[str, str]:
    """Return the versions of the data that fits depend on, for the keys of their tasks.

    Raises
    ------
    ParameterError
        A model or a parameter does not exist, by the key of the config.
    MissingDataError
        The model library, or data of a model, are not installed.
    """
    spectra, fitting, settings = sections_of(config)
    uses = {}
    for name, parameters in _fits(config, spectra, fitting):
        subject = f"{config.path}: {name}"
        expression = parse_expression(str(parameters.model))
        rows = _checked_parameters(expression, parameters, subject.removesuffix(".model"))
        for component in expression.components:
            columns = component.columns
            values = [p.value for p in rows.parameters[columns.start : columns.stop]]
            require_data(component.definition, values)
            if uses_atomdb(component.definition, values):
                uses["atomdb"] = _atomdb_version(settings, name)
            own = python_models().get(component.definition.name.lower())
            if own is not None:
                uses[f"model {own.name}"] = own.version
    return uses | {"models": installation().version, "tables": str(TABLE_FORMAT)}


def _fits(
    config: Config, spectra: SpectraParameters, fitting: SpectralFitParameters
) -> Iterator[tuple[str, SpectrumFitParameters]]:
    """Yield the key of the config that names a model, with how it is fitted.

    Raises
    ------
    ParameterError
        A model does not exist.
    """
    if spectra.sources or any(region.model is None for region in spectra.regions.values()):
        _check_models(config, fitting)
        yield "spectral_fits.model", parameters_for("", spectra, fitting)
        if spectra.sources:
            for number, parameters in enumerate(alternatives_for(fitting)):
                yield f"{_ALTERNATIVES}.{number}", parameters
    for name, region in spectra.regions.items():
        if region.model is not None:
            subject = f"spectra.regions.{name}.model"
            _check_model(config, subject, region.model)
            yield subject, parameters_for(name, spectra, fitting)


def _check_models(config: Config, fitting: SpectralFitParameters) -> None:
    _check_model(config, "spectral_fits.model", fitting.model)
    for number, model in enumerate(fitting.alternatives):
        _check_model(config, f"{_ALTERNATIVES}.{number}", model)


def _check_model(config: Config, subject: str, model: str) -> None:
    try:
        parse_expression(model)
    except ParameterError as error:
        raise ParameterError(f"{config.path}: {subject}", error.cause, error.remedy) from None


def _checked_parameters(
    expression: Expression, parameters: SpectrumFitParameters, subject: str
) -> ParameterSet:
    try:
        return apply_settings(
            model_parameters(expression, 1)[0], values=parameters.set, freeze=parameters.freeze,
            thaw=parameters.thaw, links=parameters.link, limits=parameters.limits,
            priors=parameters.prior,
        )  # fmt: skip
    except XSurveyError as error:
        raise ParameterError(f"{subject}: {error.subject}", error.cause, error.remedy) from None


def _atomdb_version(settings: ModelSettings, name: str) -> str:
    try:
        return atomdb_version(settings)
    except MissingDataError as error:
        if not name.startswith(_ALTERNATIVES):
            raise
        remedy = f"{error.remedy}; or do without thermal models (spectral_fits: alternatives: [])"
        raise MissingDataError(error.subject, error.cause, remedy) from None


def sections_of(config: Config) -> tuple[SpectraParameters, SpectralFitParameters, ModelSettings]:
    """Return the sections of a config that are about spectra."""
    spectra, fitting = config.sections["spectra"], config.sections["spectral_fits"]
    settings = config.sections["spectral_models"]
    assert isinstance(spectra, SpectraParameters)
    assert isinstance(fitting, SpectralFitParameters)
    assert isinstance(settings, ModelSettings)
    return spectra, fitting, settings


def spectral_fit_task(
    config: Config, stack: str, observations: Sequence[ObservationInput], measured: OutputOf,
    versions: Mapping[str, str], shared: Mapping[str, SharedSky] | None = None,
) -> Task:  # fmt: skip
    """Plan the extraction and the fits of one stack; return the task that lists all fits.

    Spectra are extracted from each observation, and those of one source or region are fitted
    together, some of them in each part of the family ``spectral_fits``.

    Parameters
    ----------
    config : Config
    stack : str
        Its name, the target of the fits; where it is that of an observation too, as of a stack
        of one, the files have the names of their sources alone.
    observations : sequence of ObservationInput
        Of the stack, all of one mission. Exposure map and responses are those that the config
        gives for them.
    measured : OutputOf
        Of the photometry of the stack, whose ``target`` is the stack; see `rows_of`.
    versions : mapping of str to str
        `spectral_versions`.
    shared : mapping of str to SharedSky, optional
        What observations, by name, share with others.
    """
    spectra, fitting, _ = sections_of(config)
    extractions = [
        Task(
            SPECTRA, extraction_target(stack, observation.name),
            {
                "events": list(observation.events), "measured": measured,
                **{k: observation.others[k] for k in _FILES if k in observation.others},
            },
            # models do not change the spectra
            {
                **config.sections, "spectra": spectra.without_models(),
                "shared": (shared or {}).get(observation.name, SharedSky()),
            },
            uses=_mission_versions(observation.mission),
        )
        for observation in observations
    ]  # fmt: skip
    mission = next((one.mission for one in observations if one.mission is not None), None)
    if fitting.energy is None and mission is not None:
        band = mission.bands[mission.detection_bands[0]]
        fitting = fitting.model_copy(update={"energy": band})
    sections = {**config.sections, "spectral_fits": fitting}
    extracted = {"spectra": [task.output("spectra") for task in extractions]}
    parts = Task(SPECTRAL_PARTS, stack, extracted, sections)
    fits = Task(
        SPECTRAL_FITS, stack, extracted, sections, uses=versions, over=parts.output(PARTS_FILE)
    )
    return Task(SPECTRAL_RESULTS, stack, {**extracted, "lines": fits.output(LINES)}, sections)


def _mission_versions(mission: Mission | None) -> dict[str, str]:
    if mission is None:
        return {}
    return {
        "mission": f"{mission.name} {mission.version}", "responses": mission.responses_version(),
    }  # fmt: skip
