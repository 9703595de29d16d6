"""Joint fits: closed forms, coverage of simulated spectra, angles, limits, contours."""

import numpy as np
import pytest
from scipy.stats import chi2, norm

from xsurvey.polarization.significance import gaussian_sigma, log_chi2_tail
from xsurvey.polarization.spectra.fit_contours import LEVELS, degree_angle_contours
from xsurvey.polarization.spectra.linear_stokes import polarization_in_bins, summed_stokes
from xsurvey.polarization.spectra.spectropolarimetry import (
    fit_polarization,
    without_energy_dependence,
    without_polarization,
)
from xsurvey.polarization.spectra.stokes_likelihood import members_of
from xsurvey.spectra.fit import Fit

from .conftest import (
    AREA,
    EXPOSURE,
    MODULATION,
    POLARIZED,
    assembled,
    drawn_counts,
    exact,
    expected_stokes,
    make_rmf,
    spectra_of,
)

MODEL = "polconst*powerlaw"
FROZEN = ("powerlaw.PhoIndex=2", "powerlaw.norm=0.01")


def named(fit: Fit) -> dict[str, float]:
    names = [p.name for p in fit.likelihood.parameters.parameters]
    return dict(zip(names, map(float, fit.values), strict=True))


def test_a_known_spectrum_gives_the_weighted_mean_of_q_and_u() -> None:
    """With area, modulation and spectrum constant, q is sum (Q T / s2) / sum (T2 / s2)."""
    generator = np.random.default_rng(2)
    counts = drawn_counts(expected_stokes(MODEL, POLARIZED), generator)
    counts = {s: (v, np.maximum(e, 1.0)) for s, (v, e) in counts.items()}
    spectra = spectra_of(counts)
    fit = fit_polarization(assembled(MODEL, spectra, freeze=FROZEN), intervals=True)
    flux = -np.diff(0.01 / np.linspace(1, 9, 81))
    template = (flux * AREA * MODULATION * EXPOSURE) @ make_rmf().matrix.toarray()
    q, u, spread = 0.0, 0.0, []
    for stokes in ("Q", "U"):
        value, error = counts[stokes]  # type: ignore[index]
        weight = template / error**2
        found = float(weight @ value / (weight @ template))
        q, u = (found, u) if stokes == "Q" else (q, found)
        spread.append((weight @ template) ** -0.5)
    values = named(fit)
    assert values["polconst.A"] == pytest.approx(np.hypot(q, u), rel=1e-5)
    assert values["polconst.psi"] == pytest.approx(np.degrees(np.arctan2(u, q)) / 2, abs=1e-3)
    assert fit.minimum.covariance[0, 0] == pytest.approx(np.mean(np.square(spread)), rel=0.02)
    bins = polarization_in_bins(fit.likelihood, fit.values, (0.5, 9.5))
    assert bins.q[0] == pytest.approx(q) and bins.u[0] == pytest.approx(u)
    assert (bins.q_err[0], bins.u_err[0]) == pytest.approx(tuple(spread))
    full = fit.values[None]
    statistic = sum(
        np.sum(((counts[m.stokes][0] - m.expected(full)[0]) / counts[m.stokes][1]) ** 2)
        for m in members_of(fit.likelihood, "I", "Q", "U")
    )
    assert fit.statistic == pytest.approx(statistic)
    assert fit.likelihood.degrees_of_freedom == 240 - 2


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (MODEL, (0.3, -62.0, 2.0, 0.01)),
        (MODEL, (0.05, 89.0, 1.5, 0.01)),
        (MODEL, (1.0, -89.5, 2.5, 0.01)),
        ("pollin*powerlaw", (0.1, 0.06, 20.0, -4.0, 2.0, 0.01)),
        ("polpow*powerlaw", (0.08, -0.9, 50.0, 0.2, 2.0, 0.01)),
        ("polconst*bbody+polconst*powerlaw", (0.6, 30.0, 0.8, 0.002, 0.4, -60.0, 2.0, 0.01)),
        ("polconst*bbody+powerlaw", (0.6, 30.0, 0.8, 0.002, 2.0, 0.01)),
    ],
)
def test_what_is_expected_is_found_again(text: str, values: tuple[float, ...]) -> None:
    fit = fit_polarization(assembled(text, exact(text, values)), intervals=False)
    assert fit.statistic == pytest.approx(0, abs=0.02)
    found = fit.values[: len(values)]
    for name, value, truth in zip(fit.likelihood.parameters.free_names, found, values, strict=True):
        assert value == pytest.approx(truth, rel=0.03, abs=0.01), name


