"""Inputs of the comparison: simulated by xsurvey with fixed seeds, or public data sets."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.compare.environments import CannotRun, cause
from xsurvey.errors import XSurveyError
from xsurvey.io.datasets import resolve

ROOT = Path(__file__).resolve().parents[2]

CLUSTER = {
    "name": "cluster", "ra": 150.0, "dec": 2.2, "flux": 5e-12, "model": "tbabs*bremss",
    "set": "tbabs.nH=0.03 bremss.kT=5", "core_radius": 90, "beta": 0.65,
}  # fmt: skip
"""A beta model of 1.5' over an even sky, 20 ks long."""
CLUSTER_EXPOSURE_KS = 20.0
POLARIZED_COUNTS, DEGREE, ANGLE = 300_000, 0.1, 30.0

ZONE = {
    "k": 1.306e-8, "p1": 2.054, "p2": 3.541, "gamma_b": 97949.0, "gamma_min": 500.0,
    "gamma_max": 1e6, "radius_cm": 4.963e16, "z": 0.0308, "delta": 19.75, "b_gauss": 0.04688,
}  # fmt: skip
"""The published fit of agnpy's documentation to Mrk 421, ``ssc_gammapy_fit``: log10 k -7.884,
p1 2.054, p2 3.541, log10 gamma_b 4.991, delta 19.75, log10 B -1.329, a variability of one day."""


def spectrum(folder: Path, seed: int, fraction: float) -> None:
    """Put the spectrum of 3C 273 that Sherpa tests with, its responses and background there."""
    del seed, fraction
    try:
        source = resolve("data:3c273")
    except XSurveyError as error:
        raise CannotRun("no data set 3c273 (xsurvey data install 3c273)") from error
    for path in source.iterdir():
        shutil.copy(path, folder)


def cluster_image(folder: Path, seed: int, fraction: float) -> None:
    """Simulate a beta model over an even sky, and make its image and exposure map."""
    rows = ",".join(CLUSTER), ",".join(map(str, CLUSTER.values()))
    (folder / "cluster.csv").write_text("\n".join(rows) + "\n")
    xsurvey(
        folder, "simulate", "-o", "cluster.fits", "--mission", "erosita", "--pointing", "150,2.2",
        "--exposure", f"{CLUSTER_EXPOSURE_KS * fraction}ks", "--energy", "0.2-5",
        "--dither", "0arcsec", "--sources", "cluster.csv", "--diffuse", "powerlaw",
        "--diffuse-set", "powerlaw.PhoIndex=2", "--diffuse-set", "powerlaw.norm=1e-6",
        "--psf", "king:60arcsec,1.7", "--seed", str(seed),
    )  # fmt: skip
    xsurvey(
        folder, "image", "cluster.fits", "-o", "image.fits", "--exposure-output", "exposure.fits",
        "--band", "0.5-2", "--pixel-size", "4arcsec",
    )  # fmt: skip


def polarized_source(folder: Path, seed: int, fraction: float) -> None:
    """Simulate a polarized point source without background, seen by three detector units."""
    xsurvey(
        folder, "simulate", "-o", "source.fits", "--mission", "ixpe",
        "--exposure", f"{200 * fraction}ks", "--pointing", "150,2.2", "--energy", "2-8",
        "--background-rate", "0", "--photon-index", "2",
        "--source", f"150,2.2,{POLARIZED_COUNTS * fraction:.0f}",
        "--polarization", f"{DEGREE},{ANGLE}", "--seed", str(seed),
    )  # fmt: skip


def zone(folder: Path, seed: int, fraction: float) -> None:
    """Write the parameters of a blazar's emission region."""
    del seed, fraction
    (folder / "zone.json").write_text(json.dumps(ZONE))


def xsurvey(folder: Path, *words: str) -> None:
    """Run a command of xsurvey in a folder.

    Raises
    ------
    CannotRun
        It failed.
    """
    done = subprocess.run(
        [sys.executable, "-m", "xsurvey", *words], cwd=folder, check=False,
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    if done.returncode:
        raise CannotRun(f"xsurvey {words[0]}: {cause(done.stderr, done.stdout)}")
