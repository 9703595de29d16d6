"""A small field: images of 60 pixels, five sources in the columns of the schema."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from xsurvey.catalogs import build_table
from xsurvey.report import ReportData, TargetReport

RA, DEC = 150.0, -2.0
BANDS = {"b": "0.5-7 keV", "h": "2-7 keV"}


def small_wcs(ctype: tuple[str, str] = ("RA---TAN", "DEC--TAN"), frame: str = "ICRS") -> WCS:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = list(ctype)
    wcs.wcs.crval = [RA, DEC]
    wcs.wcs.crpix = [30.5, 30.5]
    wcs.wcs.cdelt = [-2 / 3600, 2 / 3600]
    if frame:
        wcs.wcs.radesys = frame
    return wcs


def write_image(path: Path, data: np.ndarray, unit: str, wcs: WCS | None = None, **cards) -> Path:
    header = (wcs or small_wcs()).to_header()
    header["BUNIT"] = unit
    header.update(cards)
    fits.PrimaryHDU(data.astype(np.float32), header).writeto(path)
    return path


def source_row(number: int, **changes) -> dict:
    row = {
        "name": f"XSV J{number}", "source_id": f"11_{number:04d}", "obs_id": "11",
        "n_observations": 1, "n_detections": 1,
        "mission": "somewhere", "instrument": "CCD", "target": "field",
        "ra": RA + number * 8 / 3600, "dec": DEC - number * 8 / 3600, "position_error": 0.4,
        "off_axis_angle": 0.1 * number, "detection_likelihood": 100.0 / number,
        "significance": 5.0, "detection_band": "b", "detection_scale": 2.0,
        "classification": "TRUE", "psf_radius": 4.0, "psf_fraction": 0.9,
        "pileup_fraction": 0.01, "flag": 0,
    }  # fmt: skip
    for band in BANDS:
        row |= {
            f"counts_{band}": 50, f"background_{band}": 3.0, f"net_counts_{band}": 47.0 / number,
            f"net_counts_{band}_lo": 40.0 / number, f"net_counts_{band}_hi": 55.0 / number,
            f"rate_{band}": 1e-3, f"rate_{band}_lo": 9e-4, f"rate_{band}_hi": 1.2e-3,
            f"rate_{band}_upper": 2e-3, f"exposure_{band}": 1e4, f"significance_{band}": 6.0,
        }  # fmt: skip
    row |= {"hardness_hb": 0.1 * number, "hardness_hb_lo": 0.0, "hardness_hb_hi": 0.5}
    return row | changes


def make_sources(*rows: dict) -> Table:
    return build_table(rows, "sources", BANDS, {"hb": "h over b"})


@pytest.fixture
def sources() -> Table:
    """Five sources, the last one MARGINAL and flagged."""
    return five_sources()


def five_sources() -> Table:
    rows = [source_row(n, flag=1) for n in range(1, 5)]
    return make_sources(*rows, source_row(5, classification="MARGINAL", flag=1 | 8))


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> TargetReport:
    """The field, its exposure map stamped as an approximation."""
    folder = tmp_path_factory.mktemp("field")
    counts = np.random.default_rng(3).poisson(0.2, (60, 60))
    counts[30, 30] += 40
    cards = {"BAND_LO": 0.5, "BAND_HI": 7.0, "EXPOSURE": 12_345.0}
    return TargetReport(
        "11", "A field", [("mission", "somewhere CCD")], ["the clock was slow"],
        write_image(folder / "counts.fits", counts, "count", **cards),
        write_image(folder / "exposure.fits", np.full((60, 60), 1e4), "s", EXPMAP="APPROX"),
        write_image(folder / "background.fits", np.full((60, 60), 0.2), "count / pixel"),
        five_sources(),
    )  # fmt: skip


@pytest.fixture(scope="session")
def run(target: TargetReport) -> ReportData:
    """A run with one good target and one failure."""
    return ReportData(
        "a run", "sources", [target], target.sources, "schema: 1\npipeline: sources\n",
        {"numpy": "2.4"},
        [{"stage": "image", "target": "11", "status": "done", "seconds": 3.0},
         {"stage": "detect", "target": "11", "status": "cached", "seconds": 1.0}],
        [{"target": "12", "stage": "image", "cause": "12.fits: is empty; copy it", "log": "a.log"}],
        [("FITS table", "catalog/sources.fits")], {"seed": 7},
    )  # fmt: skip


@pytest.fixture(scope="session")
def without_pictures(run: ReportData) -> ReportData:
    """The run with images that are missing, which is quicker to render."""
    return replace(run, targets=[replace(run.targets[0], counts=Path("gone.fits"))])
