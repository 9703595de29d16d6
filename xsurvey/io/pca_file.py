"""FITS files of trained background components."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from xsurvey.errors import InputError
from xsurvey.io.atomic import atomic_output
from xsurvey.io.fits_file import FitsFile, Table, open_fits
from xsurvey.io.fits_writer import write_hdus

_CHANNELS = "PCA_BACKGROUND"
_DEVIATIONS = "PCA_DEVIATIONS"


@dataclass(frozen=True)
class PcaTables:
    """What such a file holds.

    Attributes
    ----------
    channels : ndarray of int, shape (n,)
        Numbers of the detector channels.
    mean : ndarray, shape (n,)
        Of log10(counts + 1).
    components : ndarray, shape (k, n)
        Orthonormal.
    deviations : ndarray, shape (k,)
        Standard deviations of the training spectra along them.
    spectra : int
        Number of training spectra.
    header : mapping
        More keywords.
    """

    channels: np.ndarray
    mean: np.ndarray
    components: np.ndarray
    deviations: np.ndarray
    spectra: int
    header: Mapping[str, Any] = field(default_factory=dict)


def write_pca(path: str | os.PathLike[str], tables: PcaTables) -> None:
    """Write components as two FITS tables, whole or not at all.

    Raises
    ------
    OutputError
        ``path`` cannot be written.
    """
    k = len(tables.components)
    by_channel = fits.BinTableHDU.from_columns([
        fits.Column("CHANNEL", "J", array=tables.channels),
        fits.Column("MEAN", "D", array=tables.mean),
        fits.Column("COMPONENTS", f"{k}D", array=tables.components.T),
    ], name=_CHANNELS)  # fmt: skip
    by_channel.header.update(dict(tables.header))
    by_channel.header["NSPECTRA"] = (tables.spectra, "training spectra")
    deviations = fits.BinTableHDU.from_columns(
        [fits.Column("DEVIATION", "D", array=tables.deviations)], name=_DEVIATIONS
    )
    with atomic_output(path) as temporary:
        write_hdus(temporary, [fits.PrimaryHDU(), by_channel, deviations])


def read_pca(path: str | os.PathLike[str]) -> PcaTables:
    """Read components.

    Raises
    ------
    InputError
        Not such a file, damaged, or with numbers that make no components.
    """
    file = open_fits(path)
    table = _table(file, _CHANNELS, ("channel", "mean", "components"))
    rows = table.read()
    components = table.values(rows, "components").reshape(table.rows, -1).T
    other = _table(file, _DEVIATIONS, ("deviation",))
    deviations = other.values(other.read(), "deviation")
    mean = table.values(rows, "mean")
    spectra = table.header.get("NSPECTRA")
    if not mean.size or not isinstance(spectra, int) or spectra < 2:
        raise _useless(file.path, "has no channels or no number of training spectra")
    if deviations.shape != (len(components),) or mean.ndim != 1:
        raise _useless(file.path, "has other numbers of deviations than of components")
    if not all(np.all(np.isfinite(v)) for v in (mean, components, deviations)):
        raise _useless(file.path, "holds components that are not finite")
    channels = table.values(rows, "channel").astype(int)
    return PcaTables(channels, mean, np.ascontiguousarray(components), deviations, spectra)


def _table(file: FitsFile, name: str, columns: tuple[str, ...]) -> Table:
    found = file.find(name)
    missing = [c for c in columns if not found or c not in found[0].names]
    if missing:
        raise _useless(file.path, f"has no table {name} with columns {', '.join(columns).upper()}")
    return found[0]


def _useless(path: Path, cause: str) -> InputError:
    return InputError(path, cause, "train the components again")
