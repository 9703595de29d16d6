"""With what settings each spectrum of the pipeline is fitted by each model."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from xsurvey.errors import ParameterError
from xsurvey.inference.mcmc_parameters import MCMCParameters
from xsurvey.pipelines.spectra.parameters import SpectralFitParameters, SpectraParameters
from xsurvey.spectra.fit_parameters import SpectrumFitParameters
from xsurvey.spectra.models.expression import Expression, parse_expression

AUTO = "auto"
_SETTINGS = ("set", "freeze", "thaw", "limits", "link")
_PARAMETER = re.compile(r"[A-Za-z]\w*\.[A-Za-z]\w*", re.ASCII)
_SHARED = ("stat", "group", "confidence", "starts", "goodness_trials")


def parameters_for(
    name: str, spectra: SpectraParameters, fitting: SpectralFitParameters
) -> SpectrumFitParameters:
    """Return how a region, or a source, of some name is fitted; ``auto`` groups are none yet."""
    region = spectra.regions.get(name)
    if region is None or region.model is None:
        return _with_model(fitting, fitting.model)
    own = {key: getattr(region, key) for key in ("model", "set", "freeze", "thaw", "link")}
    return _made(fitting, own | {"limits": fitting.limits})


def alternatives_for(fitting: SpectralFitParameters) -> list[SpectrumFitParameters]:
    """Return how the alternatives of sources are fitted."""
    return [_with_model(fitting, model) for model in fitting.alternatives]


def _with_model(fitting: SpectralFitParameters, model: str) -> SpectrumFitParameters:
    """Return the settings of one of the models of sources: those of parameters that it has.

    What no model has stays with the first, where it is told as an error.
    """
    own: dict[str, Any] = {"model": model}
    if not fitting.alternatives:
        return _made(fitting, own | {key: getattr(fitting, key) for key in _SETTINGS})
    expression = parse_expression(model)
    every = [parse_expression(text) for text in (fitting.model, *fitting.alternatives)]
    for key in _SETTINGS:
        own[key] = tuple(
            text for text in getattr(fitting, key)
            if _concerns(text, expression)
            or (model == fitting.model and not any(_concerns(text, one) for one in every))
        )  # fmt: skip
    return _made(fitting, own)


def _concerns(setting: str, expression: Expression) -> bool:
    # of a link the parameters that are followed, too
    try:
        for name in (setting.partition("=")[0], *_PARAMETER.findall(setting)):
            expression.find(name)
    except ParameterError:
        return False
    return True


def _made(fitting: SpectralFitParameters, own: Mapping[str, Any]) -> SpectrumFitParameters:
    values = {key: getattr(fitting, key) for key in _SHARED}
    energy: Sequence[Any] = () if fitting.energy is None else (fitting.energy,)
    if fitting.group == AUTO:
        values["group"] = "none"
    return SpectrumFitParameters.model_validate({**values, **own, "energy": energy})


def sampling_for(fitting: SpectralFitParameters) -> MCMCParameters:
    """Return how posteriors are sampled: as where their coverage was measured.

    The figures are in docs/calibration.md.
    """
    return MCMCParameters(
        walkers=32, ensembles=4, min_steps=300, max_steps=fitting.mcmc_steps,
        autocorrelation_factor=10, burn_factor=5, r_hat_limit=1.02, min_ess=400, check_every=100,
        thin=5,
    )  # fmt: skip
