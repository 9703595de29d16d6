"""Runs of several observations of a field: one master row, a row for each observation."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from xsurvey.catalogs import open_catalog

from .test_sources import write_config
from .test_stacks import write_half

pytestmark = pytest.mark.slow

Run = Callable[..., subprocess.CompletedProcess[str]]

BOTH, FIRST, SECOND = (150.05, 2.22), (149.95, 2.15), (150.17, 2.28)
COARSE = "image: {pixel_size: 3.936arcsec}"
"""Pixels that make these tests quick."""
OF_SCANS = "image: {pixel_size: 6arcsec}"
"""The same of survey scans, whose PSF is wider."""


@pytest.fixture(scope="module")
def pointings(make_events: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two overlapping pointings with different roll; a source in both, and one in each alone."""
    folder = tmp_path_factory.mktemp("pointings")
    common = {"exposure": "10ks", "background_rate": 0.1}
    for number, (pointing, roll, sources) in enumerate(
        (("150.0,2.2", 0.0, (BOTH, FIRST)), ("150.1,2.25", 30.0, (BOTH, SECOND))), start=1
    ):
        made = make_events(
            seed=number, pointing=pointing, roll=roll,
            source=tuple(f"{ra},{dec},{100 * number}" for ra, dec in sources), **common,
        )  # fmt: skip
        made.rename(folder / f"p{number}.fits")
    return folder


