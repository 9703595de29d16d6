"""Composition, densities, hydrostatic equilibrium and emission of gas."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import gamma

from xsurvey.errors import MissingDataError
from xsurvey.galaxy_clusters import emission, hydrostatic
from xsurvey.galaxy_clusters.composition import ABUNDANCE_TABLES, composition
from xsurvey.galaxy_clusters.constants import GRAVITY, KPC
from xsurvey.galaxy_clusters.gas_density import (
    beta_density,
    double_beta_density,
    vikhlinin_density,
)
from xsurvey.spectra.models.installation import installation

ELEMENTS = ("He", "C", "N", "O", "Ne", "Mg", "Al", "Si", "S", "Ar", "Ca", "Fe", "Ni")


def test_pure_hydrogen_and_helium() -> None:
    gas = composition("angr", 0.0)
    assert gas.electrons_per_hydrogen == pytest.approx(1 + 2 * 9.77e-2)
    assert gas.mu_e == pytest.approx((1.008 + 9.77e-2 * 4.0026) / 1.1954 / 1.007276)
    assert gas.particles_per_electron == pytest.approx((1.1954 + 1 + 9.77e-2) / 1.1954)


def test_abundances_are_those_of_xspec() -> None:
    try:
        text = (installation().manager / "abundances.dat").read_text()
    except MissingDataError:
        pytest.skip("XSPEC's tables are not installed")
    lines = {line.split(":")[0]: line.split(":")[1].split() for line in reversed(text.splitlines())
             if ":" in line}  # fmt: skip
    charges = {"He": 2, "C": 6, "N": 7, "O": 8, "Ne": 10, "Mg": 12, "Al": 13, "Si": 14, "S": 16,
               "Ar": 18, "Ca": 20, "Fe": 26, "Ni": 28}  # fmt: skip
    for table in ABUNDANCE_TABLES:
        number = dict(zip(lines["elts"], map(float, lines[table]), strict=True))
        electrons = 1 + sum(number[e] * charges[e] for e in ELEMENTS)
        assert composition(table, 1.0).electrons_per_hydrogen == pytest.approx(electrons, rel=1e-12)


@pytest.mark.parametrize(("table", "metals"), [("solar", 0.3), ("angr", -0.1), ("angr", np.nan)])
def test_impossible_compositions(table: str, metals: float) -> None:
    with pytest.raises(ValueError, match="abundance"):
        composition(table, metals)


def test_vikhlinin_without_its_extras_is_beta() -> None:
    radius = np.array([0.0, 1.0, 50.0, 2000.0])
    beta = beta_density(radius, 0.01, 80.0, 0.65)
    np.testing.assert_allclose(vikhlinin_density(radius, 0.01, 80.0, 0.65), beta, rtol=1e-13)
    double = double_beta_density(radius, 0.01, 80.0, 0.65, 0.05, 10.0, 0.9)
    second = vikhlinin_density(radius, 0.01, 80.0, 0.65, centre2=0.05, core2=10.0, beta2=0.9)
    np.testing.assert_allclose(second, double, rtol=1e-13)


def test_vikhlinin_slopes() -> None:
    radius = np.array([1e-3, 1.001e-3, 1e6, 1.001e6])
    n = vikhlinin_density(radius, 0.01, 80.0, 0.65, alpha=1.0, scale=900.0, epsilon=2.0)
    slope = np.diff(np.log(n)) / np.diff(np.log(radius))
    assert slope[0] == pytest.approx(-0.5, abs=1e-6)
    assert slope[2] == pytest.approx(-3 * 0.65 - 1.0, abs=1e-6)


def test_isothermal_gas_comes_back() -> None:
    """Gas of one temperature in the halo that it needs: M = -kT r / (G mu m_p) dln n/dln r."""
    radius = np.geomspace(1.0, 3000.0, 120)
    mu, kt, core, beta = 0.6, 4.0, 100.0, 0.7
    density = beta_density(radius, 0.01, core, beta)
    slope = -3 * beta * radius**2 / (radius**2 + core**2)
    mass = hydrostatic.hydrostatic_mass(radius, kt, slope, 0.0, mu)
    got = hydrostatic.temperature_of(radius, density, mass, density[-1] * kt, mu)
    np.testing.assert_allclose(got, kt, rtol=3e-5)


def test_scale_of_temperatures() -> None:
    # a singular isothermal sphere of 1e14 solar masses in 1 Mpc, n ~ r^-2: kT = G mu m_p M / 2r
    radius = np.geomspace(10, 1000, 60)
    mass, density = 1e11 * radius, radius**-2.0
    got = hydrostatic.temperature_of(radius, density, mass, 0.6 * GRAVITY * 1e11 / 2e6, 0.6)
    np.testing.assert_allclose(got, 1.347, rtol=1e-3)


def test_batches_of_halos_and_densities() -> None:
    radius = np.geomspace(1.0, 3000.0, 60)
    density = np.stack([beta_density(radius, n, 90.0, 0.7) for n in (0.01, 0.02)])
    mass = np.stack([1e11 * radius, 2e11 * radius])
    both = hydrostatic.temperature_of(radius, density, mass, np.array([1e-6, 2e-6]), 0.6)
    for i in range(2):
        one = hydrostatic.temperature_of(radius, density[i], mass[i], (i + 1) * 1e-6, 0.6)
        np.testing.assert_allclose(both[i], one, rtol=1e-12)


@pytest.mark.parametrize("radius", [[1.0, 2.0], [0.0, 1.0, 2.0], [1.0, 3.0, 2.0]])
def test_radii_that_cannot_be_integrated(radius: list[float]) -> None:
    with pytest.raises(ValueError, match="radii"):
        hydrostatic.inward_weights(np.array(radius))


def test_columns_of_a_beta_model() -> None:
    core, beta = 60.0, 0.8
    at = np.array([1e-3, 1.0, 60.0, 800.0])
    column = emission.column_along_sight(lambda r: beta_density(r, 0.01, core, beta), at, 1e6, 1.25)
    exact = 1e-4 / 1.25 * core * np.sqrt(np.pi) * gamma(3 * beta - 0.5) / gamma(3 * beta)
    np.testing.assert_allclose(
        column, exact * (1 + (at / core) ** 2) ** (0.5 - 3 * beta), rtol=1e-7
    )


def test_columns_end_where_the_gas_does() -> None:
    column = emission.column_along_sight(np.ones_like, np.array([30.0, 50.0, 60.0]), 50.0, 1.0)
    np.testing.assert_allclose(column, [80.0, 0.0, 0.0], atol=1e-9)


def test_shells_hold_their_volume() -> None:
    radius, volume = emission.shell_nodes(np.array([0.0, 10.0, 100.0]))
    np.testing.assert_allclose(volume.sum(-1), 4 * np.pi / 3 * np.array([1e3, 999e3]), rtol=1e-13)
    np.testing.assert_allclose((volume / radius**2).sum(-1), 4 * np.pi * np.array([10.0, 90.0]))
    with pytest.raises(ValueError, match="edges"):
        emission.shell_nodes(np.array([0.0, 0.0, 1.0]))


def test_norms_of_volumes_and_of_solid_angles_agree() -> None:
    distance, redshift = 3e5, 0.1
    area = (distance * np.pi / 10800) ** 2  # of an arcmin2
    of_volume = emission.apec_norm(1e-3 * area * 200.0, distance, redshift)
    assert float(emission.norm_per_arcmin2(1e-3 * 200.0, redshift)) == pytest.approx(
        float(of_volume), rel=1e-12
    )
    exact = 1e-14 * 1e-3 * 200.0 * area * KPC**3 / (4 * np.pi * (1.1 * distance * KPC) ** 2)
    assert float(of_volume) == pytest.approx(exact, rel=1e-12)


def test_factor_of_brightness() -> None:
    factor = emission.emission_measure_factor(50.0, 0.05, 1.2)
    brightness = 50.0 * emission.norm_per_arcmin2(1e-6 / 1.2 * 300.0, 0.05)
    assert float(factor * 1e-6 * 300.0) == pytest.approx(float(brightness), rel=1e-12)


def test_projection_conserves_emission() -> None:
    def density(r: np.ndarray) -> np.ndarray:
        return beta_density(r, 0.01, 60.0, 0.6)

    total, _ = quad(lambda r: 4 * np.pi * r**2 * float(density(np.array(r))) ** 2, 0, 500)
    x, w = np.polynomial.legendre.leggauss(200)
    angle = np.pi / 4 * (x + 1)  # R = 500 sin: the edge is steep in R
    at = 500 * np.sin(angle)
    column = emission.column_along_sight(density, at, 500.0, 1.0)
    got = np.sum(column * 2 * np.pi * at * 500 * np.cos(angle) * np.pi / 4 * w)
    assert got == pytest.approx(total, rel=1e-6)
