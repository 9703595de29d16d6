"""Inputs of the comparison: simulated by xsurvey with fixed seeds, or public data sets."""

from __future__ import annotations

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


def spectrum(folder: Path, seed: int, fraction: float) -> None:
    """Put the spectrum of 3C 273 that Sherpa tests with, its responses and background there."""
    del seed, fraction
    _copy("3c273", folder)


def flux_points(folder: Path, seed: int, fraction: float) -> None:
    """Put the table of Mrk 421 that agnpy's documentation fits there."""
    del seed, fraction
    _copy("mrk421", folder)


def _copy(name: str, folder: Path) -> None:
    try:
        source = resolve(f"data:{name}")
    except XSurveyError as error:
        raise CannotRun(f"no data set {name} (xsurvey data install {name})") from error
    for path in source.iterdir() if source.is_dir() else [source]:
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
