import dataclasses
import multiprocessing
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from xsurvey.errors import MissingDataError, ParameterError
from xsurvey.spectra.models.definitions import find_model, model_definitions
from xsurvey.spectra.models.library import xspec_library
from xsurvey.spectra.models.model_data import require_data, uses_atomdb
from xsurvey.spectra.models.settings import (
    ModelSettings,
    abundance_tables,
    cross_section_tables,
)

SETTINGS = ModelSettings()
EDGES = np.geomspace(0.2, 10, 51)


def evaluate(name: str, *values: float, settings: ModelSettings = SETTINGS, **more) -> np.ndarray:
    model = find_model(name)
    row = np.array(values or [p.default for p in model.shape_parameters])
    return xspec_library().evaluate(model, more.pop("edges", EDGES), row, settings, **more)


def transmission(settings: ModelSettings) -> float:
    edges = np.array([0.4995, 0.5005])
    return float(evaluate("tbabs", 0.1, settings=settings, edges=edges)[0])


def test_a_power_law_is_its_integral() -> None:
    expected = (EDGES[1:] ** -0.7 - EDGES[:-1] ** -0.7) / -0.7
    np.testing.assert_allclose(evaluate("powerlaw", 1.7), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "symbol", "values"),
    [("gaussian", "C_", (2.0, 0.1)), ("compmag", "c_", ()), ("bremss", "", (2.0,))],
)
def test_all_ways_of_calling(name: str, symbol: str, values: tuple[float, ...]) -> None:
    assert find_model(name).symbol.startswith(symbol or "xs")
    flux = evaluate(name, *values)
    assert (flux >= 0).all()
    assert flux.sum() > 0
    if name == "gaussian":
        assert flux.sum() == pytest.approx(1, rel=1e-6)


def test_phabs_has_one_set_of_numbers() -> None:
    """What XSPEC's model.dat names and the C++ entry are the same, in single precision."""
    model = find_model("phabs")
    other = dataclasses.replace(model, symbol="C_phabs")
    ours = evaluate("phabs", 0.3)
    theirs = xspec_library().evaluate(other, EDGES, np.array([0.3]), SETTINGS)
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(ours, ours.astype(np.float32))


def test_convolutions_act_on_what_they_are_given() -> None:
    flux = evaluate("powerlaw", 2.0)
    shifted = evaluate("cflux", 0.5, 2.0, -11.0, argument=flux)
    low, high = np.maximum(EDGES[:-1], 0.5), np.minimum(EDGES[1:], 2)
    share = np.clip(high - low, 0, None) / np.diff(EDGES)
    ergs = (shifted * share * (EDGES[1:] + EDGES[:-1]) / 2).sum() * 1.602176634e-9
    assert ergs == pytest.approx(1e-11, rel=0.01)
    np.testing.assert_allclose(shifted / flux, (shifted / flux)[0])
    assert flux[0] == evaluate("powerlaw", 2.0)[0]  # the argument is not written to


# TBabs at 0.5 keV with nH = 1e21, as noted down when HEASoft 6.35.1's library was first called
@pytest.mark.parametrize(("table", "value"), [("angr", 0.487), ("wilm", 0.533), ("aspl", 0.547)])
def test_abundance_tables(table: str, value: float) -> None:
    assert transmission(ModelSettings(abund=table)) == pytest.approx(value, abs=6e-4)
    assert transmission(SETTINGS) == pytest.approx(0.487, abs=6e-4)  # and back again


def test_every_table_that_is_named_is_taken() -> None:
    for table in abundance_tables():
        transmission(ModelSettings(abund=table))
    values = {t: evaluate("phabs", 1.0, settings=ModelSettings(xsect=t))
              for t in cross_section_tables()}  # fmt: skip
    assert set(values) == {"vern", "bcmc", "obcm"}
    assert not np.array_equal(values["vern"], values["bcmc"])


def test_names_that_the_library_refuses_are_errors() -> None:
    for field in ("abund", "xsect"):
        settings = SETTINGS.model_copy(update={field: "nosuch"})  # past the validation
        with pytest.raises(ParameterError, match=f"{field}: the XSPEC library does not take"):
            transmission(settings)
        assert transmission(SETTINGS) == pytest.approx(0.487, abs=6e-4)


