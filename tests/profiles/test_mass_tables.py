"""Masses as JSON, thermodynamic profiles as FITS."""

import json
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table

from xsurvey.errors import OutputError
from xsurvey.galaxy_clusters.cosmology import Cosmology
from xsurvey.inference.chains import Chains
from xsurvey.profiles.mass import MassFit, Measured
from xsurvey.profiles.mass_tables import mass_record, write_thermodynamics
from xsurvey.profiles.thermodynamics import thermodynamic_profile

RADIUS = np.geomspace(20, 800, 6)
PROFILE = thermodynamic_profile(
    RADIUS, np.geomspace(1e-2, 1e-4, 6) * np.linspace(0.9, 1.1, 20)[:, None], np.full((20, 6), 3.0)
)


def test_tables_have_units_and_a_cosmology(tmp_path: Path) -> None:
    path = tmp_path / "gas.fits"
    write_thermodynamics(path, PROFILE, 0.05, Cosmology(h0=70), {"OBJECT": "Abell é"})
    table = Table.read(path, hdu="THERMODYNAMICS")
    np.testing.assert_allclose(table["radius_kpc"], RADIUS)
    np.testing.assert_allclose(table["radius"] * Cosmology().kpc_per_arcmin(0.05), RADIUS)
    assert str(table["radius"].unit) == "arcmin"
    assert table["entropy"].unit == u.Unit("keV cm2")
    np.testing.assert_allclose(table["density_lower"], PROFILE.quantities["density"].lower)
    assert np.all(table["gas_mass_lower"] < table["gas_mass"])
    assert (table.meta["H0"], table.meta["OMEGA_M"]) == (70.0, 0.3)
    assert table.meta["OBJECT"] == "Abell _"


def test_outputs_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        write_thermodynamics(tmp_path / "none" / "a.fits", PROFILE, 0.05, Cosmology())


def test_records_have_no_nan() -> None:
    chains = Chains(("a",), np.zeros((1, 1, 1, 1)), np.zeros((1, 1, 1)), np.zeros((1, 1)), 0, 1, 0)
    empty = np.empty((0, 3))
    fit = MassFit(
        {"m500": Measured(2e14, 1e14, 3e14, "solMass")}, 0.683, 0.1, 0, float("nan"), RADIUS,
        empty, empty, empty, empty, chains, ("far",),
    )  # fmt: skip
    record = mass_record(fit, 0.05, Cosmology(), {"gas_fraction": Measured(0.1, 0.09, 0.11, "")})
    again = json.loads(json.dumps(record, allow_nan=False))
    assert again["quantities"]["m500"] == {
        "value": 2e14, "lower": 1e14, "upper": 3e14, "confidence": 0.683, "unit": "solMass",
    }  # fmt: skip
    assert again["statistic"]["p_value"] is None
    assert again["cosmology"] == {"h0": 70.0, "omega_m": 0.3}
    assert again["quantities"]["gas_fraction"]["upper"] == 0.11
