"""Throughput of a survey: photometry of 10 000 sources, sampled spectra of the brightest 1000.

A field of 7 x 7 deg, 2.2 ks deep as that of eROSITA's final equatorial depth survey (Brunner et al.
2022, A&A 661, A1), is simulated as in `benchmarks.survey_field` and goes through `xsurvey run` with
two workers: search in tiles, photometry, variability, files of every source, and spectra with
two models, profile intervals, goodness and a posterior of the brightest tenth.

What is measured is the run's: the processor's time of all its processes, which of its stages take
it, what the process that plans, schedules and publishes takes of it, and the memory of each.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from astropy.table import Table

from benchmarks.command import benchmark, trials
from benchmarks.survey_field import survey_field
from benchmarks.survey_search import COMMAND, compared

SIDE = 7.0  # deg
SCAN_DISTANCE = 0.9  # arcmin: a place in the middle is in the field for 2.2 ks
FIELD_OF_VIEW = 62.0  # arcmin, by which scans reach beyond the field
LIMIT = 4e-15  # erg/s/cm2 at 0.5-2 keV, of 9 expected counts: few below are found
SPECTRA = 1000
IN_BAND = 0.98  # net counts in the first measured band of one expected at 0.2-8 keV
CONFIG = """schema: 1
pipeline: sources
inputs: [field.fits]
output: out
seed: 1
detection: {{threshold: 10}}
spectra: {{sources: true, min_counts: {min_counts:.1f}}}
spectral_fits: {{mcmc_counts: 0}}
"""
_SAMPLE_SECONDS = 0.5


def run(seed: int, fraction: float, workers: str | None = None) -> dict[str, Any]:
    """Simulate a fraction of the field, run the pipeline on it, and tell what it took."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        started = time.process_time()
        make_field(folder / "field.fits", seed, fraction)
        simulated = time.process_time() - started
        truth = Table.read(folder / "field_truth.fits")
        least = faintest(np.asarray(truth["counts_expected"], float), trials(SPECTRA, fraction))
        (folder / "run.yaml").write_text(CONFIG.format(min_counts=least))
        used = run_watched(folder, int(workers or 2))
        sources = Table.read(folder / "out" / "catalog" / "sources.fits")
        record = json.loads((folder / "out" / "run.json").read_text())
        fits = [
            entry for path in sorted((folder / "out" / "spectra").glob("*/fits.json"))
            for entry in json.loads(path.read_text())["fits"]
        ]  # fmt: skip
    hours = used.cpu / 3600
    return {
        "sources": len(sources), "spectra": spectra_by_method(fits), "min_counts": round(least, 1),
        "simulation_cpu_seconds": round(simulated, 1), "wall_seconds": round(used.wall, 1),
        "cpu_seconds": round(used.cpu, 1), "load": round(os.getloadavg()[0], 1),
        "sources_a_core_hour": round(len(sources) / hours),
        "stages": stage_table(record, used.cpu),
        "client_cpu_seconds": round(used.client_cpu, 1),
        "peak_memory_mb": {
            "client": round(used.client_memory / 1e6),
            "others": [round(peak / 1e6) for peak in sorted(used.memory.values(), reverse=True)],
        },
        **compared(sources, truth),
    }  # fmt: skip


def make_field(path: Path, seed: int, fraction: float) -> None:
    """Simulate a field of a fraction of the area, as deep as the whole."""
    side = SIDE * float(np.sqrt(fraction))
    survey_field(
        path, seed, field_size=f"{side:.4f}deg", scan_distance=f"{SCAN_DISTANCE}arcmin",
        scans=round((60 * side + FIELD_OF_VIEW) / SCAN_DISTANCE) + 1, log_n_log_s=str(LIMIT),
    )  # fmt: skip


def faintest(expected: np.ndarray, number: int) -> float:
    """Return the net counts in the first measured band of the last of the brightest sources.

    Parameters
    ----------
    expected : ndarray, shape (n,)
        Counts of the true sources in the simulated band.
    number : int
        Of sources with spectra.
    """
    ordered = np.sort(expected)[::-1]
    return IN_BAND * float(ordered[min(number, len(ordered)) - 1])


@dataclass
class Used:
    """What a run took.

    Attributes
    ----------
    wall, cpu : float
        Seconds, of all processes.
    client_cpu : float
        Of the process that plans, schedules and publishes, as last seen.
    client_memory : int
        Largest resident memory of that process, bytes.
    memory : dict of int to int
        The same of its workers, and of what else it started, by number of the process.
    """

    wall: float = 0.0
    cpu: float = 0.0
    client_cpu: float = 0.0
    client_memory: int = 0
    memory: dict[int, int] = field(default_factory=dict)

    def look(self, client: psutil.Process) -> None:
        """Take note of what the processes have now."""
        with suppress(psutil.Error):
            times = client.cpu_times()
            self.client_cpu = times.user + times.system
            self.client_memory = max(self.client_memory, client.memory_info().rss)
            for child in client.children(recursive=True):
                with suppress(psutil.Error):
                    resident = child.memory_info().rss
                    self.memory[child.pid] = max(self.memory.get(child.pid, 0), resident)


def run_watched(folder: Path, workers: int) -> Used:
    """Run the pipeline in a folder that has its config; return what it took."""
    used, ended = Used(), threading.Event()
    started, before = time.perf_counter(), os.times()
    command = [sys.executable, "-c", COMMAND, "run", "run.yaml", "--workers", str(workers)]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL) as process:
        client = psutil.Process(process.pid)

        def watch() -> None:
            while not ended.wait(_SAMPLE_SECONDS):
                used.look(client)

        watcher = threading.Thread(target=watch)
        watcher.start()
        status = process.wait()
        ended.set()
        watcher.join()
    if status:
        raise SystemExit(f"the run ended with status {status}")
    after = os.times()
    used.wall = time.perf_counter() - started
    used.cpu = sum(
        getattr(after, name) - getattr(before, name)
        for name in ("children_user", "children_system")
    )
    return used


def stage_table(run: Mapping[str, Any], cpu: float) -> list[dict[str, Any]]:
    """Return what each stage took, the longest first, and its share of the whole run's time.

    Parameters
    ----------
    run : mapping
        ``run.json``.
    cpu : float
        Seconds of all processes together: what no stage has is the workers' start, planning,
        scheduling and publishing.
    """
    rows = [
        {
            "stage": stage, "tasks": taken["total"], "seconds": round(taken["seconds"], 1),
            "cpu_seconds": round(taken["cpu_seconds"], 1),
            "share": round(taken["cpu_seconds"] / cpu, 3),
            "peak_memory_mb": round((taken["peak_memory"] or 0) / 1e6),
        }
        for stage, taken in run["stages"].items()
    ]  # fmt: skip
    return sorted(rows, key=lambda row: -float(row["cpu_seconds"]))


def spectra_by_method(fits: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Return how many spectra have intervals of a posterior, of a profile, or no fit."""
    methods = [(entry.get("fit") or {}).get("method", "none") for entry in fits]
    return {method: methods.count(method) for method in sorted(set(methods))}


if __name__ == "__main__":
    benchmark(run, seed=20261127, options={"workers": "worker processes (2)"})