def test_intervals_and_ellipses_cover_what_is_simulated() -> None:
    """60 observations: intervals of 68 % of degree and angle, ellipses of both, no bias."""
    generator = np.random.default_rng(7)
    expected = expected_stokes(MODEL, POLARIZED)
    inside, both, found = np.zeros(2), 0, []
    for _ in range(60):
        spectra = spectra_of(drawn_counts(expected, generator))
        assembly = assembled(MODEL, spectra, group="min20", freeze=FROZEN[:1])
        fit = fit_polarization(assembly, intervals=True)
        truth = np.array(POLARIZED[:2])
        ends = np.array([[fit.intervals[k].lower, fit.intervals[k].upper] for k in (0, 1)])
        inside += (ends[:, 0] < truth) & (truth < ends[:, 1])
        there = np.array([[*truth, fit.theta[2]]])
        both += float(fit.likelihood.statistic(there)[0]) - fit.statistic < chi2.ppf(0.6827, 2)
        found.append(fit.theta[:2])
    # 41 +- 3.6 of 60
    assert all(31 <= count <= 51 for count in (*inside, both))
    mean = np.mean(found, axis=0)
    error = np.std(found, axis=0) / np.sqrt(60)
    assert np.all(np.abs(mean - POLARIZED[:2]) < 3 * error)


def test_nothing_polarized_is_not_significant_and_its_angle_not_determined() -> None:
    counts = drawn_counts(expected_stokes(MODEL, (0, 0, 2.0, 0.01)), np.random.default_rng(5))
    assembly = assembled(MODEL, spectra_of(counts), group="min20", confidence=0.99)
    fit = fit_polarization(assembly, confidence=0.99)
    found = without_polarization(assembly, fit)
    assert found is not None and found.dof == 2
    assert found.significance < 3
    degree, angle = fit.intervals[0], fit.intervals[1]
    assert degree.lower == 0 and degree.lower_at_limit and degree.upper < 0.15
    assert angle.lower_at_limit and angle.upper_at_limit
    assert angle.upper - angle.lower == pytest.approx(180)


def test_what_polarization_and_its_slope_add() -> None:
    values = (0.1, 0.06, 20.0, 0.0, 2.0, 0.05)
    assembly = assembled("pollin*powerlaw", exact("pollin*powerlaw", values))
    fit = fit_polarization(assembly, intervals=False)
    constant = fit_polarization(assembled(MODEL, exact("pollin*powerlaw", values)), intervals=False)
    slope, none = without_energy_dependence(assembly, fit), without_polarization(assembly, fit)
    assert slope is not None and none is not None
    assert (slope.dof, none.dof) == (2, 4)
    assert slope.statistic == pytest.approx(constant.statistic, abs=0.01)
    full = fit.values.copy()
    full[:2] = 0
    members = members_of(fit.likelihood, "Q", "U")
    without = sum(float(m.statistic.total(m.expected(full[None]))[0]) for m in members)
    assert none.delta == pytest.approx(without, rel=1e-3)


def test_nothing_to_compare_with_where_polarization_is_held() -> None:
    assembly = assembled(MODEL, exact(MODEL, POLARIZED), freeze=("polconst.A", "polconst.psi"))
    fit = fit_polarization(assembly, intervals=False)
    assert without_polarization(assembly, fit) is None
    assert without_energy_dependence(assembly, fit) is None


def test_units_have_norms_and_what_is_untied() -> None:
    turned = (0.3, 20.0, 2.0, 0.011)
    spectra = [*exact(MODEL, POLARIZED, "DU1"), *exact(MODEL, turned, "DU2")]
    fit = fit_polarization(assembled(MODEL, spectra, untie=("polconst.psi",)), intervals=False)
    values = named(fit)
    assert values["unit.DU1"] == 1
    assert values["unit.DU2"] == pytest.approx(1.1, rel=1e-3)
    assert values["polconst.psi"] == pytest.approx(-62, abs=0.1)
    assert values["2:polconst.psi"] == pytest.approx(20, abs=0.1)
    held = fit_polarization(assembled(MODEL, spectra, unit_norms="one"), intervals=False)
    assert named(held)["unit.DU2"] == 1
    assert held.statistic > fit.statistic + 10


