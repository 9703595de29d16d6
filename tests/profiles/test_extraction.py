"""Sums over bins: counts, exposure, solid angle, flags, and maps that cannot be used."""

from dataclasses import replace

import numpy as np
import pytest

from xsurvey.errors import InputError
from xsurvey.profiles.bin_flags import BinFlag
from xsurvey.profiles.bins import equal_edges
from xsurvey.profiles.brightness import brightness
from xsurvey.profiles.extraction import extract_profile, extract_sectors
from xsurvey.profiles.geometry import RadialGeometry, equal_sectors, pixel_solid_angles
from xsurvey.units import SkyPosition

from .images import CENTRE, flat, image, poisson, wcs_of

EDGES = equal_edges(0.5, 4.0)
ALL = RadialGeometry(CENTRE)


def test_a_flat_field_is_flat() -> None:
    exposure = flat(1000.0)
    counts = image(exposure.data * 0.02 * pixel_solid_angles(exposure.grid))
    profile = extract_profile(counts, exposure, ALL, EDGES)
    assert brightness(profile).value == pytest.approx(np.full(8, 0.02))
    assert profile.exposure == pytest.approx(np.full(8, 1000.0))
    assert profile.area == pytest.approx(profile.geometric_area)
    assert profile.area.sum() == pytest.approx(np.pi * 16, rel=0.005)
    assert (profile.flags == 0).all()


def test_every_pixel_is_in_the_bin_of_its_centre() -> None:
    counts = image(np.random.default_rng(1).poisson(3.0, (101, 101)))
    profile = extract_profile(counts, flat(5.0), ALL, EDGES)
    radius = counts.grid.off_axis(CENTRE)
    for i in range(8):
        inside = (radius >= EDGES[i]) & (radius < EDGES[i + 1])
        assert profile.counts[i] == counts.data[inside].sum()
        assert (profile.label_image[inside] == i).all()
    assert (profile.label_image[radius >= 4.0] == -1).all()


def test_vignetting_weights_counts_by_exposure() -> None:
    """The ratio of sums is the brightness on axis, however uneven the exposure is."""
    y, x = np.indices((101, 101))
    exposure = replace(flat(1.0), data=100.0 + x + 3 * y)
    counts = image(0.01 * exposure.data * pixel_solid_angles(exposure.grid))
    value = brightness(extract_profile(counts, exposure, ALL, EDGES)).value
    assert value == pytest.approx(np.full(8, 0.01))


def test_background_is_taken_off_and_its_error_kept() -> None:
    profile = extract_profile(flat(3.0), flat(10.0), ALL, EDGES, flat(1.0), None, 0.05)
    pixels = np.array([(profile.label_image == i).sum() for i in range(8)])
    assert profile.background == pytest.approx(pixels)
    assert profile.background_error == pytest.approx(0.05 * pixels)
    assert brightness(profile).value == pytest.approx(2.0 * pixels / (10 * profile.area))


def test_sectors_add_up_to_the_circle() -> None:
    counts = poisson(lambda r: 0.1 / (1 + r**2), flat(5000.0), 3)
    whole = extract_profile(counts, flat(5000.0), ALL, EDGES)
    parts = extract_sectors(counts, flat(5000.0), ALL, EDGES, equal_sectors(6, 15))
    for name in ("counts", "exposure_area", "area", "geometric_area"):
        assert sum(getattr(p, name) for p in parts) == pytest.approx(getattr(whole, name))
    one = extract_profile(counts, flat(5000.0), replace(ALL, sector=(75, 135)), EDGES)
    assert one.counts.tolist() == parts[1].counts.tolist()
    assert one.sector == (75, 135)


def test_sectors_are_where_they_should_be() -> None:
    data = np.zeros((101, 101))
    data[50, 30] = 7.0  # east, 2 arcmin
    parts = extract_sectors(image(data), flat(1.0), ALL, EDGES, [(45, 135), (135, 45)])
    assert parts[0].counts.sum() == 7
    assert parts[1].counts.sum() == 0


def test_masks_and_gaps_take_area_away() -> None:
    mask = np.ones((101, 101), dtype=bool)
    mask[:, :50] = False  # the eastern half
    exposure = flat(100.0)
    exposure.data[:20] = 0.0
    profile = extract_profile(flat(1.0), exposure, ALL, EDGES, mask=mask)
    assert profile.area[2] / profile.geometric_area[2] == pytest.approx(0.5, abs=0.1)
    assert profile.counts[2] == (profile.label_image == 2).sum()
    assert (profile.label_image[:20] == -1).all()
    assert (profile.label_image[:, :50] == -1).all()


