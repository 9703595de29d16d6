"""Maps of a stack of two simulated observations."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from xsurvey.detection.parameters import DetectionParameters
from xsurvey.imaging.field import Field, field_from_events
from xsurvey.imaging.parameters import ImageParameters
from xsurvey.imaging.sky_image import SkyImage
from xsurvey.imaging.stack import Stack, single_stack
from xsurvey.missions import open_events
from xsurvey.pipelines.products.maps import (
    centre,
    sensitivity_curve,
    stack_background,
    stack_maps,
    write_maps,
)
from xsurvey.units import EnergyBand

BAND = EnergyBand(0.5, 7)
LEVEL = 0.02
DETECTION = DetectionParameters(psf="gaussian:2arcsec")


def field_of(path: Path) -> Field:
    return field_from_events(
        open_events(path), [BAND], ImageParameters(pixel_size="4arcsec")
    )  # fmt: skip


def flat(field: Field) -> SkyImage:
    """Expected counts in proportion to the exposure, so that none are where nothing is exposed."""
    exposure = field.exposure["b"]
    level = LEVEL * exposure.data / exposure.data.max()
    return SkyImage(level, exposure.grid, "count / pixel", {"BKGMAP": "ESTIMATED"})


@pytest.fixture(scope="module")
def stack(make_events: Callable[..., Path]) -> Stack:
    fields = tuple(
        field_of(make_events(
            seed=seed, exposure=exposure, background_rate=0.1, pointing=pointing,
            source=("150.05,2.22,100",),
        ))
        for seed, exposure, pointing in ((1, "20ks", "150.0,2.2"), (2, "10ks", "150.02,2.21"))
    )  # fmt: skip
    return Stack("two", ("one", "other"), fields, fields[0].counts["b"].grid)


@pytest.fixture(scope="module")
def maps(stack: Stack) -> dict[str, SkyImage]:
    backgrounds = {n: {"b": flat(f)} for n, f in zip(stack.names, stack.fields, strict=True)}
    found = list(stack_maps(stack, backgrounds, DETECTION))
    assert [(kind, band) for kind, band, _ in found] == [
        (f"{kind} map", "b") for kind in ("counts", "exposure", "background", "sensitivity")
    ]
    return {kind.removesuffix(" map"): image for kind, _, image in found}


def test_maps_are_sums_over_observations(stack: Stack, maps: dict[str, SkyImage]) -> None:
    first, second = (flat(f) for f in stack.fields)
    middle = (slice(100, 150), slice(100, 150))
    # the second's pixels are of the same size, and its level is smooth
    inner = maps["background"].data[middle]
    assert inner.max() <= first.data.max() + second.data.max() + 1e-9
    assert inner.mean() > first.data[middle].mean() * 1.3
    assert maps["exposure"].data.max() == pytest.approx(30e3, rel=0.1)
    assert maps["background"].stamps["BKGMAP"] == "ESTIMATED"
    assert (maps["background"].stamps["BAND_LO"], maps["background"].stamps["BAND_HI"]) == (0.5, 7)


def test_of_one_observation_the_maps_are_its_own(stack: Stack) -> None:
    one = single_stack("one", stack.fields[0])
    background = stack_background(one, "b", {"one": {"b": flat(stack.fields[0])}})
    assert np.array_equal(background.data, flat(stack.fields[0]).data)
    assert stack_background(one, "b", {}).data.sum() == 0


def test_sensitivity_follows_the_exposure(maps: dict[str, SkyImage]) -> None:
    limits, exposure = maps["sensitivity"].data, maps["exposure"].data
    assert np.isnan(limits[exposure <= 0]).all()
    deep, shallow = exposure > 20e3, (exposure > 3e3) & (exposure < 9e3)
    assert np.nanmedian(limits[deep]) < np.nanmedian(limits[shallow])
    # a handful of counts are needed
    counts = np.nanmedian((limits * exposure)[deep])
    assert 4 < counts < 30


def test_the_curve_ends_at_all_that_was_exposed(maps: dict[str, SkyImage]) -> None:
    curve = sensitivity_curve(maps["sensitivity"])
    area = (maps["exposure"].data > 0).sum() * (maps["exposure"].grid.pixel_size / 3600) ** 2
    assert curve["unit"] == "count / s"
    assert (np.diff(curve["values"]) > 0).all()
    assert (np.diff(curve["area"]) >= 0).all()
    assert curve["area"][0] > 0
    # at the edges of the second observation pixels are interpolated in one and not in the other
    assert curve["area"][-1] == pytest.approx(area, rel=0.02)
    empty = SkyImage(np.full((3, 3), np.nan), maps["exposure"].grid, "count / s")
    assert sensitivity_curve(empty) == {"unit": "count / s", "values": [], "area": []}


def test_files_and_what_is_known_of_them(
    stack: Stack, maps: dict[str, SkyImage], tmp_path: Path
) -> None:
    entries, curves = write_maps(
        tmp_path, stack, [(f"{kind} map", "b", image) for kind, image in maps.items()]
    )
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "two_background_b.fits", "two_counts_b.fits", "two_exposure_b.fits", "two_moc.fits",
        "two_sensitivity_b.fits",
    ]  # fmt: skip
    assert {entry.path for entry in entries} == {p.name for p in tmp_path.iterdir()}
    assert all(entry.number == 0 for entry in entries)
    assert list(curves) == ["b"]
    with fits.open(tmp_path / "two_sensitivity_b.fits") as hdus:
        header = hdus[0].header
        assert header["BUNIT"] == "count / s"
        assert header["MAPKIND"] == "sensitivity map"
        x, y = WCS(header).world_to_pixel(SkyCoord(150.05, 2.22, unit="deg"))
    own = stack.grid.wcs.world_to_pixel(SkyCoord(150.05, 2.22, unit="deg"))
    assert [float(x), float(y)] == pytest.approx([float(v) for v in own], abs=1e-6)
    first = entries[0]
    assert first.t_exptime == pytest.approx(30e3, rel=0.01)
    assert first.em_min * 1e10 == pytest.approx(1.7712, rel=1e-3)
    ra, dec = centre(stack)
    assert (ra, dec) == pytest.approx((150.0, 2.2), abs=0.02)
