"""Conversion factors against integrals, and what happens without responses."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

from xsurvey.detection.fluxes import (
    factors_of_field,
    field_factors,
    flux_factors,
    no_factors,
)
from xsurvey.detection.measure import measure_sources
from xsurvey.detection.parameters import DetectionParameters, PhotometryParameters
from xsurvey.errors import ParameterError
from xsurvey.events import EventList
from xsurvey.imaging.field import field_from_events
from xsurvey.imaging.parameters import ImageParameters
from xsurvey.io.ogip.types import AncillaryResponse, RedistributionMatrix
from xsurvey.missions import get_mission, open_events
from xsurvey.spectra.extraction.gaussian_response import gaussian_matrix
from xsurvey.spectra.extraction.responses import GivenResponses, SpectralResponses
from xsurvey.units import EnergyBand

from .measured import drawn, found_at, photon_field, stack_of

KEV = 1.602176634e-9
EDGES = np.linspace(0.1, 12.0, 2381)
AREA = 400.0


def responses(area: np.ndarray | float = AREA, fwhm: float = 0.0) -> SpectralResponses:
    """Return a matrix that leaves energies as they are, or blurs them, and an area."""
    low, high = EDGES[:-1], EDGES[1:]
    n = len(low)
    matrix = RedistributionMatrix(
        Path("rmf"), low, high, csr_array(np.eye(n)), np.arange(1, n + 1), low, high
    )
    if fwhm:
        from xsurvey.missions.responses import ChannelGrid

        channels = ChannelGrid(np.arange(1, n + 1), low, high)
        matrix = gaussian_matrix(low, high, channels, np.full(n, fwhm))
    arf = AncillaryResponse(Path("arf"), low, high, np.full(n, 1.0) * area)
    return SpectralResponses(arf, matrix)


def test_without_absorption_it_is_the_integral_of_a_power_law() -> None:
    for index in (1.4, 2.0):
        for low, high in ((0.5, 2.0), (2.0, 7.0)):
            found = flux_factors(responses(), [EnergyBand(low, high)], index, 0.0)
            photons = (low ** (1 - index) - high ** (1 - index)) / (index - 1)
            energy = (
                np.log(high / low) if index == 2
                else (high ** (2 - index) - low ** (2 - index)) / (2 - index)
            )  # fmt: skip
            assert found[0] == pytest.approx(KEV * energy / photons / AREA, rel=2e-3)


def test_absorption_hardens_what_is_counted() -> None:
    pytest.importorskip("xspectrampoline")
    band = [EnergyBand(0.5, 2.0)]
    clear, absorbed = (flux_factors(responses(), band, 2.0, n)[0] for n in (0.0, 1e22))
    assert absorbed > 1.15 * clear  # keV for a photon: the soft ones are gone
    little = flux_factors(responses(), band, 2.0, 1e15)[0]
    assert little == pytest.approx(clear, rel=1e-3)


def test_photons_redistributed_over_the_limits_count() -> None:
    # all area below the band: only the tail of the lines is counted, the flux is the band's
    area = np.where(EDGES[:-1] < 2.0, AREA, 0.0)
    band = [EnergyBand(2.0, 7.0)]
    assert np.isnan(flux_factors(responses(area), band, 2.0, 0.0)[0])
    assert flux_factors(responses(area, fwhm=0.3), band, 2.0, 0.0)[0] > KEV / AREA


def test_a_matrix_alone_has_no_area() -> None:
    with pytest.raises(ParameterError, match="arf"):
        flux_factors(replace(responses(), arf=None), [EnergyBand(0.5, 2)], 2.0, 0.0)


def test_given_responses_are_used(events: EventList) -> None:
    mission = get_mission("chandra")
    field = field_from_events(events, [mission.bands["s"]], ImageParameters())
    low = np.arange(0.2, 10, 0.01)
    arf = AncillaryResponse(Path("a.arf"), low, low + 0.01, np.full(len(low), 250.0))
    parameters = PhotometryParameters(flux_index=1.7, flux_column_density=0.0)
    found = factors_of_field(field, parameters, GivenResponses(arf=arf))
    assert 1e-12 < found.factors["s"] < 1e-10
    assert found.approximate  # the matrix is one of Gaussians
    by_name = field_factors(parameters, {field.obs_id: GivenResponses(arf=arf)})(field)
    assert by_name == found
    double = replace(arf, effective_area=2 * arf.effective_area)
    half = factors_of_field(field, parameters, GivenResponses(arf=double))
    assert half.factors["s"] == pytest.approx(found.factors["s"] / 2)
    of_place = GivenResponses(arf=arf, includes=frozenset({"vignetting"}))
    here = factors_of_field(field, parameters, of_place)
    assert any("vignetting" in note for note in here.notes)


def test_a_published_factor(survey_pointing: Path) -> None:
    pytest.importorskip("xspectrampoline")
    events = open_events(survey_pointing)
    band = get_mission("erosita").bands["4"]
    field = field_from_events(events, [band], ImageParameters())
    found = factors_of_field(field, PhotometryParameters(), GivenResponses())
    # Brunner et al. 2022, A&A 661, A1: 1.074e12 cm2/erg in 0.2-2.3 keV
    assert 1 / found.factors["4"] == pytest.approx(1.074e12, rel=0.03)
    assert found.approximate


def test_without_an_area_fluxes_are_missing_and_said_so(events: EventList) -> None:
    mission = get_mission("chandra")
    field = field_from_events(events, [mission.bands["s"]], ImageParameters())
    found = factors_of_field(field, PhotometryParameters(), GivenResponses(without_arf=True))
    assert np.isnan(found.factors["s"])
    assert "left empty" in found.notes[0]
    assert np.isnan(no_factors(["s"]).factors["s"])


def test_fluxes_are_rates_times_factors() -> None:
    generator = np.random.default_rng(1)
    at = [(100.0, 100.0)]
    photons = drawn(generator, at, [100.0], 0.01, 2.0)
    stack = stack_of(photon_field({"s": photons}, np.full((200, 200), 1000.0)))
    detection = DetectionParameters(psf="gaussian:2arcsec")
    parameters = PhotometryParameters(measure_band=(get_mission("chandra").bands["s"],))
    given = lambda one: replace(no_factors(["s"]), factors={"s": 2e-11})  # noqa: E731
    row = measure_sources(found_at(stack, at), stack, detection, parameters, given).rows[0]
    for end in ("", "_lo", "_hi", "_upper"):
        assert row[f"flux_s{end}"] == pytest.approx(2e-11 * row[f"rate_s{end}"])
    plain = measure_sources(found_at(stack, at), stack, detection, parameters,
                            field_factors(parameters))  # fmt: skip
    assert np.isnan(plain.rows[0]["flux_s"])
    assert any("left empty" in note for note in plain.notes)
