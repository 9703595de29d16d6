"""The models of a source side by side: best fits, evidences, and where they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from xsurvey.sed.fitting.model_comparison import SCALE, compare_evidences, grade, grades_within

Record = Mapping[str, Any]
REFERENCE = "Kass & Raftery 1995, J. Am. Stat. Assoc. 90, 773"
UNLIKELY = 1e-4
"""Probability of the best statistic below which a model does not describe the data."""


def comparison_record(
    source: str, models: Sequence[str], fits: Sequence[Record], evidences: Sequence[Record],
    missing: Mapping[str, str],
) -> dict[str, Any]:  # fmt: skip
    """Return what JSON tells of the models of a source.

    Parameters
    ----------
    source : str
    models : sequence of str
        Names of all that were to be fitted.
    fits, evidences : sequence of mapping
        Records of the stages, of those models that there are results of.
    missing : mapping of str to str
        Targets of tasks that failed, and why.
    """
    by_name = {str(fit["name"]): fit for fit in fits}
    comparisons = _comparisons(evidences)
    rows = [
        _model_row(name, by_name.get(name), comparisons, _causes(name, missing)) for name in models
    ]
    as_they_are = next((c for c in comparisons if c["prior_width"] == 1), None)
    notes = list(_notes(rows, comparisons, as_they_are))
    return {
        "source": source, "models": rows, "evidence": comparisons,
        "scale": {
            "of": "2 ln B", "reference": REFERENCE, "grades": [list(one) for one in SCALE],
        },
        "favoured": None if as_they_are is None else as_they_are["favoured"],
        "polarization": _polarization(list(by_name.values())), "notes": notes,
    }  # fmt: skip


def _causes(name: str, missing: Mapping[str, str]) -> list[str]:
    """Return why tasks of a model failed, each cause once.

    Targets are a source, a model, and more; causes begin with the name of the stage.
    """
    own = [cause for target, cause in missing.items() if target.split(" ")[1] == name]
    return list(dict.fromkeys(cause.partition(": ")[2] or cause for cause in own))


def _model_row(
    name: str, fit: Record | None, comparisons: Sequence[Record], causes: Sequence[str]
) -> dict[str, Any]:
    """Return a model's best fit and evidence; null of what failed."""
    own = next(
        (row for c in comparisons if c["prior_width"] == 1 for row in c["models"]
         if row["name"] == name), None,
    )  # fmt: skip
    row: dict[str, Any] = {
        "name": name, "fitted": fit is not None, "model": None, "statistic": None, "dof": None,
        "p_value": None, "chi2": None, "polarization_statistic": None, "free": None,
        "predictive_p_value": None, "converged": None, "posterior_converged": None,
        "log_evidence": None, "log_evidence_error": None, "ln_bayes": None,
        "ln_bayes_error": None, "probability": None, "evidence_converged": None,
        "causes": list(causes),
    }  # fmt: skip
    if fit is not None:
        statistic = fit["statistic"]
        value, dof = statistic["value"], statistic["dof"]
        parts = statistic.get("parts") or {"chi2": value, "polarization": None}
        row |= {
            "model": fit["model"], "statistic": value, "dof": dof,
            "p_value": float(stats.chi2.sf(value, dof)) if dof > 0 else None,
            "chi2": parts["chi2"], "polarization_statistic": parts["polarization"],
            "free": len(fit["priors"]), "converged": fit["converged"],
            "predictive_p_value": (fit["predictive"] or {}).get("p_value"),
            "posterior_converged": fit["diagnostics"].get("converged"),
        }  # fmt: skip
    if own is not None:
        kept = ("log_evidence", "ln_bayes", "ln_bayes_error", "probability")
        row |= {key: own[key] for key in kept}
        row |= {"log_evidence_error": own["error"], "evidence_converged": own["converged"]}
    return row


def _comparisons(evidences: Sequence[Record]) -> list[dict[str, Any]]:
    """Return comparisons of all models, one for each width of the priors."""
    as_they_are = {str(e["name"]): e for e in evidences if e["prior_width"] == 1}
    widths = list(dict.fromkeys(float(e["prior_width"]) for e in evidences))
    return [_comparison(w, evidences, as_they_are) for w in sorted(widths, key=lambda w: w != 1)]


