"""Sensitivity maps: closed forms, the detection itself, areas; the Eddington bias."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from xsurvey.detection.detect import find_sources
from xsurvey.detection.eddington import bias_factor, debiased, mean_counts
from xsurvey.detection.parameters import DetectionParameters
from xsurvey.detection.sensitivity import (
    detectable_at,
    detection_probability,
    filter_threshold,
    in_flux,
    sensitivity_map,
    sky_coverage,
)
from xsurvey.errors import MissingDataError, ParameterError
from xsurvey.imaging.sky_image import SkyImage
from xsurvey.imaging.stack import Stack
from xsurvey.inference.poisson_rate import counts_posterior

from .measured import drawn, photon_field, stack_of

SIDE = 200
WIDTH = 1.5
DETECTION = DetectionParameters(psf=f"gaussian:{WIDTH}arcsec", band=(), threshold=12.0)


def flat(level: float, seconds: float = 1000.0, exposure: np.ndarray | None = None) -> Any:
    """Return a stack of one field, and its background."""
    seen = np.full((SIDE, SIDE), seconds) if exposure is None else exposure
    photons = drawn(np.random.default_rng(0), (), (), level, WIDTH)
    stack = stack_of(photon_field({"s": photons}, seen))
    background = SkyImage(level * (seen > 0) * seen / seconds, stack.grid, "count")
    return stack, {"a": background}


def limit(stack: Stack, backgrounds: Any, **settings: Any) -> SkyImage:
    return sensitivity_map(stack, "s", backgrounds, DETECTION, **settings)


def test_one_pixel_is_the_poisson_distribution() -> None:
    level, unit = np.array([[2.0]]), np.ones((1, 1))
    weights, value = filter_threshold(level, unit, 12.0)
    least = np.ceil(value[0] / weights[0, 0] - 1e-6)
    # the first number of counts whose tail is below exp(-12), to the formula's accuracy
    exact = next(n for n in range(50) if stats.poisson.logsf(n - 1, 2.0) <= -12)
    assert abs(least - exact) <= 1
    found = detection_probability(np.array([15.0]), level, unit, weights, value)
    smooth = stats.poisson(17.0).sf(value / weights[0] - 0.5)
    assert found == pytest.approx(smooth, abs=0.06)


@given(st.floats(0.03, 3.0), st.floats(8.0, 25.0))
@settings(max_examples=15, deadline=None)
def test_more_background_and_higher_thresholds_take_more(level: float, threshold: float) -> None:
    unit = np.full((1, 9), 1 / 9)
    one, darker, surer, likely = (
        detectable_at(np.full((1, 9), b), unit, t, p)[0]
        for b, t, p in ((level, threshold, 0.5), (level / 2, threshold, 0.5),
                        (level, threshold + 2, 0.5), (level, threshold, 0.9))
    )  # fmt: skip
    assert darker < one < surer
    assert one < likely
    # half of them are found: it is near the filter's own threshold
    assert one > threshold / 4


def test_filters_reach_their_values_as_often_as_said() -> None:
    generator = np.random.default_rng(3)
    offset = np.hypot(*np.meshgrid(np.arange(-4, 5), np.arange(-4, 5))).ravel()
    unit = np.exp(-(offset**2) / (2 * WIDTH**2))[None]
    unit /= unit.sum()
    level = np.full_like(unit, 0.05)
    weights, value = filter_threshold(level, unit, 12.0)
    for counts in (6.0, 10.0, 16.0):
        drawn_counts = generator.poisson(level[0] + counts * unit[0], (4000, unit.size))
        found = detection_probability(np.array([counts]), level, unit, weights, value)[0]
        assert np.mean(drawn_counts @ weights[0] >= value[0]) == pytest.approx(found, abs=0.05)


@pytest.mark.parametrize("level", [0.02, 0.4])
def test_sources_at_the_limit_are_found_half_of_the_time(level: float) -> None:
    stack, backgrounds = flat(level)
    counts = float(np.nanmedian(limit(stack, backgrounds).data)) * 1000
    generator = np.random.default_rng(7)
    found, tried = 0, 0
    at = [(30.0 + 35 * i, 30.0 + 35 * j) for i in range(5) for j in range(5)]
    for _ in range(3):
        places = np.array(at) + generator.uniform(-0.5, 0.5, (25, 2))
        photons = drawn(generator, places, [counts] * 25, level, WIDTH)
        one = stack_of(photon_field({"s": photons}, np.full((SIDE, SIDE), 1000.0)))
        sources = find_sources(
            one, DETECTION.model_copy(update={"band": (one.fields[0].bands["s"],)}), backgrounds
        ).sources
        x, y = (np.asarray(v) for v in one.grid.wcs.all_world2pix(sources.ra, sources.dec, 0))
        for px, py in places:
            tried += 1
            found += bool((np.hypot(x - px, y - py) < 4 * WIDTH).any())
    assert found / tried == pytest.approx(0.5, abs=0.15)


def test_the_map_follows_exposure_and_background() -> None:
    exposure = np.full((SIDE, SIDE), 1000.0)
    exposure[:, 100:] = 500.0
    exposure[:10] = 0.0
    stack, backgrounds = flat(0.05, exposure=exposure)
    found = limit(stack, backgrounds)
    assert np.isnan(found.data[:10]).all()
    assert np.isfinite(found.data[10:]).all()
    # less than twice: there is half of the background
    assert 1.5 < found.data[100, 170] / found.data[100, 30] < 2.0
    even, _ = flat(0.05)
    assert found.data[100, 30] == pytest.approx(
        limit(even, {"a": SkyImage(np.full((SIDE, SIDE), 0.05), even.grid, "count")}).data[100, 30],
        rel=0.02,
    )
    assert found.unit == "count / s"
    assert found.stamps["SENSPROB"] == 0.5
    assert found.stamps["THRESH"] == 12.0


def test_observations_add_up() -> None:
    (one, level), (two, _) = flat(0.05), flat(0.05)
    both = stack_of(one.fields[0], two.fields[0])
    deep = limit(both, {"a": level["a"], "b": level["a"]}).data[100, 100]
    assert 0.5 < deep / limit(one, level).data[100, 100] < 0.8


def test_the_area_grows_with_the_flux() -> None:
    exposure = np.full((SIDE, SIDE), 1000.0)
    exposure[:, 100:] = 500.0
    found = limit(*flat(0.05, exposure=exposure))
    deep, shallow = found.data[100, 30], found.data[100, 170]
    pixel = (1 / 3600) ** 2
    area = sky_coverage(found, np.array([0.0, 0.5 * (deep + shallow), 10.0]))
    assert area[0] == 0
    assert area[1] == pytest.approx(SIDE * 100 * pixel, rel=0.05)
    assert area[2] == pytest.approx(SIDE**2 * pixel, rel=1e-6)
    flux = in_flux(found, 1e-11)
    assert flux.unit == "erg / (s cm2)"
    assert sky_coverage(flux, np.array([1e-10])) == pytest.approx(area[2])


def test_bad_input_is_named() -> None:
    stack, backgrounds = flat(0.05)
    for probability in (0.0, 1.0):
        with pytest.raises(ParameterError, match="probability"):
            limit(stack, backgrounds, probability=probability)
    with pytest.raises(MissingDataError, match=r"PSF: .*detection: psf"):
        unknown = stack_of(photon_field({"s": (np.empty(0), np.empty(0))}, np.ones((SIDE, SIDE))))
        object.__setattr__(unknown.fields[0], "mission", None)
        sensitivity_map(unknown, "s", backgrounds, DetectionParameters())
    nothing = limit(*flat(0.05, exposure=np.zeros((SIDE, SIDE))))
    assert np.isnan(nothing.data).all()


def test_number_counts_times_a_gamma_distribution() -> None:
    p = counts_posterior(np.array([30]), np.array([0]), 0.0, 1.0, 1.0, 0.0)
    better = debiased(p, 1.5)
    # s^30 e^-s times s^-2.5
    for q in (0.16, 0.5, 0.84):
        assert better.quantile(q)[0] == pytest.approx(stats.gamma(28.5).ppf(q), rel=5e-3)
    assert mean_counts(better)[0] == pytest.approx(28.5, rel=2e-3)
    assert bias_factor(p, 1.5)[0] == pytest.approx(30 / 28.5, rel=3e-3)
    bright = counts_posterior(np.array([3000]), np.array([0]), 0.0, 1.0, 1.0, 0.0)
    assert bias_factor(bright, 1.5)[0] == pytest.approx(1, abs=1e-3)
    with pytest.raises(ParameterError, match="slope"):
        debiased(p, 0.0)


def test_the_faintest_sources_bound_it() -> None:
    p = counts_posterior(np.array([4]), np.array([0]), 0.0, 1.0, 1.0, 0.0)
    assert mean_counts(debiased(p, 2.0, 3.0))[0] > 3
    assert debiased(p, 2.0, 3.0).quantile(0.001)[0] >= 2.9
    assert mean_counts(debiased(p, 2.0, 3.0))[0] > mean_counts(debiased(p, 2.0, 0.5))[0]


def test_means_of_a_detected_sample_are_right() -> None:
    generator = np.random.default_rng(1)
    truth = 5 * (1 - generator.random(12_000)) ** (-1 / 1.5)
    truth = truth[truth < 5000]
    counts = generator.poisson(truth + 2)
    found = counts >= 13
    p = counts_posterior(counts[found], np.full(found.sum(), 200_000), 1.0, 1e5, 1.0, 0.0)
    raw, better = p.mode().sum(), mean_counts(debiased(p, 1.5, 5.0)).sum()
    faint = truth[found]
    assert raw / faint.sum() > 1.02
    assert better / faint.sum() == pytest.approx(1, abs=0.015)
