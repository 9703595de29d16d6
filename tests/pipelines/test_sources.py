import hashlib
import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from xsurvey.catalogs import open_catalog
from xsurvey.detection.limit_parameters import UpperLimitParameters
from xsurvey.engine import TaskContext
from xsurvey.errors import InputError
from xsurvey.imaging.stack import Stack
from xsurvey.pipelines import upper_limits
from xsurvey.pipelines.sources import SOURCES
from xsurvey.pipelines.stack_reading import read_stack

pytestmark = pytest.mark.slow

Run = Callable[..., subprocess.CompletedProcess[str]]


PLAIN = "products: {enabled: false, maps: false}"
"""Nothing but the catalog and the report."""
COARSE = "image: {pixel_size: 4arcsec}"
"""Pixels that make these tests quick."""


def write_config(folder: Path, inputs: list[Path], extra: str = "") -> Path:
    lines = ["schema: 1", "pipeline: sources", "inputs:", *(f"  - {p}" for p in inputs),
             "output: out", "seed: 3", PLAIN, extra]  # fmt: skip
    path = folder / "config.yaml"
    path.write_text("\n".join(lines) + "\n")
    return path


def write_coarse(folder: Path, inputs: list[Path], extra: str = "") -> Path:
    return write_config(folder, inputs, f"{COARSE}\n{extra}")


