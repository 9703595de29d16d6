"""Spectra of a stack of two observations, step by step as its tasks do."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from xsurvey.config import Config, load_config
from xsurvey.detection.photometry import SourceFlag
from xsurvey.engine import Stage, Task, TaskContext
from xsurvey.engine.parts import PARTS_FILE, read_parts
from xsurvey.io.ogip.types import AncillaryResponse
from xsurvey.io.ogip.write_responses import write_arf, write_rmf
from xsurvey.missions import get_mission
from xsurvey.pipelines.observations import ObservationInput
from xsurvey.pipelines.sources import SOURCES
from xsurvey.pipelines.spectra.extraction_stage import run_spectra
from xsurvey.pipelines.spectra.fits_stage import run_spectral_fits
from xsurvey.pipelines.spectra.parts_stage import run_spectral_parts
from xsurvey.pipelines.spectra.plan import spectral_fit_task
from xsurvey.pipelines.spectra.results_stage import run_spectral_results
from xsurvey.spectra.extraction.gaussian_response import gaussian_matrix

INDEX = 1.9
MEASURING = Stage("photometry", "1", run_spectra, ("measured.json",))
BRIGHT, ONCE, FAINT = (150.05, 2.22), (150.0, 2.15), (150.02, 2.13)
NAMES = ("early", "late")
SECTIONS: dict[str, Any] = {
    "spectra": {
        "sources": True, "min_counts": 100, "area_includes": "all", "exclude_sources": False,
        "regions": {"blob": {"position": f"{BRIGHT[0]},{BRIGHT[1]}", "radius": "20arcsec",
                             "background_inner": "40arcsec", "background_outer": "90arcsec"}},
    },
    "spectral_fits": {"model": "powerlaw", "alternatives": ["bbody"], "goodness_trials": 4,
                      "energy": "0.5-7", "mcmc_counts": 500},
}  # fmt: skip


def source_row(place: tuple[float, float], **more: Any) -> dict[str, Any]:
    return {"ra": place[0], "dec": place[1], "psf_radius": 4.0, "flag": 0, **more}


MASTERS = [
    source_row(BRIGHT, net_counts_b=900.0), source_row(ONCE, net_counts_b=260.0),
    source_row(FAINT, net_counts_b=30.0), source_row((150.1, 2.3), net_counts_b=300.0),
]  # fmt: skip
MEASURED = {
    "target": "field", "rows": MASTERS, "bands": {"b": "0.5-7 keV"}, "hardness": {},
    "observations": [
        {"number": 1, "observation": "early", **source_row(BRIGHT)},
        {"number": 2, "observation": "early", **source_row(ONCE)},
        {"number": 3, "observation": "early", **source_row(FAINT)},
        {"number": 1, "observation": "late", **source_row(BRIGHT, psf_radius=6.0)},
        # in the other observation too bright
        {"number": 2, "observation": "late", **source_row(ONCE, flag=int(SourceFlag.PILED_UP))},
    ],
}  # fmt: skip


def make_files(make_events: Callable[..., Path], folder: Path) -> dict[str, Path]:
    """Return events of two observations of the same power laws, and responses that do nothing."""
    edges = np.linspace(0.3, 9, 300)
    low, high = edges[:-1], edges[1:]
    channels = get_mission("chandra").channels
    assert channels is not None
    write_arf(folder / "flat.arf", AncillaryResponse(Path(), low, high, np.full(len(low), 100.0)))
    write_rmf(folder / "sharp.rmf", gaussian_matrix(low, high, channels, np.full(len(low), 1e-3)))
    events = {
        name: make_events(
            seed=seed, exposure=exposure, background_rate=0.2, photon_index=INDEX, energy="0.5-7",
            source=(f"{BRIGHT[0]},{BRIGHT[1]},{counts}", f"{ONCE[0]},{ONCE[1]},300"),
        )
        for name, seed, exposure, counts in (("early", 5, "20ks", 700), ("late", 6, "10ks", 350))
    }  # fmt: skip
    return {**events, "arf": folder / "flat.arf", "rmf": folder / "sharp.rmf"}


def config_of(folder: Path, files: dict[str, Path], **sections: Any) -> Config:
    text = {
        "schema": 1, "pipeline": "sources", "inputs": [str(files["early"]), str(files["late"])],
        "output": "out", **SECTIONS, **sections,
    }  # fmt: skip
    path = folder / "config.yaml"
    path.write_text(json.dumps(text))
    return load_config(path, lambda name: SOURCES.sections)


def planned(config: Config, files: dict[str, Path], stack: str = "field") -> Task:
    """Return the task of the fits of both observations."""
    mission = get_mission("chandra")
    others = {"arf": files["arf"], "rmf": files["rmf"]}
    observations = [ObservationInput(name, (files[name],), others, mission) for name in NAMES]
    photometry = Task(MEASURING, stack)
    return spectral_fit_task(config, stack, observations, photometry.output("measured.json"), {})


def extracted(task: Task, folder: Path, measured: dict[str, Any]) -> dict[str, Path]:
    """Run the extractions that a task needs; return their folders by observation."""
    made = {}
    (folder / "measured.json").write_text(json.dumps(measured))
    for reference in task.inputs["spectra"]:
        own = reference.task
        inputs = {**own.inputs, "measured": folder / "measured.json"}
        place = folder / own.target.replace("/", "_")
        place.mkdir()
        run_spectra(TaskContext(own.target, inputs, own.parameters, place, 1))
        made[own.target.rpartition("/")[2]] = place / "spectra"
    return made


def fitted(task: Task, folders: list[Path], folder: Path, size: int = 100, **missing: str) -> Path:
    """Fit all spectra in parts of some size; return the folder of the fits and their list."""
    family = task.inputs["lines"].task
    divided, made = family.over.task, folder / "fits"
    made.mkdir(parents=True)
    run_spectral_parts(
        TaskContext(task.target, {"spectra": folders}, divided.parameters, folder, 1, missing)
    )
    names = [name for part in read_parts(folder / PARTS_FILE) for name in part]
    lines = []
    for number in range(0, len(names), size):
        own = folder / f"part{number}"
        own.mkdir()
        run_spectral_fits(TaskContext(
            task.target, {"spectra": folders}, family.parameters, own, 1, missing,
            tuple(names[number : number + size]),
        ))  # fmt: skip
        shutil.copytree(own / "fits", made, dirs_exist_ok=True)
        lines.append(own / "lines.json")
    inputs = {"spectra": folders, "lines": lines}
    run_spectral_results(TaskContext(task.target, inputs, task.parameters, made, 1, missing))
    return made


def bright_alone(stack: dict[str, Path], folder: Path) -> list[Path]:
    """Return copies of the extractions that hold the first source only."""
    made = []
    for name in NAMES:
        index = json.loads((stack[name] / "index.json").read_text())
        (entry,) = (e for e in index["spectra"] if e["name"] == "source_0001")
        copy = folder / name
        shutil.copytree(stack[name] / entry["folder"], copy / entry["folder"])
        (copy / "index.json").write_text(json.dumps({**index, "spectra": [entry]}))
        made.append(copy)
    return made


def entries(fits_folder: Path) -> dict[str, dict[str, Any]]:
    found = json.loads((fits_folder / "fits.json").read_text())["fits"]
    return {entry["name"]: entry for entry in found}


def fit_of(fits_folder: Path, name: str) -> dict[str, Any]:
    (path,) = fits_folder.rglob(f"{name}/fit.json")
    return json.loads(path.read_text())
