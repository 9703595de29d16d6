"""The pipeline ``blazar`` from tables to a catalog, and what a second run does."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from xsurvey.catalogs import load_schema, open_catalog
from xsurvey.engine.fingerprint import undeclared_helpers
from xsurvey.pipelines.blazar.catalog_rows import SedFlag
from xsurvey.pipelines.blazar.light_file import read_light
from xsurvey.pipelines.blazar.plan import BLAZAR
from xsurvey.pipelines.blazar.sample_file import read_samples
from xsurvey.sed.tables.table import read_sed

from ...sed.toy_model import TRUTH, drawn
from .conftest import RIGHT, write_config

Run = Callable[..., Any]
MODELS = ("right", "wrong")


def record(output: Path, *parts: str) -> dict:
    """Return a JSON file of the products; NaN in it is an error."""

    def refused(text: str) -> float:
        raise AssertionError(text)

    path = output / "blazars" / "toy" / Path(*parts)
    return dict(json.loads(path.read_text(), parse_constant=refused))


def test_products(finished: Path) -> None:
    assert {p.name for p in (finished / "catalog").iterdir()} == {
        "sources.fits", "hats", "sed_fits.fits", "hats_sed_fits", "sed_parameters.fits",
        "hats_sed_parameters", "provenance.json",
    }  # fmt: skip
    own = finished / "blazars" / "toy"
    assert {p.name for p in (own / "all").iterdir()} == {
        "sed.ecsv", "polarization.ecsv", "points.json", "comparison.json", "figures",
    }  # fmt: skip
    figures = {"models.png", *(f"{kind}_{m}.png" for m in MODELS for kind in ("sed", "corner"))}
    assert {p.name for p in (own / "all" / "figures").glob("*.png")} == figures
    assert {p.name for p in (own / "all" / "figures" / "light").iterdir()} == figures
    assert {p.name for p in (own / "models").iterdir()} == set(MODELS)
    for model in MODELS:
        assert {p.name for p in (own / "models" / model).iterdir()} == {
            "fit.json", "light.fits", "posterior.fits", "evidence_width_1.json",
            "evidence_width_2.json",
        }  # fmt: skip


def test_points_are_those_of_the_table(finished: Path) -> None:
    sed = read_sed(finished / "blazars" / "toy" / "all" / "sed.ecsv")
    given = drawn(points=24)
    np.testing.assert_array_equal(sed.flux, given.flux)
    assert sed.instruments == given.instruments
    points = record(finished, "all", "points.json")
    assert points["polarization"] == {"stokes": 2}
    assert (points["points"], points["limits"], points["redshift"]) == (24, 0, 0.1)


def test_the_fit_finds_the_truth(finished: Path) -> None:
    found = record(finished, "models", "right", "fit.json")
    for name, true in (("log10_height", TRUTH[0]), ("log10_ratio", TRUTH[3]),
                       ("polarization_angle", 30)):  # fmt: skip
        one = found["parameters"][name]
        half = (one["upper"] - one["lower"]) / 2
        assert abs(one["value"] - true) < 4 * half
    assert found["method"] == "posterior"
    assert 0.001 < found["predictive"]["p_value"] < 0.999
    priors = {p["parameter"]: p for p in found["priors"]}
    assert set(priors) == {"log10_height", "log10_ratio", "polarization_angle"}
    assert (priors["log10_ratio"]["origin"], priors["log10_ratio"]["high"]) == ("configuration", 1)
    assert priors["log10_height"]["origin"] == "model"
    assert priors["polarization_angle"]["origin"] == "polarization"
    matrix = np.array(found["degeneracies"]["correlation"])
    assert matrix.shape == (3, 3)
    assert np.diag(matrix) == pytest.approx(1)


def test_bands_and_samples(finished: Path) -> None:
    folder = finished / "blazars" / "toy" / "models" / "right"
    light = read_light(folder / "light.fits")
    assert light.levels == (0.6827, 0.9545)
    assert light.draws == 40
    assert light.frequency[0] == pytest.approx(1e11 / 5)
    total = sum(light.components.values())
    np.testing.assert_allclose(light.flux.best, total, rtol=1e-12)
    for curve in (light.flux, light.degree, light.angle):
        assert curve is not None
        assert np.all(curve.lower[1] <= curve.lower[0])
        assert np.all(curve.lower[0] <= curve.median)
        assert np.all(curve.upper[0] <= curve.upper[1])
    posterior, log_probability = read_samples(folder / "posterior.fits")
    fit = record(finished, "models", "right", "fit.json")
    assert list(posterior.names) == fit["degeneracies"]["names"]
    assert fit["sampler"] == "mcmc"
    assert 200 < len(posterior.samples) == len(log_probability) <= 500
    header = fits.getheader(folder / "posterior.fits", 1)
    assert header["SAMPLER"] == "mcmc"
    assert header["STEPS"] == 300
    assert header["THIN"] > 1


def test_evidence_tells_the_models_apart(finished: Path) -> None:
    found = record(finished, "all", "comparison.json")
    right, wrong, failing = found["models"]
    assert [m["name"] for m in found["models"]] == ["right", "wrong", "failing"]
    assert right["ln_bayes"] == 0
    assert right["statistic"] < wrong["statistic"]
    assert right["probability"] + wrong["probability"] == pytest.approx(1)
    assert failing["causes"] == ["electrons: are too few of them; take others"]
    assert failing["log_evidence"] is None
    favoured = found["favoured"]
    assert (favoured["name"], favoured["over"], favoured["grade"]) == (
        "right", "wrong", "very strong",
    )  # fmt: skip
    assert favoured["ln_bayes"] == right["log_evidence"] - wrong["log_evidence"]
    # half the rise of the statistic, less what a free parameter costs
    gain = (wrong["statistic"] - right["statistic"]) / 2
    assert 0 < gain - favoured["ln_bayes"] < 8
    (row, _) = found["polarization"]
    assert row["models"]["right"]["degree"]["best_fit"] == pytest.approx(0.14, abs=0.01)


def test_wider_priors_cost_what_they_should(finished: Path) -> None:
    """Of twice the width with one prior that may widen ln Z falls by ln 2."""
    found = record(finished, "all", "comparison.json")
    as_it_is, wide = found["evidence"]
    assert (as_it_is["prior_width"], wide["prior_width"]) == (1, 2)
    of = {m["name"]: m for m in wide["models"]}
    assert of["right"]["changed"] == ["log10_ratio"]
    assert of["right"]["cut"] == ["log10_height", "polarization_angle"]
    assert of["right"]["priors"]["log10_ratio"] == "uniform:-2,2"
    fall = as_it_is["models"][0]["log_evidence"] - of["right"]["log_evidence"]
    error = np.hypot(as_it_is["models"][0]["error"], of["right"]["error"])
    assert abs(fall - np.log(2)) < 4 * error
    # no prior of the other one can be wider: its evidence is not computed again
    assert of["wrong"]["changed"] == []
    assert of["wrong"]["log_evidence"] == as_it_is["models"][1]["log_evidence"]
    assert record(finished, "models", "wrong", "evidence_width_2.json")["evidence"] is None
    assert any(note.startswith("wrong: no prior could be made") for note in found["notes"])


def test_catalog(finished: Path) -> None:
    (row,) = open_catalog(finished).query()
    assert row["name"] == "XSV J100000.0+021200"
    assert (row["sed_models"], row["sed_favoured"]) == (2, "right")
    assert row["sed_flags"] & SedFlag.NOT_FITTED
    rows = open_catalog(finished, table="sed_fits").query()
    assert list(rows["model"]) == ["right", "wrong", "failing"]
    comparison = record(finished, "all", "comparison.json")
    for one, model in zip(rows, comparison["models"], strict=True):
        for name in ("statistic", "chi2", "log_evidence", "ln_bayes", "probability"):
            if model[name] is None:
                assert np.ma.is_masked(one[name]) or np.isnan(one[name])
            else:
                assert one[name] == model[name], name
    assert rows["flags"][2] == SedFlag.NOT_FITTED
    parameters = open_catalog(finished, table="sed_parameters").query()
    fit = record(finished, "models", "right", "fit.json")
    own = parameters[parameters["model"] == "right"]
    assert list(own["parameter"]) == [*fit["parameters"], *fit["derived"]]
    ratio = own[own["parameter"] == "log10_ratio"][0]
    for name in ("value", "lower", "upper", "confidence", "best_fit"):
        assert ratio[name] == fit["parameters"]["log10_ratio"][name], name
    assert (ratio["prior"], bool(ratio["free"])) == ("uniform:-1,1", True)
    width = own[own["parameter"] == "width"][0]
    assert not width["free"]
    assert not width["derived"]


def test_tables_are_as_their_schemas_and_as_hats(finished: Path) -> None:
    for table in ("sed_fits", "sed_parameters"):
        plain, other = (
            open_catalog(finished / "catalog" / name).query().filled()
            for name in (f"{table}.fits", f"hats_{table}")
        )
        known = [c.name for c in load_schema(table).columns]
        assert [n for n in plain.colnames if n != "_healpix_29"] == known
        assert len(plain) == len(other)
        for column in known:
            number = plain[column].dtype.kind == "f"
            assert np.array_equal(plain[column], other[column], equal_nan=number), column


def test_flags_are_those_of_the_schema() -> None:
    schema = load_schema("sed_fits")
    assert {flag.name: bit for bit, flag in schema.flags.items()} == {
        str(flag.name).lower(): int(flag) for flag in SedFlag
    }


def test_report(finished: Path) -> None:
    page = (finished / "report.html").read_text()
    for text in (
        "right favoured", "ln B =", "Kass &amp; Raftery 1995", "failing was not fitted",
        "With flat priors 2 times as wide", "uniform:-1,1", "Degrees of polarization differ most",
    ):  # fmt: skip
        assert text in page, text
    assert page.count("<img") == 5


def test_explain_and_status(finished: Path, run_command: Run) -> None:
    said = run_command("explain", finished / "catalog" / "sed_fits.fits").stdout
    assert "sed_comparison toy" in said
    said = run_command("explain", finished / "blazars" / "toy" / "models" / "right" / "fit.json")
    assert "unchanged since" in said.stdout
    assert "sed_fit" in run_command("status", finished).stdout


def test_helpers_are_declared() -> None:
    assert {s.name: undeclared_helpers(s) for s in BLAZAR.stages} == {
        s.name: [] for s in BLAZAR.stages
    }


@pytest.fixture
def again(finished: Path, tmp_path: Path) -> Path:
    """A folder with a finished run and its config, to be run anew."""
    shutil.copytree(finished.parent, tmp_path / "run", symlinks=True)
    return tmp_path / "run"


def statuses(folder: Path) -> dict[str, str]:
    tasks = json.loads((folder / "out" / "run.json").read_text())["tasks"]
    return {f"{t['stage']} {t['target']}": t["status"] for t in tasks}


def test_only_what_changed_is_done_again(again: Path, run_command: Run) -> None:
    write_config(again, RIGHT)
    done = run_command("run", "config.yaml", "--workers", 0, cwd=again)
    assert done.returncode == 0, done.stderr
    assert statuses(again) == {
        "sed_points toy": "cached", "sed_fit toy right": "cached",
        "sed_evidence toy right width 1": "cached", "sed_evidence toy right width 2": "cached",
        "sed_comparison toy": "done", "sed_catalog all": "done", "sed_figures toy": "done",
    }  # fmt: skip
    # what models left that are compared no more is gone
    assert {p.name for p in (again / "out" / "blazars" / "toy" / "models").iterdir()} == {"right"}
    before = (again / "out" / "report.html").stat().st_mtime_ns
    assert run_command("run", "config.yaml", "--workers", 0, cwd=again).returncode == 0
    assert (again / "out" / "report.html").stat().st_mtime_ns == before


def test_without_posterior_and_evidence(folder: Path, run_command: Run) -> None:
    path = write_config(folder)
    text = path.read_text()
    text = "\n".join(
        "mcmc: {enabled: false}" if line.startswith("mcmc") else
        "nested: {enabled: false}" if line.startswith("nested") else line
        for line in text.splitlines()
    ).replace("polarization: [light.ecsv], ", "").replace(
        "field_inclination=60, depolarization=0.2", "width=1"
    )  # fmt: skip
    path.write_text(text)
    done = run_command("run", path, "--workers", 0, cwd=folder)
    assert done.returncode == 0, done.stderr
    output = folder / "out"
    fit = record(output, "models", "right", "fit.json")
    assert (fit["method"], fit["degeneracies"], fit["predictive"]) == ("profile", None, None)
    assert fit["parameters"]["log10_ratio"]["lower"] < fit["parameters"]["log10_ratio"]["upper"]
    light = read_light(output / "blazars" / "toy" / "models" / "right" / "light.fits")
    assert (light.draws, light.degree) == (0, None)
    assert np.isnan(light.flux.lower).all()
    rows = open_catalog(output, table="sed_fits").query()
    assert set(rows["flags"] & (SedFlag.NO_POSTERIOR | SedFlag.NO_EVIDENCE)) == {20}
    page = (output / "report.html").read_text()
    assert "there are none" in page
    assert "The posterior was not sampled" in page
