"""Conversion factors from published responses against the published factor."""

from pathlib import Path

import pytest

from xsurvey.detection.fluxes import flux_factors
from xsurvey.io.ogip.arf import read_arf
from xsurvey.io.ogip.rmf import read_rmf
from xsurvey.spectra.extraction.responses import SpectralResponses, on_energies
from xsurvey.units import EnergyBand


def test_the_factor_of_erositas_catalogs(shared_data: Path) -> None:
    pytest.importorskip("xspectrampoline")
    folder = shared_data / "erosita" / "responses"
    files = [folder / f"onaxis_tm0_{kind}_2023-01-17.fits.gz" for kind in ("arf_filter", "rmf")]
    if not all(file.is_file() for file in files):
        pytest.skip("the responses on the axis are not there")
    arf, rmf = read_arf(files[0]), read_rmf(files[1])
    responses = SpectralResponses(on_energies(arf, rmf.energy_low, rmf.energy_high), rmf)
    found = flux_factors(responses, [EnergyBand(0.2, 2.3)], 2.0, 3e20)
    # Brunner et al. 2022, A&A 661, A1: 1.074e12 cm2/erg
    assert 1 / found[0] == pytest.approx(1.074e12, rel=5e-3)
