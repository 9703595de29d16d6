"""Tasks of Stokes spectra and their joint fits, and what can be wrong with a model beforehand."""

from __future__ import annotations

from collections.abc import Mapping

from xsurvey.engine import Task
from xsurvey.errors import ParameterError
from xsurvey.parameters import StepParameters
from xsurvey.pipelines.polarization.spectra_parameters import (
    SpectropolarimetrySection,
    StokesSpectraSection,
)
from xsurvey.pipelines.polarization.spectropolarimetry_stage import SPECTROPOLARIMETRY
from xsurvey.pipelines.polarization.stokes_spectra_stage import FOLDER
from xsurvey.pipelines.spectra.model_versions import model_versions
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.polarization.spectra.polarized_terms import parse_polarized
from xsurvey.spectra.assembly import model_parameters
from xsurvey.spectra.models.settings import ModelSettings


def steps_of(sections: Mapping[str, StepParameters]) -> dict[str, StepParameters]:
    """Return the sections of a config with those that both stages take: steps for sections.

    Parameters
    ----------
    sections : mapping
        ``polarization``, ``stokes_spectra`` and ``spectropolarimetry`` among them.
    """
    polarization, spectra, fitting = (
        sections[name] for name in ("polarization", "stokes_spectra", "spectropolarimetry")
    )
    assert isinstance(polarization, PolarizationParameters)
    assert isinstance(spectra, StokesSpectraSection)
    assert isinstance(fitting, SpectropolarimetrySection)
    return {
        **sections, "stokes_spectra": spectra.as_step(polarization),
        "spectropolarimetry": fitting.as_step(),
    }  # fmt: skip


def joint_fit_task(
    source: str, spectra: list[Task], sections: Mapping[str, StepParameters],
    versions: Mapping[str, str],
) -> Task:  # fmt: skip
    """Return the task of the joint fit of a source.

    Parameters
    ----------
    source : str
        Its name, the target.
    spectra : list of Task
        Of the stage ``stokes_spectra``, one an observation.
    sections : mapping
        Of `steps_of`.
    versions : mapping of str to str
        Of `fit_versions`.
    """
    inputs = {"spectra": [task.output(FOLDER) for task in spectra]}
    return Task(SPECTROPOLARIMETRY, source, inputs, sections, versions)


def fit_versions(
    fitting: SpectropolarimetrySection, settings: ModelSettings, subject: str
) -> dict[str, str] | None:
    """Return the versions of the data that a joint fit depends on, for the keys of its tasks.

    Parameters
    ----------
    fitting : SpectropolarimetrySection
    settings : ModelSettings
    subject : str
        Key of the config, for messages: ``FILE: spectropolarimetry``.

    Returns
    -------
    dict or None
        None where there is no model, and nothing to fit.

    Raises
    ------
    ParameterError
        The model does not exist, or polarizes nothing that can be.
    MissingDataError
        The model library, or data of a model, are not installed.
    """
    if fitting.model is None:
        return None
    try:
        expression = parse_polarized(fitting.model).whole.expression
    except ParameterError as error:
        raise ParameterError(f"{subject}.model", error.cause, error.remedy) from None
    return model_versions(expression, model_parameters(expression, 1)[0], settings)
