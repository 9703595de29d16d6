"""Tables of a toy source, configs of toy models of it, and one finished run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table

from xsurvey.errors import ParameterError
from xsurvey.inference.priors import Uniform
from xsurvey.sed.tables.writing import write_sed

from ...conftest import made_once
from ...sed.toy_model import PolarizedHumps, drawn

CONFIG = """\
schema: 1
pipeline: blazar
output: out
seed: 1
sources:
  places:
    toy: {{position: "150.0,2.2", fluxes: [sed.ecsv], polarization: [light.ecsv], redshift: 0.1}}
models:
  compared:
{models}
mcmc: {{max_steps: 300, min_steps: 200, walkers: 12, check_every: 50}}
nested: {{live_points: 50, evidence_tolerance: 0.5}}
predictions: {{draws: 40, points_per_decade: 3, kept_samples: 500}}
{more}"""
FROZEN = "freeze: [log10_peak=16.8, curvature=0.16, log10_shift=8.7, field_inclination=60, {more}]"
RIGHT = (
    f"    right: {{{FROZEN.format(more='depolarization=0.2')}, prior: 'log10_ratio=uniform:-1,1'}}"
)
WRONG = (
    "    wrong: {electrons: log-parabola, "
    + FROZEN.format(more="depolarization=0.2, log10_ratio=0")
    + "}"
)
FAILING = "    failing: {electrons: power-law}"


class WithPriors(PolarizedHumps):
    """The double with priors that are flat between its limits."""

    parameters = tuple(
        replace(p, prior=Uniform(p.minimum, p.maximum)) for p in PolarizedHumps.parameters
    )


def toy_model(name: str, *, electrons: str, redshift: float, **_: Any) -> PolarizedHumps:
    """Stand for the registry of models: electrons choose the double, or fail."""
    if electrons == "power-law":
        raise ParameterError("electrons", "are too few of them", "take others")
    return WithPriors()


@contextmanager
def toy_models() -> Iterator[None]:
    """Fit doubles, and draw figures with few pixels."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xsurvey.pipelines.sed.fit_files.radiative_model", toy_model)
        patch.setattr("xsurvey.pipelines.blazar.figures_stage.PAPER_DPI", 40)
        patch.setattr("xsurvey.pipelines.blazar.spectrum_stage.PAPER_DPI", 40)
        yield


@pytest.fixture(autouse=True)
def _toy_models() -> Iterator[None]:
    with toy_models():
        yield


def write_tables(folder: Path) -> None:
    """Write points of the double, and its polarization: 14 % at 30 degrees."""
    write_sed(folder / "sed.ecsv", drawn(points=24))
    q, u = 0.14 * np.cos(np.radians(60)), 0.14 * np.sin(np.radians(60))
    light = Table({
        "frequency": [5e14, 1e18], "q": [q, q / 2], "u": [u, u / 2], "q_err": [0.01, 0.03],
        "u_err": [0.01, 0.03], "instrument": ["Optical", "X-rays"],
    })  # fmt: skip
    light["frequency"].unit = "Hz"
    light.write(folder / "light.ecsv", overwrite=True)


def write_config(folder: Path, models: str = f"{RIGHT}\n{WRONG}", more: str = "") -> Path:
    path = folder / "config.yaml"
    path.write_text(CONFIG.format(models=models, more=more))
    return path


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, run_command: Callable[..., Any]) -> Path:
    """The output of a run of three models, of which one fails."""

    def make(folder: Path) -> None:
        write_tables(folder)
        write_config(folder, f"{RIGHT}\n{WRONG}\n{FAILING}")
        with toy_models():
            done = run_command("run", "config.yaml", "--workers", 0, cwd=folder)
        assert done.returncode == 3, done.stderr

    return made_once(tmp_path_factory, "blazar_run", make) / "out"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with tables."""
    write_tables(tmp_path)
    return tmp_path
