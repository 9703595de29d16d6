"""Rows of the tables of a catalog of blazars, from the records of stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntFlag
from typing import Any

from xsurvey.errors import plain_ascii
from xsurvey.pipelines.blazar.comparison_record import UNLIKELY

Record = Mapping[str, Any]
PART = "blazar"


class SedFlag(IntFlag):
    """What is to be known of the fit of a model; values as in the schema ``sed_fits``."""

    NOT_FITTED = 1
    FIT_NOT_CONVERGED = 2
    NO_POSTERIOR = 4
    POSTERIOR_NOT_CONVERGED = 8
    NO_EVIDENCE = 16
    EVIDENCE_NOT_CONVERGED = 32
    POOR_FIT = 64
    NO_POINTS = 128


WITHOUT_POINTS = SedFlag.NOT_FITTED | SedFlag.NO_POINTS


def flags_of(row: Record) -> SedFlag:
    """Return the flags of a model's row of ``comparison.json``."""
    if not row["fitted"]:
        return SedFlag.NOT_FITTED
    found = SedFlag(0)
    chance = row["p_value"]
    for flag, holds in (
        (SedFlag.FIT_NOT_CONVERGED, row["converged"] is False),
        (SedFlag.NO_POSTERIOR, row["posterior_converged"] is None),
        (SedFlag.POSTERIOR_NOT_CONVERGED, row["posterior_converged"] is False),
        (SedFlag.NO_EVIDENCE, row["log_evidence"] is None),
        (SedFlag.EVIDENCE_NOT_CONVERGED, row["evidence_converged"] is False),
        (SedFlag.POOR_FIT, chance is not None and chance < UNLIKELY),
    ):  # fmt: skip
        if holds:
            found |= flag
    return found


def source_row(points: Record, comparison: Record | None, name: str) -> dict[str, Any]:
    """Return the row of a source in the table of sources.

    Parameters
    ----------
    points : mapping
        ``points.json``.
    comparison : mapping or None
        ``comparison.json``; None where no model could be fitted.
    name : str
        IAU designation.
    """
    models = [] if comparison is None else comparison["models"]
    flags = SedFlag(0)
    for model in models:
        flags |= flags_of(model)
    favoured = (comparison or {}).get("favoured") or {}
    values = {
        "redshift": points["redshift"], "points": points["points"], "limits": points["limits"],
        "polarization": sum(points["polarization"].values()),
        "models": sum(model["fitted"] for model in models), "favoured": favoured.get("name"),
        "ln_bayes": favoured.get("ln_bayes"), "ln_bayes_error": favoured.get("ln_bayes_error"),
        "probability": favoured.get("probability"),
        "flags": int(flags if comparison is not None else SedFlag.NOT_FITTED),
    }  # fmt: skip
    return _source(points["source"], points["position"], name) | {
        "instrument": plain_ascii(", ".join(points["instruments"])),
        "target": plain_ascii(points["object"] or ""),
        **{f"sed_{column}": value for column, value in values.items()},
    }  # fmt: skip


def source_row_without_points(
    source: str, position: Record, redshift: float | None, name: str
) -> dict[str, Any]:
    """Return the row of a source whose tables or spectra could not be used.

    Parameters
    ----------
    source : str
    position : mapping
        ``ra`` and ``dec``.
    redshift : float or None
        As it was given.
    name : str
        IAU designation.
    """
    return _source(source, position, name) | {
        "sed_redshift": redshift, "sed_models": 0, "sed_flags": int(WITHOUT_POINTS),
    }  # fmt: skip


def fit_rows_without_points(
    source: str, position: Record, redshift: float | None, models: Sequence[str], name: str
) -> list[dict[str, Any]]:
    """Return a row for each model of such a source, without numbers."""
    return [
        {
            **_identity(source, position, name), "source": source, "model": model,
            "redshift": redshift, "flags": int(WITHOUT_POINTS),
        }
        for model in models
    ]  # fmt: skip


def fit_rows(points: Record, comparison: Record | None, name: str) -> list[dict[str, Any]]:
    """Return a row for each model of a source, those that failed too."""
    columns = (
        "statistic", "dof", "p_value", "chi2", "polarization_statistic", "free",
        "predictive_p_value", "log_evidence", "log_evidence_error", "ln_bayes",
        "ln_bayes_error", "probability",
    )  # fmt: skip
    rows = []
    for model in [] if comparison is None else comparison["models"]:
        about = model["model"] or {"name": "", "electrons": ""}
        values = {c: model[c] for c in columns if model[c] is not None}
        rows.append({
            **_identity(points["source"], points["position"], name),
            "source": points["source"], "model": model["name"],
            "radiative_model": about["name"], "electrons": about["electrons"] or "",
            "redshift": points["redshift"], **values, "flags": int(flags_of(model)),
        })  # fmt: skip
    return rows


def parameter_rows(
    points: Record, fits: Sequence[Record], comparison: Record | None, name: str
) -> list[dict[str, Any]]:
    """Return a row for each parameter, and each quantity that follows, of fitted models."""
    flags = {
        model["name"]: int(flags_of(model))
        for model in ([] if comparison is None else comparison["models"])
    }
    rows = []
    for fit in fits:
        common = {
            **_identity(points["source"], points["position"], name),
            "source": points["source"], "model": fit["name"],
            "flags": flags.get(fit["name"], 0),
        }  # fmt: skip
        for kind in ("parameters", "derived"):
            for parameter, one in fit[kind].items():
                rows.append(common | _parameter(parameter, one, kind == "derived"))
    return rows


def _parameter(name: str, one: Record, derived: bool) -> dict[str, Any]:
    frozen = bool(one.get("frozen")) and one.get("link") is None
    return {
        "parameter": name, "derived": derived,
        "free": not derived and not frozen and one.get("link") is None, "value": one["value"],
        "lower": one["lower"], "upper": one["upper"], "confidence": one["confidence"],
        "best_fit": one.get("best_fit", one["value"]), "parameter_unit": plain_ascii(one["unit"]),
        "prior": "" if frozen or derived else plain_ascii(one.get("prior") or ""),
        "link": plain_ascii(one.get("link") or ""),
    }  # fmt: skip


def _source(source: str, position: Record, name: str) -> dict[str, Any]:
    """Return what all rows of the table of sources have."""
    return {
        **_identity(source, position, name), "stack": source, "n_observations": 0,
        "n_detections": 0, "flag": 0,
    }  # fmt: skip


def _identity(source: str, position: Record, name: str) -> dict[str, Any]:
    return {"name": name, "source_id": f"{source}_0001", **position}
