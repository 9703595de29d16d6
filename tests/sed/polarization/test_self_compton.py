"""Polarization of scattered synchrotron light: published ratios, vectors, Jones' kernel, limits."""

import numpy as np
import pytest

from tests.sed.polarization.thomson_peer import around, scattered
from xsurvey.sed.constants import LIGHT, THOMSON
from xsurvey.sed.grids import LogGrid
from xsurvey.sed.particles.distributions import DISTRIBUTIONS
from xsurvey.sed.polarization.seed_directions import SeedDirections, direction_factors, directions
from xsurvey.sed.polarization.self_compton import (
    SelfComptonPolarization,
    emission_across,
    polarized_head_on,
    thomson_ratio,
)
from xsurvey.sed.polarization.synchrotron import UniformFieldKernel
from xsurvey.sed.radiation.compton import ComptonKernel

DECADE = 8
NARROW = LogGrid(1e3, 1e5, DECADE)
POLARIZATION = SelfComptonPolarization(
    NARROW, LogGrid(1e-12, 1e2, DECADE), LogGrid(1e-4, 1e5, DECADE)
)


def one_energy(p: float, rows: int) -> np.ndarray:
    return DISTRIBUTIONS["power-law"].numbers(np.array([[0, p, 9e3, 1.1e4]] * rows), NARROW)


def power_law(p: float, rows: int) -> np.ndarray:
    return np.exp(-POLARIZATION.ln_emitted * (p - 1) / 2) * np.ones((rows, 1))


@pytest.mark.parametrize(
    ("p", "ratios"),
    [(2.0, (0.52, 0.39, 0.14)), (2.5, (0.59, 0.45, 0.16)), (3.0, (0.64, 0.5, 0.18))],
)
def test_ratios_of_power_laws_in_the_thomson_regime(p: float, ratios: tuple) -> None:
    """Of the degree of scattered light to that of seeds, at 90, 60 and 30 degrees."""
    inclination = np.array([90.0, 60.0, 30.0])
    seeds = power_law(p, 3)
    at = np.log([[1e-2, 1.0, 10.0]] * 3)
    found = POLARIZATION.degree(one_energy(p, 3), seeds, seeds, inclination, at)
    np.testing.assert_allclose(found, np.array(ratios)[:, None] * np.ones(3), atol=0.006)
    # all of it is the same at all energies; p = 3 are rational numbers
    np.testing.assert_allclose(found, found[:, :1] * np.ones(3), rtol=2e-3)
    if p == 3.0:
        np.testing.assert_allclose(found[:, 0], [9 / 14, 1 / 2, 9 / 50], rtol=1e-3)


def test_klein_nishina_has_less_by_the_energy_that_electrons_lose() -> None:
    """Of power laws of seeds and one energy of electrons, Xi and t^2 / 2 integrate over t^a dt."""
    p, energies = 2.5, np.array([1.0, 100.0, 1000.0, 5000.0])
    seeds = power_law(p, 1)
    found = POLARIZATION.degree(
        one_energy(p, 1), seeds, seeds, np.array([90.0]), np.log([energies])
    )
    a, y = (p - 1) / 2, 1 - energies / 1e4
    polarized = 0.5 * 4 / (a + 3)
    total = (y + 1 / y) / (a + 1) - 4 / (a + 2) + 4 / (a + 3)
    np.testing.assert_allclose(found[0], 0.8286952 * polarized / total, rtol=8e-3)
    assert np.all(np.diff(found[0]) < 0)


def test_half_the_difference_of_fanos_elements_is_left() -> None:
    c = np.linspace(-1, 1, 9)
    t = 1 - c
    np.testing.assert_allclose(polarized_head_on(np.ones(9), t), ((1 + c**2) - 2 * c) / 2)
    assert polarized_head_on(np.array([1.0]), np.array([2.1])) == 0
    y = np.linspace(0, 1, 200_001)
    weight = y**0.75  # p = 2.5
    ratio = (weight * y**2).sum() / (weight * (1 - 2 * y + 2 * y**2)).sum()
    assert thomson_ratio(np.array(2.5)) == pytest.approx(ratio, rel=1e-4)