def run(folder: Path, run_command: Run, inputs: list[Path], extra: str, workers: int = 0) -> Path:
    write_config(folder, inputs, extra)
    done = run_command("run", "config.yaml", "--workers", workers, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "out"


def tables(out: Path) -> tuple[Table, Table, Table]:
    names = ("sources", "detections", "observations")
    return tuple(Table.read(out / "catalog" / f"{name}.fits") for name in names)  # type: ignore[return-value]


def near(table: Table, place: tuple[float, float], radius: float = 2.0) -> Table:
    east = (table["ra"] - place[0]) * np.cos(np.radians(place[1]))
    return table[np.hypot(east, table["dec"] - place[1]) * 3600 < radius]


@pytest.fixture(scope="module")
def mosaic(pointings: Path, tmp_path_factory: pytest.TempPathFactory, run_command: Run) -> Path:
    """The output of a run of both pointings."""
    folder = tmp_path_factory.mktemp("mosaic")
    return run(folder, run_command, [pointings / "p1.fits", pointings / "p2.fits"], COARSE)


def test_a_source_in_both_has_one_row_and_one_for_each_observation(mosaic: Path) -> None:
    sources, detections, observations = tables(mosaic)
    (both,) = near(sources, BOTH)
    assert (both["n_observations"], both["n_detections"]) == (2, 1)
    assert str(both["stack"]) == "chandra_J1000+0213"
    mine = observations[observations["source_id"] == both["source_id"]]
    assert sorted(mine["observation"]) == ["p1", "p2"]
    assert sorted(mine["epoch"]) == [1, 2]
    # counts add up, and the rate of both is between those of each
    assert sum(mine["counts_b"]) == both["counts_b"]
    assert both["net_counts_b"] == pytest.approx(300, rel=0.2)
    assert both["ml_counts_b"] == pytest.approx(300, rel=0.2)
    assert min(mine["rate_b"]) < both["rate_b"] < max(mine["rate_b"])
    assert both["exposure_b"] == pytest.approx(sum(mine["exposure_b"]), rel=0.01)
    assert set(observations["source_id"]) == set(sources["source_id"])
    assert set(detections["source_id"]) == set(sources["source_id"])
    assert len(near(detections, BOTH)) == 1


@pytest.mark.parametrize(("place", "observation"), [(FIRST, "p1"), (SECOND, "p2")])
def test_a_source_in_one_field_has_one_observation(
    mosaic: Path, place: tuple[float, float], observation: str
) -> None:
    sources, _, observations = tables(mosaic)
    (one,) = near(sources, place)
    mine = observations[observations["source_id"] == one["source_id"]]
    seen_by_both = len(mine) == 2  # where the fields overlap the other has an upper limit
    assert one["n_observations"] == len(mine)
    brightest = mine[np.argmax(mine["net_counts_b"])]
    assert str(brightest["observation"]) == observation
    assert one["net_counts_b"] == pytest.approx(100 if place == FIRST else 200, rel=0.3)
    assert not seen_by_both or np.isfinite(mine["rate_b_upper"]).all()


def test_report_and_run_tell_of_the_stack(mosaic: Path) -> None:
    page = (mosaic / "report.html").read_text()
    assert "chandra_J1000+0213" in page
    assert "p1" in page
    record = json.loads((mosaic / "run.json").read_text())
    assert {t["target"] for t in record["tasks"]} == {"p1", "p2", "chandra_J1000+0213", "all"}


def test_searched_alone_the_source_is_linked_in_the_catalog(
    pointings: Path, tmp_path: Path, run_command: Run
) -> None:
    inputs = [pointings / "p1.fits", pointings / "p2.fits"]
    out = run(tmp_path, run_command, inputs, f"{COARSE}\nstacking: {{combine: false}}")
    sources, detections, observations = tables(out)
    (both,) = near(sources, BOTH)
    assert (both["n_observations"], both["n_detections"]) == (2, 2)
    assert sorted(near(detections, BOTH)["stack"]) == ["p1", "p2"]
    mine = observations[observations["source_id"] == both["source_id"]]
    assert sorted(mine["epoch"]) == [1, 2]
    assert sorted(mine["detection_id"]) == sorted(near(detections, BOTH)["detection_id"])


def test_one_bad_observation_does_not_stop_its_stack(
    pointings: Path, tmp_path: Path, run_command: Run
) -> None:
    # headers and the first events can be read, which is all that the plan looks at
    bad = tmp_path / "bad.fits"
    bad.write_bytes((pointings / "p2.fits").read_bytes())
    (tmp_path / "map.fits").write_bytes((pointings / "p2.fits").read_bytes())
    write_config(
        tmp_path, [pointings / "p1.fits"],
        COARSE,
    )  # fmt: skip
    text = (tmp_path / "config.yaml").read_text()
    entry = f"  - {{events: {bad}, exposure: {tmp_path / 'map.fits'}}}\n"
    (tmp_path / "config.yaml").write_text(text.replace("output:", f"{entry}output:"))
    done = run_command("run", "config.yaml", "--workers", 0, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert done.stderr.rstrip().splitlines()[-1].startswith("xsurvey: error: bad: ")
    out = tmp_path / "out"
    sources, _, observations = tables(out)
    (both,) = near(sources, BOTH)
    assert both["n_observations"] == 1
    assert set(observations["observation"]) == {"p1"}
    page = (out / "report.html").read_text()
    assert "goes on without bad" in page


@pytest.fixture(scope="module")
def tiles(
    make_events: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory, run_command: Run
) -> Path:
    """A survey scan as one file, with the output of its run, and as two tiles that overlap."""
    folder = tmp_path_factory.mktemp("tiles")
    scan = make_events(
        seed=4, mission="erosita", scans=8, field_size="24arcmin", energy="0.2-5",
        background_rate=1, random_sources=6, random_counts=120,
        source=("150.0,2.2,400", "150.02,2.27,300"),
    )  # fmt: skip
    scan.rename(folder / "whole.fits")
    for name, side in (("east", 1), ("west", -1)):
        write_half(folder / "whole.fits", folder / f"{name}.fits", side)
    run(folder, run_command, [folder / "whole.fits"], OF_SCANS)
    return folder


def events_of(out: Path) -> int:
    record = json.loads((out / "run.json").read_text())
    return sum(t["record"]["events"] for t in record["tasks"] if t["stage"] == "image")


def same_sources(some: Table, others: Table) -> None:
    """Compare the clear sources of two tables, both ways."""
    for first, second in ((some, others), (others, some)):
        for row in first[first["detection_likelihood"] > 30]:
            (same,) = near(second, (row["ra"], row["dec"]), 8.0)
            assert same["ml_counts_4"] == pytest.approx(row["ml_counts_4"], rel=0.1)
            assert same["counts_4"] == pytest.approx(row["counts_4"], rel=0.1, abs=5)


def test_overlapping_tiles_have_no_source_and_no_photon_twice(
    tiles: Path, tmp_path: Path, run_command: Run
) -> None:
    out = run(tmp_path, run_command, [tiles / "east.fits", tiles / "west.fits"], OF_SCANS)
    assert events_of(out) == events_of(tiles / "out")
    split, _, observations = tables(out)
    same_sources(split, tables(tiles / "out")[0])
    assert len(observations) >= len(split)
    assert "photons that 1 other file" in (out / "report.html").read_text()


def test_a_field_cut_into_tiles_has_the_same_sources_with_any_number_of_workers(
    tiles: Path, tmp_path: Path, run_command: Run
) -> None:
    small = f"{OF_SCANS}\nstacking: {{max_size: 200, margin: 3arcmin}}"
    found = []
    for workers in (0, 2):
        folder = tmp_path / str(workers)
        folder.mkdir()
        found.append(run(folder, run_command, [tiles / "whole.fits"], small, workers))
    for name in ("sources.fits", "detections.fits", "observations.fits"):
        first, second = (out / "catalog" / name for out in found)
        assert first.read_bytes() == second.read_bytes()
    cut, _, _ = tables(found[0])
    assert len(set(cut["stack"])) > 2
    same_sources(cut, tables(tiles / "out")[0])
    assert len(open_catalog(found[0], table="detections")) == len(cut)
