"""Leptonic or hadronic: how often evidences name the model that made a blazar's light.

Sets like S4 0954+65 (`benchmarks.blazar_sets`) are drawn from either truth and fitted by both
models: evidences with flat priors of the boxes of the comparison, and of the model that made them
intervals of 68.27 %. A quarter of the sets have evidences with priors twice as wide too (about the
middles of the boxes, cut at what models allow). An evidence that importance sampling does not
confirm is computed again with more live points; what is not confirmed then is told.
"""

import json
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.blazar_sets import BOXES, FROZEN, MODELS, REDSHIFT, TRUTHS, BlazarSet, draw
from benchmarks.command import benchmark, in_parallel, trials
from xsurvey.inference.intervals import equal_tailed
from xsurvey.inference.nested import Evidence
from xsurvey.inference.nested_parameters import NestedParameters
from xsurvey.inference.posterior import evidence_of
from xsurvey.io.atomic import atomic_output
from xsurvey.sed.fitting.fit import SedFit, fit_sed, sed_likelihood
from xsurvey.sed.fitting.likelihood import SedLikelihood
from xsurvey.sed.fitting.sed_parameters import SedFitParameters
from xsurvey.sed.models.registry import radiative_model

SETS = 40
LEVEL = 0.6827
STRONG = 3.0
WIDENED = 2.0
WIDENED_SHARE = 0.25
SAMPLING = NestedParameters(live_points=100, effective_draws=400, evidence_tolerance=0.3)
LIVE_POINTS = (100, 400)
LINES = {"right": 0.95, "coverage": (0.58, 0.78)}


def run(seed: int, fraction: float, sets: str | None = None) -> dict[str, Any]:
    """Draw sets from both truths, and compare the models."""
    number = trials(SETS, fraction)
    kept = None if sets is None else Path(sets)
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
    states = np.random.SeedSequence(seed).spawn(len(TRUTHS))
    widened = math.ceil(WIDENED_SHARE * number)
    of_truths = [
        [
            (truth, int(state), i < widened, kept)
            for i, state in enumerate(own.generate_state(number))
        ]
        for truth, own in zip(TRUTHS, states, strict=True)
    ]
    # truths in turn: a run that is cut off has kept sets of both
    tasks = [task for both in zip(*of_truths, strict=True) for task in both]
    found = in_parallel(compared, tasks)
    wide = [one for one in found if one["log_evidence_widened"]]
    return {
        "assumed": {
            "redshift": REDSHIFT, "boxes": BOXES, "frozen": FROZEN, "truths": TRUTHS,
            "widened": WIDENED,
        },
        "lines": LINES,
        "sets": number,
        "boxes": choice(found, "log_evidence"),
        "widened": choice(wide, "log_evidence_widened"),
        "coverage": coverage(found),
        "single": found,
    }  # fmt: skip


def compared(truth: str, seed: int, widen: bool, kept: Path | None) -> dict[str, Any]:
    """Return `compare` of a set, from a folder if it is there, where it is left otherwise."""
    if kept is None:
        return compare(truth, seed, widen)
    file = kept / f"{truth}-{seed}{'-widened' if widen else ''}.json"
    if not file.exists():
        with atomic_output(file) as temporary:
            temporary.write_text(json.dumps(compare(truth, seed, widen)))
    result: dict[str, Any] = json.loads(file.read_text())
    return result


def compare(truth: str, seed: int, widen: bool) -> dict[str, Any]:
    """Return evidences of one set, and which intervals have the truth."""
    began = time.process_time()
    drawn = draw(truth, seed)
    sampler = int(np.random.SeedSequence([seed, 1]).generate_state(1)[0])
    of_boxes, widened, runs = {}, {}, []
    covered: dict[str, bool] = {}
    for name in MODELS:
        narrow = confirmed(fit_sed(likelihood_of(name, drawn, 1.0), intervals=False), sampler)
        of_boxes[name] = narrow.log_evidence
        runs.append(narrow)
        if name == truth:
            covered = covers(narrow, narrow.weights, drawn)
        if widen:
            likelihood = likelihood_of(name, drawn, WIDENED)
            wide = confirmed(fit_sed(likelihood, intervals=False), sampler)
            widened[name] = joined(wide, narrow, likelihood, name)
            runs.append(wide)
    return {
        "truth": truth, "seed": seed, "degrees": drawn.degrees, "limit": drawn.limit,
        "log_evidence": of_boxes, "log_evidence_widened": widened, "covered": covered,
        "evaluations": sum(run.evaluations for run in runs),
        "converged": [run.converged for run in runs],
        "cpu_s": round(time.process_time() - began, 1),
    }  # fmt: skip


def confirmed(fit: SedFit, seed: int) -> Evidence:
    """Return the evidence with as many live points as importance sampling needs to confirm it."""
    evaluations = 0
    for live_points in LIVE_POINTS:
        sampling = SAMPLING.model_copy(update={"live_points": live_points})
        found = evidence_of(fit, sampling, seed)
        evaluations += found.evaluations
        if found.converged:
            break
    return replace(found, evaluations=evaluations)


