import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from xsurvey.errors import InputError, ParameterError
from xsurvey.events import EventList
from xsurvey.missions import open_events
from xsurvey.polarization.bin_sums import BinSums
from xsurvey.polarization.measure import measure_polarization
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.polarization.space.blocks import quadtree
from xsurvey.polarization.space.cell_sums import summed
from xsurvey.polarization.space.map_parameters import MapParameters
from xsurvey.polarization.space.maps import PolarizationMap, measure_map
from xsurvey.polarization.space.smoothing import kernel, smoothed
from xsurvey.regions import read_region_file

from .made_fields import MIDDLE, PIXEL, disk, write_field, write_responses

_ARRAYS = [f.name for f in fields(BinSums) if not f.name.startswith("energy_m")]


@pytest.fixture(scope="session")
def irf(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_responses(tmp_path_factory.mktemp("irf") / "caldb"))


@pytest.fixture(scope="session")
def unpolarized(tmp_path_factory: pytest.TempPathFactory) -> EventList:
    x, y = disk(400_000, 200, np.random.default_rng(11))
    return open_events(write_field(tmp_path_factory.mktemp("none"), x, y, seed=12, weighted=True))


@pytest.fixture(scope="session")
def polarized(tmp_path_factory: pytest.TempPathFactory) -> EventList:
    x, y = disk(120_000, 150, np.random.default_rng(1))
    return open_events(write_field(tmp_path_factory.mktemp("disk"), x, y, 0.4, 30.0, seed=2))


def settings(irf: str, **given: object) -> PolarizationParameters:
    return PolarizationParameters(irf=irf, **{"ebins": "2,4,8", **given})


def test_pixels_of_an_even_disk_agree_with_its_polarization(polarized: EventList, irf: str) -> None:
    found = measure_map(polarized, settings(irf), MapParameters(pixel_size="26arcsec"))
    used, bins = found.used, found.bins
    assert used.sum() > 200
    q0, u0 = 0.4 * np.cos(np.radians(60)), 0.4 * np.sin(np.radians(60))
    x = np.stack([bins.q_norm - q0, bins.u_norm - u0], axis=-1)[used]
    chi2 = np.einsum("ni,nij,nj->n", x, np.linalg.inv(bins.covariance[used]), x)
    # 2 degrees of freedom each: their sum within 4 standard deviations
    assert chi2.sum() == pytest.approx(2 * len(chi2), abs=4 * np.sqrt(4 * len(chi2)))
    assert found.image(bins.pd).shape == (2, *found.grid.shape)
    assert np.isnan(found.image(bins.pd)).sum() == (~used).sum()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("acceptance", [False, True])
def test_false_alarms_of_pixels_are_nominal(
    unpolarized: EventList, irf: str, weighted: bool, acceptance: bool
) -> None:
    parameters = settings(irf, weighted=weighted, acceptance_correction=acceptance, ebins="2,8")
    found = measure_map(unpolarized, parameters, MapParameters(pixel_size="7.8arcsec"))
    used = found.used[:, 0]
    number, above = int(used.sum()), int((used & (found.bins.pd > found.bins.mdp99)[:, 0]).sum())
    assert number > 1500
    low, high = binom.interval(0.9999, number, 0.01)
    assert low <= above <= high
    # and what is not improbable is as frequent as it should be
    half = int((found.bins.chi2[used, 0] > 2 * np.log(2)).sum())
    assert half == pytest.approx(number / 2, abs=4 * np.sqrt(number / 4))


@pytest.mark.parametrize("acceptance", [False, True])
def test_all_pixels_together_are_the_cube_of_the_region(
    unpolarized: EventList, irf: str, acceptance: bool, tmp_path: Path
) -> None:
    (tmp_path / "r.reg").write_text('icrs\ncircle(150.0,2.2,70")\n')
    region = read_region_file(tmp_path / "r.reg", unpolarized.wcs)
    parameters = settings(irf, weighted=True, acceptance_correction=acceptance)
    found = measure_map(
        unpolarized, parameters, MapParameters(pixel_size="13arcsec"), region=region
    )
    cube = measure_polarization(unpolarized, parameters, region)
    total = summed(found.sums)
    for name in _ARRAYS:
        assert getattr(total, name)[0] == pytest.approx(getattr(cube.sums, name)), name
    assert total.counts.sum() < unpolarized.count()


