"""Sources measured in fields that are drawn: apertures, neighbours, several observations."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xsurvey.detection.aperture import Places, apertures_for
from xsurvey.detection.columns import error_ellipse, error_radius
from xsurvey.detection.flags import SourceFlag
from xsurvey.detection.measure import measure_sources
from xsurvey.detection.parameters import DetectionParameters, PhotometryParameters
from xsurvey.imaging.stack import Stack
from xsurvey.inference.poisson_rate import counts_posterior
from xsurvey.missions import get_mission
from xsurvey.psf import GaussianPsf

from .measured import drawn, found_at, photon_field, stack_of

WIDTH = 2.0
SIDE = 200
DETECTION = DetectionParameters(psf=f"gaussian:{WIDTH}arcsec")
PHOTOMETRY = PhotometryParameters(
    measure_band=tuple(get_mission("chandra").bands[b] for b in ("s", "h"))
)
EVEN = np.full((SIDE, SIDE), 1000.0)


def field(
    seed: int, places: list[tuple[float, float]], counts: list[float], background: float = 0.02,
    seconds: float = 1000.0,
) -> Any:  # fmt: skip
    generator = np.random.default_rng(seed)
    part = seconds / 1000
    photons = {
        band: drawn(generator, places, np.array(counts) * part * factor, background * part, WIDTH)
        for band, factor in (("s", 1.0), ("h", 0.5))
    }
    return photon_field(photons, EVEN * part)


def measured(stack: Stack, places: list[tuple[float, float]], **settings: Any) -> Any:
    found = found_at(stack, places, **settings)
    return measure_sources(found, stack, DETECTION, PHOTOMETRY)


def test_a_single_source_is_the_exact_posterior_of_its_counts() -> None:
    place = [(100.3, 99.6)]
    stack = stack_of(field(1, place, [60.0]))
    row = measured(stack, place).rows[0]
    x, y = stack.fields[0].drawn["s"]  # type: ignore[attr-defined]
    radius = WIDTH * np.sqrt(-2 * np.log(0.1))
    inside = np.hypot(x - 100.3, y - 99.6) < radius
    assert row["counts_s"] == inside.sum()
    assert row["psf_radius"] == pytest.approx(radius)
    assert row["psf_fraction"] == pytest.approx(0.9, abs=2e-3)
    assert row["exposure_s"] == pytest.approx(1000)
    rows, columns = np.indices((SIDE, SIDE))
    distance = np.hypot(columns - 100.3, rows - 99.6)
    ring = (distance > 1.5 * radius) & (distance <= 5 * radius)
    around = stack.fields[0].counts["s"].data[ring].sum()
    leaked = np.exp(-((1.5 * radius / WIDTH) ** 2) / 2)
    exact = counts_posterior(
        np.array([inside.sum()]), np.array([around]), np.pi * radius**2, ring.sum(), 0.9, leaked
    )
    low, high = exact.shortest_interval()
    assert row["net_counts_s"] == pytest.approx(exact.mode()[0], rel=5e-3)
    assert row["net_counts_s_lo"] == pytest.approx(low[0], rel=1e-2)
    assert row["net_counts_s_hi"] == pytest.approx(high[0], rel=1e-2)
    assert row["rate_s_upper"] == pytest.approx(exact.quantile(0.95)[0] / 1000, rel=5e-3)
    assert np.isnan(row["flux_s"])


@given(st.floats(0.2, 12.0), st.floats(0, 6.28))
@settings(max_examples=25, deadline=None)
def test_apertures_are_disjoint_and_lose_nothing(distance: float, angle: float) -> None:
    places = [(100.0, 100.0), (100 + distance * np.cos(angle), 100 + distance * np.sin(angle))]
    stack = stack_of(field(0, [], []))
    ra, dec = stack.grid.to_icrs(*np.array(places).T)
    found = Places(ra, dec, np.zeros(2), np.ones(2))
    apertures = apertures_for(found, stack.fields[0], "s", PHOTOMETRY, GaussianPsf(WIDTH))
    cover = np.zeros(SIDE * SIDE)
    for region in apertures.apertures:
        cover[region.pixels] += region.weight
    assert cover.max() <= 1 + 1e-4
    radius = apertures.radius[0]
    # area of two circles that overlap
    if distance < 2 * radius:
        lens = 2 * radius**2 * np.arccos(distance / 2 / radius)
        lens -= distance / 2 * np.sqrt(4 * radius**2 - distance**2)
    else:
        lens = 0.0
    assert cover.sum() == pytest.approx(2 * np.pi * radius**2 - lens, rel=1e-2)
    if distance < 2 * radius:  # each place has one owner
        at = np.array([100.0, 101.0, 97.0]), np.array([101.0, 100.0, 99.0])
        owners = apertures.owned(0, *at).astype(int) + apertures.owned(1, *at)
        assert owners.tolist() == [1, 1, 1]
    assert (len(apertures.overlaps[0]) > 0) == (distance < 2 * radius)


def lattice(*shifts: tuple[float, float]) -> list[tuple[float, float]]:
    """Return groups of places far from each other."""
    corners = [(25 + 37.3 * i, 25 + 37.1 * j) for i in range(5) for j in range(5)]
    return [(x + dx, y + dy) for x, y in corners for dx, dy in shifts]


def test_pairs_are_told_apart_without_bias() -> None:
    places = lattice((0, 0), (5, 0))
    truth = np.tile([150.0, 40.0], 25)
    rows = measured(stack_of(field(8, places, list(truth))), places).rows
    values = np.array([r["net_counts_s"] for r in rows])
    inside = [
        r["net_counts_s_lo"] <= t <= r["net_counts_s_hi"] for r, t in zip(rows, truth, strict=True)
    ]
    for one in (0, 1):
        error = values[one::2].std() / 5
        assert values[one::2].mean() == pytest.approx(truth[one], abs=3.5 * error)
    # of 50: three sigma
    assert np.mean(inside) == pytest.approx(0.683, abs=0.2)
    assert all(r["flag"] & SourceFlag.BLENDED for r in rows)


def test_the_wings_of_a_bright_neighbour_are_not_counted() -> None:
    places = lattice((0, 0), (11, 0))  # apertures apart, wings not
    rows = measured(stack_of(field(9, places, [4000.0, 20.0] * 25)), places).rows
    values = np.array([r["net_counts_s"] for r in rows])
    for one, truth in ((0, 4000), (1, 20)):
        error = values[one::2].std() / 5
        assert values[one::2].mean() == pytest.approx(truth, abs=3.5 * error)
    assert not any(r["flag"] & SourceFlag.BLENDED for r in rows)
    # without the wings there would be half as much
    assert np.mean([r["background_s"] for r in rows[1::2]]) > 2.0


def test_observations_share_one_rate_and_have_one_of_their_own() -> None:
    place = [(100.0, 100.0)]
    fields = [field(3, place, [90.0]), field(4, place, [90.0], seconds=400.0)]
    found = measured(stack_of(*fields), place)
    (row,), each = found.rows, found.observations
    assert [o["observation"] for o in each] == ["a", "b"]
    assert [o["number"] for o in each] == [1, 1]
    assert row["n_observations"] == 2
    assert row["counts_s"] == sum(o["counts_s"] for o in each)
    assert row["exposure_s"] == pytest.approx(1400)
    weighted = sum(o["rate_s"] * o["exposure_s"] for o in each) / 1400
    assert row["rate_s"] == pytest.approx(weighted, rel=0.02)
    width = row["rate_s_hi"] - row["rate_s_lo"]
    assert all(width < o["rate_s_hi"] - o["rate_s_lo"] for o in each)
    assert set(found.posteriors) == {"", "a", "b"}
    one = measured(stack_of(fields[0]), place)
    assert one.rows[0]["rate_s"] == pytest.approx(each[0]["rate_s"], rel=1e-9)


def test_a_source_off_one_observation_is_measured_in_the_other() -> None:
    place = [(100.0, 100.0)]
    half = field(3, place, [50.0])
    exposure = EVEN.copy()
    exposure[:, 90:] = 0
    dark = photon_field(half.drawn, exposure)
    found = measured(stack_of(half, dark), place)
    assert [o["observation"] for o in found.observations] == ["a"]
    row = found.rows[0]
    assert row["n_observations"] == 1
    assert row["exposure_s"] == pytest.approx(1000)
    nowhere = measured(stack_of(dark), place)
    assert nowhere.observations == []
    assert all(np.isnan(nowhere.rows[0][k]) for k in ("counts_s", "rate_s", "rate_s_upper",
                                                      "hardness_hs"))  # fmt: skip


def test_a_hole_in_the_exposure_is_made_up_for() -> None:
    place = [(100.0, 100.0)]
    values = []
    for seed in range(20):
        whole = field(seed, place, [400.0])
        exposure = EVEN.copy()
        exposure[:, 101:104] = 0
        keep = {b: ~((x > 100.5) & (x < 103.5)) for b, (x, y) in whole.drawn.items()}
        photons = {b: (x[keep[b]], y[keep[b]]) for b, (x, y) in whole.drawn.items()}
        row = measured(stack_of(photon_field(photons, exposure)), place).rows[0]
        values.append(row["rate_s"])
        assert row["flag"] & SourceFlag.NEAR_GAP
    error = np.std(values) / np.sqrt(20)
    assert np.mean(values) == pytest.approx(0.4, abs=3.5 * error)


def test_extended_sources_get_apertures_of_their_own() -> None:
    place = [(100.0, 100.0)]
    stack = stack_of(field(3, place, [50.0]))
    row = measured(stack, place, extent=6.0).rows[0]
    assert row["psf_radius"] == pytest.approx(np.hypot(WIDTH * np.sqrt(-2 * np.log(0.1)), 18))
    assert 0.5 < row["psf_fraction"] < 0.75
    assert row["flag"] & SourceFlag.EXTENDED
    assert not measured(stack, place).rows[0]["flag"] & SourceFlag.EXTENDED


def test_binned_photons_are_in_or_out_with_their_pixels() -> None:
    place = [(100.4, 99.8)]
    values = []
    for seed in range(30):
        one = field(seed, place, [100.0])
        plain = photon_field(one.drawn, EVEN)
        binned = type(plain).__mro__[1](
            **{n: getattr(plain, n) for n in plain.__dataclass_fields__ if n != "drawn"}
        )
        values.append(measured(stack_of(binned), place).rows[0]["net_counts_s"])
    assert np.mean(values) == pytest.approx(100, abs=3.5 * np.std(values) / np.sqrt(30))


def test_the_same_seed_gives_the_same_rows() -> None:
    places = [(100.0, 100.0), (104.0, 100.0), (60.0, 60.0)]
    stack = stack_of(field(5, places, [80.0, 40.0, 30.0]))
    found = found_at(stack, places)
    first, again = (measure_sources(found, stack, DETECTION, PHOTOMETRY, seed=4) for _ in range(2))
    other = measure_sources(found, stack, DETECTION, PHOTOMETRY, seed=5)
    assert str(first.rows) == str(again.rows)
    assert first.rows[0]["net_counts_s"] != other.rows[0]["net_counts_s"]
    assert first.rows[2]["net_counts_s"] == other.rows[2]["net_counts_s"]


@pytest.mark.parametrize("distance", [0.0, 3.0, 12.0])
def test_a_point_keeps_its_aperture_within_an_extended_source(distance: float) -> None:
    stack = stack_of(field(0, [], []))
    ra, dec = stack.grid.to_icrs(np.array([100.0, 100.0 + distance]), np.array([100.0, 100.0]))
    found = Places(ra, dec, np.array([0.0, 12.0]), np.ones(2))
    apertures = apertures_for(found, stack.fields[0], "s", PHOTOMETRY, GaussianPsf(WIDTH))
    assert apertures.fraction[0] == pytest.approx(0.9, abs=1e-2)
    assert sum(r.weight.sum() for r in apertures.apertures) == pytest.approx(
        np.pi * apertures.radius[1] ** 2, rel=1e-2
    )
    radius = apertures.radius[0]
    x, y = np.meshgrid(*(100.0 + np.linspace(-radius, radius, 41),) * 2)
    inside = np.hypot(x - 100, y - 100) < 0.999 * radius
    assert apertures.owned(0, x[inside], y[inside]).all()
    assert not apertures.owned(1, x[inside], y[inside]).any()


def test_many_overlapping_sources_do_not_make_one_problem() -> None:
    places = [(60 + 5.0 * i, 60 + 5.0 * j) for i in range(6) for j in range(6)]
    stack = stack_of(field(6, places, [30.0] * 36))
    rows = measured(stack, places).rows
    total = sum(r["net_counts_s"] for r in rows)
    assert total == pytest.approx(36 * 30, rel=0.15)


def test_no_sources() -> None:
    stack = stack_of(field(1, [], []))
    found = measured(stack, [])
    assert found.rows == []
    assert found.observations == []
    assert set(found.bands) == {"s", "h"}


def test_ellipses_of_covariances() -> None:
    turn = np.radians(30)
    axis = np.array([np.sin(turn), np.cos(turn)])  # 30 degrees from north through east
    across = np.array([np.cos(turn), -np.sin(turn)])
    covariance = 4 * np.outer(axis, axis) + 1 * np.outer(across, across)
    major, minor, angle = error_ellipse(np.array([covariance, np.full((2, 2), np.nan)]))
    assert (major[0], minor[0], angle[0]) == pytest.approx((2, 1, 30))
    assert np.isnan([major[1], minor[1], angle[1]]).all()


def test_radii_of_ellipses() -> None:
    assert error_radius(np.ones(1), np.ones(1), 0.6827)[0] == pytest.approx(
        np.sqrt(-2 * np.log(1 - 0.6827)), rel=1e-4
    )
    x, y = np.random.default_rng(1).standard_normal((2, 200_000)) * [[3.0], [0.5]]
    radius = error_radius(np.array([3.0]), np.array([0.5]), 0.9)[0]
    assert np.mean(np.hypot(x, y) < radius) == pytest.approx(0.9, abs=4e-3)
    thin = error_radius(np.array([1.0]), np.array([0.0]), 0.6827)[0]
    assert thin == pytest.approx(1.0, abs=0.02)
    assert np.isnan(error_radius(np.array([np.nan]), np.array([1.0]), 0.9)).all()


def test_without_a_psf_the_width_of_the_candidate_stands_in() -> None:
    place = [(100.0, 100.0)]
    one = field(3, place, [80.0])
    unknown = dict.fromkeys(("mission", "pointing"))
    plain = type(one)(
        **{n: getattr(one, n) for n in one.__dataclass_fields__ if n not in unknown}, **unknown
    )
    stack = stack_of(plain)
    found = found_at(stack, place)
    row = measure_sources(found, stack, DetectionParameters(), PhotometryParameters()).rows[0]
    assert row["psf_radius"] == pytest.approx(np.sqrt(-2 * np.log(0.1)))  # of a sigma of 1
    assert row["flag"] & SourceFlag.PSF_APPROXIMATE
    assert np.isnan(row["off_axis_angle"])
    assert row["mission"] == ""
