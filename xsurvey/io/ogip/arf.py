"""Effective areas: OGIP ARF files (CAL/GEN/92-002)."""

from __future__ import annotations

import os

import numpy as np

from xsurvey.errors import InputError
from xsurvey.io.fits_file import open_fits
from xsurvey.io.ogip.columns import Columns
from xsurvey.io.ogip.energies import read_energy_bins
from xsurvey.io.ogip.types import AncillaryResponse

_CM2 = {"cm2": 1.0, "m2": 1e4, "mm2": 1e-2}


def read_arf(path: str | os.PathLike[str]) -> AncillaryResponse:
    """Read an effective area.

    Returns
    -------
    AncillaryResponse
        What is odd about the file is in its ``warnings``.

    Raises
    ------
    InputError
        Not a FITS file, damaged, no table or several with SPECRESP, energies as
        `xsurvey.io.ogip.energies.read_energy_bins`, or areas that are negative or not finite.
    """
    file = open_fits(path)
    tables = [t for t in file.tables if "specresp" in t.names and "energ_lo" in t.names]
    if not tables:
        raise InputError(
            file.path, "holds no effective area (a table with ENERG_LO, ENERG_HI and SPECRESP)",
            "give an ARF",
        )  # fmt: skip
    if len(tables) > 1:
        raise InputError(
            file.path, f"holds {len(tables)} effective areas", "give a file with one of them"
        )
    columns = Columns(tables[0], "its effective area")
    bins = read_energy_bins(columns)
    area = columns.scalars("SPECRESP").astype(np.float64)
    area = area[bins.rows] * columns.unit_factor("SPECRESP", _CM2, "cm2")
    if not np.all(np.isfinite(area)):
        raise columns.error("has areas that are not finite", "make the ARF again")
    if np.any(area < 0):
        raise columns.error("has negative areas", "make the ARF again")
    if not np.any(area > 0):
        columns.warnings.append("the effective area is 0 at all energies")
    exposure = columns.number("EXPOSURE")
    return AncillaryResponse(
        path=file.path, energy_low=bins.low, energy_high=bins.high, effective_area=area,
        exposure=float("nan") if exposure is None else exposure,
        header=columns.other_keywords(frozenset({"EXPOSURE", "EXTNAME"})),
        warnings=tuple(columns.warnings),
    )  # fmt: skip
