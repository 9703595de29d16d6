"""What stages of stacks read: observations in order, without those that failed."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from xsurvey.engine import TaskContext
from xsurvey.imaging.field import field_from_events
from xsurvey.imaging.field_store import write_field
from xsurvey.imaging.parameters import ImageParameters
from xsurvey.imaging.stack_images import stack_counts, stack_exposure
from xsurvey.imaging.stack_parameters import SharedSky, StackGeometry, Tile
from xsurvey.missions import open_events
from xsurvey.missions.selection import SelectionParameters
from xsurvey.pipelines.stack_reading import (
    OBSERVATION,
    given_backgrounds,
    given_region,
    read_stack,
)
from xsurvey.regions import RegionSet
from xsurvey.units import EnergyBand

BAND = EnergyBand(0.5, 7)
NAMES = ("one", "two")
MOSAIC = Tile(ra=150.05, dec=2.225, width=2200, height=2200)


@pytest.fixture(scope="module")
def files(
    make_events: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[Path], list[Path]]:
    """Event files of two overlapping pointings, and the folders of their images."""
    folder = tmp_path_factory.mktemp("stack")
    events, fields = [], []
    for seed, (name, pointing) in enumerate(zip(NAMES, ("150.0,2.2", "150.1,2.25"), strict=True)):
        events.append(make_events(seed=seed + 1, exposure="2ks", pointing=pointing, roll=20 * seed))
        fields.append(folder / f"field of {name}")
        write_field(
            fields[-1],
            [
                field_from_events(
                    open_events(events[-1]), [BAND], ImageParameters(pixel_size="3.936arcsec")
                )
            ],
        )
        (fields[-1] / OBSERVATION).write_text(json.dumps(name))
    return events, fields


def context(
    files: tuple[list[Path], list[Path]], tmp_path: Path, **geometry: object
) -> TaskContext:
    known = {
        "observations": NAMES, "files": (1, 1), "shared": (SharedSky(), SharedSky()),
        "tile": MOSAIC, "several": True,
    }  # fmt: skip
    return TaskContext(
        "stack", {"events": files[0], "fields": files[1]},
        {
            "selection": SelectionParameters(), "stack": StackGeometry(**{**known, **geometry}),
        },
        tmp_path, seed=1,
    )  # fmt: skip


def test_the_stack_has_all_observations_on_one_grid(
    files: tuple[list[Path], list[Path]], tmp_path: Path
) -> None:
    stack = read_stack(context(files, tmp_path))
    assert stack.names == NAMES
    assert stack.owns is None
    assert [f.events.observation.path for f in stack.fields if f.events] == files[0]
    counts = stack_counts(stack, "b")
    assert counts.data.sum() == sum(f.counts["b"].data.sum() for f in stack.fields)
    assert stack_exposure(stack, "b").data.max() > 3500  # of 2 ks each


def test_an_observation_whose_images_failed_is_left_out(
    files: tuple[list[Path], list[Path]], tmp_path: Path
) -> None:
    whole = context(files, tmp_path)
    left = replace(whole, inputs={"events": files[0], "fields": files[1][1:]})
    stack = read_stack(left)
    assert stack.names == ("two",)
    (field,) = stack.fields
    assert field.events is not None
    assert field.events.observation.path == files[0][1]


def test_in_a_tile_images_are_windows(files: tuple[list[Path], list[Path]], tmp_path: Path) -> None:
    small = Tile(
        ra=150.05, dec=2.225, width=400, height=400, origin=150.05, core_ra=(-0.03, 0.03),
        core_dec=(2.2, 2.25), strip=30.0,
    )  # fmt: skip
    stack = read_stack(context(files, tmp_path, tile=small))
    assert stack.names == NAMES
    for field in stack.fields:
        assert max(field.counts["b"].data.shape) < 160  # a rotated square, of 3.9" pixels
    assert stack.owns is not None
    inside = stack.owns(np.array([150.05, 150.085, 150.1]), np.full(3, 2.22))
    assert inside.tolist() == [True, True, False]  # the second within the strip
    # what no observation sees has no fields
    far = small.model_copy(update={"ra": 10.0})
    assert read_stack(context(files, tmp_path, tile=far)).fields == ()


def test_a_given_background_is_cut_as_the_images_are(
    files: tuple[list[Path], list[Path]], tmp_path: Path
) -> None:
    given = files[1][1] / "exposure_b.fits"
    small = Tile(ra=150.05, dec=2.225, width=400, height=400)
    base = context(files, tmp_path, tile=small, backgrounds=("two",))
    with_map = replace(base, inputs={**base.inputs, "backgrounds": [given]})
    stack = read_stack(with_map)
    maps = given_backgrounds(with_map, stack)
    assert list(maps) == ["two"]
    assert np.array_equal(maps["two"].data, stack.fields[1].exposure["b"].data)


def test_regions_of_some_observations_leave_the_fields_of_others(
    files: tuple[list[Path], list[Path]], tmp_path: Path
) -> None:
    region = tmp_path / "inside.reg"
    region.write_text('icrs\ncircle(150.15,2.27,100")\n')
    base = context(files, tmp_path, regions=("two",))
    assert given_region(base, read_stack(base)) is None
    with_region = replace(base, inputs={**base.inputs, "regions": [region]})
    inside = given_region(with_region, read_stack(with_region))
    # in the region; in the field of the first alone; of the second alone and not in its region;
    # in neither
    ra = np.array([150.15, 149.95, 150.2, 151.0])
    dec = np.array([2.27, 2.15, 2.2, 2.2])
    assert inside(ra, dec).tolist() == [True, True, False, False]


def test_the_region_of_one_observation_is_as_it_is(
    files: tuple[list[Path], list[Path]], tmp_path: Path
) -> None:
    region = tmp_path / "inside.reg"
    region.write_text('icrs\ncircle(150.0,2.2,100")\n')
    alone = TaskContext(
        "one", {"events": files[0][:1], "fields": files[1][:1], "regions": [region]},
        {
            "selection": SelectionParameters(),
            "stack": StackGeometry(
                observations=("one",), files=(1,), shared=(SharedSky(),), regions=("one",)
            ),
        },
        tmp_path, seed=1,
    )  # fmt: skip
    stack = read_stack(alone)
    assert stack.names == ("one",)
    assert isinstance(given_region(alone, stack), RegionSet)
