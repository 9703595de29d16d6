"""One or several models fitted to the spectra of a source, and the better one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from xsurvey.errors import InputError
from xsurvey.pipelines.spectra.fit_files import SpectrumFit, fit_spectrum_files, with_goodness
from xsurvey.pipelines.spectra.reading import SpectrumFiles
from xsurvey.spectra.fit_parameters import FluxParameters, SpectrumFitParameters
from xsurvey.spectra.model_choice import ModelChoice, akaike, choose_model
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.spectra.usable import why_useless as why_minimum_useless


@dataclass(frozen=True)
class ModelFits:
    """Fits of several models to the same spectra.

    Attributes
    ----------
    models : tuple of str
    fits : tuple of SpectrumFit or None
        None where there could be none.
    causes : tuple of str
        Why the parameters of each are of no use; empty where they are.
    choice : ModelChoice
    margin : float
    """

    models: tuple[str, ...]
    fits: tuple[SpectrumFit | None, ...]
    causes: tuple[str, ...]
    choice: ModelChoice
    margin: float

    @property
    def place(self) -> int:
        """Of the fit that is shown: the chosen one, or else the first."""
        return 0 if self.choice.chosen is None else self.choice.chosen

    def record(self) -> dict[str, Any]:
        """Return how the choice came about."""
        return {
            "preference": self.choice.preference, "margin": self.margin,
            "models": [
                {"model": model, "criterion": _criterion(fit), "cause": cause}
                for model, fit, cause in zip(self.models, self.fits, self.causes, strict=True)
            ],
        }  # fmt: skip

    def others(self) -> list[dict[str, Any]]:
        """Return what came out for the models that are not shown."""
        return [
            {**(fit.summary if fit is not None else {"model": {"expression": model}}),
             "cause": cause}
            for number, (model, fit, cause) in enumerate(
                zip(self.models, self.fits, self.causes, strict=True)
            )
            if number != self.place
        ]  # fmt: skip


def fit_models(
    paths: Sequence[Path], models: Sequence[SpectrumFitParameters], margin: float,
    settings: ModelSettings, flux: FluxParameters, seed: int,
) -> ModelFits:  # fmt: skip
    """Fit several models to the same spectra, jointly, and choose one.

    Goodness by simulation is that of the chosen one.

    Parameters
    ----------
    paths : sequence of path
        Spectra of one source.
    models : sequence of SpectrumFitParameters
        The first is taken if no other one is better by the margin.
    margin : float
        See `choose_model`.
    settings, flux, seed
        As of `fit_spectrum_files`.

    Raises
    ------
    InputError
        The first model cannot be fitted to these files.
    """
    fits: list[SpectrumFit | None] = []
    causes = []
    for number, parameters in enumerate(models):
        quick = parameters.model_copy(update={"goodness_trials": 0})
        try:
            fit = fit_spectrum_files(SpectrumFiles(paths), quick, settings, flux, seed=seed)
        except InputError as error:
            if not number:
                raise
            fits.append(None)
            causes.append(f"{Path(error.subject).name} {error.cause}")
            continue
        fits.append(fit)
        causes.append(why_useless(fit))
    criteria = [_criterion(fit) for fit in fits]
    choice = choose_model(criteria, [not cause for cause in causes], margin)
    names = tuple(str(parameters.model) for parameters in models)
    found = ModelFits(names, tuple(fits), tuple(causes), choice, margin)
    best, trials = fits[found.place], models[found.place].goodness_trials
    assert best is not None
    if trials:
        fits[found.place] = with_goodness(best, trials, seed)
    return replace(found, fits=tuple(fits))


def _criterion(fit: SpectrumFit | None) -> float:
    return float("nan") if fit is None else akaike(fit.fit.statistic, len(fit.fit.theta))


def why_useless(fit: SpectrumFit) -> str:
    """Return why the parameters of a fit mean nothing, empty where they do."""
    cause = why_minimum_useless(fit.fit)
    if not cause and len(fit.fit.intervals) < len(fit.fit.theta):
        return "intervals kept finding better fits"
    return cause


def net_counts(fit: SpectrumFit) -> float:
    """Return the counts in a fit less those of the background, as far as the fit uses it."""
    return sum(
        record["counts"] - record.get("background_scale", 0.0) * record.get("background_counts", 0)
        for record in fit.summary["data"]
    )  # fmt: skip