def statuses(folder: Path) -> dict[str, str]:
    run = json.loads((folder / "out" / "run.json").read_text())
    return {task["stage"]: task["status"] for task in run["tasks"]}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, event_file: Path, run_command: Run) -> Path:
    """A folder with a config and its finished run."""
    folder = tmp_path_factory.mktemp("run")
    write_coarse(folder, [event_file])
    done = run_command("run", "config.yaml", "--workers", 0, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def header_creator(out: Path) -> str:
    return str(fits.getheader(out / "catalog" / "sources.fits", 1)["CREATOR"])


def test_upper_limits_in_a_run(finished: Path, run_command: Run, tmp_path: Path) -> None:
    table = Table.read(finished / "out" / "catalog" / "sources.fits")
    row = table[int(np.argmax(table["rate_b"]))]
    limits = tmp_path / "limits.json"
    place = f"{row['ra']},{row['dec']}"
    done = run_command(
        "upper-limit", "out", "--position", place, "--position", "10,10", "--band", "0.5-7",
        "--json", limits, cwd=finished,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    source, outside = json.loads(limits.read_text())["limits"]
    # the limit at a source is the catalog's
    assert source["rate_upper"] == pytest.approx(row["rate_b_upper"], rel=0.02)
    assert source["source"] == int(row["source_id"].rpartition("_")[2])
    assert outside["counts_upper"] is None
    absent = run_command("upper-limit", "out", "--position", place, "--band", "1-3", cwd=finished)
    assert absent.returncode == 2
    assert "was not imaged" in absent.stderr


def test_limits_of_a_tile_that_nothing_exposed(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unexposed(context: TaskContext) -> Stack:
        return replace(read_stack(context), names=(), fields=())

    monkeypatch.chdir(finished)
    monkeypatch.setattr(upper_limits, "read_stack", unexposed)
    wanted = UpperLimitParameters(position=("150.05,2.2",))
    with pytest.raises(InputError, match="no finished search"):
        upper_limits.limits_in_run(Path("out"), wanted)


def test_products_are_there_and_agree(finished: Path, event_file: Path) -> None:
    out = finished / "out"
    table = Table.read(out / "catalog" / "sources.fits")
    assert len(table) == 2
    assert table["ra"].unit == "deg"
    assert table["rate_b"].unit == "ct / s"
    catalog = open_catalog(out)
    assert len(catalog) == 2
    # fluxes mean something only with their spectrum
    for name in ("sources", "detections", "observations"):
        header = fits.getheader(out / "catalog" / f"{name}.fits", 1)
        assert header["FLUXSPEC"].startswith("power law of photon index 2, absorbed by 3e+20")
    assert sorted(catalog.query()["name"]) == sorted(table["name"])
    assert (out / "catalog" / "sources.reg").read_text().count("circle") == 2
    provenance = json.loads((out / "catalog" / "provenance.json").read_text())
    image = next(t for t in provenance["tasks"] if t["stage"] == "image")
    digest = hashlib.sha256(event_file.read_bytes()).hexdigest()
    assert digest in json.dumps(image["inputs"])
    assert image["provenance"]["versions"]["xsurvey"] in header_creator(out)
    page = (out / "report.html").read_text()
    assert table["name"][0] in page
    run = json.loads((out / "run.json").read_text())
    assert run["status"] == "done"
    unwanted = {
        "products", "maps", "spectra", "spectral_parts", "spectral_fits", "spectral_results",
        "profiles",
    }  # fmt: skip
    wanted = {stage.name for stage in SOURCES.stages} - unwanted
    assert {t["stage"] for t in run["tasks"]} == wanted
    assert header_creator(out).startswith("xsurvey ")


def test_second_run_does_nothing_and_says_so(finished: Path, run_command: Run) -> None:
    before = {p: p.stat().st_mtime_ns for p in (finished / "out").rglob("*.fits")}
    page = (finished / "out" / "report.html").stat().st_mtime_ns
    done = run_command("run", "config.yaml", cwd=finished)
    assert done.returncode == 0, done.stderr
    assert "nothing to do" in done.stderr
    assert set(statuses(finished).values()) == {"cached"}
    assert {p: p.stat().st_mtime_ns for p in (finished / "out").rglob("*.fits")} == before
    assert (finished / "out" / "report.html").stat().st_mtime_ns == page


def test_a_detection_parameter_leaves_the_images(
    tmp_path: Path, event_file: Path, run_command: Run
) -> None:
    write_coarse(tmp_path, [event_file])
    assert run_command("run", "config.yaml", "--workers", 0, cwd=tmp_path).returncode == 0
    write_coarse(tmp_path, [event_file], "detection: {threshold: 25}")
    assert run_command("run", "config.yaml", "--workers", 0, cwd=tmp_path).returncode == 0
    found = statuses(tmp_path)
    assert found.pop("image") == "cached"
    assert {"detect", "photometry", "variability", "catalog"} <= set(found)
    assert set(found.values()) == {"done"}
    write_coarse(tmp_path, [event_file], "detection: {threshold: 25}\ncatalog: {acronym: ABC}")
    assert run_command("run", "config.yaml", "--workers", 0, cwd=tmp_path).returncode == 0
    assert statuses(tmp_path)["photometry"] == "cached"
    names = open_catalog(tmp_path / "out").query()["name"]
    assert all(name.startswith("ABC J") for name in names)


def test_one_bad_target_does_not_stop_nor_change_the_others(
    tmp_path: Path, event_file: Path, finished: Path, run_command: Run
) -> None:
    folder, bad = tmp_path, tmp_path / "bad.fits"
    bad.write_bytes(event_file.read_bytes()[:100_000])
    write_coarse(folder, [bad, event_file])
    done = run_command("run", "config.yaml", "--workers", 0, cwd=folder)
    assert done.returncode == 3, done.stderr
    tables = (f / "out" / "catalog" / "sources.fits" for f in (finished, folder))
    first, second = (path.read_bytes() for path in tables)
    assert first == second
    last = done.stderr.rstrip().splitlines()[-1]
    assert last.startswith("xsurvey: error: bad: ")
    assert "truncated" in last
    assert len(open_catalog(folder / "out")) == 2
    run = json.loads((folder / "out" / "run.json").read_text())
    failed = [t for t in run["tasks"] if t["status"] == "failed"]
    assert [t["target"] for t in failed] == ["bad"]
    assert "truncated" in (folder / "out" / "report.html").read_text()


def test_a_run_that_fails_takes_an_earlier_catalog_away_behind_a_link(
    tmp_path: Path, event_file: Path, run_command: Run
) -> None:
    bad = tmp_path / "bad.fits"
    bad.write_bytes(event_file.read_bytes()[:100_000])
    write_coarse(tmp_path, [bad])
    (tmp_path / "out").mkdir()
    (tmp_path / "disk" / "catalog").mkdir(parents=True)
    (tmp_path / "disk" / "catalog" / "sources.fits").write_text("earlier")
    (tmp_path / "out" / "catalog").symlink_to(tmp_path / "disk" / "catalog")
    done = run_command("run", "config.yaml", "--workers", 0, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert not (tmp_path / "out" / "catalog").exists()


def test_pipeline_and_command_agree(
    tmp_path: Path, finished: Path, event_file: Path, run_command: Run
) -> None:
    output = tmp_path / "o.fits"
    assert (
        run_command("detect", event_file, "-o", output, "--pixel-size", "4arcsec").returncode == 0
    )
    direct = Table.read(output)
    piped = Table.read(finished / "out" / "catalog" / "sources.fits")
    for column in ("ra", "dec", "detection_likelihood", "net_counts_b", "rate_h_upper"):
        assert np.allclose(direct[column], piped[column], rtol=1e-4, equal_nan=True)


def test_catalog_query_through_the_command(finished: Path, run_command: Run) -> None:
    done = run_command("catalog", "query", finished / "out", "--cone", "150.05,2.22,10arcsec",
                       "--where", "net_counts_b > 100")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "XSV J" in done.stdout
    wrong = run_command("catalog", "query", finished / "out", "--where", "net_count_b > 1")
    assert wrong.returncode == 2
    assert "net_counts_b" in wrong.stderr.splitlines()[-1]
