"""Responses written as OGIP ARF and RMF files (CAL/GEN/92-002 and 92-002a)."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.io import fits
from scipy.sparse import csr_array

from xsurvey.errors import OutputError
from xsurvey.io.atomic import atomic_output
from xsurvey.io.fits_writer import write_hdus
from xsurvey.io.ogip.headers import add_keywords
from xsurvey.io.ogip.types import AncillaryResponse, RedistributionMatrix

_REMEDY = "make the response again"


def write_arf(
    path: str | os.PathLike[str], arf: AncillaryResponse, header: Mapping[str, Any] | None = None
) -> None:
    """Write an effective area, whole or not at all; a file in its place is replaced.

    Parameters
    ----------
    path : path
    arf : AncillaryResponse
    header : mapping, optional
        Keywords that go before those of ``arf.header``: origin, stamps of approximations. A value
        may be a pair of value and comment.

    Raises
    ------
    OutputError
        The file cannot be written, or areas are negative or not finite.
    """
    area = arf.effective_area
    if not np.all((area >= 0) & np.isfinite(area)):
        raise OutputError(path, "would hold areas that are negative or not finite", _REMEDY)
    table = fits.BinTableHDU.from_columns([
        *_energy_columns(arf.energy_low, arf.energy_high),
        fits.Column("SPECRESP", "D", unit="cm**2", array=area),
    ], name="SPECRESP")  # fmt: skip
    keywords = _common(arf.header) | {"HDUCLAS2": "SPECRESP", "HDUVERS": "1.1.0"}
    if np.isfinite(arf.exposure):
        keywords["EXPOSURE"] = (arf.exposure, "[s] exposure")
    add_keywords(table.header, [keywords, header or {}, arf.header])
    with atomic_output(path) as temporary:
        write_hdus(temporary, [fits.PrimaryHDU(), table])


def write_rmf(
    path: str | os.PathLike[str],
    rmf: RedistributionMatrix,
    header: Mapping[str, Any] | None = None,
) -> None:
    """Write a redistribution matrix, whole or not at all; a file in its place is replaced.

    Each run of elements that are not 0 is a group, so that N_GRP may be more than 1, or 0. Elements
    are written in single precision, as is the custom, energies in double.

    Parameters
    ----------
    path : path
    rmf : RedistributionMatrix
    header : mapping, optional
        As for `write_arf`.

    Raises
    ------
    OutputError
        The file cannot be written, or elements are not finite.
    """
    matrix = csr_array(rmf.matrix, copy=True)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    if not np.all(np.isfinite(matrix.data)):
        raise OutputError(path, "would hold elements that are not finite", _REMEDY)
    first, kind = int(rmf.channels[0]), "FULL" if rmf.includes_area else "REDIST"
    groups = _Groups(matrix)
    name = "SPECRESP MATRIX" if rmf.includes_area else "MATRIX"
    elements = np.split(matrix.data.astype(np.float32), matrix.indptr[1:-1])
    table = fits.BinTableHDU.from_columns([
        *_energy_columns(rmf.energy_low, rmf.energy_high),
        fits.Column("N_GRP", "I", array=groups.number),
        fits.Column("F_CHAN", "PJ()", array=_vectors(groups.split(groups.start + first))),
        fits.Column("N_CHAN", "PJ()", array=_vectors(groups.split(groups.length))),
        fits.Column("MATRIX", "PE()", array=_vectors(elements)),
    ], name=name)  # fmt: skip
    channels = len(rmf.channels)
    common = _common(rmf.header) | {
        "CHANTYPE": str(rmf.header.get("CHANTYPE", "PI")), "DETCHANS": channels,
    }  # fmt: skip
    keywords = common | {
        "HDUCLAS2": "RSP_MATRIX", "HDUCLAS3": kind, "HDUVERS": "1.3.0",
        "TLMIN4": (first, "first channel of the response"), "TLMAX4": first + channels - 1,
        "NUMGRP": int(groups.number.sum()), "NUMELT": int(matrix.nnz),
        "LO_THRES": float(rmf.header.get("LO_THRES", 0.0)),
    }  # fmt: skip
    add_keywords(table.header, [keywords, header or {}, rmf.header])
    bounds = fits.BinTableHDU.from_columns([
        fits.Column("CHANNEL", "J", array=rmf.channels.astype(np.int32)),
        fits.Column("E_MIN", "D", unit="keV", array=rmf.channel_low),
        fits.Column("E_MAX", "D", unit="keV", array=rmf.channel_high),
    ], name="EBOUNDS")  # fmt: skip
    add_keywords(bounds.header, [
        common | {"HDUCLAS2": "EBOUNDS", "HDUVERS": "1.2.0", "TLMIN1": first,
                  "TLMAX1": first + channels - 1},
        header or {},
    ])  # fmt: skip
    with atomic_output(path) as temporary:
        write_hdus(temporary, [fits.PrimaryHDU(), _laid_out(table), bounds])


def _laid_out(table: fits.BinTableHDU) -> fits.BinTableHDU:
    """Return a table whose heap has its final order, which writing it gives.

    A checksum of vectors that are still separate arrays would not be that of the file.
    """
    buffer = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(buffer)
    return fits.open(io.BytesIO(buffer.getvalue()))[1]


class _Groups:
    """The runs of neighbouring columns in the rows of a matrix."""

    def __init__(self, matrix: csr_array) -> None:
        columns, pointers = matrix.indices.astype(np.int64), matrix.indptr
        begins = np.diff(columns, prepend=-2) != 1
        begins[pointers[:-1][pointers[:-1] < len(columns)]] = True
        at = np.flatnonzero(begins)
        self.start = columns[at]
        self.length = np.diff(np.append(at, len(columns)))
        self.pointers = np.searchsorted(at, pointers)
        self.number = np.diff(self.pointers).astype(np.int16)

    def split(self, values: np.ndarray) -> list[np.ndarray]:
        """Return a value of each run as one array a row."""
        return np.split(values.astype(np.int32), self.pointers[1:-1])


def _vectors(rows: list[np.ndarray]) -> np.ndarray:
    """Return arrays that may all be of one length as an array of objects."""
    vectors = np.empty(len(rows), dtype=object)
    vectors[:] = rows
    return vectors


def _energy_columns(low: np.ndarray, high: np.ndarray) -> list[fits.Column]:
    return [
        fits.Column("ENERG_LO", "D", unit="keV", array=low),
        fits.Column("ENERG_HI", "D", unit="keV", array=high),
    ]


def _common(header: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "HDUCLASS": "OGIP", "HDUCLAS1": "RESPONSE",
        "TELESCOP": str(header.get("TELESCOP", "unknown")),
        "INSTRUME": str(header.get("INSTRUME", "unknown")),
        "FILTER": str(header.get("FILTER", "none")),
    }  # fmt: skip