def test_settings_are_validated() -> None:
    with pytest.raises(ParameterError, match=r"models\.abund: .*no table 'nosuch'.*angr"):
        ModelSettings.read({"abund": "nosuch"}, "models")
    with pytest.raises(ParameterError, match="no table 'x'"):
        ModelSettings.read({"xsect": "x"}, "models")
    with pytest.raises(ParameterError, match="atomdb"):
        ModelSettings.read({"atomdb": "../../etc"}, "models")
    assert ModelSettings(hubble_constant=71).key != SETTINGS.key == ModelSettings().key


def test_cosmology_reaches_models_with_distances() -> None:
    flux = evaluate("powerlaw", 2.0)
    values = {}
    for hubble in (70.0, 35.0, 70.0):
        settings = ModelSettings(hubble_constant=hubble)
        values[hubble] = evaluate("clumin", 0.5, 2.0, 0.5, 44.0, argument=flux, settings=settings)
    np.testing.assert_allclose(values[35.0] / values[70.0], 0.25, rtol=1e-4)


@pytest.mark.parametrize("values", [(-0.1,), (2e6,), (np.nan,), (np.inf,)])
def test_parameters_beyond_hard_limits_never_reach_the_library(values: tuple[float]) -> None:
    with pytest.raises(ParameterError, match=r"TBabs\.nH: is .*, beyond 0 to 1e\+06 10\^22"):
        evaluate("tbabs", *values)


@pytest.mark.parametrize(
    "name", ["nei", "equil", "pshock", "ismabs", "eqpair", "kerrbb", "meka", "xscat", "swind1"]
)
def test_models_without_their_data_are_errors(name: str) -> None:
    """Among them those that would answer with zeros or ones, and those that would end us."""
    with pytest.raises(MissingDataError, match=f"model {name}: needs HEASoft's .* set HEADAS"):
        evaluate(name)
    with pytest.raises(MissingDataError):
        xspec_library().check(find_model(name), SETTINGS)


@pytest.mark.parametrize("switch", [0, 1])
def test_mekal_by_its_switch(switch: int) -> None:
    model = find_model("mekal")
    with pytest.raises(MissingDataError, match=r"mekal.*switch = 2"):
        require_data(model, [1.0, 1.0, 1.0, 0.0, switch])
    require_data(model, [1.0, 1.0, 1.0, 0.0, 2])
    assert uses_atomdb(model, [1.0, 1.0, 1.0, 0.0, 2])
    assert not uses_atomdb(model, [1.0, 1.0, 1.0, 0.0, switch])
    with pytest.raises(ParameterError, match=r"mekal\.switch: is 7; use one of 0, 1, 2, 3"):
        require_data(model, [1.0, 1.0, 1.0, 0.0, 7])


def test_models_of_single_spectra_are_refused() -> None:
    with pytest.raises(ParameterError, match="keywords of each spectrum"):
        evaluate("polconst")


def test_the_list_of_data_names_models_that_exist() -> None:
    models = model_definitions()
    from xsurvey.spectra.models.model_data import _registry

    named = set(_registry()["by_model"]) | _registry()["atomdb"]
    assert named <= set(models)
    assert len(named) > 100


QUIET = """
import sys
print("before")
from xsurvey.spectra.models.definitions import find_model
from xsurvey.spectra.models.library import xspec_library
from xsurvey.spectra.models.settings import ModelSettings
import numpy as np
edges = np.geomspace(0.3, 8, 21)
for name in ("tbabs", "powerlaw", "phabs", "jet", "zxipab", "qsosed", "grbjet"):
    model = find_model(name)
    row = np.array([p.default for p in model.shape_parameters])
    for table in ("angr", "wilm"):
        try:
            xspec_library().evaluate(model, edges, row, ModelSettings(abund=table))
        except Exception as error:
            print(type(error).__name__, file=sys.stderr)
print("after")
"""


def test_nothing_is_written_to_standard_output() -> None:
    done = subprocess.run([sys.executable, "-c", QUIET], capture_output=True, text=True, check=True)
    assert done.stdout == "before\nafter\n"


