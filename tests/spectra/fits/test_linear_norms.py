"""Norms of components at given shapes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from tests.spectra.fits.conftest import assembled, drawn
from xsurvey.spectra.fit import fit_spectra
from xsurvey.spectra.linear_norms import likely_norms
from xsurvey.spectra.statistics.cash import cstat_terms

TEMPLATES = np.stack([np.exp(-np.arange(40) / 5.0), np.exp(-np.arange(40) / 30.0)])[None]


def cstat(counts: np.ndarray, known: np.ndarray, norms: np.ndarray) -> float:
    model = known + np.einsum("bj,bjm->bm", norms, TEMPLATES)
    return float(cstat_terms(counts, model).sum())


def test_one_component_has_all_counts() -> None:
    counts = np.array([3.0, 0.0, 7.0, 2.0])
    template = np.array([[[1.0, 2.0, 3.0, 4.0]]])
    found = likely_norms(counts, np.zeros((1, 4)), template, np.ones((1, 1)), iterations=1)
    assert found == pytest.approx(np.array([[1.2]]))


@pytest.mark.parametrize("behind", [0.0, 3.0])
def test_two_components_near_the_optimum(behind: float) -> None:
    generator = np.random.default_rng(3)
    known = np.full((1, 40), behind)
    counts = generator.poisson(known[0] + 100 * TEMPLATES[0, 0] + 20 * TEMPLATES[0, 1]).astype(
        float
    )
    best = minimize(
        lambda x: cstat(counts, known, np.exp(x)[None]), np.log([50.0, 50.0]), method="Nelder-Mead"
    )
    found = likely_norms(counts, known, TEMPLATES, np.full((1, 2), 50.0))
    assert cstat(counts, known, found) < best.fun + 0.5


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=40, max_size=40), st.floats(0, 5), st.floats(0.01, 50))
def test_counts_never_become_less_likely(counts: list[int], behind: float, start: float) -> None:
    data, known = np.array(counts, float), np.full((1, 40), behind)
    norms, last = np.full((1, 2), start), np.inf
    for _ in range(5):
        now = cstat(data, known, norms)
        assert now <= last + 1e-9 * (1 + abs(now))
        norms, last = likely_norms(data, known, TEMPLATES, norms, iterations=1), now


def test_components_without_counts_keep_their_norms() -> None:
    templates = TEMPLATES.copy()
    templates[0, 1] = 0.0
    found = likely_norms(np.ones(40), np.zeros((1, 40)), templates, np.array([[2.0, 7.0]]))
    assert found[0, 1] == 7.0
    assert found[0, 0] == pytest.approx(40 / templates[0, 0].sum())


@pytest.mark.parametrize("seed", range(5))
def test_two_components_are_told_apart_from_far_starts(seed: int) -> None:
    # a soft and a hard component: one start of the two power laws alike is a saddle
    truth = (3.5, 0.01, 0.5, 0.003)
    source = drawn("powerlaw+powerlaw", truth, seed)
    likelihood = assembled("powerlaw+powerlaw", [source]).likelihood
    fit = fit_spectra(likelihood, intervals=False)
    at_truth = float(likelihood.statistic(np.array([truth]))[0])
    assert fit.statistic < at_truth
    assert sorted(fit.theta[[0, 2]]) == pytest.approx([0.5, 3.5], abs=0.6)
