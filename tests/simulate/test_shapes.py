"""Shells, patches and other wide sources: where their photons come from, and how many are seen."""

from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from xsurvey.errors import InputError
from xsurvey.missions import get_mission
from xsurvey.simulate.result import sky_pixels
from xsurvey.simulate.shapes import (
    PATCH,
    SHELL,
    Shapes,
    cut_shell_radii,
    shell_radii,
    volume_within,
)
from xsurvey.simulate.source_list import read_sources
from xsurvey.simulate.spectrum import Spectrum
from xsurvey.simulate.sphere import FAR, Plane, axes_at, displaced
from xsurvey.units import SkyPosition

from .tools import POINTING, SCANS, flat_area, sigmas, simulated, source_list

SHARP = "gaussian:0.001arcsec"
FLAT = {"model": "powerlaw", "set": ("powerlaw.PhoIndex=0",)}
PLACE = {"ra": [150.0], "dec": [2.2]}


def seen_from(observation, ra: float, dec: float):  # type: ignore[no-untyped-def]
    """Return distance (arcsec) and position angle (deg) of the events from a place."""
    centre = SkyCoord(ra, dec, unit="deg")
    events = SkyCoord(observation.events["ra"], observation.events["dec"], unit="deg")
    return centre.separation(events).arcsec, centre.position_angle(events).deg


def test_volume_of_a_sphere_within_a_cylinder() -> None:
    radius = np.linspace(0, 2, 9)
    expected = 1 - (1 - (radius / 2) ** 2) ** 1.5
    assert volume_within(radius, np.zeros(9), np.full(9, 2.0)) == pytest.approx(expected)
    # of a shell that is thin the surface of a sphere: 1 - cos
    thin = volume_within(np.array([0.6]), np.array([0.999999]), np.array([1.0]))
    assert thin == pytest.approx(1 - 0.8, rel=1e-4)


@given(st.floats(0, 0.99), st.integers(0, 100))
def test_radii_of_shells_follow_their_volume(inner: float, seed: int) -> None:
    number = 2000
    a, b = np.full(number, inner), np.ones(number)
    radius = shell_radii(np.random.default_rng(seed).random((2, number)), a, b)
    assert kstest(volume_within(radius, a, b), "uniform").pvalue > 1e-5


@given(st.floats(0, 0.9), st.floats(0, 0.9), st.floats(0.05, 1))
def test_shells_cut_in_projection(inner: float, nearest: float, width: float) -> None:
    number = 2000
    a, b = np.full(number, inner), np.ones(number)
    limits = np.full(number, nearest), np.full(number, nearest + width)
    uniform = np.random.default_rng(1).random(number)
    radius = cut_shell_radii(uniform, a, b, *limits)
    assert radius.min() >= nearest
    assert radius.max() <= min(nearest + width, 1.0)
    low, high = (volume_within(np.minimum(edge[:1], 1.0), a[:1], b[:1]) for edge in limits)
    # where the volume hardly grows its inverse is less sharp than the numbers
    assert (volume_within(radius, a, b) - low) / (high - low) == pytest.approx(uniform, abs=1e-5)


def test_places_on_the_sphere_and_in_the_plane() -> None:
    generator = np.random.default_rng(1)
    ra, dec = generator.uniform(0, 360, 50), generator.uniform(-89, 89, 50)
    radius, angle = generator.uniform(1, 20000, 50), generator.uniform(0, 360, 50)
    vectors = displaced(axes_at(ra, dec), radius, angle)
    expected = SkyCoord(ra, dec, unit="deg").directional_offset_by(angle * u.deg, radius * u.arcsec)
    assert vectors == pytest.approx(expected.cartesian.xyz.value.T, abs=1e-12)
    pointing = SkyPosition(200.0, -40.0)
    there = SkyCoord(200.0, -40.0, unit="deg").directional_offset_by(
        angle * u.deg, radius * u.arcsec
    )
    for name in ("erosita", "chandra"):  # SIN and TAN
        mission = get_mission(name)
        wcs = sky_pixels(pointing, mission)
        pixels = wcs.all_world2pix(np.column_stack([there.ra.deg, there.dec.deg]), 1)
        offset = Plane(pointing, mission.projection).offsets(there.cartesian.xyz.value.T)
        assert offset == pytest.approx((pixels - wcs.wcs.crpix) * mission.sky_pixel, abs=1e-4)
    behind = -SkyCoord(200.0, -40.0, unit="deg").cartesian.xyz.value[None]
    assert np.all(Plane(pointing, "SIN").offsets(behind) == FAR)


