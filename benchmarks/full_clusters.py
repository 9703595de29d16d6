"""The cluster of `make cluster`, simulated and measured several times, against what was put in.

Every realisation has a sky and counts of its own (`make cluster-input SEED=...`) and is measured by
the command `xsurvey run configs/cluster.yaml`, the defaults of a user. Pulls are deviations from
the truth over the interval's length towards it (68.3 %).

The truth of a temperature is what a fit of one temperature finds in the gas along the lines of
sight of an annulus, through the responses of that realisation; of an abundance the mean by
emission. The excess of one sector raises means over all angles by its share of them; densities are
compared with the square root of that. Annuli with two temperatures found are counted apart.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from benchmarks.cluster_summary import share
from benchmarks.command import benchmark, trials
from xsurvey.galaxy_clusters.model import ClusterModel, read_cluster_model
from xsurvey.galaxy_clusters.shells import projected_volumes
from xsurvey.profiles.annuli_gram import read_gram
from xsurvey.profiles.spectral_temperature import OneTemperature

REALISATIONS = 5
HOME = Path(__file__).resolve().parents[1]
COMMAND = "import sys; from xsurvey.cli.main import main; main(sys.argv[1:])"
UNRESOLVED = 6.34e-7
"""Norm per arcmin2 of the power law that the Makefile simulates."""
MASSES = {"m500": "M500", "r500": "R500", "m200": "M200", "r200": "R200", "c200": "CONC"}


def run(seed: int, fraction: float, workers: str | None = None) -> dict[str, Any]:
    """Simulate and measure the cluster of `make cluster`, and compare it with the truth."""
    rows = []
    for number in range(trials(REALISATIONS, fraction)):
        folder = Path(tempfile.mkdtemp(prefix="full_clusters_"))
        try:
            _simulate(folder, seed + 1000 * number)
            _measure(folder, workers or "0")
            rows.append(compared(folder))
        finally:
            shutil.rmtree(folder)
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return {"summary": summary(rows), "realisations": rows}


def _simulate(folder: Path, seed: int) -> None:
    """Make the input as the Makefile does, with the interpreter that runs this."""
    command = folder / "bin" / "xsurvey"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{COMMAND}" "$@"\n')
    command.chmod(0o755)
    # newer than everything: nothing is to be installed
    (folder / "installed").touch()
    subprocess.run(
        ["make", "-s", "cluster-input", f"CLUSTER={folder / 'cluster_input'}", f"SEED={seed}",
         f"BIN={command.parent}", f"STAMP={folder / 'installed'}"],
        cwd=HOME, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip


def _measure(folder: Path, workers: str) -> None:
    path = os.pathsep.join(filter(None, (str(HOME), os.environ.get("PYTHONPATH"))))
    subprocess.run(
        [sys.executable, "-c", COMMAND, "run", str(HOME / "configs" / "cluster.yaml"),
         "--workers", workers],
        cwd=folder, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip


def compared(folder: Path) -> dict[str, Any]:
    """Return the pulls of everything that a run measured."""
    model = read_cluster_model(HOME / "configs" / "centaurus_like.yaml")
    truth = Table.read(folder / "cluster_input" / "tile_1_truth.fits", "CLUSTER")
    output = folder / "cluster_output"
    read = {
        name: json.loads((output / "profiles" / f"{name}.json").read_text())
        for name in ("surface_brightness", "spectral_profile", "density", "mass")
    }
    tasks = json.loads((output / "run.json").read_text())["tasks"]
    task = next(t for t in tasks if t["stage"] == "spectral_profile")
    one = OneTemperature(read_gram(next((output / task["folder"]).glob("plasma_products.fits"))))
    found = read["mass"]["quantities"]
    masses = {
        name: pull(found[name], float(truth.meta[key])) for name, key in MASSES.items()
    }  # fmt: skip
    density = read["density"]
    return {
        **_annuli(read["spectral_profile"]["annuli"], truth, model, one),
        "density": _density(density, model),
        "density_radius_kpc": [float(r) for r in density["radius_kpc"]],
        "mass": masses,
        "mass_ratio": {
            name: found[name]["value"] / float(truth.meta[key]) for name, key in MASSES.items()
        },
        "mass_p_value": read["mass"]["statistic"]["p_value"],
        "cxb": pull(read["spectral_profile"]["background"]["cxb.norm"], UNRESOLVED),
        "sigma_at_r200": read["surface_brightness"]["radii"]["r200"]["sigma"],
        "sectors": sectors(read["surface_brightness"], model),
    }


def pull(found: dict[str, Any], true: float) -> float | None:
    """Return what is found less the truth over the length of the interval towards it."""
    value, lower, upper = (found.get(key) for key in ("value", "lower", "upper"))
    if value is None or lower is None or upper is None:
        return None
    away = value - true
    return float(away / (value - lower if away > 0 else upper - value))


def _raised(model: ClusterModel, radius: np.ndarray) -> np.ndarray:
    """Return by what the excesses raise the mean brightness of all angles at radii, arcmin."""
    factor = np.ones(len(radius))
    for e in model.excess:
        inside = (radius >= e.inner_radius / 60) & (radius < e.outer_radius / 60)
        width = (e.sector[1] - e.sector[0]) % 360 or 360.0
        factor += np.where(inside, (e.factor - 1) * width / 360, 0.0)
    return factor


def _annuli(
    annuli: list[dict[str, Any]], truth: Table, model: ClusterModel, one: OneTemperature
) -> dict[str, Any]:
    edges = np.append(truth["inner_arcmin"], truth["outer_arcmin"][-1])
    emission = np.asarray(truth["norm"] / (4 / 3 * np.pi * np.diff(edges**3)))
    shares = one.shares(np.asarray(truth["temperature"]))
    gas, norm, metals = [], [], []
    for row in annuli:
        ring = np.array([row["inner_arcmin"], row["outer_arcmin"]])
        seen = projected_volumes(ring, edges)[0] * emission
        fine = np.linspace(*ring, 200)
        raised = np.average(_raised(model, fine), weights=fine)
        gas.append(seen @ shares)
        norm.append(seen.sum() / (np.pi * np.diff(ring**2)[0]) * raised)
        metals.append(seen @ np.asarray(truth["abundance"]) / seen.sum())
    kt = one.fitted(np.array(gas))
    single = [row["kt_cool"]["value"] is None for row in annuli]
    rows: dict[str, Any] = {
        "two_temperatures": [r["name"] for r in annuli if r["kt_cool"]["value"]]
    }
    for name, true in (("kt", kt), ("abundance", metals), ("norm", norm)):
        rows[name] = [
            pull(row[name], float(t)) if alone else None
            for row, t, alone in zip(annuli, true, single, strict=True)
        ]
        rows[f"{name}_ratio"] = [
            row[name]["value"] / float(t) if alone and row[name]["value"] is not None else None
            for row, t, alone in zip(annuli, true, single, strict=True)
        ]
    rows["kt_cool"] = [r["kt_cool"] for r in annuli if r["kt_cool"]["value"]]
    return rows


def _density(density: dict[str, Any], model: ClusterModel) -> list[float]:
    """Return half intervals from the truth, in ln n, at all radii."""
    radius = np.array(density["radius_kpc"])
    true = model.density(radius) * np.sqrt(_raised(model, np.array(density["radius_arcmin"])))
    value, low, high = (
        np.log(density[name]) for name in ("density", "density_lower", "density_upper")
    )
    away = value - np.log(true)
    return [float(v) for v in away / np.where(away > 0, value - low, high - value)]


def sectors(profile: dict[str, Any], model: ClusterModel) -> dict[str, Any]:
    """Return the brightness of each sector over the mean of the others, where the excess lies."""
    excess = model.excess[0]
    radius = np.array(profile["radius_arcmin"])
    use = (radius > excess.inner_radius / 60) & (radius < excess.outer_radius / 60)
    level = profile["sky"]["level"]
    net, error, area = [], [], []
    for one in profile["sectors"]:
        size, value, sigma = (
            np.array(one[name], float)[use]
            for name in ("area_arcmin2", "brightness", "brightness_err")
        )
        net.append(((value - level) * size).sum())
        error.append(np.sqrt(((sigma * size) ** 2).sum()))
        area.append(size.sum())
    net, error, area = np.array(net), np.array(error), np.array(area)
    start, stop = excess.sector
    own = np.array([
        start <= one["sector"][0] and (one["sector"][1] or 360.0) <= stop
        for one in profile["sectors"]
    ])  # fmt: skip
    others = net[~own].sum() / area[~own].sum()
    other_error = np.sqrt((error[~own] ** 2).sum()) / area[~own].sum()
    ratio = net / area / others
    sigma = (net / area - others) / np.hypot(error / area, other_error)
    return {
        "factor": excess.factor, "ratio": ratio[own].tolist(), "sigma": sigma[own].tolist(),
        "largest_other_ratio": float(ratio[~own].max()),
        "largest_other_sigma": float(sigma[~own].max()),
    }  # fmt: skip


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return how many intervals hold the truth, pooled over annuli and realisations."""
    result: dict[str, Any] = {}
    for name in ("kt", "abundance", "norm"):
        result[name] = _share([p for row in rows for p in row[name]])
        ratio = np.array([row[f"{name}_ratio"] for row in rows], float)
        result[f"{name}_ratio"] = [
            None if np.isnan(column).all() else round(float(np.nanmedian(column)), 3)
            for column in ratio.T
        ]
    # every eighth radius: those between are not independent
    result["density"] = _share([p for row in rows for p in row["density"][::8]])
    result["mass"] = {name: _share([row["mass"][name] for row in rows]) for name in MASSES}
    result["m500_ratio"] = [round(row["mass_ratio"]["m500"], 3) for row in rows]
    result["cxb_pull"] = [row["cxb"] for row in rows]
    result["sigma_at_r200"] = [round(row["sigma_at_r200"], 2) for row in rows]
    result["excess_ratio"] = [np.round(row["sectors"]["ratio"], 3).tolist() for row in rows]
    result["excess_sigma"] = [np.round(row["sectors"]["sigma"], 1).tolist() for row in rows]
    result["largest_other_sigma"] = [row["sectors"]["largest_other_sigma"] for row in rows]
    return result


def _share(pulls: list[float | None]) -> dict[str, float]:
    values = np.array(pulls, float)
    known = values[np.isfinite(values)]
    return share(np.where(np.isfinite(values), np.abs(values) < 1, np.nan)) | {
        "pull_mean": round(float(known.mean()), 3), "pull_scatter": round(float(known.std()), 3),
        "largest": round(float(np.abs(known).max()), 2),
    }  # fmt: skip


if __name__ == "__main__":
    benchmark(
        run, seed=20261200, libraries=("xspectrampoline",), options={"workers": "of each run"}
    )
