"""The model of synchrotron self-Compton emission."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xsurvey.sed.models.registry import radiative_model
from xsurvey.sed.models.ssc import Resolution, SynchrotronSelfCompton
from xsurvey.sed.particles.distributions import DISTRIBUTIONS

MRK421 = np.array([[-7.884, 2.054, 3.541, 4.991, 500.0, 1e6, 19.75, -1.329, 86400.0]])
FREQUENCIES = np.logspace(8, 28, 61)
PLAIN = radiative_model("ssc", redshift=0.0308, self_absorption=False)
ABSORBED = radiative_model("ssc", redshift=0.0308)
DOUBLE = SynchrotronSelfCompton(
    DISTRIBUTIONS["broken-power-law"], 0.0308, resolution=Resolution(), precision=np.float64
)
FINE = SynchrotronSelfCompton(
    DISTRIBUTIONS["broken-power-law"], 0.0308, resolution=Resolution(36, 15)
)
THETA = st.tuples(
    st.floats(-10, -5), st.floats(1, 3), st.floats(2.5, 5), st.floats(3, 5.5),
    st.floats(5, 50), st.floats(-3, 1),
)  # fmt: skip


def rows(drawn: tuple[float, ...]) -> np.ndarray:
    log10_k, p1, p2, log10_break, delta, log10_b = drawn
    return np.array([[log10_k, p1, p2, log10_break, 100.0, 1e6, delta, log10_b, 86400.0]])


def test_mrk_421_as_agnpy_has_it() -> None:
    # agnpy 0.5.1, no absorption, 1600 electrons from 500 to 1e6, 2000 seeds from 1e5 to 1e30 Hz
    frequencies = np.array([1e12, 1e15, 1e17, 1e19, 1e22, 1e24, 1e26, 1e27])
    synchrotron = [3.4539e-12, 1.1448e-10, 3.3829e-10, 1.3424e-11]
    compton = [1.9207e-15, 1.2548e-13, 7.5133e-12, 4.6700e-11, 6.4094e-11, 5.0070e-12]
    found = PLAIN.components(MRK421, frequencies)
    # its approximation of the kernel is within 2e-3
    assert found["synchrotron"][0, :4] == pytest.approx(synchrotron, rel=2e-3)
    assert found["compton"][0, 2:] == pytest.approx(compton, rel=1e-3)


def test_an_absorbed_power_law_as_agnpy_has_it() -> None:
    # as above, from 1 to 1e5, with absorption; it turns over near 1e11 Hz
    model = radiative_model("ssc", electrons="power-law", redshift=0.1)
    theta = np.array([[4.0, 2.2, 1.0, 1e5, 10.0, 0.0, 10000.0]])
    frequencies = np.array([1e10, 1e11, 1e12, 1e14, 1e16, 1e18, 1e20, 1e22])
    synchrotron = [1.3047e-18, 2.7308e-15, 1.2188e-14, 7.6895e-14, 4.6344e-13, 1.3900e-13]
    compton = [1.6185e-19, 3.6470e-18, 3.9478e-17, 3.2283e-16, 2.0459e-15, 1.0958e-14]
    found = model.components(theta, frequencies)
    assert found["synchrotron"][0, :6] == pytest.approx(synchrotron, rel=2e-3)
    assert found["compton"][0, 2:] == pytest.approx(compton, rel=1e-3)


def test_finer_grids_change_little() -> None:
    frequencies = np.logspace(9, 27, 73)
    for name, flux in ABSORBED.components(MRK421, frequencies).items():
        other = FINE.components(MRK421, frequencies)[name]
        bulk = other > 1e-3 * other.max()
        assert bulk.sum() > 15
        assert flux[bulk] == pytest.approx(other[bulk], rel=1.5e-3)


@settings(max_examples=15, deadline=None)
@given(THETA)
def test_single_precision_is_enough(drawn: tuple[float, ...]) -> None:
    single = ABSORBED.components(rows(drawn), FREQUENCIES)["compton"]
    double = DOUBLE.components(rows(drawn), FREQUENCIES)["compton"]
    counts = double > 1e-8 * double.max()
    assert single[counts] == pytest.approx(double[counts], rel=2e-5)


@settings(max_examples=10, deadline=None)
@given(THETA, st.floats(5.0, 6.0), st.floats(0.7, 3.0))
def test_wherever_breaks_and_ends_are_finer_grids_have_the_same(
    drawn: tuple[float, ...], log10_max: float, log10_min: float
) -> None:
    theta = rows(drawn)
    theta[0, 4:7] = 10**log10_min, 10**log10_max, 20.0
    frequencies = np.logspace(9, 27, 73)
    scattered = frequencies * 1.0308 / theta[0, 6] / 1.2355899e20
    one, two = (model.components(theta, frequencies) for model in (ABSORBED, FINE))
    for name, flux in one.items():
        bulk = two[name][0] > 1e-3 * two[name].max()
        if name == "compton":
            bulk &= scattered < 0.5 * theta[0, 5]
        assert flux[0, bulk] == pytest.approx(two[name][0, bulk], rel=1.5e-2)


@settings(max_examples=15, deadline=None)
@given(THETA, st.floats(-1, 1))
def test_synchrotron_goes_with_the_electrons_and_compton_with_their_square(
    drawn: tuple[float, ...], more: float
) -> None:
    other = rows(drawn)
    other[0, 0] += more
    one, two = (PLAIN.components(t, FREQUENCIES) for t in (rows(drawn), other))
    for name, power in (("synchrotron", 1), ("compton", 2)):
        counts = one[name] > 1e-8 * one[name].max()
        expected = one[name][counts] * 10 ** (power * more)
        assert two[name][counts] == pytest.approx(expected, rel=1e-4)


def test_a_batch_is_each_alone() -> None:
    theta = np.repeat(MRK421, 5, axis=0)
    theta[:, 6] = [5.0, 12.0, 19.0, 33.0, 80.0]
    theta[:, 5] = [1e5, 1e6, 3e6, 1e7, 2.2e5]
    theta[:, 7] = [-3, -2, -1, 0, 1]
    together = ABSORBED.components(theta, FREQUENCIES)
    for i in range(5):
        alone = ABSORBED.components(theta[i : i + 1], FREQUENCIES)
        for name, flux in together.items():
            counts = alone[name][0] > 1e-6 * alone[name].max()
            assert flux[i, counts] == pytest.approx(alone[name][0, counts], rel=1e-5)


def test_absorption_takes_the_radio_and_leaves_the_rest() -> None:
    thin, thick = (m.components(MRK421, FREQUENCIES)["synchrotron"][0] for m in (PLAIN, ABSORBED))
    assert np.all(thick <= thin * (1 + 1e-9))
    assert thick[FREQUENCIES > 1e13] == pytest.approx(thin[FREQUENCIES > 1e13], rel=1e-4)
    assert thick[0] < 0.5 * thin[0]


@pytest.mark.parametrize("column", [5, 4, 3, 6])
def test_likelihoods_have_no_steps_where_a_parameter_crosses_a_node(column: int) -> None:
    theta = np.repeat(MRK421, 401, axis=0)
    # a cell of the coarsest grid is a factor of 1.26
    width = 0.03 if column == 3 else 0.14
    theta[:, column] *= np.linspace(1 - width, 1 + width, 401)
    total = sum(PLAIN.components(theta, np.array([1e12, 1e16, 1e18, 1e22, 1e25, 1e27])).values())
    slopes = np.diff(np.log(total), axis=0)
    jumps = np.abs(np.diff(slopes, axis=0))
    assert np.all(jumps < 1e-2 * np.abs(slopes).max(axis=0) + 1e-6)


def test_seen_closer_to_the_jet_everything_shifts_and_grows() -> None:
    # at the same radius: t_var delta is kept
    theta = np.repeat(MRK421, 2, axis=0)
    theta[1, 6] *= 2
    theta[1, 8] /= 2
    frequencies = np.logspace(11, 25, 20)
    one = PLAIN.components(theta[:1], frequencies)
    two = PLAIN.components(theta[1:], 2 * frequencies)
    for name, flux in one.items():
        counts = flux > 1e-8 * flux.max()
        assert two[name][counts] == pytest.approx(16 * flux[counts], rel=1e-4)


def test_powers_of_compton_and_synchrotron_are_as_energies_of_photons_and_field() -> None:
    # in the Thomson limit, of photons that stay for 3 R / 4 c
    theta = np.array([[2.0, 2.5, 10.0, 1e3, 10.0, -2.0, 1e5]])
    model = radiative_model("ssc", electrons="power-law", redshift=0.1, self_absorption=False)
    frequencies = np.logspace(4, 24, 801)
    flux = model.components(theta, frequencies)
    step = np.log(frequencies[1] / frequencies[0])
    total = {name: f[0].sum() * step for name, f in flux.items()}
    of = {name: float(value[0]) for name, value in model.derived(theta).items()}
    luminosity = 4 * np.pi * model.distance**2 * total["synchrotron"] / 10**4
    photons = 9 * luminosity / (16 * np.pi * of["radius"] ** 2 * 2.99792458e10)
    ratio = total["compton"] / total["synchrotron"]
    assert ratio == pytest.approx(photons / of["magnetic_energy"], rel=1e-3)
    lost = 4 / 3 * 6.6524587e-25 * 2.99792458e10 * of["magnetic_energy"]
    # gamma^2 over k gamma^-2.5
    squares = 100 * (1e3**0.5 - 10**0.5) / 0.5
    volume = 4 / 3 * np.pi * of["radius"] ** 3
    assert luminosity == pytest.approx(lost * squares * volume, rel=1e-3)


def test_electrons_cannot_give_photons_more_than_they_have() -> None:
    end = 1e6 * 19.75 / 1.0308 * 1.2355899e20
    flux = PLAIN.components(MRK421, np.array([0.5 * end, 2 * end]))["compton"][0]
    assert flux[0] > 0
    assert flux[1] == 0


@pytest.mark.parametrize("gamma_max", [3e5, 4.1e5, 1e6])
def test_the_end_is_where_finer_grids_have_it(gamma_max: float) -> None:
    theta = MRK421.copy()
    theta[0, 5] = gamma_max
    fine = SynchrotronSelfCompton(
        DISTRIBUTIONS["broken-power-law"], 0.0308, resolution=Resolution(12, 20)
    )
    end = gamma_max * 19.75 / 1.0308 * 1.2355899e20
    for near, largest in ((np.linspace(0.1, 0.75, 14), 5e-3), (np.linspace(0.77, 0.88, 6), 0.03)):
        flux, other = (m.components(theta, near * end)["compton"] for m in (ABSORBED, fine))
        assert flux == pytest.approx(other, rel=largest)


def test_where_there_is_no_model_there_is_no_number() -> None:
    theta = np.repeat(MRK421, 5, axis=0)
    theta[0, 4], theta[0, 5] = 1e5, 1e4  # gamma_min above gamma_max
    theta[1, 6] = 0.5  # delta below its limit
    theta[2, 1] = np.nan
    theta[3, 7] = 9.0
    for flux in PLAIN.components(theta, FREQUENCIES).values():
        assert np.isnan(flux[:4]).all()
        assert np.isfinite(flux[4]).all()
    for flux in PLAIN.components(theta[:4], FREQUENCIES).values():
        assert np.isnan(flux).all()


def test_all_limits_of_parameters_can_be_computed() -> None:
    for name in DISTRIBUTIONS:
        model = radiative_model("ssc", electrons=name, redshift=0.5)
        names = [p.name for p in model.parameters]
        for end in ("minimum", "maximum"):
            theta = np.array([[getattr(p, end) for p in model.parameters]])
            theta[0, names.index("gamma_min")] = 3.0
            theta[0, names.index("gamma_max")] = 1e5
            for flux in model.components(theta, np.array([1e9, 1e17, 1e26])).values():
                assert np.isfinite(flux).all()
                assert (flux >= 0).all()


def test_one_frequency_far_off_is_no_error() -> None:
    for frequency in (1e3, 1e8, 1e40):
        for flux in ABSORBED.components(MRK421, np.array([frequency])).values():
            assert np.isfinite(flux).all()


def test_derived_quantities() -> None:
    found = PLAIN.derived(MRK421)
    assert set(found) == {q.name for q in PLAIN.quantities}
    assert found["radius"] == pytest.approx(2.99792458e10 * 86400 * 19.75 / 1.0308)
    b = 10**-1.329
    assert found["magnetic_energy"] == pytest.approx(b**2 / (8 * np.pi))
    k, p1, p2, break_, low, high = 10**-7.884, 2.054, 3.541, 10**4.991, 500.0, 1e6
    mean = break_**2 * (
        (1 - (low / break_) ** (2 - p1)) / (2 - p1) + ((high / break_) ** (2 - p2) - 1) / (2 - p2)
    )
    assert found["electron_energy"] == pytest.approx(8.18710578e-7 * k * mean, rel=1e-5)
    assert found["energy_ratio"] == pytest.approx(
        found["electron_energy"] / found["magnetic_energy"]
    )
    power = (
        2 * np.pi * found["radius"] ** 2 * 19.75**2 * 2.99792458e10
        * (found["electron_energy"] + found["magnetic_energy"])
    )  # fmt: skip
    assert found["jet_power"] == pytest.approx(power, rel=2e-3)
