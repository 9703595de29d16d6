"""Optical depths by the extragalactic background light: published tables, and the user's own."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.table import Table

from xsurvey.errors import InputError, MissingDataError, ParameterError, nearest, printable
from xsurvey.io.datasets import get_dataset
from xsurvey.io.fits_file import check_readable
from xsurvey.sed.constants import TEV
from xsurvey.sed.on_the_way.background_light import OpticalDepthTable
from xsurvey.sed.tables.columns import column_named, converted, plain_numbers
from xsurvey.sed.tables.flux_units import frequency_of
from xsurvey.sed.tables.table_file import read_table

DATASET = "ebl"
"""Of ``xsurvey data install``."""


class _Published(NamedTuple):
    file: str
    reference: str
    tev: float = 1.0
    """Unit of its energies."""
    blocks: bool = False
    """A block of rows for each redshift, and not a matrix."""


_PUBLISHED = {
    "dominguez-2011": _Published(
        "tau_dominguez11_cta.out", "Dominguez et al. 2011, MNRAS 410, 2556"
    ),
    "finke-2010": _Published("tau_modelC_Finke.txt", "Finke et al. 2010, ApJ 712, 238, model C"),
    "finke-2022": _Published(
        "tau_model_A_Finke2022.dat", "Finke et al. 2022, ApJ 941, 33, model A", 1e-3
    ),
    "franceschini-2008": _Published(
        "tau_fran08.dat", "Franceschini et al. 2008, A&A 487, 837", blocks=True
    ),
    "gilmore-2012": _Published(
        "opdep_fiducial.dat", "Gilmore et al. 2012, MNRAS 422, 3189, fiducial", 1e-6
    ),
    "saldana-lopez-2021": _Published(
        "tau_saldana-lopez21.out", "Saldana-Lopez et al. 2021, MNRAS 507, 5144"
    ),
}

BACKGROUND_LIGHTS: Mapping[str, str] = {name: m.reference for name, m in _PUBLISHED.items()}
"""Names of published models, and their references."""

_ENERGIES = ("energy", "e_ref", "e", "nu", "frequency", "wavelength")
_REDSHIFTS = ("redshift", "z")
_DEPTHS = ("tau", "optical_depth", "opacity")


def background_light_file(name: str) -> Path:
    """Return the file of a published model, or a user's own.

    Raises
    ------
    ParameterError
        It is neither.
    MissingDataError
        The tables are not installed; the message says how.
    """
    if name not in _PUBLISHED:
        if not Path(name).exists():
            raise ParameterError(
                "ebl", f"'{name}' is neither a model of the background light nor a file",
                nearest(name, _PUBLISHED),
            )  # fmt: skip
        return Path(name)
    path = get_dataset(DATASET).folder / _PUBLISHED[name].file
    if not path.exists():
        raise MissingDataError(
            name, "its optical depths are not installed", f"run `xsurvey data install {DATASET}`"
        )
    return path


def read_background_light(name: str) -> OpticalDepthTable:
    """Read optical depths.

    Parameters
    ----------
    name : str
        One of `BACKGROUND_LIGHTS`; or a file with a table, as
        `xsurvey.sed.tables.table_file.read_table` reads it, of energies
        (with a unit), redshifts and tau, a row for each pair. Of one
        redshift that may be metadata.

    Raises
    ------
    ParameterError, MissingDataError
        As `background_light_file`.
    InputError
        The table is damaged, or no grid.
    """
    path = background_light_file(name)
    if name in _PUBLISHED:
        return _checked(path, *_read_published(path, _PUBLISHED[name]), name=name,
                        reference=_PUBLISHED[name].reference)  # fmt: skip
    return _checked(path, *_read_own(path), name=path.name, reference=path.name)


def _read_published(path: Path, model: _Published) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return frequencies, redshifts and tau of a file as its authors wrote it."""
    check_readable(path)
    try:
        if model.blocks:
            energy, redshift, tau = _blocks(path)
        else:
            # first row: redshifts, first column: energies
            matrix = _numbers(path)
            energy, redshift, tau = matrix[1:, 0], matrix[0, 1:], matrix[1:, 1:]
    except (ValueError, IndexError):
        raise InputError(
            path, "is not the table of optical depths that was installed",
            f"delete it and run `xsurvey data install {DATASET}`",
        ) from None  # fmt: skip
    return energy * model.tev * TEV, redshift, tau


