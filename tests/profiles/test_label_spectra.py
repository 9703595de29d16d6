"""Counts of all regions at once, against plain sums and against the extraction of one region."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.wcs.utils import pixel_to_skycoord, skycoord_to_pixel
from regions import CirclePixelRegion, PixCoord

from xsurvey.events import EventList
from xsurvey.imaging.sky_image import ImageGrid, grid_from_events, grid_from_wcs
from xsurvey.missions import get_mission, open_events
from xsurvey.missions.responses import ChannelGrid
from xsurvey.profiles.label_spectra import label_spectra, labels_at
from xsurvey.profiles.layout_making import make_layout
from xsurvey.profiles.layout_parameters import AnnuliParameters
from xsurvey.profiles.observed_regions import RegionObservation, observe_regions
from xsurvey.profiles.places_on_grid import PlacesOnGrid, pixels_on, unit_vectors_on
from xsurvey.regions import RegionSet
from xsurvey.spectra.extraction import ExtractionParameters, extract_spectrum
from xsurvey.units import SkyPosition

from .images import wcs_of
from .regions import CENTRE, RINGS

GROUPS = {"TM8": (1, 2, 3, 4, 6), "TM9": (5, 7)}
CHANNELS = ChannelGrid.uniform(1, 40, 0.1, start=0.3)


@pytest.fixture(scope="session")
def scan(make_events: Callable[..., Path]) -> EventList:
    """Scans over a field of 1.6 degrees, flat in energy."""
    return open_events(make_events(
        seed=8, mission="erosita", scans=8, field_size="1.6deg", energy="0.2-10",
        background_rate=8,
    ))  # fmt: skip


def galactic(size: int = 400, pixel: float = 20.0) -> ImageGrid:
    """Return a grid of another projection and frame over the same sky."""
    place = pixel_to_skycoord(0, 0, wcs_of(1), origin=0).galactic
    wcs = wcs_of(size, pixel, "TAN", SkyPosition(place.l.deg, place.b.deg), "GLON")
    return grid_from_wcs(wcs, (size, size))


@pytest.mark.parametrize("own_grid", [True, False])
def test_counts_are_those_of_a_plain_sum(scan: EventList, own_grid: bool) -> None:
    grid = grid_from_events(scan, 16.0) if own_grid else galactic()
    generator = np.random.default_rng(1)
    layout = make_layout(grid, CENTRE, RINGS, generator.random(grid.shape) < 0.8)
    found = label_spectra(scan, layout, CHANNELS, GROUPS)
    columns = scan.columns(["x", "y", "energy", "detector"])
    sky = pixel_to_skycoord(columns["x"], columns["y"], scan.wcs, origin=1)
    column, row = skycoord_to_pixel(sky, grid.wcs, origin=0)
    j, i = np.floor(column + 0.5).astype(int), np.floor(row + 0.5).astype(int)
    inside = (i >= 0) & (j >= 0) & (i < grid.shape[0]) & (j < grid.shape[1])
    label = np.full(len(i), -1)
    label[inside] = layout.detected[i[inside], j[inside]]
    off = 0
    for g, detectors in enumerate(GROUPS.values()):
        for r in range(len(layout.regions)):
            chosen = (label == r) & np.isin(columns["detector"], detectors)
            edges = np.append(CHANNELS.low, CHANNELS.high[-1])
            expected = np.histogram(columns["energy"][chosen], edges)[0]
            off += int(np.abs(found.counts[g, r] - expected).sum())
    # through another projection an event on the edge of a pixel may change places
    assert off <= (0 if own_grid else 20)
    assert found.counts.sum() > 5_000
    energy = columns["energy"][label >= 0]
    assert found.outside == pytest.approx(np.sum((energy < 0.3) | (energy >= 4.3)), abs=20)
    assert np.array_equal(found.box[0], [columns["x"].min(), columns["y"].min()])


def test_places_through_other_projections(scan: EventList) -> None:
    grid = galactic()
    places = PlacesOnGrid(scan.wcs, scan.pixel_size, grid)
    generator = np.random.default_rng(2)
    x, y = generator.uniform(-50_000, 50_000, (2, 5000))
    exact = skycoord_to_pixel(pixel_to_skycoord(x, y, scan.wcs, origin=1), grid.wcs, origin=0)
    for found, wanted in zip(places(x, y), exact, strict=True):
        inside = (exact[0] > 0) & (exact[0] < 399) & (exact[1] > 0) & (exact[1] < 399)
        assert inside.sum() > 3000
        assert np.abs(found - wanted)[inside].max() < 2e-3


def test_pixels_on_another_grid() -> None:
    grid, other = grid_from_wcs(wcs_of(300, 30.0), (300, 280)), galactic()
    y, x = np.indices(grid.shape, dtype=float)
    sky = pixel_to_skycoord(x, y, grid.wcs, origin=0)
    exact = skycoord_to_pixel(sky, other.wcs, origin=0)
    for found, wanted in zip(pixels_on(grid, other), exact, strict=True):
        assert np.abs(found - wanted).max() < 2e-3
    for found, wanted in zip(unit_vectors_on(grid), sky.icrs.cartesian.xyz.value, strict=True):
        assert np.abs(found - wanted).max() < 2e-6  # of a mesh of 8 arcmin


def test_events_far_from_a_grid_are_in_no_region(scan: EventList) -> None:
    far = grid_from_wcs(wcs_of(50, 20.0, "TAN", SkyPosition(330.0, -2.2)), (50, 50))
    places = PlacesOnGrid(scan.wcs, scan.pixel_size, far)
    label = labels_at(np.zeros((50, 50), int), *places(np.zeros(5), np.zeros(5)))
    assert np.array_equal(label, np.full(5, -1))


def test_a_circle_as_extract_spectrum_has_it(scan: EventList) -> None:
    """Counts, exposure, area and effective area of one region; pixels are small."""
    radius = 12.0
    grid = grid_from_events(scan, 6.0)
    layout = make_layout(grid, CENTRE, AnnuliParameters(edges=("0arcmin", f"{radius}arcmin")))
    everything = {"all": (1, 2, 3, 4, 5, 6, 7)}
    seen = observe_regions(RegionObservation(scan), layout, everything).groups["all"]
    x, y = scan.wcs.all_world2pix([CENTRE], 0)[0]
    circle = CirclePixelRegion(PixCoord(x, y), radius * 60 / scan.pixel_size)
    wanted = extract_spectrum(
        scan, RegionSet((circle,), ()), parameters=ExtractionParameters(area_weights="flat")
    )
    assert np.array_equal(get_mission("erosita").channels.numbers, wanted.source.channels)
    total = wanted.source.counts.sum()
    assert total > 1000
    # events between the circle and the pixels' outline
    assert np.abs(seen.counts[0] - wanted.source.counts).sum() < 0.02 * total
    integral = wanted.source.exposure * wanted.source.backscal[0] * 3600
    assert seen.exposure.integral[0] == pytest.approx(integral, rel=2e-3)
    assert wanted.arf is not None
    useful = wanted.arf.effective_area > 1
    ratio = seen.areas()[0][useful] / wanted.arf.effective_area[useful]
    assert np.abs(ratio - 1).max() < 3e-3
