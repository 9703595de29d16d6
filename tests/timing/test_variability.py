import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xsurvey.errors import ParameterError
from xsurvey.timing.measure import measure_variability
from xsurvey.timing.parameters import VariabilityParameters
from xsurvey.timing.variability import excess_variance, maximum_amplitude

from .conftest import survey_light_curve


def test_excess_variance_by_hand() -> None:
    rate, error = np.array([[1.0, 2.0, 3.0, 4.0]]), np.full((1, 4), 0.5)
    result = excess_variance(rate, error)
    value = (5 / 3 - 0.25) / 2.5**2
    assert result.value[0] == pytest.approx(value)
    # equation 11 of Vaughan et al. (2003), in their terms
    first = np.sqrt(2 / 4) * 0.25 / 2.5**2
    second = np.sqrt(0.25 / 4) * 2 * np.sqrt(value) / 2.5
    assert result.error[0] == pytest.approx(np.hypot(first, second))
    assert result.fractional[0] == pytest.approx(np.sqrt(value))
    assert result.fractional_error[0] == pytest.approx(result.error[0] / (2 * np.sqrt(value)))


def test_excess_variance_finds_what_was_put_in() -> None:
    generator = np.random.default_rng(7)
    shape, exposure = (400, 60), 50.0
    rates = 2.0 * generator.gamma(1 / 0.09, 0.09, shape)  # relative variance 0.09
    counts = generator.poisson(rates * exposure)
    result = excess_variance(counts / exposure, np.sqrt(counts) / exposure)
    assert result.value.mean() == pytest.approx(0.09, abs=0.004)
    constant = generator.poisson(2.0 * exposure, shape)
    result = excess_variance(constant / exposure, np.sqrt(constant) / exposure)
    # unbiased, with the scatter that its error tells
    assert result.value.mean() == pytest.approx(0, abs=4 * result.value.std() / 20)
    assert result.value.std() == pytest.approx(result.error.mean(), rel=0.25)
    assert np.isnan(result.fractional[result.value < 0]).all()


def test_empty_bins_do_not_bias_it() -> None:
    counts = np.random.default_rng(3).poisson(0.7, (3000, 20))
    value = excess_variance(counts.astype(float), np.sqrt(counts)).value
    mean_squared = counts.mean(axis=1) ** 2
    usable = np.isfinite(value)
    assert (value * mean_squared)[usable].mean() == pytest.approx(0, abs=0.02)


def test_maximum_amplitude_by_hand() -> None:
    rate = np.array([[5.0, 1.0, np.nan, 3.0]])
    result = maximum_amplitude(rate, rate - 0.5, rate + np.array([[0.7, 0.4, 0.1, 0.2]]))
    assert result.value[0] == pytest.approx(4.5 - 1.4)
    assert result.difference[0] == pytest.approx(4)
    assert result.error[0] == pytest.approx(np.hypot(0.5, 0.4))
    assert result.significance[0] == pytest.approx(3.1 / np.hypot(0.5, 0.4))


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 20), st.floats(1e-3, 1e3), st.integers(0, 1000))
def test_measures_scale_with_the_unit_of_rates(bins: int, factor: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    rate, error = generator.uniform(1, 5, (1, bins)), generator.uniform(0.1, 1, (1, bins))
    one, other = excess_variance(rate, error), excess_variance(factor * rate, factor * error)
    assert other.value[0] == pytest.approx(one.value[0], rel=1e-6, abs=1e-9)
    amplitudes = [maximum_amplitude(f * rate, f * (rate - error), f * (rate + error))
                  for f in (1.0, factor)]  # fmt: skip
    assert amplitudes[1].value[0] == pytest.approx(factor * amplitudes[0].value[0], rel=1e-6)
    assert amplitudes[1].significance[0] == pytest.approx(amplitudes[0].significance[0], rel=1e-6)


@pytest.mark.parametrize("rate", [[[1.0]], [[np.nan, np.nan]], [[2.0, np.nan]]])
def test_one_bin_does_not_vary(rate: list[list[float]]) -> None:
    values = np.array(rate)
    excess = excess_variance(values, values)
    amplitude = maximum_amplitude(values, values, values)
    for number in (excess.value, excess.error, amplitude.value, amplitude.significance):
        assert np.isnan(number).all()


def test_verdicts() -> None:
    parameters = VariabilityParameters(trials=499)
    flaring = measure_variability(survey_light_curve(flare=8.0), parameters)[0]
    assert flaring.variable is True
    assert flaring.verdict() == "variable (p <= 0.002, 499 trials)"
    constant = measure_variability(survey_light_curve(), parameters)[0]
    assert constant.variable is False
    assert constant.verdict().startswith("consistent with constant (p = ")
    alone = measure_variability(survey_light_curve(visits=1), parameters)[0]
    assert alone.variable is None
    assert alone.as_json()["bins"] == 1


def test_trials_must_be_able_to_reach_the_significance() -> None:
    with pytest.raises(ParameterError, match=r"trials \(499\) are too few"):
        VariabilityParameters.read({"trials": 499, "significance": 0.001}, "variability")
