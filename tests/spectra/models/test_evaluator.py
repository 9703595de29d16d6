import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsurvey.errors import InputError, MissingDataError, ParameterError
from xsurvey.spectra.models import components
from xsurvey.spectra.models.closed_forms import PowerLaw
from xsurvey.spectra.models.evaluator import ModelEvaluator
from xsurvey.spectra.models.expression import parse_expression
from xsurvey.spectra.models.library import xspec_library
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.spectra.models.tables import table_temperatures

from .conftest import defaults

Make = Callable[..., ModelEvaluator]


def random_rows(model: ModelEvaluator, number: int, seed: int, **ranges) -> np.ndarray:
    generator = np.random.default_rng(seed)
    rows = np.tile(defaults(model), (number, 1))
    for name, (low, high) in ranges.items():
        rows[:, model.expression.find(name.replace("__", "."))] = generator.uniform(
            low, high, number
        )
    return rows


@pytest.mark.parametrize("redshift", [0.0, 0.0114, 0.3])
def test_tables_have_the_numbers_of_the_library(
    evaluator: Make, atomdb: Path, redshift: float
) -> None:
    tables, library = (evaluator("tbabs*apec", backend=b) for b in ("tables", "library"))
    rows = random_rows(tables, 60, 1, tbabs__nH=(0, 3), apec__kT=(0.05, 20), apec__Abundanc=(0, 5))
    rows[:, tables.expression.find("apec.redshift")] = redshift
    rows[:3, tables.expression.find("apec.kT")] = 0.008, 64.0, 1.0
    expected = library(rows)
    shown = expected > 1e-200  # below, numbers lose digits
    np.testing.assert_allclose(tables(rows)[shown], expected[shown], rtol=1e-12)
    np.testing.assert_array_equal(tables(rows)[~shown] < 1e-199, True)
    for i in (0, 1, 2, 7):
        np.testing.assert_allclose(tables(rows[i]), tables(rows)[i], rtol=1e-13)


def test_nodes_of_the_table(evaluator: Make, atomdb: Path) -> None:
    """At a temperature of AtomDB, and just beside it, as the library."""
    tables, library = (evaluator("apec", backend=b) for b in ("tables", "library"))
    node = table_temperatures(ModelSettings())[30]
    kt = [np.nextafter(node, 0), node, np.nextafter(node, 9)]
    rows = np.array([[t, 0.4, 0.1, 1.0] for t in kt])
    np.testing.assert_allclose(tables(rows), library(rows), rtol=1e-12)


def test_vapec_has_the_numbers_of_the_library(atomdb: Path) -> None:
    edges = np.geomspace(0.3, 8, 41)
    expression = parse_expression("vapec")
    tables, library = (ModelEvaluator(expression, edges, backend=b) for b in ("tables", "library"))
    generator = np.random.default_rng(2)
    rows = generator.uniform(0, 3, (25, 16))
    rows[:, 0] = generator.uniform(0.081, 30, 25)
    rows[:2, 0] = 0.0808, 68.447
    rows[:, 14] = 0.05
    expected = library(rows)
    shown = expected > 1e-200
    np.testing.assert_allclose(tables(rows)[shown], expected[shown], rtol=1e-12)


@pytest.mark.parametrize("text", ["tbabs*powerlaw", "ztbabs*powerlaw"])
def test_absorption_has_the_numbers_of_the_library(evaluator: Make, text: str) -> None:
    tables, library = (evaluator(text, backend=b) for b in ("tables", "library"))
    rows = np.tile(defaults(tables), (40, 1))
    rows[:, 0] = 10 ** np.random.default_rng(3).uniform(-4, 3, 40)
    rows[0, 0] = 0.0
    if text.startswith("z"):
        rows[:, 1] = 0.4
    rows[:, -2] = 1.7
    expected = library(rows)
    shown = expected > 1e-200
    np.testing.assert_allclose(tables(rows)[shown], expected[shown], rtol=2e-12)


def test_settings_reach_the_tables(evaluator: Make) -> None:
    row = None
    for settings in (ModelSettings(), ModelSettings(abund="wilm")):
        tables, library = (evaluator("tbabs*po", settings=settings, backend=b)
                           for b in ("tables", "library"))  # fmt: skip
        row = defaults(tables)
        np.testing.assert_allclose(tables(row), library(row), rtol=1e-11)


