"""Fluxes and polarization fitted together: likelihood, starts, recovery of simulated data."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tests.sed.toy_model import TRUTH, PolarizedHumps, TwoHumps, drawn
from xsurvey.errors import ParameterError
from xsurvey.sed.fitting.fit import fit_sed, sed_likelihood
from xsurvey.sed.fitting.joint_likelihood import JointLikelihood
from xsurvey.sed.fitting.polarization_record import statistic_of_measurements
from xsurvey.sed.fitting.sed_parameters import SedFitParameters
from xsurvey.sed.fitting.starts import choose_starts
from xsurvey.sed.polarization.measurements import Kind, PolarizationMeasurements, together
from xsurvey.sed.tables.points import select_points

LIGHT = np.array([40.0, 75.0, 0.3])
"""Inclination, angle and depolarization of `measured`."""
WHOLE = np.append(TRUTH, LIGHT)


def measured(
    error: float = 0.01, *, angles: bool = True, seed: int = 2,
    frequency: tuple = (1e13, 1e15, 1e24),
) -> PolarizationMeasurements:  # fmt: skip
    """Draw Q/I and U/I of the toy model, or degrees without angles and a limit far above."""
    random = np.random.default_rng(seed)
    n = len(frequency)
    full = np.concatenate([TRUTH, [1.0], LIGHT])[None, :]
    parameters = SedFitParameters()
    points = select_points(drawn(), parameters)
    nothing = np.full(n, np.nan)
    blank = PolarizationMeasurements(
        "p.ecsv", np.array(frequency), (Kind.STOKES,) * n, np.zeros(n), np.zeros(n),
        np.tile(error**2 * np.eye(2), (n, 1, 1)), nothing, nothing, nothing, nothing, ("A",) * n,
    )  # fmt: skip
    source = sed_likelihood(PolarizedHumps(), points, parameters, blank).model
    q, u = (x[0] + error * random.standard_normal(n) for x in
            source.stokes(full, np.array(frequency)).normalised)  # fmt: skip
    if angles:
        return PolarizationMeasurements(
            "p.ecsv", blank.frequency, blank.kinds, q, u, blank.covariance, nothing, nothing,
            nothing, nothing, ("A",) * n,
        )  # fmt: skip
    last = np.arange(n) == n - 1
    return PolarizationMeasurements(
        "d.ecsv", blank.frequency, (Kind.DEGREE,) * (n - 1) + (Kind.LIMIT,), nothing, nothing,
        np.full((n, 2, 2), np.nan), np.where(last, np.nan, np.hypot(q, u)),
        np.where(last, np.nan, error), np.where(last, 0.6, np.nan),
        np.where(last, 0.9973, np.nan), ("B",) * n,
    )  # fmt: skip


def joint(polarization: PolarizationMeasurements, **said: object) -> JointLikelihood:
    parameters = SedFitParameters(**said)
    points = select_points(drawn(limits=2), parameters)
    likelihood = sed_likelihood(PolarizedHumps(), points, parameters, polarization)
    assert isinstance(likelihood, JointLikelihood)
    return likelihood


def test_statistic_is_that_of_both() -> None:
    polarization = measured()
    likelihood = joint(polarization)
    parameters = SedFitParameters()
    plain = sed_likelihood(TwoHumps(), select_points(drawn(limits=2), parameters), parameters)
    model = likelihood.evaluate(WHOLE[None, :])
    assert model.shape == (1, 42 + 6)
    np.testing.assert_array_equal(model[:, :42], plain.evaluate(TRUTH[None, :]))
    chi2, light = likelihood.parts(model)
    assert chi2 == plain.statistic(TRUTH[None, :])
    q, u = model[0, 42:45], model[0, 45:]
    expected = np.sum(((q - polarization.q) / 0.01) ** 2 + ((u - polarization.u) / 0.01) ** 2)
    assert light[0] == pytest.approx(expected)
    assert likelihood.total(model)[0] == pytest.approx(chi2[0] + expected)
    assert likelihood.bins == 40 + 6
    assert likelihood.degrees_of_freedom == 46 - 8
    assert likelihood.residuals(model).shape == (1, 42)


@pytest.mark.parametrize("angles", [True, False])
def test_derivatives_are_those_of_the_statistic(angles: bool) -> None:
    likelihood = joint(measured(angles=angles))
    theta = WHOLE if angles else np.delete(WHOLE, 6)
    model = likelihood.evaluate(theta[None, :] + 0.01)
    first, second = likelihood.derivatives(model)
    assert first.shape == second.shape == model.shape
    assert np.all(second > 0)
    for place in (0, 20, 42, 44, 45, 47):
        step = 1e-4 * (likelihood.points.sigma[place] if place < 42 else 0.01)
        ends = np.repeat(model, 2, axis=0)
        ends[:, place] += [-step, step]
        totals = likelihood.total(ends)
        assert first[0, place] * step == pytest.approx((totals[1] - totals[0]) / 2, abs=1e-8)


def test_measurements_keep_their_statistic_in_any_order() -> None:
    both = together([measured(), measured(angles=False)])
    likelihood = joint(both)
    fit = fit_sed(likelihood, intervals=False, starts=1)
    terms = statistic_of_measurements(fit, likelihood)
    _, light = likelihood.parts(likelihood.evaluate(fit.theta[None, :]))
    assert terms.sum() == pytest.approx(light[0])
    q, u = (x[0] for x in likelihood.stokes(fit.theta[None, :], both.frequency).normalised)
    rows = both.rows(Kind.STOKES)
    chi2 = ((q - both.q)[rows] / 0.01) ** 2 + ((u - both.u)[rows] / 0.01) ** 2
    np.testing.assert_allclose(terms[rows], chi2, rtol=1e-9)
    (row,) = both.rows(Kind.LIMIT)
    sigma = 0.6 / stats.norm.ppf((1 + 0.9973) / 2)
    assert terms[row] == pytest.approx((q[row] ** 2 + u[row] ** 2) / sigma**2)


def test_simulated_data_are_recovered() -> None:
    fit = fit_sed(joint(measured()))
    assert fit.minimum.converged
    names = fit.likelihood.parameters.free_names
    assert names[-3:] == ["field_inclination", "polarization_angle", "depolarization"]
    for number, truth in enumerate(WHOLE):
        interval = fit.intervals[number]
        middle, half = (interval.lower + interval.upper) / 2, (interval.upper - interval.lower) / 2
        assert abs(truth - middle) < 3.5 * half
    assert fit.intervals[6].upper - fit.intervals[6].lower < 3
    assert fit.intervals[7].upper - fit.intervals[7].lower < 0.05


def test_polarization_that_tells_nothing_leaves_the_fit_of_fluxes() -> None:
    parameters = SedFitParameters()
    plain = fit_sed(
        sed_likelihood(TwoHumps(), select_points(drawn(limits=2), parameters), parameters)
    )
    with_light = fit_sed(joint(measured(error=50.0), freeze=("polarization_angle",)))
    np.testing.assert_allclose(with_light.theta[:5], plain.theta, atol=2e-4)
    for number in range(5):
        ours, other = with_light.intervals[number], plain.intervals[number]
        assert ours.upper - ours.lower == pytest.approx(other.upper - other.lower, rel=0.02)


@pytest.mark.parametrize("cells", [None, 2, 3, 30])
def test_priors_of_samplers(cells: int | None) -> None:
    """Draws of the priors are possible, and the posterior is zero beyond the limits."""
    likelihood = joint(measured(), cells=cells)
    draws = likelihood.priors.sample(np.random.default_rng(1), 50)
    low, high = likelihood.parameters.bounds
    assert np.all((draws >= low) & (draws <= high))
    assert np.isfinite(likelihood.log_probability(draws)).all()
    beyond = np.tile(WHOLE, (3, 1))
    beyond[[0, 1, 2], [5, 6, 7]] = [0.5, 200.0, 1.001]
    assert np.all(np.isneginf(likelihood.log_probability(beyond)))
    fit = fit_sed(likelihood, intervals=False)
    assert np.isfinite(fit.statistic)
    assert fit.minimum.best[7] == pytest.approx(LIGHT[2], abs=0.05)


def test_searches_for_starts_leave_polarization_alone() -> None:
    likelihood = joint(measured(), link=("curvature=0.004*field_inclination",))
    free = likelihood.parameters.free_names
    assert dict(zip(free, likelihood.of_fluxes, strict=True)) == {
        "log10_height": True, "log10_peak": True, "log10_ratio": True, "log10_shift": True,
        "field_inclination": True, "polarization_angle": False, "depolarization": False,
    }  # fmt: skip
    starts = choose_starts(likelihood, 4)
    assert len(starts) > 1
    assert len(np.unique(starts[:, free.index("field_inclination")])) > 1
    np.testing.assert_array_equal(
        starts[:, -2:], np.repeat(likelihood.parameters.start[None, -2:], len(starts), axis=0)
    )
    inside = likelihood.evaluate(np.array([likelihood.parameters.start]))
    assert np.isfinite(inside).all()


def test_tables_are_put_together_in_order() -> None:
    both = together([measured(frequency=(1e16, 1e14)), measured(angles=False)])
    assert both.frequency.tolist() == [1e13, 1e14, 1e15, 1e16, 1e24]
    assert [k.value for k in both.kinds] == ["degree", "stokes", "degree", "stokes", "limit"]
    assert both.instruments == ("B", "A", "B", "A", "B")
    assert both.name == "p.ecsv, d.ecsv"
    with pytest.raises(ValueError, match="no table"):
        together([])


def test_degrees_and_angles_to_be_shown() -> None:
    polarization = measured(error=0.01)
    degree, error, angle, angle_error = polarization.degrees_and_angles()
    np.testing.assert_allclose(degree * np.cos(2 * np.radians(angle)), polarization.q)
    np.testing.assert_allclose(error, 0.01)
    np.testing.assert_allclose(angle_error, np.degrees(0.01 / (2 * degree)))
    middle = polarization.angle_deg()
    assert middle == pytest.approx(75, abs=2)
    assert measured(angles=False).angle_deg() is None


def test_priors_of_polarization_count_and_those_of_models_do_not() -> None:
    """Inclination, angle and depolarization have priors of theirs; five parameters do not."""
    points = select_points(drawn(points=3), SedFitParameters())
    one = measured(frequency=(1e15,))
    with pytest.raises(ParameterError, match=r"3 points, .* 5 free parameters: log10_height, "):
        sed_likelihood(PolarizedHumps(), points, SedFitParameters())
    # three fluxes, Q and U
    assert sed_likelihood(PolarizedHumps(), points, SedFitParameters(), one).bins == 5
    two = select_points(drawn(points=2), SedFitParameters())
    with pytest.raises(ParameterError, match=r"4 numbers, .* 5 free parameters: log10_height, "):
        sed_likelihood(PolarizedHumps(), two, SedFitParameters(), one)
