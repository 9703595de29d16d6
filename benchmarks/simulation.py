"""How fast events are simulated and written, on one core.

10 million events each: a Chandra pointing with 1000 sources and backgrounds, and the survey field
of `benchmarks.survey_field` under brighter particles, which make up the number. Through effective
areas and response matrices made here, so that the figures need no calibration files.
"""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.command import benchmark
from benchmarks.survey_field import SETTINGS
from xsurvey.io.ogip.types import AncillaryResponse
from xsurvey.io.ogip.write_responses import write_arf
from xsurvey.simulate.observation import simulate_observation
from xsurvey.simulate.parameters import SimulationParameters
from xsurvey.simulate.write import write_simulation

EVENTS = 10_000_000
SOURCE_EVENTS = 2_000_000
_FIELD = 8.9e4  # s: events of the survey field by counts/s on each module


def run(seed: int, fraction: float) -> dict[str, Any]:
    """Time the simulation of a pointing and of a survey field, files included."""
    wanted = EVENTS * fraction
    with tempfile.TemporaryDirectory() as folder:
        area = Path(folder) / "area.arf"
        _write_area(area)
        pointing = _timed(_pointing(wanted, fraction), seed, Path(folder), area)
        survey = _timed(_survey(wanted), seed, Path(folder), None)
    return {
        "pointing": pointing,
        "survey": survey,
        "peak_memory_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }


def _pointing(wanted: float, fraction: float) -> dict[str, Any]:
    return {
        "mission": "chandra", "exposure": "100ks", "model": "tbabs*powerlaw",
        "set": ("tbabs.nH=0.03", "powerlaw.PhoIndex=1.7"), "random_sources": 1000,
        "random_counts": SOURCE_EVENTS / 1000 * fraction, "diffuse": "powerlaw",
        "diffuse_set": ("powerlaw.PhoIndex=1.4", f"powerlaw.norm={1.1e-4 * fraction}"),
        "background_rate": (wanted - SOURCE_EVENTS * fraction) / 4e5 * 0.75,
    }  # fmt: skip


def _survey(wanted: float) -> dict[str, Any]:
    norm = wanted / _FIELD / (8.0 - 0.2)
    return SETTINGS | {"particle_set": ("powerlaw.PhoIndex=0", f"powerlaw.norm={norm}")}


def _timed(settings: dict[str, Any], seed: int, folder: Path, arf: Path | None) -> dict[str, Any]:
    parameters = SimulationParameters(**settings)
    start, at_work = time.perf_counter(), time.process_time()
    observation = simulate_observation(parameters, seed, arf)
    simulated = time.perf_counter()
    write_simulation(folder / "events.fits", observation)
    written = time.perf_counter()
    events = len(observation.events["time"])
    sources = int(observation.truth["counts_recorded"].sum())
    return {
        "events": events,
        "sources": len(observation.truth),
        "events_of_sources": sources,
        "seconds": written - start,
        "seconds_of_writing": written - simulated,
        "processor_seconds": time.process_time() - at_work,
        "events_per_second": events / (written - start),
        "seconds_for_10_million": EVENTS * (written - start) / events,
    }


def _write_area(path: Path) -> None:
    """Write a smooth area of a few hundred cm2, as that of a CCD behind a mirror."""
    edges = np.arange(0.3, 11.0, 0.01)
    middle = (edges[1:] + edges[:-1]) / 2
    area = 600 * np.exp(-0.5 * (np.log(middle / 1.6) / 0.7) ** 2)
    write_arf(path, AncillaryResponse(path, edges[:-1], edges[1:], area))


if __name__ == "__main__":
    benchmark(run, seed=20261125)