def test_phabs_is_xspecs_unless_asked_for(evaluator: Make) -> None:
    library = evaluator("phabs*powerlaw", backend="library")
    row = defaults(library, phabs__nH=0.1, powerlaw__PhoIndex=1.8)
    np.testing.assert_allclose(evaluator("phabs*powerlaw")(row), library(row), rtol=1e-12)
    with pytest.raises(ParameterError, match="'phabs': has no exact table"):
        evaluator("phabs*powerlaw", backend="tables")
    smooth = evaluator("phabs*powerlaw", settings=ModelSettings(smooth_phabs=True))
    assert "table" in smooth.description["phabs"]
    seen = library(row) > 0.1 * library(defaults(library, phabs__nH=0, powerlaw__PhoIndex=1.8))
    np.testing.assert_allclose(smooth(row)[seen], library(row)[seen], rtol=3e-6)


@given(st.lists(st.floats(-3, 9.9), min_size=1, max_size=5))
def test_power_laws_are_integrals(indices: list[float]) -> None:
    edges = np.geomspace(0.1, 10, 30)
    rows = np.array(indices)[:, None]
    exponent = 1 - rows
    safe = np.where(np.abs(exponent) < 1e-9, 1.0, exponent)
    expected = np.where(
        np.abs(exponent) < 1e-9,
        np.diff(np.log(edges)),
        edges[:-1] ** safe * np.expm1(safe * np.diff(np.log(edges))) / safe,
    )
    np.testing.assert_allclose(PowerLaw(edges)(rows), expected, rtol=3e-9 if (
        np.abs(exponent) < 1e-9).any() else 1e-12)  # fmt: skip


def test_power_laws_are_the_librarys(evaluator: Make) -> None:
    closed, library = (evaluator("powerlaw", backend=b) for b in ("auto", "library"))
    rows = random_rows(closed, 200, 4, powerlaw__PhoIndex=(-3, 10))
    rows = rows[np.abs(rows[:, 0] - 1) > 0.1]  # nearer, the library itself loses digits
    np.testing.assert_allclose(closed(rows), library(rows), rtol=1e-12)
    shifted, of_library = (evaluator("zpowerlw", backend=b) for b in ("tables", "library"))
    row = np.array([1.7, 0.6, 2.0])
    np.testing.assert_allclose(shifted(row), of_library(row), rtol=1e-12)
    flat = np.array([[1.0, 2.0], [1.0 + 1e-5, 2.0]])
    np.testing.assert_allclose(closed(flat)[0], 2 * np.diff(np.log(closed.edges)), rtol=1e-14)
    np.testing.assert_allclose(closed(flat), library(flat), rtol=1e-8)


def test_norms_are_linear_and_may_be_negative(evaluator: Make) -> None:
    model = evaluator("tbabs*(powerlaw+gaussian)")
    row = defaults(model, gaussian__LineE=3.0, gaussian__norm=0.1)
    twice = row.copy()
    for name in ("powerlaw.norm", "gaussian.norm"):
        twice[model.expression.find(name)] *= -2
    np.testing.assert_allclose(model(twice), -2 * model(row), rtol=1e-13)


@pytest.mark.parametrize(
    "text",
    ["powerlaw", "constant*powerlaw", "constant*tbabs*(powerlaw+constant*bbody)",
     "(constant+constant*phabs)*powerlaw", "phabs*cflux*(bbody+powerlaw)", "gsmooth(bbody)",
     "powerlaw*phabs", "(partcov*phabs)*powerlaw", "bbody*constant+powerlaw"],
)  # fmt: skip
def test_batches_are_their_rows_and_backends_agree(evaluator: Make, text: str) -> None:
    auto, library = evaluator(text), evaluator(text, backend="library")
    generator = np.random.default_rng(5)
    rows = defaults(auto) * generator.uniform(0.9, 1.1, (6, len(auto.expression.parameters)))
    for name in [p.name for p in auto.expression.parameters if "PhoIndex" in p.name]:
        rows[:, auto.expression.find(name)] += 0.7
    rows[3] = rows[1]
    before = rows.copy()
    together = auto(rows)
    np.testing.assert_array_equal(rows, before)
    assert together.shape == (6, auto.edges.size - 1)
    for i, row in enumerate(rows):
        np.testing.assert_allclose(together[i], auto(row), rtol=1e-13)
        np.testing.assert_allclose(auto(row[None])[0], auto(row), rtol=0)
    np.testing.assert_allclose(together, library(rows), rtol=1e-11)
    np.testing.assert_array_equal(together, auto(rows))