@pytest.mark.parametrize(("psi", "phi"), [(2.6, 0.3), (1.4, 1.9), (0.5, 4.0)])
def test_one_seed_against_boosted_vectors(psi: float, phi: float) -> None:
    """Of all electrons about the line of sight, as of t and the transport of polarizations."""
    gamma, field = 2e3, np.array([np.sin(0.9), 0.0, np.cos(0.9)])
    seed = np.array([np.sin(psi) * np.cos(phi), np.sin(psi) * np.sin(phi), np.cos(psi)])
    polarization = np.cross(seed, field)
    polarization /= np.linalg.norm(polarization)
    radii = np.array([0.2, 0.7, 1.0, 2.0])
    electrons = around(gamma, radii, 64)
    energy, i, q = (
        x.reshape(len(radii), -1).mean(axis=1)
        for x in scattered(seed, polarization, electrons, np.array([0.0, 0.0, 1.0]))
    )
    y = energy / (2 * gamma**2 * (1 - np.cos(psi)))
    # electrons of a solid angle are y^-2 dy
    by_y = i / y**2 / (1 - 2 * y + 2 * y**2)
    np.testing.assert_allclose(by_y, by_y[0], rtol=1e-3)
    factor, cosine = direction_factors(0.9, np.cos(psi), phi)
    np.testing.assert_allclose(q / i, cosine * y**2 / (1 - 2 * y + 2 * y**2), atol=1e-4)
    assert factor == pytest.approx((1 - np.cos(psi)) * np.linalg.norm(np.cross(seed, field)))


def test_all_inclinations_together_are_isotropic_scattering() -> None:
    """Numerics and units, by another kernel: Jones' for the mean over directions of the field."""
    electrons, seeds, scattered_grid = (
        LogGrid(1, 1e5, DECADE), LogGrid(1e-11, 1.0, DECADE), LogGrid(1e-4, 1e4, DECADE)
    )  # fmt: skip
    both = SelfComptonPolarization(electrons, seeds, scattered_grid)
    numbers = DISTRIBUTIONS["broken-power-law"].numbers(
        np.array([[0, 2.0, 3.5, 3.5, 30, 1e5]]), electrons
    )

    def emission(ln_energy: np.ndarray) -> np.ndarray:
        return np.exp(-0.7 * ln_energy - np.exp(ln_energy) * 1e5 - 1e-9 * np.exp(-ln_energy))

    mu, weight = np.polynomial.legendre.leggauss(24)
    inclination = np.degrees(np.arccos((1 + mu) / 2))
    s = np.repeat(emission(both.ln_emitted)[None], 24, axis=0)
    total, _ = both.emissivity(np.repeat(numbers, 24, axis=0), s, s, inclination)
    nodes, weights = np.polynomial.legendre.leggauss(300)
    sine = np.sqrt(1 - ((1 + nodes) / 2) ** 2)
    mean = (weights / 2 * sine * emission(seeds.ln[:, None] - np.log(sine))).sum(axis=1)
    last, _ = electrons.nearest(np.log([1e5]))
    expected = ComptonKernel(electrons, seeds, scattered_grid).emissivity(
        numbers, mean[None], last, np.zeros(1)
    )[0]
    inside = slice(6, -12)
    np.testing.assert_allclose((weight / 2 @ total)[inside], expected[inside], rtol=3e-3)


