"""What fitted models predict, against the closed forms of a double."""

import numpy as np
import pytest
from scipy import stats

from xsurvey.sed.fitting.fit import fit_sed, sed_likelihood
from xsurvey.sed.fitting.joint_likelihood import JointLikelihood
from xsurvey.sed.fitting.predicted_light import predicted_light, predictive_p_value
from xsurvey.sed.fitting.sed_parameters import SedFitParameters
from xsurvey.sed.polarization.measurements import Kind, PolarizationMeasurements
from xsurvey.sed.tables.points import select_points

from ..toy_model import TRUTH, PolarizedHumps, TwoHumps, drawn

FREQUENCY = np.geomspace(1e12, 1e26, 30)


def measured(angle_deg: float) -> PolarizationMeasurements:
    """Return Q/I and U/I of 14 % at an angle."""
    nothing = np.full(1, np.nan)
    double = np.radians(2 * angle_deg)
    return PolarizationMeasurements(
        name="light", frequency=np.array([5e14]), kinds=(Kind.STOKES,),
        q=0.14 * np.cos([double]), u=0.14 * np.sin([double]),
        covariance=np.full((1, 1, 1), 1e-4) * np.eye(2), degree=nothing, degree_error=nothing,
        limit=nothing, confidence=nothing, instruments=("optical",),
    )  # fmt: skip


def fitted(angle_deg: float | None = None, limits: int = 0):
    """Return a fit of the double, with polarization at an angle if one is given."""
    parameters = SedFitParameters()
    points = select_points(drawn(limits=limits), parameters)
    model = TwoHumps() if angle_deg is None else PolarizedHumps()
    light = None if angle_deg is None else measured(angle_deg)
    likelihood = sed_likelihood(model, points, parameters, light)
    return fit_sed(likelihood, intervals=False, starts=1)


def test_bands_of_a_norm_are_those_of_its_draws() -> None:
    """Where only the height varies, all quantiles of the flux are those of the height."""
    fit = fitted()
    draws = np.tile(fit.theta, (999, 1))
    height = np.random.default_rng(1).normal(fit.theta[0], 0.1, len(draws))
    draws[:, 0] = height
    light = predicted_light(fit, FREQUENCY, (0.5, 0.9), draws)
    assert (light.degree, light.angle, light.draws) == (None, None, 999)
    np.testing.assert_allclose(light.flux.best, sum(light.components.values()))
    unit = light.flux.best / 10 ** fit.theta[0]
    # of an odd number the quantiles are draws, or between neighbours that are alike
    for values, probability in (
        (light.flux.median, 0.5), (light.flux.lower[0], 0.25), (light.flux.upper[0], 0.75),
        (light.flux.lower[1], 0.05), (light.flux.upper[1], 0.95),
    ):  # fmt: skip
        expected = 10 ** np.quantile(height, probability) * unit
        np.testing.assert_allclose(values, expected, rtol=1e-3)


def test_without_draws_there_is_the_best_fit_alone() -> None:
    light = predicted_light(fitted(), FREQUENCY, (0.5, 0.9))
    assert light.draws == 0
    assert np.isfinite(light.flux.best).all()
    assert np.isnan(light.flux.median).all()
    assert light.flux.lower.shape == light.flux.upper.shape == (2, 30)
    assert np.isnan(light.flux.lower).all()


@pytest.mark.parametrize("angle", [0.0, 89.0, -88.0])
def test_angles_do_not_jump_in_bands(angle: float) -> None:
    fit = fitted(angle)
    assert isinstance(fit.likelihood, JointLikelihood)
    names = fit.likelihood.parameters.free_names
    place = names.index("polarization_angle")
    draws = np.tile(fit.theta, (200, 1))
    draws[:, place] += np.linspace(-5, 5, 200)
    light = predicted_light(fit, FREQUENCY, (0.9,), draws)
    assert light.angle is not None
    assert light.degree is not None
    np.testing.assert_allclose(light.angle.upper[0] - light.angle.lower[0], 9.0, atol=0.01)
    turned = (light.angle.best - fit.theta[place] + 90) % 180 - 90
    np.testing.assert_allclose(turned, 0.0, atol=1e-6)
    # .7 of the first hump, times the depolarization
    expected = 0.7 * fit.theta[names.index("depolarization")]
    assert light.degree.best[0] == pytest.approx(expected, rel=1e-3)


def test_predictive_p_value_is_that_of_chi_square() -> None:
    """Of one draw it is the tail of chi-square; limits have no part in it."""
    for limits in (0, 4):
        fit = fitted(limits=limits)
        model = fit.likelihood.evaluate(fit.theta[None, :])
        z = fit.likelihood.residuals(model)[0, ~fit.likelihood.points.is_limit]
        found = predictive_p_value(fit.likelihood, np.tile(fit.theta, (130, 1)))
        assert len(z) == 40
        assert found == pytest.approx(stats.chi2.sf((z**2).sum(), 40))
    bad = fit.theta + np.array([0.3, 0, 0, 0, 0])
    assert predictive_p_value(fit.likelihood, bad[None, :]) < 1e-10
    assert TRUTH.shape == fit.theta.shape
