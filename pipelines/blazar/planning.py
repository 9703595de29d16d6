"""What a config of the pipeline ``blazar`` asks for: sources, models, files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from xsurvey.config import Config
from xsurvey.config_files import find_file
from xsurvey.errors import InputError, ParameterError, XSurveyError, nearest
from xsurvey.parameters import StepParameters
from xsurvey.pipelines.blazar.parameters import (
    BlazarSource,
    BlazarSourcesParameters,
    ComparedModelsParameters,
)
from xsurvey.pipelines.blazar.source_files import polarization_settings, systematic_name
from xsurvey.pipelines.blazar.spectrum_files import SpectrumInputs, spectrum_inputs
from xsurvey.sed.fitting.sed_parameters import (
    SedModelParameters,
    SedPointParameters,
    SedSearchParameters,
)
from xsurvey.sed.models.registry import check_model
from xsurvey.sed.on_the_way.background_tables import BACKGROUND_LIGHTS, background_light_file
from xsurvey.sed.tables.table import read_sed

_Model = TypeVar("_Model", bound=StepParameters)


@dataclass(frozen=True)
class SourceFiles:
    """Files of a source that exist.

    Attributes
    ----------
    fluxes, polarization : tuple of path
    spectra : mapping of str to SpectrumInputs
        By instrument.
    around : mapping of str to path
        ``ebl`` and ``host``, of those that are named.
    """

    fluxes: tuple[Path, ...]
    polarization: tuple[Path, ...]
    spectra: Mapping[str, SpectrumInputs]
    around: Mapping[str, Path]


@dataclass(frozen=True)
class PlannedRun:
    """A run on its way into a plan.

    Attributes
    ----------
    config : Config
    sources : mapping of str to BlazarSource
    files : mapping of str to SourceFiles
        Of each source.
    models : mapping of str to SedModelParameters
    """

    config: Config
    sources: Mapping[str, BlazarSource]
    files: Mapping[str, SourceFiles]
    models: Mapping[str, SedModelParameters]


def section_of(config: Config, model: type[_Model]) -> _Model:
    """Return the section of a model, of which there is one."""
    found = next(s for s in config.sections.values() if type(s) is model)
    assert isinstance(found, model)
    return found


def planned_run(config: Config) -> PlannedRun:
    """Return the run that a configuration asks for.

    Raises
    ------
    InputError
        A file does not exist, of those too that headers of spectra name.
    ParameterError
        No source, no model, names of models that there are not, systematic errors of an instrument
        that no source has, or what is said of polarization without any.
    MissingDataError
        Optical depths of the background light are not installed.
    """
    sources = section_of(config, BlazarSourcesParameters).places
    models = section_of(config, ComparedModelsParameters).compared
    if not sources:
        raise ParameterError(
            f"{config.path}: sources.places", "names no source",
            "give one as NAME: {position: RA,DEC, fluxes: [TABLE]}, or with spectra",
        )  # fmt: skip
    if not models:
        raise ParameterError(
            f"{config.path}: models.compared", "names no model",
            "give one as NAME: {model: ssc}",
        )  # fmt: skip
    for name, model in models.items():
        _check_model(f"{config.path}: models.compared.{name}", model)
    files = {name: _files(config, name, source) for name, source in sources.items()}
    if not any(one.polarization for one in files.values()):
        _check_unpolarized(config, models)
    _check_systematics(config, files)
    return PlannedRun(config, sources, files, models)


def _check_unpolarized(config: Config, models: Mapping[str, SedModelParameters]) -> None:
    """Raise for what is said of polarization where no source has any."""
    given = [
        (f"models.compared.{name}.{key}", f"'{text}'")
        for name, model in models.items() for key, text in polarization_settings(model)
    ]  # fmt: skip
    if section_of(config, SedSearchParameters).cells is not None:
        given.insert(0, ("fit.cells", ""))
    for key, text in given[:1]:
        raise ParameterError(
            f"{config.path}: {key}", f"{text} is of polarization, and no source has any".strip(),
            "give sources their polarization, or leave it out",
        )  # fmt: skip


def _check_model(where: str, model: SedModelParameters) -> None:
    try:
        check_model(
            model.model, electrons=model.electrons, self_absorption=model.self_absorption,
            targets=model.target, line=model.line, black_body=model.black_body,
        )  # fmt: skip
    except ParameterError as error:
        raise ParameterError(f"{where}.{error.subject}", error.cause, error.remedy) from None


def _files(config: Config, name: str, source: BlazarSource) -> SourceFiles:
    where = f"sources.places.{name}"

    def found(key: str, texts: tuple[str, ...]) -> tuple[Path, ...]:
        return tuple(find_file(config, f"{where}.{key}.{i}", text) for i, text in enumerate(texts))

    around = {}
    if source.host is not None:
        around["host"] = find_file(config, f"{where}.host", source.host)
    if source.ebl is not None:
        around["ebl"] = _background_light(config, f"{where}.ebl", source.ebl)
    spectra = {
        instrument: spectrum_inputs(config, f"{where}.spectra.{instrument}", spectrum)
        for instrument, spectrum in source.spectra.items()
    }
    return SourceFiles(
        found("fluxes", source.fluxes), found("polarization", source.polarization), spectra, around
    )


def _background_light(config: Config, key: str, name: str) -> Path:
    if name in BACKGROUND_LIGHTS:
        return background_light_file(name)
    try:
        return find_file(config, key, name)
    except InputError:
        raise InputError(
            f"{config.path}: {key}", f"'{name}' is neither a model of the background light nor a "
            "file", nearest(name, BACKGROUND_LIGHTS),
        ) from None  # fmt: skip


def _check_systematics(config: Config, files: Mapping[str, SourceFiles]) -> None:
    """Raise for a systematic error of an instrument that no source has.

    Not where a table cannot be read: its task says why, and may have the instrument.
    """
    given = section_of(config, SedPointParameters).systematic
    if not given:
        return
    try:
        known = {i for one in files.values() for path in one.fluxes for i in
                 read_sed(path).instruments}  # fmt: skip
        known |= {instrument for one in files.values() for instrument in one.spectra}
    except XSurveyError:
        return
    lower = {name.lower() for name in known}
    for text in given:
        name = systematic_name(text)
        if not name:
            raise ParameterError(
                f"{config.path}: points.systematic", f"'{text}' is not INSTRUMENT=FRACTION",
                "write for example MAGIC=0.3",
            )  # fmt: skip
        if name.lower() not in lower:
            raise ParameterError(
                f"{config.path}: points.systematic", f"no source has an instrument '{name}'",
                nearest(name, known),
            )  # fmt: skip
