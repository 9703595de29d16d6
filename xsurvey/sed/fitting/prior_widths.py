"""Likelihoods with wider or narrower priors: how far evidences depend on them."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from xsurvey.inference.parameter_set import FitParameter, ParameterSet
from xsurvey.inference.priors import LogUniform, Prior, Uniform
from xsurvey.sed.fitting.likelihood import SedLikelihood


class ChangedPriors(NamedTuple):
    """A likelihood whose flat priors have other widths.

    Attributes
    ----------
    likelihood : SedLikelihood
    changed : tuple of str
        Parameters whose priors are others than before.
    cut : tuple of str
        Those of flat priors that would reach beyond hard limits and were cut there, or that had no
        room at all.
    """

    likelihood: SedLikelihood
    changed: tuple[str, ...]
    cut: tuple[str, ...]


def with_prior_widths(likelihood: SedLikelihood, factor: float) -> ChangedPriors:
    """Return a likelihood whose flat priors are wider by a factor, about their middles.

    Priors that are flat in the logarithm are widened in it. They are cut at the hard limits of
    their parameters, beyond which a model is not defined. All other priors are as they were.

    Parameters
    ----------
    likelihood : SedLikelihood
    factor : float
        Above 0.
    """
    rows = list(likelihood.parameters.parameters)
    changed, cut = [], []
    for column in likelihood.parameters.free:
        parameter = rows[column]
        if not isinstance(parameter.prior, Uniform | LogUniform):
            continue
        prior, is_cut = _of_width(parameter, parameter.prior, factor)
        if is_cut:
            cut.append(parameter.name)
        if (prior.low, prior.high) != (parameter.prior.low, parameter.prior.high):
            changed.append(parameter.name)
            value = float(np.clip(parameter.value, prior.low, prior.high))
            rows[column] = replace(parameter, prior=prior, value=value)
    found = likelihood.with_parameters(ParameterSet(rows))
    return ChangedPriors(found, tuple(changed), tuple(cut))


def _of_width(
    parameter: FitParameter, prior: Uniform | LogUniform, factor: float
) -> tuple[Prior, bool]:
    """Return a prior of another width, and whether it was cut at a limit."""
    logarithmic = isinstance(prior, LogUniform)
    ends = np.array([prior.low, prior.high])
    if logarithmic:
        ends = np.log(ends)
    middle, half = ends.mean(), 0.5 * np.ptp(ends)
    low, high = (float(x) for x in middle + factor * half * np.array([-1.0, 1.0]))
    if logarithmic:
        low, high = np.exp(low), np.exp(high)
    if factor == 1:
        low, high = prior.low, prior.high
    minimum, maximum = parameter.minimum, parameter.maximum
    is_cut = factor > 1 and (low < minimum or high > maximum)
    return replace(prior, low=max(low, minimum), high=min(high, maximum)), is_cut
