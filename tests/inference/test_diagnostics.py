"""Diagnostics of chains whose properties are known, and the calibration of whole runs."""

import json

import numpy as np
import pytest
from emcee.autocorr import integrated_time
from scipy import stats

from xsurvey.inference.chains import Chains
from xsurvey.inference.diagnostics import (
    autocorrelation_time,
    effective_sizes,
    mean_errors,
    r_hat,
    summary,
)
from xsurvey.inference.ensemble import sample_ensembles


def autoregressive(phi: float, steps: int = 4000, walkers: int = 8) -> np.ndarray:
    """Chains of known autocorrelation phi^lag, unit variance; shape (step, 4, walker, 1)."""
    noise = np.random.default_rng(1).standard_normal((steps, 4, walkers, 1))
    chain = np.empty_like(noise)
    chain[0] = noise[0]
    for i in range(1, steps):
        chain[i] = phi * chain[i - 1] + np.sqrt(1 - phi**2) * noise[i]
    return chain


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
def test_autocorrelation_time_and_effective_size(phi: float) -> None:
    chain, expected = autoregressive(phi), (1 + phi) / (1 - phi)
    assert autocorrelation_time(chain)[0] == pytest.approx(expected, rel=0.1)
    bulk, _ = effective_sizes(chain)
    assert bulk[0] == pytest.approx(chain.size / expected, rel=0.1)
    assert mean_errors(chain)[0] == pytest.approx(np.sqrt(expected / chain.size), rel=0.1)


@pytest.mark.parametrize(("phi", "steps"), [(0.0, 50), (0.7, 301), (0.95, 1000), (0.99, 100)])
def test_autocorrelation_time_is_that_of_emcee(phi: float, steps: int) -> None:
    chain = autoregressive(phi, steps)
    expected = max(integrated_time(chain.reshape(steps, -1, 1), tol=0, quiet=True)[0], 1)
    assert autocorrelation_time(chain)[0] == pytest.approx(expected, rel=1e-9)


def test_r_hat_of_ensembles_that_agree_and_that_do_not() -> None:
    chain = autoregressive(0.5, 1000)
    assert r_hat(chain)[0] < 1.003
    shifted = chain.copy()
    shifted[:, 0] += 0.5
    assert r_hat(shifted)[0] > 1.02
    wider = chain.copy()
    wider[:, 0] *= 2  # the same mean: only the tails tell
    assert r_hat(wider)[0] > 1.02
    drifting = chain + np.linspace(0, 1, 1000)[:, None, None, None]
    assert r_hat(drifting)[0] > 1.02


def test_r_hat_of_ensembles_does_not_depend_on_walkers_moving_together() -> None:
    """Within an ensemble all walkers may be the same chain; ensembles still tell."""
    one = autoregressive(0.9, 500, 1)
    chain = np.repeat(one, 8, axis=2)
    assert r_hat(chain)[0] == pytest.approx(r_hat(one)[0], abs=0.01)


def test_chains_that_never_moved_are_not_judged() -> None:
    still = np.ones((100, 4, 4, 1))
    assert np.isnan(r_hat(still)[0])
    assert np.isnan(autocorrelation_time(still)[0])
    assert np.isnan(effective_sizes(still)[0][0])
    short = autoregressive(0.0, 4)
    assert np.isnan(autocorrelation_time(short)[0])
    assert np.isnan(r_hat(short)[0])


def test_summary_is_json_and_of_a_gaussian() -> None:
    chain = 3 + 2 * autoregressive(0.5, 2000)
    chains = Chains(
        ("a",), chain, -0.5 * ((chain[..., 0] - 3) / 2) ** 2, np.zeros((4, 8), int), 100, 2, 1
    )
    found = json.loads(json.dumps(summary(chains)))["a"]
    assert found["median"] == pytest.approx(3, abs=0.05)
    assert found["mean"] == pytest.approx(3, abs=0.05)
    assert found["mode"] == pytest.approx(3, abs=0.01)
    assert found["sd"] == pytest.approx(2, rel=0.02)
    for kind in ("equal_tailed", "highest_density"):
        assert found[kind]["0.6827"] == pytest.approx([1, 5], abs=0.15)
        assert found[kind]["0.9"] == pytest.approx([3 - 3.29, 3 + 3.29], abs=0.2)
    assert found["autocorrelation_time"] == pytest.approx(6, rel=0.1)
    still = Chains(("a",), 0 * chain, 0 * chain[..., 0], np.zeros((4, 8), int), 0, 1, 1)
    assert json.loads(json.dumps(summary(still)))["a"]["r_hat"] is None


def mixture(x: np.ndarray) -> np.ndarray:
    """0.7 N(0, 1) + 0.3 N(4, 0.5) in a, and b = a with unit scatter."""
    narrow = np.log(0.3 / 0.5) - 0.5 * ((x[:, 0] - 4) / 0.5) ** 2
    peaks = np.logaddexp(np.log(0.7) - 0.5 * x[:, 0] ** 2, narrow)
    return peaks - 0.5 * (x[:, 1] - x[:, 0]) ** 2


def test_intervals_and_errors_of_whole_runs() -> None:
    """The 68 % interval of a mixture holds 68 %, and means scatter by their stated errors."""
    contents, deviations = [], []
    for seed in range(10):
        chains = sample_ensembles(mixture, np.array([1.0, 1.0]), np.ones(2), ("a", "b"), seed=seed)
        found = summary(chains)
        assert chains.converged
        assert max(found[n]["r_hat"] for n in "ab") < 1.01
        low, high = (
            0.7 * stats.norm.cdf(end) + 0.3 * stats.norm.cdf((end - 4) / 0.5)
            for end in found["a"]["equal_tailed"]["0.6827"]
        )
        contents.append(high - low)
        deviations += [(found[n]["mean"] - 1.2) / found[n]["mcse"] for n in "ab"]
    assert np.mean(contents) == pytest.approx(0.6827, abs=0.01)
    assert np.ptp(contents) < 0.06
    assert np.std(deviations) < 1.8
    assert abs(np.mean(deviations)) < 1
