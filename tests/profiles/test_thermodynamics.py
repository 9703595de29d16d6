"""Thermodynamic profiles with uncertainties from samples."""

import numpy as np
import pytest

from xsurvey.errors import InputError
from xsurvey.profiles.mass_model import TemperaturePoints
from xsurvey.profiles.thermodynamics import UNITS, paired_samples, thermodynamic_profile

RADIUS = np.geomspace(10.0, 1000.0, 30)


def power(temperature: np.ndarray, abundance: np.ndarray) -> np.ndarray:
    return 1e-23 * np.sqrt(temperature) * (1 + abundance)


def samples() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(4)
    density = 1e-3 * np.exp(0.1 * generator.standard_normal((4000, 1))) * (RADIUS / 100) ** -1.5
    temperature = 4.0 * np.exp(0.2 * generator.standard_normal((4000, 1))) * np.ones(30)
    return density, temperature


def test_errors_propagate() -> None:
    profile = thermodynamic_profile(RADIUS, *samples(), power=power)
    assert set(profile.quantities) == set(UNITS)
    sigma = {  # of ln, by hand
        "density": 0.1, "temperature": 0.2, "pressure": np.hypot(0.1, 0.2),
        "entropy": np.hypot(0.2, 0.1 * 2 / 3), "cooling_time": np.hypot(0.1, 0.1),
        "gas_mass": 0.1, "luminosity": np.hypot(0.2, 0.1),
    }  # fmt: skip
    for name, expected in sigma.items():
        q = profile.quantities[name]
        np.testing.assert_allclose(np.log(q.upper / q.lower) / 2, expected, rtol=0.06)
        assert q.unit == UNITS[name]
    entropy = profile.quantities["entropy"].value
    np.testing.assert_allclose(entropy, 400 * (RADIUS / 100), rtol=0.02)


def test_without_power_there_is_none() -> None:
    profile = thermodynamic_profile(RADIUS, *samples())
    assert not {"cooling_time", "luminosity"} & set(profile.quantities)


def test_luminosity_has_its_own_band() -> None:
    both = thermodynamic_profile(RADIUS, *samples(), power=power)
    half = thermodynamic_profile(
        RADIUS, *samples(), power=power, band_power=lambda t, z: power(t, z) / 2
    )
    np.testing.assert_allclose(
        half.quantities["luminosity"].value * 2, both.quantities["luminosity"].value
    )
    np.testing.assert_allclose(
        half.quantities["cooling_time"].value, both.quantities["cooling_time"].value
    )


def points(deprojected: bool = True) -> TemperaturePoints:
    edges = np.array([0.0, 50.0, 150.0, 400.0])
    kt = np.array([3.0, 4.0, 3.5])
    covariance = np.array([[0.09, -0.02, 0.0], [-0.02, 0.04, 0.0], [0.0, 0.0, 0.01]])
    return TemperaturePoints(edges[:-1], edges[1:], kt, covariance, deprojected)


def test_pairs() -> None:
    density = (RADIUS / 100) ** -1.5 * 1e-3 * np.ones((7, 1))
    middle, n, kt = paired_samples(points(), RADIUS, density, 20_000, seed=3)
    np.testing.assert_allclose(middle, [25.0, np.sqrt(50 * 150), np.sqrt(150 * 400)])
    np.testing.assert_allclose(n[0], 1e-3 * (middle / 100) ** -1.5)
    np.testing.assert_allclose(np.median(kt, 0), [3.0, 4.0, 3.5], rtol=0.01)
    relative = points().covariance / np.outer([3.0, 4.0, 3.5], [3.0, 4.0, 3.5])
    np.testing.assert_allclose(np.cov(np.log(kt).T), relative, atol=3e-4)
    again = paired_samples(points(), RADIUS, density, 20_000, seed=3)
    np.testing.assert_array_equal(kt, again[2])


def test_projected_temperatures_are_refused() -> None:
    with pytest.raises(InputError, match="projected"):
        paired_samples(points(deprojected=False), RADIUS, np.ones(30))


@pytest.mark.parametrize(
    ("density", "temperature", "message"),
    [
        (np.ones((2, 30)), np.ones((3, 30)), "shape"),
        (np.ones((2, 29)), np.ones((2, 29)), "shape"),
        (np.zeros((2, 30)), np.ones((2, 30)), "density"),
        (np.ones((2, 30)), np.full((2, 30), np.nan), "temperature"),
    ],
)
def test_samples_that_are_none(density: np.ndarray, temperature: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        thermodynamic_profile(RADIUS, density, temperature)