def test_a_patch_is_even_between_its_radii_and_angles(tmp_path: Path) -> None:
    names = source_list(
        tmp_path / "s.ecsv", ra=[150.02], dec=[2.22], flux=[3e-10], shape=["patch"],
        inner_radius=[60.0], outer_radius=[240.0], angle_start=[330.0], angle_stop=[60.0],
    )  # fmt: skip
    arf = flat_area(tmp_path / "a.arf", 100.0)
    observation = simulated(
        POINTING, 1, arf, sources=names, **FLAT, psf=SHARP, dither="0arcsec", energy="0.5-2"
    )
    radius, angle = seen_from(observation, 150.02, 2.22)
    truth = observation.truth[0]
    assert truth["counts_recorded"] == len(radius) > 2000
    assert abs(sigmas(len(radius), truth["counts_expected"])) < 5
    assert radius.min() > 59.9
    assert radius.max() < 240.1
    turned = (angle - 330) % 360
    assert turned.max() < 90.01
    # vignetting tilts both a little: by less than the test sees
    assert kstest((radius**2 - 60**2) / (240**2 - 60**2), "uniform").pvalue > 1e-4
    assert kstest(turned / 90, "uniform").pvalue > 1e-4
    assert (truth["shape"], truth["angle_start"], truth["angle_stop"]) == ("patch", 330, 420)


def test_a_shell_in_projection(tmp_path: Path) -> None:
    names = source_list(
        tmp_path / "s.ecsv", **PLACE, norm=[0.02], shape=["shell"], inner_radius=[200.0],
        outer_radius=[300.0],
    )  # fmt: skip
    arf = flat_area(tmp_path / "a.arf", 100.0)
    observation = simulated(
        POINTING, 2, arf, sources=names, **FLAT, psf=SHARP, dither="0arcsec", energy="0.5-2"
    )
    radius, angle = seen_from(observation, 150.0, 2.2)
    number = len(radius)
    part = volume_within(radius, np.full(number, 200.0), np.full(number, 300.0))
    assert number > 2000
    assert kstest(part, "uniform").pvalue > 1e-4
    assert kstest(angle / 360, "uniform").pvalue > 1e-4
    assert abs(sigmas(number, observation.truth["counts_expected"][0])) < 5


@pytest.mark.parametrize("how", [POINTING, SCANS])
def test_a_patch_wider_than_the_field_is_a_diffuse_sky(how: dict, tmp_path: Path) -> None:
    brightness = 4e-6 if how == POINTING else 1e-4
    area = np.pi * 60.0**2
    names = source_list(
        tmp_path / "s.ecsv", ra=[150.2], dec=[2.3], norm=[brightness * area], shape=["patch"],
        outer_radius=[3600.0],
    )  # fmt: skip
    arf = flat_area(tmp_path / "a.arf")
    patch = simulated(how, 3, arf, sources=names, **FLAT)
    sky = simulated(
        how, 4, arf, diffuse="powerlaw",
        diffuse_set=("powerlaw.PhoIndex=0", f"powerlaw.norm={brightness}"),
    )  # fmt: skip
    expected, recorded = patch.truth["counts_expected"][0], patch.truth["counts_recorded"][0]
    assert expected > 10_000
    assert abs(sigmas(recorded, expected)) < 4
    # at the edges of pointings the diffuse sky has no PSF, which takes as much as it brings
    assert abs(sigmas(len(sky.events["time"]), expected)) < 4 + 0.003 * np.sqrt(expected)
    for name, limits in (("x", 5e4), ("y", 5e4)):
        counts = [np.histogram(o.events[name], 6, (-limits, limits))[0] for o in (patch, sky)]
        assert counts[0] == pytest.approx(counts[1], abs=6 * np.sqrt(counts[1].max()))


def test_neighbouring_fields_share_a_wide_source(tmp_path: Path) -> None:
    # what two fields see of it together is what one field sees that covers both
    names = source_list(
        tmp_path / "s.ecsv", **PLACE, norm=[0.5], shape=["shell"], outer_radius=[3000.0],
    )  # fmt: skip
    arf = flat_area(tmp_path / "a.arf")
    expected = []
    for pointing in ("149.75,2.2", "150.25,2.2"):
        field = simulated(SCANS, 1, arf, sources=names, **FLAT, pointing=pointing)
        expected.append(field.truth["counts_expected"][0])
        assert abs(sigmas(field.truth["counts_recorded"][0], expected[-1])) < 5
    assert expected[0] == pytest.approx(expected[1], rel=0.01)


def test_wide_sources_elsewhere_are_not_seen(tmp_path: Path) -> None:
    names = source_list(
        tmp_path / "s.ecsv", ra=[330.0, 152.0], dec=[-2.2, 2.2], norm=[1.0, 1.0],
        shape=["shell", "patch"], outer_radius=[3600.0, 1800.0],
    )  # fmt: skip
    truth = simulated(POINTING, 1, flat_area(tmp_path / "a.arf"), sources=names, **FLAT).truth
    assert list(truth["counts_recorded"]) == [0, 0]
    assert list(truth["counts_expected"]) == [0, 0]


