"""Rows of ObsCore: every file of a run, with what it shows, where and when."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from astropy.table import Table

from xsurvey import __version__
from xsurvey.catalogs import build_table
from xsurvey.catalogs.fits_rows import ROWS_AT_ONCE, fits_values, writing_fits
from xsurvey.errors import plain_ascii
from xsurvey.pipelines.products.entries import (
    EVENTS,
    FLUX,
    IMAGE,
    LIGHT_CURVE,
    PSF,
    SPECTRUM,
    ProductEntry,
)

_TYPES = {
    EVENTS: "event", IMAGE: "image", PSF: "image", FLUX: "measurements",
    LIGHT_CURVE: "timeseries", SPECTRUM: "spectrum",
    "background spectrum": "spectrum", "spectral flux posterior": "measurements",
    "brightness profile": "measurements",
}  # fmt: skip
_LEVELS = {EVENTS: 2, IMAGE: 2, SPECTRUM: 2, FLUX: 4}
"""Of others 3: made of what is of level 2."""
_UCDS = {
    EVENTS: "phot.count", IMAGE: "phot.count", PSF: "instr.det.psf", FLUX: "phot.flux",
    LIGHT_CURVE: "phot.count", SPECTRUM: "phot.count",
}  # fmt: skip
_FORMATS = {".fits": "application/fits", ".reg": "text/plain", ".json": "application/json",
            ".png": "image/png", ".h5": "application/x-hdf5"}  # fmt: skip
_SAME = (
    "obs_id", "s_fov", "s_region", "s_resolution", "s_xel1", "s_xel2", "t_min", "t_max",
    "t_exptime", "em_min", "em_max", "band",
)  # fmt: skip


@dataclass(frozen=True)
class SourceOfFiles:
    """The catalog's source that a detection is of: key, designation, place (ICRS degrees)."""

    source_id: str
    name: str
    ra: float
    dec: float


def obscore_row(
    entry: Mapping[str, Any], path: str, source: SourceOfFiles, collection: str, stack: str
) -> dict[str, Any]:
    """Return the row of one file.

    Parameters
    ----------
    entry : mapping
        As `ProductEntry.as_json` gives it; without a number it is of a map.
    path : str
        Of the file, relative to the output folder.
    source : SourceOfFiles
        Of a map: an empty key, the stack's name, the centre.
    collection : str
        Acronym of the catalog.
    stack : str
        Stands for the observation where the file is of several.
    """
    fields = {**ProductEntry(0, "", "").__dict__, **entry}
    kind = fields["kind"]
    suffix = Path(path).suffix.lower()
    return {
        **{name: fields[name] for name in _SAME},
        "dataproduct_type": _TYPES.get(kind, "image" if not fields["number"] else ""),
        "dataproduct_subtype": kind, "calib_level": _LEVELS.get(kind, 3),
        "target_name": source.name, "source_id": source.source_id,
        "obs_id": plain_ascii(fields["observation"] or stack), "obs_collection": collection,
        "obs_publisher_did": f"{collection}?{quote(path)}", "access_url": f"../{quote(path)}",
        "access_format": _FORMATS.get(suffix, "application/fits"),
        "access_estsize": math.ceil(fields["size"] / 1000), "s_ra": source.ra, "s_dec": source.dec,
        "t_xel": -1, "em_xel": -1, "pol_xel": -1, "o_ucd": _UCDS.get(kind, ""),
        "facility_name": plain_ascii(fields["facility"]),
        "instrument_name": plain_ascii(fields["instrument"]),
    }  # fmt: skip


def write_product_list(path: Path, rows: Callable[[], Iterator[Mapping[str, Any]]]) -> None:
    """Write a list of files as a FITS table.

    Parameters
    ----------
    path : path
    rows : callable
        Gives the rows, the same ones each time: once for the lengths of their texts, once to be
        written, some at a time.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    empty = build_table([], "obscore", {})
    widths: dict[str, int] = {}
    number = 0
    for table in _tables(rows()):
        texts = {
            n: table[n].dtype.itemsize // 4 for n in table.colnames if table[n].dtype.kind == "U"
        }
        widths = {n: max(w, widths.get(n, 1)) for n, w in texts.items()}
        number += len(table)
    header = {"CREATOR": f"xsurvey {__version__}"}
    with writing_fits(path, empty, widths, number, header) as writer:
        for table in _tables(rows()):
            records = np.empty(len(table), writer.dtype)
            for name in table.colnames:
                records[name] = fits_values(np.asarray(table[name]), writer.dtype[name])
            writer.append(records)


def _tables(rows: Iterator[Mapping[str, Any]]) -> Iterator[Table]:
    while part := list(islice(rows, ROWS_AT_ONCE)):
        yield build_table(part, "obscore", {})