def test_links_limits_and_values_of_the_user_hold() -> None:
    text = "polconst*bbody+polconst*powerlaw"
    truth = (0.6, 30.0, 0.8, 0.002, 0.4, 120.0, 2.0, 0.01)
    linked = assembled(text, exact(text, truth), link=("polconst_2.psi=polconst.psi+90",))
    values = named(fit_polarization(linked, intervals=False))
    assert values["polconst_2.psi"] == pytest.approx(values["polconst.psi"] + 90)
    assert values["polconst.A"] == pytest.approx(0.6, abs=0.02)
    bounded = assembled(MODEL, exact(MODEL, POLARIZED), limits=("polconst.psi=0,45",))
    psi = named(fit_polarization(bounded, intervals=False))["polconst.psi"]
    assert 0 <= psi <= 45


def test_contours_of_a_known_spectrum_are_ellipses() -> None:
    """With the spectrum held, chi-square is a paraboloid in q and u."""
    assembly = assembled(MODEL, exact(MODEL, POLARIZED), freeze=FROZEN)
    fit = fit_polarization(assembly, intervals=False)
    linear = polarization_in_bins(fit.likelihood, fit.values, (0.5, 9.5))
    sigma = float(linear.q_err[0])
    contours = degree_angle_contours(fit, 0, 1)
    assert [c.level for c in contours] == list(LEVELS)
    assert [c.delta for c in contours] == pytest.approx([1.386, 4.605, 9.210, 13.816], abs=1e-3)
    for contour in contours:
        twice = np.radians(2 * contour.angle)
        q, u = contour.degree * np.cos(twice), contour.degree * np.sin(twice)
        radius = np.hypot(q - linear.q[0], u - linear.u[0])
        assert np.allclose(radius, sigma * np.sqrt(contour.delta), rtol=0.01)
        assert contour.closed


def test_contours_end_at_a_degree_of_one_and_may_hold_zero() -> None:
    values = (0.98, 40.0, 2.0, 0.01)
    fit = fit_polarization(assembled(MODEL, exact(MODEL, values)), intervals=False)
    outer = degree_angle_contours(fit, 0, 1, (0.99,))[0]
    assert outer.degree.max() == pytest.approx(1.0) and not outer.closed
    none = (0.0, 0.0, 2.0, 0.001)
    fit = fit_polarization(assembled(MODEL, exact(MODEL, none)), intervals=False)
    around = degree_angle_contours(fit, 0, 1, (0.9,))[0]
    assert np.ptp(around.angle) > 150
    assert around.degree.min() > 0.5 * around.degree.max()


def test_sums_over_channels_have_the_angle() -> None:
    assembly = assembled(MODEL, exact(MODEL, POLARIZED))
    found = summed_stokes(assembly.likelihood)
    assert np.degrees(np.arctan2(found.u, found.q))[0] / 2 == pytest.approx(-62)
    assert np.hypot(found.q, found.u)[0] == pytest.approx(0.3 * MODULATION)


def test_bins_without_data_are_nan() -> None:
    assembly = assembled(MODEL, exact(MODEL, POLARIZED), energy=("2-8",))
    full = fit_polarization(assembly, intervals=False).values
    found = polarization_in_bins(assembly.likelihood, full, (1, 1.5, 4, 8, 12))
    assert np.array_equal(np.isnan(found.q), [True, False, False, True])
    assert np.allclose(np.hypot(found.q, found.u)[1:3], 0.3, rtol=0.01)


def test_significance_in_sigma_at_any_size() -> None:
    assert gaussian_sigma(log_chi2_tail(11.829, 2)) == pytest.approx(3, abs=1e-3)
    assert gaussian_sigma(log_chi2_tail(9.0, 1)) == pytest.approx(3)
    assert gaussian_sigma(log_chi2_tail(0.0, 2)) == 0
    near = [log_chi2_tail(value, 4) for value in (999.999, 1000.001)]
    assert near[1] == pytest.approx(near[0], abs=0.002)
    # far beyond what doubles hold: p = exp(-x / 2) of two degrees of freedom
    sigma = gaussian_sigma(log_chi2_tail(4e4, 2))
    assert float(norm.logsf(sigma)) + np.log(2) == pytest.approx(-2e4, rel=1e-9)
