"""Products that leave zeros out are those with the whole matrix."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xsurvey.spectra.block_product import BlockProduct


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 60), st.integers(1, 320), st.integers(1, 5), st.floats(0, 1),
    st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_any_matrix(n: int, m: int, b: int, filled: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    matrix = generator.normal(size=(n, m)) * (generator.random((n, m)) < filled)
    vectors = generator.normal(size=(b, n))
    assert BlockProduct(matrix)(vectors) == pytest.approx(vectors @ matrix, rel=1e-10, abs=1e-12)


def test_a_triangle_with_odd_rows() -> None:
    generator = np.random.default_rng(1)
    matrix = np.tril(generator.random((500, 400)))
    matrix[[0, 3]] = generator.random((2, 400))
    product = BlockProduct(matrix)
    vectors = generator.random((7, 500))
    assert product(vectors) == pytest.approx(vectors @ matrix, rel=1e-13)
    kept = sum(strip.block.size for strip in product._strips)
    assert kept < 0.75 * matrix.size
    assert set(product._odd_rows) >= {0, 3}


def test_a_matrix_of_zeros() -> None:
    assert not BlockProduct(np.zeros((4, 90)))(np.ones((2, 4))).any()
