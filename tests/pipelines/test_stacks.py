"""Which observations a plan puts together, and what each task is told."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from xsurvey.config import Config, load_config
from xsurvey.engine.plan import OutputOf
from xsurvey.errors import InputError
from xsurvey.pipelines import get_pipeline
from xsurvey.pipelines.observations import observations
from xsurvey.pipelines.sources import plan_sources
from xsurvey.pipelines.stacks import StackPlan, stacks_of

Make = Callable[..., Path]
CHANDRA = {"exposure": "2ks", "background_rate": 0.3, "source": ("150.05,2.22,100",)}
SCAN = {
    "mission": "erosita", "scans": 4, "field_size": "40arcmin", "energy": "0.2-5",
    "background_rate": 2, "source": ("150.0,2.2,200",),
}  # fmt: skip


def config(folder: Path, inputs: list[object], extra: str = "") -> Config:
    lines = ["schema: 1", "pipeline: sources", "output: out", "inputs:"]
    path = folder / "config.yaml"
    path.write_text("\n".join([*lines, *(f"  - {entry}" for entry in inputs), extra]) + "\n")
    return load_config(path, lambda name: get_pipeline(name).sections)


def planned(folder: Path, inputs: list[object], extra: str = "") -> StackPlan:
    loaded = config(folder, inputs, extra)
    return stacks_of(loaded, observations(loaded))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, make_events: Make) -> Path:
    """Three Chandra pointings, of which two overlap; two eROSITA tiles of the same photons."""
    folder = tmp_path_factory.mktemp("inputs")
    for number, pointing in enumerate(("150.0,2.2", "150.1,2.25", "151.0,2.2"), start=1):
        made = make_events(seed=number, pointing=pointing, roll=20.0 * number, **CHANDRA)
        made.rename(folder / f"p{number}.fits")
    scan = make_events(seed=4, pointing="150.0,2.2", **SCAN)
    for name, side in (("east", 1), ("west", -1)):
        write_half(scan, folder / f"{name}.fits", side)
    (folder / "noise.fits").write_bytes(b"no FITS at all" * 300)
    return folder


def write_half(scan: Path, path: Path, side: int) -> None:
    """Write a tile of a scan: somewhat more than its eastern or western half."""
    with fits.open(scan) as hdus:
        table = next(h for h in hdus if h.name == "EVENTS")
        x = np.asarray(table.data["X"], float)
        middle, half = (x.min() + x.max()) / 2, np.ptp(x) / 2
        # X grows to the west
        table.data = table.data[-side * (x - middle) > -0.3 * half]
        table.header["RA_CEN"] = 150.0 + side * 0.1
        table.header["DEC_CEN"] = 2.2
        hdus.writeto(path)


def names(plan: StackPlan) -> dict[str, list[str]]:
    return {s.name: [o.name for o in s.observations] for s in plan.stacks}


def test_observations_that_overlap_are_a_stack_with_a_name_of_its_place(
    folder: Path, tmp_path: Path
) -> None:
    inputs = [folder / f"p{n}.fits" for n in (1, 3, 2)]
    assert names(planned(tmp_path, inputs)) == {
        "chandra_J1000+0213": ["p1", "p2"], "p3": ["p3"],
    }  # fmt: skip
    assert names(planned(tmp_path, inputs, "stacking: {combine: false}")) == {
        "p1": ["p1"], "p3": ["p3"], "p2": ["p2"],
    }  # fmt: skip


def test_a_name_of_an_input_is_not_taken(folder: Path, tmp_path: Path) -> None:
    inputs: list[object] = [folder / "p1.fits", folder / "p2.fits"]
    third = f"{{events: {folder / 'p3.fits'}, name: chandra_J1000+0213}}"
    assert list(names(planned(tmp_path, [*inputs, third]))) == [
        "chandra_J1000+0213b", "chandra_J1000+0213",
    ]  # fmt: skip


def test_a_file_that_cannot_be_read_is_alone(folder: Path, tmp_path: Path) -> None:
    plan = planned(tmp_path, [folder / n for n in ("noise.fits", "p1.fits", "p2.fits")])
    assert names(plan) == {"noise": ["noise"], "chandra_J1000+0213": ["p1", "p2"]}


def test_missions_are_not_mixed(folder: Path, tmp_path: Path) -> None:
    plan = planned(tmp_path, [folder / "p1.fits", folder / "east.fits"])
    assert names(plan) == {"p1": ["p1"], "east": ["east"]}


def test_large_scans_are_tiles_and_lone_pointings_are_not(folder: Path, tmp_path: Path) -> None:
    small = "stacking: {max_size: 350, margin: 2arcmin}"
    plan = planned(tmp_path, [folder / "east.fits", folder / "p1.fits"], small)
    assert "p1" in names(plan)
    tiles = [stack for stack in plan.stacks if stack.group == "east"]
    assert [t.name for t in tiles] == [f"east_t{n:02d}" for n in range(1, len(tiles) + 1)]
    assert len(tiles) > 1
    assert not any(t.geometry.several for t in tiles)
    mosaic = planned(tmp_path, [folder / "p1.fits", folder / "p2.fits"], small)
    assert {stack.group for stack in mosaic.stacks} == {"chandra_J1000+0213"}
    assert len(mosaic.stacks) > 3


def test_tiles_with_the_same_photons_share_the_sky(folder: Path, tmp_path: Path) -> None:
    inputs = [folder / "east.fits", folder / "west.fits"]
    for extra in ("", "stacking: {combine: false}"):
        plan = planned(tmp_path, inputs, extra)
        assert plan.shared["east"].centre == (150.1, 2.2)
        assert plan.shared["east"].others == ((149.9, 2.2),)
        assert plan.shared["west"].others == ((150.1, 2.2),)
    loaded = config(tmp_path, inputs)
    tasks = {str(task.id): task for task in plan_sources(loaded).tasks}
    assert tasks["image east"].parameters["shared"].others == ((149.9, 2.2),)
    geometry = tasks["detect erosita_J1000+0212"].parameters["stack"]
    assert [s.centre for s in geometry.shared] == [(150.1, 2.2), (149.9, 2.2)]


def test_a_pointing_given_twice_is_refused(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.fits"
    copy.write_bytes((folder / "p1.fits").read_bytes())
    with pytest.raises(InputError, match=r"copy\.fits.*same photons as .*p1\.fits"):
        planned(tmp_path, [folder / "p1.fits", copy])
    tile = tmp_path / "tile.fits"
    tile.write_bytes((folder / "east.fits").read_bytes())
    with pytest.raises(InputError, match="same photons"):
        planned(tmp_path, [folder / "east.fits", tile])


def test_what_is_given_for_single_observations_reaches_the_tasks(
    folder: Path, tmp_path: Path
) -> None:
    region = tmp_path / "inside.reg"
    region.write_text('icrs\ncircle(150.1,2.25,120")\n')
    entry = f"{{events: {folder / 'p2.fits'}, region: {region}, arf: {region}}}"
    plan = plan_sources(config(tmp_path, [folder / "p1.fits", entry]))
    tasks = {str(task.id): task for task in plan.tasks}
    detect, photometry = (tasks[f"{s} chandra_J1000+0213"] for s in ("detect", "photometry"))
    assert detect.inputs["regions"] == [region]
    assert detect.parameters["stack"].regions == ("p2",)
    assert photometry.inputs["arfs"] == [region]
    fields = detect.inputs["fields"]
    assert all(isinstance(f, OutputOf) for f in fields)
    assert [f.task.target for f in fields] == ["p1", "p2"]
    assert detect.inputs["events"] == [folder / "p1.fits", folder / "p2.fits"]


def test_a_plan_is_the_same_each_time(folder: Path, tmp_path: Path) -> None:
    inputs = [folder / f"{n}.fits" for n in ("p1", "p2", "p3", "east", "west")]
    small = "stacking: {max_size: 400, margin: 2arcmin}"
    assert planned(tmp_path, inputs, small) == planned(tmp_path, inputs, small)
