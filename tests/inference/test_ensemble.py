"""The ensemble sampler: known posteriors, stopping, reproducibility, impossible regions."""

from pathlib import Path

import emcee
import numpy as np
import pytest

from xsurvey.errors import InputError, ParameterError
from xsurvey.inference.chain_file import read_chains
from xsurvey.inference.convergence import check_steps
from xsurvey.inference.ensemble import sample_ensembles
from xsurvey.inference.ensemble_moves import ensembles_moves
from xsurvey.inference.mcmc_parameters import MCMCParameters

COVARIANCE = np.array([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 4.0]])
INVERSE = np.linalg.inv(COVARIANCE)
NAMES = ("a", "b", "c")
START = np.array([0.5, 0.0, 1.0])
SHORT = {"check_every": 20, "min_steps": 20, "max_steps": 100}


def gaussian(x: np.ndarray) -> np.ndarray:
    return -0.5 * np.einsum("bi,ij,bj->b", x, INVERSE, x)


@pytest.mark.parametrize("moves", ["stretch", "differential", "mixed"])
def test_correlated_gaussian(moves: str) -> None:
    chains = sample_ensembles(
        gaussian, START, COVARIANCE, NAMES, MCMCParameters(moves=moves), seed=3
    )
    assert chains.converged
    assert chains.warnings == ()
    tau = max(chains.diagnostics["autocorrelation_time"])
    assert len(chains.kept) >= 50 * tau
    assert max(chains.diagnostics["r_hat"]) < 1.01
    assert min(chains.diagnostics["ess_bulk"] + chains.diagnostics["ess_tail"]) >= 400
    assert 0.2 < chains.diagnostics["acceptance"] < 0.8
    error = 4 / np.sqrt(chains.diagnostics["ess_bulk"]) * np.sqrt(np.diag(COVARIANCE))
    assert np.all(np.abs(chains.samples.mean(axis=0)) < error)
    assert np.cov(chains.samples.T) == pytest.approx(COVARIANCE, abs=0.35)


