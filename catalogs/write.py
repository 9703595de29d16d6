"""Catalogs as files: FITS tables with units and UCDs, and every format of an export."""

import csv
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from astropy.io import fits
from astropy.table import Table

from xsurvey.catalogs.columns import column_infos, header_of, to_arrow
from xsurvey.catalogs.fits_columns import fits_column, table_hdus
from xsurvey.catalogs.hats_layout import write_hats
from xsurvey.errors import OutputError
from xsurvey.io.atomic import atomic_output

__all__ = ["write_fits", "write_hats", "write_table"]

CSV_OPTIONS = pyarrow.csv.WriteOptions(include_header=False, quoting_style="needed")


def write_fits(
    table: Table, path: str | os.PathLike[str], header: Mapping[str, Any] | None = None
) -> None:
    """Write a table as the first extension of a FITS file.

    Units go to TUNITn, UCDs to TUCDn and descriptions to TCOMMn, where TOPCAT reads them;
    missing whole numbers are marked by TNULLn. The same table gives the same bytes: there is
    no date in the file.

    Parameters
    ----------
    table : astropy.table.Table
        UCDs are taken from ``column.meta['ucd']``, keywords also from ``table.meta``.
    path : path
        Replaced if it exists.
    header : mapping, optional
        Provenance: keyword of at most eight characters to value, or to (value, comment).

    Raises
    ------
    OutputError
        The file cannot be written, or a column holds what FITS cannot (text that is not
        ASCII, vectors of different lengths).
    ValueError
        A keyword that FITS does not allow.
    """
    infos = column_infos(table)
    columns = [fits_column(table[info.name], info, Path(path)) for info in infos]
    hdus = table_hdus(columns, infos, len(table), {**header_of(table), **(header or {})})
    with atomic_output(path) as temporary:
        fits.HDUList(list(hdus)).writeto(temporary)


def write_table(
    table: Table,
    path: str | os.PathLike[str],
    position: tuple[str, str] | None = None,
) -> None:
    """Write a table in the format that the suffix names.

    ``.fits``, ``.csv`` (no units), ``.ecsv``, ``.parquet``, or ``.hats`` (a folder that LSDB
    reads, and which needs to know the ``position`` columns).

    Raises
    ------
    OutputError
        An unknown suffix, a table that the format cannot hold, or no place to write.
    """
    path = Path(path)
    writer = _writer(path)
    if writer is write_hats:
        write_hats(table, path, path.stem, position=position or ("ra", "dec"))
    else:
        writer(table, path)


def check_format(path: str | os.PathLike[str]) -> None:
    """Raise the error of `write_table` for an unknown suffix before any work is done."""
    _writer(Path(path))


def _writer(path: Path) -> Callable[..., None]:
    writers: dict[str, Callable[..., None]] = {
        ".fits": write_fits,
        ".fit": write_fits,
        ".csv": _write_csv,
        ".ecsv": _write_ecsv,
        ".parquet": _write_parquet,
        ".hats": write_hats,
    }
    suffix = path.suffix.lower()
    if suffix not in writers:
        cause = f"'{suffix}' is not a catalog format" if suffix else "has no suffix"
        raise OutputError(path, cause, "end it in .fits, .csv, .ecsv, .parquet or .hats")
    return writers[suffix]


def _write_csv(table: Table, path: Path) -> None:
    arrow = to_arrow(table)
    for name, kind in zip(arrow.column_names, arrow.schema.types, strict=True):
        if pa.types.is_nested(kind):
            raise OutputError(
                path, f"column {name} holds vectors, which CSV cannot", "write .ecsv or .fits"
            )
    with atomic_output(path) as temporary, temporary.open("wb") as stream:
        stream.write((csv_line(arrow.column_names) + "\n").encode())
        pyarrow.csv.write_csv(arrow, stream, CSV_OPTIONS)


def csv_line(names: list[str]) -> str:
    """Return names as the first line of a CSV file."""

    class Line(list):
        write = list.append

    line: Any = Line()
    csv.writer(line, lineterminator="").writerow(names)
    return str(line[0])


def _write_ecsv(table: Table, path: Path) -> None:
    with atomic_output(path) as temporary:
        table.write(temporary, format="ascii.ecsv")


def _write_parquet(table: Table, path: Path) -> None:
    with atomic_output(path) as temporary:
        pyarrow.parquet.write_table(to_arrow(table), temporary, compression="zstd")
