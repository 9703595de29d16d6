import numpy as np
import pytest

from xsurvey.errors import ParameterError
from xsurvey.spectra.effective_area_nuisance import EffectiveAreaNuisance

ENERGY = np.geomspace(0.5, 8, 9)


def test_zero_leaves_areas_alone() -> None:
    nuisance = EffectiveAreaNuisance((0.5, 8))
    np.testing.assert_array_equal(nuisance.factor(np.zeros((3, 3)), ENERGY), np.ones((3, 9)))
    assert nuisance.names == ("constant", "smooth_1", "smooth_2")


def test_factor_is_exponential_of_legendre_polynomials_of_log_energy() -> None:
    nuisance = EffectiveAreaNuisance((0.5, 8), order=2)
    x = np.linspace(-1, 1, 9)
    factor = nuisance.factor(np.array([[0.1, 0.05, -0.02], [0, 1, 0]]), ENERGY)
    np.testing.assert_allclose(
        np.log(factor), [0.1 + 0.05 * x - 0.02 * (1.5 * x**2 - 0.5), x], atol=1e-12
    )


def test_factor_keeps_its_value_outside_the_band() -> None:
    nuisance = EffectiveAreaNuisance((0.5, 8), order=3)
    values = np.array([0.1, 0.2, 0.3, -0.1])
    np.testing.assert_allclose(
        nuisance.factor(values, np.array([0.1, 20.0])),
        nuisance.factor(values, np.array([0.5, 8.0])),
    )


def test_a_constant_alone() -> None:
    nuisance = EffectiveAreaNuisance((0.5, 8), order=0)
    np.testing.assert_allclose(nuisance.factor(np.log([[1.1]]), ENERGY), 1.1)
    assert nuisance.sigmas.tolist() == [0.1]


def test_deviations_are_those_given() -> None:
    nuisance = EffectiveAreaNuisance((0.5, 8), order=2, constant_sigma=0.2, smooth_sigma=0.1)
    assert nuisance.sigmas.tolist() == [0.2, 0.1, 0.1]


@pytest.mark.parametrize(
    "arguments",
    [
        {"band": (0.0, 8.0)}, {"band": (8.0, 0.5)}, {"band": (0.5, np.inf)},
        {"band": (np.nan, 1.0)}, {"band": (0.5, 8), "order": -1},
        {"band": (0.5, 8), "constant_sigma": 0.0}, {"band": (0.5, 8), "smooth_sigma": np.nan},
    ],
)  # fmt: skip
def test_impossible_settings_are_refused(arguments: dict) -> None:
    with pytest.raises(ParameterError, match="effective area"):
        EffectiveAreaNuisance(**arguments)


def test_impossible_calls_are_refused() -> None:
    nuisance = EffectiveAreaNuisance((0.5, 8))
    with pytest.raises(ValueError, match="parameters"):
        nuisance.factor(np.zeros((2, 2)), ENERGY)
    with pytest.raises(ValueError, match="positive"):
        nuisance.factor(np.zeros(3), np.array([0.0, 1.0]))
