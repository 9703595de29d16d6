"""Published catalogs, where they are at hand."""

import os
from pathlib import Path

import numpy as np
import pytest

from xsurvey.catalogs import crossmatch, open_catalog

SHARED = Path(os.environ.get("XSURVEY_SHARED", Path(__file__).parents[3] / "shared"))
FOLDER = SHARED / "data" / "catalogs"
pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"no published catalogs in {FOLDER} (set XSURVEY_SHARED)"
)


def test_efeds() -> None:
    catalog = open_catalog(FOLDER / "cbdc_eRoSITAagn_eFEDS.fits")
    assert len(catalog) == 22079
    assert catalog.position == ("RA_CORR", "DEC_CORR")
    near = catalog.query("130,1,6arcmin", where="FluxCorr_Med_s > 1e-14")
    assert near["ID_SRC"].tolist() == [2527, 12017, 124, 10051]
    assert near["FluxCorr_Med_s"].unit == "erg / (s cm2)"
    assert "0.5-2 keV" in near["FluxCorr_Med_s"].description


def test_galactic_centre() -> None:
    catalog = open_catalog(FOLDER / "sgra_csc_catalogue_2435.fits")
    assert catalog.position == ("RA", "DEC")
    near = catalog.query("266.4168,-29.0078,5arcsec")
    # its own separations are from a slightly different centre, in arcsec to two digits
    np.testing.assert_allclose(near["separation"], near["separation_1"], atol=0.1)
    assert catalog.query()["flux_aper_w"].mask.all()


def test_csv_of_vizier_and_its_match(tmp_path: Path) -> None:
    catalog = open_catalog(FOLDER / "muwclass_TD_CSC_1.csv")
    assert catalog.position == ("RAICRS", "DEICRS")
    assert len(catalog.query(where="\"S/N\" > 100 AND Class = 'AGN'")) > 0
    centre = open_catalog(FOLDER / "sgra_csc_catalogue_2435.fits")
    pairs = crossmatch(centre, catalog, "1arcsec")
    assert [f"2CXO {name}" for name in pairs["2CXO"]] == pairs["name"].tolist()


@pytest.mark.parametrize("suffix", [".fits", ".parquet", ".hats", ".ecsv", ".csv"])
def test_export(tmp_path: Path, suffix: str) -> None:
    catalog = open_catalog(FOLDER / "sgra_csc_catalogue_2435.fits")
    catalog.export(tmp_path / f"out{suffix}")
    back = open_catalog(tmp_path / f"out{suffix}").query(order_by="RA")
    expected = catalog.query(order_by="RA")
    for name in ("name", "RA", "flux_aper_b"):
        np.testing.assert_array_equal(back[name], expected[name])
