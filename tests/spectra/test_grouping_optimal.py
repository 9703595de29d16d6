import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.stats import norm

from xsurvey.spectra.grouping import (
    fwhm_in_channels,
    group_optimal,
    optimal_bin_width,
    sum_groups,
)

FWHM = 2 * np.sqrt(2 * np.log(2))


def gaussian(sigma: np.ndarray, channels: int) -> csr_array:
    """A response with a Gaussian of its own width at the middle of each channel."""
    edges = np.arange(channels + 1.0)
    centre = edges[:-1] + 0.5
    cumulative = norm.cdf(edges, centre[:, np.newaxis], sigma[:, np.newaxis])
    return csr_array(np.diff(cumulative, axis=1))


def test_the_resolution_of_a_gaussian() -> None:
    sigma = np.linspace(3, 9, 300)
    fwhm = fwhm_in_channels(gaussian(sigma, 300), np.ones(300))
    # integrating over a channel adds 1/12 to the variance
    expected = FWHM * np.sqrt(sigma**2 + 1 / 12)
    assert fwhm[40:260] == pytest.approx(expected[40:260], rel=0.01)


def test_the_resolution_does_not_depend_on_how_channels_are_cut() -> None:
    fine = gaussian(np.full(400, 12.0), 400)
    width = np.where(np.arange(200) < 100, 1.0, 3.0)  # three channels joined from 100 on
    joined = csr_array(
        np.concatenate(
            [fine.toarray()[:, :100], fine.toarray()[:, 100:].reshape(400, -1, 3).sum(axis=2)],
            axis=1,
        )
    )
    number = joined.shape[1]
    fwhm = fwhm_in_channels(joined, width[:number]) * width[:number]
    assert fwhm[40:70] == pytest.approx(np.full(30, 12 * FWHM), rel=0.02)
    assert fwhm[130:170] == pytest.approx(np.full(40, 12 * FWHM), rel=0.05)


def test_a_perfect_detector_has_the_resolution_of_its_channels() -> None:
    assert fwhm_in_channels(csr_array(np.eye(5)), np.ones(5)).tolist() == [1] * 5
    # rows and channels without response, a bin of no width
    matrix = np.zeros((4, 6))
    matrix[1, 2] = matrix[2, 3] = 1
    assert fwhm_in_channels(csr_array(matrix), np.array([0, 1, 1, 1, 1, 0])).tolist() == [1] * 6
    with pytest.raises(ValueError, match="0 everywhere"):
        fwhm_in_channels(csr_array((3, 4)), np.ones(4))


def test_the_formula() -> None:
    """Equations 36 and 37, for a flat spectrum; the numbers were worked out by hand."""
    counts, fwhm, good = np.full(1000, 100.0), np.full(1000, 10.0), np.ones(1000, bool)
    # R = 100, N_r = 1.314 * 1000, x = ln(1314 * (1 + 0.2 * 4.60517)) = 7.83356,
    # (0.08 + 0.893591 + 0.029333) / (1 + 0.753170) = 0.57206
    width = optimal_bin_width(counts, fwhm, good)
    assert width[20:980] == pytest.approx(np.full(960, 5.7206), abs=2e-4)
    # few counts: as wide as the resolution, and continuous where it begins to be finer
    assert optimal_bin_width(counts * 0, fwhm, good).tolist() == [10] * 1000
    at = np.exp(2.119) / (1 + 0.2 * np.log(100)) / 1.314 / 10
    assert optimal_bin_width(np.full(1000, at * 1.001), fwhm, good)[500] == pytest.approx(
        10, rel=2e-3
    )


def test_wider_than_a_channel_only_if_the_resolution_is() -> None:
    made = group_optimal(np.full(50, 10.0), np.ones(50))
    assert made.sizes.tolist() == [1] * 50
    made = group_optimal(np.full(1000, 100.0), np.full(1000, 10.0))
    assert set(made.sizes[5:-5]) == {5}


def test_more_counts_make_finer_groups() -> None:
    fwhm = np.full(600, 15.0)
    numbers = [len(group_optimal(np.full(600, c), fwhm)) for c in (0.0, 0.1, 10.0, 1e3, 1e5)]
    assert numbers == sorted(numbers)
    assert numbers[0] == 40
    assert numbers[-1] > 80


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 1e4))
def test_all_good_channels_are_in_groups_of_the_right_size(seed: int, level: float) -> None:
    random = np.random.default_rng(seed)
    number = int(random.integers(1, 200))
    counts = random.poisson(level, number)
    fwhm = random.uniform(0.3, 20, number)
    good = random.random(number) < 0.9
    made = group_optimal(counts, fwhm, good)
    assert np.array_equal(made.members(number) >= 0, good)
    assert sum_groups(counts, made).sum() == counts[good].sum()
    most = np.maximum(np.floor(optimal_bin_width(counts, fwhm, good)), 1)
    for begin, end in zip(made.first, made.last, strict=True):
        assert end - begin <= most[begin:end].min()
        if end < number and good[end]:  # it could not be wider
            assert end - begin + 1 > most[begin : end + 1].min()


@pytest.mark.parametrize(
    ("counts", "fwhm"), [([np.nan, 1], [1, 1]), ([1, 1], [0, 1]), ([1, 1], [np.inf, 1])]
)
def test_impossible_input(counts: list[float], fwhm: list[float]) -> None:
    with pytest.raises(ValueError, match="not"):
        group_optimal(np.array(counts), np.array(fwhm))
