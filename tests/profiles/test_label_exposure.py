"""Exposures of regions against brute-force sums; files that share photons; given maps."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from xsurvey.errors import InputError
from xsurvey.events import EventList
from xsurvey.imaging.seen_sky import ENERGIES
from xsurvey.imaging.sky_image import SkyImage, grid_from_events
from xsurvey.imaging.stack_parameters import SharedSky
from xsurvey.missions import get_mission, open_events
from xsurvey.profiles.geometry import pixel_solid_angles
from xsurvey.profiles.label_exposure import label_exposure, own_pixels
from xsurvey.profiles.layout_making import make_layout
from xsurvey.profiles.layout_parameters import AnnuliParameters
from xsurvey.profiles.observed_regions import RegionObservation, detector_groups, observe_regions
from xsurvey.profiles.seen_pixels import GivenMaps, vignetting_basis
from xsurvey.timing.visibility import attitude_exposure
from xsurvey.units import SkyPosition

from .regions import CENTRE, rings

EVERYWHERE = np.array([[-1e9, -1e9], [1e9, 1e9]])


@pytest.fixture(scope="session")
def scan(make_events: Callable[..., Path]) -> EventList:
    """Scans that end 40' from the centre."""
    return open_events(make_events(
        seed=8, mission="erosita", scans=8, field_size="80arcmin", energy="0.2-10",
        background_rate=8,
    ))  # fmt: skip


def test_livetimes_and_areas_of_a_scan_are_those_of_its_attitude(scan: EventList) -> None:
    layout = rings(scan, 32.0)
    box = np.array([[-45_000.0, -45_000], [45_000, 45_000]])
    one = scan.in_detectors([1])  # all are alike
    found = label_exposure(one, layout, box)
    generator = np.random.default_rng(4)
    rows, columns = np.nonzero(layout.emitted == 2)
    chosen = generator.choice(len(rows), 60, replace=False)
    ra, dec = layout.grid.to_icrs(columns[chosen].astype(float), rows[chosen].astype(float))
    places = [SkyPosition(float(a), float(b)) for a, b in zip(ra, dec, strict=True)]
    span = np.array([scan.gti[1].start[0] - 1]), np.array([scan.gti[1].stop[-1] + 1])
    number = 30
    exact = attitude_exposure(one, places, [None, float(ENERGIES[number])], *span)[0]
    mean = found.livetime[rows[chosen], columns[chosen]].mean()
    assert mean == pytest.approx(exact[0], rel=0.01)
    ratio = found.area[2, number]
    assert ratio == pytest.approx(exact[1] / exact[0], rel=0.01)
    square = pixel_solid_angles(layout.grid)
    for r in range(3):
        inside = layout.detected == r
        assert found.integral[r] == pytest.approx((found.livetime * square)[inside].sum(), rel=1e-5)


def test_sky_ends_where_the_file_ends(scan: EventList) -> None:
    """The telescope looked beyond the field whose events the file has."""
    layout = make_layout(
        grid_from_events(scan, 32.0), CENTRE,
        AnnuliParameters(edges=("0arcmin", "30arcmin", "60arcmin")),
    )  # fmt: skip
    half = 40 * 60 / scan.pixel_size
    box = np.array([[-half, -half], [half, half / 2]])
    found = label_exposure(scan, layout, box)
    rows = np.flatnonzero((found.livetime > 0).any(axis=1))
    columns = np.flatnonzero((found.livetime > 0).any(axis=0))
    assert (columns[-1] - columns[0]) * 32 / 60 == pytest.approx(80, abs=1.5)
    assert (rows[-1] - rows[0]) * 32 / 60 == pytest.approx(60, abs=1.5)
    nothing = label_exposure(scan, layout, np.array([[1e6, 1e6], [2e6, 2e6]]))
    assert not nothing.integral.any()
    assert not label_exposure(scan, layout, np.array([[np.inf] * 2, [-np.inf] * 2])).integral.any()