def joined(wide: Evidence, narrow: Evidence, likelihood: SedLikelihood, name: str) -> float:
    """Return ln of the evidence of wide priors: outside of the boxes, and in them as known."""
    weights, ln_volume = within_boxes(wide, likelihood, name)
    outside = wide.log_evidence + np.log1p(-min(weights.sum(), 1 - 1e-15))
    return float(np.logaddexp(outside, narrow.log_evidence - ln_volume))


def likelihood_of(name: str, drawn: BlazarSet, factor: float) -> SedLikelihood:
    """Return the likelihood of a model with flat priors of its boxes, widened by a factor."""
    model = radiative_model(MODELS[name], redshift=REDSHIFT)
    hard = {p.name: p.limits for p in model.parameters}
    limits = []
    for parameter, (low, high) in BOXES[name].items():
        middle, half = (low + high) / 2, factor * (high - low) / 2
        least, most = hard[parameter]
        limits.append(f"{parameter}={max(middle - half, least)!r},{min(middle + half, most)!r}")
    middles = [f"{parameter}={(a + b) / 2!r}" for parameter, (a, b) in BOXES[name].items()]
    parameters = SedFitParameters(
        model=MODELS[name], limits=tuple(limits), set=tuple(middles),
        freeze=tuple(f"{key}={value!r}" for key, value in FROZEN.items()),
    )  # fmt: skip
    return sed_likelihood(model, drawn.points, parameters, drawn.measurements)


def within_boxes(found: Evidence, likelihood: SedLikelihood, name: str) -> tuple[np.ndarray, float]:
    """Return weights of what is within the boxes, and ln of the priors' volume over theirs."""
    weights, ln_volume = found.weights.copy(), 0.0
    rows = likelihood.parameters
    limits = dict(zip(rows.free_names, np.transpose(rows.bounds), strict=True))
    for parameter, (low, high) in BOXES[name].items():
        values = found.samples[:, found.names.index(parameter)]
        weights *= (values >= low) & (values <= high)
        ln_volume += np.log(np.diff(limits[parameter])[0] / (high - low))
    return weights, float(ln_volume)


def covers(found: Evidence, weights: np.ndarray, drawn: BlazarSet) -> dict[str, bool]:
    """Return by parameter whether the interval of the posterior has the truth."""
    result = {}
    for name, values in zip(found.names, found.samples.T, strict=True):
        low, high = equal_tailed(values, LEVEL, weights / weights.sum())
        result[name] = bool(low <= drawn.truth[name] <= high)
    return result


def choice(found: list[dict[str, Any]], key: str) -> dict[str, Any]:
    """Return how the true model fares by the evidences of a key, by truth and of both together."""
    factors = {
        truth: np.array([
            one[key][truth] - max(v for name, v in one[key].items() if name != truth)
            for one in found if one["truth"] == truth
        ])
        for truth in TRUTHS
    }  # fmt: skip
    factors["both"] = np.concatenate(list(factors.values()))
    return {truth: _choice(values) for truth, values in factors.items()}


def _choice(ln_b: np.ndarray) -> dict[str, Any]:
    strong = np.abs(ln_b) > STRONG
    right = int((ln_b > STRONG).sum())
    rate = right / max(int(strong.sum()), 1)
    return {
        "sets": len(ln_b),
        "mean_ln_b_of_truth": float(ln_b.mean()), "median": float(np.median(ln_b)),
        "error_of_mean": float(ln_b.std(ddof=1) / np.sqrt(len(ln_b))) if len(ln_b) > 1 else None,
        "smallest": float(ln_b.min()), "strong": int(strong.sum()), "right": right,
        "right_rate": rate if strong.any() else None,
        "binomial_error": float(np.sqrt(rate * (1 - rate) / max(int(strong.sum()), 1))),
    }  # fmt: skip


def coverage(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return how often intervals have the truth, by truth and parameter."""
    result: dict[str, Any] = {}
    for truth in TRUTHS:
        own = [one["covered"] for one in found if one["truth"] == truth]
        table = np.array([list(row.values()) for row in own], float)
        result[truth] = {
            "all": _rate(table.ravel(), len(own)),
            **{name: _rate(table[:, i], len(own)) for i, name in enumerate(own[0])},
        }
    everything = np.concatenate([list(one["covered"].values()) for one in found]).astype(float)
    result["both"] = _rate(everything, len(found))
    return result


def _rate(hits: np.ndarray, independent: int) -> dict[str, float]:
    """Return the rate with the binomial error of so many independent sets."""
    rate = float(hits.mean())
    return {"rate": rate, "binomial_error": float(np.sqrt(rate * (1 - rate) / independent))}


if __name__ == "__main__":
    benchmark(
        run, seed=20261402, libraries=("dynesty",),
        options={"sets": "folder to keep sets in: a run of this version that was cut off goes on"},
    )  # fmt: skip
