"""What a fitted model predicts at any frequency: its spectrum and its polarization, with bands.

Bands are central intervals of the model's curve over the posterior, at each frequency by itself.
They are of the model, without the errors of a further measurement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import stats

from xsurvey.sed.fitting.fit import SedFit
from xsurvey.sed.fitting.joint_likelihood import JointLikelihood
from xsurvey.sed.fitting.likelihood import SedLikelihood

_AT_ONCE = 64
"""Draws that a model is evaluated for in one batch."""


class Curve(NamedTuple):
    """A quantity by frequency, at the best fit and over the posterior.

    Attributes
    ----------
    best : ndarray, shape (f,)
    median : ndarray, shape (f,)
        Of the posterior; NaN without one.
    lower, upper : ndarray, shape (l, f)
        Ends of the central intervals of each level; NaN without a posterior.
    """

    best: np.ndarray
    median: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


@dataclass(frozen=True)
class PredictedLight:
    """Curves of a fitted model.

    Attributes
    ----------
    frequency : ndarray, shape (f,)
        As observed, Hz.
    levels : tuple of float
        Probabilities of the bands.
    components : mapping of str to ndarray, shape (f,)
        nu F_nu of each process at the best fit, erg / cm2 / s.
    flux : Curve
        nu F_nu of all together.
    degree : Curve or None
        Of polarization, a fraction; None without measured polarization.
    angle : Curve or None
        Degrees, north through east, within a right angle of the best fit; None where no angle was
        measured.
    draws : int
        Of the posterior; 0 without one.
    """

    frequency: np.ndarray
    levels: tuple[float, ...]
    components: Mapping[str, np.ndarray]
    flux: Curve
    degree: Curve | None
    angle: Curve | None
    draws: int


def predicted_light(
    fit: SedFit, frequency: np.ndarray, levels: Sequence[float], draws: np.ndarray | None = None
) -> PredictedLight:
    """Return what a fit predicts.

    Parameters
    ----------
    fit : SedFit
    frequency : ndarray, shape (f,)
        Hz, as observed.
    levels : sequence of float
        Probabilities of the bands.
    draws : ndarray, shape (d, k), optional
        Of the posterior of the free parameters.
    """
    likelihood = fit.likelihood
    best = fit.theta[None, :]
    components = {name: flux[0] for name, flux in likelihood.fluxes(best, frequency).items()}
    quantities = _quantities(likelihood, frequency)
    at_best = quantities(best)
    drawn = None if draws is None else _batched(quantities, draws)
    curves = {
        name: _curve(
            values[0], None if drawn is None else drawn[name], levels, turns=name == "angle"
        )
        for name, values in at_best.items()
    }
    return PredictedLight(
        frequency, tuple(levels), components, curves["flux"], curves.get("degree"),
        curves.get("angle"), 0 if draws is None else len(draws),
    )  # fmt: skip


def predictive_p_value(likelihood: SedLikelihood, draws: np.ndarray) -> float:
    """Return the posterior-predictive probability of fluxes at least as far from the model.

    The chance that fluxes drawn anew with the same errors have a larger chi-square than those that
    were measured, over the posterior (Gelman, Meng & Stern 1996, Statistica Sinica 6, 733). Of
    measured points; limits and polarization have no part in it.

    Parameters
    ----------
    likelihood : SedLikelihood
    draws : ndarray, shape (d, k)
    """
    measured = ~likelihood.points.is_limit
    chi2 = np.concatenate([
        (likelihood.residuals(likelihood.evaluate(part))[:, measured] ** 2).sum(axis=1)
        for part in _parts(draws)
    ])  # fmt: skip
    return float(stats.chi2.sf(chi2, int(measured.sum())).mean())


def _quantities(
    likelihood: SedLikelihood, frequency: np.ndarray
) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """Return a function of free parameters (b, k) to curves by name, (b, f) each."""

    def of_fluxes(theta: np.ndarray) -> dict[str, np.ndarray]:
        return {"flux": np.asarray(sum(likelihood.fluxes(theta, frequency).values()), float)}

    if not isinstance(likelihood, JointLikelihood):
        return of_fluxes
    with_angle = likelihood.measurements.angle_deg() is not None

    def of_both(theta: np.ndarray) -> dict[str, np.ndarray]:
        full = likelihood.parameters.expand(theta)
        fluxes = likelihood.source.components(full, frequency)
        light = likelihood.source.stokes(full, frequency, fluxes)
        found = {"flux": np.asarray(sum(fluxes.values()), float), "degree": light.degree}
        return found | ({"angle": light.angle_deg} if with_angle else {})

    return of_both


def _parts(draws: np.ndarray) -> list[np.ndarray]:
    return [draws[i : i + _AT_ONCE] for i in range(0, len(draws), _AT_ONCE)]


def _batched(
    quantities: Callable[[np.ndarray], dict[str, np.ndarray]], draws: np.ndarray
) -> dict[str, np.ndarray]:
    parts = [quantities(part) for part in _parts(draws)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _curve(
    best: np.ndarray, drawn: np.ndarray | None, levels: Sequence[float], turns: bool
) -> Curve:
    """Return a curve; angles that turn are taken within 90 degrees of the best fit."""
    nothing = np.full((len(levels), len(best)), np.nan)
    if drawn is None:
        return Curve(best, nothing[0] if len(levels) else np.full(len(best), np.nan), nothing,
                     nothing)  # fmt: skip
    if turns:
        drawn = best + (drawn - best + 90) % 180 - 90
    tails = np.array([(1 - level) / 2 for level in levels])
    # where a model has no value for a draw, the others tell
    ends = np.nanquantile(drawn, np.concatenate([[0.5], tails, 1 - tails]), axis=0)
    number = len(levels)
    return Curve(best, ends[0], ends[1 : 1 + number], ends[1 + number :])
