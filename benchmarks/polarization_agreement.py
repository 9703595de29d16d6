"""`polarization pcube --estimator pcube` beside ixpeobssim's cubes, on events that it simulates.

A polarized point source and a polarized disk, both over an instrumental background, seen by the
three units; also with weights overwritten by random ones of .1 to 1.5, since those of the simulator
are all 1; with acceptance correction and without.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from benchmarks.command import benchmark
from benchmarks.compare.environments import PROGRAMS
from xsurvey.missions import open_events
from xsurvey.missions.ixpe_responses import package_folder
from xsurvey.polarization.measure import measure_polarization
from xsurvey.polarization.parameters import PolarizationParameters

IRF = "ixpe:obssim20230101:v13"
EBINS = "2,4,6,8"
EXPOSURE = 60_000.0
LINE = 1e-5
_PEER = PROGRAMS / "ixpeobssim_cubes.py"
_MODEL = """
from ixpeobssim.srcmodel.bkg import xPowerLawInstrumentalBkg
from ixpeobssim.srcmodel.polarization import constant
from ixpeobssim.srcmodel.roi import xPointSource, xROIModel, xUniformDisk
from ixpeobssim.srcmodel.spectrum import power_law

spectrum, degree, angle = power_law(0.02, 2.0), constant(0.2), constant(0.6)
SOURCE = {source}
ROI_MODEL = xROIModel(150.0, 2.2, SOURCE, xPowerLawInstrumentalBkg())
"""
SOURCES = {
    "point": 'xPointSource("point", 150.0, 2.2, spectrum, degree, angle)',
    "disk": 'xUniformDisk("disk", 150.0, 2.2, 0.05, spectrum, degree, angle)',
}
_OURS = {
    "I": "i", "Q": "q", "U": "u", "I_ERR": "i_err", "Q_ERR": "q_err",
    "U_ERR": "u_err", "PD": "pd", "PD_ERR": "pd_err", "PA": "pa_deg", "PA_ERR": "pa_err_deg",
    "MDP_99": "mdp99", "MU": "modulation", "SIGNIF": "significance",
}  # fmt: skip


def run(seed: int, fraction: float) -> dict[str, Any]:
    """Measure the largest relative differences; those of Q and U to the polarized flux."""
    result: dict[str, Any] = {"line": LINE, "ebins": EBINS, "responses": IRF}
    for number, (name, source) in enumerate(SOURCES.items()):
        with tempfile.TemporaryDirectory() as folder:
            paths = simulate(Path(folder), source, EXPOSURE * fraction, seed + number)
            record: dict[str, Any] = {}
            for weights in ("ones", "random"):
                if weights == "random":
                    overwrite_weights(paths, seed + number)
                record[weights] = compare(paths, Path(folder))
            result[name] = record
    result["largest"] = max(
        value for name in SOURCES for record in result[name].values()
        for cell in record.values() for key, value in cell.items() if key != "counts"
    )  # fmt: skip
    return result


def simulate(folder: Path, source: str, exposure: float, seed: int) -> list[Path]:
    """Return event files of the three units, by ixpeobssim in a process of its own."""
    model = folder / "source.py"
    model.write_text(_MODEL.format(source=source))
    program = package_folder("run `pip install ixpeobssim` (GPL-3)") / "bin" / "xpobssim.py"
    _peer(
        [str(program), "--configfile", str(model), "--outfile", str(folder / "events"),
         "--irfname", IRF, "--duration", repr(exposure), "--seed", str(seed)], folder,
    )  # fmt: skip
    return [folder / f"events_du{unit}.fits" for unit in (1, 2, 3)]


def overwrite_weights(paths: list[Path], seed: int) -> None:
    """Give the events random weights."""
    for path in paths:
        seed += 1000
        with fits.open(path, mode="update") as hdus:
            table = hdus["EVENTS"].data
            table["W_MOM"] = np.random.default_rng(seed).uniform(0.1, 1.5, len(table))


def compare(paths: list[Path], folder: Path) -> dict[str, dict[str, float]]:
    """Return relative differences by name, for weighted or not, acceptance corrected or not."""
    out = _peer([str(_PEER), IRF, EBINS, *map(str, paths)], folder)
    (line,) = [x for x in out.splitlines() if x.startswith("RESULT")]
    cubes = json.loads(line.removeprefix("RESULT"))
    found = {}
    for weighted in (False, True):
        for acceptance in (False, True):
            parameters = PolarizationParameters(
                ebins=EBINS, estimator="pcube", weighted=weighted, irf=IRF,
                acceptance_correction=acceptance,
            )  # fmt: skip
            bins = measure_polarization(open_events(paths), parameters).bins
            theirs = {k: np.array(v) for k, v in cubes[f"{weighted},{acceptance}"].items()}
            cell = {"counts": float(bins.counts.sum())}
            for name, ours in _OURS.items():
                # a component of Stokes parameters may be next to nothing in the frame of the sky:
                # both are compared with the polarized flux
                size = np.hypot(theirs["Q"], theirs["U"]) if name in "QU" else theirs[name]
                away = np.abs(getattr(bins, ours) - theirs[name]) / np.abs(size)
                cell[ours] = float(away.max())
            label = f"{'weighted' if weighted else 'unweighted'}, " + (
                "acceptance corrected" if acceptance else "not corrected"
            )
            found[label] = cell
    return found


def _peer(arguments: list[str], folder: Path) -> str:
    """Run a program of the peer, whose home is a temporary folder."""
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, cwd=folder,
        env={**os.environ, "HOME": str(folder), "MPLBACKEND": "Agg"},
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return done.stdout


if __name__ == "__main__":
    benchmark(run, seed=20261305, libraries=("ixpeobssim",))
