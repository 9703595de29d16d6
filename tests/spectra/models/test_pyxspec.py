import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from xsurvey.errors import InputError, MissingDataError, ParameterError
from xsurvey.spectra.models.expression import parse_expression
from xsurvey.spectra.models.pyxspec import (
    FitRequest,
    FittedSpectrum,
    ParameterState,
    fit_with_pyxspec,
    has_pyxspec,
    run_fit,
    xspec_text,
)
from xsurvey.spectra.models.settings import ModelSettings

Calls = Callable[[], list[list]]

REQUEST = FitRequest(
    parse_expression("phabs*(po+po)"),
    (FittedSpectrum("a.pha", energy=(0.5, 7)),
     FittedSpectrum("b.pha{3}", "b_bg.pha", "b.arf", "b.rmf")),
    {"phabs.nH": ParameterState(0.04, frozen=True), "po.phoindex": ParameterState(1.9),
     "po_2.PhoIndex": ParameterState(link="po.PhoIndex")},
    settings=ModelSettings(abund="wilm", xsect="bcmc"),
)  # fmt: skip


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Calls:
    """Put a recording fake where ``xspec`` is imported from, here and in new processes."""
    if has_pyxspec():
        pytest.skip("the real PyXspec is installed")
    folder, log = tmp_path / "modules", tmp_path / "log"
    folder.mkdir()
    shutil.copy(Path(__file__).with_name("fake_xspec.py"), folder / "xspec.py")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("FAKE_XSPEC_LOG", str(log))
    monkeypatch.delitem(sys.modules, "xspec", raising=False)
    return lambda: [json.loads(line) for line in log.read_text().splitlines()]


def test_without_pyxspec_the_error_says_what_to_install() -> None:
    if has_pyxspec():
        pytest.skip("PyXspec is installed")
    for fit in (fit_with_pyxspec, run_fit):
        with pytest.raises(MissingDataError, match=r"PyXspec: is not installed.*HEASoft"):
            fit(REQUEST)


def test_what_xspec_is_told(fake: Calls) -> None:
    try:
        run_fit(REQUEST)
    finally:
        sys.modules.pop("xspec", None)
    calls = fake()
    told = {what: argument for what, argument in calls}
    order = [what for what, _ in calls]
    assert told["Settings.abund"] == "wilm"
    assert told["Settings.xsect"] == "bcmc"
    assert told["Settings.cosmo"] == "70 0 0.73"
    assert told["Settings.allowPrompting"] is False
    assert told["AllData"] == "1:1 a.pha 2:2 b.pha{3}"
    assert told["Spectrum.response"] == "b.rmf"
    assert told["Response.arf"] == "b.arf"
    # cstat with a background would be W-stat: it is taken away from both
    assert [a for w, a in calls if w == "Spectrum.background"] == [None, None]
    assert [c for c in calls if c[0] in ("ignore", "notice")] == [
        ["ignore", "**"], ["notice", "0.5-7.0"], ["ignore", "bad"], ["ignore", "bad"]
    ]  # fmt: skip
    assert told["Model"] == "phabs*(powerlaw+powerlaw)"
    assert told["setPars"] == {"1": 0.04, "2": 1.9}
    assert [a for w, a in calls if w == "Parameter.frozen"] == [True]
    assert [a for w, a in calls if w == "Parameter.link"] == ["PhoIndex"]
    assert told["FitManager.statMethod"] == "cstat"
    assert told["FitManager.query"] == "yes"
    assert told["error"] == "1.0 2 3 5"  # neither frozen nor linked
    assert order.index("AllData") < order.index("Model") < order.index("setPars")
    assert order.index("setPars") < order.index("perform") < order.index("error")
    assert "Settings.addModelString" not in told  # no plasma


def test_statistics(fake: Calls) -> None:
    try:
        run_fit(replace(REQUEST, statistic="wstat"))
        run_fit(replace(REQUEST, statistic="chi2", variance="gehrels", confidence=0.9))
    finally:
        sys.modules.pop("xspec", None)
    calls = fake()
    assert [a for w, a in calls if w == "Spectrum.background"] == ["b_bg.pha"] * 2
    assert [a for w, a in calls if w == "FitManager.statMethod"] == ["cstat", "chi"]
    assert [a for w, a in calls if w == "FitManager.weight"] == ["gehrels"]
    assert [a for w, a in calls if w == "error"] == ["1.0 2 3 5", "2.706 2 3 5"]


