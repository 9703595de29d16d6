"""Footprints of event files, and tiles: every place has one owner, whose image holds it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xsurvey.events import EventList
from xsurvey.good_times import GoodTimeIntervals
from xsurvey.imaging.field import field_from_events
from xsurvey.imaging.parameters import ImageParameters
from xsurvey.imaging.stack_footprints import Footprint, connected, footprint_of_events
from xsurvey.imaging.stack_images import stack_counts, stack_exposure
from xsurvey.imaging.stack_parameters import SharedSky, StackGeometry, StackParameters, Tile
from xsurvey.imaging.stack_shared import NearestCentre, own_events, own_exposure
from xsurvey.imaging.stack_tiles import Core, make_stack, tangent_wcs, tiles_of
from xsurvey.missions import open_events
from xsurvey.units import EnergyBand, SkyPosition

BROAD = EnergyBand(0.5, 7.0)
NO_TIME = GoodTimeIntervals(np.empty(0), np.empty(0))


def square(ra: float, dec: float, side: float, timed: bool = True) -> Footprint:
    """A field of some degrees a side in pixels of 4 arcsec."""
    half = side * 3600 / 8
    corners = np.array([[-half, -half], [half, -half], [half, half], [-half, half]])
    return Footprint(
        SkyPosition(ra % 360, dec), tangent_wcs(SkyPosition(ra % 360, dec), 4.0), corners, True,
        timed, 4.0, NO_TIME, np.empty(0),
    )  # fmt: skip


def test_footprint_of_a_pointing_is_its_field(events: EventList) -> None:
    footprint = footprint_of_events(events)
    assert footprint is not None
    every = events.columns(["x", "y"])
    sky = events.wcs.all_pix2world(every["x"], every["y"], 1)
    assert footprint.contains(*sky).mean() > 0.999  # the outline itself may round off
    assert not footprint.contains(np.array([150.5, 330.0]), np.array([2.2, -2.2])).any()
    ra, dec = footprint.inside
    assert footprint.contains(ra, dec).all()
    # four chips of ACIS-I: 16.9' a side
    assert np.ptp(dec) * 60 == pytest.approx(17, abs=1)


def test_an_event_list_without_a_field_has_no_footprint(events: EventList) -> None:
    assert footprint_of_events(events.in_energy(EnergyBand(90, 91))) is None


@pytest.mark.parametrize(
    ("second", "together"),
    [
        ((150.0, 2.9, 1.0), True),  # overlaps
        ((150.0, 3.3, 1.0), False),  # beside it
        ((150.1, 2.25, 0.1), True),  # wholly inside
        ((150.9, 2.9, 1.0), True),  # a corner
        ((330.0, -2.2, 1.0), False),  # on the other side of the sky
    ],
)
def test_fields_that_overlap_are_connected(
    second: tuple[float, float, float], together: bool
) -> None:
    pair = [square(150.0, 2.2, 1.0), square(*second)]
    assert connected(pair) == ([[0, 1]] if together else [[0], [1]])
    assert pair[0].overlaps(pair[1]) == pair[1].overlaps(pair[0]) == together


def test_fields_are_connected_through_others_and_only_with_their_like() -> None:
    chain = [square(10.0 + 0.9 * i, 0.0, 1.0) for i in (0, 2, 1)]
    assert connected(chain) == [[0, 1, 2]]
    # a relative exposure cannot be added to seconds
    assert connected([chain[0], square(10.0, 0.1, 1.0, timed=False)]) == [[0], [1]]


def test_what_fits_is_one_tile() -> None:
    fields = [square(150.0, 2.2, 1.0), square(150.5, 2.2, 1.0)]
    ((tile, reaching),) = tiles_of(fields, 4.0, StackParameters())
    assert reaching == [0, 1]
    assert tile.width == pytest.approx(1.5 * 3600, rel=0.01)
    assert tile.height == pytest.approx(3600, rel=0.01)
    assert Core(tile)(np.array([0.0, 359.9]), np.array([90.0, -90.0])).all()


@settings(max_examples=15, deadline=None)
@given(
    ra=st.floats(0, 360), dec=st.floats(-86, 86), number=st.integers(1, 4), step=st.floats(0.5, 3),
    side=st.floats(0.4, 3.6),
)  # fmt: skip
def test_every_place_has_one_owner_whose_image_holds_it(
    ra: float, dec: float, number: int, step: float, side: float
) -> None:
    fields = [square(ra + i * step / np.cos(np.radians(dec)), dec, side) for i in range(number)]
    parameters = StackParameters(max_size=1000)
    tiles = tiles_of(fields, 4.0, parameters)
    generator = np.random.default_rng(1)
    for field in fields:
        places = field.inside
        chosen = generator.integers(0, len(places[0]), 100)
        places = places[0][chosen], places[1][chosen]
        owners = np.array([Core(tile)(*places) for tile, _ in tiles])
        assert (owners.sum(axis=0) == 1).all()
        for (tile, reaching), mine in zip(tiles, owners, strict=True):
            if not mine.any():
                continue
            assert fields.index(field) in reaching
            x, y = tangent_wcs(SkyPosition(tile.ra, tile.dec), 1.0).all_world2pix(
                places[0][mine], places[1][mine], 0
            )
            # with the whole margin around it, or it is the one tile of all
            margin = parameters.margin if len(tiles) > 1 else 0
            assert (np.abs(x) <= tile.width / 2 - margin + 1).all()
            assert (np.abs(y) <= tile.height / 2 - margin + 1).all()
    for tile, _ in tiles:
        assert max(tile.width, tile.height) / 4 <= 1010


def test_the_strip_reaches_beyond_the_core() -> None:
    tile = Tile(
        ra=0.5, dec=1, width=3600, height=3600, origin=0.0, core_ra=(-0.5, 0.5), core_dec=(0.0, 1.0)
    )
    ra, dec = np.array([0.495, 0.505, 359.4, 0.0, 0.0]), np.array([0.5, 0.5, 0.5, 1.0, -0.005])
    assert Core(tile)(ra, dec).tolist() == [True, False, False, False, False]
    assert Core(tile, 36.0)(ra, dec).tolist() == [True, True, False, True, True]


@pytest.fixture(scope="module")
def scan(make_events: Callable[..., Path]) -> EventList:
    path = make_events(
        seed=4, mission="erosita", scans=6, field_size="40arcmin", energy="0.2-5",
        background_rate=2, source=("150.0,2.2,400",),
    )  # fmt: skip
    return open_events(path)


def test_tiles_of_a_scan_are_windows_that_add_up(scan: EventList) -> None:
    field = field_from_events(scan, [EnergyBand(0.2, 2.3)], ImageParameters())
    footprint = footprint_of_events(scan)
    assert footprint is not None
    assert footprint.scanning
    tiles = tiles_of([footprint], 4.0, StackParameters(max_size=400, margin="3arcmin"))
    assert len(tiles) > 3
    whole = field.counts["4"]
    owned = np.zeros(whole.grid.shape, dtype=int)
    for tile, _ in tiles:
        stack = make_stack("t", StackGeometry(tile=tile), ["scan"], [field])
        counts = stack_counts(stack, "4")
        assert counts.data is stack.fields[0].counts["4"].data  # a window, not resampled
        assert max(counts.data.shape) < 420
        ny, nx = counts.data.shape
        x, y = stack.grid.to_sky_pixels(np.arange(nx), np.arange(ny))
        first_x = round((x[0] - whole.grid.x_edge) / whole.grid.sky_pixels - 0.5)
        first_y = round((y[0] - whole.grid.y_edge) / whole.grid.sky_pixels - 0.5)
        rows, columns = slice(first_y, first_y + ny), slice(first_x, first_x + nx)
        assert np.array_equal(counts.data, whole.data[rows, columns])
        assert np.array_equal(
            stack_exposure(stack, "4").data, field.exposure["4"].data[rows, columns]
        )
        py, px = np.indices((ny, nx))
        owned[rows, columns] += Core(tile)(*stack.grid.to_icrs(px.ravel(), py.ravel())).reshape(
            ny, nx
        )
    assert (owned == 1).all()


def test_a_tile_that_nothing_exposes_has_no_fields(scan: EventList) -> None:
    field = field_from_events(scan, [EnergyBand(0.2, 2.3)], ImageParameters())
    far = Tile(ra=200.0, dec=2.2, width=1000, height=1000)
    assert make_stack("t", StackGeometry(tile=far), ["scan"], [field]).fields == ()


def test_shared_photons_are_used_once(scan: EventList) -> None:
    """Two files of the same photons with different centres: each place is the nearer one's."""
    centres = (149.9, 2.2), (150.1, 2.2)
    parts = [
        own_events(scan, SharedSky(centre=centres[i], others=(centres[1 - i],))) for i in (0, 1)
    ]
    times = [part.columns(["time", "x"]) for part in parts]
    assert len(np.intersect1d(times[0]["time"], times[1]["time"])) == 0
    assert sum(len(t["time"]) for t in times) == scan.count()
    for part, (ra, _) in zip(times, centres, strict=True):
        assert len(part["time"]) > 0.3 * scan.count()
        sky, _ = scan.wcs.all_pix2world(part["x"], np.zeros(len(part["x"])), 1)
        assert (np.abs(sky - ra) < np.abs(sky - (300 - ra)) + 1e-4).all()
    fields = [
        own_exposure(
            field_from_events(part, [EnergyBand(0.2, 2.3)], ImageParameters()),
            SharedSky(centre=centres[i], others=(centres[1 - i],)),
        )
        for i, part in enumerate(parts)
    ]
    whole = field_from_events(scan, [EnergyBand(0.2, 2.3)], ImageParameters())
    seconds = [f.exposure["4"].data.sum() for f in fields]
    assert sum(seconds) == pytest.approx(whole.exposure["4"].data.sum(), rel=0.02)


def test_a_place_as_near_to_both_centres_is_one_of_them() -> None:
    centres = (149.9, 0.0), (150.1, 0.0)
    wcs = tangent_wcs(SkyPosition(150.0, 0.0), 4.0)
    own = [
        NearestCentre(wcs, SharedSky(centre=centres[i], others=(centres[1 - i],))) for i in (0, 1)
    ]
    x, y = np.full(50, 1.0), np.linspace(-300, 300, 50)
    assert np.array_equal(own[0].contains(x, y), ~own[1].contains(x, y))


def test_files_with_the_same_photons_are_told_by_their_times(
    scan: EventList, make_events: Callable[..., Path]
) -> None:
    other = make_events(
        seed=5, mission="erosita", scans=6, field_size="40arcmin", energy="0.2-5",
        background_rate=2, source=("150.0,2.2,400",),
    )  # fmt: skip
    first, again = footprint_of_events(scan), footprint_of_events(scan.in_energy(EnergyBand(0, 1)))
    second = footprint_of_events(open_events(other))
    assert first is not None
    assert again is not None
    assert second is not None
    assert first.shares_photons(again)
    # the same good times, but other photons
    assert not first.shares_photons(second)
