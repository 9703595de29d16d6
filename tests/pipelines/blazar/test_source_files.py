"""Tables of a source put together, and sections made the parameters of a fit."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xsurvey.errors import InputError, ParameterError
from xsurvey.pipelines.blazar.parameters import BlazarSource
from xsurvey.pipelines.blazar.source_files import (
    fit_parameters,
    joined_polarization,
    joined_sed,
)
from xsurvey.sed.fitting.sed_parameters import (
    SedFitParameters,
    SedModelParameters,
    SedPointParameters,
    SedSearchParameters,
)
from xsurvey.sed.polarization.table import read_polarization
from xsurvey.sed.tables.table import read_sed
from xsurvey.sed.tables.writing import write_sed

from ...sed.toy_model import drawn
from .conftest import RIGHT, write_config

HERTZ_OF_KEV = 2.417989242e17


def write_cube(path: Path) -> Path:
    """Write what ``polarization pcube --json`` does, with one empty bin."""
    full = {
        "energy": 4.0, "q_norm": 0.05, "u_norm": -0.02, "q_norm_variance": 9e-4,
        "u_norm_variance": 1e-3, "qu_norm_covariance": 1e-5, "flags": ["few_events"],
    }  # fmt: skip
    path.write_text(json.dumps({"bins": [full, dict.fromkeys(full)]}))
    return path


def test_results_of_polarimeters_join_tables(folder: Path) -> None:
    both = joined_polarization([folder / "light.ecsv", write_cube(folder / "cube.json")])
    assert both is not None
    assert len(both) == 3
    assert both.frequency[1] == pytest.approx(4 * HERTZ_OF_KEV, rel=1e-6)
    assert any("few_events" in note for note in both.notes)
    assert joined_polarization([]) is None
    with pytest.raises(InputError, match="given twice"):
        joined_polarization([folder / "light.ecsv"] * 2)


def test_a_run_with_two_tables_and_a_cube(folder: Path, run_command: Callable[..., Any]) -> None:
    """Their points and notes are in the products, and the fit is of all of them."""
    sed = drawn(points=24)
    low = sed.frequency < 1e17
    for name, rows in (("low", low), ("high", ~low)):
        columns = ("frequency", "flux", "error_low", "error_high", "is_limit", "limit_confidence")
        own = {column: getattr(sed, column)[rows] for column in columns}
        names = tuple(n for n, kept in zip(sed.instruments, rows, strict=True) if kept)
        write_sed(folder / f"{name}.ecsv", replace(sed, instruments=names, **own))
    write_cube(folder / "cube.json")
    path = write_config(folder, RIGHT)
    text = path.read_text().replace("[sed.ecsv]", "[low.ecsv, high.ecsv]")
    text = text.replace("[light.ecsv]", "[light.ecsv, cube.json]")
    for section in ("nested", "mcmc"):
        text = text.replace(f"{section}: {{", f"{section}: {{enabled: false, ")
    path.write_text(text + "points: {systematic: [Optical=0.05]}\n")
    done = run_command("run", path, "--workers", 0, cwd=folder)
    assert done.returncode == 0, done.stderr
    own = folder / "out" / "blazars" / "toy"
    np.testing.assert_array_equal(read_sed(own / "all" / "sed.ecsv").flux, sed.flux)
    assert len(read_polarization(own / "all" / "polarization.ecsv")) == 3
    points = json.loads((own / "all" / "points.json").read_text())
    assert [f["name"] for f in points["files"]] == [
        "low.ecsv", "high.ecsv", "light.ecsv", "cube.json",
    ]  # fmt: skip
    fit = json.loads((own / "models" / "right" / "fit.json").read_text())
    assert len(fit["polarization"]["data"]) == 3
    assert fit["data"]["instruments"]["Optical"]["systematic"] == 0.05
    assert any("few_events" in note for note in fit["notes"])


def test_a_redshift_is_needed(folder: Path) -> None:
    write_sed(folder / "far.ecsv", replace(drawn(), redshift=None))
    with pytest.raises(ParameterError, match=r"toy\.redshift: is needed"):
        joined_sed("toy", [folder / "far.ecsv"], None)
    assert joined_sed("toy", [folder / "far.ecsv"], 0.4).redshift == 0.4


def source(**more: Any) -> BlazarSource:
    return BlazarSource(position="1,2", fluxes=("sed.ecsv",), **more)


def test_sections_make_the_parameters_of_a_fit() -> None:
    found = fit_parameters(
        source(ebv=0.1, redshift=0.2), SedModelParameters(electrons="log-parabola", freeze="p=2"),
        SedPointParameters(min_frequency=1e11, systematic=("A=0.1", "B=0.2")),
        SedSearchParameters(cells=10, starts=2), instruments=("b", "C"), has_polarization=True,
    )  # fmt: skip
    assert found == SedFitParameters(
        ebv=0.1, redshift=0.2, electrons="log-parabola", freeze=("p=2",), min_frequency=1e11,
        systematic=("B=0.2",), cells=10, starts=2,
    )  # fmt: skip
    without = fit_parameters(
        source(), SedModelParameters(), SedPointParameters(), SedSearchParameters(cells=10),
        instruments=(), has_polarization=False,
    )  # fmt: skip
    assert without.cells is None


def test_files_that_sources_name_are_those_that_were_found() -> None:
    for given, expected in (
        ("mine.ecsv", "/found/mine.ecsv"),
        ("dominguez-2011", "dominguez-2011"),
    ):
        found = fit_parameters(
            source(ebl=given, host="galaxy.ecsv"), SedModelParameters(), SedPointParameters(),
            SedSearchParameters(), instruments=(), has_polarization=False,
            ebl=Path("/found/mine.ecsv"), host=Path("/found/galaxy.ecsv"),
        )  # fmt: skip
        assert (found.ebl, found.host) == (expected, "/found/galaxy.ecsv")
