"""Fits of models to surface-brightness profiles, with intervals and posteriors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import optimize, stats

from xsurvey.inference.chains import Chains
from xsurvey.inference.ensemble import sample_ensembles
from xsurvey.inference.held import profile_statistic
from xsurvey.inference.mcmc_parameters import MCMCParameters
from xsurvey.inference.minimise import minimise_from
from xsurvey.inference.minimum import Minimum
from xsurvey.inference.profile import profile_delta, profile_interval
from xsurvey.profiles.brightness_models import BrightnessModel, parse_model
from xsurvey.profiles.profile_fit_result import FittedParameter, ProfileFit
from xsurvey.profiles.profile_likelihood import SHIFT, ProfileLikelihood, Stat
from xsurvey.profiles.profile_mixing import ProfileMixing
from xsurvey.profiles.radial_profile import RadialProfile
from xsurvey.spectra.statistics.goodness import goodness

_SEARCHES, _RESTARTS = 3, 4


def fit_profile(
    profile: RadialProfile, model: BrightnessModel | str, *, stat: Stat = "cstat",
    mixing: ProfileMixing | np.ndarray | None = None, confidence: float = 0.683,
    mcmc: MCMCParameters | None = None, frozen: Mapping[str, float] | None = None,
    intervals: bool = True, seed: int = 0,
) -> ProfileFit:  # fmt: skip
    """Fit a model to a profile.

    Parameters
    ----------
    profile : RadialProfile
    model : BrightnessModel or str
        A model or its name, see `parse_model`.
    stat : {'cstat', 'chi2'}
    mixing : ProfileMixing or ndarray of shape (n, n), optional
        Of the PSF, in s arcmin2; see `profile_mixing`.
    confidence : float
        Of the intervals, which are those of the profile likelihood.
    mcmc : MCMCParameters, optional
        Sample the posterior as well.
    frozen : mapping of str to float, optional
        Parameters that are held.
    intervals : bool
        Whether to find intervals; they are NaN otherwise.
    seed : int
        Of the sampler.

    Returns
    -------
    ProfileFit

    Raises
    ------
    InputError, ParameterError
        As `ProfileLikelihood`.
    """
    model = parse_model(model) if isinstance(model, str) else model
    likelihood = ProfileLikelihood(profile, model, stat, mixing, frozen)
    starts = _starts(likelihood)
    best = _minimum(likelihood, starts)
    notes: list[str] = []
    ends: dict[int, tuple[float, float, bool, bool]] = {}
    for _ in range(_RESTARTS if intervals else 0):
        ends, better = _intervals(likelihood, best, profile_delta(confidence))
        if better is None:
            break
        best = _minimum(likelihood, better[None, :])
    else:
        if intervals:
            notes.append("intervals kept finding better fits: the best fit is not certain")
    notes += _notes(likelihood, best)
    chains = _sample(likelihood, best, mcmc, seed) if mcmc is not None else None
    if chains is not None:
        notes += chains.warnings
    return _result(likelihood, best, ends, stat, confidence, chains, tuple(notes))


def _starts(likelihood: ProfileLikelihood) -> np.ndarray:
    """Return where to start, shape (s, k): the norms that suit the data best for several shapes."""
    parameters = likelihood.model.parameters
    shapes = likelihood.model.shapes(likelihood.profile.edges)
    for i, value in likelihood.frozen.items():
        shapes[:, i] = value
    shapes = np.clip(shapes, likelihood.low, likelihood.high)
    linear = [i for i, p in enumerate(parameters)
              if p.kind in ("norm", "background")]  # fmt: skip
    parts = []
    for i in linear:
        alone = shapes.copy()
        alone[:, linear] = 0.0
        alone[:, i] = 1.0
        with np.errstate(all="ignore"):
            parts.append(likelihood.sky_counts(alone))
    weight = 1 / np.sqrt(likelihood.counts + 1)
    for row, columns in zip(shapes, np.stack(parts, axis=2), strict=True):
        _solve_norms(row, columns, linear, weight, likelihood)
    starts = np.clip(shapes, likelihood.low, likelihood.high)[:, likelihood.free]
    return np.column_stack([starts, np.zeros(len(starts))]) if likelihood.has_shift else starts


def _solve_norms(
    row: np.ndarray, columns: np.ndarray, linear: list[int], weight: np.ndarray,
    likelihood: ProfileLikelihood,
) -> None:  # fmt: skip
    """Put into one start the norms of least squares, none of them negative or zero."""
    wanted = likelihood.counts - likelihood.background
    held = [k for k, i in enumerate(linear) if i in likelihood.frozen]
    free = [k for k, i in enumerate(linear) if i not in likelihood.frozen]
    finite = np.isfinite(columns).all(axis=1)
    if not free or not finite.all():
        return
    wanted = wanted - columns[:, held] @ row[[linear[k] for k in held]]
    # each column is scaled to the counts, so that norms are of order one
    size = np.maximum((columns[:, free] * weight[:, None]).sum(axis=0), 1e-300)
    found = optimize.nnls(columns[:, free] * weight[:, None] / size, wanted * weight)[0]
    smallest = 1e-4 * max(float(found.max(initial=0)), float((wanted * weight).sum()) / 10, 1e-6)
    row[[linear[k] for k in free]] = np.maximum(found, smallest) / size


def _minimum(likelihood: ProfileLikelihood, starts: np.ndarray) -> Minimum:
    scale = _scale(likelihood, starts[0])
    return minimise_from(
        likelihood, starts, likelihood.bounds, scale, likelihood.penalty,
        searches=min(_SEARCHES, len(starts)),
    )[0]  # fmt: skip


def _scale(likelihood: ProfileLikelihood, theta: np.ndarray) -> np.ndarray:
    """Return by how much what is fitted changes typically, shape (k,)."""
    typical = max(float(likelihood.counts.sum() / likelihood.matrix.sum()), 1e-300)
    scale = np.ones(len(theta))
    for k, i in enumerate(likelihood.free):
        kind = likelihood.model.parameters[i].kind
        if kind == "radius":
            scale[k] = 0.3 * theta[k]
        elif kind == "shape":
            scale[k] = 0.3
        else:
            scale[k] = max(abs(theta[k]), 0.1 * typical)
    return scale


def _intervals(
    likelihood: ProfileLikelihood, best: Minimum, delta: float
) -> tuple[dict[int, tuple[float, float, bool, bool]], np.ndarray | None]:
    """Return intervals of the free parameters, or where one of them met a better fit."""
    scale, bounds = _scale(likelihood, best.best), likelihood.bounds
    ends: dict[int, tuple[float, float, bool, bool]] = {}
    for k in range(len(likelihood.free)):
        profile = profile_statistic(likelihood, best, k, bounds, scale)
        places: dict[float, np.ndarray] = {}

        def statistic(
            value: float, profile: Any = profile, places: dict[float, np.ndarray] = places
        ) -> float:
            found, places[value] = profile(value)
            return float(found)

        sigma = float(best.sigma[k])
        found = profile_interval(
            statistic, float(best.best[k]), best.statistic,
            sigma if np.isfinite(sigma) and sigma > 0 else float(scale[k]),
            (float(bounds[0][k]), float(bounds[1][k])), delta,
        )  # fmt: skip
        if found.better is not None:
            return {}, places[found.better[0]]
        ends[k] = (found.lower, found.upper, found.lower_at_bound, found.upper_at_bound)
    return ends, None


def _notes(likelihood: ProfileLikelihood, best: Minimum) -> list[str]:
    notes = []
    names = np.array(likelihood.names)
    if not best.converged:
        notes.append(f"the fit did not converge ({best.message})")
    if best.undetermined.any():
        notes.append(f"the data do not determine {', '.join(names[best.undetermined])}")
    if best.at_bounds.any():
        notes.append(f"the best fit is at a limit: {', '.join(names[best.at_bounds])}")
    return notes


def _sample(
    likelihood: ProfileLikelihood, best: Minimum, mcmc: MCMCParameters, seed: int
) -> Chains | None:
    if not likelihood.names:
        return None
    scale = _scale(likelihood, best.best)
    return sample_ensembles(
        likelihood.log_probability, best.best, best.spread(scale), likelihood.names, mcmc, seed
    )


def _result(
    likelihood: ProfileLikelihood, best: Minimum,
    ends: dict[int, tuple[float, float, bool, bool]], stat: Stat, confidence: float,
    chains: Chains | None, notes: tuple[str, ...],
) -> ProfileFit:  # fmt: skip
    full = likelihood.expand(best.best[None, :])[0]
    places = {int(i): k for k, i in enumerate(likelihood.free)}
    parameters = []
    for i, (value, parameter) in enumerate(zip(full, likelihood.model.parameters, strict=True)):
        lower, upper, low_end, high_end = ends.get(
            places.get(i, -1), (np.nan, np.nan, False, False)
        )
        parameters.append(
            FittedParameter(parameter.name, parameter.unit, float(value), lower, upper, confidence,
                            i not in places, low_end, high_end)
        )  # fmt: skip
    expected = np.full(len(likelihood.used), np.nan)
    expected[likelihood.used] = likelihood.evaluate(best.best[None, :])[0]
    sky = np.full(len(likelihood.used), np.nan)
    sky[likelihood.used] = likelihood.sky_counts(full[None, :])[0]
    value = float(likelihood.total(expected[likelihood.used][None, :])[0])
    shift = float(best.best[-1]) if likelihood.names[-1:] == (SHIFT,) else 0.0
    return ProfileFit(
        model=likelihood.model, statistic=stat, value=value, dof=likelihood.degrees_of_freedom,
        parameters=tuple(parameters), names=likelihood.names, covariance=best.covariance,
        goodness=_goodness(likelihood, stat, value, expected[likelihood.used]),
        expected=expected, sky_counts=sky, background_shift=shift, converged=best.converged,
        chains=chains, notes=notes,
    )  # fmt: skip


def _goodness(
    likelihood: ProfileLikelihood, stat: Stat, value: float, expected: np.ndarray
) -> dict[str, float]:
    """Return what the statistic should be, and the probability of one at least as large."""
    dof = likelihood.degrees_of_freedom
    if stat == "cstat":
        found = goodness(likelihood.counts, expected, len(likelihood.free))
        return {"expected": found.expected, "standard_deviation": found.deviation,
                "p_value": found.p_value}  # fmt: skip
    p_value = float(stats.chi2.sf(value, dof)) if dof > 0 else float("nan")
    return {"expected": float(dof), "standard_deviation": float(np.sqrt(2 * max(dof, 0))),
            "p_value": p_value}  # fmt: skip
