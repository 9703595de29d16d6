"""The hadronic model: limits in which it is known, energy, convergence."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xsurvey.sed.boosting import sphere_volume
from xsurvey.sed.constants import PROTON_REST_ENERGY
from xsurvey.sed.grids import LogGrid
from xsurvey.sed.hadronic.bethe_heitler import bethe_heitler_kernel
from xsurvey.sed.hadronic.photo_pion import photo_pion_kernel
from xsurvey.sed.hadronic.protons import ProtonRows, proton_numbers
from xsurvey.sed.hadronic.secondaries import pairs_kernel
from xsurvey.sed.models.hadronic import COMPONENTS, HadronicModel
from xsurvey.sed.models.registry import radiative_model
from xsurvey.sed.particles.distributions import DISTRIBUTIONS
from xsurvey.sed.polarization.synchrotron import power_law_degree

BROKEN = DISTRIBUTIONS["broken-power-law"]
MODEL = HadronicModel(BROKEN, 0.3)
NU = np.logspace(11, 28, 86)
# a sphere whose protons shine as much as its electrons
USUAL = {
    "log10_k": -3.5, "p2": 4.0, "log10_gamma_b": 3.0, "gamma_max": 1e5, "delta": 15.0,
    "log10_B": 1.5, "t_var": 1e5, "log10_proton_power": 44.5, "log10_proton_gamma_max": 9.3,
}  # fmt: skip


def theta(**values: float) -> np.ndarray:
    chosen = USUAL | values
    return np.array([[chosen.get(p.name, p.value) for p in MODEL.parameters]])


def luminosity(flux: np.ndarray, delta: float = USUAL["delta"]) -> float:
    """Return the power of a sphere in its frame, erg / s, of nu F_nu at `NU`."""
    return float(np.trapezoid(flux, np.log(NU)) * 4 * np.pi * MODEL.distance**2 / delta**4)


def test_without_protons_it_is_self_compton() -> None:
    rows = theta(log10_proton_power=30.0, log10_k=-5.0)
    found = MODEL.components(rows, NU)
    ssc = radiative_model("ssc", redshift=0.3).components(rows[:, :9], NU)
    soft = NU < 1e24  # beyond, gamma rays are absorbed
    assert found["synchrotron"][:, soft] == pytest.approx(ssc["synchrotron"][:, soft], rel=1e-4)
    seen = soft & (ssc["compton"][0] > 1e-6 * ssc["compton"].max())
    assert found["compton"][:, seen] == pytest.approx(ssc["compton"][:, seen], rel=1e-3)


def test_protons_that_cool_radiate_what_is_injected() -> None:
    rows = theta(
        log10_B=4.0, proton_gamma_min=1e5, log10_proton_gamma_max=8.0, escape_time=1e4,
        expansion_speed=1e-6, t_var=1e7, log10_k=-12.0, delta=15.0,
    )  # fmt: skip
    flux = MODEL.components(rows, NU)["proton_synchrotron"]
    assert luminosity(flux[0]) == pytest.approx(10**44.5, rel=0.02)


@settings(max_examples=10, deadline=None)
@given(st.floats(1.2, 2.9), st.floats(0.5, 3), st.floats(6, 10))
def test_protons_that_escape_have_the_energy_of_their_escape_time(
    index: float, log10_escape: float, log10_last: float
) -> None:
    # no losses but escape: U = P t_esc / V
    one, radius = np.ones(1), np.array([1e16])
    rows = ProtonRows(44 * one, index * one, 10 * one, log10_last * one,
                      10**log10_escape * one, 1e-6 * one)  # fmt: skip
    grid = LogGrid(1.0, 1e11, 10)
    found = PROTON_REST_ENERGY * proton_numbers(rows, 1e-5 * one, radius, grid) @ grid.nodes
    expected = 1e44 * 10**log10_escape * radius / 2.998e10 / sphere_volume(radius)
    assert found == pytest.approx(expected, rel=3e-3)


def test_energy_leaves() -> None:
    """Pairs that cool radiate what gamma rays and protons gave them."""
    rows = theta(log10_k=-3.0, escape_time=1e4, expansion_speed=1e-6, log10_B=2.0)
    frequencies = np.logspace(8, 32, 400)
    leaving = sum(MODEL.components(rows, frequencies).values())[0]
    state = MODEL.state(rows)
    ln_nu = np.log(frequencies)[None] + np.log(1.3 / 15)
    made = sum(MODEL.made(state, ln_nu).values())[0]
    volume = sphere_volume(state.zone.radius)[0]
    inside = np.trapezoid(made, ln_nu[0]) * volume
    secondary = state.secondary_power[0] * volume
    out = np.trapezoid(leaving, ln_nu[0]) * 4 * np.pi * MODEL.distance**2 / 15**4
    assert secondary > 0.01 * inside
    assert out == pytest.approx(inside + secondary, rel=0.02)


def test_pairs_of_both_signs_are_a_sum() -> None:
    grids = LogGrid(1, 1e10, 5), LogGrid(1e-12, 1, 5), LogGrid(1, 1e13, 5)
    protons = grids[0].nodes[None] ** -1.0
    photons = grids[1].nodes[None] ** -0.5
    found = pairs_kernel(*grids).rates(protons, photons)
    parts = sum(
        photo_pion_kernel(*grids, name).rates(protons, photons) for name in ("positron", "electron")
    ) + 2 * bethe_heitler_kernel(*grids).rates(protons, photons)
    assert found == pytest.approx(parts, rel=1e-10)


def test_rates_are_in_proportion_to_photons_of_any_number() -> None:
    grids = LogGrid(1, 1e10, 5), LogGrid(1e-12, 1, 5), LogGrid(1, 1e13, 5)
    kernel = pairs_kernel(*grids)
    photons = grids[1].nodes[None] ** -0.5
    few = kernel.rates(grids[0].nodes[None] ** -1.0, photons)
    for factor in (1e-60, 1e60):
        many = kernel.rates(grids[0].nodes[None] ** -1.0, factor * photons)
        assert many == pytest.approx(factor * few, rel=1e-5)


def test_all_that_the_limits_allow_has_a_value() -> None:
    generator = np.random.default_rng(3)
    low, high = (np.array([getattr(p, end) for p in MODEL.parameters]) for end in
                 ("minimum", "maximum"))  # fmt: skip
    lowest = [p.name.endswith("gamma_min") for p in MODEL.parameters]
    corners = np.where((generator.random((40, len(low))) < 0.5) | lowest, low, high)
    rows = np.concatenate([
        corners,
        theta(log10_k=9.6, p1=3.8, p2=3.6, log10_gamma_b=8.9, gamma_max=1e6, log10_B=4.0),
        theta(gamma_min=1.0, gamma_max=50.0, log10_gamma_b=1.0, log10_proton_gamma_max=4.0),
    ])  # fmt: skip
    with np.errstate(over="raise"):
        found = MODEL.components(rows, NU)
    assert all(np.isfinite(flux).all() for flux in found.values())


def test_degrees_of_power_laws() -> None:
    # protons that do not cool, far from their ends
    rows = theta(log10_B=0.0, escape_time=1.0, expansion_speed=1e-6, proton_p=2.4, log10_k=-12.0)
    found = MODEL.degrees(rows, np.array([1e16, 1e17]), np.array([60.0]))
    assert found["proton_synchrotron"] == pytest.approx(
        np.full((1, 2), power_law_degree(np.array(2.4))), abs=2e-3
    )
    assert "pion_decay" not in found
    # an inclination changes frequencies by its sine, and of a power law not the degree
    other = MODEL.degrees(rows, np.array([1e16, 1e17]), np.array([30.0]))
    assert other["proton_synchrotron"] == pytest.approx(found["proton_synchrotron"], abs=2e-3)


def test_degrees_of_pairs_are_those_of_what_cooled() -> None:
    found = MODEL.degrees(theta(), np.array([1e15, 1e18]), np.array([60.0]))["pair_synchrotron"]
    # cooled below where they are made: n as gamma^-2 or steeper
    assert np.all((found > 0.685) & (found < 0.8))


def test_a_finer_grid_gives_the_same() -> None:
    rows = np.concatenate([theta(), theta(log10_B=0.5, log10_k=-2.5, proton_p=1.6)])
    fine = HadronicModel(BROKEN, 0.3, per_decade=20)
    one, other = (sum(m.components(rows, NU).values()) for m in (MODEL, fine))
    seen = other > 1e-3 * other.max(axis=1, keepdims=True)
    assert one[seen] == pytest.approx(other[seen], rel=0.01)


def test_rows_are_independent_and_those_outside_have_no_value() -> None:
    rows = np.concatenate([
        theta(), theta(log10_B=0.5), theta(log10_proton_gamma_max=12.0),
        theta(proton_gamma_min=1e5, log10_proton_gamma_max=4.5), theta(gamma_min=2e5),
    ])  # fmt: skip
    found = MODEL.components(rows, NU)
    assert tuple(found) == COMPONENTS
    alone = MODEL.components(rows[1:2], NU)
    for name in COMPONENTS:
        assert np.isnan(found[name][2:]).all()
        assert found[name][1] == pytest.approx(alone[name][0], rel=1e-6)
    degrees = MODEL.degrees(rows, NU[:3], np.full(5, 60.0))
    assert all(np.isnan(d[2:]).all() and np.isfinite(d[:2]).all() for d in degrees.values())


def test_nothing_is_negative_and_more_power_is_more_light() -> None:
    weak, strong = (MODEL.components(theta(log10_proton_power=p), NU) for p in (43.5, 44.5))
    assert all((flux >= 0).all() for flux in weak.values())
    # gamma rays are absorbed by protons' photons too, of which there are more
    weaker, stronger = (m["proton_synchrotron"][:, NU < 1e22] for m in (weak, strong))
    assert stronger == pytest.approx(10 * weaker, rel=1e-3)
    assert sum(strong.values()).sum() > sum(weak.values()).sum()


def test_what_follows_from_the_parameters() -> None:
    found = MODEL.derived(theta())
    assert [q.name for q in MODEL.quantities] == list(found)
    # m_p c^2 gamma / (e B) of 10^9.3 in 31.6 G: 2e14 cm
    gyroradius = found["gyroradius_ratio"] * found["radius"]
    assert gyroradius == pytest.approx(3.13e6 / 31.62 * 10**9.3, rel=1e-3)
    assert 0 < found["secondary_power_ratio"][0] < 0.1
    assert found["energy_ratio"] == pytest.approx(
        (found["electron_energy"] + found["proton_energy"]) / found["magnetic_energy"]
    )
    impossible = theta(proton_gamma_min=1e5, log10_proton_gamma_max=4.5)
    both = MODEL.derived(np.concatenate([theta(), impossible]))
    for name, values in found.items():
        assert both[name][0] == pytest.approx(values[0], rel=1e-6)
        assert np.isnan(both[name][1])
