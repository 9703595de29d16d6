"""The model of external Compton emission."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xsurvey.errors import ParameterError
from xsurvey.sed.boosting import blob_radius, ln_frequency_in_blob, observed_flux
from xsurvey.sed.models.external import ExternalComptonModel
from xsurvey.sed.models.registry import radiative_model
from xsurvey.sed.particles.distributions import DISTRIBUTIONS
from xsurvey.sed.radiation.proton_synchrotron import ProtonSynchrotron

PKS = {
    "log10_k": 0.245, "p": 2.168, "q": 0.336, "gamma_0": 100.0, "gamma_min": 1.0, "gamma_max": 3e4,
    "delta": 25.82, "log10_B": -0.407, "t_var": 43200.0, "mu_s": 0.99925, "r": 6e17,
    "L_disk": 6.7e45, "xi_dt": 0.6, "T_dt": 2000.0, "R_dt": 6.471e18, "M_BH": 5.71e7,
    "eta": 1 / 12, "R_in": 6.0, "R_out": 3e4, "xi_line": 0.1, "R_line": 2.6e17,
}  # fmt: skip
ALL = ("disk", "blr", "torus", "cmb")
MODEL = radiative_model("external-compton", electrons="log-parabola", redshift=0.361, targets=ALL)
TORUS = radiative_model(
    "external-compton", electrons="log-parabola", redshift=0.361, targets=("torus",)
)
COARSE = ExternalComptonModel(DISTRIBUTIONS["log-parabola"], 0.361, targets=ALL, per_decade=8)
FREQUENCIES = np.logspace(9, 27, 37)


def theta(model: ExternalComptonModel = MODEL, number: int = 1, **changed: object) -> np.ndarray:
    values = PKS | changed
    return np.column_stack([np.broadcast_to(values[p.name], number) for p in model.parameters])


def test_pks_1510_089_as_agnpy_has_it() -> None:
    # agnpy 0.5.1, 20000 electrons for the torus, 600 for the others; 33 and 13 azimuths, 160 radii
    # evenly in ln R, 120 places evenly in ln x, 100 directions of the background
    frequencies = np.array([1e15, 1e18, 1e20, 1e22, 1e23, 1e24])
    peer = {
        "disk": [5.2486e-17, 1.9087e-14, 1.2844e-13, 1.9961e-13, 1.4161e-13, 5.0124e-14],
        "blr": [1.8322e-18, 1.8300e-13, 5.5843e-12, 3.7907e-11, 5.2621e-11, 4.1311e-11],
        "torus": [4.2215e-17, 2.4306e-12, 6.0230e-11, 3.2993e-10, 4.1795e-10, 3.1511e-10],
        "cmb": [8.9976e-21, 1.0226e-18, 3.7929e-18, 3.1320e-18, 1.4364e-18, 0.0],
    }
    found = MODEL.components(theta(), frequencies)
    for name, flux in peer.items():
        # of the disk it has 160 radii
        accuracy = 6e-3 if name == "disk" else 2e-3
        assert found[f"compton_{name}"][0] == pytest.approx(flux, rel=accuracy, abs=1e-23)


def test_protons_as_agnpy_has_them() -> None:
    protons = ProtonSynchrotron(DISTRIBUTIONS["exponential-cutoff-power-law"])
    frequencies = np.array([1e12, 1e15, 1e18, 1e20, 1e22, 1e23])
    peer = [1.5045e-20, 4.7280e-19, 1.2689e-17, 4.5428e-17, 1.7600e-18, 1.2326e-21]
    delta = np.array([25.82])
    power = protons.power(
        np.array([[0.0, 2.0, 8.0, 1.0, 1e10]]), np.array([10**-0.407]),
        ln_frequency_in_blob(frequencies, delta, 0.361),
    )  # fmt: skip
    radius = blob_radius(np.array([43200.0]), delta, 0.361)
    found = observed_flux(power, delta, radius, MODEL.distance)[0]
    assert found == pytest.approx(peer, rel=1e-3)


def test_finer_grids_change_little() -> None:
    fine = ExternalComptonModel(
        DISTRIBUTIONS["log-parabola"], 0.361, targets=("blr", "cmb"), per_decade=30
    )
    frequencies = np.logspace(14, 24, 21)
    found = MODEL.components(theta(), frequencies)
    for name, flux in fine.components(theta(fine), frequencies).items():
        if name.startswith("compton_"):
            bulk = flux > 1e-3 * flux.max()
            bulk &= frequencies < 2e23
            assert found[name][bulk] == pytest.approx(flux[bulk], rel=2e-3)


def test_a_batch_is_each_alone() -> None:
    rows = theta(number=4, delta=[5.0, 12.0, 30.0, 80.0], gamma_max=[1.1e4, 9e4, 5e4, 3e4],
                 r=[1e16, 1e18, 3e20, 6e17], gamma_min=[1.0, 30.0, 2.0, 5.0])  # fmt: skip
    together = COARSE.components(rows, FREQUENCIES)
    for i in range(4):
        alone = COARSE.components(rows[i : i + 1], FREQUENCIES)
        for name, flux in together.items():
            counts = alone[name][0] > 1e-5 * alone[name].max()
            assert flux[i, counts] == pytest.approx(alone[name][0, counts], rel=1e-4)


def test_the_jet_is_that_of_ssc() -> None:
    jet = radiative_model("ssc", electrons="log-parabola", redshift=0.361)
    alone = jet.components(theta(jet), FREQUENCIES)
    found = TORUS.components(theta(TORUS), FREQUENCIES)
    for name, flux in alone.items():
        assert np.array_equal(found[name], flux)
    assert list(found) == ["synchrotron", "compton", "compton_torus", "disk", "torus"]


def test_a_target_does_not_know_of_others() -> None:
    alone = TORUS.components(theta(TORUS), FREQUENCIES)
    together = MODEL.components(theta(), FREQUENCIES)
    for name, flux in alone.items():
        counts = flux > 1e-8 * flux.max()
        assert together[name][counts] == pytest.approx(flux[counts], rel=1e-5)


@settings(max_examples=10, deadline=None)
@given(st.floats(-1, 1), st.floats(0.05, 1))
def test_scattering_goes_with_electrons_and_with_light(more: float, part: float) -> None:
    one = TORUS.components(theta(TORUS), FREQUENCIES)["compton_torus"]
    rows = theta(TORUS, log10_k=PKS["log10_k"] + more, xi_dt=part)
    other = TORUS.components(rows, FREQUENCIES)["compton_torus"]
    counts = one > 1e-8 * one.max()
    assert other[counts] == pytest.approx(one[counts] * 10**more * part / 0.6, rel=1e-4)


def test_the_power_goes_as_delta_to_the_sixth_within_the_torus() -> None:
    # Thomson, at the same radius: nu F_nu at delta^2 nu grows by delta^4 and u' by delta^2
    # (Dermer 1995, ApJ 446, L63)
    rows = theta(TORUS, 2, delta=[10.0, 20.0], t_var=[43200.0, 21600.0], gamma_max=3e3)
    frequencies = np.logspace(18, 20, 5)
    one = TORUS.components(rows[:1], frequencies)["compton_torus"]
    two = TORUS.components(rows[1:], 4 * frequencies)["compton_torus"]
    assert two == pytest.approx(64 * one, rel=2e-2)


def test_far_beyond_the_torus_it_is_a_point_behind() -> None:
    rows = theta(TORUS, 2, r=[1e22, 2e22], mu_s=0.999)
    flux = TORUS.components(rows, np.logspace(12, 20, 9))["compton_torus"]
    # the direction is that of the axis: nothing but the distance changes
    assert flux[1] == pytest.approx(flux[0] / 4, rel=2e-3)


def test_a_torus_of_a_black_body_has_the_same_power() -> None:
    wide = radiative_model(
        "external-compton", electrons="log-parabola", redshift=0.361, targets=("torus",),
        black_body=True,
    )  # fmt: skip
    frequencies = np.logspace(13, 24, 111)
    # Thomson: slow electrons
    one, two = (
        m.components(theta(m, gamma_max=1e3), frequencies)["compton_torus"][0]
        for m in (TORUS, wide)
    )
    ln = np.log(frequencies)
    assert np.trapezoid(two, ln) == pytest.approx(np.trapezoid(one, ln), rel=2e-2)
    assert "black body" in wide.notes[-1]


@pytest.mark.parametrize("name", ["gamma_min", "gamma_max", "delta", "r"])
def test_likelihoods_have_no_steps_where_a_parameter_crosses_a_node(name: str) -> None:
    changed = {"gamma_min": 30.0} | {name: 30.0 if name == "gamma_min" else PKS[name]}
    changed[name] = changed[name] * np.linspace(0.97, 1.03, 201)
    rows = theta(TORUS, 201, **changed)
    total = TORUS.components(rows, np.array([1e16, 1e19, 1e21, 1e23]))["compton_torus"]
    slopes = np.diff(np.log(total), axis=0)
    jumps = np.abs(np.diff(slopes, axis=0))
    assert np.all(jumps < 3e-2 * np.abs(slopes).max(axis=0) + 1e-5)


def test_where_there_is_no_model_there_is_no_number() -> None:
    rows = theta(number=4, gamma_min=[1.0, 4e4, 1.0, 1.0], R_in=[6.0, 6.0, 100.0, 6.0],
                 R_out=[200.0, 200.0, 50.0, 200.0], mu_s=[0.999, 0.999, 0.999, 1.1])  # fmt: skip
    for flux in COARSE.components(rows, FREQUENCIES).values():
        assert np.isfinite(flux[0]).all()
        assert np.isnan(flux[1:]).all()


def test_all_limits_of_geometry_can_be_computed() -> None:
    outside = {p.name for p in MODEL.parameters[9:]} - {"R_in", "R_out"}
    for name in sorted(outside):
        (parameter,) = (p for p in MODEL.parameters if p.name == name)
        for value in (parameter.minimum, parameter.maximum):
            rows = theta(**{name: value})
            for flux in COARSE.components(rows, np.array([1e9, 1e17, 1e26])).values():
                assert np.isfinite(flux).all()
                assert (flux >= 0).all()


def test_one_frequency_far_off_is_no_error() -> None:
    for frequency in (1e3, 1e40):
        for flux in COARSE.components(theta(mu_s=1.0), np.array([frequency])).values():
            assert np.isfinite(flux).all()
            assert (flux >= 0).all()


def test_what_follows_and_what_is_approximate() -> None:
    found = MODEL.derived(theta())
    assert set(found) == {q.name for q in MODEL.quantities}
    x2 = 6e17**2 + 6.471e18**2
    torus = 0.6 * 6.7e45 / (4 * np.pi * 2.99792458e10 * x2)
    assert found["photon_energy_torus"] == pytest.approx(torus)
    assert len(MODEL.notes) == 5


def test_parameters_of_geometry_are_frozen_and_shared() -> None:
    names = [p.name for p in MODEL.parameters]
    assert len(set(names)) == len(names)
    free = {p.name for p in MODEL.parameters if not p.frozen}
    assert free == {"log10_k", "p", "q", "delta", "log10_B"}
    cmb = radiative_model("external-compton", redshift=0.1, targets=("cmb",))
    assert {"L_disk", "T_dt"}.isdisjoint(p.name for p in cmb.parameters)


@pytest.mark.parametrize(
    ("arguments", "subject", "hint"),
    [
        ({"name": "external-compton"}, "target", "one or more"),
        ({"name": "ssc", "targets": ("torus",)}, "target", "'external-compton'"),
        ({"name": "external-compton", "targets": ("tor",)}, "target", "'torus'"),
        ({"name": "external-compton", "targets": ("blr",), "line": "x"}, "line", "Angstrom"),
    ],
)
def test_what_cannot_be(arguments: dict, subject: str, hint: str) -> None:
    with pytest.raises(ParameterError) as caught:
        radiative_model(**{"redshift": 0.1, **arguments})
    assert caught.value.subject == subject
    assert hint in caught.value.remedy
