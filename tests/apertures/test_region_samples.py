"""Areas of regions, thin and scattered ones too, and what is said of places never seen."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from regions import CircleAnnulusPixelRegion, CirclePixelRegion, PixCoord

from xsurvey.apertures.aperture import ApertureParameters, aperture_of_regions, circular_aperture
from xsurvey.apertures.region_samples import sample_region
from xsurvey.errors import InputError
from xsurvey.missions import open_events
from xsurvey.pipelines.light_curve_file import observation_light_curve
from xsurvey.regions import RegionSet, read_region_file
from xsurvey.timing.parameters import LightCurveParameters

from ..mission_files import DEC, RA, erosita_columns, small_table, write_erosita, write_ixpe

BINNING = LightCurveParameters(light_curve_band=("0.2-5",))


def circle(x: float, y: float, radius: float) -> CirclePixelRegion:
    return CirclePixelRegion(PixCoord(x, y), radius)


@pytest.mark.parametrize(
    ("shapes", "area"),
    [
        ([circle(0, 0, 30)], np.pi * 900),
        ([circle(0, 0, 15), circle(2160, 0, 15)], 2 * np.pi * 225),
        ([circle(10.3, 0.2, 0.4)], np.pi * 0.16),
        ([CircleAnnulusPixelRegion(PixCoord(5, 5), 599, 600)], np.pi * (600**2 - 599**2)),
        ([circle(0, 0, 30), circle(0, 0, 30)], np.pi * 900),
    ],
)
def test_areas(shapes: list, area: float) -> None:
    samples = sample_region(RegionSet(tuple(shapes), ()))
    assert samples.area == pytest.approx(area, rel=1e-9)
    assert all(RegionSet(tuple(shapes), ()).contains(samples.x, samples.y))


@settings(max_examples=30, deadline=None)
@given(distance=st.floats(0, 80), radius=st.floats(5, 40))
def test_overlaps_count_once_and_exclusions_not(distance: float, radius: float) -> None:
    d, r = distance, radius
    overlap = 0.0
    if d < 2 * r:
        overlap = 2 * r**2 * np.arccos(d / (2 * r)) - d / 2 * np.sqrt(4 * r**2 - d**2)
    one, other = circle(0, 0, r), circle(d, 0, r)
    both = sample_region(RegionSet((one, other), ())).area
    assert both == pytest.approx(2 * np.pi * r**2 - overlap, rel=0.04)
    if overlap < 0.9 * np.pi * r**2:
        left = sample_region(RegionSet((one,), (other,))).area
        assert left == pytest.approx(np.pi * r**2 - overlap, abs=0.04 * np.pi * r**2)


def test_places_stand_for_equal_areas() -> None:
    samples = sample_region(RegionSet((circle(0, 0, 10), circle(1000, 0, 20)), ()))
    x, _ = samples.places(50)
    assert (x > 500).sum() == pytest.approx(40, abs=1)


def test_nothing_left_is_an_error() -> None:
    with pytest.raises(InputError, match="exclusions"):
        sample_region(RegionSet((circle(0, 0, 5),), (circle(0, 0, 50),)))
    with pytest.raises(InputError, match="only excludes"):
        sample_region(RegionSet((), (circle(0, 0, 5),)))


def region(path: Path, *lines: str) -> Path:
    path.write_text("icrs\n" + "\n".join(lines) + "\n")
    return path


def pointing(path: Path) -> Path:
    """A pointing with attitude, steady on its target."""
    time = 7e8 + np.arange(0.0, 1001.0)
    tables = [
        small_table(f"CORRATT{n}", TIME=time, RA=np.full(1001, RA), DEC=np.full(1001, DEC))
        for n in range(1, 8)
    ]
    return write_erosita(path, others=tables)


def test_background_that_was_never_seen_is_an_error(tmp_path: Path) -> None:
    events = open_events(pointing(tmp_path / "e.fits"))
    source = read_region_file(region(tmp_path / "s.reg", f'circle({RA},{DEC},60")'), events.wcs)
    off = read_region_file(region(tmp_path / "b.reg", f'circle({RA},{DEC + 3},60")'), events.wcs)
    with pytest.raises(InputError, match="never saw the"):
        observation_light_curve(events, aperture_of_regions(events, source, off), BINNING)


def test_scattered_regions_have_the_exposure_of_their_parts(tmp_path: Path) -> None:
    events = open_events(pointing(tmp_path / "e.fits"))
    parts = [f'circle({RA},{DEC + d},60")' for d in (-0.4, 0.4)]
    two = read_region_file(region(tmp_path / "two.reg", *parts), events.wcs)
    one = read_region_file(region(tmp_path / "one.reg", parts[0]), events.wcs)
    total = [
        observation_light_curve(
            events, aperture_of_regions(events, r, None), BINNING
        ).exposure.sum()
        for r in (two, one)
    ]
    assert total[0] == pytest.approx(total[1], rel=0.01)
    assert total[0] < 0.7 * 1000  # vignetted as at 24', not as in the middle


def test_region_off_the_field_was_not_exposed(tmp_path: Path) -> None:
    events = open_events([write_ixpe(tmp_path / f"{n}.fits", n) for n in (1, 2, 3)])
    half = 100 * 2.6 / 3600  # the events fill a square of that half side
    binning = LightCurveParameters(light_curve_band=("2-8",))
    inside, edge, off = (
        read_region_file(region(tmp_path / f"{d}.reg", f"circle({RA},{DEC + d * half},40\")"),
                         events.wcs)
        for d in (0, 1, 3)
    )  # fmt: skip
    whole = observation_light_curve(events, aperture_of_regions(events, inside, None), binning)
    part = observation_light_curve(events, aperture_of_regions(events, edge, None), binning)
    # the hull of 300 events lies somewhat inside of the square
    assert part.exposure.sum() == pytest.approx(whole.exposure.sum() / 2, rel=0.25)
    assert any("of the source region was exposed" in w for w in part.warnings)
    assert not any("of the source region was exposed" in w for w in whole.warnings)
    with pytest.raises(InputError, match="never exposed"):
        observation_light_curve(events, aperture_of_regions(events, off, None), binning)


def test_too_few_events_tell_no_footprint(tmp_path: Path) -> None:
    events = open_events(write_erosita(tmp_path / "few.fits", erosita_columns(count=11)))
    aperture = circular_aperture(events, ApertureParameters(position=f"{RA},{DEC}"))
    curve = observation_light_curve(events, aperture, BINNING)
    assert curve.exposure.sum() > 0
    ratio = aperture.source.include[0].area / aperture.background.include[0].area  # type: ignore
    assert curve.background_scale[0, 0] == pytest.approx(ratio, rel=1e-6)
