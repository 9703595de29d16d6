"""Places and grids for tests of models."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from xsurvey.errors import MissingDataError
from xsurvey.spectra.models.atomdb import find_atomdb
from xsurvey.spectra.models.evaluator import ModelEvaluator
from xsurvey.spectra.models.expression import parse_expression
from xsurvey.spectra.models.settings import ModelSettings


@pytest.fixture(scope="session", autouse=True)
def table_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keep tables of this session in a folder of its own."""
    patch = pytest.MonkeyPatch()
    folder = tmp_path_factory.mktemp("cache")
    patch.setenv("XSURVEY_CACHE", str(folder))
    return folder / "models"


@pytest.fixture(scope="session", autouse=True)
def library() -> None:
    """Skip where XSPEC's models are not installed."""
    if importlib.util.find_spec("xspectrampoline") is None:
        pytest.skip("XSPEC's model library is not installed (pip install xspectrampoline)")


@pytest.fixture(scope="session")
def atomdb() -> Path:
    """The prefix of AtomDB's files; tests that need them skip where they are absent."""
    try:
        return find_atomdb(ModelSettings())
    except MissingDataError:
        pytest.skip("AtomDB is not installed (xsurvey data install atomdb)")


@pytest.fixture(scope="session")
def edges() -> np.ndarray:
    """A grid in keV."""
    return np.geomspace(0.2, 10.0, 121)


@pytest.fixture
def evaluator(edges: np.ndarray) -> Callable[..., ModelEvaluator]:
    """Return a function that makes an evaluator of an expression."""

    def make(text: str, **options: object) -> ModelEvaluator:
        return ModelEvaluator(parse_expression(text), edges, **options)  # type: ignore[arg-type]

    return make


def defaults(model: ModelEvaluator, **values: float) -> np.ndarray:
    """Return XSPEC's defaults, with others for ``component__parameter``."""
    row = np.array([p.definition.default for p in model.expression.parameters])
    for name, value in values.items():
        row[model.expression.find(name.replace("__", "."))] = value
    return row
