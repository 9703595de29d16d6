"""What tests of spectra of annuli need."""

import importlib.util
from pathlib import Path

import pytest

from xsurvey.errors import MissingDataError


@pytest.fixture(scope="session")
def plasma_models(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skip where XSPEC's models or AtomDB are not installed; keep tables in a folder of ours."""
    if importlib.util.find_spec("xspectrampoline") is None:
        pytest.skip("XSPEC's model library is not installed (pip install xspectrampoline)")
    from xsurvey.spectra.models.atomdb import find_atomdb
    from xsurvey.spectra.models.settings import ModelSettings

    try:
        find_atomdb(ModelSettings())
    except MissingDataError:
        pytest.skip("AtomDB is not installed (xsurvey data install atomdb)")
    folder: Path = tmp_path_factory.mktemp("cache")
    pytest.MonkeyPatch().setenv("XSURVEY_CACHE", str(folder))
