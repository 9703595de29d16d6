"""Fits of the toy model from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from astropy import units as u
from astropy.table import Table

from tests.sed.toy_model import drawn
from xsurvey.sed.tables.energy_distribution import SpectralEnergyDistribution

Call = Callable[..., tuple[int, str, str]]
SHORT = ("--max-steps", "200", "--min-steps", "200", "--check-every", "100", "--min-ess", "10")


def write(path: Path, sed: SpectralEnergyDistribution, **meta: object) -> Path:
    flux = u.erg / (u.cm**2 * u.s)
    table = Table(meta=meta)
    table["nu"], table["nufnu"] = sed.frequency * u.Hz, sed.flux * flux
    table["nufnu_err"] = sed.error_low * flux
    table["is_ul"], table["instrument"] = sed.is_limit, list(sed.instruments)
    table.write(path, format="ascii.ecsv", overwrite=True)
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Forty points of the toy model, and two limits."""
    return write(tmp_path / "toy.ecsv", drawn(limits=2), redshift=0.1, source="Toy")


@pytest.fixture
def fit(
    call: Call, table: Path, tmp_path: Path, toy: None
) -> Callable[..., tuple[dict[str, Any], str, str]]:
    """Fits the double that the module's fixture ``toy`` puts in the place of all models."""

    def run(*arguments: object) -> tuple[dict[str, Any], str, str]:
        out = tmp_path / "out.json"
        status, text, errors = call("sed", "fit", table, "--json", out, *arguments)
        assert status == 0, errors
        assert "NaN" not in out.read_text()
        return json.loads(out.read_text()), text, errors

    return run
