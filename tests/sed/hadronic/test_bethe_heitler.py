"""Pairs of protons and photons against published cross sections and loss rates."""

import numpy as np
import pytest

from xsurvey.sed.constants import ELECTRON_MASS, ELECTRON_REST_ENERGY, LIGHT, PROTON_MASS, THOMSON
from xsurvey.sed.grids import LogGrid
from xsurvey.sed.hadronic.bethe_heitler import (
    bethe_heitler_kernel,
    cumulative_cross_section,
    differential_cross_section,
    pair_spectrum,
)

UNIT = 3 * THOMSON / (8 * np.pi) / 137.035999  # alpha r_e^2
PROTONS, PHOTONS = LogGrid(1e2, 1e9, 10), LogGrid(1e-9, 1.0, 10)
MADE = LogGrid(1e-2, 1e13, 10)
KERNEL = bethe_heitler_kernel(PROTONS, PHOTONS, MADE)


def maximon(omega: float) -> float:
    """Return the cross section in alpha r_e^2 by the expansions of Maximon (1968)."""
    if omega < 4:
        k = (2 * omega - 4) / (omega + 2 + 2 * np.sqrt(2 * omega))
        series = 1 + k / 2 + 23 / 40 * k**2 + 11 / 60 * k**3 + 29 / 960 * k**4
        return float(2 * np.pi / 3 * ((omega - 2) / omega) ** 3 * series)
    ln, z = np.log(2 * omega), 2 / omega
    second = 6 * ln - 3.5 + 2 / 3 * ln**3 - ln**2 - np.pi**2 / 3 * ln + 2.4041138 + np.pi**2 / 6
    fourth, sixth = 3 / 16 * ln + 1 / 8, 29 / 9 / 256 * ln - 77 / 27 / 512
    return float(28 / 9 * ln - 218 / 27 + z**2 * second - z**4 * fourth - z**6 * sixth)


def chodorowski(kappa: float) -> float:
    """Return phi of the energy losses by Chodorowski, Zdziarski & Sikora (1992, ApJ 400, 181)."""
    if kappa < 25:
        terms = [0.8048, 0.1459, 1.137e-3, -3.879e-6]
        sums = 1 + sum(c * (kappa - 2) ** (i + 1) for i, c in enumerate(terms))
        return float(np.pi / 12 * (kappa - 2) ** 4 / sums)
    above = sum(d * np.log(kappa) ** i for i, d in enumerate([-86.07, 50.96, -14.45, 8 / 3]))
    below = 1 - sum(f * kappa ** -(i + 1) for i, f in enumerate([2.910, 78.35, 1837]))
    return float(kappa * above / below)


@pytest.mark.parametrize("omega", [2.1, 3.0, 3.8, 5.0, 12.0, 100.0, 1e3])
def test_the_total_cross_section(omega: float) -> None:
    # d(cos theta) is -dy / p
    f, weights = np.polynomial.legendre.leggauss(60)
    angle = np.pi / 4 * (f + 1)  # of E: dense at both ends
    energy = 1 + (omega - 2) * np.sin(angle) ** 2
    p = np.sqrt(energy**2 - 1)
    low, high = np.log(energy - p), np.log(energy + p)
    ln_y = (low + high)[:, None] / 2 + (high - low)[:, None] / 2 * f
    w = differential_cross_section(np.array(omega), energy[:, None], np.exp(ln_y))
    assert (w > -1e-9 * w.max()).all()
    by_energy = (w * np.exp(ln_y)) @ weights * (high - low) / 2 / p
    slope = (omega - 2) * 2 * np.sin(angle) * np.cos(angle) * np.pi / 4
    assert (by_energy * slope) @ weights / UNIT == pytest.approx(maximon(omega), rel=1e-3)


@pytest.mark.parametrize("kappa", [2.2, 3.0, 8.0, 30.0, 300.0, 3e4])
def test_protons_lose_as_published(kappa: float) -> None:
    y = np.geomspace(1 / (2 * kappa), 2 * kappa, 101)
    total = np.array([cumulative_cross_section(np.array([kappa]), float(v))[0] for v in y])
    lost = 2 * (total * y**2).sum() * np.log(y[1] / y[0]) / UNIT
    assert lost == pytest.approx(chodorowski(kappa), rel=5e-3)


def test_pairs_are_between_their_limits_of_energy() -> None:
    kappa = np.array([[1.9, 30.0]])
    y = np.array([1.01 / 120, 0.5, 58.0, 61.0])
    spectrum = pair_spectrum(kappa, y)[0]
    assert not spectrum[:, 0].any()  # two rest masses at least
    # (1 + y)^2 / 2y <= 30: y from 1/58 to 58
    assert (spectrum[:, 1] > 0).tolist() == [False, True, False, False]


def test_the_kernel_takes_the_energy_of_the_losses() -> None:
    protons = np.zeros((1, len(PROTONS)))
    at = np.searchsorted(PROTONS.nodes, 0.999e6)
    gamma = PROTONS.nodes[at]
    protons[0, at] = 3.0
    photons = np.exp(-0.5 * ((PHOTONS.ln - np.log(1e-5)) / 0.8) ** 2)
    rates = KERNEL.rates(protons, photons[None])[0]
    taken = 2 * (rates @ MADE.nodes**2) * MADE.step
    ln = np.linspace(np.log(1.0001e-6), np.log(1e-3), 3000)
    kappa = 2 * gamma * np.exp(ln)
    phi = np.array([chodorowski(k) for k in kappa])
    seeds = np.exp(-0.5 * ((ln - np.log(1e-5)) / 0.8) ** 2) / ELECTRON_REST_ENERGY
    # -dgamma / dt m_p / m_e = alpha r_e^2 c times the integral of n phi / kappa^2 dkappa
    rate = UNIT * LIGHT * 2 * gamma * (seeds * phi / kappa**2).sum() * (ln[1] - ln[0])
    assert taken == pytest.approx(3 * rate, rel=1e-2)
    # by a proton to its own energy: the fraction that is lost is of the order of 2 m_e / m_p
    fraction = taken * ELECTRON_MASS / PROTON_MASS / (3 * gamma)
    pairs = rates @ MADE.nodes * MADE.step / 3
    assert 0.2 < fraction / pairs / (2 * ELECTRON_MASS / PROTON_MASS) < 5


def test_rates_are_linear_in_both() -> None:
    protons = np.ones((2, len(PROTONS))) * np.array([[1.0], [3.0]])
    photons = np.stack([PHOTONS.nodes**-0.5, PHOTONS.nodes**-0.5 * 2])
    one, six = KERNEL.rates(protons, photons)
    assert six == pytest.approx(6 * one, rel=1e-12)
