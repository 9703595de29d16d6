"""Measured polarization of tables, and of results of ``polarization pcube`` and ``fit``."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from astropy import units as u
from astropy.table import Table

from xsurvey.errors import InputError
from xsurvey.io.fits_file import check_readable
from xsurvey.sed.polarization.measurements import PolarizationMeasurements
from xsurvey.sed.polarization.table import measurements_of, read_polarization

_MOST_BYTES = 64 * 1024 * 1024
_COLUMNS = ("frequency", "q", "u", "q_err", "u_err", "qu_cov")
_NOT_GAUSSIAN = {"few_events", "above_one", "at_one"}
_NOTE = "energies of bins of 'polarization fit' are the middles in the logarithm"


def measured_polarization(path: Path) -> PolarizationMeasurements:
    """Read measured polarization: a table, or the JSON of ``polarization pcube`` or ``fit``.

    Of results each bin of energy is one Q/I and U/I; bins in which nothing was measured are left
    out.

    Raises
    ------
    InputError
        As `read_polarization`; JSON that is damaged, or of something else.
    """
    check_readable(path)
    with path.open("rb") as file:
        is_json = file.read(64).lstrip().startswith((b"{", b"["))
    return _of_result(path) if is_json else read_polarization(path)


def _of_result(path: Path) -> PolarizationMeasurements:
    record = _parsed(path)
    notes = []
    try:
        if "energy_bins" in record:
            rows = [_of_fit(row) for row in record["energy_bins"]]
            notes.append(_NOTE)
        else:
            rows = [_of_cube(row) for row in record["bins"]]
            notes += _doubtful(record["bins"])
        known = [row for row in rows if row is not None]
    except (KeyError, TypeError, AttributeError, ValueError):
        raise InputError(
            path, "has no bins of polarization",
            "give a table, or the JSON of 'polarization pcube' or 'polarization fit'",
        ) from None  # fmt: skip
    if len(known) < len(rows):
        notes.append(f"{len(rows) - len(known)} bins without a measurement are left out")
    table = Table(rows=known or None, names=_COLUMNS, dtype=[float] * len(_COLUMNS))
    table["frequency"].unit = u.keV
    return measurements_of(path, table, notes)


def _parsed(path: Path) -> dict[str, Any]:
    if path.stat().st_size > _MOST_BYTES:
        raise InputError(path, "is larger than 64 MiB", "give a result of this program, or a table")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise InputError(path, "is damaged JSON", "write it again") from None
    if not isinstance(record, dict) or not ("energy_bins" in record or "bins" in record):
        raise InputError(
            path, "has no bins of polarization",
            "give a table, or the JSON of 'polarization pcube' or 'polarization fit'",
        )  # fmt: skip
    return record


def _of_cube(row: dict[str, Any]) -> tuple[float, ...] | None:
    """Return the energy in keV, Q/I, U/I, their errors and covariance; None of an empty bin."""
    names = ("energy", "q_norm", "u_norm", "q_norm_variance", "u_norm_variance")
    numbers = _numbers(row, (*names, "qu_norm_covariance"))
    if numbers is None or numbers[3] <= 0 or numbers[4] <= 0:
        return None
    energy, q, u_, q_variance, u_variance, covariance = numbers
    return energy, q, u_, math.sqrt(q_variance), math.sqrt(u_variance), covariance


def _doubtful(rows: list[dict[str, Any]]) -> list[str]:
    """Return a note where flags of bins say that their errors are not Gaussian."""
    flags = {str(flag) for row in rows if _of_cube(row) for flag in row.get("flags", ())}
    named = ", ".join(sorted(flags & _NOT_GAUSSIAN))
    return [f"bins with the flags {named} are taken for Gaussian"] if named else []


def _of_fit(row: dict[str, Any]) -> tuple[float, ...] | None:
    numbers = _numbers(row, ("energy_min", "energy_max", "q", "u", "q_err", "u_err"))
    if numbers is None:
        return None
    low, high, *light = numbers
    return (math.sqrt(low * high), *light, 0.0)


def _numbers(row: dict[str, Any], names: tuple[str, ...]) -> list[float] | None:
    """Return numbers of a row; None where one is null.

    Raises
    ------
    KeyError, TypeError, ValueError
        The row is not of a result.
    """
    values = [row[name] for name in names]
    if any(value is None for value in values):
        return None
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in values):
        raise TypeError("no number")
    return [float(value) for value in values]
