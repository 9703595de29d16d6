"""Extinction by dust of our Galaxy: published values of the law, and its limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsurvey.sed.constants import LIGHT
from xsurvey.sed.on_the_way.extinction import LYMAN_LIMIT, GalacticDust, extinction_law

TABLE_3 = {
    26500: 0.265, 12200: 0.829, 6000: 2.688, 5470: 3.055, 4670: 3.806, 4110: 4.315, 2700: 6.265,
    2600: 6.591,
}  # fmt: skip
"""Fitzpatrick 1999, table 3: A / E(B-V) by wavelength in Angstrom, R_V = 3.1."""


def nu(angstrom: float | np.ndarray) -> np.ndarray:
    return LIGHT / (np.atleast_1d(angstrom) * 1e-8)


@pytest.mark.parametrize("angstrom", TABLE_3)
def test_published_values(angstrom: float) -> None:
    assert extinction_law(nu(angstrom)) == pytest.approx(TABLE_3[angstrom], abs=1e-3)


@pytest.mark.parametrize(("r_v", "angstrom", "depth"), [
    (3.1, 8000, 1.7149), (3.1, 2175, 9.5352), (3.1, 1500, 8.0678), (5.0, 8000, 3.0559),
    (5.0, 1500, 7.8517), (2.5, 4400, 3.4564),
])  # fmt: skip
def test_values_of_a_peer(r_v: float, angstrom: float, depth: float) -> None:
    """Of dust_extinction 1.7 (F99), whose spline ends otherwise: up to 4e-4 of R_V apart."""
    assert extinction_law(nu(angstrom), r_v) == pytest.approx(depth, abs=2e-3)


@given(r_v=st.floats(2, 6), angstrom=st.floats(912, 1e9))
def test_all_light_below_the_lyman_limit_is_dimmed(r_v: float, angstrom: float) -> None:
    assert extinction_law(nu(angstrom), r_v)[0] > 0


@given(r_v=st.floats(2, 6))
def test_the_two_formulas_meet(r_v: float) -> None:
    """At 2700 A, where the spline ends and the ultraviolet formula begins."""
    below, above = (extinction_law(nu(2700 * (1 + e)), r_v) for e in (1e-9, -1e-9))
    assert below == pytest.approx(above, rel=1e-6)


@given(r_v=st.floats(2, 6))
def test_r_v_is_that_of_v(r_v: float) -> None:
    """The law's A_V / E(B-V) is near R_V, and A_B - A_V near E(B-V)."""
    a_b, a_v = extinction_law(nu(np.array([4400.0, 5500.0])), r_v)
    assert a_v == pytest.approx(r_v, rel=0.04)
    assert a_b - a_v == pytest.approx(1, abs=0.12)


def test_radio_and_x_rays_pass() -> None:
    frequencies = np.array([1e9, LYMAN_LIMIT * 1.001, 2.4e17, 1e26])
    assert GalacticDust(1.0).transmission(frequencies) == pytest.approx(1, abs=1e-4)


def test_no_dust_dims_nothing() -> None:
    assert GalacticDust(0.0).transmission(np.geomspace(1e9, 1e27, 50)).tolist() == [1.0] * 50


def test_one_magnitude() -> None:
    dust = GalacticDust(1 / extinction_law(nu(5470))[0])
    assert dust.transmission(nu(5470)) == pytest.approx(10**-0.4)
    assert "by 60.2 % at most" in dust.notes(nu(5470))[0]
