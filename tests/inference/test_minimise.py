"""The minimiser: counts spectra, bent valleys, kinks, bounds, degeneracies, impossible regions."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special

from xsurvey.errors import ParameterError
from xsurvey.inference.minimise import minimise, minimise_from
from xsurvey.inference.minimum import covariance_of
from xsurvey.inference.prior_set import PriorSet
from xsurvey.inference.priors import Normal, Uniform
from xsurvey.inference.quadratic_step import bounded_step

ENERGY = np.geomspace(0.5, 8, 200)
WIDTH = np.gradient(ENERGY)
BOUNDS = (np.array([0.0, -3.0, 0.0]), np.array([100.0, 10.0, 1e6]))
SCALE = np.array([0.1, 0.1, 0.1])
Model = Callable[[np.ndarray], np.ndarray]


class Counts:
    """Cash's statistic of counts."""

    def __init__(self, counts: np.ndarray, model: Model) -> None:
        self.counts, self.evaluate = counts, model

    def total(self, model: np.ndarray) -> np.ndarray:
        terms = 2 * (model - self.counts + special.xlogy(self.counts, self.counts / model))
        return np.where(model < 0, np.inf, terms).sum(axis=1)

    def derivatives(self, model: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return 2 * (1 - self.counts / model), 2 / model


class Squares:
    """The sum of squares of the model."""

    def __init__(self, model: Model) -> None:
        self.evaluate = model

    def total(self, model: np.ndarray) -> np.ndarray:
        return (model**2).sum(axis=1)

    def derivatives(self, model: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return 2 * model, np.full_like(model, 2.0)


def absorbed(theta: np.ndarray) -> np.ndarray:
    column, slope, norm = theta.T[:, :, None]
    return norm * np.exp(-column * ENERGY**-2.5) * ENERGY**-slope * WIDTH * 100 + 0.01


def spectrum(truth: list[float], seed: int = 1) -> Counts:
    mean = absorbed(np.array([truth]))[0]
    return Counts(np.random.default_rng(seed).poisson(mean), absorbed)


@pytest.mark.parametrize("truth", [[0.3, 1.7, 5.0], [0.0, 2.0, 0.05], [2.0, 1.0, 50.0]])
@pytest.mark.parametrize("start", [[0.1, 1.0, 1.0], [5.0, 3.0, 100.0], [0.0, 0.0, 1e-3]])
def test_power_laws(truth: list[float], start: list[float]) -> None:
    objective = spectrum(truth)
    found = minimise(objective, np.array(start), BOUNDS, SCALE)
    other = optimize.minimize(
        lambda x: objective.total(absorbed(x[None]))[0], found.best, method="Nelder-Mead",
        bounds=list(zip(*BOUNDS, strict=True)),
        options={"xatol": 1e-7, "fatol": 1e-9, "maxfev": 4000},
    )  # fmt: skip
    assert found.converged
    assert found.statistic == pytest.approx(other.fun, abs=1e-4)
    assert found.evaluations < 40
    assert found.at_bounds.tolist() == [found.best[0] == 0, False, False]
    known = ~found.at_bounds
    assert np.all(np.abs(found.best - truth)[known] < 4 * found.sigma[known])


def test_a_typical_fit_takes_few_batches() -> None:
    found = minimise(spectrum([0.3, 1.7, 5.0]), np.array([0.1, 1.0, 1.0]), BOUNDS, SCALE)
    assert found.evaluations < 20


def test_models_in_single_precision() -> None:
    exact = spectrum([0.3, 1.7, 500.0])
    rounded = Counts(exact.counts, lambda t: absorbed(t).astype(np.float32).astype(float))
    best = minimise(exact, np.array([0.1, 1.0, 1.0]), BOUNDS, SCALE)
    found = minimise(rounded, np.array([0.1, 1.0, 1.0]), BOUNDS, SCALE)
    assert found.converged
    assert np.all(np.abs(found.best - best.best) < 0.02 * best.sigma)
    assert found.sigma == pytest.approx(best.sigma, rel=1e-2)


def test_covariance_is_that_of_many_data_sets() -> None:
    best = np.array([
        minimise(spectrum([0.5, 1.7, 20.0], seed), np.array([0.5, 1.7, 20.0]), BOUNDS, SCALE).best
        for seed in range(200)
    ])  # fmt: skip
    fit = minimise(spectrum([0.5, 1.7, 20.0], 1000), np.array([0.5, 1.7, 20.0]), BOUNDS, SCALE)
    scatter = np.cov(best.T)
    assert np.sqrt(np.diag(scatter)) == pytest.approx(fit.sigma, rel=0.2)
    correlation = fit.covariance / np.outer(fit.sigma, fit.sigma)
    assert np.corrcoef(best.T) == pytest.approx(correlation, abs=0.1)


def rosenbrock(theta: np.ndarray) -> np.ndarray:
    return np.stack([10 * (theta[:, 1] - theta[:, 0] ** 2), 1 - theta[:, 0]], axis=1)


def test_bent_valley() -> None:
    free = (np.full(2, -np.inf), np.full(2, np.inf))
    found = minimise(Squares(rosenbrock), np.array([-1.2, 1.0]), free, np.ones(2))
    assert found.converged
    assert found.best == pytest.approx([1, 1], abs=1e-4)
    # twice the inverse of 2 J^T J
    assert found.covariance == pytest.approx(np.array([[1, 2], [2, 4.01]]), rel=1e-3)


def test_bent_valley_cut_by_a_bound() -> None:
    box = (np.array([-2.0, -2.0]), np.array([0.5, 2.0]))
    found = minimise(Squares(rosenbrock), np.array([-1.2, 1.0]), box, np.ones(2))
    assert found.converged
    assert found.best == pytest.approx([0.5, 0.25], abs=1e-4)
    assert list(found.at_bounds) == [True, False]
    assert np.isnan(found.covariance[0]).all()
    assert found.covariance[1, 1] == pytest.approx(0.01, rel=1e-3)
    assert found.spread(np.full(2, 3.0)) == pytest.approx(np.array([[9, 0], [0, 0.01]]), rel=1e-3)


NODES = np.array([0.0, 1.0, 2.0, 5.0])
X = np.linspace(0, 1, 50)
SHAPES = np.stack([np.ones(50), 1 + X, np.exp(X), np.exp(2 * X)])
TABLE_BOUNDS = (np.array([0.0, 0.0, -20.0]), np.array([5.0, 100.0, 100.0]))


def tabulated(theta: np.ndarray) -> np.ndarray:
    """Linear in its first parameter between nodes, as spectra of plasma between temperatures."""
    at = np.clip(np.searchsorted(NODES, theta[:, 0], "right") - 1, 0, 2)
    fraction = ((theta[:, 0] - NODES[at]) / (NODES[at + 1] - NODES[at]))[:, None]
    shape = (1 - fraction) * SHAPES[at] + fraction * SHAPES[at + 1]
    return 30 * theta[:, 1:2] * shape + theta[:, 2:] * X**2


def test_minima_at_kinks_are_found() -> None:
    at_kink = 0
    for seed in range(24):
        truth = np.array([[1.0, 1.0, 3.0]])
        objective = Counts(np.random.default_rng(seed).poisson(tabulated(truth)[0]), tabulated)
        found = minimise(
            objective, np.array([3.0, 2.0, 1.0]), TABLE_BOUNDS, np.array([0.5, 0.3, 3.0])
        )
        near = np.concatenate([np.zeros((1, 3)), np.diag(0.02 * np.array([1.0, 1.0, -5.0]))])
        other = optimize.minimize(
            lambda x, o=objective: o.total(tabulated(x[None]))[0], found.best,
            method="Nelder-Mead", bounds=list(zip(*TABLE_BOUNDS, strict=True)),
            options={"initial_simplex": found.best + near, "xatol": 1e-8, "fatol": 1e-9,
                     "maxfev": 4000},
        )  # fmt: skip
        assert found.converged
        assert found.statistic < other.fun + 1e-3
        if "kink" in found.message:
            assert np.abs(NODES - found.best[0]).min() < 1e-3
            at_kink += 1
    assert 3 <= at_kink <= 20


def test_a_cusp_is_reached() -> None:
    """|x| has no second derivative where it is lowest."""

    def cusp(theta: np.ndarray) -> np.ndarray:
        u = np.abs(theta[:, 0] - 0.3) + 0.5 * np.abs(theta[:, 1] + 0.2 - theta[:, 0])
        return np.stack([1 + u, 0.1 * theta[:, 0]], axis=1)

    found = minimise(
        Squares(cusp), np.array([4.0, -7.0]), (np.full(2, -10.0), np.full(2, 10.0)), np.ones(2)
    )
    assert found.best == pytest.approx([0.3, 0.1], abs=2e-3)
    assert found.statistic == pytest.approx(1 + 9e-4, abs=5e-3)


def line(theta: np.ndarray) -> np.ndarray:
    return 5 + theta[:, :1] * np.exp(-0.5 * ((ENERGY - theta[:, 1:2]) / 0.1) ** 2)


def test_a_norm_at_zero_leaves_the_rest_undetermined() -> None:
    counts = np.full(200, 5)
    counts[np.abs(ENERGY - 3) < 0.5] = 3
    box = (np.array([0.0, 2.8]), np.array([100.0, 3.2]))
    for norm in (0.0, 2.0):
        found = minimise(Counts(counts, line), np.array([norm, 3.0]), box, np.ones(2))
        assert found.converged
        assert found.best[0] == 0
        assert list(found.at_bounds) == [True, False]
        assert list(found.undetermined) == [False, True]
        assert np.isnan(found.covariance).all()


def test_parameters_that_only_their_product_determines() -> None:
    objective = Counts(
        np.random.default_rng(3).poisson(20, 50),
        lambda t: t[:, :1] * t[:, 1:2] * np.ones(50),
    )
    found = minimise(objective, np.ones(2), (np.zeros(2), np.full(2, 1e3)), np.ones(2))
    assert found.converged
    assert found.best.prod() == pytest.approx(objective.counts.mean(), rel=1e-4)
    assert found.undetermined.all()


def test_regions_without_a_number_are_left_alone() -> None:
    def holed(theta: np.ndarray) -> np.ndarray:
        model = absorbed(theta)
        model[theta[:, 1] > 2.2] = np.nan
        model[theta[:, 0] > 1.0] = np.inf
        return model

    objective = Counts(spectrum([0.3, 1.7, 5.0]).counts, holed)
    expected = minimise(spectrum([0.3, 1.7, 5.0]), np.array([0.3, 1.7, 5.0]), BOUNDS, SCALE)
    found = minimise(objective, np.array([0.9999999, 2.2, 0.01]), BOUNDS, SCALE)
    assert found.converged
    assert found.statistic == pytest.approx(expected.statistic, abs=1e-4)
    with pytest.raises(ParameterError, match="not a finite number"):
        minimise(objective, np.array([2.0, 1.0, 1.0]), BOUNDS, SCALE)


def test_priors_pull() -> None:
    priors = PriorSet([Normal(0.0, 1e-3, 0.0), Normal(1.0, 1e-3), Uniform(0, 1e6)])
    found = minimise(
        spectrum([0.3, 1.7, 5.0]), np.array([0.1, 1.0, 1.0]), BOUNDS, SCALE, priors.penalty
    )
    assert found.converged
    assert found.best[:2] == pytest.approx([0.0, 1.0], abs=5e-3)
    assert found.sigma[1] == pytest.approx(1e-3, rel=0.05)


def test_iterations_that_do_not_suffice_are_said() -> None:
    found = minimise(
        spectrum([0.3, 1.7, 5.0]), np.array([5.0, 3.0, 100.0]), BOUNDS, SCALE, max_iterations=2,
        probe=False,
    )  # fmt: skip
    assert not found.converged
    assert found.message == "not converged after 2 iterations"
    assert found.iterations == 2


def test_starts_are_compared_and_the_lowest_minimum_is_returned() -> None:
    def two(theta: np.ndarray) -> np.ndarray:
        return np.stack([(theta[:, 0] ** 2 - 4), 0.2 * (theta[:, 0] - 2)], axis=1)

    box = (np.array([-9.0]), np.array([9.0]))
    starts = np.array([[-3.0], [-1.9], [3.0], [8.0]])
    best, minima = minimise_from(Squares(two), starts, box, np.ones(1), searches=3)
    assert best.best == pytest.approx([2.0], abs=1e-4)
    assert len(minima) == 3
    assert minima[0].best[0] == pytest.approx(-2, abs=0.1)
    with pytest.raises(ParameterError, match="any start"):
        minimise_from(Squares(lambda t: t * np.nan), starts, box, np.ones(1))


def test_bad_arguments() -> None:
    with pytest.raises(ParameterError, match="outside the bounds"):
        minimise(spectrum([0.3, 1.7, 5.0]), np.array([-1.0, 1.0, 1.0]), BOUNDS, SCALE)
    with pytest.raises(ValueError, match="scales"):
        minimise(spectrum([0.3, 1.7, 5.0]), np.array([0.1, 1.0, 1.0]), BOUNDS, 0 * SCALE)


def test_equal_bounds_freeze() -> None:
    box = (np.array([0.3, -3.0, 0.0]), np.array([0.3, 10.0, 1e6]))
    found = minimise(spectrum([0.3, 1.7, 5.0]), np.array([0.3, 1.0, 1.0]), box, SCALE)
    assert found.converged
    assert found.best[0] == 0.3
    assert np.isnan(found.sigma[0])
    assert np.all(found.sigma[1:] > 0)


matrices = st.lists(st.floats(-3, 3), min_size=9, max_size=9)
vectors = st.lists(st.floats(-5, 5), min_size=3, max_size=3)


@given(matrices, vectors, vectors)
@settings(max_examples=60, deadline=None)
def test_bounded_steps_are_the_lowest(a: list[float], g: list[float], room: list[float]) -> None:
    root = np.reshape(a, (3, 3))
    hessian, gradient = root @ root.T + 0.1 * np.eye(3), np.array(g)
    below, above = -np.abs(room), np.abs(room[::-1])
    step = bounded_step(gradient, hessian, 0.0, below, above)

    def value(p: np.ndarray) -> float:
        return float(gradient @ p + 0.5 * p @ hessian @ p)

    reference = optimize.lsq_linear(
        np.linalg.cholesky(hessian).T, -np.linalg.solve(np.linalg.cholesky(hessian), gradient),
        (below - 1e-12, above + 1e-12), method="bvls", tol=1e-12,
    )  # fmt: skip
    assert np.all((step >= below) & (step <= above))
    assert value(step) <= value(reference.x) + 1e-6 * (1 + abs(value(reference.x)))


def test_covariance_leaves_out_what_is_not_known() -> None:
    hessian = np.array([[2.0, 0.0, 0.0], [0.0, 8.0, 8.0], [0.0, 8.0, 8.0]])
    covariance, undetermined = covariance_of(hessian, np.array([True, True, True]))
    assert list(undetermined) == [False, True, True]
    assert covariance[0, 0] == pytest.approx(1.0)
    assert np.isnan(covariance[1:]).all()
    covariance, undetermined = covariance_of(hessian, np.array([True, True, False]))
    assert np.diag(covariance)[:2] == pytest.approx([1.0, 0.25])
    assert not undetermined.any()