def test_curved_seeds_against_direct_integration() -> None:
    """Sums over directions, chi and gamma without grids that are shifted or interpolated."""
    p, inclination, energies = 2.0, 55.0, np.array([1e-2, 1.0, 10.0])  # nodes

    def total(ln_energy: np.ndarray) -> np.ndarray:
        return np.exp(-0.4 * ln_energy - 3e6 * np.exp(ln_energy) - 1e-10 * np.exp(-ln_energy))

    def polarized(ln_energy: np.ndarray) -> np.ndarray:
        return total(ln_energy) * (0.65 + 0.02 * ln_energy)

    found = [
        np.interp(np.log(energies), POLARIZATION.scattered.ln, part[0])
        for part in POLARIZATION.emissivity(
            one_energy(p, 1), total(POLARIZATION.ln_emitted)[None],
            polarized(POLARIZATION.ln_emitted)[None], np.array([inclination]),
        )
    ]  # fmt: skip
    factor, cosine, solid = directions(np.radians(inclination))
    chi = np.exp(np.linspace(np.log(2e-11), np.log(1e-5), 241))
    shifted = np.log(chi) - np.log(factor[:, None])
    seeds = [
        (solid * factor) @ total(shifted), (solid * factor * cosine) @ polarized(shifted)
    ]  # fmt: skip
    nodes, weights = np.polynomial.legendre.leggauss(16)
    gamma = np.exp(np.log(9e3) + np.log(11 / 9) * (1 + nodes) / 2)
    weights = weights / 2 * np.log(11 / 9)
    for row, energy in enumerate(energies):
        y = 1 - energy / gamma[:, None]
        t = energy / (gamma[:, None] ** 2 * chi * y)
        kernels = [y + 1 / y - 2 * t + t**2, t**2 / 2]
        number = weights * gamma ** (1 - p) / gamma**2
        step = np.log(chi[1] / chi[0])
        expected = [
            number @ (np.where(t <= 2, k, 0) * u / chi).sum(axis=1) * step * energy**2
            for k, u in zip(kernels, seeds, strict=True)
        ]
        for one, other in zip(found, expected, strict=True):
            assert one[row] == pytest.approx(0.375 * LIGHT * THOMSON * other, rel=0.01)


@pytest.mark.parametrize("degrees", [0.0, 3.0, 41.0, 60.0, 88.0])
def test_weights_between_tabulated_inclinations(degrees: float) -> None:
    kinds = SeedDirections(DECADE)
    order = np.arange(kinds.first, kinds.first + kinds.shifts)
    for a in (0.1, 0.75, 1.5):
        s = 10.0 ** (-order / DECADE * a)[None]
        total, polarized = kinds.seeds(s, s, np.array([degrees]))
        factor, cosine, solid = directions(np.radians(degrees))
        weight = solid * factor ** (1 + a)
        # a power law between nodes is a cubic
        assert total[0, 0] == pytest.approx(weight.sum(), rel=2e-4)
        assert polarized[0, 0] == pytest.approx((weight * cosine).sum(), abs=2e-4)


def test_no_polarization_along_the_field_and_the_same_from_behind() -> None:
    seeds = power_law(2.2, 3)
    at = np.log([[0.1, 1.0]] * 3)
    found = POLARIZATION.degree(one_energy(2.2, 3), seeds, seeds, np.array([0.0, 40.0, 140.0]), at)
    np.testing.assert_allclose(found[0], 0, atol=1e-4)
    np.testing.assert_allclose(found[1], found[2], rtol=1e-6)
    assert np.all(found[1] > 0.15)


def test_rows_of_a_batch_are_what_they_are_alone() -> None:
    kernel = UniformFieldKernel(NARROW, LogGrid(1e-2, 1e13, DECADE))
    numbers = np.concatenate([one_energy(2.0, 1), 1e9 * one_energy(3.0, 1)])
    b, inclination = np.array([0.01, 10.0]), np.array([80.0, 35.0])
    at = np.log([[1e-2, 10.0]] * 2)

    def found(rows: slice) -> np.ndarray:
        s = emission_across(kernel, numbers[rows], b[rows], POLARIZATION.ln_emitted)
        return POLARIZATION.degree(numbers[rows], *s, inclination[rows], at[rows])

    together = found(slice(None))
    assert np.isfinite(together).all()
    for row in range(2):
        np.testing.assert_allclose(together[row], found(slice(row, row + 1))[0], rtol=2e-5)