def test_what_is_odd_is_flagged() -> None:
    exposure, mask = flat(100.0), np.ones((101, 101), dtype=bool)
    radius = exposure.grid.off_axis(CENTRE)
    exposure.data[(radius >= 1.0) & (radius < 1.5)] = 0
    mask[(radius >= 1.5) & (radius < 2.0)] = False
    mask[(radius >= 2.0) & (radius < 2.5)] = (
        np.arange((mask & (radius >= 2) & (radius < 2.5)).sum()) % 5 == 0
    )
    counts = flat(2.0)
    counts.data[(radius >= 2.5) & (radius < 3.0)] = 0
    counts.data[(radius >= 3.0) & (radius < 3.5)] = 1
    profile = extract_profile(counts, exposure, ALL, EDGES, flat(1.5), mask)
    expected = [0, 0, BinFlag.NOT_EXPOSED, BinFlag.MASKED, BinFlag.PARTIAL,
                BinFlag.EMPTY | BinFlag.NEGATIVE, BinFlag.NEGATIVE, 0]  # fmt: skip
    assert profile.flags.tolist() == expected
    value = brightness(profile).value
    assert np.isnan(value[[2, 3]]).all() and np.isfinite(np.delete(value, [2, 3])).all()
    assert (value[[5, 6]] < 0).all()
    approximate = replace(exposure, stamps={"EXPMAP": "APPROX"})
    flags = extract_profile(counts, approximate, ALL, EDGES).flags
    assert (flags & BinFlag.EXPOSURE_APPROXIMATE).all()


def test_bins_over_the_edge_are_partial() -> None:
    corner = RadialGeometry(SkyPosition(*(float(v) for v in flat(1.0).grid.to_icrs(2.0, 2.0))))
    profile = extract_profile(flat(1.0), flat(1.0), corner, EDGES)
    assert profile.geometric_area == pytest.approx(corner.solid_angle(EDGES))
    assert profile.area[4] / profile.geometric_area[4] == pytest.approx(0.27, abs=0.05)
    assert (profile.flags[2:] & BinFlag.PARTIAL).all()


def test_a_centre_off_the_image_or_an_empty_sector_gives_flagged_bins() -> None:
    far = RadialGeometry(SkyPosition(CENTRE.ra + 2, CENTRE.dec))
    profile = extract_profile(flat(1.0), flat(1.0), far, EDGES)
    assert (profile.flags == BinFlag.NOT_EXPOSED).all()
    assert profile.geometric_area == pytest.approx(far.solid_angle(EDGES))
    east = RadialGeometry(SkyPosition(*(float(v) for v in flat(1.0).grid.to_icrs(0.0, 50.0))))
    away = extract_profile(flat(1.0), flat(1.0), replace(east, sector=(45, 135)), EDGES[3:])
    assert (away.flags == BinFlag.NOT_EXPOSED).all()
    assert away.counts.sum() == 0


def test_maps_that_cannot_be_used() -> None:
    good, small = flat(1.0), flat(1.0, 99)
    shifted = flat(1.0, wcs=wcs_of(centre=SkyPosition(CENTRE.ra + 0.1, CENTRE.dec)))
    negative, unknown = flat(1.0), flat(1.0)
    negative.data[50, 50] = -1
    unknown.data[50, 50] = np.nan
    for maps, cause in (
        ((good, small), "shape"), ((good, shifted), "sky coordinates"),
        ((good, negative), "negative"), ((negative, good), "negative"),
        ((unknown, good), "no numbers"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=cause):
            extract_profile(*maps, ALL, EDGES)
    for background, cause in ((small, "shape"), (negative, "negative"), (unknown, "no numbers")):
        with pytest.raises(InputError, match=cause):
            extract_profile(good, good, ALL, EDGES, background)
    with pytest.raises(InputError, match="shape"):
        extract_profile(good, good, ALL, EDGES, mask=np.ones((3, 3), dtype=bool))
    with pytest.raises(ValueError, match="ascend"):
        extract_profile(good, good, ALL, np.array([0.0, 2.0, 1.0]))
    # unexposed pixels may hold anything
    profile = extract_profile(unknown, replace(good, data=np.where(unknown.data > 0, 1.0, 0)),
                              ALL, EDGES)  # fmt: skip
    assert np.isfinite(profile.counts).all()