def test_the_record_has_the_keys_of_our_own_fits(fake: Calls) -> None:
    """In a process of its own: the module is not imported here."""
    record = fit_with_pyxspec(REQUEST).record()
    assert "xspec" not in sys.modules
    assert record["statistic"] == {"name": "cstat", "value": 496.8, "dof": 443}
    assert list(record["parameters"]) == [
        "phabs.nH", "po.PhoIndex", "po.norm", "po_2.PhoIndex", "po_2.norm"
    ]  # fmt: skip
    index = record["parameters"]["po.PhoIndex"]
    assert index == {
        "value": 1.9, "lower": pytest.approx(1.8), "upper": pytest.approx(2.1),
        "confidence": 0.6827, "unit": "", "frozen": False,
    }  # fmt: skip
    frozen = record["parameters"]["phabs.nH"]
    assert (frozen["value"], frozen["lower"], frozen["frozen"]) == (0.04, None, True)
    # XSPEC found no end of this interval
    assert record["parameters"]["po.norm"]["lower"] is None
    json.dumps(record, allow_nan=False)


def test_plasmas_get_atomdb(fake: Calls, atomdb: Path) -> None:
    request = replace(REQUEST, expression=parse_expression("phabs*apec"), parameters={})
    try:
        run_fit(request)
    finally:
        sys.modules.pop("xspec", None)
    assert ["Settings.addModelString", ["APECROOT", str(atomdb)]] in fake()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"spectra": ()}, "spectra: are none"),
        ({"statistic": "pgstat"}, "'pgstat'"),
        ({"statistic": "chi2", "variance": "churazov"}, "'churazov'"),
        ({"confidence": 0.5}, "use 0.6827 or 0.9"),
        ({"parameters": {"po.gamma": ParameterState(1.0)}}, r"po\.gamma: is no parameter"),
        ({"parameters": {"po.norm": ParameterState(link="x.y")}}, r"x\.y: is no parameter"),
        ({"parameters": {"po.norm": ParameterState(float("nan"))}}, "is not finite"),
    ],
)
def test_bad_requests(fake: Calls, change: dict, told: str) -> None:
    with pytest.raises(ParameterError, match=told):
        fit_with_pyxspec(replace(REQUEST, **change))


@pytest.mark.parametrize(
    ("file", "told"),
    [("absent.pha", r"absent\.pha: XSPEC refuses the fit \(cannot open absent\.pha\)"),
     ("crash.pha", r"crash\.pha: XSPEC ended while fitting it")],
)  # fmt: skip
def test_xspec_failing_is_one_line(fake: Calls, file: str, told: str) -> None:
    with pytest.raises(InputError, match=told) as error:
        fit_with_pyxspec(replace(REQUEST, spectra=(FittedSpectrum(file),)))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "written"),
    [("po", "powerlaw"), ("tbabs(apec+ga)", "TBabs*(apec+gaussian)"),
     ("phabs*cflux*po", "phabs*(cflux*(powerlaw))"),
     ("(partcov*phabs)*po+bbody", "((partcov*(phabs))*powerlaw)+bbody")],
)  # fmt: skip
def test_expressions_as_xspec_reads_them(text: str, written: str) -> None:
    assert xspec_text(parse_expression(text)) == written
    assert xspec_text(parse_expression(written)) == written


def test_the_real_one(shared_data: Path) -> None:
    """XSPEC's power law through the adapter, where HEASoft is installed."""
    if not has_pyxspec():
        pytest.skip("PyXspec is not installed (HEASoft's module xspec)")
    folder = shared_data / "erosita" / "ahead_school"
    spectrum = next(folder.glob("*SourceSpec*"), None) or next(folder.glob("*.fits"))
    request = FitRequest(
        parse_expression("powerlaw"), (FittedSpectrum(str(spectrum), energy=(0.5, 5)),)
    )
    assert fit_with_pyxspec(request).statistic["value"] > 0
