"""The pipeline on the survey field of `benchmarks.survey_field`: time, precision, completeness.

The field is simulated, searched down to a likelihood of 10 by `xsurvey run` with two workers and
otherwise the defaults, products and maps included, and compared with the truth table.
"""

import itertools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

from benchmarks.command import benchmark
from benchmarks.survey_field import survey_field

THRESHOLDS = (10.0, 12.0)
RADII = (15.0, 20.0)
SIDE = 3.6
SCANS = 112
COUNTS = (0.0, 8.0, 12.0, 16.0, 25.0, 50.0, np.inf)
CONFIG = """schema: 1
pipeline: sources
inputs: [field.fits]
output: out
seed: 1
detection: {threshold: 10}
"""
COMMAND = "import sys; from xsurvey.cli.main import main; main(sys.argv[1:])"


def run(seed: int, fraction: float) -> dict[str, Any]:
    """Search one field, of a fraction of the area, and compare it with the truth."""
    side = float(np.sqrt(fraction))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        survey_field(
            folder / "field.fits", seed, field_size=f"{SIDE * side:.4f}deg",
            scans=max(1, round(SCANS * side)),
        )  # fmt: skip
        (folder / "run.yaml").write_text(CONFIG)
        started, before = time.perf_counter(), os.times()
        subprocess.run(
            [sys.executable, "-c", COMMAND, "run", "run.yaml", "--workers", "2"],
            cwd=folder, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        seconds, after = time.perf_counter() - started, os.times()
        sources = Table.read(folder / "out" / "catalog" / "sources.fits")
        truth = Table.read(folder / "field_truth.fits")
    used = after.children_user + after.children_system
    return {
        "sources_true": len(truth),
        "wall_seconds": round(seconds, 1),
        "cpu_seconds": round(used - before.children_user - before.children_system, 1),
        "load": round(os.getloadavg()[0], 1),
        "extended": int((sources["extent"] > 0).sum()),
        "expected_false": sources.meta.get("NFALSE"),
        **compared(sources, truth),
    }


def compared(sources: Table, truth: Table) -> dict[str, Any]:
    """Return precision at several likelihoods and radii, and completeness by expected counts."""
    found = SkyCoord(sources["ra"], sources["dec"], unit="deg")
    true = SkyCoord(truth["ra"], truth["dec"], unit="deg")
    to_truth = found.match_to_catalog_sky(true)[1].to_value(u.arcsec)
    to_found = true.match_to_catalog_sky(found)[1].to_value(u.arcsec)
    likelihood = np.asarray(sources["detection_likelihood"])
    counts = np.asarray(truth["counts_expected"], float)
    precision = [
        {
            "likelihood": threshold, "radius": radius,
            "sources": int((likelihood >= threshold).sum()),
            "precision": float((to_truth[likelihood >= threshold] <= radius).mean()),
        }
        for threshold in THRESHOLDS for radius in RADII
    ]  # fmt: skip
    completeness = []
    for low, high in itertools.pairwise(COUNTS):
        here = (counts >= low) & (counts < high)
        if here.any():
            completeness.append({
                "from": low, "to": high if np.isfinite(high) else None, "sources": int(here.sum()),
                "found": float((to_found[here] <= RADII[-1]).mean()),
            })  # fmt: skip
    return {"precision": precision, "completeness": completeness}


if __name__ == "__main__":
    benchmark(run, seed=20261125)
