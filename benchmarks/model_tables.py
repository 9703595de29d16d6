"""Exact tables of models against XSPEC's library, and how long both take.

Random temperatures, abundances and absorbing columns at three redshifts, on the energy grids of
eROSITA's and Chandra ACIS' responses. Needs AtomDB (``xsurvey data install atomdb``); tables are
made anew in a temporary folder.
"""

import importlib.util
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from benchmarks.command import benchmark, trials
from xsurvey.spectra.models.evaluator import ModelEvaluator
from xsurvey.spectra.models.expression import parse_expression
from xsurvey.spectra.models.installation import installation
from xsurvey.spectra.models.settings import ModelSettings

REDSHIFTS = (0.0, 0.0114, 0.3)
VECTORS = {"tbabs*apec": 1000, "ztbabs*vapec": 200}
BATCH = 100
SHOWN = 1e-200  # photons/cm2/s; below, numbers lose digits
REPEATS = 200


def run(seed: int, fraction: float) -> dict[str, Any]:
    """Compare tables with the library, and time both."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XSURVEY_CACHE"] = folder
        return {
            "library": installation().version,
            "atomdb": ModelSettings().atomdb,
            "grids": {
                name: {
                    "origin": origin, "bins": edges.size - 1,
                    **{text: _model(text, edges, seed, fraction) for text in VECTORS},
                }
                for name, (origin, edges) in _grids().items()
            },
        }  # fmt: skip


def _grids() -> dict[str, tuple[str, np.ndarray]]:
    """Return edges of responses where they are at hand, otherwise grids like theirs."""
    shared = Path(os.environ.get("XSURVEY_SHARED", Path(__file__).parents[2] / "shared"))
    erosita = shared / "data/erosita/responses/onaxis_tm0_arf_filter_2023-01-17.fits.gz"
    spec = importlib.util.find_spec("ixpeobssim")
    package = Path(spec.submodule_search_locations[0]) if spec else Path("absent")  # type: ignore[index]
    acis = package / "irf" / "fits" / "chandra_acis_i.arf"
    return {
        "erosita": _edges(erosita, np.geomspace(0.1, 12.0, 1025)),
        "chandra": _edges(acis, np.linspace(0.22, 11.12, 1091)),
    }


def _edges(path: Path, otherwise: np.ndarray) -> tuple[str, np.ndarray]:
    if not path.is_file():
        return "similar grid", otherwise
    table = fits.getdata(path, "SPECRESP")
    return path.name, np.append(table["ENERG_LO"], table["ENERG_HI"][-1:]).astype(np.float64)


def _model(text: str, edges: np.ndarray, seed: int, fraction: float) -> dict[str, Any]:
    expression = parse_expression(text)
    result: dict[str, Any] = {}
    for redshift in REDSHIFTS:
        tables, library = (
            ModelEvaluator(expression, edges, backend=b) for b in ("tables", "library")
        )
        rows = _rows(tables, trials(VECTORS[text], fraction), redshift, seed)
        began = time.perf_counter()
        tables(rows[:1])
        made = time.perf_counter() - began
        ours, theirs = tables(rows), library(rows)
        shown = theirs > SHOWN
        result[f"redshift_{redshift:g}"] = {
            "vectors": len(rows),
            "largest_relative_difference": float(np.max(np.abs(ours[shown] / theirs[shown] - 1))),
            "largest_elsewhere": float(np.max(ours[~shown], initial=0.0)),
            "tables_made_s": round(made, 3),
        }
    result["microseconds"] = _timings(tables, library, rows, fraction)
    return result


def _rows(model: ModelEvaluator, number: int, redshift: float, seed: int) -> np.ndarray:
    """Draw parameters over all that the models allow, columns up to 1e23."""
    generator = np.random.default_rng([seed, round(redshift * 1e4)])
    rows = np.empty((number, len(model.expression.parameters)))
    for column, parameter in zip(rows.T, model.expression.parameters, strict=True):
        name, limits = parameter.definition.name, parameter.definition
        if name == "Redshift":
            column[:] = redshift
        elif name == "kT":
            column[:] = np.exp(
                generator.uniform(*np.log([limits.hard_min, limits.hard_max]), number)
            )
        elif name == "nH":
            column[:] = 10 ** generator.uniform(-3, 1, number)
        elif name == "norm":
            column[:] = 10 ** generator.uniform(-5, 0, number)
        else:
            column[:] = generator.uniform(0, 5, number)
    return rows


def _timings(
    tables: ModelEvaluator, library: ModelEvaluator, rows: np.ndarray, fraction: float
) -> dict[str, float]:
    """Return the time of a vector, for walkers of a usual chain and over all parameters."""
    walkers = rows[0] * np.random.default_rng(0).normal(1, 0.03, (BATCH, rows.shape[1]))
    walkers[:, [p.definition.name == "Redshift" for p in tables.expression.parameters]] = REDSHIFTS[
        -1
    ]
    walkers = walkers[tables.valid(walkers)]
    spread = rows[np.arange(BATCH) % len(rows)]
    repeats = trials(REPEATS, fraction)
    return {
        "table_single": _microseconds(lambda: tables(rows[:1]), repeats * 10),
        "table_in_batch_of_walkers": _microseconds(lambda: tables(walkers), repeats) / len(walkers),
        "table_in_batch_of_all": _microseconds(lambda: tables(spread), repeats) / BATCH,
        # more distinct vectors than an evaluator remembers
        "library": _microseconds(lambda: library(_shifted(rows, 300)), 1) / 300,
    }


def _shifted(rows: np.ndarray, number: int) -> np.ndarray:
    return rows[np.arange(number) % len(rows)] * np.where(
        np.arange(rows.shape[1]) == 0, np.linspace(0.9, 1.0, number)[:, None], 1.0
    )


def _microseconds(function: Callable[[], Any], repeats: int) -> float:
    times = []
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(max(1, repeats // 5)):
            function()
        times.append((time.perf_counter() - began) / max(1, repeats // 5))
    return round(min(times) * 1e6, 2)


if __name__ == "__main__":
    benchmark(run, seed=20261127)
