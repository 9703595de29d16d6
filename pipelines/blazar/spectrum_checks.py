"""What can be told of the spectra of a source before their fits."""

from __future__ import annotations

import numpy as np
from astropy import units as u

from xsurvey.errors import ParameterError
from xsurvey.inference.parameter_set import ParameterSet, apply_settings
from xsurvey.pipelines.blazar.spectrum_files import SpectrumInputs, errors_of
from xsurvey.pipelines.blazar.spectrum_parameters import BlazarSpectrum
from xsurvey.pipelines.sed.points_files import datasets_of_points
from xsurvey.pipelines.spectra.model_versions import model_versions
from xsurvey.sed.flux_points.bins import equal_steps
from xsurvey.sed.tables.energy_distribution import SpectralEnergyDistribution
from xsurvey.sed.tables.flux_units import frequency_of
from xsurvey.spectra.assembly import model_parameters
from xsurvey.spectra.dataset import Dataset
from xsurvey.spectra.models.expression import parse_expression
from xsurvey.spectra.models.settings import ModelSettings


def spectrum_versions(
    subject: str, spectrum: BlazarSpectrum, settings: ModelSettings
) -> dict[str, str]:
    """Return the versions of the data that the fit of spectra depends on, for keys of tasks.

    Parameters
    ----------
    subject : str
        Key of the configuration, for messages.
    spectrum : BlazarSpectrum
    settings : ModelSettings

    Raises
    ------
    ParameterError
        The model or a parameter does not exist.
    MissingDataError
        The model library, or data of a model, are not installed.
    """
    try:
        expression = parse_expression(spectrum.model)
    except ParameterError as error:
        raise ParameterError(f"{subject}.model", error.cause, error.remedy) from None
    with errors_of(subject):
        rows, _ = model_parameters(expression, len(spectrum.files), spectrum.untie)
        rows = apply_settings(
            rows, values=[t for t in spectrum.set if _is_of_model(rows, t)],
            freeze=[t for t in spectrum.freeze if _is_of_model(rows, t)],
        )  # fmt: skip
    return model_versions(expression, rows, settings)


def _is_of_model(rows: ParameterSet, text: str) -> bool:
    """Tell settings of the model from those of backgrounds and areas, which data bring along."""
    try:
        rows.index(text.partition("=")[0].strip())
    except ParameterError:
        return False
    return True


def points_to_come(
    instrument: str, files: SpectrumInputs, spectrum: BlazarSpectrum, settings: ModelSettings
) -> SpectralEnergyDistribution:
    """Return where points of spectra will be, after all that can be told to be wrong with them.

    Fluxes and errors are none of the spectrum's, and there are as many points as there could be:
    what models are checked with before the spectra are fitted.

    Raises
    ------
    XSurveyError
        As `xsurvey.pipelines.sed.points_files.flux_points_of_files`.
    """
    datasets = datasets_of_points(
        files.files, spectrum.fitting(files.components), settings, spectrum.points(instrument)
    )
    energy = np.sort(np.concatenate([_energies(data, spectrum.bins) for data in datasets]))
    flux, none = np.full(len(energy), 1e-12), np.zeros(len(energy), bool)
    return SpectralEnergyDistribution(
        name=instrument, frequency=frequency_of(energy, u.keV), flux=flux, error_low=0.1 * flux,
        error_high=0.1 * flux, is_limit=none, limit_confidence=np.full(len(energy), np.nan),
        instruments=(instrument,) * len(energy), redshift=None, source="", notes=(),
    )  # fmt: skip


def _energies(data: Dataset, bins: int | None) -> np.ndarray:
    """Return energies of the groups of a spectrum, or one of each bin, keV."""
    low = np.maximum(data.energy_low, data.folding.edges[0])
    middle = np.sqrt(low * data.energy_high)
    if bins is None:
        return middle
    labels = equal_steps(low, data.energy_high, bins)
    return middle[np.unique(labels, return_index=True)[1]]
