"""What a run of the pipeline ``blazar`` would fail at: for ``xsurvey check``."""

from __future__ import annotations

import functools
from collections.abc import Iterable

from xsurvey.config import Config
from xsurvey.errors import Complaints, ParameterError, XSurveyError
from xsurvey.inference.parameter_set import ParameterSet, require_priors
from xsurvey.pipelines.blazar.parameters import SedEvidenceSection, SedPosteriorSection
from xsurvey.pipelines.blazar.planning import PlannedRun, planned_run, section_of
from xsurvey.pipelines.blazar.source_files import fit_parameters, joined_polarization, joined_sed
from xsurvey.pipelines.blazar.spectrum_checks import points_to_come
from xsurvey.pipelines.blazar.spectrum_files import SpectrumInputs
from xsurvey.pipelines.blazar.spectrum_parameters import BlazarSpectrum
from xsurvey.pipelines.sed.fit_files import problem_of
from xsurvey.sed.fitting.sed_parameters import SedPointParameters, SedSearchParameters
from xsurvey.sed.polarization.measurements import PolarizationMeasurements
from xsurvey.sed.tables.energy_distribution import SpectralEnergyDistribution
from xsurvey.spectra.models.settings import ModelSettings


def input_problems(config: Config) -> Iterable[XSurveyError]:
    """Return why models cannot be fitted to sources, all that is told before spectra are fitted."""
    run = planned_run(config)
    complaints = Complaints()
    for source in run.sources:
        complaints.attempt(functools.partial(_check_source, run, source, complaints))
    return complaints.found


def _check_source(run: PlannedRun, name: str, complaints: Complaints) -> None:
    """Raise what the points of a source would raise, and complain of each of its models."""
    files, source = run.files[name], run.sources[name]
    settings = section_of(run.config, ModelSettings)
    spectra = [
        complaints.attempt(functools.partial(
            _points_to_come, f"{run.config.path}: {name}", instrument, files.spectra[instrument],
            spectrum, settings,
        ))
        for instrument, spectrum in source.spectra.items()
    ]  # fmt: skip
    good = [one for one in spectra if one is not None]
    if len(good) < len(spectra):
        return
    sed = joined_sed(name, files.fluxes, source.redshift, good)
    measured = joined_polarization(files.polarization)
    for model in run.models:
        complaints.attempt(functools.partial(_check_model, run, name, model, sed, measured))


def _points_to_come(
    name: str, instrument: str, files: SpectrumInputs, spectrum: BlazarSpectrum,
    settings: ModelSettings,
) -> SpectralEnergyDistribution:  # fmt: skip
    """Return where points of spectra will be; raise what their fit would raise before it begins."""
    try:
        return points_to_come(instrument, files, spectrum, settings)
    except XSurveyError as error:
        where = f"{name}, {instrument}: {error.subject}"
        raise type(error)(where, error.cause, error.remedy) from None


def _check_model(
    run: PlannedRun, name: str, model: str, sed: SpectralEnergyDistribution,
    measured: PolarizationMeasurements | None,
) -> None:  # fmt: skip
    """Raise what the fit of a model would raise before it begins."""
    parameters = fit_parameters(
        run.sources[name], run.models[model], section_of(run.config, SedPointParameters),
        section_of(run.config, SedSearchParameters), instruments=sed.instruments,
        has_polarization=measured is not None, **run.files[name].around,
    )  # fmt: skip
    try:
        problem = problem_of(sed, parameters, measured)
        _check_samplers(run.config, problem.likelihood.parameters)
    except XSurveyError as error:
        where = f"{run.config.path}: {name}, {model}: {error.subject}"
        raise type(error)(where, error.cause, error.remedy) from None


def _check_samplers(config: Config, parameters: ParameterSet) -> None:
    """Raise where the posterior or the evidence of a model cannot be sampled."""
    free = len(parameters.free)
    sampling = section_of(config, SedPosteriorSection)
    if sampling.enabled:
        if not free:
            raise ParameterError(
                "mcmc", "no parameter is free", "thaw one, or set mcmc.enabled to false"
            )
        try:
            sampling.walkers_of(free)
        except ValueError as refused:
            raise ParameterError("mcmc.walkers", str(refused), "give more, or none") from None
    if section_of(config, SedEvidenceSection).enabled:
        require_priors(parameters)
