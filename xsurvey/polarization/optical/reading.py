"""Series of polarization from ECSV files, as `astropy.table` writes them.

Columns are found by name, and units are converted:

- time: ``time``, ``mjd``, ``jd``, ``date``: a Time column, MJD or JD (numbers, UTC; a column called
  ``jd`` or with all values above 2 400 000 is JD), or ISO dates (text, UTC);
- degree and its error: ``pd``, ``pd_err``: %, or fractions (no unit);
- angle and its error: ``pa``, ``pa_err``: degrees, if no unit says otherwise, north through east.
  The error may be missing, in all rows or in some.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Column, MaskedColumn, Table
from astropy.time import Time
from astropy.units import Unit, UnitConversionError

from xsurvey.errors import InputError
from xsurvey.polarization.optical.series import PolarizationSeries, polarization_series
from xsurvey.units import dates_of_any_time

_NAMES: dict[str, tuple[str, ...]] = {
    "time": ("time", "mjd", "jd", "date", "date_obs", "date-obs"),
    "pd": ("pd", "p", "pol", "polarization_degree", "degree"),
    "pd_err": ("pd_err", "pd_error", "e_pd", "p_err", "e_p", "pol_err", "polarization_degree_err"),
    "pa": ("pa", "pa_deg", "evpa", "chi", "theta", "polarization_angle", "angle"),
    "pa_err": (
        "pa_err", "pa_error", "pa_err_deg", "e_pa", "evpa_err", "e_evpa", "chi_err", "theta_err",
        "polarization_angle_err",
    ),
}  # fmt: skip
_MOST_BYTES = 256 * 1024 * 1024
_JULIAN = 2_400_000.5


def read_polarization_series(path: Path | str) -> PolarizationSeries:
    """Read an ECSV file of polarization measurements.

    Parameters
    ----------
    path : path

    Raises
    ------
    InputError
        The file is missing, is not ECSV, lacks a column, has other units, no rows, values that
        are not numbers, times that are not in order or occur twice, or impossible values.
    """
    path = Path(path)
    table = _read(path)
    names = {key: _column(table, choices) for key, choices in _NAMES.items()}
    lacking = [key for key in ("time", "pd", "pd_err", "pa") if names[key] is None]
    if lacking:
        raise InputError(
            path,
            f"has no column {' and no column '.join(lacking)}, but {', '.join(table.colnames)}",
            "name columns time, pd, pd_err, pa and pa_err",
        )  # fmt: skip
    if not len(table):
        raise InputError(path, "has no rows", "give a file with measurements")
    mjd = _mjd(table, str(names["time"]), path)
    pd, pd_error = (_number(table, str(names[k]), Unit(""), path) for k in ("pd", "pd_err"))
    angle = _number(table, str(names["pa"]), Unit("deg"), path)
    error = names["pa_err"]
    angle_errors = None if error is None else _number(table, error, Unit("deg"), path)
    if np.nanmax(pd, initial=0.0) > 1:
        raise InputError(
            path, f"{names['pd']} is {np.nanmax(pd):g}, more than all of the light",
            "write unit: '%' of columns in percent",
        )  # fmt: skip
    try:
        return polarization_series(mjd, pd, pd_error, angle, angle_errors, path.stem)
    except ValueError as error_found:
        raise InputError(path, str(error_found), "correct or remove the row") from None


def _read(path: Path) -> Table:
    if not path.is_file():
        raise InputError(path, "is not a file", "give an ECSV file of polarization measurements")
    if path.stat().st_size > _MOST_BYTES:
        raise InputError(path, "is larger than 256 MiB", "give a series of measurements")
    try:
        table = Table.read(path, format="ascii.ecsv")
    except Exception as error:  # of astropy and its YAML loader, of many kinds
        first = str(error).strip().splitlines() or ["damaged"]
        raise InputError(
            path, f"cannot be read as ECSV: {first[0]}", "write it with astropy.table as ascii.ecsv"
        ) from None
    return table


def _column(table: Table, choices: Sequence[str]) -> str | None:
    by_lower = {name.lower(): name for name in table.colnames}
    return next((by_lower[c] for c in choices if c in by_lower), None)


def _mjd(table: Table, name: str, path: Path) -> np.ndarray:
    column = table[name]
    with dates_of_any_time():
        if isinstance(column, Time):
            value = column.utc.mjd
            return np.asarray(np.ma.filled(np.ma.asarray(value, float), np.nan))
        if column.dtype.kind in "US":
            try:
                return np.asarray(Time(np.asarray(column).astype(str), scale="utc").mjd)
            except ValueError as error:
                raise InputError(
                    path, f"{name} has text that is not a date: {error}",
                    "write dates as 2023-05-25T12:00:00",
                ) from None  # fmt: skip
    value = _number(table, name, Unit("d"), path)
    julian = name.lower() == "jd" or bool(np.nanmin(value, initial=np.inf) > _JULIAN)
    return value - _JULIAN if julian else value


def _number(table: Table, name: str, unit: Any, path: Path) -> np.ndarray:
    """Return a column of numbers in a unit, which it has if it says none; masked ones are NaN."""
    column = table[name]
    if isinstance(column, (Column, MaskedColumn)):
        kind = column.dtype.kind
    else:
        kind = getattr(getattr(column, "value", column), "dtype", np.dtype(object)).kind
    if kind not in "fiu" or getattr(column, "ndim", 1) != 1:
        raise InputError(path, f"column {name} has no plain numbers", "write one number a row")
    value = np.asarray(np.ma.filled(np.ma.asarray(column, float), np.nan), float)
    own = getattr(column, "unit", None)
    if own is None or own == "":
        return value
    try:
        return np.asarray(value * Unit(own).to(unit))
    except (UnitConversionError, ValueError, TypeError):
        wanted = "% or none" if unit == Unit("") else str(unit)
        raise InputError(path, f"column {name} is in {own}", f"its unit is {wanted}") from None
