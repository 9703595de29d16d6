"""Which of several models of one spectrum is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ModelChoice:
    """The model that is kept.

    Attributes
    ----------
    chosen : int or None
        Its place among the models; None where none is of use.
    preference : float
        Criterion of the first model less that of the best other one: positive where the other
        describes the data better. NaN where there is no other.
    """

    chosen: int | None
    preference: float


def akaike(statistic: float, free: int) -> float:
    """Return Akaike's information criterion (1974, IEEE Trans. Autom. Control 19, 716).

    Parameters
    ----------
    statistic : float
        -2 ln L up to a constant of the data, such as cstat or W-stat.
    free : int
        Free parameters.
    """
    return statistic + 2 * free


def choose_model(criteria: Sequence[float], usable: Sequence[bool], margin: float) -> ModelChoice:
    """Choose between a first model and others, which must win by a margin.

    Parameters
    ----------
    criteria : sequence of float
        `akaike` of each model, the first one's first; NaN where there was no fit.
    usable : sequence of bool
        Whether the parameters of the fit mean something: what is of no use is not chosen, though
        its criterion is compared.
    margin : float
        By how much the criterion of another model must be below that of the first. Where the
        first is of no use, another one needs to be no worse than it.
    """
    order = [i for i in range(1, len(criteria)) if np.isfinite(criteria[i])]
    if not order:
        return ModelChoice(0 if usable[0] else None, float("nan"))
    best = min(order, key=lambda i: criteria[i])
    preference = float(criteria[0] - criteria[best])
    others = [i for i in order if usable[i]]
    if others:
        other = min(others, key=lambda i: criteria[i])
        gain = criteria[0] - criteria[other]
        # NaN of a first model that could not be fitted is no reason against another
        if gain >= margin or (not usable[0] and not gain < 0):
            return ModelChoice(other, preference)
    return ModelChoice(0 if usable[0] else None, preference)
