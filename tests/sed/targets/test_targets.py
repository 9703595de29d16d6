"""Sources of photons outside of the jet."""

import math

import numpy as np
import pytest
from astropy import constants, units
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from xsurvey.errors import ParameterError
from xsurvey.sed.constants import LIGHT
from xsurvey.sed.targets.base import about_the_axis, deflection
from xsurvey.sed.targets.broad_lines import BroadLines, wavelength
from xsurvey.sed.targets.disk import GRAVITY, SOLAR_MASS, Disk, gravitational_radius
from xsurvey.sed.targets.microwaves import MicrowaveBackground
from xsurvey.sed.targets.planck import energy_samples, ln_planck
from xsurvey.sed.targets.registry import targets
from xsurvey.sed.targets.torus import Torus

VALUES = {
    "r": 1e18, "mu_s": 0.999, "L_disk": 2e46, "xi_dt": 0.1, "T_dt": 1000.0, "R_dt": 1.57e19,
    "M_BH": 1.2e9, "eta": 1 / 12, "R_in": 6.0, "R_out": 200.0, "xi_line": 0.024, "R_line": 1.1e17,
}  # fmt: skip
LN_NU = np.linspace(np.log(1e8), np.log(1e18), 4001)


def values(**changed: float) -> dict[str, np.ndarray]:
    return {name: np.array([value]) for name, value in (VALUES | changed).items()}


def test_the_angle_between_directions() -> None:
    angle, viewing, azimuth = 0.7, 0.3, 2.1
    one, other = (
        np.array([math.sin(a) * math.cos(f), math.sin(a) * math.sin(f), math.cos(a)])
        for a, f in ((angle, azimuth), (viewing, 0.0))
    )
    found = deflection(np.array(angle), np.array(viewing), np.array(azimuth))
    assert found == pytest.approx(1 - one @ other)
    tiny = deflection(np.array(1e-9), np.array(0.0), np.array(0.0))
    assert tiny == pytest.approx(5e-19, rel=1e-6)


def test_means_about_the_axis() -> None:
    one = np.ones((1, 1))
    rays = about_the_axis(0.7 * one, 3 * one, one, np.array([math.cos(0.3)]), 8)
    assert rays.energy.sum() == pytest.approx(3)
    # of (1 - cos psi)^2
    first, second = 1 - math.cos(0.7) * math.cos(0.3), math.sin(0.7) * math.sin(0.3)
    assert (rays.energy * rays.chi**2).sum() / 3 == pytest.approx(first**2 + second**2 / 2)


@pytest.mark.parametrize("black_body", [False, True])
@pytest.mark.parametrize("r", [1e16, 1.57e19, 1e22])
def test_the_torus_is_a_ring(r: float, black_body: bool) -> None:
    rays = Torus(black_body).rays(values(r=r))
    expected = 0.1 * 2e46 / (4 * math.pi * LIGHT * (r**2 + 1.57e19**2))
    assert rays.energy.sum() == pytest.approx(expected)
    thermal = (constants.k_B * 1000 * units.K / (constants.m_e * constants.c**2)).to_value("")
    mean = rays.energy.sum() / (rays.energy / rays.eps).sum() / thermal
    assert mean == pytest.approx(2.7012 if black_body else 2.7, rel=1e-3)


def test_within_the_torus_photons_come_from_the_side_and_beyond_it_from_behind() -> None:
    near, far = (Torus().rays(values(r=r, mu_s=1.0)) for r in (1e15, 1.57e22))
    assert near.chi == pytest.approx(near.eps, rel=1e-4)
    assert far.chi == pytest.approx(far.eps * 0.5e-6, rel=1e-5)


@pytest.mark.parametrize("r", [1e15, 1e17, 1.0999e17, 1.2e17, 1e19])
def test_photons_of_the_shell_of_broad_lines(r: float) -> None:
    rays = BroadLines().rays(values(r=r))
    radius = 1.1e17
    ratio = r / radius
    # the integral over a sphere of 1 / x^2
    shape = math.log((1 + ratio) / abs(1 - ratio)) / (2 * ratio)
    expected = 0.024 * 2e46 / (4 * math.pi * LIGHT * radius**2) * shape
    assert rays.energy.sum() == pytest.approx(expected)
    # the net flux of a sphere: nothing within, and that of a point outside
    straight = BroadLines().rays(values(r=r, mu_s=1.0))
    flux = np.sum(straight.energy * (1 - straight.chi / straight.eps))
    net = 0.024 * 2e46 / (4 * math.pi * LIGHT * r**2) if r > radius else 0.0
    assert flux == pytest.approx(net, rel=2e-3, abs=2e-3 * expected)


def test_deep_in_the_shell_photons_come_from_everywhere() -> None:
    rays = BroadLines().rays(values(r=1e14))
    away = rays.chi / rays.eps
    parts = rays.energy / rays.energy.sum()
    assert (parts * away).sum() == pytest.approx(1, rel=1e-3)
    assert (parts * away**2).sum() == pytest.approx(4 / 3, rel=1e-3)


