"""Fixtures that all rooms share: simulated event files, and the places of real data."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from xsurvey.events import EventList
from xsurvey.missions import open_events
from xsurvey.simulate.observation import simulate_observation
from xsurvey.simulate.parameters import SimulationParameters
from xsurvey.simulate.write import write_simulation

# the same examples every time: what fails here fails everywhere
settings.register_profile("repeatable", derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

ROOT = Path(__file__).resolve().parents[1]


def _shared() -> Path:
    return Path(os.environ.get("XSURVEY_SHARED", ROOT.parent / "shared")) / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data; tests that need it skip where it is absent."""
    if not _shared().is_dir():
        pytest.skip("no shared/data beside the checkout (set XSURVEY_SHARED)")
    return _shared()


def simulate(path: Path, seed: int = 1, **settings: object) -> Path:
    """Write a simulated event file."""
    write_simulation(path, simulate_observation(SimulationParameters(**settings), seed))
    return path


@pytest.fixture(scope="session")
def make_events(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that simulates an event file into a folder of its own."""

    def make(seed: int = 1, **settings: object) -> Path:
        return simulate(tmp_path_factory.mktemp("events") / "events.fits", seed, **settings)

    return make


@pytest.fixture(scope="session")
def event_file(make_events: Callable[..., Path]) -> Path:
    """A short observation with two bright sources, one of them soft-edged off axis."""
    return make_events(
        seed=5, exposure="20ks", background_rate=0.2,
        source=("150.05,2.22,300", "149.95,2.15,80"),
    )  # fmt: skip


@pytest.fixture
def events(event_file: Path) -> EventList:
    """The events of `event_file`."""
    return open_events(event_file)


@pytest.fixture(scope="session")
def run_command() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs the command line in a process of its own."""

    def run(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", "from xsurvey.cli.main import main; main()",
             *(str(a) for a in arguments)],
            capture_output=True, text=True, cwd=cwd, timeout=300, check=False,
        )  # fmt: skip

    return run