def test_shared_photons_are_divided(scan: EventList) -> None:
    """Two files of the same events: what one leaves the other has, in counts and exposure."""
    layout, groups = rings(scan, 32.0), detector_groups(scan)
    centres = ((149.8, 2.0), (150.3, 2.5))
    whole = observe_regions(RegionObservation(scan), layout, groups)
    parts = [
        observe_regions(RegionObservation(scan, SharedSky(centre=a, others=(b,))), layout, groups)
        for a, b in (centres, centres[::-1])
    ]
    for name in groups:
        every, (first, second) = whole.groups[name], (p.groups[name] for p in parts)
        assert np.array_equal(first.counts + second.counts, every.counts)
        assert first.counts.sum() > 500
        assert second.counts.sum() > 500
        total = first.exposure.integral + second.exposure.integral
        assert total == pytest.approx(every.exposure.integral, rel=2e-3)
    assert own_pixels(layout.grid, SharedSky(centre=centres[0])) is None
    maps = [p.groups["TM8"].exposure.livetime > 0 for p in parts]
    assert not (maps[0] & maps[1]).any()


def test_groups_of_detectors(scan: EventList) -> None:
    found = observe_regions(RegionObservation(scan), rings(scan, 32.0), detector_groups(scan))
    assert list(found.groups) == ["TM8", "TM9"]
    eight, nine = found.groups.values()
    assert eight.detectors == (1, 2, 3, 4, 6)
    # alike modules have one exposure, and an equal part of the area each
    assert eight.exposure is nine.exposure
    assert eight.areas() / 5 == pytest.approx(nine.areas() / 2)


def test_modules_with_other_good_times(scan: EventList) -> None:
    gti = dict(scan.gti)
    first = gti[5]
    gti[5] = replace(first, start=first.start[:4], stop=first.stop[:4])
    layout = rings(scan, 32.0)
    events = replace(scan, gti=gti)
    nine = observe_regions(RegionObservation(events), layout, {"TM9": (5, 7)}).groups["TM9"]
    five = observe_regions(RegionObservation(events), layout, {"a": (5,)}).groups["a"]
    seven = observe_regions(RegionObservation(events), layout, {"b": (7,)}).groups["b"]
    assert five.exposure.integral.sum() < 0.9 * seven.exposure.integral.sum()
    mean = (five.exposure.integral + seven.exposure.integral) / 2
    assert nine.exposure.integral == pytest.approx(mean, rel=1e-3)


def test_vignetting_is_made_up_of_that_at_a_few_energies() -> None:
    mission = get_mission("erosita")
    energies, weights = vignetting_basis(mission)
    assert len(energies) <= 4
    angle = np.linspace(0, 30.9, 77)
    few = np.stack([mission.vignetting(angle, e) for e in energies], axis=1)
    every = np.stack([mission.vignetting(angle, float(e)) for e in ENERGIES], axis=1)
    assert np.abs(few @ weights - every).max() < 2e-5


def test_given_maps(scan: EventList) -> None:
    layout = rings(scan, 32.0)
    grid = grid_from_events(scan, 64.0)
    livetime = SkyImage(np.full(grid.shape, 200.0), grid, "s", {}, "livetime.fits")
    vignetted = SkyImage(np.full(grid.shape, 80.0), grid, "s", {}, "exposure.fits")
    box = EVERYWHERE / 1e9 * 60_000
    with pytest.raises(InputError, match="livetimes cannot be had"):
        label_exposure(scan, layout, box, GivenMaps(vignetted))
    found = label_exposure(scan, layout, box, GivenMaps(vignetted, livetime))
    assert found.area[0] == pytest.approx(np.full(len(ENERGIES), 0.4))
    solid = pixel_solid_angles(layout.grid)[layout.detected == 0].sum()
    assert found.integral[0] == pytest.approx(200 * solid, rel=1e-6)
    assert found.stamps["EXPMAP"] == "SUPPLIED"


def test_a_pointing_by_its_footprint(make_events: Callable[..., Path]) -> None:
    events = open_events(make_events(
        seed=2, mission="chandra", exposure="10ks", background_rate=2, energy="0.5-7"
    ))  # fmt: skip
    layout = make_layout(
        grid_from_events(events, 4.0), CENTRE, AnnuliParameters(edges=("1arcmin", "5arcmin"))
    )
    box = np.array([[1.0, 1], [8192, 8192]])
    exposure = label_exposure(events, layout, box)
    solid = pixel_solid_angles(layout.grid)[layout.detected == 0].sum()
    # gaps between the chips, over which the dither moves
    assert 0.9 < exposure.integral[0] / (10_000 * solid) < 1
    vignetting = get_mission("chandra").vignetting(np.array([1.0, 5.0]), float(ENERGIES[30]))
    assert vignetting[1] < exposure.area[0, 30] < vignetting[0]
