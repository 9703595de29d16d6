"""Speed of fits of spectra: evaluations of the statistic, sampling, and reference fits.

`tbabs*apec` with kT, abundance, column density and norm free, cstat, on official responses: a rate
counts folding and statistic too. With ``--peer PYTHON``, an interpreter that has Sherpa linked to
the same model library, or ``--peer venv``, that of ``make compare``, the same is done there, in
turns, so that a busy machine is so for both.
"""

import json
import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.command import benchmark, trials
from benchmarks.compare.environments import PROGRAMS, peer_python, peer_variables
from xsurvey.inference.ensemble import sample_ensembles
from xsurvey.inference.mcmc_parameters import MCMCParameters
from xsurvey.io.ogip.arf import read_arf
from xsurvey.io.ogip.rmf import read_rmf
from xsurvey.io.ogip.types import PhaSpectrum
from xsurvey.pipelines.spectra.reading import SpectrumFiles, datasets_of, read_spectra
from xsurvey.spectra.assembly import assemble
from xsurvey.spectra.dataset import make_dataset
from xsurvey.spectra.fit import fit_spectra
from xsurvey.spectra.fit_parameters import SpectrumFitParameters
from xsurvey.spectra.likelihood import Member, SpectralLikelihood
from xsurvey.spectra.models.atomdb import find_atomdb
from xsurvey.spectra.models.evaluator import ModelEvaluator
from xsurvey.spectra.models.expression import parse_expression
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.spectra.response import build_response
from xsurvey.units import EnergyBand

MODEL = "tbabs*apec"
NAMES = ("tbabs.nH", "apec.kT", "apec.Abundanc", "apec.norm")
TRUTH = (0.1, 2.0, 0.5, 1e-3)
RANGES = ((0.01, 1.0), (0.5, 8.0), (0.1, 1.0), (5e-4, 2e-3))
EXPOSURE = 1e4
BANDS = {"erosita": (0.3, 8.0), "chandra": (0.5, 7.0)}
BATCH = 100
ROUNDS = 10  # in turns with the peer
WALKERS, STEPS = 32, 1000
LINES = {
    "batch_a_second": {"erosita": 10_000},
    "single_a_second": {"erosita": 2_000, "chandra": 8_000},
    "walkers_32_x_1000_s": 5.0,
    "over_sherpa": 100,
}
REFERENCE = {
    "chi2 data grouped": ({"stat": "chi2", "subtract": True, "group": "file"}, "chi2datavar"),
    "wstat grouped": ({"stat": "wstat", "group": "file"}, "wstat"),
    "cstat": ({"stat": "cstat"}, "cstat"),
    "wstat": ({"stat": "wstat"}, "wstat"),
}


class Problem(NamedTuple):
    """A simulated spectrum on a response, and its likelihood with tables and with the library."""

    rmf: Path
    arf: Path
    counts: np.ndarray  # in all channels
    band: tuple[float, float]
    tables: SpectralLikelihood
    library: SpectralLikelihood


