"""Redistribution matrices: OGIP RMF files (CAL/GEN/92-002 and 92-002a).

A row of the table is an energy. It holds N_GRP runs of channels; run j starts at channel F_CHAN[j]
and has N_CHAN[j] of them, and MATRIX has the runs' elements one after the other. Channels are
counted from TLMIN of the column F_CHAN itself, whatever other columns count from.
"""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from xsurvey.errors import InputError
from xsurvey.io.fits_file import FitsFile, Table, extension_name, open_fits
from xsurvey.io.ogip.columns import Columns, runs
from xsurvey.io.ogip.energies import KEV, read_energy_bins
from xsurvey.io.ogip.types import RedistributionMatrix

_MATRIX_COLUMNS = {"n_grp", "f_chan", "n_chan", "matrix"}
_PROBABILITY = 1.01  # rows of a redistribution sum to 1 at most; calibrations round
_CERTAINLY_AREA = 2.0


def read_rmf(path: str | os.PathLike[str]) -> RedistributionMatrix:
    """Read a redistribution matrix.

    Returns
    -------
    RedistributionMatrix
        Elements that are 0 are not stored. What is odd about the file is in its ``warnings``.

    Raises
    ------
    InputError
        Not a FITS file, damaged, no matrix or several, no EBOUNDS or ones with gaps, channels
        outside EBOUNDS, elements missing or not finite, or energies as
        `xsurvey.io.ogip.energies.read_energy_bins`.
    """
    file = open_fits(path)
    columns = Columns(_matrix_table(file), "its matrix")
    channels = _read_channels(file, columns.warnings)
    bins = read_energy_bins(columns)
    offset = _first_channel(columns, channels)
    matrix = _read_matrix(columns, offset, len(channels.numbers))[bins.rows]
    includes_area = _includes_area(columns, matrix)
    return RedistributionMatrix(
        path=file.path, energy_low=bins.low, energy_high=bins.high, matrix=matrix,
        channels=channels.numbers, channel_low=channels.low, channel_high=channels.high,
        includes_area=includes_area,
        header=columns.other_keywords(frozenset({"EXTNAME", "HDUCLAS3", "NUMGRP", "NUMELT"})),
        warnings=tuple(columns.warnings),
    )  # fmt: skip


def _matrix_table(file: FitsFile) -> Table:
    tables = [t for t in file.tables if set(t.names) >= _MATRIX_COLUMNS]
    if len(tables) > 1:
        raise InputError(
            file.path, f"holds {len(tables)} matrices, whose sum is the response",
            "give a response with one matrix",
        )  # fmt: skip
    if tables:
        return tables[0]
    named = [t for t in file.tables if extension_name(t.header).endswith("MATRIX")]
    if named:
        missing = sorted(_MATRIX_COLUMNS - set(named[0].names))
        raise InputError(
            file.path, f"its matrix has no column {', '.join(n.upper() for n in missing)}",
            "give a complete RMF",
        )  # fmt: skip
    raise InputError(file.path, "holds no redistribution matrix", "give an RMF")


class _Channels(NamedTuple):
    numbers: np.ndarray
    low: np.ndarray
    high: np.ndarray
    first: int | None  # TLMIN


def _read_channels(file: FitsFile, warnings: list[str]) -> _Channels:
    tables = [t for t in file.tables if {"channel", "e_min", "e_max"} <= set(t.names)]
    named = [t for t in tables if extension_name(t.header).startswith("EBOUNDS")]
    if not tables:
        raise InputError(
            file.path, "has no EBOUNDS, the energies of its channels", "give a complete RMF"
        )
    if len(named or tables) > 1:
        raise InputError(file.path, "has several EBOUNDS", "give a response with one matrix")
    columns = Columns((named or tables)[0], "its EBOUNDS")
    numbers = columns.whole("CHANNEL")
    low, high = (
        columns.scalars(name).astype(np.float64) * columns.unit_factor(name, KEV, "keV")
        for name in ("E_MIN", "E_MAX")
    )
    order = np.argsort(numbers, kind="stable")
    numbers, low, high = numbers[order], low[order], high[order]
    if numbers[0] < 0 or np.any(np.diff(numbers) != 1):
        raise columns.error("has channels that are missing or there twice", "give a complete RMF")
    if not (np.all(np.isfinite(low)) and np.all(np.isfinite(high))):
        raise columns.error("has energies that are not finite")
    if np.any(low > high):
        columns.warnings.append("E_MIN is above E_MAX in EBOUNDS: exchanged")
        low, high = np.minimum(low, high), np.maximum(low, high)
    warnings.extend(columns.warnings)
    return _Channels(numbers, low, high, columns.limit("CHANNEL"))


