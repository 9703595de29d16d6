"""Spectra: OGIP PHA files of TYPE I and II (OGIP/92-007 and 92-007a).

In TYPE I a row is a channel, in TYPE II a row is a spectrum and its columns are vectors. Most
quantities may be a column or, where they are the same for all channels, a keyword; a column goes
before a keyword.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from xsurvey.errors import InputError, ParameterError
from xsurvey.io.fits_file import FitsFile, Table, extension_name, open_fits
from xsurvey.io.ogip.columns import Columns
from xsurvey.io.ogip.pha_rows import SpectrumRow, read_spectrum
from xsurvey.io.ogip.types import PhaSpectrum

_SELECTION = re.compile(r"(.+?)\{(\d+)\}")


def split_selection(path: str | os.PathLike[str]) -> tuple[Path, int | None]:
    """Return file and row of ``file.pha{3}``, as XSPEC writes it; None without a row.

    Examples
    --------
    >>> split_selection("a.pha{3}")[1]
    3
    """
    text = os.fspath(path)
    found = _SELECTION.fullmatch(text)
    if found is None or Path(text).exists():
        return Path(text), None
    return Path(found.group(1)), int(found.group(2))


def read_pha(path: str | os.PathLike[str]) -> list[PhaSpectrum]:
    """Read all spectra of a file, or the one that ``file.pha{3}`` selects.

    Returns
    -------
    list of PhaSpectrum
        One of a TYPE I file, one a row of a TYPE II file.

    Raises
    ------
    ParameterError
        The selected row is not there.
    InputError
        Not a FITS file, damaged, no spectrum, or as `xsurvey.io.ogip.pha_rows.read_spectrum`.
    """
    place, row = split_selection(path)
    if row is not None:
        return [read_single_pha(place, row)]
    columns = _open(place)
    numbers = range(columns.table.rows) if _is_type_two(columns) else [None]
    return [read_spectrum(SpectrumRow(columns, number)) for number in numbers]


def read_single_pha(path: str | os.PathLike[str], row: int | None = None) -> PhaSpectrum:
    """Read one spectrum.

    Parameters
    ----------
    path : path
        May select a row itself, as in ``file.pha{3}``.
    row : int, optional
        Of a TYPE II file, from 1.

    Raises
    ------
    ParameterError
        Which of several spectra is meant is not said, or the row is not there.
    InputError
        As `read_pha`.
    """
    place, selected = split_selection(path)
    wanted = selected if row is None else row
    columns = _open(place)
    if not _is_type_two(columns):
        if wanted not in {None, 1}:
            raise ParameterError(place, "holds one spectrum only", "leave the row out")
        return read_spectrum(SpectrumRow(columns, None))
    rows = columns.table.rows
    if wanted is None and rows > 1:
        raise ParameterError(
            place, f"holds {rows} spectra", f"choose one, as in {place.name}{{1}}"
        )  # fmt: skip
    number = 1 if wanted is None else wanted
    if not 1 <= number <= rows:
        raise ParameterError(
            place, f"has no spectrum {number}", f"choose one of 1 to {rows}"
        )  # fmt: skip
    return read_spectrum(SpectrumRow(columns, number - 1))


def _open(path: Path) -> Columns:
    file = open_fits(path)
    tables = _spectrum_tables(file)
    if not tables:
        raise InputError(
            file.path, "holds no spectrum (a table SPECTRUM with COUNTS or RATE)", "give a PHA file"
        )
    columns = Columns(tables[0], "its spectrum")
    if len(tables) > 1:
        columns.warnings.append(f"the file has {len(tables)} tables SPECTRUM: the first is read")
    for key in ("EXPOSURE", "TELESCOP", "INSTRUME"):
        if key not in columns.header and key in file.primary:
            columns.header[key] = file.primary[key]
    return columns


def _spectrum_tables(file: FitsFile) -> list[Table]:
    def holds_spectrum(table: Table) -> bool:
        named = extension_name(table.header).startswith("SPECTRUM")
        classed = str(table.header.get("HDUCLAS1", "")).strip().upper() == "SPECTRUM"
        return (named or classed) and bool({"counts", "rate"} & set(table.names))

    return [t for t in file.tables if holds_spectrum(t)]


def _is_type_two(columns: Columns) -> bool:
    """Tell whether rows are spectra: their counts are vectors."""
    name = "COUNTS" if columns.has("COUNTS") else "RATE"
    return bool((columns.vectors(name).lengths > 1).any())
