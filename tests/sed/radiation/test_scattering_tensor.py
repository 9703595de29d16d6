"""The product in blocks against the sum as it is written."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xsurvey.sed.radiation.scattering_tensor import ScatteringTensor

SCATTERED, ELECTRONS, SEEDS = 30, 9, 14  # of blocks of twelve the last is not whole


def random_tensor(seed: int) -> np.ndarray:
    """Return a tensor [seed, eps_s, gamma] that is zero here and there, in the second block too."""
    random = np.random.default_rng(seed)
    tensor = random.lognormal(sigma=3, size=(SEEDS, SCATTERED, ELECTRONS))
    tensor[random.random(tensor.shape) < 0.3] = 0
    tensor[: random.integers(SEEDS)] = 0
    tensor[:, 12:24] = 0
    return tensor


@pytest.mark.parametrize(("precision", "tolerance"), [(np.float64, 1e-14), (np.float32, 1e-6)])
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), number=st.integers(1, 3), kinds=st.integers(1, 3))
def test_it_is_the_sum_over_electrons_and_seeds(
    precision: type, tolerance: float, seed: int, number: int, kinds: int
) -> None:
    random = np.random.default_rng(seed)
    tensor = random_tensor(seed)
    kept = ScatteringTensor(SCATTERED, lambda rows: tensor[:, rows], precision)
    # each row and kind has a scale of its own, far beyond single precision's
    electrons = random.random((number, ELECTRONS)) * 10 ** random.uniform(-60, 60, (number, 1))
    seeds = random.random((number, kinds, SEEDS)) * 10 ** random.uniform(
        -60, 60, (number, kinds, 1)
    )
    expected = np.einsum("esg,bg,bne->bns", tensor, electrons, seeds)
    np.testing.assert_allclose(kept.product(electrons, seeds), expected, rtol=tolerance)
    assert np.count_nonzero(tensor) <= kept.size <= tensor.size * 18 / 30


def test_what_is_dark_stays_dark() -> None:
    tensor = ScatteringTensor(SCATTERED, lambda rows: random_tensor(1)[:, rows])
    found = tensor.product(np.zeros((2, ELECTRONS)), np.ones((2, 1, SEEDS)))
    assert not found.any()
    assert found.shape == (2, 1, SCATTERED)