def test_on_the_shell_there_is_a_number() -> None:
    rays = BroadLines().rays(values(r=1.1e17))
    assert np.isfinite(rays.weight).all()
    assert (rays.chi > 0).all()


def test_far_off_the_disk_is_a_point_of_its_luminosity() -> None:
    # with eta = 1 / 12 and R_in = 6 the disk emits what eta says
    rays = Disk().rays(values(r=1e21, R_out=1e6))
    assert rays.energy.sum() == pytest.approx(2e46 / (4 * math.pi * LIGHT * 1e42), rel=2e-2)


def test_photons_of_the_disk() -> None:
    unit = float(gravitational_radius(np.array(1.2e9)))
    rate = 2e46 * 12 / LIGHT**2

    def integrand(ln_radius: float) -> float:
        radius = math.exp(ln_radius)
        bright = 1 - math.sqrt(6 * unit / radius)
        return bright / (radius * (radius**2 + 1e16**2))

    total = quad(integrand, math.log(6 * unit), math.log(200 * unit))[0]
    expected = 3 * GRAVITY * 1.2e9 * SOLAR_MASS * rate / (8 * math.pi * LIGHT) * total
    found = Disk().rays(values(r=1e16))
    assert found.energy.sum() == pytest.approx(expected, rel=1e-3)
    # 2.7e-4 (l / M_8 eta)^(1/4) (R / R_g)^(-3/4) at both edges
    heat = (2e46 / (1.26e46 * 12) * 12 / 12) ** 0.25
    assert found.eps.max() == pytest.approx(2.7e-4 * heat * 6**-0.75, rel=3e-2)
    assert found.eps.min() == pytest.approx(2.7e-4 * heat * 200**-0.75, rel=3e-2)


def test_the_disk_itself_emits_its_luminosity() -> None:
    seen = Disk().power(values(mu_s=1.0, R_out=1e6), LN_NU)[0]
    # from above, twice the mean over both sides
    assert np.trapezoid(seen, LN_NU) == pytest.approx(2 * 2e46, rel=2e-2)
    slanted = Disk().power(values(mu_s=0.5, R_out=1e6), LN_NU)[0]
    assert slanted == pytest.approx(seen / 2)


def test_the_dust_itself_emits_its_luminosity() -> None:
    seen = Torus().power(values(), LN_NU)[0]
    assert np.trapezoid(seen, LN_NU) == pytest.approx(0.1 * 2e46, rel=1e-6)
    # Wien: nu B_nu is largest at h nu = 3.92 k T
    peak = np.exp(LN_NU[seen.argmax()])
    assert peak == pytest.approx(3.9207 * 1000 * 2.0836619e10, rel=3e-3)


def test_spectra_of_black_bodies() -> None:
    assert np.trapezoid(np.exp(ln_planck(LN_NU, np.array(3000.0))), LN_NU) == pytest.approx(1)
    energies, parts = energy_samples()
    assert parts.sum() == pytest.approx(1)
    # the mean of x over energy: 24 zeta(5) / 6 zeta(4)
    assert (parts * energies).sum() == pytest.approx(3.8322, rel=1e-3)


def test_the_microwave_background() -> None:
    rays = MicrowaveBackground(1.0).rays(values())
    # 0.26057 eV / cm3 today (PDG 2024), and (1 + z)^4
    assert rays.energy.sum() == pytest.approx(16 * 0.26057 * 1.602177e-12, rel=1e-3)
    assert (rays.energy * rays.chi).sum() / (rays.energy * rays.eps).sum() == pytest.approx(1)


@settings(max_examples=25, deadline=None)
@given(st.floats(14, 24), st.floats(0, 1))
def test_all_photons_are_somewhere(exponent: float, mu_s: float) -> None:
    for target in targets(("disk", "blr", "torus", "cmb"), redshift=0.3):
        rays = target.rays(values(r=10**exponent, mu_s=mu_s))
        assert (rays.chi >= 0).all()
        assert (rays.chi <= 2.000001 * rays.eps).all()
        assert (rays.energy >= 0).all()
        assert np.isfinite(rays.weight).all()


def test_lines_by_name_and_by_wavelength() -> None:
    assert wavelength("Lyalpha") == 1215.67
    assert wavelength("1550") == 1550
    # 12398.42 eV Angstrom
    assert BroadLines("1000").eps == pytest.approx(12.39842 / 510998.95, rel=1e-6)


@pytest.mark.parametrize(
    ("arguments", "subject", "hint"),
    [
        ({"names": ("torsu",)}, "target", "'torus'"),
        ({"names": ()}, "target", "one or more"),
        ({"names": ("cmb", "cmb")}, "target", "each once"),
        ({"names": ("blr",), "line": "Lyalfa"}, "line", "'Lyalpha'"),
        ({"names": ("blr",), "line": "-3"}, "line", "Angstrom"),
        ({"names": ("blr",), "line": "inf"}, "line", "Angstrom"),
    ],
)
def test_what_cannot_be(arguments: dict, subject: str, hint: str) -> None:
    with pytest.raises(ParameterError) as caught:
        targets(**{"redshift": 0.1, **arguments})
    assert caught.value.subject == subject
    assert hint in caught.value.remedy
