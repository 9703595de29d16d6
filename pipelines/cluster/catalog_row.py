"""Columns of a cluster in the catalog, from the results of the stages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import stats

from xsurvey.pipelines.cluster.parameters import TargetParameters

_ENDS = (("value", ""), ("lower", "_lo"), ("upper", "_hi"))
_FITTED = ("r500", "m500", "r200", "m200", "c200", "gas_mass500", "gas_fraction500")
_CONFIDENCE = 0.683
_CENTRAL = ("density", "entropy", "cooling_time")


def cluster_columns(
    target: TargetParameters, results: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the columns of a cluster's row.

    Parameters
    ----------
    target : TargetParameters
    results : mapping of str to mapping
        JSON records ``brightness``, ``spectral``, ``density`` and ``mass``; empty ones of stages
        that failed or were not asked for: their columns are left out.
    """
    halo = (results["mass"].get("quantities") or {}).get("m500") or {}
    row: dict[str, Any] = {"cluster_confidence": halo.get("confidence") or _CONFIDENCE}
    if target.redshift is not None:
        row["redshift"] = float(target.redshift)
    row |= _of_brightness(results["brightness"])
    row |= _of_spectra(results["spectral"])
    row |= _of_mass(results["mass"])
    return {name: value for name, value in row.items() if value is not None}


def _of_brightness(record: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    radii = record.get("radii") or {}
    whole, outer = radii.get("whole"), radii.get("r200")
    if whole is not None and whole["sigma"] is not None:
        # the probability of a Gaussian's tail, in logarithms: it is no number any more
        row["detection_likelihood"] = float(-stats.norm.logsf(whole["sigma"]))
    if outer is not None:
        row["r200_significance"] = outer["sigma"]
    beta = (record.get("fits") or {}).get("beta")
    if beta is not None:
        row |= _with_ends("beta_core_radius", beta["parameters"]["rc"])
        row |= _with_ends("beta_index", beta["parameters"]["beta"])
    sky = record.get("sky")
    if sky is not None:
        row |= {"sky_brightness": sky["level"], "sky_brightness_error": sky["level_error"]}
    return row


def _of_spectra(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the mean temperature of the annuli that have one."""
    rows = record.get("annuli") or []
    kt = np.array([_number(row["kt"]["value"]) for row in rows])
    covariance = np.array(
        [[_number(v) for v in line] for line in record.get("kt_covariance_kev2") or []], float
    )
    good = np.isfinite(kt)
    if covariance.shape == (len(kt), len(kt)):
        good &= np.isfinite(np.diag(covariance))
        good &= np.diag(covariance) > 0
    if not good.any() or covariance.shape != (len(kt), len(kt)):
        return {}
    inverse = np.linalg.pinv(covariance[np.ix_(good, good)])
    weight = inverse.sum()
    if not weight > 0:
        return {}
    mean, error = float(inverse.sum(axis=0) @ kt[good] / weight), float(weight**-0.5)
    return {
        "gas_temperature": mean, "gas_temperature_lo": mean - error,
        "gas_temperature_hi": mean + error,
    }  # fmt: skip


def _of_mass(record: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    quantities = record.get("quantities") or {}
    for name in _FITTED:
        if name in quantities:
            row |= _with_ends(name, quantities[name])
    profiles = record.get("profiles") or {}
    for name in _CENTRAL:
        if name in profiles:
            inner = {key: profiles[name][key][0] for key, _ in _ENDS}
            row |= _with_ends(f"central_{name}", inner)
    return row


def _with_ends(name: str, record: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{name}{end}": record.get(key) for key, end in _ENDS}


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