def _first_channel(columns: Columns, channels: _Channels) -> int:
    """Return the number in F_CHAN that stands for the first column.

    Without TLMIN Sherpa takes TLMIN of the channels in EBOUNDS, else 1, and XSPEC 1. The numbers
    in EBOUNDS decide between 0 and 1 here, so that channels are the ones that they are called.
    """
    lowest = int(channels.numbers[0])
    first = columns.limit("F_CHAN")
    if first is None:
        first = channels.first if channels.first in {0, 1} else lowest
        columns.warnings.append(
            f"column F_CHAN has no TLMIN: its channels are counted from {first}, as in EBOUNDS"
        )
    elif first != lowest and not {first, lowest} <= {0, 1}:
        columns.warnings.append(
            f"F_CHAN counts from {first} and EBOUNDS from {lowest}: matched by number"
        )
        first = lowest
    elif first != lowest:
        columns.warnings.append(
            f"F_CHAN counts from {first} and EBOUNDS from {lowest}: matched by order"
        )
    return first


def _read_matrix(columns: Columns, offset: int, channels: int) -> csr_array:
    """Return all rows of the table, shape (rows, channels)."""
    groups = columns.whole("N_GRP")
    f_chan, n_chan = columns.vectors("F_CHAN"), columns.vectors("N_CHAN")
    if np.any(groups < 0) or np.any(groups > np.minimum(f_chan.lengths, n_chan.lengths)):
        raise columns.error("has rows with fewer F_CHAN or N_CHAN than N_GRP says")
    first = columns.as_whole(f_chan.first(groups), "F_CHAN") - offset
    length = columns.as_whole(n_chan.first(groups), "N_CHAN")
    used = length != 0
    if np.any(length < 0) or np.any((first < 0)[used]) or np.any((first + length > channels)[used]):
        raise columns.error(
            f"has channels outside EBOUNDS (F_CHAN counts from {offset}, {channels} channels)",
            "correct TLMIN of F_CHAN, or give another RMF",
        )
    stops = np.concatenate([[0], np.cumsum(length)])[np.cumsum(groups)]
    elements = np.diff(stops, prepend=0)
    column = columns.vectors("MATRIX")
    if np.any(elements > column.lengths):
        raise columns.error("has rows with fewer elements than N_CHAN says")
    values = column.first(elements).astype(np.float64)
    if not np.all(np.isfinite(values)):
        raise columns.error("has elements that are not finite")
    if np.any(values < 0):
        columns.warnings.append(f"{int((values < 0).sum())} elements of the matrix are negative")
    pointers = np.concatenate([[0], stops])
    matrix = csr_array(
        (values, runs(first, length), pointers), shape=(len(groups), channels)
    )  # fmt: skip
    matrix.sum_duplicates()  # runs may overlap: their elements add up
    matrix.eliminate_zeros()
    return matrix


def _includes_area(columns: Columns, matrix: csr_array) -> bool:
    """Tell a response with the effective area in it from a redistribution of photons.

    HDUCLAS3 says it (FULL; REDIST, or DETECTOR with the detector's efficiency). Names of extensions
    do not: many pure redistributions are called SPECRESP MATRIX. Without it the sums of rows tell.
    """
    largest = float(np.max(matrix.sum(axis=1), initial=0.0))
    kind = columns.text("HDUCLAS3").upper()
    if largest == 0:
        raise columns.error("is 0 everywhere", "give another RMF")
    if kind == "FULL":
        if largest <= _PROBABILITY:
            columns.warnings.append(
                f"HDUCLAS3 is FULL, so that no ARF is needed, but rows sum to {largest:.4g} at most"
            )
        return True
    if kind in {"REDIST", "DETECTOR"}:
        if largest > _CERTAINLY_AREA:
            columns.warnings.append(
                f"HDUCLAS3 is {kind}, but rows sum to {largest:.4g}: the area is in the matrix"
            )
            return True
        if largest > _PROBABILITY:
            columns.warnings.append(f"rows of the matrix sum to {largest:.4g}, more than 1")
        return False
    area = largest > _PROBABILITY
    columns.warnings.append(
        f"HDUCLAS3 does not say what the matrix holds; its rows sum to {largest:.4g}: taken as "
        f"{'with' if area else 'without'} the effective area"
    )
    return area
