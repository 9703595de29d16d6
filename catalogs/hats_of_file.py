"""A HATS catalog of a FITS file, whose rows are never in memory as a whole."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from astropy.table import Table

from xsurvey.catalogs.columns import to_arrow
from xsurvey.catalogs.fits_rows import ROWS_AT_ONCE, FitsRows
from xsurvey.catalogs.hats_layout import (
    ROWS_PER_PARTITION,
    SkyRows,
    plain_header,
    sky_pixels,
    write_sky_rows,
)


def hats_of_file(
    file: Path, empty: Table, path: Path, name: str, header: Mapping[str, Any] | None = None, *,
    rows_per_partition: int = ROWS_PER_PARTITION,
) -> None:  # fmt: skip
    """Write a FITS table as a HATS catalog, which is as `write_hats` would write it.

    Parameters
    ----------
    file : path
        As `writing_fits` leaves it, with columns ``ra`` and ``dec``.
    empty : astropy.table.Table
        The columns, without rows.
    path : path
        The folder to make.
    name, header, rows_per_partition
        As of `write_hats`.

    Raises
    ------
    InputError
        The file is no such table.
    OutputError
        The folder holds something else or cannot be written.

    Notes
    -----
    In memory are the HEALPix index and the order of all rows, and one group of rows of a
    partition.
    """
    empty = empty.copy()
    empty.meta.update(plain_header(header))
    source = FitsRows(file, empty)
    pixels = np.empty(len(source), np.int64)
    for number, records in enumerate(source.chunks()):
        start = number * ROWS_AT_ONCE
        ra, dec = (records[c].astype(np.float64) for c in ("ra", "dec"))
        pixels[start : start + len(records)] = sky_pixels(ra, dec, path, start)
    order = np.argsort(pixels, kind="stable")

    def read(start: int, end: int) -> pa.Table:
        return to_arrow(source.table(source.take(order[start:end])))

    sky = SkyRows(to_arrow(empty).schema, pixels[order], read)
    write_sky_rows(sky, path, name, rows_per_partition=rows_per_partition)
