"""Fixtures that all rooms share: simulated event files, and the places of real data."""

import fcntl
import gc
import importlib.util
import io
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, nullcontext, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from matplotlib.figure import Figure

from xsurvey.cli import main as cli
from xsurvey.events import EventList
from xsurvey.missions import open_events
from xsurvey.simulate.observation import simulate_observation
from xsurvey.simulate.parameters import SimulationParameters
from xsurvey.simulate.units import simulate_units, unit_paths
from xsurvey.simulate.write import write_simulation

# the same examples every time: what fails here fails everywhere
# and no time limit, which a busy machine would break
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

# a shell that runs the suite in the background has its programs ignore Ctrl-C, and so theirs
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parents[1]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Look for no garbage while tests are collected, of which there is little."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_configure(config: pytest.Config) -> None:
    """Have xdist take files in the order that follows, not those with many tests first."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files that are long first: no worker is left with one when others have no more.

    By name, so that those of a folder, which may all wait or all compute, are not neighbours.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda i: (0, i.path.name, str(i.path)) if i.path in slow else (1, "", ""))


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


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder with files that take seconds to make, for all processes of the tests."""
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    folder = root / f"once_{name}"
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            whole = folder.with_suffix(".part")
            shutil.rmtree(whole, ignore_errors=True)
            whole.mkdir()
            make(whole)
            whole.rename(folder)
    return folder


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


SCANNED = ("150.0,2.2,400", "150.1,2.3,200")
"""Sources of `survey_tile` and `survey_pointing`."""


@pytest.fixture(scope="session")
def survey_tile(make_events: Callable[..., Path]) -> Path:
    """A small sky tile of eight eROSITA scans with two sources."""
    return make_events(
        seed=4, mission="erosita", scans=8, field_size="30arcmin", energy="0.2-5",
        background_rate=1, source=SCANNED,
    )  # fmt: skip


@pytest.fixture(scope="session")
def survey_pointing(make_events: Callable[..., Path]) -> Path:
    """The same sources in an eROSITA pointing."""
    return make_events(
        seed=4, mission="erosita", exposure="2ks", energy="0.2-5", background_rate=0.3,
        source=SCANNED,
    )  # fmt: skip


@pytest.fixture(scope="session")
def ixpe_units(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Files of the three units of an IXPE pointing with one source of 500 counts."""
    if importlib.util.find_spec("ixpeobssim") is None:
        pytest.skip("ixpeobssim, which simulates IXPE, is not installed")
    parameters = SimulationParameters(
        mission="ixpe", exposure="2ks", pointing="150.0,2.2", energy="2-8", background_rate=0.05,
        source=("150.0,2.2,500",),
    )  # fmt: skip
    folder = made_once(
        tmp_path_factory, "ixpe", lambda f: simulate_units(f / "pulsar.fits", parameters, seed=2)
    )
    return unit_paths(folder / "pulsar.fits", parameters)


@contextmanager
def without_performance_report() -> Iterator[None]:
    """Let runs with workers here write no performance report, which takes half a second of each.

    `tests/engine/test_performance.py` is about it.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "xsurvey.engine.watching.performance.performance_report", lambda *_: nullcontext()
        )
        yield


@pytest.fixture
def no_rasters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let figures be made, but not turned into pixels, which takes a fifth of a run.

    What files of tests run once, in fixtures of a module or longer, is whole: it comes before.
    """
    buffer = io.BytesIO()
    Figure().savefig(buffer, format="png", dpi=1)

    def save(figure: Figure, to: Any, **how: object) -> None:
        if hasattr(to, "write"):
            to.write(buffer.getvalue())
        else:
            Path(to).write_bytes(buffer.getvalue())

    monkeypatch.setattr(Figure, "savefig", save)


@pytest.fixture(scope="session")
def run_command() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs the command line: here, which saves the imports.

    What workers write themselves on standard error is not in the result.
    """

    def run(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        given = [str(a) for a in arguments]
        out, error = io.StringIO(), io.StringIO()
        root, logger = logging.getLogger(), logging.getLogger("xsurvey")
        handler, level = logging.StreamHandler(error), logger.level
        handler.setFormatter(logging.Formatter("xsurvey: %(levelname)s: %(message)s"))
        root.addHandler(handler)
        status = 0
        try:
            with redirect_stdout(out), redirect_stderr(error), chdir(cwd or Path.cwd()):
                cli.main(given)
        except SystemExit as ended:
            status = int(ended.code or 0)
        finally:
            root.removeHandler(handler)
            logger.setLevel(level)
        return subprocess.CompletedProcess(given, status, out.getvalue(), error.getvalue())

    return run


@pytest.fixture(scope="session")
def run_process() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs the command line in a process of its own."""

    def run(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", "from xsurvey.cli.main import main; main()",
             *(str(a) for a in arguments)],
            capture_output=True, text=True, cwd=cwd, timeout=300, check=False,
        )  # fmt: skip

    return run


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs a command here and gives status, output and error text."""

    def run(*arguments: object) -> tuple[int, str, str]:
        logger = logging.getLogger("xsurvey")
        level = logger.level  # -q and -v change it for the rest of the process
        try:
            with pytest.raises(SystemExit) as ended:
                cli.main([str(a) for a in arguments])
        finally:
            logger.setLevel(level)
        captured = capfd.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return run