class Peer:
    """A process of Sherpa's Python that answers requests."""

    def __init__(self, python: str) -> None:
        self._process = subprocess.Popen(
            [str(peer_python("sherpa", python)), str(PROGRAMS / "sherpa_statistics.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
            env={**os.environ, **peer_variables("sherpa", python)},
        )  # fmt: skip

    def __call__(self, do: str, **request: Any) -> dict[str, Any]:
        """Return the answer to a request."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **request}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f"the peer ended with {self._process.wait()} at '{do}'")
        return dict(json.loads(answer))

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def run(
    seed: int, fraction: float, responses: str | None = None, chandra: str | None = None,
    peer: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Measure evaluations a second, the time of chains and of fits, beside Sherpa's."""
    folders = {
        "erosita": responses or os.environ.get("XSURVEY_EROSITA_RESPONSES"),
        "chandra": chandra or os.environ.get("XSURVEY_3C273"),
    }
    other = Peer(peer) if peer else None
    result: dict[str, Any] = {"model": MODEL, "free": list(NAMES), "lines": LINES}
    for name, folder in folders.items():
        if folder is None or not Path(folder).is_dir():
            option = "--responses" if name == "erosita" else "--chandra"
            result[name] = {"skipped": f"no folder of responses ({option})"}
            continue
        problem = make_problem(Path(folder), BANDS[name], seed)
        result[name] = rates(problem, seed, fraction, other)
        if name == "chandra" and (Path(folder) / "3c273.pi").exists():
            result["reference_fits"] = reference_fits(Path(folder) / "3c273.pi", fraction, other)
    if other is not None:
        other.close()
    return result


def make_problem(folder: Path, band: tuple[float, float], seed: int) -> Problem:
    """Simulate a spectrum on the one RMF and the one ARF of a folder."""
    rmf, arf = (next(p for p in sorted(folder.iterdir()) if kind in p.name.lower())
                for kind in ("rmf", "arf"))  # fmt: skip
    response = build_response(read_rmf(rmf), read_arf(arf))
    channels = response.redistribution.channels
    n = len(channels)
    empty = PhaSpectrum(
        path=rmf, channels=channels, first_channel=int(channels[0]),
        detector_channels=n, counts=np.zeros(n), exposure=EXPOSURE, backscal=np.ones(n),
        areascal=np.ones(n),
    )  # fmt: skip
    expression = parse_expression(MODEL)
    whole = ModelEvaluator(expression, response.edges, backend="library")
    row = np.array([p.definition.default for p in expression.parameters])
    row[[expression.find(name) for name in NAMES]] = TRUTH
    expected = EXPOSURE * (response.matrix.T @ whole(row))
    counts = np.random.default_rng(seed).poisson(expected).astype(float)
    dataset = make_dataset(replace(empty, counts=counts), response, bands=[EnergyBand(*band)])
    parameters = SpectrumFitParameters(model=MODEL, thaw=("apec.Abundanc",))
    tables = assemble(expression, ModelSettings(), [dataset], parameters).likelihood
    slow = ModelEvaluator(expression, dataset.folding.edges, backend="library")
    member: Member = replace(tables.members[0], model=slow)
    return Problem(rmf, arf, counts, band, tables,
                   SpectralLikelihood([member], tables.parameters))  # fmt: skip


def rates(problem: Problem, seed: int, fraction: float, peer: Peer | None) -> dict[str, Any]:
    """Return evaluations a second by the process' own time: the median of some rounds.

    Not the best of them: parameters differ from round to round, and the library's time with them.
    """
    generator = np.random.default_rng(seed)
    tables, library = problem.tables, problem.library
    repeats, number = trials(20, fraction), max(trials(20, fraction), 4)
    record: dict[str, Any] = {
        "energies": len(tables.members[0].dataset.folding.edges) - 1, "bins": tables.bins,
    }  # fmt: skip
    if peer is not None:
        record["sherpa"] = _load(peer, problem)
    for likelihood in (tables, library):
        likelihood.statistic(np.array([TRUTH]))  # what is done once
    times: dict[str, list[float]] = {"batch": [], "single": [], "library_single": []}
    others: list[float] = []
    unlike: list[float] = []
    for _ in range(trials(ROUNDS, fraction)):
        # new parameters each time: the library's side and Sherpa remember results
        rows = np.array([generator.uniform(*ends, BATCH) for ends in RANGES]).T
        few = rows[:number]
        times["batch"].append(_each(tables, [rows] * repeats)[0])
        times["single"].append(_each(tables, list(rows[:, None]))[0])
        seconds, found = _each(library, list(few[:, None]))
        times["library_single"].append(seconds)
        unlike.append(float(np.abs(found - tables.statistic(few)).max()))
        if peer is not None:
            answer = peer("evaluate", rows=few.tolist())
            others.append(answer["cpu"] / number)
            theirs = np.abs(np.array(answer["statistics"]) - tables.statistic(few)).max()
            record["sherpa"]["largest_difference"] = max(
                float(theirs), record["sherpa"].get("largest_difference", 0.0)
            )
    record["largest_difference_from_library"] = max(unlike)
    for name, taken in times.items():
        record[f"{name}_a_second"] = 1 / float(np.median(taken))
    if peer is not None:
        record["sherpa"]["a_second"] = 1 / float(np.median(others))
        for name in ("batch", "single"):
            record[f"{name}_over_sherpa"] = float(np.median(others) / np.median(times[name]))
    record["chain"] = chain(tables, seed, fraction)
    return record


def _each(likelihood: SpectralLikelihood, batches: list[np.ndarray]) -> tuple[float, np.ndarray]:
    """Return the process' own time of one evaluation of those in batches, s, and the statistics."""
    start = time.process_time()
    found = [likelihood.statistic(batch) for batch in batches]
    seconds = time.process_time() - start
    return seconds / sum(map(len, batches)), np.concatenate(found)


def _load(peer: Peer, problem: Problem) -> dict[str, Any]:
    return peer(
        "load", rmf=str(problem.rmf), arf=str(problem.arf), counts=problem.counts.tolist(),
        exposure=EXPOSURE, band=list(problem.band), atomdb=str(find_atomdb(ModelSettings())),
    )  # fmt: skip


def chain(likelihood: SpectralLikelihood, seed: int, fraction: float) -> dict[str, Any]:
    """Return the time of a chain of 32 walkers and 1000 steps, its diagnostics included."""
    steps = max(10, trials(STEPS, fraction))
    parameters = MCMCParameters(
        ensembles=4, walkers=WALKERS // 4, min_steps=steps, max_steps=steps, check_every=steps
    )
    start = np.array(TRUTH)
    wall, cpu = time.perf_counter(), time.process_time()
    sample_ensembles(likelihood.log_probability, start, 0.05 * start, NAMES, parameters, seed)
    return {
        "walkers": WALKERS, "steps": steps, "wall_s": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
    }  # fmt: skip


def reference_fits(pha: Path, fraction: float, peer: Peer | None) -> dict[str, Any]:
    """Return values and times of fits of phabs * powerlaw to 3C 273, without intervals."""
    rounds = trials(3, fraction)
    result: dict[str, Any] = {}
    for name, (settings, theirs) in REFERENCE.items():
        parameters = SpectrumFitParameters(model="phabs*powerlaw", energy=("0.5-7",), **settings)
        times, others = [], []
        record: dict[str, Any] = {}
        for _ in range(rounds):
            datasets = datasets_of(read_spectra(SpectrumFiles([pha]), parameters), parameters,
                                   whole_range=False)  # fmt: skip
            start = time.process_time()
            made = assemble(
                parse_expression(parameters.model), ModelSettings(), datasets, parameters
            )
            fit = fit_spectra(made.likelihood, intervals=False)
            times.append(time.process_time() - start)
            record["statistic"] = fit.statistic
            if peer is not None:
                answer = peer("fit", pha=str(pha), stat=theirs, grouped="grouped" in name)
                others.append(answer["cpu"])
                record["sherpa_statistic"] = answer["statistic"]
        record["cpu_s"] = min(times)
        if others:
            record["sherpa_cpu_s"] = min(others)
        result[name] = record
    return result


if __name__ == "__main__":
    benchmark(
        run, seed=20261125, libraries=("emcee", "xspectrampoline"),
        options={
            "responses": "folder of eROSITA's RMF and ARF ($XSURVEY_EROSITA_RESPONSES)",
            "chandra": "folder of Sherpa's 3c273 files ($XSURVEY_3C273)",
            "peer": "Python interpreter with Sherpa, or venv: that of make compare",
        },
    )  # fmt: skip
