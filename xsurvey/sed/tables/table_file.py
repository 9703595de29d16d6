"""Tables of any of astropy's formats in which columns can have units."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

from astropy import units as u
from astropy.table import Table

from xsurvey.errors import InputError, printable
from xsurvey.io.fits_file import check_readable, open_fits

_MOST_BYTES = 64 * 1024 * 1024
_NAMED_TABLES = ("FLUXPOINTS", "FLUX_POINTS", "SED")
_WITH_UNIT = re.compile(r"(.+?)\s*(?:\[(.+)\]|\((.+)\))\s*")


def read_table(path: Path) -> Table:
    """Read a table: ECSV, FITS, VOTable, CSV, an AAS machine-readable table, or columns of text.

    Headings such as ``nu [Hz]`` give a unit to a column that has none, as those of CSV files.

    Raises
    ------
    InputError
        Missing, empty, too large, or no table.
    """
    check_readable(path)
    if path.stat().st_size > _MOST_BYTES:
        raise InputError(path, "is larger than 64 MiB", "give a table of flux points")
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith((b"SIMPLE", b"\x1f\x8b")):
        table = _from_fits(path)
    else:
        table = _parsed(path, _format(path, head))
    for name in table.colnames:
        _unit_of_heading(table, name)
    return table


def _format(path: Path, head: bytes) -> str:
    if b"%ECSV" in head[:64]:
        return "ascii.ecsv"
    if b"<VOTABLE" in head or head.lstrip().startswith(b"<?xml"):
        return "votable"
    if b"Byte-by-byte" in head:
        return "ascii.mrt"
    if path.suffix.lower() == ".csv":
        return "ascii.csv"
    return "ascii.commented_header" if head.lstrip().startswith(b"#") else "ascii.basic"


def _from_fits(path: Path) -> Table:
    file = open_fits(path)
    if not file.tables:
        raise InputError(path, "holds no table", "give a table of flux points")
    found = next((t for name in _NAMED_TABLES for t in file.find(name)), file.tables[0])
    table = _parsed(path, "fits", hdu=found.index)
    for key in ("REDSHIFT", "UL_CONF", "SED_TYPE", "INSTRUME", "OBJECT"):
        if key in file.headers[0]:
            table.meta.setdefault(key, file.headers[0][key])
    return table


def _parsed(path: Path, form: str, **options: object) -> Table:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Table.read(path, format=form, **options)
    except Exception as error:  # of astropy and what it parses with, of many kinds
        first = printable(str(error).strip().partition("\n")[0])[:200] or "damaged"
        cause = f"cannot be read as {form.removeprefix('ascii.')}: {first}"
        if "Unable to guess" in first:  # what follows is a list of all that was tried
            cause = "holds no table whose columns can be told"
        raise InputError(path, cause, "write it with astropy.table as ascii.ecsv") from None


def _unit_of_heading(table: Table, name: str) -> None:
    """Take the unit out of a heading, where the column has none otherwise."""
    found = _WITH_UNIT.fullmatch(name)
    if found is None or getattr(table[name], "unit", None) is not None:
        return
    try:
        unit = u.Unit(found[2] or found[3])
    except (ValueError, TypeError):
        return
    if found[1] not in table.colnames:
        table[name].unit = unit
        table.rename_column(name, found[1])