def _numbers(rows: Path | list[str], columns: tuple[int, ...] | None = None) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that there are none is an error later
        return np.loadtxt(rows, usecols=columns, ndmin=2)


def _blocks(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return energies, redshifts and tau of blocks of rows below headings with redshifts."""
    text = path.read_text(encoding="ascii", errors="replace")
    headings = [line for line in text.splitlines() if line.startswith("# redshift")]
    redshift = np.array([float(line.partition("=")[2].split()[0]) for line in headings])
    rows = _numbers(text.splitlines(), (0, 2))
    blocks = rows.reshape(len(redshift), -1, 2)
    return blocks[0, :, 0], redshift, blocks[:, :, 1].T


def _read_own(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return frequencies, redshifts and tau of a user's table."""
    table = read_table(path)
    energies = column_named(path, table, "the energy", _ENERGIES)
    values = plain_numbers(path, table, energies)
    frequency = converted(path, table, energies, lambda unit: frequency_of(values, unit))
    depth = plain_numbers(path, table, column_named(path, table, "tau", _DEPTHS))
    redshift = _redshifts(path, table)
    nu, row = np.unique(frequency, return_inverse=True)
    z, column = np.unique(redshift, return_inverse=True)
    if len(table) != len(nu) * len(z) or len(set(zip(row, column, strict=True))) != len(table):
        raise InputError(
            path, f"has {len(table)} rows of {len(nu)} energies and {len(z)} redshifts: no grid",
            "give tau once for each pair",
        )  # fmt: skip
    tau = np.empty((len(nu), len(z)))
    tau[row, column] = depth
    return nu, z, tau


def _redshifts(path: Path, table: Table) -> np.ndarray:
    known = {name.lower() for name in table.colnames}
    if known & set(_REDSHIFTS):
        return plain_numbers(path, table, column_named(path, table, "redshift", _REDSHIFTS))
    meta = {str(k).lower(): v for k, v in dict(table.meta).items()}
    for name in _REDSHIFTS:
        if name in meta:
            try:
                return np.full(len(table), float(meta[name]))
            except (TypeError, ValueError):
                raise InputError(
                    path, f"has {name} '{printable(meta[name])}'", "write a number"
                ) from None
    raise InputError(path, "has no redshift, neither a column nor metadata", "add one")


def _checked(
    path: Path, frequency: np.ndarray, redshift: np.ndarray, tau: np.ndarray, *, name: str,
    reference: str,
) -> OpticalDepthTable:  # fmt: skip
    """Return a table whose values can be, without a redshift of 0 and repeated redshifts."""
    redshift, first = np.unique(redshift, return_index=True)
    tau = tau[:, first][:, redshift > 0] if tau.ndim == 2 else tau
    redshift = redshift[redshift > 0]
    fine = (
        len(frequency) >= 2 and len(redshift) >= 1 and np.all(np.isfinite(redshift))
        and np.all(np.isfinite(frequency)) and np.all(frequency > 0)
        and np.all(np.diff(frequency) > 0)
    )  # fmt: skip
    if not fine:
        raise InputError(
            path, "does not have two energies and a redshift above 0, all of them numbers",
            "correct it",
        )  # fmt: skip
    if not np.all(np.isfinite(tau) & (tau >= 0)):
        raise InputError(path, "has an optical depth that is no number or negative", "correct it")
    return OpticalDepthTable(name, reference, frequency, redshift, tau)
