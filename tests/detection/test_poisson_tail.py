import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from xsurvey.detection.poisson_tail import exact_tail, filter_weights, log_tail
from xsurvey.imaging import starlet


def exact_log_tail(values: np.ndarray, level: float, kernel: np.ndarray) -> np.ndarray:
    """Return ln P(W >= w) from the exact distribution: a Fourier inversion on a fine lattice."""
    weights, numbers = filter_weights(kernel)
    step = 1e-5
    size = 2**20
    frequency = 2 * np.pi * np.fft.fftfreq(size)
    lattice = np.round(weights / step)
    exponent = sum(
        m * (np.exp(-1j * frequency * h) - 1) for h, m in zip(lattice, numbers, strict=True)
    )
    pmf = np.fft.ifft(np.exp(level * exponent)).real
    grid = np.fft.fftfreq(size, 1 / size) * step
    order = np.argsort(grid)
    tail = np.cumsum(pmf[order][::-1])[::-1]
    at = np.searchsorted(grid[order], values - 0.5 * step)
    return np.log(tail[at])


@pytest.mark.parametrize("level", [0.02, 0.1, 1.0])
@pytest.mark.parametrize("scale", [1, 2])
def test_tails_agree_with_the_exact_distribution(level: float, scale: int) -> None:
    kernel = starlet.wavelet_kernel(scale)
    noise = np.sqrt(level * np.sum(kernel**2))
    values = noise * np.array([2.0, 3.0, 4.0, 5.0, 6.0])
    exact = exact_log_tail(values, level, kernel)
    usable = exact > np.log(1e-12)  # the Fourier inversion has no more digits
    ours = log_tail(values, np.full(5, level), *filter_weights(kernel))
    assert usable.sum() >= 3
    # 0.35 in -ln P: the discreteness of few photons, small against a threshold of 15
    assert ours[usable] == pytest.approx(exact[usable], abs=0.35)


def test_flat_filter_gives_the_poisson_tail() -> None:
    mean, counts = 5.0, np.arange(8, 40)
    ours = log_tail(counts.astype(float), np.full(32, mean), np.array([1.0]), np.array([1.0]))
    # the continuous formula lies between P(N >= n) and P(N >= n + 1)
    assert np.all(ours <= stats.poisson.logsf(counts - 1, mean) + 1e-6)
    assert np.all(ours >= stats.poisson.logsf(counts, mean) - 1e-6)


@settings(deadline=None)
@given(st.floats(1e-4, 100), st.floats(0.1, 60), st.integers(0, 4))
def test_tail_is_a_decreasing_probability(level: float, sigmas: float, scale: int) -> None:
    kernel = starlet.wavelet_kernel(scale)
    noise = np.sqrt(level * np.sum(kernel**2))
    values = noise * np.array([sigmas, sigmas * 1.05])
    low, high = log_tail(values, np.full(2, level), *filter_weights(kernel))
    assert high <= low <= 0
    assert np.isfinite(high)


def test_below_the_mean_there_is_no_significance() -> None:
    weights, numbers = filter_weights(starlet.wavelet_kernel(1))
    assert log_tail(np.array([-1.0, 0.0]), np.array([1.0, 1.0]), weights, numbers).tolist() == [
        0,
        0,
    ]


def test_exact_tail_of_one_weight_is_poisson() -> None:
    counts, expected = np.array([2.0, 1.0]), np.array([0.1, 0.3])
    exact = exact_tail(counts, expected, np.ones(2))
    assert exact == pytest.approx(stats.poisson.logsf(2, 0.4))
    # of two weights by hand: W >= 2 takes the heavy photon or two light ones
    found = exact_tail(np.array([1.0, 0.0]), expected, np.array([2.0, 1.0]))
    by_hand = 1 - np.exp(-0.1) * np.exp(-0.3) * 1.3
    assert found == pytest.approx(np.log(by_hand))
    assert exact_tail(np.zeros(2), expected, np.ones(2)) == 0
