"""Distances, densities, halos: closed forms and published values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from xsurvey.errors import ParameterError
from xsurvey.galaxy_clusters import nfw
from xsurvey.galaxy_clusters.cosmology import Cosmology


def test_distances_are_the_integral_of_the_expansion() -> None:
    universe = Cosmology(h0=70, omega_m=0.3)
    distance, _ = quad(lambda z: 1 / np.sqrt(0.3 * (1 + z) ** 3 + 0.7), 0, 0.5)
    comoving = distance * 299792.458 / 70 * 1000
    assert universe.angular_distance(0.5) == pytest.approx(comoving / 1.5, rel=1e-8)
    assert universe.luminosity_distance(0.5) == pytest.approx(comoving * 1.5, rel=1e-8)
    assert universe.kpc_per_arcmin(0.5) == pytest.approx(comoving / 1.5 * np.pi / 10800, rel=1e-8)
    assert universe.expansion(0.5) == pytest.approx(np.sqrt(0.3 * 1.5**3 + 0.7), rel=1e-12)


def test_critical_density_today() -> None:
    # 3 H0^2 / (8 pi G) = 277.54 h^2 solar masses / kpc3
    assert Cosmology(h0=100).critical_density(1e-9) == pytest.approx(277.5, rel=1e-3)


def test_critical_density_grows_with_the_expansion() -> None:
    universe = Cosmology()
    ratio = universe.critical_density(0.8) / universe.critical_density(1e-12)
    assert ratio == pytest.approx(universe.expansion(0.8) ** 2, rel=1e-9)


@pytest.mark.parametrize("redshift", [0.0, -1.0, np.nan, np.inf])
def test_impossible_redshifts(redshift: float) -> None:
    with pytest.raises(ValueError, match="redshift"):
        Cosmology().kpc_per_arcmin(redshift)


def test_impossible_universes() -> None:
    with pytest.raises(ParameterError, match=r"cosmology\.h0"):
        Cosmology.read({"h0": 0}, "cosmology")


def test_enclosed_mass_is_the_integral_of_the_density() -> None:
    c, m200, critical = 5.0, 3e14, 140.0
    r200 = float(nfw.radius_of(m200, 200, critical))
    rs = r200 / c
    contrast = 200 / 3 * c**3 / (np.log(1 + c) - c / (1 + c))

    def shell(r: float) -> float:
        return 4 * np.pi * r**2 * contrast * critical / ((r / rs) * (1 + r / rs) ** 2)

    for r in (1e-3 * rs, 0.3 * rs, r200, 3 * r200):
        expected, _ = quad(shell, 0, r, epsrel=1e-11)
        assert float(nfw.enclosed_mass(r, m200, c, 200, critical)) == pytest.approx(
            expected, rel=1e-8
        )


def test_small_radii_do_not_cancel() -> None:
    x = np.array([1e-8, 0.999e-3, 1.001e-3])
    exact = np.array([quad(lambda t: t / (1 + t) ** 2, 0, v, epsabs=0)[0] for v in x])
    np.testing.assert_allclose(nfw.mass_shape(x), exact, rtol=1e-9)


@given(
    st.floats(0.3, 50.0), st.floats(100.0, 3000.0), st.floats(100.0, 3000.0), st.floats(1e12, 1e16)
)
def test_conversion_keeps_the_halo(c: float, delta: float, other: float, mass: float) -> None:
    new_mass, new_c = nfw.convert(mass, c, delta, other)
    radius = nfw.radius_of(mass, delta, 140.0)
    new_radius = nfw.radius_of(new_mass, other, 140.0)
    assert float(new_radius / new_c) == pytest.approx(float(radius / c), rel=1e-9)
    inside = nfw.enclosed_mass(new_radius, mass, c, delta, 140.0)
    assert float(inside) == pytest.approx(float(new_mass), rel=1e-9)
    back, back_c = nfw.convert(new_mass, new_c, other, delta)
    assert (float(back), float(back_c)) == pytest.approx((mass, c), rel=1e-8)


def test_published_ratio_of_masses() -> None:
    # Hu & Kravtsov (2003, ApJ 584, 702), appendix C: a fitting formula good to 0.3 %
    a = (0.5116, -0.4283, -3.13e-3, -3.52e-5)
    for c in (3.0, 5.0, 10.0):
        x = c**-3 * (np.log(1 + c) - c / (1 + c)) * 500 / 200
        p = a[1] + a[2] * np.log(x) + a[3] * np.log(x) ** 2
        scaled = (a[0] * x ** (2 * p) + 0.75**2) ** -0.5 + 2 * x
        expected = 500 / 200 * (scaled * c) ** -3
        assert float(nfw.convert(1.0, c, 200, 500)[0]) == pytest.approx(expected, rel=5e-3)


def test_batches() -> None:
    mass, c = np.array([1e14, 4e14]), np.array([3.0, 6.0])
    radius = np.array([100.0, 500.0, 900.0])
    both = nfw.enclosed_mass(radius, mass[:, None], c[:, None], 200, 140.0)
    assert both.shape == (2, 3)
    np.testing.assert_allclose(both[1], nfw.enclosed_mass(radius, 4e14, 6.0, 200, 140.0))
    assert np.isnan(nfw.concentration_at(np.array([np.nan, 4.0]), 200, 500)[0])
