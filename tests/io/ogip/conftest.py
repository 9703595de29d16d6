"""OGIP files made column by column, as strangers make them: not by our writers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

Column = tuple[str, Any] | tuple[str, Any, str]
"""TFORM, values and TUNIT."""


def table(
    name: str, columns: Mapping[str, Column], header: Mapping[str, Any] | None = None
) -> fits.BinTableHDU:
    made = []
    for label, (form, values, *unit) in columns.items():
        array = values
        if "P" in form or "Q" in form:
            array = np.empty(len(values), dtype=object)
            array[:] = [np.asarray(v) for v in values]
        made.append(fits.Column(label, form, unit=unit[0] if unit else None, array=array))
    hdu = fits.BinTableHDU.from_columns(made, name=name)
    for key, value in (header or {}).items():
        hdu.header[key] = value
    return hdu


def write(path: Path, *tables: fits.BinTableHDU) -> Path:
    fits.HDUList([fits.PrimaryHDU(), *tables]).writeto(path, overwrite=True)
    return path


PHA_HEADER = {
    "HDUCLASS": "OGIP", "HDUCLAS1": "SPECTRUM", "EXPOSURE": 100.0, "POISSERR": True,
    "DETCHANS": 4, "BACKFILE": "none", "TLMIN1": 1, "TELESCOP": "T", "BACKSCAL": 0.5,
    "AREASCAL": 1.0, "QUALITY": 0, "GROUPING": 0,
}  # fmt: skip


def pha(
    path: Path, columns: Mapping[str, Column] | None = None, *remove: str, **header: Any
) -> Path:
    """Write a TYPE I spectrum of four channels; replace its columns, add and remove keywords."""
    cards = {k: v for k, v in (PHA_HEADER | header).items() if k not in remove}
    standard: dict[str, Column] = {"CHANNEL": ("J", [1, 2, 3, 4]), "COUNTS": ("J", [5, 0, 7, 2])}
    wanted = {k: v for k, v in (standard | dict(columns or {})).items() if k not in remove}
    return write(path, table("SPECTRUM", wanted, cards))


EBOUNDS: dict[str, Column] = {
    "CHANNEL": ("J", [1, 2, 3, 4]),
    "E_MIN": ("E", [0.5, 1.0, 2.0, 3.0], "keV"),
    "E_MAX": ("E", [1.0, 2.0, 3.0, 4.0], "keV"),
}
ENERGIES: dict[str, Column] = {
    "ENERG_LO": ("E", [0.5, 1.0, 2.0], "keV"), "ENERG_HI": ("E", [1.0, 2.0, 3.0], "keV"),
}  # fmt: skip
GROUPS: dict[str, Column] = {
    "N_GRP": ("I", [2, 0, 1]),
    "F_CHAN": ("PI()", [[1, 4], [], [2]]),
    "N_CHAN": ("PI()", [[2, 1], [], [3]]),
    "MATRIX": ("PE()", [[0.5, 0.25, 0.125], [], [0.25, 0.5, 0.25]]),
}
DENSE = np.array([[0.5, 0.25, 0, 0.125], [0, 0, 0, 0], [0, 0.25, 0.5, 0.25]])
"""The matrix of `GROUPS`."""


def rmf(
    path: Path,
    columns: Mapping[str, Column] | None = None,
    bounds: Mapping[str, Column] | None = None,
    name: str = "MATRIX",
    **header: Any,
) -> Path:
    """Write a matrix of three energies and four channels; replace its columns and keywords.

    A keyword that is None is left out.
    """
    cards = {"HDUCLAS3": "REDIST", "TLMIN4": 1} | header
    cards = {k: v for k, v in cards.items() if v is not None}
    return write(
        path, table(name, ENERGIES | GROUPS | dict(columns or {}), cards),
        table("EBOUNDS", EBOUNDS | dict(bounds or {})),
    )  # fmt: skip


def arf(path: Path, columns: Mapping[str, Column] | None = None, **header: Any) -> Path:
    """Write an effective area at three energies."""
    standard = ENERGIES | {"SPECRESP": ("E", [10.0, 20.0, 5.0], "cm**2")}
    return write(path, table("SPECRESP", standard | dict(columns or {}), header))
