"""What the realisations of simulated clusters say together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

CONFIDENCE = 0.683
GOALS = {
    "pooled": (0.64, 0.72), "templates off": (0.60, None), "empty above 3 sigma": (None, 0.01),
    "two temperatures": (None, 0.05), "sector found": (0.90, None), "sector false": (None, 0.03),
}  # fmt: skip
FOUND = 3.0
"""Sigma above which a sector has an excess."""
MARGIN = 10.0
"""Gain that a second temperature is asked for: the default of the fit."""


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return coverage and bias of everything that was measured."""
    cluster = [r["cluster"] for r in rows if "cluster" in r]
    result: dict[str, Any] = {
        "realisations": len(rows),
        "goals": {k: list(v) for k, v in GOALS.items()},
        "failed": [{"index": r["index"], **r["failed"]} for r in rows if r["failed"]],
    }
    if cluster:
        result |= _of_cluster(cluster)
    sectors = [r["sector"] for r in rows if "sector" in r]
    if sectors:
        result["sector"] = _sector(sectors, [c["sectors"] for c in cluster if "sectors" in c])
    empty = np.array([s for r in rows for s in r.get("empty", [])])
    if len(empty):
        result["empty fields"] = {
            "number": len(empty), "above 3 sigma": float((empty > 3).mean()),
            "mean": float(empty.mean()), "scatter": float(empty.std()),
        }  # fmt: skip
    isothermal = [r["isothermal"] for r in rows if "isothermal" in r]
    if isothermal:
        result["isothermal"] = _two(isothermal)
    seconds = [r["seconds"] for r in rows]
    result["seconds"] = {
        name: float(np.median([s[name] for s in seconds if name in s]))
        for name in dict.fromkeys(n for s in seconds for n in s)
    }
    return result


def _of_cluster(cluster: list[dict[str, Any]]) -> dict[str, Any]:
    spectra = [c["spectra"] for c in cluster]
    brightness = np.array([c["brightness"] for c in cluster])
    density = np.array([c["density"]["probability"] for c in cluster])
    inside = {
        "brightness": np.abs(brightness) < 1,
        "density": np.abs(density - 0.5) < CONFIDENCE / 2,
        **{name: _inside(spectra, name) for name in ("kt", "abundance", "norm")},
    }
    result: dict[str, Any] = {
        "pooled": {name: share(values) for name, values in inside.items()},
        "by_bin": {
            name: _by_bin(values, np.mean)
            for name, values in inside.items() if name != "brightness"
        },
        "brightness_pulls": moments(brightness),
        "density_ratio": np.mean([c["density"]["ratio"] for c in cluster], axis=0).tolist(),
        "excess at R200": _excess([c["excess"] for c in cluster]) | {
            "sigma": np.percentile([c["excess_sigma"] for c in cluster], [16, 50, 84]).tolist()
        },
        "mass": {
            name: share(np.array([c["mass"][name]["inside"] for c in cluster]))
            | moments(np.array([c["mass"][name]["pull"] for c in cluster]))
            for name in ("m500", "r500", "m200", "c200")
        },
        "two temperatures": _two(spectra),
    }  # fmt: skip
    every = np.concatenate([v.astype(float).ravel() for v in inside.values()])
    result["pooled"]["all"] = share(every)
    for name in ("kt", "abundance", "norm"):
        pulls = np.array([[np.nan if v is None else v for v in s[name]] for s in spectra], float)
        pulls = np.where(np.abs(pulls) < 20, pulls, np.nan)
        result[f"{name}_pulls"] = {
            "median": _by_bin(pulls, np.median), "scatter": _by_bin(pulls, np.std),
            **moments(pulls),
        }  # fmt: skip
        ratios = np.array([s[f"{name}_ratio"] for s in spectra], float)
        result[f"{name}_ratio"] = _by_bin(ratios, np.median)
    off = [c[side] for c in cluster for side in ("high", "low") if side in c]
    if off:
        result["templates off"] = {
            "excess at R200": _excess([o["excess"] for o in off]),
            **{
                name: share(_inside([o["spectra"] for o in off], name)[:, -1])
                for name in ("kt", "norm")
            },
        }  # fmt: skip
    return result


def _by_bin(
    values: np.ndarray, function: Callable[[np.ndarray], Any]
) -> list[float | None]:  # fmt: skip
    """Return a function of the known values of each bin, None where there are none."""
    columns = np.asarray(values, float).T
    known = [column[np.isfinite(column)] for column in columns]
    return [float(function(column)) if len(column) else None for column in known]


def _inside(spectra: list[dict[str, Any]], name: str) -> np.ndarray:
    """Return whether intervals hold the truth, NaN where nothing was measured."""
    return np.array(
        [[np.nan if v is None else v for v in s[f"{name}_inside"]] for s in spectra], float
    )


def share(values: np.ndarray) -> dict[str, float]:
    """Return the part of what was measured that is true, and its binomial error."""
    values = np.asarray(values, float).ravel()
    known = values[np.isfinite(values)]
    part, number = float(known.mean()), len(known)
    return {
        "inside": round(part, 4), "error": round(float(np.sqrt(part * (1 - part) / number)), 4),
        "number": number, "unknown": len(values) - number,
    }  # fmt: skip


def moments(values: np.ndarray) -> dict[str, float]:
    """Return mean and scatter."""
    return {
        "pull_mean": round(float(np.nanmean(values)), 3),
        "pull_scatter": round(float(np.nanstd(values)), 3),
    }


def _excess(pulls: list[float]) -> dict[str, float]:
    values = np.array(pulls)
    return share(np.abs(values) < 1) | moments(values)


def _sector(
    injected: list[dict[str, float]], without: list[dict[str, float]]
) -> dict[str, Any]:  # fmt: skip
    """Return how often an excess is found where it was put, and one where none was.

    It is found where that sector is the brightest of all, by more than three sigma.
    """
    sigma, other = _sigma_and_other(injected)
    result = {
        "sigma": np.percentile(sigma, [16, 50, 84]).tolist(),
        "found": part((sigma > FOUND) & (sigma > other)),
        "above 3 sigma": part(sigma > FOUND), "is the brightest": part(sigma > other),
        "another above 3 sigma": part(other > FOUND),
    }  # fmt: skip
    if without:
        own, others = _sigma_and_other(without)
        largest = np.maximum(own, others)
        result["without excess"] = {
            "above 3 sigma": part(largest > FOUND), "above 2 sigma": part(largest > 2),
            "largest": np.percentile(largest, [16, 50, 84, 100]).tolist(),
            "of the sector": moments(own),
        }  # fmt: skip
    return result


def _sigma_and_other(rows: list[dict[str, float]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([r["sigma"] for r in rows]), np.array([r["largest_other"] for r in rows])


def part(true: np.ndarray) -> dict[str, float]:
    """Return the part that is true, and its binomial error."""
    found = share(true)
    return {"part": found["inside"], "error": found["error"], "number": found["number"]}


def _two(spectra: list[dict[str, Any]]) -> dict[str, Any]:
    gain = np.array([s["gain"] for s in spectra], float)
    return {
        "annuli": float(np.mean(gain >= MARGIN)),
        "clusters": float(np.mean(np.nanmax(gain, axis=1) >= MARGIN)),
        "gain_percentiles": {
            f"{q}": float(np.nanpercentile(gain, q)) for q in (50, 90, 95, 99, 100)
        },
        "by_annulus": np.mean(gain >= MARGIN, axis=0).tolist(),
    }  # fmt: skip
