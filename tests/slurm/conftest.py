"""The Slurm of these tests: one for all of them, or a reason why there is none."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
# the pipeline of faults, for this process and for jobs
sys.path[:0] = [str(HERE), str(HERE.parent / "engine")]

from site_tools import Site  # noqa: E402
from start import missing_programs, private_slurm  # noqa: E402

REQUIRED = "XSURVEY_SLURM"
"""``required``: a missing Slurm is a failure, and the long tests run too; ``off``: none runs."""

LONG = f"takes minutes; {REQUIRED}=required runs it (make test-slurm)"


@pytest.fixture(scope="session", autouse=True)
def wanted() -> None:
    """Skip all where they run at another time."""
    if os.environ.get(REQUIRED) == "off":
        pytest.skip(f"{REQUIRED}=off")


@pytest.fixture(scope="session")
def long_test() -> None:
    """Skip tests that take minutes where the whole suite runs."""
    if os.environ.get(REQUIRED) != "required":
        pytest.skip(LONG)


@pytest.fixture(scope="session")
def slurm_site(wanted: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A Slurm of two nodes of two cores each on this machine."""
    absent = missing_programs()
    if absent and os.environ.get(REQUIRED) == "required":
        pytest.fail(f"{REQUIRED}=required, but not installed: {', '.join(absent)}")
    if absent:
        pytest.skip(f"Slurm is not installed: {', '.join(absent)}")
    with private_slurm(tmp_path_factory.mktemp("slurm")) as slurm:
        yield Site(slurm)


@pytest.fixture
def site(slurm_site: Site) -> Iterator[Site]:
    """The Slurm, without jobs before and after."""
    slurm_site.slurm.cancel_all()
    yield slurm_site
    slurm_site.slurm.cancel_all()