def test_standard_output_may_be_closed() -> None:
    code = """
import os
os.close(1)
import numpy as np
from xsurvey.spectra.models.definitions import find_model
from xsurvey.spectra.models.library import xspec_library
from xsurvey.spectra.models.settings import ModelSettings
xspec_library().evaluate(find_model("tbabs"), np.array([1.0, 2.0]), np.ones(1), ModelSettings())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_output_is_restored_after_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    from xsurvey.spectra.models.quiet import quiet_output

    def fail() -> None:
        with quiet_output():
            subprocess.run(["echo", "unheard"], check=True)
            raise ValueError

    with pytest.raises(ValueError):
        fail()
    subprocess.run(["echo", "heard"], check=True)
    assert capfd.readouterr().out == "heard\n"


def test_threads_with_settings_of_their_own_do_not_mix() -> None:
    tables = ("angr", "wilm", "aspl", "lodd")
    expected = {t: transmission(ModelSettings(abund=t)) for t in tables}
    wrong: list[str] = []

    def work(table: str) -> None:
        for _ in range(40):
            if transmission(ModelSettings(abund=table)) != expected[table]:
                wrong.append(table)

    threads = [threading.Thread(target=work, args=(t,)) for t in tables]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_child_works_though_the_lock_was_held_at_the_fork() -> None:
    library = xspec_library()
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with library._lock:
            held.set()
            release.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(60)
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=lambda: queue.put(transmission(SETTINGS)))
    child.start()
    child.join(60)
    release.set()
    thread.join()
    alive = child.is_alive()
    child.kill()
    assert not alive
    assert child.exitcode == 0
    assert queue.get() == pytest.approx(0.487, abs=6e-4)


CORNERS = """
import itertools, sys
import numpy as np
from xsurvey.spectra.models.definitions import find_model
from xsurvey.spectra.models.library import xspec_library
from xsurvey.spectra.models.settings import ModelSettings
for name in ("apec", "vapec", "powerlaw", "tbabs", "ztbabs", "phabs"):
    parameters = find_model(name).shape_parameters
    limits = [(p.hard_min, p.hard_max) for p in parameters]
    rows = list(itertools.islice(itertools.product(*limits), 8))
    rows += [tuple(h for _, h in limits), tuple(l for l, _ in limits)]
    for edges in (np.geomspace(0.1, 12, 33), np.array([1e-3, 2e-3]), np.array([50.0, 1e3])):
        for row in rows:
            flux = xspec_library().evaluate(
                find_model(name), edges, np.array(row, float), ModelSettings())
            assert np.isfinite(flux).all() and (flux >= 0).all(), (name, row)
print("alive")
"""


def test_corners_of_the_limits_do_not_crash(atomdb: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CORNERS], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr


def test_temperatures_where_the_library_crashes_are_refused(atomdb: Path) -> None:
    for kt in (86.17385101, 100.0, 1e-4):
        with pytest.raises(ParameterError, match=r"apec\.kT: is .* beyond 0\.008 to 64 keV"):
            evaluate("apec", kt, 1.0, 0.0)


def test_missing_atomdb_is_an_error_not_zeros(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XSURVEY_DATA", str(tmp_path))
    monkeypatch.delenv("ATOMDB", raising=False)
    with pytest.raises(MissingDataError, match="run `xsurvey data install atomdb`"):
        evaluate("apec", 1.0, 1.0, 0.0)


def test_damaged_atomdb_is_an_error_not_zeros(tmp_path: Path) -> None:
    code = f"""
from xsurvey.spectra.models.library import xspec_library
from xsurvey.spectra.models.definitions import find_model
from xsurvey.spectra.models.settings import ModelSettings
import numpy as np
xspec_library().evaluate(find_model("apec"), np.array([1.0, 2.0]), np.array([1.0, 1.0, 0.0]),
    ModelSettings(atomdb_folder={str(tmp_path)!r}))
"""
    for kind in ("line", "coco"):
        (tmp_path / f"apec_v3.0.9_{kind}.fits").write_bytes(b"not a FITS file")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "InputError" in done.stderr.splitlines()[-1]
    assert "is not read by the XSPEC library" in done.stderr


def test_apec_has_the_shape_of_a_plasma(atomdb: Path) -> None:
    """Solar plasma of 1 keV: the iron L complex, and the exponential of the continuum."""
    flux = evaluate("apec", 1.0, 1.0, 0.0, edges=np.array([0.7, 1.2, 4.0, 5.0, 6.0]))
    assert flux[0] > 0.5 * flux.sum()
    assert np.log(flux[2] / flux[3]) == pytest.approx(1.2, abs=0.2)
