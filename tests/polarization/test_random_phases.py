"""Tails of few vectors of random phases, against the integral of a random walk."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import j0, j1

from xsurvey.polarization.random_phases import as_chi2, log_tail, threshold


def exact(lengths: np.ndarray, distance: float) -> float:
    """Kluyver's integral: the chance that the sum of vectors is farther away than that."""
    k = np.linspace(0, 40 / np.sqrt((lengths**2).sum() / 2), 40_001)
    waves = np.prod(j0(lengths[:, None] * k), axis=0)
    return 1 - distance * float(np.trapezoid(j1(k * distance) * waves, k))


def beta_of(lengths: np.ndarray) -> np.ndarray:
    return (lengths**4).sum() / (lengths**2).sum() ** 2


@pytest.mark.parametrize(
    ("number", "spread"), [(10, 0.0), (20, 0.0), (20, 0.4), (45, 0.0), (45, 0.5), (200, 0.8)]
)
def test_one_per_cent_of_few_events(number: int, spread: float) -> None:
    lengths = np.exp(np.random.default_rng(5).normal(0, spread, number))
    sigma = np.sqrt((lengths**2).sum() / 2)
    beta = beta_of(lengths)
    assert exact(lengths, sigma * float(threshold(0.01, beta))) == pytest.approx(0.01, rel=0.06)
    gaussian = exact(lengths, sigma * np.sqrt(2 * np.log(100)))
    assert gaussian == pytest.approx(0.01 * (1 - 3 * beta), abs=0.0012)
    # and what is common
    at = sigma * np.sqrt(2 * 1.2)
    assert np.exp(log_tail(np.array(1.2), beta)) == pytest.approx(exact(lengths, at), rel=0.02)


def test_uneven_events_are_cautious() -> None:
    """One event that counts as much as all others together: beyond the expansion."""
    lengths = np.array([4.0, *np.ones(16)])
    sigma = np.sqrt((lengths**2).sum() / 2)
    assert exact(lengths, sigma * float(threshold(0.01, beta_of(lengths)))) < 0.01


@given(st.floats(0, 1), st.floats(1e-6, 0.5))
def test_thresholds_are_where_chi2_is(beta: float, probability: float) -> None:
    limit = threshold(probability, np.array(beta))
    assert np.exp(-as_chi2(limit**2, np.array(beta)) / 2) == pytest.approx(probability, rel=1e-6)


@given(st.floats(0, 0.3))
def test_tails_fall(beta: float) -> None:
    x = np.linspace(0, 60, 2001)
    tail = log_tail(x, np.array(beta))
    assert np.all(np.diff(tail) <= 0)
    assert tail[0] == 0


def test_many_events_are_gaussian() -> None:
    chi2 = np.array([0.0, 1.0, 9.21, 400.0, np.nan])
    assert as_chi2(chi2, np.array(0.0)) == pytest.approx(chi2, nan_ok=True)
