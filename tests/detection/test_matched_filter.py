import numpy as np
import pytest
from scipy import stats

from xsurvey.detection.matched_filter import detectable_counts, detection_likelihood
from xsurvey.detection.pixel_model import pixel_fractions, point_shape
from xsurvey.detection.poisson_tail import log_tail_of_pixels
from xsurvey.psf import GaussianPsf

LINE = np.arange(-6, 7)


def unit(x: float, sigma: float = 1.5) -> np.ndarray:
    return pixel_fractions(
        LINE, LINE, x, 0.2, point_shape(GaussianPsf(sigma).mixture(0), 1.0)
    ).reshape(1, -1)


@pytest.mark.parametrize("level", [0.05, 0.3, 2.0])
@pytest.mark.parametrize("uneven", [False, True])
def test_tail_is_the_exact_one(level: float, uneven: bool) -> None:
    # exact: the distribution of the filter by Fourier transform, on a fine lattice of weights
    shape = unit(0.3)[0]
    background = level * (1 + 0.8 * np.sin(np.arange(shape.size)) * uneven)
    weights = np.log1p(12 * shape / background)
    quantum = weights.max() / 500
    lattice = np.bincount(np.round(weights / quantum).astype(int), background, 2**15)
    density = np.fft.ifft(np.exp(np.fft.fft(lattice) - background.sum())).real
    tail = density[::-1].cumsum()[::-1]
    steps = np.array([np.searchsorted(-tail, -np.exp(-value)) for value in (5, 10, 15, 18)])
    count = np.ones((len(steps), 1))
    found = -log_tail_of_pixels(steps * quantum, count * background, count * weights)
    assert found == pytest.approx(-np.log(tail[steps]), abs=0.12)


def test_one_pixel_is_the_poisson_tail() -> None:
    counts, level = np.array([[3.0], [9.0], [30.0]]), np.array([[1.2], [1.2], [8.0]])
    found = detection_likelihood(counts, level, np.ones((3, 1)), 15.0)
    # the continuous formula stands between the tails from n and from n + 1 on
    from_n = -stats.poisson.logsf(counts[:, 0] - 1, level[:, 0])
    beyond = -stats.poisson.logsf(counts[:, 0], level[:, 0])
    assert (found >= from_n).all()
    assert (found <= beyond).all()
    exact = detection_likelihood(counts, level, np.ones((3, 1)), 15.0, exact=True)
    assert exact[:2] == pytest.approx(from_n[:2])


def test_detectable_counts_gain_the_threshold() -> None:
    shape = np.concatenate([unit(0.0), unit(0.4, 3.0)])
    level = np.full(shape.shape, 0.2)
    for threshold in (5.0, 15.0, 50.0):
        number = detectable_counts(level, shape, threshold)
        source = number[:, None] * shape
        gain = np.sum((level + source) * np.log1p(source / level) - source, axis=1)
        assert gain == pytest.approx(threshold, rel=2e-3)


def test_norm_of_the_shape_does_not_matter_and_zeros_do_not() -> None:
    generator = np.random.default_rng(1)
    shape = unit(0.1)
    counts = generator.poisson(0.1 + 15 * shape).astype(float)
    level = np.full(shape.shape, 0.1)
    first = detection_likelihood(counts, level, shape, 15.0)
    assert detection_likelihood(counts, level, 1e6 * shape, 15.0) == pytest.approx(first)
    more = [np.pad(a, ((0, 0), (0, 40)), constant_values=v) for a, v in
            ((counts, 3.0), (level, 0.1), (shape, 0.0))]  # fmt: skip
    assert detection_likelihood(*more, 15.0) == pytest.approx(first)
    assert detection_likelihood(counts, level, np.zeros(shape.shape), 15.0) == 0


def test_background_makes_few_large_likelihoods() -> None:
    # at one place P is uniform, so that L > 3 comes e^-3 of the time
    generator = np.random.default_rng(2)
    level = np.full((20_000, unit(0.0).size), 0.5)
    values = detection_likelihood(
        generator.poisson(level).astype(float), level, np.repeat(unit(0.0), 20_000, axis=0), 10.0
    )
    assert (values > 3).mean() == pytest.approx(np.exp(-3), abs=4 * np.sqrt(np.exp(-3) / 20_000))
