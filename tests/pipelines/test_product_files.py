"""Products and maps of a whole run: published, listed, found, and removed when they are stale."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table
from mocpy import MOC

from xsurvey.catalogs import open_catalog
from xsurvey.missions import open_events
from xsurvey.timing.files import read_light_curve

pytestmark = pytest.mark.slow

Run = Callable[..., subprocess.CompletedProcess[str]]
CONFIG = """
schema: 1
pipeline: sources
output: out
seed: 3
image: {pixel_size: 2arcsec}
photometry: {measure_band: 0.5-7}
inputs:
  - {events: FIRST, name: first}
  - {events: SECOND, name: "second, of 2"}
"""


def write_config(folder: Path, inputs: tuple[Path, Path], extra: str = "") -> None:
    text = CONFIG.replace("FIRST", str(inputs[0])).replace("SECOND", str(inputs[1]))
    (folder / "config.yaml").write_text(text + extra)


@pytest.fixture(scope="module")
def inputs(event_file: Path, make_events: Callable[..., Path]) -> tuple[Path, Path]:
    second = make_events(
        seed=6, exposure="10ks", background_rate=0.2, pointing="150.005,2.206",
        source=("150.05,2.22,300", "149.95,2.15,80"),
    )  # fmt: skip
    return event_file, second


@pytest.fixture(scope="module")
def finished(
    tmp_path_factory: pytest.TempPathFactory, inputs: tuple[Path, Path], run_command: Run
) -> Path:
    folder = tmp_path_factory.mktemp("run")
    write_config(folder, inputs)
    done = run_command("run", "config.yaml", "--workers", 0, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def listed(out: Path) -> set[str]:
    """Return the files that the list of a run names, relative to its output folder."""
    paths = open_catalog(out).products()["path"]
    return {Path(p).relative_to(out).as_posix() for p in paths}


def there(out: Path) -> set[str]:
    """Return the files below the folders of products and maps."""
    return {
        p.relative_to(out).as_posix()
        for name in ("products", "maps") for p in (out / name).rglob("*") if p.is_file()
    }  # fmt: skip


def test_every_file_is_listed_and_every_listed_file_is_there(finished: Path) -> None:
    out = finished / "out"
    assert listed(out) == there(out)
    table = open_catalog(out).products()
    kinds = set(table["dataproduct_subtype"])
    assert kinds == {
        "event list", "image", "psf", "region", "flux posterior", "light curve", "counts map",
        "exposure map", "background map", "sensitivity map", "coverage",
    }  # fmt: skip
    sizes = [Path(p).stat().st_size for p in table["path"]]
    assert np.array_equal(table["access_estsize"], np.ceil(np.array(sizes) / 1000))
    sources = table[table["source_id"] != ""]
    assert set(sources["target_name"]) == set(open_catalog(out).query()["name"])
    assert (sources["s_region"][sources["dataproduct_subtype"] == "image"] != "").all()
    assert len(set(table["obs_publisher_did"])) == len(table)


def test_the_column_leads_to_the_files(finished: Path) -> None:
    out = finished / "out"
    catalog = open_catalog(out)
    assert len(catalog) == 2
    for row in catalog.query():
        folder = out / row["products"]
        assert folder.is_dir()
        found = catalog.products(row)
        assert {Path(p).parent for p in found["path"]} == {folder}
        observations = set(found["obs_id"][found["dataproduct_subtype"] == "event list"])
        assert observations == {"first", "second, of 2"}
    curves = found["path"][found["dataproduct_subtype"] == "light curve"]
    assert all(len(read_light_curve(path)) for path in curves)


def test_event_files_hold_the_counts_of_the_tables(finished: Path) -> None:
    out = finished / "out"
    catalog = open_catalog(out)
    rows = open_catalog(out, table="observations").query()
    assert len(rows) == 4
    for row in rows:
        found = catalog.products(str(row["source_id"]))
        of_it = (found["obs_id"] == row["observation"]) & (
            found["dataproduct_subtype"] == "event list"
        )
        events = open_events(found["path"][of_it][0])
        columns = events.in_energy((0.5, 7.0)).columns(["x", "y"])
        x, y = events.wcs.all_world2pix(row["ra"], row["dec"], 1)
        distance = np.hypot(columns["x"] - x, columns["y"] - y) * events.pixel_size
        assert (distance <= row["psf_radius"]).sum() == row["counts_b"]


def test_the_coverage_holds_the_sources(finished: Path) -> None:
    out = finished / "out"
    coverage = MOC.from_fits(out / "catalog" / "coverage_moc.fits")
    table = open_catalog(out).query()
    ra, dec = (np.asarray(table[name]) * u.deg for name in ("ra", "dec"))
    assert coverage.contains_lonlat(ra, dec).all()
    assert not coverage.contains_lonlat(np.array([151.0]) * u.deg, np.array([2.2]) * u.deg).any()


def test_products_are_found_by_the_command(finished: Path, call: Callable[..., tuple]) -> None:
    output = finished / "products.json"
    status, out, _ = call("catalog", "products", finished / "out", "150.05,2.22", "--json", output)
    assert status == 0
    assert "event list" in out
    paths = json.loads(output.read_text())["data"]["path"]
    assert all(Path(path).is_file() for path in paths)
    for path in paths[:2]:
        status, out, _ = call("explain", path, "--verify")
        assert status == 0
        assert "unchanged" in out


def test_the_report_shows_them(finished: Path) -> None:
    page = (finished / "out" / "report.html").read_text()
    assert "Brightest sources" in page
    assert "Sensitivity map" in page
    assert "Light curve of source 1" in page
    links = [part.partition('"')[0] for part in page.split('href="products/')[1:]]
    assert links
    assert all((finished / "out" / "products" / unquote(link)).is_file() for link in links)


def test_what_is_missing_is_published_again_and_what_is_stale_goes_away(
    tmp_path: Path, finished: Path, inputs: tuple[Path, Path],
    call: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    folder = tmp_path / "again"
    shutil.copytree(finished, folder)
    out = folder / "out"
    first = there(out)
    (out / min(first)).unlink()
    monkeypatch.chdir(folder)
    status, _, err = call("run", "config.yaml", "--workers", 0)
    assert status == 0, err
    tasks = json.loads((out / "run.json").read_text())["tasks"]
    assert {task["status"] for task in tasks} == {"cached"}
    assert there(out) == first

    table = Table.read(out / "catalog" / "sources.fits")
    least = float(np.mean(table["detection_likelihood"]))
    write_config(folder, inputs, f"products: {{min_likelihood: {least}}}\n")
    status, _, err = call("run", "config.yaml", "--workers", 0)
    assert status == 0, err
    after = there(out)
    assert after < first
    assert listed(out) == after
    paths = open_catalog(out).query(order_by="detection_likelihood")["products"].tolist()
    assert paths[0] == ""
    assert {str(Path(p).parent) for p in after if p.startswith("products")} == {paths[1]}

    write_config(folder, inputs, "products: {enabled: false, maps: false}\n")
    status, _, err = call("run", "config.yaml", "--workers", 0)
    assert status == 0, err
    assert not (out / "products").exists()
    assert not (out / "maps").exists()
    assert not (out / "catalog" / "products.fits").exists()
    assert not any(open_catalog(out).query()["products"])