def test_expected_counts_do_not_depend_on_what_was_simulated_before(tmp_path: Path) -> None:
    arf = flat_area(tmp_path / "a.arf")

    names = {
        radius: source_list(
            tmp_path / f"{radius}.ecsv", **PLACE, norm=[1e-3], shape=["patch"],
            outer_radius=[radius],
        )
        for radius in (1900.0, 2400.0)
    }  # fmt: skip

    def expected(seed: int, radius: float, **settings: object) -> float:
        truth = simulated({**POINTING, **settings}, seed, arf, sources=names[radius], **FLAT).truth
        return float(truth["counts_expected"][0])

    first = expected(1, 1900.0)
    others = {expected(1, 2400.0), expected(1, 1900.0, pointing="150.2,2.2"),
              expected(1, 1900.0, dither="60arcsec"), expected(1, 1900.0, psf="gaussian:60arcsec"),
              expected(1, 1900.0, exposure="3ks")}  # fmt: skip
    assert len(others | {first}) == 6
    assert expected(2, 1900.0) == first


def test_a_wide_source_that_varies(tmp_path: Path) -> None:
    names = source_list(
        tmp_path / "s.ecsv", **PLACE, norm=[0.02], shape=["patch"], outer_radius=[600.0],
        variability=["step"], amplitude=[3.0], onset=[1000.0],
    )  # fmt: skip
    observation = simulated(POINTING, 1, flat_area(tmp_path / "a.arf"), sources=names, **FLAT)
    time = observation.events["time"] - observation.gti.start[0]
    late = np.count_nonzero(time > 1000)
    assert abs(sigmas(late, 0.8 * len(time))) < 5
    assert abs(sigmas(len(time), observation.truth["counts_expected"][0])) < 5


def test_counts_of_wide_sources_are_those_that_are_written(tmp_path: Path) -> None:
    names = source_list(
        tmp_path / "s.ecsv", ra=[150.3], dec=[2.6], counts=[3000.0], shape=["patch"],
        outer_radius=[3600.0],
    )  # fmt: skip
    for how in (POINTING, SCANS):
        truth = simulated(how, 1, flat_area(tmp_path / "a.arf"), sources=names, **FLAT).truth
        assert truth["counts_expected"][0] == pytest.approx(3000)
        assert abs(sigmas(truth["counts_recorded"][0], 3000)) < 4


def test_a_list_of_shapes(tmp_path: Path) -> None:
    names = source_list(
        tmp_path / "s.ecsv", ra=[1.0, 2, 3, 4], dec=[0.0, 0, 0, 0], flux=[1e-13] * 4,
        shape=["", "Shell", "patch", "beta"], core_radius=[0.0, 0, 0, 10],
        inner_radius=[np.nan, 60, np.nan, np.nan], outer_radius=[np.nan, 120, 90, np.nan],
        angle_start=[np.nan, -30, np.nan, np.nan], angle_stop=[np.nan, 30, np.nan, np.nan],
    )  # fmt: skip
    shapes = read_sources(names, Spectrum("powerlaw")).shapes
    assert list(shapes.kind) == [0, SHELL, PATCH, 1]
    assert list(shapes.inner) == [0, 60, 0, 0]
    assert list(shapes.angle) == [0, 330, 0, 0]
    assert list(shapes.width) == [360, 60, 360, 360]
    assert list(shapes.wide) == [False, True, True, False]
    assert list(shapes.edge) == [0, 120, 90, 500]
    assert len(Shapes.join([shapes, Shapes.points(2)]).kind) == 6


SHELL_ROW = PLACE | {"flux": [1e-13], "shape": ["shell"]}


@pytest.mark.parametrize(("columns", "words"), [
    (PLACE | {"flux": [1e-13], "shape": ["ring"], "outer_radius": [9.0]}, "unknown shape 'ring'"),
    (SHELL_ROW, "without outer_radius"),
    (SHELL_ROW | {"inner_radius": [9.0], "outer_radius": [9.0]}, "inner_radius < outer_radius"),
    (SHELL_ROW | {"inner_radius": [-9.0], "outer_radius": [9.0]}, "inner_radius < outer_radius"),
    (SHELL_ROW | {"outer_radius": [2e5]}, "108000"),
    (SHELL_ROW | {"outer_radius": [9.0], "angle_start": [10.0]}, "angle_start, angle_stop"),
    (SHELL_ROW | {"outer_radius": [9.0], "angle_start": [9.0], "angle_stop": [9.0]}, "no width"),
    (SHELL_ROW | {"outer_radius": [9.0], "angle_start": [9.0], "angle_stop": [900.0]}, "720"),
    (SHELL_ROW | {"outer_radius": [9.0], "core_radius": [9.0]}, "core_radius"),
    (PLACE | {"flux": [1e-13], "shape": ["beta"]}, "core_radius"),
    (PLACE | {"flux": [1e-13], "outer_radius": [9.0]}, "no shell or patch"),
])  # fmt: skip
def test_shapes_that_cannot_be(columns: dict, words: str, tmp_path: Path) -> None:
    names = source_list(tmp_path / "s.ecsv", **columns)
    with pytest.raises(InputError, match=words) as error:
        read_sources(names, Spectrum("powerlaw"))
    assert "row 1" in str(error.value)
