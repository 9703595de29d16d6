"""Two observations of a source by three units, and configs of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ...mission_files import write_ixpe
from ...polarization.conftest import needs_responses, polarized_columns

OBSERVATIONS = {"01": 0.0, "02": 0.4}
"""With how much their events are modulated."""
CONFIG = """\
schema: 1
pipeline: polarization
inputs: [{inputs}]
output: out
seed: 1
sources:
  places:
    pulsar: {{position: "150.0,2.2", radius: 60arcsec, background: "120arcsec,240arcsec"}}
{more}
"""
EVERY = '"obs??_du?.fits"'
POLARIZATION = 'polarization: {ebins: "2,4,8"}\n'

# the season of 3 months after launch, of which there are responses
MARCH_2022 = {"MJDREFI": 51544}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is in this folder where there are no responses."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(needs_responses)


@contextmanager
def coarse_figures() -> Iterator[None]:
    """Draw figures with few pixels, which takes a third of the time; tests/report looks at them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xsurvey.pipelines.polarization.figures_stage.PAPER_DPI", 40)
        yield


@pytest.fixture(autouse=True)
def _coarse_figures() -> Iterator[None]:
    with coarse_figures():
        yield


def write_units(folder: Path, obs: str, degree: float, seed: int) -> list[Path]:
    """Write the units of an observation, 600 events each, half of them of the source."""
    return [
        write_ixpe(
            folder / f"obs{obs}_du{unit}.fits", unit,
            polarized_columns(seed=seed + unit, degree=degree), OBS_ID=obs, **MARCH_2022,
        )
        for unit in (1, 2, 3)
    ]  # fmt: skip


def write_config(folder: Path, more: str = POLARIZATION, inputs: str = EVERY) -> Path:
    path = folder / "config.yaml"
    path.write_text(CONFIG.format(inputs=inputs, more=more))
    return path


@pytest.fixture(scope="session")
def observations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of both observations, and regions as in `CONFIG`."""
    folder = tmp_path_factory.mktemp("polarized")
    for number, (obs, degree) in enumerate(OBSERVATIONS.items()):
        write_units(folder, obs, degree, 10 * number)
    (folder / "source.reg").write_text('icrs\ncircle(150.0,2.2,60")\n')
    (folder / "background.reg").write_text('icrs\nannulus(150.0,2.2,120",240")\n')
    return folder


@pytest.fixture(scope="session")
def finished(observations: Path, run_command: Callable, tmp_path_factory: pytest.TempPathFactory):
    """The output folder of a run of both observations."""
    folder = tmp_path_factory.mktemp("run")
    more = POLARIZATION + "known_angle: {known_angle: 10}\n"
    write_config(folder, more, f'"{observations}/obs??_du?.fits"')
    with coarse_figures():
        done = run_command("run", "config.yaml", "--workers", 0, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "out"
