"""Exposed areas against going through all pixels: gaps, edges, masks, scans, supplied maps."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from xsurvey.errors import InputError
from xsurvey.events import EventList
from xsurvey.imaging.exposure import approximate_exposure
from xsurvey.imaging.sky_image import SkyImage, grid_from_events
from xsurvey.missions import get_mission, open_events
from xsurvey.regions import RegionSet
from xsurvey.simulate.observation import SimulatedObservation
from xsurvey.spectra.extraction import GivenResponses, extract_spectrum
from xsurvey.units import EnergyBand

from .tools import brute_areas, circle, matrix, region, sky_circle

Pointing = tuple[SimulatedObservation, Path]

COUNTS_ONLY = GivenResponses(without_arf=True)
CASES = {
    "inside": [(200, 200, 60)],
    "across the gaps": [(-40, 40, 60)],
    "as wide as a gap": [(-40, 150, 10)],
    "over an edge": [(460, 100, 60)],
    "over a corner": [(450, 560, 60)],
    "two of them": [(-40, 150, 20), (300, 300, 20)],
}  # arcsec from the axis


@pytest.mark.parametrize("circles", CASES.values(), ids=CASES.keys())
def test_exposed_area(pointing: Pointing, circles: list[tuple[float, float, float]]) -> None:
    observation, path = pointing
    where = region(*(circle(observation, *c) for c in circles))
    found = extract_spectrum(open_events(path), where, responses=COUNTS_ONLY).source
    small = circles[0][2] < 30
    exposed, area = brute_areas(observation, where, 0.25 if small else 1.0, 200 if small else 60)
    assert found.exposure == pytest.approx(20_000)
    assert found.backscal[0] == pytest.approx(exposed, rel=0.01)
    assert found.region_area == pytest.approx(area, rel=0.003)


def test_masks_are_cut_out(pointing: Pointing) -> None:
    observation, path = pointing
    mask = region(circle(observation, -60, 60, 20), circle(observation, 300, 0, 15))
    where = region(circle(observation, -40, 40, 90)).without(mask)
    found = extract_spectrum(open_events(path), where, responses=COUNTS_ONLY)
    exposed, area = brute_areas(observation, where)
    assert found.source.backscal[0] == pytest.approx(exposed, rel=0.01)
    assert found.source.region_area == pytest.approx(area, rel=0.003)
    columns = open_events(path).columns(["x", "y"])
    assert found.source.counts.sum() == where.contains(columns["x"], columns["y"]).sum()


def test_counts_follow_exposure_and_area(pointing: Pointing) -> None:
    """A uniform background has the same counts per exposure and area, gaps or not."""
    observation, path = pointing
    source, background = (
        region(circle(observation, -40, 40, 60)), region(circle(observation, 250, -250, 150))
    )  # fmt: skip
    found = extract_spectrum(open_events(path), source, background, responses=COUNTS_ONLY)
    a, b = found.source, found.background
    assert b is not None
    ratio = a.exposure * a.backscal[0] / (b.exposure * b.backscal[0])
    expected = b.counts.sum() * ratio
    error = np.sqrt(expected + expected * ratio)
    assert abs(a.counts.sum() - expected) < 4 * error
    # without the gaps it would be far off
    geometric = b.counts.sum() * a.region_area / b.region_area
    assert geometric - a.counts.sum() > 4 * error


def test_beside_the_detectors(pointing: Pointing) -> None:
    observation, path = pointing
    far = region(circle(observation, 3000, 0, 60))
    with pytest.raises(InputError, match="was never exposed"):
        extract_spectrum(open_events(path), far, responses=COUNTS_ONLY)
    near = region(circle(observation, 200, 200, 60))
    with pytest.raises(InputError, match="was never exposed"):
        extract_spectrum(open_events(path), near, far, responses=COUNTS_ONLY)


def test_nothing_left(pointing: Pointing) -> None:
    observation, path = pointing
    shape = circle(observation, 200, 200, 60)
    with pytest.raises(InputError, match="is empty once its exclusions are cut out"):
        extract_spectrum(
            open_events(path), region(shape).without(region(shape)), responses=COUNTS_ONLY
        )
    with pytest.raises(InputError, match="only excludes"):
        extract_spectrum(open_events(path), RegionSet((), (shape,)), responses=COUNTS_ONLY)


def test_partly_seen_regions_are_told_of(pointing: Pointing) -> None:
    observation, path = pointing
    half = extract_spectrum(
        open_events(path), region(circle(observation, 460, 100, 60)), responses=COUNTS_ONLY
    )
    assert any("% of the source region was ever exposed" in w for w in half.warnings)
    whole = extract_spectrum(
        open_events(path), region(circle(observation, 200, 200, 60)), responses=COUNTS_ONLY
    )
    assert whole.warnings == ()


def _map(events: EventList, factor: float = 1.0) -> SkyImage:
    grid = grid_from_events(events, 2.0)
    image = approximate_exposure(events, grid, [EnergyBand(0.5, 7)])[0]
    return SkyImage(image.data * factor, grid, "s", image.stamps)


def test_a_supplied_map_gives_the_same(pointing: Pointing) -> None:
    observation, path = pointing
    where = region(circle(observation, -40, 40, 60))
    events = open_events(path)
    own = extract_spectrum(events, where, responses=COUNTS_ONLY)
    supplied = extract_spectrum(events, where, exposure=_map(events), responses=COUNTS_ONLY)
    assert supplied.source.backscal[0] == pytest.approx(own.source.backscal[0], rel=0.01)
    assert supplied.stamps["EXPMAP"][0] == "APPROX"
    # a detector that saw for half of the time
    half = extract_spectrum(events, where, exposure=_map(events, 0.5), responses=COUNTS_ONLY)
    assert half.source.backscal[0] == pytest.approx(supplied.source.backscal[0] / 2)


def test_a_map_of_another_kind(pointing: Pointing) -> None:
    observation, path = pointing
    events = open_events(path)
    image = _map(events)
    wrong = SkyImage(image.data, image.grid, "cm2 s", source="map.fits")
    with pytest.raises(InputError, match="is in cm2 s, not in seconds"):
        extract_spectrum(
            events, region(circle(observation, 0, 0, 60)), exposure=wrong, responses=COUNTS_ONLY
        )


def test_a_scan(survey_tile: Path) -> None:
    """The exposure of a scan is the time for which the region was in the field."""
    events = open_events(survey_tile)
    mission = get_mission("erosita")
    where = sky_circle(events, 150.1, 2.3, 300)
    given = GivenResponses(rmf=matrix(), without_arf=True)
    found = extract_spectrum(events, where, responses=given).source
    generator = np.random.default_rng(1)
    radius, angle = 300 * np.sqrt(generator.random(60)), generator.uniform(0, 2 * np.pi, 60)
    ra = 150.1 + radius * np.cos(angle) / 3600 / np.cos(np.radians(2.3))
    dec = 2.3 + radius * np.sin(angle) / 3600
    times = []
    gti, attitude = events.gti[1], events.attitude[1]
    moment, length = gti.samples(0.1)
    axis = attitude.at(moment)
    for a, b in zip(np.radians(ra), np.radians(dec), strict=True):
        place = np.array([np.cos(b) * np.cos(a), np.cos(b) * np.sin(a), np.sin(b)])
        off_axis = np.degrees(np.arccos(np.clip(axis @ place, -1, 1))) * 60
        times.append(length[off_axis < mission.field_radius].sum())
    assert found.exposure == pytest.approx(np.mean(times), rel=0.01)
    assert found.backscal[0] == pytest.approx(np.pi * (300 / 3600) ** 2, rel=0.01)


def test_a_scan_without_attitude(survey_tile: Path) -> None:
    events = replace(open_events(survey_tile), attitude={})
    where = sky_circle(events, 150.1, 2.3, 300)
    with pytest.raises(InputError, match="is a scan without attitude"):
        extract_spectrum(events, where, responses=GivenResponses(rmf=matrix(), without_arf=True))
