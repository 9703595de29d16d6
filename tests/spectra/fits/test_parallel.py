"""Many fits at once, in processes and in threads: the numbers of one after the other."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from distributed import Client, LocalCluster

from xsurvey.io.ogip.write_pha import write_pha
from xsurvey.pipelines.spectra.fit_files import fit_spectrum_files
from xsurvey.pipelines.spectra.reading import SpectrumFiles
from xsurvey.spectra.fit_parameters import FluxParameters, SpectrumFitParameters
from xsurvey.spectra.models.evaluator import ModelEvaluator
from xsurvey.spectra.models.expression import parse_expression
from xsurvey.spectra.models.settings import ModelSettings

from .conftest import drawn

Files = Callable[..., Path]


def fit_one(path: Path, model: str, abund: str) -> dict[str, object]:
    """Fit a file as the command does; what tasks on workers do."""
    result = fit_spectrum_files(
        SpectrumFiles([path]), SpectrumFitParameters(model=model, intervals=False, starts=2),
        ModelSettings(abund=abund), FluxParameters(),
    )  # fmt: skip
    return {key: result.summary[key] for key in ("statistic", "parameters", "flux")}


def tasks_of(folder: Path, files: Files, number: int) -> list[tuple[Path, str, str]]:
    """Spectra of their own; models and abundance tables, which are global in the library, mixed."""
    files()
    tasks = []
    for seed in range(number):
        path = folder / f"{seed}.pha"
        write_pha(path, drawn(
            "powerlaw", (1.2 + 0.2 * (seed % 6), 0.003), seed, response_file="made.rmf",
            ancillary_file="made.arf",
        ))  # fmt: skip
        model = ("phabs*powerlaw", "tbabs*bbody", "bremss")[seed % 3]
        tasks.append((path, model, ("angr", "wilm")[seed % 2]))
    return tasks


@pytest.mark.slow
def test_processes(tmp_path: Path, files: Files) -> None:
    tasks = tasks_of(tmp_path, files, 12)
    serial = [fit_one(*task) for task in tasks]
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None,
            host="127.0.0.1",
        ) as cluster,
        Client(cluster) as client,
    ):  # fmt: skip
        parallel = client.gather([client.submit(fit_one, *task, pure=False) for task in tasks])
    assert parallel == serial


def test_threads() -> None:
    """The library is global: threads with other settings must not see each other's."""
    edges = np.geomspace(0.3, 10, 80)
    jobs = [
        (text, abund, nh)
        for nh in np.linspace(0.1, 2, 40)
        for text in ("tbvarabs*bbody", "phabs*bremss")
        for abund in ("angr", "wilm")
    ]

    def evaluate(job: tuple[str, str, float]) -> np.ndarray:
        text, abund, nh = job
        expression = parse_expression(text)
        model = ModelEvaluator(expression, edges, ModelSettings(abund=abund), backend="library")
        row = np.array([p.definition.default for p in expression.parameters])
        row[0] = nh
        return model(row)

    serial = [evaluate(job) for job in jobs]
    with ThreadPoolExecutor(2) as pool:
        threaded = list(pool.map(evaluate, jobs))
    assert all((a == b).all() for a, b in zip(serial, threaded, strict=True))
    assert not np.allclose(serial[0], serial[1])  # abundances do matter
