"""Radii, position angles and solid angles on the sky."""

from itertools import pairwise

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st

from xsurvey.imaging.sky_image import grid_from_wcs
from xsurvey.profiles.geometry import (
    RadialGeometry,
    equal_sectors,
    in_sector,
    pixel_solid_angles,
    polar_coordinates,
    sector_width,
)
from xsurvey.units import SkyPosition

from .images import CENTRE, wcs_of


@pytest.mark.parametrize("frame", ["RA", "GLON"])
@pytest.mark.parametrize("pixel", [6.0, 240.0])
def test_radius_and_azimuth_are_those_of_the_sky(frame: str, pixel: float) -> None:
    centre = SkyPosition(201.0, -43.0)
    native = SkyCoord(*centre, unit="deg")
    at = SkyPosition(native.galactic.l.deg, native.galactic.b.deg) if frame == "GLON" else centre
    grid = grid_from_wcs(wcs_of(21, pixel, "SIN", at, frame), (21, 21))
    y, x = np.indices(grid.shape)
    ra, dec = grid.to_icrs(x, y)
    sky = SkyCoord(ra, dec, unit="deg")
    geometry = RadialGeometry(centre)
    expected = native.separation(sky).arcmin
    assert geometry.radius(grid) == pytest.approx(expected, abs=1e-7)
    angle = native.position_angle(sky).deg
    off = (geometry.azimuth(grid) - angle + 180) % 360 - 180
    assert np.abs(off[expected > 0.05]).max() < 1e-4
    assert geometry.azimuth(grid).min() >= 0
    assert geometry.azimuth(grid).max() < 360


def test_position_angles_run_from_north_through_east() -> None:
    grid = grid_from_wcs(wcs_of(11), (11, 11))
    azimuth = RadialGeometry(CENTRE).azimuth(grid)
    north, east, south, west = azimuth[8, 5], azimuth[5, 2], azimuth[2, 5], azimuth[5, 8]
    assert (north % 360 < 0.1) or (north > 359.9)
    assert [east, south, west] == pytest.approx([90, 180, 270], abs=0.1)


def test_an_ellipse_is_measured_along_its_major_axis() -> None:
    grid = grid_from_wcs(wcs_of(101), (101, 101))
    circle = RadialGeometry(CENTRE).radius(grid)
    ellipse = RadialGeometry(CENTRE, (2.0, 90.0)).radius(grid)  # major axis east-west
    assert ellipse[50, 80] == pytest.approx(circle[50, 80], rel=1e-5)
    assert ellipse[80, 50] == pytest.approx(2 * circle[80, 50], rel=1e-5)
    assert RadialGeometry(CENTRE, (0.5, 90.0)).radius(grid) == pytest.approx(ellipse)
    tilted = RadialGeometry(CENTRE, (2.0, 45.0)).radius(grid)
    assert tilted[70, 30] == pytest.approx(circle[70, 30], rel=1e-4)  # north-east
    assert tilted[70, 70] == pytest.approx(2 * circle[70, 70], rel=1e-4)


@given(st.floats(-360, 720), st.floats(0.1, 359.9), st.floats(0, 359.999))
def test_a_sector_and_the_rest_share_the_circle(first: float, width: float, angle: float) -> None:
    sector, rest = (first, first + width), (first + width, first + 360)
    at = np.array([angle])
    if np.abs((angle - np.array([first, first + width]) + 180) % 360 - 180).min() > 1e-9:
        assert in_sector(at, sector)[0] != in_sector(at, rest)[0]
    assert sector_width(sector) == pytest.approx(width)


