import numpy as np
import pytest

from xsurvey.imaging.background import _gaussian, background_map

SHAPE = (300, 320)


def blank(level: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).poisson(level, SHAPE).astype(float)


def no_mask() -> np.ndarray:
    return np.zeros(SHAPE, dtype=bool)


def test_flat_background_is_recovered_without_its_noise() -> None:
    counts = blank(0.05)
    level = background_map(counts, np.full(SHAPE, 1e5), no_mask(), (60.0, 30.0, 16.0))
    assert level.mean() == pytest.approx(counts.mean(), rel=0.02)
    assert level.std() < 0.1 * level.mean()


def test_background_follows_the_exposure_not_the_counts_edge() -> None:
    exposure = np.full(SHAPE, 1e5)
    exposure[:, 160:] = 5e4
    exposure[:, 300:] = 0
    counts = np.random.default_rng(1).poisson(0.1 * exposure / 1e5).astype(float)
    level = background_map(counts, exposure, no_mask(), (60.0,))
    assert level[:, 165].mean() / level[:, 155].mean() == pytest.approx(0.5, rel=0.03)
    assert np.all(level[:, 300:] == 0)


def test_masked_sources_do_not_raise_it() -> None:
    counts = blank(0.05)
    counts[145:156, 155:166] += 10
    mask = no_mask()
    mask[140:161, 150:171] = True
    scales = (60.0, 30.0, 16.0)
    with_mask = background_map(counts, np.ones(SHAPE), mask, scales)
    without = background_map(counts, np.ones(SHAPE), no_mask(), scales)
    assert with_mask[150, 160] == pytest.approx(0.05, rel=0.15)
    assert without[150, 160] > 0.5


def test_a_nebula_is_followed() -> None:
    y, x = np.indices(SHAPE)
    truth = 0.05 + 1.0 * np.exp(-((x - 160) ** 2 + (y - 150) ** 2) / (2 * 30.0**2))
    counts = np.random.default_rng(2).poisson(truth).astype(float)
    level = background_map(counts, np.ones(SHAPE), no_mask(), (60.0, 30.0, 16.0))
    assert level[150, 160] == pytest.approx(truth[150, 160], rel=0.25)


def test_coarse_smoothing_equals_the_direct_one() -> None:
    image = blank(0.5)
    from scipy import ndimage

    direct = ndimage.gaussian_filter(image, 40.0, mode="constant", truncate=4)
    assert _gaussian(image, 40.0) == pytest.approx(direct, rel=0.03, abs=0.01)
