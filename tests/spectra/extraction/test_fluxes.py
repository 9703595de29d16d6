"""Counts over area and exposure are the flux that was simulated."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chi2

from xsurvey.apertures.aperture import ApertureParameters, circular_aperture
from xsurvey.missions import open_events
from xsurvey.missions.ixpe_responses import package_folder, response_files
from xsurvey.simulate.observation import SimulatedObservation
from xsurvey.simulate.parameters import SimulationParameters
from xsurvey.simulate.units import simulate_units, unit_paths
from xsurvey.spectra.extraction import ExtractedSpectra, ExtractionParameters, extract_spectrum
from xsurvey.units import SkyPosition

from .tools import flat_responses

pytestmark = pytest.mark.slow

POINT = ExtractionParameters(source_type="point")


def power_law(norm: float, index: float, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return photons in energy bins of a power law between 2 and 8, or .5 and 7 keV."""
    power = 1 - index
    return norm * (high**power - low**power) / power


def deviance(spectra: ExtractedSpectra, expected: np.ndarray, groups: int) -> tuple[float, int]:
    """Return chi2 of net counts against expected ones, in groups of as many counts."""
    source, background = spectra.source, spectra.background
    assert background is not None
    scale = source.exposure * source.backscal / (background.exposure * background.backscal)
    edges = np.searchsorted(
        np.cumsum(expected) / expected.sum(), np.linspace(0, 1, groups + 1)[1:-1]
    )
    total = 0.0
    for piece in np.split(np.arange(len(expected)), edges):
        net = source.counts[piece].sum() - (scale * background.counts)[piece].sum()
        variance = expected[piece].sum() + ((scale + scale**2) * background.counts)[piece].sum()
        total += (net - expected[piece].sum()) ** 2 / variance
    return total, groups


def test_a_point_source(pointing: tuple[SimulatedObservation, Path]) -> None:
    """The simulator makes 6000 counts in 0.5-7 keV, vignetting and area not taken off."""
    observation, path = pointing
    events = open_events(path)
    position = SkyPosition(149.93, 2.28)
    # a circle that holds 90 % of the light
    aperture = circular_aperture(events, ApertureParameters(position="149.93,2.28"))
    assert aperture.source is not None
    found = extract_spectrum(
        events, aperture.source, aperture.background, POINT, position=position,
        responses=flat_responses("vignetting"),
    )  # fmt: skip
    assert found.arf is not None
    assert found.rmf is not None
    assert found.stamps["PSFFRAC"][0] == pytest.approx(0.9, abs=0.005)
    norm = 6000 / (100 * found.source.exposure)  # photons / cm2 / s of the band
    low, high = (np.clip(e, 0.5, 7) for e in (found.rmf.channel_low, found.rmf.channel_high))
    index = observation.parameters.photon_index
    shape = power_law(1.0, index, low, high)
    # no redistribution is simulated: channels are energies
    area = np.interp((low + high) / 2, found.arf.energy_low, found.arf.effective_area)
    expected = norm * shape / shape.sum() * area * found.source.exposure
    total, groups = deviance(found, expected, 20)
    assert total < chi2.isf(1e-3, groups)
    # and a tenth more light would be noticed
    more, _ = deviance(found, expected * 1.1, 20)
    assert more > chi2.isf(1e-3, groups)


def test_through_area_and_matrix(tmp_path: Path) -> None:
    """ixpeobssim puts the photons of a known flux through areas and matrices of three units."""
    if importlib.util.find_spec("ixpeobssim") is None:
        pytest.skip("ixpeobssim, which simulates IXPE, is not installed")
    parameters = SimulationParameters(
        mission="ixpe", exposure="10ks", pointing="150.0,2.2", energy="2-8", background_rate=0.01,
        source=("150.0,2.2,20000",), photon_index=2.0,
    )  # fmt: skip
    simulate_units(tmp_path / "x.fits", parameters, seed=2)
    events = open_events(unit_paths(tmp_path / "x.fits", parameters))
    aperture = circular_aperture(
        events, ApertureParameters(
            position="150.0,2.2", radius="200arcsec", background_inner="210arcsec",
            background_outer="300arcsec",
        ),
    )  # fmt: skip
    assert aperture.source is not None
    found = extract_spectrum(
        events, aperture.source, aperture.background, POINT, position=SkyPosition(150.0, 2.2)
    )
    assert found.arf is not None
    assert found.rmf is not None
    assert "ARFAPPR" not in found.stamps
    # the norm that makes 20000 counts on the axis
    from astropy.io import fits

    total = 0.0
    for path in response_files([1, 2, 3], "2024-02-01").arf:
        table = fits.getdata(path, "SPECRESP")
        energy = np.linspace(2, 8, 2001)
        area = np.interp(energy, (table["ENERG_LO"] + table["ENERG_HI"]) / 2, table["SPECRESP"])
        total += float(np.trapezoid(area * energy**-2.0, energy))
    norm = 20_000 / (total * 10_000)
    low, high = (np.clip(e, 2, 8) for e in (found.arf.energy_low, found.arf.energy_high))
    flux = power_law(norm, 2.0, low, high)
    expected = (flux * found.arf.effective_area * found.source.exposure) @ found.rmf.matrix
    value, groups = deviance(found, expected, 15)
    assert value < chi2.isf(1e-3, groups)
    assert found.source.counts.sum() == pytest.approx(expected.sum(), rel=0.03)


def test_responses_follow_the_date() -> None:
    if importlib.util.find_spec("ixpeobssim") is None:
        pytest.skip("ixpeobssim is not installed")
    assert package_folder("").name == "ixpeobssim"
    for date, valid in (
        ("2020-01-01", "20211209"), ("2023-01-01T00:00:00", "20230101"), ("2023-07-01", "20230101"),
    ):  # fmt: skip
        found = response_files([2, 1], date)
        assert [p.name for p in found.arf] == [f"ixpe_d{n}_obssim{valid}_v013.arf" for n in (1, 2)]
        assert all(p.is_file() for p in (*found.arf, found.rmf))
    named = response_files([1], "2022-04-21", "ixpe:obssim20240101:v13")
    assert named.arf[0].name == "ixpe_d1_obssim20240101_v013.arf"