def test_sectors_run_through_north() -> None:
    angles = np.array([349.9, 350.0, 0.0, 10.0, 19.9, 20.0, np.nan])
    assert in_sector(angles, (350, 20)).tolist() == [False, True, True, True, True, False, False]
    assert in_sector(angles, (-10, 20)).tolist() == in_sector(angles, (350, 380)).tolist()
    assert in_sector(angles[:-1], (0, 360)).all()
    assert in_sector(angles[:-1], (90, 450)).all()
    assert sector_width((30, 30)) == 0
    angles = np.random.default_rng(1).uniform(0, 360, 500)
    assert (
        np.sum([in_sector(angles, s) for s in equal_sectors(7, 33)], axis=0).tolist() == [1] * 500
    )


def test_solid_angles_of_pixels_follow_the_projection() -> None:
    """A pixel of the orthographic projection is 1 / cos(theta), of the tangential cos^3 of it."""
    for projection, power in (("SIN", -1), ("TAN", 3)):
        wcs = wcs_of(101, 60.0, projection)
        wcs.wcs.crpix = [-600.0, 50.0]
        grid = grid_from_wcs(wcs, (101, 101))
        y, x = np.indices(grid.shape)
        ra, dec = grid.to_icrs(x, y)
        theta = SkyCoord(*CENTRE, unit="deg").separation(SkyCoord(ra, dec, unit="deg")).rad
        assert theta.max() > 0.19
        assert pixel_solid_angles(grid) == pytest.approx(np.cos(theta) ** power, rel=1e-6)


def test_pixels_off_the_sky_have_no_place() -> None:
    grid = grid_from_wcs(wcs_of(41, 4 * 3600, "SIN"), (41, 41))
    distance, azimuth = polar_coordinates(grid, CENTRE)
    assert np.isnan(distance[0, 0]) and np.isnan(azimuth[0, 0])
    assert np.isnan(pixel_solid_angles(grid)[0, 0])
    assert distance[20, 20] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("sector", [None, (350.0, 80.0)])
@pytest.mark.parametrize("ellipse", [None, (1.6, 25.0)])
def test_solid_angles_of_bins_are_their_pixels(
    sector: tuple[float, float] | None, ellipse: tuple[float, float] | None
) -> None:
    grid = grid_from_wcs(wcs_of(401, 3.0), (401, 401))
    geometry = RadialGeometry(CENTRE, ellipse, sector)
    edges = np.array([0.0, 2.0, 5.0, 9.0])
    radius, inside = geometry.radius(grid), geometry.inside_sector(grid)
    area = pixel_solid_angles(grid)
    sums = [area[inside & (radius >= low) & (radius < high)].sum() for low, high in pairwise(edges)]
    # the position angle of a sector of an ellipse is the sky's: its share is not the angle's
    if ellipse is None or sector is None:
        assert geometry.solid_angle(edges) == pytest.approx(sums, rel=0.01)
    else:
        assert geometry.solid_angle(edges) == pytest.approx(sums, rel=0.35)


def test_a_cap_of_the_sphere() -> None:
    half = RadialGeometry(CENTRE).solid_angle(np.array([0.0, 90 * 60.0]))
    assert half[0] == pytest.approx((2 * np.pi * u.sr).to_value(u.arcmin**2), rel=1e-12)


def test_radii_are_kept_for_all_sectors_of_a_grid_and_for_no_other() -> None:
    centre = SkyPosition(150.0, 2.2)
    grid, other = (
        grid_from_wcs(wcs_of(21, pixel, "TAN", centre, "RA"), (21, 21)) for pixel in (20.0, 30.0)
    )
    radius = RadialGeometry(centre).radius(grid)
    assert RadialGeometry(centre, sector=(0.0, 60.0)).radius(grid) is radius
    assert not radius.flags.writeable
    assert not np.allclose(RadialGeometry(centre).radius(other), radius)
    assert not np.allclose(RadialGeometry(SkyPosition(150.1, 2.2)).radius(grid), radius)
    assert not np.allclose(RadialGeometry(centre, (1.5, 20.0)).radius(grid), radius)
    again = RadialGeometry(centre).radius(grid_from_wcs(grid.wcs.deepcopy(), grid.shape))
    np.testing.assert_array_equal(again, radius)
