"""Parameters of a fit as users see them: plain values for JSON, tables and reports."""

from __future__ import annotations

from typing import Any

import numpy as np

from xsurvey.inference.best_fit import BestFit, Interval, LikelihoodT
from xsurvey.inference.intervals import equal_tailed
from xsurvey.inference.parameter_set import FitParameter
from xsurvey.inference.posterior_samples import PosteriorSamples


def parameter_record(
    parameter: FitParameter, value: float, interval: Interval | None, confidence: float
) -> dict[str, Any]:
    """Return one parameter: value, ends of the interval, confidence, unit, whether frozen."""
    record: dict[str, Any] = {
        "value": value,
        "lower": None if interval is None else interval.lower,
        "upper": None if interval is None else interval.upper,
        "confidence": None if interval is None else confidence,
        "unit": parameter.unit, "frozen": parameter.frozen,
    }  # fmt: skip
    if parameter.link is not None:
        record["link"] = parameter.link.text
    if parameter.prior is not None:
        record["prior"] = str(parameter.prior)
    if interval is not None and interval.lower_at_limit:
        record["lower_at_limit"] = True
    if interval is not None and interval.upper_at_limit:
        record["upper_at_limit"] = True
    return record


def fitted_parameters(fit: BestFit[LikelihoodT]) -> dict[str, dict[str, Any]]:
    """Return all parameters of a fit by name, with intervals by profile likelihood."""
    parameters = fit.likelihood.parameters
    values = fit.values
    places = {int(column): place for place, column in enumerate(parameters.free)}
    return {
        p.name: parameter_record(
            p, float(values[i]), fit.intervals.get(places[i]) if i in places else None,
            fit.confidence,
        )
        for i, p in enumerate(parameters.parameters)
    }  # fmt: skip


def sampled_parameters(
    fit: BestFit[LikelihoodT], posterior: PosteriorSamples, confidence: float
) -> dict[str, dict[str, Any]]:
    """Return all parameters by name: medians of a posterior and equal-tailed intervals.

    Parameters that follow others get theirs from the same samples. ``best_fit`` is the value at
    the best fit.
    """
    parameters = fit.likelihood.parameters
    full = parameters.expand(posterior.samples)
    records = {}
    for i, p in enumerate(parameters.parameters):
        fixed = p.frozen and p.link is None
        interval = None if fixed else Interval(*equal_tailed(full[:, i], confidence))
        value = float(fit.values[i]) if fixed else float(np.median(full[:, i]))
        records[p.name] = parameter_record(p, value, interval, confidence)
        if not fixed:
            records[p.name]["best_fit"] = float(fit.values[i])
    return records
