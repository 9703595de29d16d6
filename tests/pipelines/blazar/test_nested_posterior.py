"""Posteriors of the pipeline ``blazar`` that evidences leave, where no chains are asked for."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from xsurvey.catalogs import open_catalog
from xsurvey.errors import ParameterError
from xsurvey.pipelines.blazar.catalog_rows import SedFlag
from xsurvey.pipelines.blazar.light_file import read_light
from xsurvey.pipelines.blazar.sample_file import read_samples

from ...conftest import made_once
from .conftest import RIGHT, toy_models, write_config, write_tables

Run = Callable[..., Any]


def without_chains(folder: Path, models: str = RIGHT, nested: str = "") -> Path:
    """Write a config without chains, and with evidences of the priors as they are alone."""
    path = write_config(folder, models, "comparison: {prior_widths: [1]}\n")
    text = path.read_text().replace("mcmc: {", "mcmc: {enabled: false, ")
    path.write_text(text.replace("live_points: 50,", f"live_points: 100, {nested}"))
    return path


@pytest.fixture(scope="module")
def nested(tmp_path_factory: pytest.TempPathFactory, run_command: Run) -> Path:
    """The output of a run without chains."""

    def make(folder: Path) -> None:
        write_tables(folder)
        with toy_models():
            done = run_command("run", without_chains(folder), "--workers", 0, cwd=folder)
        assert done.returncode == 0, done.stderr

    return made_once(tmp_path_factory, "blazar_nested", make) / "out"


def model_record(output: Path, name: str) -> dict[str, Any]:
    path = output / "blazars" / "toy" / "models" / "right" / name
    return dict(json.loads(path.read_text()))


def test_it_is_that_of_chains(nested: Path, finished: Path) -> None:
    """Medians and widths agree with those of the chain of the same problem."""
    of_nested, of_chains = (model_record(output, "fit.json") for output in (nested, finished))
    assert of_nested["priors"] == of_chains["priors"]
    for prior in of_nested["priors"]:
        a, b = (record["parameters"][prior["parameter"]] for record in (of_nested, of_chains))
        width = b["upper"] - b["lower"]
        assert a["best_fit"] == pytest.approx(b["best_fit"], abs=0.02 * width)
        assert abs(a["value"] - b["value"]) < 0.15 * width
        assert a["upper"] - a["lower"] == pytest.approx(width, rel=0.25)
    correlations = [np.array(r["degeneracies"]["correlation"]) for r in (of_nested, of_chains)]
    np.testing.assert_allclose(*correlations, atol=0.25)


def test_record_tells_where_it_is_from(nested: Path) -> None:
    found = model_record(nested, "fit.json")
    evidence = model_record(nested, "evidence_width_1.json")["evidence"]
    assert (found["method"], found["sampler"]) == ("posterior", "nested")
    assert found["diagnostics"]["ess"] == evidence["effective_size"] > 2000
    assert found["diagnostics"]["converged"] is evidence["converged"] is True
    assert found["diagnostics"]["r_hat"] is None
    assert found["provenance"]["parameters"]["NestedParameters"]["live_points"] == 100
    for name, one in evidence["parameters"].items():
        width = one["interval"][1] - one["interval"][0]
        assert abs(found["parameters"][name]["value"] - one["median"]) < 0.05 * width


def test_products(nested: Path) -> None:
    folder = nested / "blazars" / "toy" / "models" / "right"
    light = read_light(folder / "light.fits")
    assert light.draws == 40
    assert np.all(light.flux.lower[0] <= light.flux.upper[0])
    posterior, log_probability = read_samples(folder / "posterior.fits")
    assert len(posterior.samples) == 500
    # the most probable are near the best fit
    best = posterior.samples[np.argmax(log_probability)]
    found = model_record(nested, "fit.json")["parameters"]
    for name, value in zip(posterior.names, best, strict=True):
        one = found[name]
        assert abs(value - one["best_fit"]) < one["upper"] - one["lower"]
    assert fits.getheader(folder / "posterior.fits", 1)["SAMPLER"] == "nested"
    figures = nested / "blazars" / "toy" / "all" / "figures"
    assert (figures / "corner_right.png").exists()
    (row,) = open_catalog(nested, table="sed_fits").query()
    assert row["flags"] == 0
    page = (nested / "report.html").read_text()
    assert "bands of the posterior" in page
    assert "was not sampled" not in page


def test_what_has_not_converged_is_flagged(folder: Path, run_command: Run) -> None:
    path = without_chains(folder, nested="max_evaluations: 1000, ")
    done = run_command("run", path, "--workers", 0, cwd=folder)
    assert done.returncode == 0, done.stderr
    found = model_record(folder / "out", "fit.json")
    assert (found["sampler"], found["diagnostics"]["converged"]) == ("nested", False)
    assert any(
        "nested sampling alone" in note or "not converged" in note for note in found["notes"]
    )
    (row,) = open_catalog(folder / "out", table="sed_fits").query()
    assert SedFlag.POSTERIOR_NOT_CONVERGED in SedFlag(int(row["flags"]))


def test_without_its_evidence_a_model_is_fitted_still(
    folder: Path, run_command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Intervals are by profile likelihood then, and the record says why."""

    def failing(*_: Any) -> None:
        raise ParameterError("nested", "found nothing", "try another way")

    monkeypatch.setattr("xsurvey.pipelines.blazar.evidence_stage.evidence_of", failing)
    done = run_command("run", without_chains(folder), "--workers", 0, cwd=folder)
    assert done.returncode == 3
    found = model_record(folder / "out", "fit.json")
    assert (found["method"], found["sampler"], found["degeneracies"]) == ("profile", "none", None)
    ratio = found["parameters"]["log10_ratio"]
    assert ratio["lower"] < ratio["value"] < ratio["upper"]
    (note,) = (n for n in found["notes"] if n.startswith("no posterior"))
    assert note == "no posterior: sed_evidence: nested: found nothing; try another way"
    (row,) = open_catalog(folder / "out", table="sed_fits").query()
    assert SedFlag(int(row["flags"])) == SedFlag.NO_POSTERIOR | SedFlag.NO_EVIDENCE
