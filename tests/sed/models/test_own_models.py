"""Radiative models of packages and scripts: the example of ARCHITECTURE.md, and bad ones."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from astropy.table import Table

from xsurvey.errors import ParameterError
from xsurvey.pipelines.sed.fit_files import fit_sed_file
from xsurvey.pipelines.sed.posterior import problem_key
from xsurvey.sed.fitting.sed_parameters import SedFitParameters
from xsurvey.sed.models import registry
from xsurvey.sed.models.base import RadiativeModel
from xsurvey.sed.models.registry import broken_models, radiative_model, register_model, sed_models
from xsurvey.sed.models.sed_model import SedModel

PAGE = Path(__file__).parents[3] / "ARCHITECTURE.md"
TITLE = "## Adding a radiative model"
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def hump() -> SedModel:
    """Return the model of the page."""
    section = PAGE.read_text().partition(TITLE)[2]
    code = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert code is not None
    space: dict[str, Any] = {"__name__": "mypackage.hump"}
    exec(compile(code.group(1), str(PAGE), "exec"), space)
    model = space["HUMP"]
    assert isinstance(model, SedModel)
    return model


@pytest.fixture
def plug_ins(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Return what makes objects entry points."""

    def installed(**objects: object) -> None:
        def point(name: str, value: object) -> SimpleNamespace:
            return SimpleNamespace(name=name, value=f"mypackage:{name}", load=lambda: value)

        points = [point(name, value) for name, value in objects.items()]
        monkeypatch.setattr(registry, "entry_points", lambda group: points)
        registry._loaded.cache_clear()

    yield installed
    registry._loaded.cache_clear()


@pytest.fixture
def registered(
    hump: SedModel, plug_ins: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> SedModel:
    plug_ins()  # whatever is installed here
    monkeypatch.setattr(registry, "_REGISTERED", {})
    register_model(hump)
    return hump


POINTS = (
    "--redshift", "0.1", "--points", "A=1e13,1e17,12,0.05", "--set", "log10_peak=14.5",
    "--set", "log10_power=45.5",
)  # fmt: skip


def test_what_is_simulated_is_found(call: Call, registered: SedModel, tmp_path: Path) -> None:
    table, found = tmp_path / "sed.ecsv", tmp_path / "fit.json"
    status, _, errors = call("sed", "simulate", "-o", table, "--model", "hump", *POINTS)
    assert status == 0, errors
    put_in = Table.read(table).meta["simulated"]
    assert (put_in["model"], put_in["version"], put_in["electrons"]) == ("hump", "1", None)
    status, text, errors = call("sed", "fit", table, "--model", "hump", "--json", found)
    assert status == 0, errors
    assert text.startswith("hump, z = 0.1: chi2 = ")
    result = json.loads(found.read_text())
    about = result["model"]
    assert (about["name"], about["version"], about["electrons"]) == ("hump", "1", None)
    for name, truth in (("log10_power", 45.5), ("log10_peak", 14.5), ("width", 1.5)):
        record = result["parameters"][name]
        sigma = (record["upper"] - record["lower"]) / 2
        assert abs(record["value"] - truth) < 4 * sigma < 0.5
    assert result["statistic"]["value"] < 9 + 4 * 18**0.5


def test_options_that_it_does_not_take(call: Call, registered: SedModel, tmp_path: Path) -> None:
    for option, named in (
        (("--electrons", "log-parabola"), "--electrons"),
        (("--no-self-absorption",), "--self-absorption"),
        (("--target", "torus"), "--target"),
    ):
        status, _, errors = call(
            "sed", "simulate", "-o", tmp_path / "sed.ecsv", "--model", "hump", *POINTS, *option
        )
        assert status == 2
        assert f"{named}: changes nothing of the model 'hump'; leave it out" in errors
        assert not (tmp_path / "sed.ecsv").exists()


def test_a_chain_is_of_a_version(call: Call, registered: SedModel, tmp_path: Path) -> None:
    table = tmp_path / "sed.ecsv"
    assert call("sed", "simulate", "-o", table, "--model", "hump", *POINTS)[0] == 0
    parameters = SedFitParameters(model="hump", starts=1, intervals=False)
    before = problem_key(fit_sed_file(table, parameters))
    register_model(replace(registered, version="2"))
    assert problem_key(fit_sed_file(table, parameters)) != before


def test_packages(hump: SedModel, plug_ins: Callable[..., None], call: Call) -> None:
    plug_ins(
        hump=hump, twice=hump, ssc=replace(hump, name="ssc"), number=3,
    )  # fmt: skip
    assert sed_models()["hump"] is hump
    assert radiative_model("hump", redshift=0.1).name == "hump"
    assert radiative_model("ssc", redshift=0.1).description != hump.description
    causes = broken_models()
    assert set(causes) == {"twice", "ssc", "number"}
    assert "an installed package has a model of that name" in causes["twice"]
    assert "xsurvey has a model of that name" in causes["ssc"]
    assert "it is no SedModel" in causes["number"]
    status, text, _ = call("doctor")
    assert status == 0
    assert "hump (version 1)" in text and "ssc cannot be loaded" in text
    with pytest.raises(ParameterError, match="an installed package has a model of that name"):
        register_model(hump)


def test_names_that_are_taken(registered: SedModel) -> None:
    with pytest.raises(ParameterError, match="xsurvey has a model of that name"):
        register_model(replace(registered, name="hadronic"))


def test_options_that_there_are_not(hump: SedModel) -> None:
    with pytest.raises(ParameterError, match="takes options that there are not"):
        replace(hump, options=frozenset({"protons"}))


def test_what_cannot_be_made(call: Call, registered: SedModel, tmp_path: Path) -> None:
    def broken(setup: object) -> RadiativeModel:
        raise ZeroDivisionError("by zero")

    register_model(replace(registered, make=broken))
    status, _, errors = call(
        "sed", "simulate", "-o", tmp_path / "s.ecsv", "--model", "hump", *POINTS
    )
    assert status == 2
    assert "model 'hump': cannot be made (ZeroDivisionError: by zero); correct it" in errors


@pytest.mark.parametrize("first", ["xsurvey.sed.fitting.sed_parameters", "mypackage.hump"])
def test_a_package_that_imports_fits_itself(first: str, tmp_path: Path) -> None:
    """Models are loaded when one is asked for, and not while modules are imported."""
    (tmp_path / "mypackage").mkdir()
    (tmp_path / "mypackage" / "__init__.py").touch()
    code = re.search(r"```python\n(.*?)```", PAGE.read_text().partition(TITLE)[2], re.DOTALL)
    assert code is not None
    text = "from xsurvey.sed.fitting.fit import fit_sed  # noqa\n" + code.group(1)
    (tmp_path / "mypackage" / "hump.py").write_text(text)
    facts = tmp_path / "hump-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: hump\nVersion: 1.0\n")
    points = "[xsurvey.sed_models]\nhump = mypackage.hump:HUMP\n"
    (facts / "entry_points.txt").write_text(points)
    program = (
        f"import {first}\nfrom xsurvey.sed.models.registry import broken_models, own_models\n"
        "print(sorted(own_models()), dict(broken_models()))"
    )
    paths = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip
    assert done.stdout.strip() == "['hump'] {}", done.stderr