def test_batches_hold_half_of_all_walkers() -> None:
    sizes = []

    def counted(x: np.ndarray) -> np.ndarray:
        sizes.append(len(x))
        return gaussian(x)

    sample_ensembles(counted, START, COVARIANCE, NAMES, MCMCParameters(**SHORT), seed=1)
    assert sizes.count(4 * 16 // 2) == 2 * 100


@pytest.mark.parametrize("moves", ["stretch", "differential"])
def test_ensembles_move_along_their_own_walkers_only(moves: str) -> None:
    counts = np.zeros(4 * 16, np.int64)
    centres = np.repeat([0.0, 1e6, 2e6, 3e6], 16)[:, None]
    positions = centres + np.random.default_rng(1).standard_normal((64, 2))

    def nearest_centre(x: np.ndarray) -> np.ndarray:
        nearest = 1e6 * np.clip(np.round(x / 1e6), 0, 3)
        far = np.abs(x - nearest).max(axis=1) > 100
        assert not far.any()
        return -0.5 * ((x - nearest) ** 2).sum(axis=1)

    sampler = emcee.EnsembleSampler(
        64, 2, nearest_centre, vectorize=True, moves=ensembles_moves(moves, 4, counts)
    )
    end = sampler.run_mcmc(positions, 200, skip_initial_state_check=True)
    assert np.array_equal(np.round(end.coords / 1e6) * 1e6, np.repeat(centres, 2, axis=1))
    assert counts.sum() / (64 * 200) == pytest.approx(sampler.acceptance_fraction.mean())
    assert counts.min() > 0


def test_not_converged_is_said() -> None:
    chains = sample_ensembles(gaussian, START, COVARIANCE, NAMES, MCMCParameters(**SHORT), seed=1)
    assert not chains.converged
    assert chains.steps == 100
    assert "not converged after 100 steps" in chains.warnings[0]
    assert "autocorrelation times of" in chains.warnings[0]


def test_disagreeing_ensembles_do_not_converge() -> None:
    def two_peaks(x: np.ndarray) -> np.ndarray:
        return -0.5 * np.minimum((x[:, 0] - 30) ** 2, (x[:, 0] + 30) ** 2)

    chains = sample_ensembles(
        two_peaks, np.array([0.0]), np.array([15.0]), ("a",),
        MCMCParameters(max_steps=1500, moves="stretch"), seed=5,
    )  # fmt: skip
    peak = (chains.chain[-1, :, :, 0] > 0).mean(axis=1)
    assert np.ptp(peak) > 0.1
    assert not chains.converged
    assert "R-hat" in chains.warnings[0]


def test_bounds_are_kept() -> None:
    def half(x: np.ndarray) -> np.ndarray:
        return np.where(x[:, 0] >= 0, -0.5 * x[:, 0] ** 2, -np.inf)

    chains = sample_ensembles(half, np.array([0.01]), np.array([1.0]), ("a",), seed=1)
    assert chains.converged
    assert chains.samples.min() >= 0
    assert chains.samples.mean() == pytest.approx(np.sqrt(2 / np.pi), abs=0.05)


@pytest.mark.parametrize("k", [1, 3, 6])
def test_a_start_at_bounds_is_possible(k: int) -> None:
    def corner(x: np.ndarray) -> np.ndarray:
        return np.where(np.all(x >= 0, axis=1), -0.5 * np.sum(x**2, axis=1), -np.inf)

    # half of the centres of ensembles lie beyond a bound, nearly all of them beyond one of six
    for seed in range(5):
        chains = sample_ensembles(
            corner, np.zeros(k), np.ones(k), "abcdef"[:k], MCMCParameters(**SHORT), seed=seed
        )
        assert chains.chain.min() >= 0


def test_nan_is_impossible_counted_and_reported() -> None:
    def holed(x: np.ndarray) -> np.ndarray:
        value = gaussian(x)
        value[x[:, 0] > 1] = np.nan
        value[x[:, 0] < -1.5] = np.inf
        return value

    chains = sample_ensembles(
        holed, np.zeros(3), COVARIANCE, NAMES, MCMCParameters(**SHORT), seed=1
    )
    assert chains.not_a_number > 0
    assert f"{chains.not_a_number} evaluations gave no number" in chains.warnings[-1]
    assert np.all(np.isfinite(chains.log_probability))
    assert chains.samples[:, 0].max() <= 1
    assert chains.samples[:, 0].min() >= -1.5


def test_lost_walkers_are_put_back() -> None:
    """A narrow peak in a wide plain, far below: walkers that start there never find it."""

    def peak(x: np.ndarray) -> np.ndarray:
        inside = np.all(np.abs(x) < 1000, axis=1)
        return np.where(inside, np.maximum(-0.5 * (x**2).sum(axis=1) / 0.01, -200.0), -np.inf)

    chains = sample_ensembles(
        peak, np.zeros(2), np.full(2, 0.7), ("a", "b"),
        MCMCParameters(max_steps=4000, moves="stretch"), seed=4,
    )  # fmt: skip
    assert chains.relocated > 0
    assert chains.burn >= chains.last_relocation > 0
    assert chains.converged
    assert chains.samples.std(axis=0) == pytest.approx([0.1, 0.1], rel=0.1)


@pytest.mark.parametrize("thin", [1, 4])
def test_same_seed_same_numbers_at_once_or_resumed(tmp_path: Path, thin: int) -> None:
    def run(steps: int, path: Path | None, seed: int = 7) -> np.ndarray:
        settings = MCMCParameters(check_every=20, min_steps=20, max_steps=steps, thin=thin)
        return sample_ensembles(gaussian, START, COVARIANCE, NAMES, settings, seed, path)

    whole = run(400, None)
    for steps in (20, 60, 72, 200, 400):
        pieces = run(steps, tmp_path / "chain.h5")
    assert whole.steps == 400
    assert np.array_equal(whole.chain, pieces.chain)
    assert np.array_equal(whole.log_probability, pieces.log_probability)
    assert np.array_equal(whole.accepted, pieces.accepted)
    assert whole.diagnostics == pieces.diagnostics
    assert whole.warnings == pieces.warnings
    assert not np.array_equal(whole.chain, run(400, None, seed=8).chain)


def test_thinned_chain_is_the_same_chain() -> None:
    full = sample_ensembles(gaussian, START, COVARIANCE, NAMES, MCMCParameters(**SHORT), seed=1)
    thinned = sample_ensembles(
        gaussian, START, COVARIANCE, NAMES, MCMCParameters(thin=5, **SHORT), seed=1
    )
    assert np.array_equal(full.chain[4::5], thinned.chain)


def test_a_converged_file_is_not_sampled_again(tmp_path: Path) -> None:
    path = tmp_path / "chain.h5"
    first = sample_ensembles(gaussian, START, COVARIANCE, NAMES, seed=1, chain_file=path)

    def never(x: np.ndarray) -> np.ndarray:
        raise AssertionError

    again = sample_ensembles(never, START, COVARIANCE, NAMES, seed=1, chain_file=path)
    assert first.converged
    assert np.array_equal(first.chain, again.chain)
    assert again.converged
    assert read_chains(path).diagnostics == first.diagnostics


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "chain.h5"
    settings = MCMCParameters(**SHORT)

    def run(key: str = "one", seed: int = 1, resume: bool = True, **change: object) -> None:
        sample_ensembles(
            gaussian, START, COVARIANCE, NAMES, settings.model_copy(update=change), seed, path,
            resume, key,
        )  # fmt: skip

    run()
    run()
    with pytest.raises(InputError, match=r"chain\.h5: .*\(problem differs\)"):
        run("two")
    with pytest.raises(InputError, match="seed"):
        run(seed=2)
    with pytest.raises(InputError, match="moves"):
        run(moves="stretch")
    run("two", resume=False)
    assert read_chains(path).problem_key == "two"


def test_impossible_starts_are_errors() -> None:
    def nothing(x: np.ndarray) -> np.ndarray:
        return np.full(len(x), -np.inf)

    def only_there(x: np.ndarray) -> np.ndarray:
        return np.where(np.all(x == START, axis=1), 0.0, -np.inf)

    with pytest.raises(ParameterError, match="zero there"):
        sample_ensembles(nothing, START, COVARIANCE, NAMES)
    with pytest.raises(ParameterError, match="all around"):
        sample_ensembles(only_there, START, COVARIANCE, NAMES)
    for scale in (np.zeros(3), np.array([1, np.nan, 1]), -COVARIANCE):
        with pytest.raises(ParameterError, match="scale"):
            sample_ensembles(gaussian, START, scale, NAMES)
    with pytest.raises(ParameterError, match="walkers"):
        sample_ensembles(gaussian, START, COVARIANCE, NAMES, MCMCParameters(walkers=4))


def test_singular_covariance_still_gives_independent_walkers() -> None:
    chains = sample_ensembles(gaussian, np.zeros(3), np.ones((3, 3)), NAMES, seed=1)
    assert chains.converged
    assert chains.samples.std(axis=0) == pytest.approx([1, 1, 2], rel=0.1)


def test_parameters_that_do_not_fit_are_refused() -> None:
    for bad in ({"walkers": 5}, {"min_steps": 30_000}, {"thin": 7}, {"ensembles": 3}):
        with pytest.raises(ParameterError, match="mcmc"):
            MCMCParameters.read(bad, "mcmc")


def test_checks_do_not_depend_on_where_a_run_ends() -> None:
    def checks(steps: int) -> list[int]:
        return list(check_steps(MCMCParameters(max_steps=steps)))

    assert checks(2000)[:6] == [100, 200, 300, 400, 500, 600]
    assert checks(20_000)[: len(checks(2000)) - 1] == checks(2000)[:-1]
    assert checks(20_000)[-1] == 20_000


def test_an_interruption_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    calls = []

    def stopped(x: np.ndarray) -> np.ndarray:
        calls.append(len(x))
        if len(calls) == 5:
            raise KeyboardInterrupt
        return gaussian(x)

    with pytest.raises(KeyboardInterrupt):
        sample_ensembles(stopped, START, COVARIANCE, NAMES, MCMCParameters(**SHORT), seed=1)
    assert capfd.readouterr() == ("", "")
