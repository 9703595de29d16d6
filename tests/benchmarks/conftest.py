"""What benchmarks of spectra need."""

import importlib.util
from pathlib import Path

import pytest

from xsurvey.errors import MissingDataError
from xsurvey.spectra.models.atomdb import find_atomdb
from xsurvey.spectra.models.settings import ModelSettings


@pytest.fixture(scope="session", autouse=True)
def table_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep tables of models in a folder of this session."""
    pytest.MonkeyPatch().setenv("XSURVEY_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="session")
def library() -> None:
    """Skip where XSPEC's models are not installed."""
    if importlib.util.find_spec("xspectrampoline") is None:
        pytest.skip("XSPEC's model library is not installed (pip install xspectrampoline)")


@pytest.fixture(scope="session")
def atomdb(library: None) -> Path:
    """The prefix of AtomDB's files; tests that need them skip where they are absent."""
    try:
        return find_atomdb(ModelSettings())
    except MissingDataError:
        pytest.skip("AtomDB is not installed (xsurvey data install atomdb)")
