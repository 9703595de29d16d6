"""One spectrum out of the table of a PHA file, whatever way the file writes its quantities."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from xsurvey.errors import InputError, printable
from xsurvey.io.ogip.columns import Columns
from xsurvey.io.ogip.types import PhaSpectrum

_REMEDY = "correct the file, or extract the spectrum again"
_SINGLE = 1e-6
"""Counts of a rate in single precision, times the exposure, are whole to this fraction of them."""
_USED = frozenset({
    "EXTNAME", "EXPOSURE", "BACKSCAL", "AREASCAL", "POISSERR", "STAT_ERR", "SYS_ERR", "QUALITY",
    "GROUPING", "BACKFILE", "RESPFILE", "ANCRFILE", "DETCHANS", "REGAREA", "HDUCLASS", "HDUCLAS1",
    "HDUCLAS3", "HDUCLAS4", "HDUVERS", "PHAVERSN",
})  # fmt: skip


class SpectrumRow:
    """The quantities of one spectrum: columns over channels, columns over rows, or keywords.

    Parameters
    ----------
    columns : Columns
    row : int or None
        Of a TYPE II file, from 0; None for TYPE I.
    """

    def __init__(self, columns: Columns, row: int | None) -> None:
        self.columns, self.row = columns, row
        self.warnings = list(columns.warnings)

    def error(self, cause: str, remedy: str = _REMEDY) -> InputError:
        """Return the error for something wrong in this spectrum."""
        which = "" if self.row is None else f"(row {self.row + 1}) "
        return self.columns.error(which + cause, remedy)

    def has(self, name: str) -> bool:
        """Tell whether there is a column."""
        return self.columns.has(name)

    def values(self, name: str) -> np.ndarray:
        """Return a column for this spectrum, shape (channels,), or (1,) if it has one value."""
        if self.row is None:
            return self.columns.scalars(name)
        column = self.columns.vectors(name)
        start = int(column.lengths[: self.row].sum())
        return np.asarray(column.values[start : start + int(column.lengths[self.row])])

    def per_channel(self, name: str, number: int, default: float) -> np.ndarray:
        """Return a quantity as one value a channel, from column, keyword or default."""
        if self.has(name):
            values = self.values(name).astype(np.float64)
            if len(values) not in {1, number}:
                raise self.error(f"has {len(values)} values of {name} for {number} channels")
        else:
            value = self.columns.number(name)
            values = np.array([default if value is None else value])
        return np.array(np.broadcast_to(values, number))

    def number(self, name: str) -> float | None:
        """Return one number of this spectrum: of TYPE II a column may have it."""
        if self.row is None or not self.has(name):
            return self.columns.number(name)
        return float(self.values(name)[0])

    def text(self, name: str) -> str:
        """Return a text of this spectrum: of TYPE II a column may have it."""
        if self.row is None or not self.has(name):
            return self.columns.text(name)
        table = self.columns.table
        value = self.columns.raw[self.row][table.names.index(name.lower())]
        if not isinstance(value, bytes):
            raise self.error(f"has a column {name} that does not hold text")
        return printable(value.decode("ascii", "replace").replace("\0", " ")).strip()


def read_spectrum(source: SpectrumRow) -> PhaSpectrum:
    """Return a spectrum with its channels in ascending order and every default filled in.

    Counts are Poisson distributed (``poisson``) if POISSERR says so, or if it does not but they are
    whole numbers of a spectrum that is not background-subtracted (many files say POISSERR = F of
    plain counts, since they have a column STAT_ERR). Channels whose AREASCAL or BACKSCAL is 0 get
    quality 1 (bad).

    Raises
    ------
    InputError
        No or impossible EXPOSURE; counts not finite, or negative though Poisson or without
        STAT_ERR; errors, scales, channels, quality or grouping that are impossible.
    """
    exposure = _exposure(source)
    name = "COUNTS" if source.has("COUNTS") else "RATE"
    factor = 1.0 if name == "COUNTS" else exposure
    counts = source.values(name).astype(np.float64) * factor
    if not np.all(np.isfinite(counts)):
        raise source.error(f"has {name} that are not finite")
    channels = _channels(source, name, len(counts))
    number = len(counts)
    error = _statistical_error(source, number, factor)
    counts, poisson = _counts_and_law(source, name, counts, error)
    systematic = source.per_channel("SYS_ERR", number, 0.0)
    if not np.all((systematic >= 0) & np.isfinite(systematic)):
        raise source.error("has SYS_ERR that are negative or not finite")
    quality = _whole(source, "QUALITY", number)
    scales = {}
    for key in ("BACKSCAL", "AREASCAL"):
        scales[key] = _scale(source, key, number, quality)
    order = np.argsort(channels.numbers, kind="stable")
    if np.any(np.diff(order) < 0):
        source.warnings.append("the channels are not in ascending order: sorted")
    area = source.number("REGAREA")
    return PhaSpectrum(
        path=source.columns.table.path, channels=channels.numbers[order],
        first_channel=channels.first, detector_channels=channels.detector, counts=counts[order],
        exposure=exposure, backscal=scales["BACKSCAL"][order], areascal=scales["AREASCAL"][order],
        poisson=poisson, statistical_error=None if error is None else error[order],
        systematic_error=systematic[order], quality=quality[order],
        grouping=_grouping(source, number)[order],
        background_file=_file(source, "BACKFILE"), response_file=_file(source, "RESPFILE"),
        ancillary_file=_file(source, "ANCRFILE"), row=_row_number(source),
        region_area=math.nan if area is None else area,
        header=source.columns.other_keywords(_USED), warnings=tuple(source.warnings),
    )  # fmt: skip


def _exposure(source: SpectrumRow) -> float:
    exposure = source.number("EXPOSURE")
    if exposure is None:
        raise source.error("has no EXPOSURE", "add the exposure in s to its header")
    if not (exposure > 0 and math.isfinite(exposure)):
        raise source.error(
            f"has an EXPOSURE of {exposure:g} s", "correct the exposure in its header"
        )
    return exposure


class _Channels(NamedTuple):
    numbers: np.ndarray
    first: int
    detector: int


def _channels(source: SpectrumRow, counts_name: str, number: int) -> _Channels:
    first = source.columns.limit("CHANNEL")
    if source.has("CHANNEL"):
        numbers = source.columns.as_whole(source.values("CHANNEL"), "CHANNEL")
    elif source.row is None:
        raise source.error("has no column CHANNEL")
    else:
        first = source.columns.limit(counts_name)
        first = first if first in {0, 1} else 1
        numbers = np.arange(first, first + number)
        source.warnings.append(f"the file has no channel numbers: counted from {first}")
    if len(numbers) != number:
        raise source.error(f"has {len(numbers)} channels and {number} counts")
    if numbers.min() < 0 or len(np.unique(numbers)) != number:
        raise source.error("has channels that are negative or there twice")
    lowest, highest = int(numbers.min()), int(numbers.max())
    if first is None or first > lowest:
        if first is not None:
            source.warnings.append(f"TLMIN of CHANNEL is {first}, but there is channel {lowest}")
        elif lowest > 1:
            source.warnings.append(
                "CHANNEL has no TLMIN: the detector's first channel is taken as 1"
            )
        first = min(lowest, 1)
    said = source.columns.number("DETCHANS")
    needed = highest - first + 1
    if said is None or said < needed or said != round(said):
        said_so = "no DETCHANS" if said is None else f"DETCHANS = {said:g}"
        source.warnings.append(f"{said_so}: the detector is taken to have {needed} channels")
        said = needed
    if said > number:
        source.warnings.append(f"the file has {number} of {int(said)} channels")
    return _Channels(numbers, first, int(said))


def _statistical_error(source: SpectrumRow, number: int, factor: float) -> np.ndarray | None:
    error = source.per_channel("STAT_ERR", number, 0.0) * factor
    if not np.all((error >= 0) & np.isfinite(error)):
        raise source.error("has STAT_ERR that are negative or not finite")
    return error if np.any(error > 0) else None


def _counts_and_law(
    source: SpectrumRow, name: str, counts: np.ndarray, error: np.ndarray | None
) -> tuple[np.ndarray, bool]:
    """Return counts, made whole if single precision alone kept them from it, and if Poisson."""
    said = source.columns.header.get("POISSERR")
    if isinstance(said, str):  # written as text by some
        said = {"T": True, "TRUE": True, "F": False, "FALSE": False}.get(said.strip().upper())
    said = None if said is None else bool(said)
    net = source.columns.text("HDUCLAS2").upper() == "NET"
    nearest = np.round(counts)
    off = np.abs(counts - nearest)
    tolerance = 0 if name == "COUNTS" else np.minimum(_SINGLE * np.abs(nearest), 0.05)
    whole = bool(np.all(off <= tolerance))
    negative = bool(np.any(counts < 0))
    if said and negative:
        raise source.error(f"has negative {name} though POISSERR says Poisson")
    if negative and error is None:
        raise source.error(f"has negative {name} and no STAT_ERR")
    if said:
        if not whole:
            source.warnings.append("POISSERR is true, but the counts are not whole numbers")
        if net:
            source.warnings.append("POISSERR is true of a background-subtracted spectrum (NET)")
        return (nearest if whole else counts), not net
    if whole and not negative and not net:
        missing = "is missing" if said is None else "is false"
        source.warnings.append(
            f"POISSERR {missing}, but the counts are whole numbers: taken as Poisson distributed"
        )
        return nearest, True
    if error is None:
        raise source.error("has neither Poisson counts nor their errors (STAT_ERR)")
    return counts, False


def _scale(source: SpectrumRow, name: str, number: int, quality: np.ndarray) -> np.ndarray:
    """Return BACKSCAL or AREASCAL; mark channels where it is 0 in ``quality``."""
    scale = source.per_channel(name, number, 1.0)
    if not np.all((scale >= 0) & np.isfinite(scale)):
        raise source.error(f"has {name} that is negative or not finite")
    zero = scale == 0
    if np.all(zero):
        raise source.error(f"has a {name} of 0")
    if np.any(zero):
        source.warnings.append(f"{name} is 0 in {int(zero.sum())} channels: marked as bad")
        quality[zero & (quality == 0)] = 1
    return scale


def _whole(source: SpectrumRow, name: str, number: int) -> np.ndarray:
    return source.columns.as_whole(source.per_channel(name, number, 0.0), name)


def _grouping(source: SpectrumRow, number: int) -> np.ndarray:
    grouping = _whole(source, "GROUPING", number)
    if np.any(np.abs(grouping) > 1):
        source.warnings.append("GROUPING has values other than -1, 0 and 1: their sign is taken")
    return np.sign(grouping)


def _file(source: SpectrumRow, key: str) -> str | None:
    """Return the name of a file, None where there is none or any that matches is meant."""
    name = source.text(key)
    return None if name.lower() in {"", "none", "null", "%match%"} else name


def _row_number(source: SpectrumRow) -> int | None:
    if source.row is None:
        return None
    number = source.number("SPEC_NUM") if source.has("SPEC_NUM") else None
    return source.row + 1 if number is None else int(number)