def test_sums_and_products_are_what_they_say(evaluator: Make) -> None:
    model = evaluator("constant*(powerlaw+bbody)")
    row = defaults(model, constant__factor=3.0)
    parts = [evaluator(t)(defaults(evaluator(t))) for t in ("powerlaw", "bbody")]
    np.testing.assert_allclose(model(row), 3 * (parts[0] + parts[1]), rtol=1e-13)


def test_cflux_sets_the_flux(evaluator: Make) -> None:
    model = evaluator("cflux*powerlaw")
    row = defaults(model, cflux__Emin=0.2, cflux__Emax=10.0, cflux__lg10Flux=-11.5)
    middle = (model.edges[1:] + model.edges[:-1]) / 2
    assert (model(row) * middle).sum() * 1.602176634e-9 == pytest.approx(10**-11.5, rel=1e-3)


def test_rows_out_of_limits_are_nan_and_alone_an_error(evaluator: Make) -> None:
    model = evaluator("tbabs*powerlaw")
    good = defaults(model)
    rows = np.tile(good, (6, 1))
    rows[1, 0], rows[2, 1], rows[3, 2], rows[4, 0] = -1, 11, np.nan, np.inf
    flux = model(rows)
    assert list(np.isnan(flux).any(axis=1)) == [False, True, True, True, True, False]
    np.testing.assert_array_equal(model.valid(rows), ~np.isnan(flux).any(axis=1))
    np.testing.assert_allclose(flux[5], model(good), rtol=1e-13)
    assert np.isnan(model(rows[1:5])).all()
    for row, told in ((rows[1], r"TBabs\.nH: is -1, beyond"), (rows[3], "norm: is not finite")):
        with pytest.raises(ParameterError, match=told):
            model(row)