def test_a_kernel_of_one_pixel_changes_nothing(polarized: EventList, irf: str) -> None:
    plain = MapParameters(pixel_size="26arcsec")
    one = MapParameters(pixel_size="26arcsec", smoothing="tophat", smoothing_size="10arcsec")
    a, b = (measure_map(polarized, settings(irf), m) for m in (plain, one))
    for name in _ARRAYS:
        np.testing.assert_array_equal(getattr(a.sums, name), getattr(b.sums, name))
    assert a.trials == b.trials


def test_smoothed_sums_are_sums_over_the_circle(polarized: EventList, irf: str) -> None:
    """Of a top-hat the events in the circle as they are; their variance too."""
    plain = measure_map(polarized, settings(irf), MapParameters(pixel_size="13arcsec"))
    by = kernel("tophat", 2.3)
    soft = smoothed(plain.sums, plain.grid.shape, by)
    ny, nx = plain.grid.shape
    y, x = np.divmod(np.arange(ny * nx), nx)
    for cell in (0, nx // 2 + nx * (ny // 2), 5 * nx + 7):
        near = np.hypot(x - x[cell], y - y[cell]) <= 2.3
        expected = summed(plain.sums, np.where(near, 0, -1))
        for name in _ARRAYS:
            assert getattr(soft, name)[cell] == pytest.approx(getattr(expected, name)[0], abs=1e-8)


def test_gaussian_weights_events_and_squares_of_weights(polarized: EventList, irf: str) -> None:
    plain = measure_map(polarized, settings(irf), MapParameters(pixel_size="26arcsec"))
    by = kernel("gaussian", 1.5)
    soft = smoothed(plain.sums, plain.grid.shape, by)
    ny, nx = plain.grid.shape
    y, x = np.divmod(np.arange(ny * nx), nx)
    cell = nx // 2 + nx * (ny // 2)
    r2 = (x - x[cell]) ** 2 + (y - y[cell]) ** 2
    k = (np.exp(-r2 / (2 * 1.5**2)) * (r2 <= 36))[:, None]
    assert soft.q[cell] == pytest.approx((k * plain.sums.q).sum(axis=0))
    assert soft.qq[cell] == pytest.approx((k**2 * plain.sums.qq).sum(axis=0))
    # far in a broad field the beam of a Gaussian is 4 pi sigma^2
    assert by.beam == pytest.approx(4 * np.pi * 1.5**2, rel=0.01)
    # and where no event is near there is nothing, not a rounding error
    only = BinSums(
        plain.sums.energy_min, plain.sums.energy_max,
        *(np.where(r2[:, None] == 0, getattr(plain.sums, n), 0) for n in _ARRAYS),
    )  # fmt: skip
    alone = smoothed(only, plain.grid.shape, kernel("gaussian", 0.6))
    assert np.all(alone.counts[r2 > 8] == 0)


def test_smoothed_maps_keep_their_false_alarms(unpolarized: EventList, irf: str) -> None:
    """One pixel a beam is independent: that many exceed their MDP99."""
    found = measure_map(
        unpolarized, settings(irf, ebins="2,8"),
        MapParameters(pixel_size="7.8arcsec", smoothing="tophat", smoothing_size="12arcsec"),
    )  # fmt: skip
    ny, nx = found.grid.shape
    y, x = np.divmod(np.arange(ny * nx), nx)
    apart = found.used[:, 0] & (x % 3 == 0) & (y % 3 == 0)
    above = int((apart & (found.bins.pd > found.bins.mdp99)[:, 0]).sum())
    low, high = binom.interval(0.9999, int(apart.sum()), 0.01)
    assert apart.sum() > 150
    assert low <= above <= high


def test_rotating_the_frame_turns_angles_and_nothing_else(tmp_path: Path, irf: str) -> None:
    """Events turned about the middle by 90 degrees, with their angles."""
    x, y = disk(30_000, 100, np.random.default_rng(3))
    angle = np.where(x > MIDDLE, 20.0, -35.0)
    mapping = MapParameters(pixel_size="26arcsec", center="150,2.2", map_radius="104arcsec")
    first = write_field(tmp_path / "a", x, y, 0.6, angle, seed=4)
    # north to east: up to the left
    turned = MIDDLE - (y - MIDDLE), MIDDLE + (x - MIDDLE)
    second = write_field(tmp_path / "b", *turned, 0.6, angle + 90, seed=4)
    a, b = (measure_map(open_events(p), settings(irf), mapping) for p in (first, second))
    for values in ("pd", "mdp99", "chi2", "counts"):
        before, after = (m.image(getattr(m.bins, values)) for m in (a, b))
        np.testing.assert_allclose(np.rot90(before, 1, axes=(2, 1)), after, rtol=1e-6)
    before, after = (m.image(m.bins.pa_deg) for m in (a, b))
    change = np.rot90(before, 1, axes=(2, 1)) - after
    assert np.nanmax(np.abs(np.abs(change) - 90)) < 1e-4


def test_background_is_subtracted_by_area(tmp_path: Path, irf: str) -> None:
    """A polarized disk on an unpolarized ground that fills the field."""
    generator = np.random.default_rng(5)
    sx, sy = disk(60_000, 80, generator)
    bx, by = disk(60_000, 300, generator)
    x, y = np.concatenate([sx, bx]), np.concatenate([sy, by])
    degree = np.where(np.arange(len(x)) < len(sx), 0.5, 0.0)
    order = generator.permutation(len(x))
    events = open_events(write_field(tmp_path, x[order], y[order], degree[order], 10.0, seed=6))
    (tmp_path / "b.reg").write_text('icrs\nannulus(150.0,2.2,120",250")\n')
    region = read_region_file(tmp_path / "b.reg", events.wcs)
    mapping = MapParameters(pixel_size="26arcsec", center="150,2.2", map_radius="52arcsec")
    found = measure_map(events, settings(irf, ebins="2,8"), mapping, background=region)
    whole = found.used.all(axis=1)
    area = 52.0**2 * 4
    assert found.background_scale == pytest.approx(26**2 / (np.pi * (250**2 - 120**2)), rel=0.03)
    net = found.sums.i.sum() / summed(
        measure_map(events, settings(irf, ebins="2,8"), mapping).sums
    ).i.sum()  # fmt: skip
    per = np.array([60_000 / (np.pi * 80**2), 60_000 / (np.pi * 300**2)]) * area
    assert net == pytest.approx(per[0] / per.sum(), rel=0.03)
    x = np.stack([
        found.bins.q_norm - 0.5 * np.cos(np.radians(20)),
        found.bins.u_norm - 0.5 * np.sin(np.radians(20)),
    ], axis=-1)[whole]  # fmt: skip
    chi2 = np.einsum("pni,pnij,pnj->", x, np.linalg.inv(found.bins.covariance[whole]), x)
    assert chi2 < 2 * whole.sum() + 4 * np.sqrt(4 * whole.sum())


def test_simulations_agree_with_independent_pixels_of_few_events(tmp_path: Path, irf: str) -> None:
    """Pixels share no event: p after all trials is Sidak's, by simulations too."""
    x, y = disk(15_000, 150, np.random.default_rng(41))
    events = open_events(write_field(tmp_path, x, y, seed=42, weighted=True))
    mapping = MapParameters(pixel_size="15.6arcsec", minimum_events=20, simulations=4000)
    found = measure_map(events, settings(irf, ebins="2,8", weighted=True), mapping)
    assert found.used.sum() > 100
    assert np.median(found.sums.gross[found.used]) < 60
    p = np.exp(found.trials.log_p)
    assert 0.1 < p < 0.5
    assert found.trials.simulated_p == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / 4000))


