"""Models of the user's own: in expressions as XSPEC's, and what is wrong with some."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace

import numpy as np
import pytest

from xsurvey.errors import ParameterError
from xsurvey.spectra.models import python_models as module
from xsurvey.spectra.models.definitions import find_model
from xsurvey.spectra.models.evaluator import ModelEvaluator
from xsurvey.spectra.models.expression import parse_expression
from xsurvey.spectra.models.python_models import (
    PythonModel,
    known_models,
    parameter,
    python_models,
    register_model,
)

from .conftest import defaults


def power_law(edges: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the integral of E^-index over each bin, as XSPEC's powerlaw."""
    exponent = 1 - rows[:, :1]
    powers = edges[None, :] ** exponent
    return np.diff(powers, axis=1) / exponent


def edge(edges: np.ndarray, rows: np.ndarray) -> np.ndarray:
    centre = 0.5 * (edges[1:] + edges[:-1])
    return np.where(centre[None, :] < rows[:, :1], 0.0, 1.0)


MINE = PythonModel("mypow", (parameter("index", 1.7, -3, 10),), power_law)
EDGE = PythonModel("myedge", (parameter("E0", 1.0, 0, 10, "keV"),), edge, kind="mul", version="2")


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Register the models for one test."""
    monkeypatch.setattr(module, "_REGISTERED", {})
    module._loaded.cache_clear()
    register_model(MINE)
    register_model(EDGE)
    yield
    module._loaded.cache_clear()


def test_it_is_used_as_any_other(evaluator: Callable[..., ModelEvaluator]) -> None:
    mine = evaluator("tbabs*(mypow+powerlaw)*myedge")
    assert [p.name for p in mine.expression.parameters] == [
        "tbabs.nH", "mypow.index", "mypow.norm", "powerlaw.PhoIndex", "powerlaw.norm", "myedge.E0",
    ]  # fmt: skip
    theirs = evaluator("tbabs*(powerlaw+powerlaw)")
    row = defaults(mine, mypow__index=2.2, mypow__norm=3.0, tbabs__nH=0.1)
    other = defaults(theirs, powerlaw__PhoIndex=2.2, powerlaw__norm=3.0, tbabs__nH=0.1)
    above = mine.edges[:-1] >= 1.0
    found = mine(row)
    assert found[above] == pytest.approx(theirs(other)[above], rel=1e-12)
    assert (found[mine.edges[1:] < 1.0] == 0).all()
    batch = mine(np.stack((row, row * [1, 1, 2, 1, 0, 1])))
    assert batch[0] == pytest.approx(found)
    assert "version 2" in mine.description["myedge"]
    assert "test_python_models.power_law" in mine.description["mypow"]


def test_all_back_ends_take_it(evaluator: Callable[..., ModelEvaluator]) -> None:
    for backend in ("auto", "library", "tables"):
        model = evaluator("mypow", backend=backend)
        assert model(np.array([2.0, 1.0])).sum() == pytest.approx(1 / 0.2 - 1 / 10)


def test_limits_are_kept(evaluator: Callable[..., ModelEvaluator]) -> None:
    model = evaluator("mypow")
    assert np.isnan(model(np.array([[20.0, 1.0]]))).all()
    with pytest.raises(ParameterError, match=r"mypow\.index"):
        model(np.array([20.0, 1.0]))


def test_names_are_in_full_and_do_not_touch_abbreviations() -> None:
    assert find_model("MYPOW", known_models()).name == "mypow"
    with pytest.raises(ParameterError, match="did you mean"):
        find_model("mypo", known_models())
    register_model(PythonModel("powerl", (), lambda e, r: np.ones((len(r), e.size - 1))))
    assert find_model("powe", known_models()).name == "powerlaw"


def test_the_function_cannot_be_written_over(evaluator: Callable[..., ModelEvaluator]) -> None:
    kept = np.ones((1, 120))
    register_model(PythonModel("kept", (), lambda _, rows: kept))
    model = evaluator("kept")
    assert (model(np.array([[5.0]])) == 5).all()
    assert (kept == 1).all()


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda edges, rows: np.ones(edges.size - 1), "shape"),
        (lambda edges, rows: np.ones((len(rows), edges.size)), "shape"),
        (lambda edges, rows: 1 / 0, "ZeroDivisionError"),
        (lambda edges, rows: None, "fails|shape"),
        (lambda edges, rows: [["a"] * (edges.size - 1)], "ValueError"),
    ],
)
def test_wrong_functions_are_told(
    evaluator: Callable[..., ModelEvaluator], function: Callable, message: str
) -> None:
    register_model(PythonModel("wrong", (), function))
    with pytest.raises(ParameterError, match=message) as caught:
        evaluator("wrong")(np.array([[1.0]]))
    assert caught.value.subject == "model 'wrong'"


def test_values_that_are_not_finite(evaluator: Callable[..., ModelEvaluator]) -> None:
    register_model(PythonModel("nothing", (), lambda e, r: np.full((len(r), e.size - 1), np.nan)))
    model = evaluator("nothing")
    assert np.isnan(model(np.array([[1.0]]))).all()
    with pytest.raises(ParameterError, match="not finite"):
        model(np.array([1.0]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "my law"}, "is no name"),
        ({"name": "2pow"}, "is no name"),
        ({"parameters": (parameter("a.b", 1, 0, 2),)}, "is no name"),
        ({"parameters": (parameter("norm", 1, 0, 2),)}, "two parameters of one name"),
        ({"parameters": (parameter("a", 1, 0, 2), parameter("A", 1, 0, 2))}, "two parameters"),
        ({"parameters": (parameter("a", 3, 0, 2),)}, "not within its limits"),
        ({"kind": "con"}, "no kind"),
    ],
)
def test_wrong_definitions(change: dict[str, object], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        PythonModel(**{"name": "a", "parameters": (), "function": power_law} | change)  # type: ignore[arg-type]


def test_names_of_xspec_are_taken() -> None:
    with pytest.raises(ParameterError, match="XSPEC has a model of that name"):
        register_model(PythonModel("PowerLaw", (), power_law))


def test_entry_points(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def point(name: str, load: Callable[[], object]) -> SimpleNamespace:
        return SimpleNamespace(name=name, value=f"p:{name}", load=load)

    def broken() -> object:
        raise ImportError("no such module")

    plugged = PythonModel("plugged", (), power_law)
    points = [
        point("good", lambda: plugged), point("broken", broken), point("other", lambda: 3),
        point("powe", broken), point("taken", lambda: PythonModel("apec", (), power_law)),
        point("twice", lambda: PythonModel("Plugged", (), power_law)),
    ]  # fmt: skip
    monkeypatch.setattr(module, "entry_points", lambda group: points)
    module._loaded.cache_clear()
    assert python_models()["plugged"] is plugged
    assert "plugged" in known_models()
    for name in ("broken", "other", "taken", "twice"):
        assert f"model plug-in '{name}'" in caplog.text
    assert "model plug-in 'good'" not in caplog.text
    with pytest.raises(ParameterError, match="an installed package has a model"):
        register_model(plugged)
    assert parse_expression("plugged").parameters[0].name == "plugged.norm"
    # not XSPEC's powerlaw, which begins so
    with pytest.raises(ParameterError, match="cannot be loaded: no such module"):
        parse_expression("Powe")
    assert parse_expression("powerl").components[0].definition.name == "powerlaw"
