"""Degrees of synchrotron light against integrals, power laws and the field's scaling."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special

from xsurvey.sed.constants import ELECTRON_MASS, GYROFREQUENCY, PROTON_MASS
from xsurvey.sed.grids import LogGrid
from xsurvey.sed.particles.distributions import DISTRIBUTIONS
from xsurvey.sed.polarization.synchrotron import (
    UniformFieldKernel,
    interpolated_degree,
    ln_scaled_frequency,
    power_law_degree,
    scaled_polarized,
    scaled_total,
)

GAMMA, Y = LogGrid(1.0, 1e7, 20), LogGrid(1e-2, 1e17, 20)
KERNEL = UniformFieldKernel(GAMMA, Y)


def numbers(name: str, *theta: float) -> np.ndarray:
    return DISTRIBUTIONS[name].numbers(np.array([theta]), GAMMA)


def critical(gamma: float, times: np.ndarray) -> np.ndarray:
    """Return ln y of multiples of the critical frequency of a Lorentz factor."""
    return np.log(1.5 * gamma**2 * np.asarray(times))[None, :]


@pytest.mark.parametrize("x", [0.02, 0.3, 1.0, 7.0, 90.0, 600.0])
def test_spectrum_of_a_particle_is_the_integral_of_a_bessel_function(x: float) -> None:
    integral, _ = integrate.quad(
        lambda t: special.kve(5 / 3, t) * np.exp(x - t), x, x + 60, epsrel=1e-11, limit=300
    )
    assert scaled_total(np.array(x)) == pytest.approx(x * integral, rel=1e-9)


def test_spectrum_of_a_particle_far_below_its_peak() -> None:
    x = np.array([1e-12, 1e-9])
    power = 4 * np.pi / (np.sqrt(3) * special.gamma(1 / 3)) * (x / 2) ** (1 / 3)
    assert scaled_total(x) == pytest.approx(power, rel=1e-5)
    assert scaled_polarized(x) / scaled_total(x) == pytest.approx(0.5, abs=1e-5)


@pytest.mark.parametrize("p", [1.6, 2.0, 2.5, 3.3])
def test_power_laws(p: float) -> None:
    degree = KERNEL.degree(numbers("power-law", 0, p, 1, 1e7), critical(3e3, [0.1, 1, 10]))
    assert degree == pytest.approx(power_law_degree(np.array(p)), abs=2e-4)


def test_degree_rises_past_an_exponential_cutoff() -> None:
    at = critical(1e5, [1e-6, 1e-3, 1, 30, 1000])
    degree = KERNEL.degree(numbers("exponential-cutoff-power-law", 0, 2.3, 5, 1, 1e7), at)[0]
    assert degree[0] == pytest.approx(3.3 / (2.3 + 7 / 3), abs=2e-3)  # .71
    assert np.all(np.diff(degree) > 0)
    assert degree[3] == pytest.approx(0.84, abs=0.01)


def test_degree_of_a_sharp_end_is_that_of_the_integrals() -> None:
    p, low, high = 2.5, 100.0, 1e5
    at = critical(high, [1e-7, 1e-3, 0.1, 1, 5, 8])
    degree = KERNEL.degree(numbers("power-law", 0, p, low, high), at)[0]
    ln_gamma = np.linspace(np.log(low), np.log(high), 200_001)
    for value, ln_y in zip(degree, at[0], strict=True):
        x = np.exp(ln_y - 2 * ln_gamma) / 1.5
        weight = np.exp((1 - p) * ln_gamma - x + x[-1])
        used = weight > 0
        parts = [
            np.trapezoid((weight[used] * f(x[used])), ln_gamma[used])
            for f in (scaled_polarized, lambda x: np.interp(x, *_table(x)))
        ]
        assert value == pytest.approx(parts[0] / parts[1], abs=3e-4)


def _table(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    nodes = np.exp(np.linspace(np.log(x.min()), np.log(x.max()), 4000))
    return nodes, scaled_total(nodes)


def test_particles_of_one_energy_are_half_polarized_below_and_fully_above() -> None:
    one = np.zeros((1, len(GAMMA)))
    one[0, 60] = 1.0
    degree = KERNEL.degree(one, critical(GAMMA.nodes[60], [1e-6, 100, 1e9]))[0]
    assert degree[0] == pytest.approx(0.5, abs=1e-3)
    assert degree[1] == pytest.approx(0.9935, abs=1e-3)
    assert degree[2] == pytest.approx(0.998, abs=2e-3)  # held where emission ends


def test_rows_of_a_batch_are_what_they_are_alone() -> None:
    rows = [numbers("power-law", k, p, 10, 1e5) for k, p in ((0, 2.0), (300, 2.7), (-5, 3.4))]
    at = critical(1e4, [1e-3, 1.0])
    together = KERNEL.degree(np.concatenate(rows), np.repeat(at, 3, axis=0))
    for row, alone in zip(together, rows, strict=True):
        np.testing.assert_allclose(row, KERNEL.degree(alone, at)[0], rtol=1e-12)


def test_no_particles_have_no_degree() -> None:
    assert np.isnan(KERNEL.degree(np.zeros((1, len(GAMMA))), critical(10, [1.0]))).all()


def test_frequency_scales_with_field_inclination_and_mass() -> None:
    nu = np.log(np.array([[1e15]] * 3))
    b, inclination = np.array([0.1, 0.2, 0.1]), np.array([90.0, 30.0, 90.0])
    y = ln_scaled_frequency(nu, b, inclination)
    assert np.exp(y) == pytest.approx(1e15 / (GYROFREQUENCY * 0.1), rel=1e-12)
    protons = ln_scaled_frequency(nu, b, inclination, PROTON_MASS)
    assert np.exp(protons - y) == pytest.approx(PROTON_MASS / ELECTRON_MASS)
    along = ln_scaled_frequency(nu[:1], b[:1], np.array([0.0]))
    assert np.isnan(along).all()
    assert np.isnan(KERNEL.degree(numbers("power-law", 0, 2, 10, 1e5), along)).all()


def test_grids_need_one_step() -> None:
    with pytest.raises(ValueError, match="one step"):
        UniformFieldKernel(LogGrid(1, 10, 10), LogGrid(1, 10, 20))


def test_degree_is_held_where_there_is_no_light() -> None:
    grid = LogGrid(1.0, 10.0, 2)
    total = np.zeros((1, len(grid)))
    total[0, 3:5] = 1.0
    degree = interpolated_degree(grid, total, 0.3 * total, np.log([[1e-3, 1.0, 1e9]]))
    np.testing.assert_allclose(degree, 0.3)


@settings(max_examples=30, deadline=None)
@given(
    st.floats(1, 6), st.floats(1, 6), st.floats(0, 6.5), st.floats(-8, 3),
)  # fmt: skip
def test_degrees_are_between_those_of_one_particle(
    p1: float, p2: float, log10_break: float, log10_times: float
) -> None:
    theta = (0.0, p1, p2, log10_break, 10.0, 3e6)
    at = critical(10**log10_break, [10**log10_times])
    degree = KERNEL.degree(numbers("broken-power-law", *theta), at)
    assert np.all((degree >= 0.4999) & (degree <= 1))