def test_an_energy_bin_without_background_events_is_simulated(tmp_path: Path, irf: str) -> None:
    """Its noise is none, and not a number that is none."""
    generator = np.random.default_rng(43)
    parts = disk(60_000, 150, generator), disk(600, 300, generator)
    events = open_events(write_field(tmp_path, *np.concatenate(parts, axis=1), seed=44))
    (tmp_path / "b.reg").write_text('icrs\ncircle(150.0,2.264,40")\n')
    region = read_region_file(tmp_path / "b.reg", events.wcs)
    mapping = MapParameters(pixel_size="104arcsec", minimum_events=20, simulations=50)
    found = measure_map(events, settings(irf, ebins="2,7.6,8"), mapping, background=region)
    assert found.background_counts is not None
    assert found.background_counts.tolist() == [found.background_counts[0], 0]
    assert found.background_counts[0] > 0
    assert found.used[:, 1].any()
    assert found.trials.log_p > np.log(0.1)
    assert found.trials.simulated_p > 0.1


@given(st.integers(0, 1000), st.integers(1, 20), st.integers(1, 20), st.integers(1, 60))
def test_blocks_divide_the_map(seed: int, ny: int, nx: int, minimum: int) -> None:
    counts = np.random.default_rng(seed).poisson(3, (ny * nx, 1)).astype(float)
    sums = BinSums(np.array([2.0]), np.array([8.0]), *(counts for _ in _ARRAYS))
    label = quadtree(sums, (ny, nx), minimum)
    # every event is in a block
    assert np.all(label[counts[:, 0] > 0] >= 0)
    number = int(label.max()) + 1
    assert set(label[label >= 0]) == set(range(number))
    total = np.bincount(label[label >= 0], counts[label >= 0, 0], max(number, 1))
    # a block has enough, or there is but one
    assert number <= 1 or total.min() >= minimum


