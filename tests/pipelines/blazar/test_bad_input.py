"""What the pipeline ``blazar`` refuses before it begins, and what it survives."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from xsurvey.catalogs import open_catalog
from xsurvey.config_template import write_template
from xsurvey.pipelines.blazar.catalog_rows import SedFlag
from xsurvey.pipelines.blazar.plan import BLAZAR

from .conftest import FAILING, FROZEN, RIGHT, write_config

Run = Callable[..., Any]
FIXED = (
    "    fixed: {"
    + FROZEN.format(more="depolarization=0.2, polarization_angle=30, log10_ratio=0, log10_height")
    + "}"
)


@pytest.fixture
def check(folder: Path, run_command: Run) -> Callable[..., str]:
    """Check a config that is bad; return what is wrong, one line an error."""

    def run(old: str = "", new: str = "", **options: str) -> str:
        path = write_config(folder, **options)
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))
        done = run_command("check", path, cwd=folder)
        assert done.returncode == 2, done.stdout
        assert not (folder / "out").exists()
        lines = done.stderr.strip().splitlines()
        assert lines
        assert all(line.startswith("xsurvey: ") for line in lines), done.stderr
        return str(done.stderr)

    return run


def test_a_good_one(folder: Path, run_command: Run) -> None:
    done = run_command("check", write_config(folder), cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "sed_evidence    to do  toy right width 2" in done.stdout
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("seed: 1", "seed: 1\ninputs: [sed.ecsv]", "the pipeline 'blazar' has none"),
        ("fluxes: [sed.ecsv]", "fluxes: [other.ecsv]", "other.ecsv does not exist"),
        ("fluxes: [sed.ecsv]", "fluxes: []", "fluxes"),
        ("fluxes: [sed.ecsv]", "fluxes: [sed.ecsv, sed.ecsv]", "is given twice"),
        ("fluxes: [sed.ecsv]", "fluxes: [config.yaml]", "config.yaml"),
        ("polarization: [light.ecsv]", "polarization: [sed.ecsv]", "neither q and u"),
        ("position: \"150.0,2.2\", ", "", "position: is required"),
        ("redshift: 0.1", "redshift: -1", "redshift"),
        ("    toy:", "    to y:", "is no name of a source"),
        ("    right:", "    ri/ght:", "is no name of a model"),
        ("    wrong:", "    Right:", "differ in upper and lower case only"),
        ("electrons: log-parabola", "electrons: parabola", "there is no distribution 'parabola'"),
        ("electrons: log-parabola", "model: scc", "wrong.model: there is no radiative model 'scc'"),
        ("electrons: log-parabola", "modell: ssc", "unknown key"),
        ("log10_ratio=uniform:-1,1", "ratio=uniform:-1,1", "toy, right: "),
        ("log10_ratio=uniform:-1,1", "log10_ratio=uniform:1,-1", "increasing"),
        ("redshift: 0.1", "redshift: 0.1, ebl: finke22", "did you mean 'finke-2022'"),
        ("nested:", "points: {systematic: [Radio=0.1]}\nnested:", "no source has an instrument"),
        ("nested:", "points: {systematic: ['0.1']}\nnested:", "INSTRUMENT=FRACTION"),
        ("nested:", "points: {min_frequency: 1e30}\nnested:", "has no points at"),
        ("nested:", "comparison: {prior_widths: [0]}\nnested:", "no factor"),
        ("nested:", "comparison: {prior_widths: [2, 2]}\nnested:", "twice"),
        ("nested:", "comparison: {prior_widths: [2, 2.0000001]}\nnested:", "given twice"),
        ("nested:", "comparison: {prior_widths: [1.0000001]}\nnested:", "must be 1"),
        ("walkers: 12", "walkers: 4", "toy, right: mcmc.walkers: walkers (4) is below twice"),
        ("draws: 40", "levels: [0.9, 0.5]", "rising order"),
    ],
)  # fmt: skip
def test_bad_configs(check: Callable[..., str], old: str, new: str, said: str) -> None:
    assert said in check(old, new)


def test_cells_without_polarization(check: Callable[..., str]) -> None:
    said = check("polarization: [light.ecsv], ", "", more="fit: {cells: 20}\n")
    assert "fit.cells: is of polarization" in said


def test_settings_without_polarization(check: Callable[..., str]) -> None:
    said = check("polarization: [light.ecsv], ", "")
    assert "models.compared.right.freeze: 'field_inclination=60' is of polarization" in said


def test_nothing_to_sample(check: Callable[..., str]) -> None:
    said = check("evidence_tolerance: 0.5", "enabled: false", models=FIXED)
    assert "toy, fixed: mcmc: no parameter is free" in said


def test_what_is_to_be_done_names_keys(
    check: Callable[..., str], folder: Path, run_command: Run
) -> None:
    """Fewer numbers than free parameters, in the words of a config: before a run, and in it."""
    wanted = "; freeze some (`freeze` NAME=VALUE), or give priors (`prior`)"
    said = check(
        "polarization: [light.ecsv], ", "", models="    right: {}",
        more="points: {min_frequency: 3e26}\n",
    )  # fmt: skip
    assert said.rstrip().endswith(wanted)
    done = run_command("run", "config.yaml", "--workers", 0, cwd=folder)
    assert done.returncode == 3, done.stderr
    run = json.loads((folder / "out" / "run.json").read_text())
    (cause,) = {t["cause"] for t in run["tasks"] if t["stage"] == "sed_fit"}
    assert cause.endswith(wanted)


def test_a_source_without_polarization_beside_one_with(folder: Path, run_command: Run) -> None:
    """What is said of polarization is of those that have some."""
    path = write_config(folder, RIGHT)
    other = '    other: {position: "10,10", fluxes: [sed.ecsv], redshift: 0.1}\nmodels:'
    path.write_text(path.read_text().replace("models:", other))
    assert run_command("check", path, cwd=folder).returncode == 0
    path.write_text(path.read_text().replace("mcmc: {", "mcmc: {enabled: false, "))
    done = run_command("run", path, "--workers", 0, cwd=folder)
    assert done.returncode == 0, done.stderr
    model = folder / "out" / "blazars" / "other" / "models" / "right"
    fit = json.loads((model / "fit.json").read_text())
    assert "field_inclination" not in fit["parameters"]
    assert json.loads((model / "evidence_width_1.json").read_text())["evidence"] is not None


@pytest.mark.parametrize(("section", "said"), [("sources", "no source"), ("models", "no model")])
def test_nothing_to_do(folder: Path, run_command: Run, section: str, said: str) -> None:
    path = write_config(folder)
    config = yaml.safe_load(path.read_text())
    del config[section]
    path.write_text(yaml.safe_dump(config))
    done = run_command("check", path, cwd=folder)
    assert done.returncode == 2
    assert f"names {said}" in done.stderr


def test_all_models_are_complained_of(check: Callable[..., str]) -> None:
    said = check("log10_peak=16.8", "log10_peek=16.8")
    assert "toy, right: " in said
    assert "toy, wrong: " in said


def test_another_source_goes_on(folder: Path, run_command: Run) -> None:
    path = write_config(folder, RIGHT)
    (folder / "damaged.ecsv").write_text("no table\n")
    text = path.read_text().replace("models:", '    other: {position: "10,10", fluxes: '
                                    "[damaged.ecsv]}\nmodels:")  # fmt: skip
    for section in ("nested", "mcmc"):
        text = text.replace(f"{section}: {{", f"{section}: {{enabled: false, ")
    path.write_text(text)
    done = run_command("run", path, "--workers", 0, cwd=folder)
    assert done.returncode == 3, done.stderr
    run = json.loads((folder / "out" / "run.json").read_text())
    status = {f"{t['stage']} {t['target']}": t["status"] for t in run["tasks"]}
    assert status["sed_points other"] == "failed"
    assert status["sed_fit toy right"] == "done"
    assert status["sed_catalog all"] == "done"
    page = (folder / "out" / "report.html").read_text()
    assert "No model was fitted" in page


def test_a_catalog_has_sources_of_which_nothing_could_be_read(
    folder: Path, run_command: Run
) -> None:
    path = write_config(folder)
    (folder / "sed.ecsv").write_text("no table\n")
    done = run_command("run", path, "--workers", 0, cwd=folder)
    assert done.returncode == 3, done.stderr
    (row,) = open_catalog(folder / "out").query()
    assert (row["stack"], row["name"]) == ("toy", "XSV J100000.0+021200")
    assert (row["sed_points"], row["sed_models"], row["sed_favoured"]) == (-1, 0, "")
    flags = SedFlag.NOT_FITTED | SedFlag.NO_POINTS
    assert row["sed_flags"] == flags
    models = open_catalog(folder / "out", table="sed_fits").query()
    assert list(zip(models["model"], models["flags"], strict=True)) == [
        ("right", flags), ("wrong", flags),
    ]  # fmt: skip
    assert len(open_catalog(folder / "out", table="sed_parameters").query()) == 0


def test_a_source_without_any_fit_is_told_of(folder: Path, run_command: Run) -> None:
    path = write_config(folder, FAILING)
    done = run_command("run", path, "--workers", 0, cwd=folder)
    assert done.returncode == 3, done.stderr
    assert "failed: electrons: are too few of them" in done.stderr
    (row,) = open_catalog(folder / "out").query()
    assert (row["sed_models"], row["sed_favoured"]) == (0, "")
    (fit,) = open_catalog(folder / "out", table="sed_fits").query()
    assert (fit["model"], fit["flags"]) == ("failing", 1)
    page = (folder / "out" / "report.html").read_text()
    assert "No model was fitted" in page
    assert "failing was not fitted: electrons: are too few of them" in page


def test_template_has_no_inputs(tmp_path: Path) -> None:
    text = write_template("blazar", BLAZAR.sections, BLAZAR.example_inputs)
    assert "inputs" not in yaml.safe_load(text)
    assert "fluxes: Tables of flux points" in " ".join(text.replace("#", " ").split())