def test_the_library_failing_at_a_row_is_nan(
    evaluator: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = xspec_library()
    real = library._call

    def failing(definition, edges, values, flux) -> None:
        real(definition, edges, values, flux)
        if values[0] == 2.0:
            flux[3] = np.inf

    monkeypatch.setattr(library, "_call", failing)
    model = evaluator("bbody+powerlaw")
    rows = np.tile(defaults(model), (3, 1))
    rows[1, 0] = 2.0
    flux = model(rows)
    assert list(np.isfinite(flux).all(axis=1)) == [True, False, True]
    with pytest.raises(ParameterError, match="bbody: is not finite for these parameters"):
        model(rows[1])


def test_temperatures_outside_the_table(evaluator: Make, atomdb: Path) -> None:
    model = evaluator("apec")
    rows = np.array([[k, 1.0, 0.0, 1.0] for k in (0.0079, 0.008, 64.0, 64.1, 86.17385101)])
    assert list(np.isnan(model(rows)[:, 0])) == [True, False, False, True, True]
    with pytest.raises(ParameterError, match=r"apec\.kT: is 86\.1739, beyond 0\.008 to 64 keV"):
        model(rows[-1])


def test_redshifts_beside_the_first_go_to_the_library(evaluator: Make, atomdb: Path) -> None:
    auto, library = evaluator("apec"), evaluator("apec", backend="library")
    strict = evaluator("apec", backend="tables")
    free = evaluator("apec", free=["apec.redshift"])
    assert free.description == {"apec": "XSPEC library, C_apec"}
    rows = np.array([[1.0, 0.5, z, 2.0] for z in (0.1, 0.1, 0.2)])
    for model in (auto, strict):
        np.testing.assert_allclose(model(rows[0]), library(rows[0]), rtol=1e-12)
    assert "redshift 0.1" in auto.description["apec"]
    np.testing.assert_allclose(auto(rows), library(rows), rtol=1e-12)
    np.testing.assert_allclose(free(rows), library(rows), rtol=1e-12)
    with pytest.raises(ParameterError, match=r"apec\.Redshift: varies"):
        strict(rows)


def test_library_models_are_evaluated_once_a_vector(
    evaluator: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = evaluator("bbody+bremss")
    calls: list[str] = []
    library = xspec_library()
    real = library.evaluate

    def counted(definition, *arguments):
        calls.append(definition.name)
        return real(definition, *arguments)

    monkeypatch.setattr(library, "evaluate", counted)
    rows = np.tile(defaults(model), (10, 1))
    rows[:, 1] = np.arange(10)  # norms
    rows[5:, 0] = 2.0
    model(rows)
    assert sorted(calls) == ["bbody", "bbody", "bremss"]
    model(rows[::-1])
    assert len(calls) == 3
    many = np.tile(defaults(model), (components._REMEMBERED + 5, 1))
    many[:, 0] = np.linspace(0.1, 5, len(many))
    model(many)
    assert len(model._evaluators[0]._recent) == components._REMEMBERED


def test_results_are_the_callers_own(evaluator: Make) -> None:
    for text in ("bbody", "constant*bbody", "powerlaw"):
        model = evaluator(text)
        first = model(defaults(model))
        kept = first.copy()
        first[:] = -1
        np.testing.assert_array_equal(model(defaults(model)), kept)


def test_evaluators_travel_to_other_processes(evaluator: Make) -> None:
    model = evaluator("tbabs*(po+bbody)", settings=ModelSettings(abund="wilm"))
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again(defaults(model)), model(defaults(model)))
    assert again.description == model.description


def test_threads_may_share_an_evaluator(evaluator: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "_REMEMBERED", 3)
    model = evaluator("tbabs*bbody")
    rows = np.tile(defaults(model), (40, 1))
    rows[:, 1] = np.linspace(0.1, 3, 40)
    expected = model(rows)
    with ThreadPoolExecutor(4) as pool:
        for flux in pool.map(lambda i: model(np.roll(rows, i, axis=0)), range(24)):
            np.testing.assert_array_equal(np.sort(flux, axis=0), np.sort(expected, axis=0))


def test_description_tells_how(evaluator: Make, atomdb: Path) -> None:
    model = evaluator("constant*tbabs*(apec+po+bbody)")
    told = model.description
    assert list(told) == ["constant", "tbabs", "apec", "po", "bbody"]
    assert told["bbody"] == "XSPEC library, xsblbd"
    assert told["tbabs"] == "table of C_tbabs"
    assert told["po"].startswith("closed form")
    assert set(evaluator("tbabs*apec", backend="library").description.values()) == {
        "XSPEC library, C_tbabs", "XSPEC library, C_apec"
    }  # fmt: skip


@pytest.mark.parametrize(
    "edges", [[1.0], [], [0.0, 1.0], [1.0, 1.0], [2.0, 1.0], [1.0, np.nan], [[1.0, 2.0]], [-1, 1]]
)
def test_edges_are_looked_at(edges: list) -> None:
    with pytest.raises(InputError, match="energies"):
        ModelEvaluator(parse_expression("powerlaw"), np.array(edges))


def test_wrong_shapes_and_names(evaluator: Make) -> None:
    model = evaluator("powerlaw")
    for rows in (np.ones(3), np.ones((2, 3)), np.ones((1, 1, 2))):
        with pytest.raises(ParameterError, match="give rows of 2 values"):
            model(rows)
    assert model(np.ones((0, 2))).shape == (0, model.edges.size - 1)
    with pytest.raises(ParameterError, match="backend"):
        evaluator("powerlaw", backend="quick")
    with pytest.raises(ParameterError, match="'bbody': has no exact table"):
        evaluator("bbody", backend="tables")
    with pytest.raises(ParameterError, match=r"powerlaw\.gamma"):
        evaluator("powerlaw", free=["powerlaw.gamma"])


def test_missing_data_are_told_before_a_fit(
    evaluator: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(MissingDataError, match="nei_comp"):
        evaluator("tbabs*nei")
    monkeypatch.setenv("XSURVEY_DATA", str(tmp_path))
    monkeypatch.delenv("ATOMDB", raising=False)
    for backend in ("auto", "library", "tables"):
        with pytest.raises(MissingDataError, match="xsurvey data install atomdb"):
            evaluator("tbabs*apec", backend=backend)
