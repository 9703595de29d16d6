"""Parts of the pipeline ``cluster``: temperatures of sectors, good times, sources, layouts."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from xsurvey.events import EventList
from xsurvey.good_times import GoodTimeIntervals
from xsurvey.pipelines.cluster.reading import cluster_grid
from xsurvey.pipelines.cluster.temperatures import abundance_at, temperature_points
from xsurvey.pipelines.good_times_file import in_good_times, write_good_times
from xsurvey.profiles.bin_flags import BinFlag
from xsurvey.profiles.region_layout import SpectralRegion
from xsurvey.profiles.spectral_profile import Measured, SpectralProfile
from xsurvey.profiles.spectral_temperature import PlasmaGram
from xsurvey.units import SkyPosition

RINGS = ((0.0, 2.0), (2.0, 4.0), (4.0, 8.0))


def profile(kt: list[float], errors: list[float], sectors: int = 1) -> SpectralProfile:
    """Return a spectral profile of three annuli, in so many sectors each."""
    names = [("", None)] if sectors == 1 else [("_a", (0.0, 180.0)), ("_b", (180.0, 360.0))]
    regions = tuple(
        SpectralRegion(f"annulus_{n:02d}{end}", "annulus", inner, outer, sector)
        for n, (inner, outer) in enumerate(RINGS, start=1) for end, sector in names
    )  # fmt: skip
    number = len(regions)
    value, error = np.array(kt), np.array(errors)
    nothing = Measured.empty(number)
    return SpectralProfile(
        regions=regions, kt=Measured(value, value - error, value + error),
        abundance=Measured(*np.full((3, number), 0.5)), norm=nothing, kt_cool=nothing,
        norm_cool=nothing, flux=nothing, flux_band=(0.5, 2.0), counts=np.ones(number),
        area=np.ones(number), geometric_area=np.ones(number),
        two_temperature_gain=np.zeros(number), flags=np.zeros(number, int),
        kt_covariance=np.diag(error**2), background={}, statistic={}, goodness=None, scatter=0.0,
        deprojected=False, confidence=0.683,
    )  # fmt: skip


def test_sectors_are_averaged_by_their_errors() -> None:
    one = profile([2.0, 3.0, 4.0, 4.0, 5.0, 1.0], [0.1, 0.2, 0.3, 0.3, 1.0, 1.0], sectors=2)
    points, notes = temperature_points(one, 10.0)
    assert points.inner.tolist() == [0.0, 20.0, 40.0]
    assert points.outer.tolist() == [20.0, 40.0, 80.0]
    weights = 1 / np.array([0.1, 0.2]) ** 2
    assert points.temperature[0] == pytest.approx(weights @ [2.0, 3.0] / weights.sum())
    assert points.temperature[1:] == pytest.approx([4.0, 3.0])
    variance = [1 / weights.sum(), 0.3**2 / 2, 0.5]
    assert np.diag(points.covariance) == pytest.approx(variance)
    assert len(notes) == 1 and "averaged" in notes[0]


def test_covariance_of_sectors_is_carried() -> None:
    one = profile([2.0, 2.0, 3.0, 3.0, 4.0, 4.0], [0.1] * 6, sectors=2)
    covariance = one.kt_covariance.copy()
    # what two sectors have in common their mean has as well
    covariance[:2, :2] += 0.04
    points, _ = temperature_points(replace(one, kt_covariance=covariance), 1.0)
    assert points.covariance[0, 0] == pytest.approx(0.1**2 / 2 + 0.04)


def test_products_of_plasmas_are_of_rings() -> None:
    one = profile([2.0, 3.0, np.nan, 4.0, 5.0, 1.0], [0.1] * 6, sectors=2)
    products = np.arange(1.0, 7.0)[:, None, None] * np.eye(4)
    free = np.array([True, False, True, False, False, False])
    gram = PlasmaGram(np.array([1.0, 2.0]), products, np.arange(6) / 10, free)
    found = temperature_points(one, 10.0, gram)[0].gram
    assert found is not None
    # the second ring has one sector with a temperature
    assert found.products[:, 0, 0].tolist() == [3.0, 4.0, 11.0]
    assert found.abundance == pytest.approx([0.05, 0.3, 0.45])
    assert found.free_abundance.tolist() == [True, False, False]


def test_what_was_not_measured_is_left_out_and_told() -> None:
    one = profile([np.nan, 3.0, 4.0], [np.nan, 0.1, 0.1])
    points, notes = temperature_points(one, 1.0)
    assert np.isnan(points.temperature[0])
    assert points.temperature[1:].tolist() == [3.0, 4.0]
    assert notes == ["without a temperature: annulus_01"]


@pytest.mark.parametrize("flagged", [1, 2])
def test_two_temperatures_are_no_temperature_of_a_halo(flagged: int) -> None:
    regions = (*RINGS, (8.0, 16.0))
    one = profile([2.0, 3.0, 4.0], [0.1] * 3)
    more = SpectralRegion("annulus_04", "annulus", *regions[3])
    flags = np.zeros(4, int)
    flags[:flagged] = int(BinFlag.TWO_TEMPERATURES)
    value = np.array([2.0, 3.0, 4.0, 3.5])
    one = replace(
        one, regions=(*one.regions, more), kt=Measured(value, value - 0.1, value + 0.1),
        kt_covariance=np.eye(4) * 0.01, flags=flags,
    )  # fmt: skip
    points, notes = temperature_points(one, 1.0)
    # three must remain
    assert int(np.isfinite(points.temperature).sum()) == (3 if flagged == 1 else 4)
    assert len(notes) == (1 if flagged == 1 else 0)


def test_abundances_between_annuli() -> None:
    one = profile([2.0, 3.0, 4.0], [0.1] * 3)
    values = np.array([1.0, 0.5, np.nan])
    one = replace(one, abundance=Measured(values, values, values))
    found = abundance_at(one, 10.0, np.array([1.0, np.sqrt(10.0 * 30.0), 500.0]))
    assert found == pytest.approx([1.0, 0.75, 0.5])
    assert (abundance_at(profile([2.0] * 3, [0.1] * 3), 10.0, np.array([5.0])) == 0.5).all()


def test_good_times_go_through_a_file(events: EventList, tmp_path: Path) -> None:
    start = min(float(g.start[0]) for g in events.gti.values())
    kept = GoodTimeIntervals.from_edges(np.array([start]), np.array([start + 5000.0]))
    path = tmp_path / "good_times.json"
    write_good_times(path, "field", kept, {"lost": 0.75})
    cut = in_good_times(events, path)
    assert cut.livetime == pytest.approx(events.livetime / 4, rel=0.02)
    assert 0 < cut.count() < 0.5 * events.count()
    write_good_times(path, "field", None, {})
    assert in_good_times(events, path).count() == events.count()
    assert in_good_times(events, None) is events


def test_centre_is_the_middle_of_a_pixel() -> None:
    centre = SkyPosition(10.0, 89.0)
    grid = cluster_grid(centre, 100.0, 8.0)
    assert grid.shape == (27, 27)
    assert grid.centre_of(centre) == pytest.approx((13.0, 13.0), abs=1e-6)
    assert grid.pixel_size == pytest.approx(8.0)
