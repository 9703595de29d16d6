"""Likelihood and fits of distributions drawn from a model in closed form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize, stats

from tests.sed.toy_model import TRUTH, TwoHumps, drawn
from xsurvey.errors import InputError, ParameterError
from xsurvey.inference.parameter_set import ParameterSet
from xsurvey.inference.priors import Uniform
from xsurvey.sed.fit_parameters import held
from xsurvey.sed.fitting.derived import derived_at_best
from xsurvey.sed.fitting.fit import SedFit, fit_sed, sed_likelihood
from xsurvey.sed.fitting.likelihood import AT_ONCE, SedLikelihood
from xsurvey.sed.fitting.sed_parameters import SedFitParameters
from xsurvey.sed.fitting.starts import choose_starts
from xsurvey.sed.models.base import Quantity
from xsurvey.sed.models.registry import radiative_model
from xsurvey.sed.tables.points import SedPoints, select_points


def likelihood_of(limits: int = 0, seed: int = 1, **said: object) -> SedLikelihood:
    parameters = SedFitParameters(**said)
    return sed_likelihood(TwoHumps(), select_points(drawn(seed, limits=limits), parameters),
                          parameters)  # fmt: skip


def test_chi_square_of_points() -> None:
    likelihood = likelihood_of()
    points = likelihood.points
    model = likelihood.evaluate(TRUTH[None, :])
    assert model.shape == (1, 40)
    expected = np.sum(((points.flux - model[0]) / points.sigma) ** 2)
    assert likelihood.statistic(TRUTH[None, :])[0] == pytest.approx(expected)
    assert likelihood.degrees_of_freedom == 35
    rows = np.array([TRUTH, TRUTH + 0.1, TRUTH])
    batch = likelihood.statistic(rows)
    assert batch[0] == batch[2] == pytest.approx(expected)
    assert batch[1] == pytest.approx(likelihood.statistic(rows[1:2])[0])


def test_many_rows_are_evaluated_in_parts() -> None:
    """So that the memory of a model does not grow with the draws of a posterior."""

    class Counting(TwoHumps):
        most = 0

        def components(self, theta: np.ndarray, frequencies: np.ndarray) -> dict[str, np.ndarray]:
            self.most = max(self.most, len(theta))
            return super().components(theta, frequencies)

    plain = likelihood_of()
    model = Counting()
    likelihood = SedLikelihood(model, plain.points, plain.parameters)
    rows = TRUTH + 0.01 * np.random.default_rng(1).standard_normal((2 * AT_ONCE + 3, len(TRUTH)))
    assert likelihood.evaluate(rows) == pytest.approx(
        np.concatenate([plain.evaluate(rows[:AT_ONCE]), plain.evaluate(rows[AT_ONCE:])]), rel=1e-12
    )
    assert model.most == AT_ONCE


def test_points_at_one_frequency_keep_their_order() -> None:
    likelihood = likelihood_of()
    points = likelihood.points
    order = np.array([5, 5, 2, 9])
    few = SedPoints(
        "a", points.frequency[order], points.flux[order] * [1, 2, 1, 1], points.sigma[order],
        points.is_limit[order], tuple("abcd"), {},
    )  # fmt: skip
    model = SedLikelihood(TwoHumps(), few, likelihood.parameters).evaluate(TRUTH[None, :])
    assert model[0] == pytest.approx(likelihood.evaluate(TRUTH[None, :])[0, order])


def test_derivatives_are_those_of_the_statistic() -> None:
    likelihood = likelihood_of(limits=3)
    model = likelihood.evaluate(TRUTH[None, :])
    model[0, -1] = 4 * likelihood.points.flux[-1]  # above a limit
    first, second = likelihood.derivatives(model)
    for place in (0, 20, 40, 42):
        step = 1e-4 * likelihood.points.sigma[place]
        ends = np.repeat(model, 2, axis=0)
        ends[:, place] += [-step, step]
        totals = likelihood.total(ends)
        assert first[0, place] * step == pytest.approx((totals[1] - totals[0]) / 2, abs=1e-9)
        slopes = likelihood.derivatives(ends)[0][:, place]
        assert second[0, place] == pytest.approx((slopes[1] - slopes[0]) / (2 * step), rel=1e-4)
    assert np.all(second >= 0)


def test_limits_hold_a_model_down() -> None:
    """Far below every limit the statistic is that of points, and the probability of each limit."""
    likelihood = likelihood_of(limits=1)
    points = likelihood.points
    low, well = TRUTH.copy(), likelihood.statistic(TRUTH[None, :])[0]
    low[0] -= 8  # far below every limit: nothing to be gained from them
    model = likelihood.evaluate(low[None, :])
    chi2 = np.sum(likelihood.residuals(model)[0, ~points.is_limit] ** 2)
    s = points.flux[-1] / points.sigma[-1]
    assert s == pytest.approx(stats.norm.ppf(0.95))
    assert likelihood.total(model)[0] == pytest.approx(chi2 - 2 * np.log(0.95))
    assert well < chi2
    assert likelihood.degrees_of_freedom == 35


def test_a_limit_against_a_measurement() -> None:
    """A measurement and a limit below it at one frequency: the analytic optimum of the two."""
    flux, sigma, limit = 3e-10, 0.5e-10, 1.5e-10
    points = SedPoints(
        "s", np.full(2, 1e16), np.array([flux, limit]), np.array([sigma, limit / 1.6449]),
        np.array([False, True]), ("A", "A"), {},
    )  # fmt: skip
    frozen = ("log10_peak=16", "curvature=0.2", "log10_ratio=-4", "log10_shift=8")
    fit = fit_sed(sed_likelihood(TwoHumps(), points, SedFitParameters(freeze=frozen)))

    def slope(x: float) -> float:
        z = (limit - x) / points.sigma[1]
        pull = stats.norm.pdf(z) / stats.norm.cdf(z) / points.sigma[1]
        return float((x - flux) / sigma**2 + pull)

    optimum = optimize.brentq(slope, limit, flux)
    assert 10 ** fit.theta[0] == pytest.approx(optimum, rel=1e-4)
    expected = ((flux - optimum) / sigma) ** 2
    expected -= 2 * stats.norm.logcdf((limit - optimum) / points.sigma[1])
    assert fit.statistic == pytest.approx(expected, abs=1e-4)


def test_impossible_models_are_infinite() -> None:
    likelihood = likelihood_of(link=("log10_ratio=2*curvature*log10_shift",))
    rows = np.array([[-10.2, 16.8, 0.16, 8.7], [-10.2, 16.8, 1.9, 8.7]])
    found = likelihood.statistic(rows)
    assert np.isfinite(found).tolist() == [True, False]
    assert likelihood.log_probability(rows)[1] == -np.inf


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_truth_is_found_from_far_away(seed: int) -> None:
    said = ("log10_height=-15", "log10_peak=12.5", "curvature=1.5", "log10_shift=12")
    likelihood = likelihood_of(limits=2, seed=seed, set=said, systematic_default=0.02)
    fit = fit_sed(likelihood, confidence=0.9973)
    assert fit.minimum.converged
    assert fit.notes == ()
    for place, truth in enumerate(TRUTH):
        interval = fit.intervals[place]
        assert interval.lower < truth < interval.upper
        # close to Gaussian: thrice the standard deviation
        assert interval.upper - interval.lower == pytest.approx(
            6 * fit.minimum.sigma[place], rel=0.1
        )
    assert stats.chi2.sf(fit.statistic, likelihood.degrees_of_freedom) > 1e-3


def test_starts_are_near_wherever_the_user_begins() -> None:
    far = likelihood_of(set=("log10_height=-15.9", "curvature=2"))
    starts = choose_starts(far, 4)
    assert starts[0].tolist() == far.parameters.start.tolist()
    assert np.array_equal(starts, choose_starts(far, 4))
    assert far.statistic(starts[:1])[0] > 1e3
    assert far.statistic(starts[1:]).min() < 60
    # what several searches end at is taken once
    assert 2 <= len(starts) <= 5
    apart = [np.abs(a - b).max() for i, a in enumerate(starts) for b in starts[:i]]
    assert min(apart) > 0.01
    assert len(choose_starts(far, 1)) == 1


def test_starts_obey_priors() -> None:
    likelihood = likelihood_of(prior=("log10_shift=normal:8.7,0.05", "curvature=uniform:0.1,0.2"))
    starts = choose_starts(likelihood, 5)
    low, high = likelihood.parameters.bounds
    assert np.all((starts >= low) & (starts <= high))
    fit = fit_sed(likelihood)
    alone = fit_sed(likelihood_of())
    assert fit.minimum.sigma[4] < alone.minimum.sigma[4]
    assert fit.statistic >= alone.statistic - 1e-6


def test_narrower_limits_cut_the_prior_of_the_model() -> None:
    class WithPrior(TwoHumps):
        parameters = tuple(replace(p, prior=Uniform(p.minimum, p.maximum))
                           for p in TwoHumps.parameters)  # fmt: skip

    parameters = SedFitParameters(limits=("log10_peak=15,16.5",))
    likelihood = sed_likelihood(WithPrior(), select_points(drawn(), parameters), parameters)
    assert likelihood.priors.bounds[1][1] == 16.5
    assert likelihood.log_probability(TRUTH[None, :])[0] == -np.inf
    fit = fit_sed(likelihood, intervals=False)
    assert fit.theta[1] == 16.5
    assert fit.notes == ("the best fit is at a limit: log10_peak",)


class _WithSize(TwoHumps):
    """A size, frozen at first, that the second hump tells within a factor of twenty or so."""

    parameters = (*TwoHumps.parameters, held("size", 1e4, 10, 1e9, "a size"))

    def components(self, theta: np.ndarray, frequencies: np.ndarray) -> dict[str, np.ndarray]:
        humps = super().components(theta[:, :-1], frequencies)
        return humps | {"compton": humps["compton"] * (theta[:, -1:] / 1e4) ** 0.005}


def test_priors_of_models_do_not_draw_the_best_fit() -> None:
    """As with a flat one; one of the user's does, and chains have the model's own."""

    def likelihood(*prior: str) -> SedLikelihood:
        parameters = SedFitParameters(
            thaw=("size",), freeze=("log10_ratio=0.3", "curvature=0.16"), prior=prior
        )
        return sed_likelihood(_WithSize(), select_points(drawn(), parameters), parameters)

    own = likelihood()
    fit, flat, drawn_down = (
        fit_sed(each)
        for each in (own, likelihood("size=uniform:10,1e9"), likelihood("size=loguniform:10,1e9"))
    )
    assert fit.statistic == pytest.approx(flat.statistic, abs=1e-3)
    assert fit.theta[-1] == pytest.approx(flat.theta[-1], rel=0.1)
    for a, b in zip(fit.intervals.values(), flat.intervals.values(), strict=True):
        assert (a.lower, a.upper) == pytest.approx((b.lower, b.upper), rel=0.01)
    assert drawn_down.theta[-1] < 0.1 * fit.theta[-1]
    assert drawn_down.statistic > fit.statistic + 0.5
    rows = np.array([fit.theta, fit.theta])
    rows[1, -1] /= 10
    change = np.diff(own.log_probability(rows) + 0.5 * own.statistic(rows))[0]
    assert change == pytest.approx(np.log(10))
    assert str(own.priors.priors[-1]) == "loguniform:10,1000000000"


def test_a_time_of_variability_is_not_drawn_down() -> None:
    """A size that the data hardly tell: the fit is that of a flat prior, from the start alone."""
    model = radiative_model("ssc", redshift=0.03)
    truth = np.array([[p.value for p in model.parameters]])
    frequency = np.concatenate((np.geomspace(1e13, 1e18, 15), np.geomspace(1e22, 1e26, 10)))
    flux = sum(model.components(truth, frequency).values())[0]
    measured = flux * (1 + 0.3 * np.random.default_rng(4).standard_normal(len(flux)))
    points = SedPoints("s", frequency, measured, 0.3 * flux, np.zeros(25, bool), ("A",) * 25, {})

    def fit(starts: int, *prior: str) -> SedFit:
        parameters = SedFitParameters(
            thaw=("t_var",), freeze=("log10_k", "p1", "p2", "log10_gamma_b"), prior=prior
        )
        likelihood = sed_likelihood(model, points, parameters)
        return fit_sed(likelihood, intervals=False, starts=starts)

    flat = fit(1, "t_var=uniform:10,1e9")
    assert fit(2).statistic <= flat.statistic + 0.01


class _WithNarrowValley(TwoHumps):
    """A size, frozen at first, that tilts the light unless it is within a tenth of 1e4."""

    parameters = (*TwoHumps.parameters, held("size", 1e4, 10, 1e9, "a size"))

    def components(self, theta: np.ndarray, frequencies: np.ndarray) -> dict[str, np.ndarray]:
        away = -np.expm1(-((np.log(theta[:, -1:] / 1e4) / 0.1) ** 2))
        tilt = (frequencies / 1e19) ** (0.05 * away)
        return {k: v * tilt for k, v in super().components(theta[:, :-1], frequencies).items()}


@pytest.mark.parametrize("peak", [13.0, 15.0, 18.0])
def test_a_thawed_parameter_makes_no_fit_worse(peak: float) -> None:
    """The fit without it is one of the places where the search with it begins."""
    said = {"set": (f"log10_peak={peak}",), "freeze": ("log10_ratio=0.3", "curvature=0.16")}
    fits = []
    for more in ({}, {"thaw": ("size",)}):
        parameters = SedFitParameters(**said, **more)
        points = select_points(drawn(), parameters)
        fits.append(
            fit_sed(sed_likelihood(_WithNarrowValley(), points, parameters), intervals=False)
        )
    assert fits[1].statistic <= fits[0].statistic + 0.01


def test_nothing_free() -> None:
    names = [p.name for p in TwoHumps.parameters[:-1]]
    frozen = tuple(f"{n}={v:g}" for n, v in zip(names, TRUTH, strict=True))
    fit = fit_sed(likelihood_of(freeze=frozen))
    assert len(fit.theta) == 0
    assert fit.statistic == pytest.approx(likelihood_of().statistic(TRUTH[None, :])[0])


class _NoValue(TwoHumps):
    def components(self, theta: np.ndarray, frequencies: np.ndarray) -> dict[str, np.ndarray]:
        return {"sum": np.full((len(theta), len(frequencies)), np.nan)}


def test_a_model_without_a_value_is_an_error() -> None:
    likelihood = likelihood_of()
    none = SedLikelihood(_NoValue(), likelihood.points, likelihood.parameters)
    with pytest.raises(InputError, match="no value"):
        fit_sed(none)


class _Dark(TwoHumps):
    def components(self, theta: np.ndarray, frequencies: np.ndarray) -> dict[str, np.ndarray]:
        return {"sum": np.zeros((len(theta), len(frequencies)))}


def test_a_model_that_nothing_moves_is_told_of() -> None:
    likelihood = likelihood_of()
    fit = fit_sed(SedLikelihood(_Dark(), likelihood.points, likelihood.parameters))
    assert np.array_equal(fit.theta, likelihood.parameters.start)
    assert any("no free parameter changes the model at the points" in n for n in fit.notes)


def test_unknown_parameters_are_told() -> None:
    with pytest.raises(ParameterError, match="did you mean 'log10_peak'"):
        likelihood_of(freeze=("log10_peek=16",))


class _WithPower(TwoHumps):
    """Twice the height of the first hump, and what depends on a frozen parameter alone."""

    quantities = (Quantity("twice", "erg / (s cm2)", ""), Quantity("fixed", "", ""))

    def derived(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        return {"twice": 2 * 10 ** theta[:, 0], "fixed": theta[:, 5]}


def test_derived_quantities_have_propagated_errors() -> None:
    likelihood = likelihood_of()
    fit = fit_sed(SedLikelihood(_WithPower(), likelihood.points, likelihood.parameters),
                  confidence=0.9)  # fmt: skip
    found = derived_at_best(fit)["twice"]
    sigma = np.log(10) * fit.minimum.sigma[0]
    assert found["value"] == pytest.approx(2 * 10 ** fit.theta[0])
    assert np.log(found["upper"] / found["value"]) == pytest.approx(1.6449 * sigma, rel=1e-3)
    assert np.log(found["value"] / found["lower"]) == pytest.approx(1.6449 * sigma, rel=1e-3)
    assert (found["confidence"], found["method"], found["unit"]) == (0.9, "linear", "erg / (s cm2)")
    without = derived_at_best(replace(fit, intervals={}))["twice"]
    assert (without["lower"], without["method"]) == (None, None)
    fixed = derived_at_best(fit)["fixed"]
    assert fixed == {"value": 1.0, "lower": None, "upper": None, "confidence": None, "unit": "",
                     "method": None}  # fmt: skip


class _WithZeros(_WithPower):
    """One that is nothing, and one that has no value."""

    def derived(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        return {"twice": 0 * theta[:, 0], "fixed": np.nan * theta[:, 1]}


@pytest.mark.filterwarnings("error")
def test_derived_quantities_without_a_logarithm_have_no_interval() -> None:
    likelihood = likelihood_of()
    fit = fit_sed(SedLikelihood(_WithZeros(), likelihood.points, likelihood.parameters))
    for record in derived_at_best(fit).values():
        assert (record["lower"], record["upper"], record["method"]) == (None, None, None)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("factor", [np.nan, 1e12])
def test_derived_quantities_of_parameters_without_errors_have_no_interval(factor: float) -> None:
    likelihood = likelihood_of()
    fit = fit_sed(SedLikelihood(_WithPower(), likelihood.points, likelihood.parameters))
    wide = replace(fit.minimum, covariance=factor * fit.minimum.covariance)
    twice = derived_at_best(replace(fit, minimum=wide))["twice"]
    assert twice["value"] == pytest.approx(2 * 10 ** fit.theta[0])
    assert (twice["lower"], twice["confidence"]) == (None, None)


def test_parameters_of_the_toy_are_a_set() -> None:
    assert ParameterSet(TwoHumps.parameters).free_names[0] == "log10_height"
