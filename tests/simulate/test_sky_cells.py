"""Sources that neighbouring fields share, and what those that are drawn have together."""

from dataclasses import replace

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import kstest

from xsurvey.missions import get_mission
from xsurvey.simulate.log_n_log_s import LogNLogS, parse_log_n_log_s
from xsurvey.simulate.parameters import SimulationParameters
from xsurvey.simulate.population import sources_to_simulate
from xsurvey.simulate.result import sky_pixels
from xsurvey.simulate.sky_cells import sources_about
from xsurvey.simulate.sources import Sources
from xsurvey.units import EnergyBand, SkyPosition

LAW = LogNLogS(1e-13, 30.0, 1e-13, 0.6, 1.8)


def drawn(seed: int = 1, **settings: object) -> Sources:
    parameters = SimulationParameters(mission="erosita", **settings)
    mission = get_mission("erosita")
    wcs = sky_pixels(parameters.pointing, mission)
    return sources_to_simulate(parameters, mission, wcs, np.random.default_rng(seed))


@pytest.mark.parametrize("pointing", [(0.2, 10.0), (120.0, -89.5), (300.0, 90.0), (40.0, 65.0)])
def test_all_sources_about_a_place(pointing: tuple[float, float]) -> None:
    radius = 2.0
    number, fluxes, cosines = [], [], []
    centre = SkyCoord(*pointing, unit="deg")
    for seed in range(12):
        ra, dec, flux = sources_about(LAW, SkyPosition(*pointing), radius, seed)
        away = centre.separation(SkyCoord(ra, dec, unit="deg")).deg
        number.append(np.count_nonzero(away < radius))
        fluxes.append(flux)
        cosines.append(np.cos(np.radians(away[away < radius])))
    area = 2 * np.pi * (1 - np.cos(np.radians(radius))) * np.degrees(1) ** 2
    expected = LAW.number() * area * len(number)
    assert abs(sum(number) - expected) < 4 * np.sqrt(expected)
    # as many in equal areas
    least = np.cos(np.radians(radius))
    assert kstest((np.concatenate(cosines) - least) / (1 - least), "uniform").pvalue > 1e-4
    flux = np.concatenate(fluxes)
    assert kstest(LAW.above(flux) / LAW.number(), "uniform").pvalue > 1e-4


@pytest.mark.parametrize("how", [{}, {"scans": 4, "field_size": "90arcmin"}])
def test_neighbouring_fields_have_the_same_sources(how: dict) -> None:
    law = {"log_n_log_s": "1e-14,80,1e-14,0.6,1.8", "sky_seed": 5, **how}
    first = drawn(1, pointing="150.0,2.2", **law)
    second = drawn(2, pointing="150.4,2.4", roll=30.0 if not how else 0.0, **law)
    places = [{(r, d, a) for r, d, a in zip(s.ra, s.dec, s.amount, strict=True)}
              for s in (first, second)]  # fmt: skip
    shared = places[0] & places[1]
    assert len(shared) > 0.2 * len(places[0]) > 10
    # what only one has is beyond the other's field
    centre = SkyCoord(150.4, 2.4, unit="deg")
    only = np.array(sorted(places[0] - places[1]))
    away = centre.separation(SkyCoord(only[:, 0], only[:, 1], unit="deg")).arcmin
    assert away.min() > (31.6 if not how else 45.9)
    assert drawn(1, pointing="150.0,2.2", **law | {"sky_seed": 6}).amount[0] != first.amount[0]


def test_sources_above_the_brightest_are_left_out() -> None:
    law = replace(LAW, brightest=3e-13)
    flux = law.draw(5000, np.random.default_rng(1))
    assert flux.min() >= LAW.limit * (1 - 1e-9)
    assert flux.max() <= 3e-13 * (1 + 1e-9)
    above = (law.above(flux) - law.above(3e-13)) / law.number()
    assert kstest(above, "uniform").pvalue > 1e-4
    found = drawn(log_n_log_s="1e-13,300,1e-13,0.6,1.8", brightest=2e-13, sky_seed=1).amount
    assert 1e-13 * (1 - 1e-9) <= found.min() < found.max() <= 2e-13 * (1 + 1e-9)


@given(st.floats(0.1, 0.9), st.floats(1.2, 3.0), st.floats(1e-16, 1e-13))
def test_brightness_of_sources(faint: float, bright: float, low: float) -> None:
    law = LogNLogS(1e-16, 50.0, 1e-14, faint, bright)
    high = 100 * low

    def above(log_flux: float) -> float:
        return float(law.above(np.exp(log_flux))) * np.exp(log_flux)

    expected = low * float(law.above(low)) - high * float(law.above(high))
    expected += quad(above, np.log(low), np.log(high), epsrel=1e-9)[0]
    assert law.brightness(low, high) == pytest.approx(expected, rel=1e-4)
    assert law.brightness(low) >= law.brightness(low, high)


def test_half_of_the_background_is_in_sources() -> None:
    # 7.53e-12 erg / s / cm2 / deg2 at 0.5-2 keV, 94 % of which is resolved (Moretti et al. 2003)
    law = parse_log_n_log_s("2.4e-17", EnergyBand(0.5, 2.0))
    assert law.brightness(2.4e-17) / 7.53e-12 == pytest.approx(0.943, abs=0.07)
