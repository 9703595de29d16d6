"""Absorption of gamma rays by photons against integrals and published limits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from xsurvey.sed.constants import ELECTRON_REST_ENERGY, THOMSON
from xsurvey.sed.grids import LogGrid
from xsurvey.sed.hadronic.opacity import (
    PairOpacity,
    attenuation,
    mean_cross_section,
    pair_cross_section,
)

PHOTONS, GAMMA_RAYS = LogGrid(1e-10, 1e2, 20), LogGrid(1e-3, 1e8, 20)
OPACITY = PairOpacity(PHOTONS, GAMMA_RAYS)


def test_the_cross_section_of_two_photons() -> None:
    # largest near s = 2 with .26 sigma_T; (3/8) (ln 4 s - 1) / s of large energies
    s = np.linspace(1, 5, 4001)
    sigma = pair_cross_section(s)
    assert s[np.argmax(sigma)] == pytest.approx(1.97, abs=0.05)
    assert sigma.max() / THOMSON == pytest.approx(0.256, abs=2e-3)
    large = 1e8
    expected = 3 / 8 * (np.log(4 * large) - 1) / large
    assert pair_cross_section(np.array(large)) / THOMSON == pytest.approx(expected, rel=1e-6)
    assert (pair_cross_section(np.array([0.0, 0.5, 1.0])) == 0).all()


@given(st.floats(-6, 9))
def test_the_mean_is_that_over_directions(log10_excess: float) -> None:
    s0 = 1 + 10**log10_excess

    def integrand(ln: float) -> float:
        return np.exp(2 * ln) * pair_cross_section(np.array(np.exp(ln)))

    expected = 2 / s0**2 * quad(integrand, 0, np.log(s0), epsrel=1e-9, limit=200)[0]
    assert mean_cross_section(np.array(s0)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("index", [1.5, 2.0, 3.0, 5.0])
def test_a_power_law_absorbs_as_published(index: float) -> None:
    # Svensson 1987, MNRAS 227, 403: n as eps^-index has kappa = eta sigma_T n(1/eps_1) / eps_1,
    # and eta = 7 / (6 (1 + index) index^5/3) to .3 per cent of 1 to 8
    n0 = 3e5
    photons = n0 * ELECTRON_REST_ENERGY * PHOTONS.nodes[None] ** (1 - index)
    middle = (GAMMA_RAYS.nodes > 1e2) & (GAMMA_RAYS.nodes < 1e5)
    eps = GAMMA_RAYS.nodes[middle]
    eta = OPACITY.coefficient(photons)[0, middle] / (THOMSON * n0 * eps ** (index - 1))
    exact = quad(
        lambda ln: np.exp(ln * (1 - index)) * pair_cross_section(np.array(np.exp(ln))) / THOMSON,
        0, 60, epsrel=1e-9, limit=300,
    )[0] * 2 / (1 + index)  # fmt: skip
    assert exact == pytest.approx(7 / (6 * (1 + index) * index ** (5 / 3)), rel=4e-3)
    assert eta == pytest.approx(exact, rel=1e-4)


def test_a_planckian_against_a_direct_integral() -> None:
    temperature = 1e-3
    x = PHOTONS.nodes / temperature
    photons = PHOTONS.nodes**3 / np.expm1(np.minimum(x, 600))
    node = np.searchsorted(GAMMA_RAYS.nodes, 300.0)
    eps_1 = GAMMA_RAYS.nodes[node]

    def integrand(ln: float) -> float:
        eps = np.exp(ln)
        planck = eps**3 / np.expm1(eps / temperature)
        return float(planck * mean_cross_section(np.array(eps * eps_1))) / ELECTRON_REST_ENERGY

    expected = quad(integrand, -np.log(eps_1), np.log(0.3), epsrel=1e-9, limit=200)[0]
    assert OPACITY.coefficient(photons[None])[0, node] == pytest.approx(expected, rel=2e-4)


def test_photons_of_one_energy_absorb_twice_its_inverse_best() -> None:
    # the delta approximation sigma_T / 3 eps delta(eps - 2 / eps_1), Zdziarski & Lightman 1985
    narrow = np.exp(-0.5 * ((PHOTONS.ln - np.log(1e-4)) / 0.15) ** 2)
    kappa = OPACITY.coefficient(narrow[None])[0]
    peak = GAMMA_RAYS.nodes[np.argmax(kappa)]
    assert 1.5e4 < peak < 5e4
    total = (kappa * GAMMA_RAYS.step).sum()
    number = (narrow * PHOTONS.step).sum() / ELECTRON_REST_ENERGY
    # its integral over ln eps_1 is that of the mean cross section, 7/12 sigma_T of index 1
    assert total / number / THOMSON == pytest.approx(7 / 12, rel=5e-3)


def test_nothing_is_absorbed_below_the_threshold() -> None:
    photons = np.where(PHOTONS.nodes < 1.0001e-3, 1.0, 0.0)[None]
    kappa = OPACITY.coefficient(photons)[0]
    assert (kappa[GAMMA_RAYS.nodes < 0.5e3] == 0).all()
    assert (kappa[GAMMA_RAYS.nodes > 2e3] > 0).all()


def test_a_sphere_attenuates_by_its_depth() -> None:
    kappa, radius = np.array([[1e-20, 1e-16, 1e-12]]), np.array([1e16])
    thin, middle, thick = attenuation(kappa, radius)[0]
    assert thin == pytest.approx(1, abs=2e-4)
    depth = 2.0
    closed = 3 / depth * (0.5 + np.exp(-depth) / depth - (1 - np.exp(-depth)) / depth**2)
    assert middle == pytest.approx(closed)
    assert thick == pytest.approx(3 / (2 * 2e4), rel=1e-3)


def test_grids_of_two_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="one step"):
        PairOpacity(PHOTONS, LogGrid(1, 10, 10))
