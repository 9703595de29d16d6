"""Fluxes and luminosities: closed forms, intervals, absorption, models that mix energies."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsurvey.errors import ParameterError
from xsurvey.inference.fit_records import fitted_parameters
from xsurvey.spectra.fit import Fit, fit_spectra, flux_interval
from xsurvey.spectra.fit_result import fluxes
from xsurvey.spectra.flux import (
    ERG_PER_KEV,
    band_flux,
    flux_functions,
    luminosity,
    luminosity_distance,
)
from xsurvey.spectra.models.expression import parse_expression
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.units import EnergyBand

from .conftest import POWER_LAW, drawn, likelihood_of, make_pha

SETTINGS = ModelSettings()
BAND = EnergyBand(0.5, 7.0)


def power_law_flux(index: float, norm: float, band: EnergyBand = BAND) -> float:
    """Integrate E times the power law, erg / s / cm2."""
    if abs(index - 2) < 1e-9:
        return norm * math.log(band.maximum / band.minimum) * ERG_PER_KEV
    p = 2 - index
    return norm * (band.maximum**p - band.minimum**p) / p * ERG_PER_KEV


def flux_of(text: str, values: list[float], band: EnergyBand = BAND, **options: object) -> float:
    function = band_flux(parse_expression(text), SETTINGS, band, **options)  # type: ignore[arg-type]
    return float(function(np.array([values]))[0])


@given(st.floats(-1, 5), st.floats(0.05, 3), st.floats(1.2, 100))
def test_power_law(index: float, low: float, ratio: float) -> None:
    band = EnergyBand(low, low * ratio)
    found = flux_of("powerlaw", [index, 2.0], band)
    assert found == pytest.approx(power_law_flux(index, 2.0, band), rel=2e-5)


def test_unabsorbed_is_that_of_no_column() -> None:
    absorbed = flux_of("phabs*powerlaw", [0.5, 1.8, 1.0])
    assert flux_of("phabs*powerlaw", [0.0, 1.8, 1.0]) == pytest.approx(power_law_flux(1.8, 1))
    bare = flux_of("phabs*powerlaw", [0.5, 1.8, 1.0], unabsorbed=True)
    assert absorbed < 0.8 * bare
    assert bare == pytest.approx(power_law_flux(1.8, 1), rel=1e-6)


def test_rows_do_not_depend_on_the_batch() -> None:
    function = band_flux(parse_expression("phabs*powerlaw"), SETTINGS, BAND, unabsorbed=True)
    rows = np.random.default_rng(1).uniform(0.1, 2, (7, 3))
    before = rows.copy()
    together = function(rows)
    assert [float(function(row[None])[0]) for row in rows] == together.tolist()
    assert rows.tolist() == before.tolist()


def test_convolution_models_hold_their_flux() -> None:
    text = "cflux*powerlaw"
    expression = parse_expression(text)
    row = np.array([p.definition.default for p in expression.parameters])
    for name, value in {"Emin": 0.5, "Emax": 7.0, "lg10Flux": -12.0}.items():
        row[expression.find(f"cflux.{name}")] = value
    row[expression.find("powerlaw.PhoIndex")] = 1.7
    assert flux_of(text, row.tolist(), span=(0.1, 20.0)) == pytest.approx(1e-12, rel=1e-3)


def test_luminosity() -> None:
    # Hubble's law with the first term of the deceleration, then the integral of 1 / H
    cm = 3.0856775814913673e24
    low = luminosity_distance(1e-4, SETTINGS)
    assert low == pytest.approx(299792.458 / 70 * 1e-4 * cm, rel=2e-4)
    redshift = np.linspace(0, 0.158, 20001)
    inverse = 1 / np.sqrt(0.27 * (1 + redshift) ** 3 + 0.73)
    comoving = np.trapezoid(inverse, redshift) * 299792.458 / 70
    assert luminosity_distance(0.158, SETTINGS) == pytest.approx(1.158 * comoving * cm, rel=1e-6)
    # a power law's band in the source's frame: K correction (1 + z)^(index - 2)
    function = luminosity(parse_expression("powerlaw"), SETTINGS, BAND, 0.158)
    distance = luminosity_distance(0.158, SETTINGS)
    expected = 4 * math.pi * distance**2 * power_law_flux(1.7, 1e-4) * 1.158 ** (1.7 - 2)
    assert function(np.array([[1.7, 1e-4]]))[0] == pytest.approx(expected, rel=1e-5)
    assert function.frame == BAND
    assert function.unit == "erg / s"
    near = luminosity(parse_expression("powerlaw"), SETTINGS, BAND, 0.0, distance=10.0)
    assert near(np.array([[1.7, 1e-4]]))[0] == pytest.approx(
        4 * math.pi * (10 * cm) ** 2 * power_law_flux(1.7, 1e-4), rel=1e-6
    )


def test_cosmologies_without_a_distance() -> None:
    with pytest.raises(ParameterError, match="give --distance"):
        luminosity_distance(0.1, ModelSettings(deceleration=0.5))
    with pytest.raises(ParameterError, match="give --distance"):
        luminosity_distance(0.1, ModelSettings(dark_energy=1.5))
    with pytest.raises(ParameterError, match="begins at zero"):
        flux_of("powerlaw", [1.0, 1.0], EnergyBand(0.0, 2.0))


def fitted(text: str = "powerlaw", **settings: object) -> Fit:
    return fit_spectra(likelihood_of(text, drawn("powerlaw", POWER_LAW), **settings))


def interval_of(fit: Fit, text: str = "powerlaw", unabsorbed: bool = False,
                band: EnergyBand = BAND) -> tuple[float, float, float, str]:  # fmt: skip
    function = band_flux(parse_expression(text), SETTINGS, band, unabsorbed=unabsorbed)
    value, interval, method = flux_interval(fit, function, 0.6827)
    return value, interval.lower, interval.upper, method


def test_flux_of_a_norm_alone_has_the_norms_interval() -> None:
    fit = fitted(freeze=("powerlaw.PhoIndex=1.8",))
    value, lower, upper, method = interval_of(fit)
    assert method == "profile"
    assert value == pytest.approx(power_law_flux(1.8, fit.theta[0]))
    per_norm = power_law_flux(1.8, 1.0)
    assert (lower, upper) == pytest.approx(
        (fit.intervals[0].lower * per_norm, fit.intervals[0].upper * per_norm), rel=1e-4
    )


def test_flux_interval_is_that_of_a_scan() -> None:
    fit = fitted()
    value, lower, upper, _ = interval_of(fit)
    index = np.linspace(fit.theta[0] - 0.3, fit.theta[0] + 0.3, 301)
    per_norm = np.array([power_law_flux(i, 1.0) for i in index])

    def least(flux: float) -> float:
        theta = np.stack((index, flux / per_norm), axis=1)
        return float(fit.likelihood.statistic(theta).min())

    for end in (lower, upper):
        assert least(end) - fit.statistic == pytest.approx(1, abs=0.02)
    assert least(value) == pytest.approx(fit.statistic, abs=0.01)


def test_flux_of_several_norms() -> None:
    fit = fitted("powerlaw+powerlaw", freeze=("powerlaw.PhoIndex=1.8", "powerlaw_2.PhoIndex=-2"))
    value, lower, upper, method = interval_of(fit, "powerlaw+powerlaw")
    assert method == "profile"
    assert lower < value < upper
    width = upper - lower
    assert lower - width < power_law_flux(1.8, 0.02) < upper + width


def test_frozen_norms_and_nothing_free() -> None:
    fit = fitted(freeze=("powerlaw.norm=0.02",))
    value, lower, upper, method = interval_of(fit)
    assert method == "linear"
    assert lower < value < upper
    shift = fit.intervals[0].upper - fit.theta[0]
    assert lower == pytest.approx(power_law_flux(fit.theta[0] + shift, 0.02), rel=0.01)
    fixed = fitted(freeze=("powerlaw.norm=0.02", "powerlaw.PhoIndex=1.8"))
    with pytest.raises(ValueError, match="nothing is free"):
        interval_of(fixed)


def test_no_flux_is_zero_with_an_upper_end() -> None:
    fit = fit_spectra(
        likelihood_of("powerlaw", make_pha(np.zeros(120)), freeze=("powerlaw.PhoIndex=2",))
    )
    value, lower, upper, _ = interval_of(fit)
    assert value == pytest.approx(0, abs=1e-20)
    assert lower == 0
    assert upper == pytest.approx(fit.intervals[0].upper * power_law_flux(2, 1), rel=1e-2)


def test_records() -> None:
    fit = fitted()
    functions = flux_functions(parse_expression("powerlaw"), SETTINGS, [BAND], 0.1, None, None)
    columns = np.arange(2)
    row = fluxes(fit, functions, columns, 0.6827)[0]
    assert row["lower"] < row["value"] < row["upper"]
    assert row["unabsorbed"]["value"] == row["value"]
    assert row["luminosity"]["unit"] == "erg / s"
    quick = fluxes(fit, functions, columns, 0.6827, intervals=False)[0]
    assert quick["value"] == row["value"]
    assert quick["lower"] is quick["confidence"] is None
    record = fitted_parameters(fit)["powerlaw.PhoIndex"]
    assert set(record) == {"value", "lower", "upper", "confidence", "unit", "frozen"}
    linked = fitted("constant*powerlaw",
                    link=("constant.factor=powerlaw.PhoIndex/powerlaw.PhoIndex",))  # fmt: skip
    record = fitted_parameters(linked)["constant.factor"]
    assert record["link"] == "powerlaw.PhoIndex/powerlaw.PhoIndex"
    assert record["lower"] is None