def test_adaptive_map_has_enough_everywhere(polarized: EventList, irf: str) -> None:
    found = measure_map(
        polarized, settings(irf), MapParameters(pixel_size="5.2arcsec", adaptive=80)
    )
    assert found.used.all()
    assert found.trials.cells == found.used.size
    assert found.sums.counts.sum() == polarized.count()
    assert np.nanmin(found.image(found.bins.effective_counts)) >= 80 * 0.999
    ra, dec = found.position(found.trials.cell)
    assert np.hypot(ra - 150, dec - 2.2) * 3600 < 160


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        ({"pixel_size": "1arcsec"}, "smaller than the sky pixels"),
        ({"pixel_size": "20arcmin"}, "one pixel"),
        ({"center": "150,2.2", "map_radius": "5arcsec"}, "one pixel"),
        ({"center": "330,-2.2", "map_radius": "60arcsec"}, "other side"),
    ],
)
def test_impossible_pixels(
    polarized: EventList, irf: str, given: dict[str, str], cause: str
) -> None:
    with pytest.raises(ParameterError, match=cause):
        measure_map(polarized, settings(irf), MapParameters(**given))


def test_a_map_beside_the_events_is_an_error(polarized: EventList, irf: str) -> None:
    with pytest.raises(InputError, match="no events in the map"):
        measure_map(
            polarized, settings(irf), MapParameters(center="150.1,2.2", map_radius="60arcsec")
        )


def test_too_few_events_everywhere_is_told(tmp_path: Path, irf: str) -> None:
    x, y = disk(60, 100, np.random.default_rng(8))
    found: PolarizationMap = measure_map(
        open_events(write_field(tmp_path, x, y)), settings(irf), MapParameters()
    )
    assert not found.used.any()
    assert found.trials.cells == 0
    assert np.isnan(found.image(found.bins.pd)).all()
    assert any("no pixels have enough events" in note for note in found.notes)


def test_maps_are_those_of_ixpeobssim(weighted_units: list[Path], tmp_path: Path) -> None:
    size = 6 * PIXEL
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("map_peer.py")), "ixpe:obssim20240101:v13",
         "2,5,8", "8", str(size), str(tmp_path / "peer.npz"), *map(str, weighted_units)],
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path), "MPLBACKEND": "Agg"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    theirs = np.load(tmp_path / "peer.npz")
    mapping = MapParameters(
        pixel_size=f"{size}arcsec", center="150,2.2", map_radius=f"{4 * size}arcsec"
    )
    events = open_events(weighted_units)
    for weighted, acceptance in ((False, True), (True, False)):
        parameters = PolarizationParameters(
            ebins="2,5,8", estimator="pcube", weighted=weighted, acceptance_correction=acceptance
        )
        found = measure_map(events, parameters, mapping)
        own = {n: theirs[f"{weighted},{acceptance},{n}"] for n in ("COUNTS", "I", "QN", "UN", "MU")}
        bins = found.bins
        counts = found.image(bins.counts, masked=False)
        # an event on the edge of a pixel may fall on either side
        same = (counts == own["COUNTS"]) & (counts > 0)
        assert (counts != own["COUNTS"]).sum() <= 2
        assert same.sum() > 10
        for name, values in (
            ("I", bins.i), ("QN", bins.q_norm), ("UN", bins.u_norm), ("MU", bins.modulation)
        ):  # fmt: skip
            image = found.image(values, masked=False)
            assert image[same] == pytest.approx(own[name][same], rel=1e-5, abs=1e-5), name