def _comparison(
    width: float, evidences: Sequence[Record], as_they_are: Mapping[str, Record]
) -> dict[str, Any]:
    rows = []
    for one in (e for e in evidences if e["prior_width"] == width):
        # where no prior could be changed the evidence of those as they are holds
        of = one if one["evidence"] is not None else as_they_are.get(str(one["name"]))
        if of is not None and of["evidence"] is not None:
            rows.append((one, of["evidence"], of))
    values, errors = (
        np.array([found[key] for _, found, _ in rows]) for key in ("log_evidence", "error")
    )
    compared = compare_evidences(values, errors) if rows else None
    models = [
        {
            "name": one["name"], "log_evidence": found["log_evidence"], "error": found["error"],
            "ln_bayes": float(compared.ln_bayes[i]),
            "ln_bayes_error": float(compared.error[i]),
            "probability": float(compared.probability[i]), "converged": found["converged"],
            "changed": one["changed"], "cut": one["cut"], "priors": one["priors"],
            "notes": of["notes"],
        }
        for i, (one, found, of) in enumerate(rows) if compared is not None
    ]  # fmt: skip
    return {"prior_width": width, "models": models, "favoured": _favoured(models)}


def _favoured(models: Sequence[Record]) -> dict[str, Any] | None:
    """Return the model of the largest evidence, and by how much it is before the next."""
    if len(models) < 2:
        return None
    first, second = sorted(models, key=lambda m: -m["ln_bayes"])[:2]
    value, error = -second["ln_bayes"], second["ln_bayes_error"]
    return {
        "name": first["name"], "over": second["name"], "ln_bayes": value,
        "ln_bayes_error": error, "probability": first["probability"], "grade": grade(value),
        "grades_within_error": list(grades_within(value, error)),
    }  # fmt: skip


def _polarization(fits: Sequence[Record]) -> list[dict[str, Any]]:
    """Return degrees that models have at each measurement, and their largest difference."""
    with_light = [fit for fit in fits if fit.get("polarization")]
    if not with_light:
        return []
    rows = []
    for i, measured in enumerate(with_light[0]["polarization"]["data"]):
        own = {fit["name"]: fit["polarization"]["data"][i] for fit in with_light}
        best = [_best(row["model_degree"]) for row in own.values()]
        rows.append({
            "frequency": measured["frequency"], "instrument": measured["instrument"],
            "kind": measured["kind"],
            "models": {
                name: {"degree": row["model_degree"], "angle": row["model_angle"],
                       "statistic": row["statistic"]}
                for name, row in own.items()
            },
            "best_fits_apart": max(best) - min(best),
        })  # fmt: skip
    return rows


def _best(degree: Record) -> float:
    return float(degree.get("best_fit", degree["value"]))


def _notes(
    rows: Sequence[Record], comparisons: Sequence[Record], as_they_are: Record | None
) -> Iterator[str]:
    for row in rows:
        if row["fitted"] and row["p_value"] is not None and row["p_value"] < UNLIKELY:
            yield (
                f"{row['name']} does not describe the data within their errors (p = "
                f"{row['p_value']:.2g}): evidences compare models, and tell of none that it is good"
            )
        if row["log_evidence"] is None and row["fitted"] and comparisons:
            yield f"{row['name']} has no evidence, and is not among those that are compared"
        if row["posterior_converged"] is False:
            yield f"the posterior of {row['name']} has not converged"
        if row["evidence_converged"] is False:
            yield f"the evidence of {row['name']} has not converged"
    for one in comparisons:
        if one["prior_width"] != 1:
            yield from _width_notes(one)
    yield from _sensitivity(comparisons, as_they_are)
    known = [row for row in rows if row["fitted"]]
    if as_they_are and as_they_are["favoured"] and len(known) > 1:
        least = min(known, key=lambda row: float(row["statistic"]))["name"]
        if least != as_they_are["favoured"]["name"]:
            yield (
                f"{least} has the best fit, but not the largest evidence, in which priors count: "
                "what they leave room for and the data do not need"
            )


def _width_notes(one: Record) -> Iterator[str]:
    for model in one["models"]:
        if not model["changed"]:
            yield (
                f"{model['name']}: no prior could be made {one['prior_width']:g} times as wide: "
                "its evidence is that of the priors as they are"
            )
        elif model["cut"]:
            yield (
                f"{model['name']}: {one['prior_width']:g} times as wide, priors of "
                f"{', '.join(model['cut'])} end at hard limits"
            )


def _sensitivity(comparisons: Sequence[Record], as_they_are: Record | None) -> Iterator[str]:
    first = None if as_they_are is None else as_they_are["favoured"]
    for one in comparisons:
        other = one["favoured"]
        if one["prior_width"] == 1 or first is None or other is None:
            continue
        if other["name"] != first["name"]:
            yield (
                f"with priors {one['prior_width']:g} times as wide {other['name']} is favoured: "
                "the comparison depends on the priors"
            )
        elif other["grade"] != first["grade"]:
            yield (
                f"with priors {one['prior_width']:g} times as wide the evidence is "
                f"{other['grade']}, in place of {first['grade']}"
            )
