"""The pipeline ``polarization`` from event files to a catalog, and what a second run does."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from astropy.io import fits

from xsurvey.catalogs import load_schema, open_catalog
from xsurvey.config import load_config
from xsurvey.engine.fingerprint import undeclared_helpers
from xsurvey.pipelines import get_pipeline
from xsurvey.pipelines.polarization.catalog_rows import flag_bits
from xsurvey.pipelines.polarization.plan import POLARIZATION
from xsurvey.polarization.stokes import StokesFlag

from .conftest import POLARIZATION as BINS
from .conftest import write_config, write_units

Run = Callable[..., object]


def record(output: Path, obs: str) -> dict:
    """Return a JSON file of the products; NaN in it is an error."""

    def refused(text: str) -> float:
        raise AssertionError(text)

    path = output / "polarization" / "pulsar" / obs / "polarization.json"
    return dict(json.loads(path.read_text(), parse_constant=refused))


def test_products(finished: Path) -> None:
    own = {"polarization.json", "polarization.fits"}
    for obs, more in (*((o, {"behaviour.json", "spectra"}) for o in OBS), ("all", {"figures"})):
        folder = finished / "polarization" / "pulsar" / obs
        assert {p.name for p in folder.iterdir()} == own | more
    figures = finished / "polarization" / "pulsar" / "all" / "figures"
    assert {p.name for p in figures.iterdir()} == {
        f"{name}{light}.png" for name in ("plane", "energies", "angle_01", "angle_02")
        for light in ("", "_light")
    }  # fmt: skip
    found = {p.name for p in (finished / "catalog").iterdir()}
    assert found == {
        "sources.fits", "hats", "polarization.fits", "hats_polarization", "provenance.json",
    }  # fmt: skip
    assert "polarization" in (finished / "report.html").read_text()
    (one, both) = (record(finished, obs) for obs in ("01", "all"))
    assert (one["source"], one["observation"]) == ("pulsar", "01")
    assert one["position"] == {"ra": 150.0, "dec": 2.2}
    assert both["mjd_start"] == one["mjd_start"] < one["mjd_stop"]
    assert both["whole"]["counts"] == sum(record(finished, o)["whole"]["counts"] for o in OBS)


OBS = ("01", "02")


def test_table_of_polarization(finished: Path) -> None:
    table = open_catalog(finished, table="polarization").query()
    assert len(table) == 9  # two observations and both, two bins and their whole
    assert list(table["observation"]) == ["01"] * 3 + ["02"] * 3 + ["all"] * 3
    assert list(table["whole_range"]) == [False, False, True] * 3
    known = [c.name for c in load_schema("polarization").columns]
    assert [n for n in table.colnames if n != "_healpix_29"] == known
    for obs in (*OBS, "all"):
        content = record(finished, obs)
        rows = table[table["observation"] == obs]
        for row, one in zip(rows, [*content["bins"], content["whole"]], strict=True):
            for name in ("energy_min", "counts", "background_counts", "I", "U_err", "q_norm",
                         "qu_norm_covariance", "pd", "pd_lower", "pd_upper_9973", "pa_deg",
                         "mdp99", "modulation", "significance"):  # fmt: skip
                assert row[name] == one[name], name
            for name in ("pd", "pd_err", "pd_upper_99", "significance", "consistency"):
                assert row[f"known_{name}"] == one["known_angle"][name], name
            assert row["flags"] == flag_bits(one["flags"])
        assert set(rows["mjd_start"]) == {content["mjd_start"]}
    assert list(table["constancy_dof"]) == [0] * 6 + [2] * 3
    assert str(table["I"].unit) == "ct / cm2"


def test_sources(finished: Path) -> None:
    (row,) = open_catalog(finished).query()
    whole = record(finished, "all")["whole"]
    assert row["name"] == "XSV J100000.0+021200"
    assert (row["source_id"], row["stack"]) == ("pulsar_0001", "pulsar")
    assert (row["n_observations"], row["mission"], row["target"]) == (2, "ixpe", "pulsar")
    for column, key in (
        ("degree", "pd"), ("degree_hi", "pd_upper"), ("limit_99", "pd_upper_99"),
        ("mdp99", "mdp99"), ("angle", "pa_deg"), ("counts", "counts"),
    ):  # fmt: skip
        assert row[f"polarization_{column}"] == whole[key], column
    assert row["polarization_known_limit_99"] == whole["known_angle"]["pd_upper_99"]
    near = open_catalog(finished, table="polarization").query(
        cone="150.0,2.2,1arcsec", where="pd > mdp99 AND whole_range"
    )
    assert set(near["source"]) <= {"pulsar"}


def test_fits_and_hats_hold_the_same(finished: Path) -> None:
    for name, hats in (("sources", "hats"), ("polarization", "hats_polarization")):
        plain, other = (
            open_catalog(finished / "catalog" / file).query().filled()
            for file in (f"{name}.fits", hats)
        )
        assert plain.colnames == other.colnames
        for column in plain.colnames:
            number = plain[column].dtype.kind == "f"
            assert np.array_equal(plain[column], other[column], equal_nan=number), column


def test_flags_by_name() -> None:
    assert flag_bits([]) == 0
    assert flag_bits(["few_events", "above_one"]) == StokesFlag.FEW_EVENTS | StokesFlag.ABOVE_ONE


def test_explain_and_status(finished: Path, run_command: Run) -> None:
    catalog = finished / "catalog" / "sources.fits"
    said = run_command("explain", catalog).stdout
    assert "polarization_catalog all" in said
    assert "source.position = 150.000000,+2.200000\n" in said
    said = run_command("explain", catalog, "--source", "pulsar_0001").stdout
    assert "pooled pulsar" in said
    for obs in ("01", "all"):
        file = finished / "polarization" / "pulsar" / obs / "polarization.json"
        assert "unchanged since" in run_command("explain", file).stdout
    assert "pooled" in run_command("status", finished).stdout


@pytest.fixture
def again(finished: Path, tmp_path: Path) -> Path:
    """A folder with a finished run and its config, to be run anew."""
    shutil.copytree(finished.parent, tmp_path / "run", symlinks=True)
    return tmp_path / "run"


def statuses(folder: Path) -> dict[str, str]:
    tasks = json.loads((folder / "out" / "run.json").read_text())["tasks"]
    return {f"{t['stage']} {t['target']}": t["status"] for t in tasks}


def test_a_second_run_does_nothing(again: Path, run_command: Run) -> None:
    run_command("run", "config.yaml", "--workers", 0, cwd=again)
    files = [p for p in (again / "out" / "polarization").rglob("*") if p.is_file()]
    files += [again / "out" / "report.html", again / "out" / "catalog" / "sources.fits"]
    before = {p: p.stat().st_mtime_ns for p in files}
    assert run_command("run", "config.yaml", "--workers", 0, cwd=again).returncode == 0
    assert set(statuses(again).values()) == {"cached"}
    assert {p: p.stat().st_mtime_ns for p in files} == before


def test_what_changes_is_done_anew_and_what_is_lost_comes_back(
    again: Path, run_command: Run
) -> None:
    config = (again / "config.yaml").read_text()
    (again / "config.yaml").write_text(config.replace("known_angle: 10", "known_angle: 20"))
    lost = again / "out" / "polarization" / "pulsar" / "01" / "polarization.fits"
    lost.unlink()
    assert run_command("run", "config.yaml", "--workers", 0, cwd=again).returncode == 0
    done = statuses(again)
    assert done["flares 01"] == "cached"
    assert done["stokes pulsar 01"] == done["pooled pulsar"] == "done"
    assert lost.exists()
    assert record(again / "out", "all")["known_angle"]["angle_deg"] == 20.0


def test_a_source_that_is_gone_leaves_nothing(again: Path, run_command: Run) -> None:
    config = (again / "config.yaml").read_text()
    (again / "config.yaml").write_text(config.replace("    pulsar:", "    other:"))
    assert run_command("run", "config.yaml", "--workers", 0, cwd=again).returncode == 0
    assert [p.name for p in (again / "out" / "polarization").iterdir()] == ["other"]
    assert set(open_catalog(again / "out", table="polarization").query()["source"]) == {"other"}


def test_region_files_are_inputs(observations: Path, tmp_path: Path, run_command: Run) -> None:
    for name in ("source.reg", "background.reg"):
        shutil.copyfile(observations / name, tmp_path / name)
    path = write_config(tmp_path, BINS, f'"{observations}/obs01_du?.fits"')
    text = path.read_text().replace(
        'radius: 60arcsec, background: "120arcsec,240arcsec"',
        "region: source.reg, background_region: background.reg",
    )
    path.write_text(text)
    assert run_command("run", path, "--workers", 0, cwd=tmp_path).returncode == 0
    first = record(tmp_path / "out", "01")
    assert (first["region"], first["background"]["region"]) == ("source.reg", "background.reg")
    (tmp_path / "source.reg").write_text('icrs\ncircle(150.0,2.2,20")\n')
    assert run_command("run", path, "--workers", 0, cwd=tmp_path).returncode == 0
    assert record(tmp_path / "out", "01")["whole"]["counts"] < first["whole"]["counts"]


def test_a_source_is_measured_where_it_is_in_the_field(observations: Path, tmp_path: Path) -> None:
    def moved(hdus: fits.HDUList) -> None:
        header = hdus["EVENTS"].header
        header["RA_PNT"] = header["RA_OBJ"] = 160.0
        for key in [k for k in header if k.startswith("TCRVL") and header[k] == 150.0]:
            header[key] = 160.0

    for unit, path in enumerate(write_units(tmp_path, "03", 0.0, 30), start=1):
        with fits.open(path) as hdus:
            moved(hdus)
            hdus.writeto(tmp_path / f"far_du{unit}.fits")
        path.unlink()
    path = write_config(tmp_path, BINS, f'"{observations}/obs01_du?.fits", "far_du?.fits"')
    text = path.read_text().replace("  places:\n", "  places:\n    far: {position: '160.0,2.2'}\n")
    path.write_text(text)
    plan = POLARIZATION.plan(loaded(path))
    assert {t.target for t in plan.tasks if t.stage.name == "stokes"} == {"pulsar 01", "far 03"}


def test_flares_are_cut_out_if_asked_for(observations: Path, tmp_path: Path) -> None:
    for more, threshold in (("", 0.0), ("filtering: {flare_threshold: 5}\n", 5.0)):
        path = write_config(tmp_path, BINS + more, f'"{observations}/obs01_du?.fits"')
        (task,) = [t for t in POLARIZATION.plan(loaded(path)).tasks if t.stage.name == "flares"]
        assert task.parameters["filtering"].flare_threshold == threshold


def test_helpers_are_declared() -> None:
    for stage in POLARIZATION.stages:
        assert undeclared_helpers(stage) == [], stage.name


def test_results_depend_on_responses(observations: Path, tmp_path: Path) -> None:
    path = write_config(tmp_path, BINS, f'"{observations}/obs01_du?.fits"')
    usual = uses_of(path)
    assert usual["mission"].startswith("ixpe ")
    assert usual["modulation"] == uses_of(path)["modulation"]
    write_config(
        tmp_path, 'polarization: {ebins: "2,4,8", irf: "ixpe:obssim20240101:v13"}\n',
        f'"{observations}/obs01_du?.fits"',
    )  # fmt: skip
    assert uses_of(path)["modulation"] != usual["modulation"]


def uses_of(path: Path) -> dict[str, str]:
    (task,) = [t for t in POLARIZATION.plan(loaded(path)).tasks if t.stage.name == "stokes"]
    return dict(task.uses)


def loaded(path: Path):
    return load_config(
        path, lambda name: get_pipeline(name).sections,
        kinds_of=lambda name: get_pipeline(name).kinds, resolve_data=lambda name: [],
    )  # fmt: skip


def test_the_commented_config_is_read() -> None:
    """What configs/polarization.yaml asks for, but for its input, which `make` simulates."""
    folder = Path(__file__).resolve().parents[3] / "configs"
    text = (folder / "polarization.yaml").read_text()
    content = yaml.safe_load(text)
    for name, model in POLARIZATION.sections.items():
        model.read(content.get(name) or {}, name)
    assert set(content) - set(POLARIZATION.sections) == {
        "schema", "pipeline", "inputs", "output", "seed",
    }  # fmt: skip
