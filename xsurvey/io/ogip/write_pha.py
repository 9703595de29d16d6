"""Spectra written as OGIP PHA files of TYPE I and II (OGIP/92-007 and 92-007a)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.io import fits

from xsurvey.errors import OutputError
from xsurvey.io.atomic import atomic_output
from xsurvey.io.fits_writer import write_hdus
from xsurvey.io.ogip.headers import add_keywords
from xsurvey.io.ogip.types import PhaSpectrum

_VERSION = "1.2.1"


def write_pha(
    path: str | os.PathLike[str], spectrum: PhaSpectrum, header: Mapping[str, Any] | None = None
) -> None:
    """Write a TYPE I file, whole or not at all; a file in its place is replaced.

    Parameters
    ----------
    path : path
    spectrum : PhaSpectrum
        What is the same in all channels becomes a keyword, what differs a column.
    header : mapping, optional
        Keywords that go before those of ``spectrum.header``: origin, stamps of approximations.
        A value may be a pair of value and comment.

    Raises
    ------
    OutputError
        The file cannot be written, or a spectrum has numbers that its reader would refuse.
    """
    _check(path, spectrum)
    columns = [
        _integers("CHANNEL", spectrum.channels), _counts(spectrum.counts[np.newaxis], flat=True),
    ]  # fmt: skip
    keywords: dict[str, Any] = {}
    if spectrum.statistical_error is not None:
        columns.append(fits.Column("STAT_ERR", "D", unit="count", array=spectrum.statistical_error))
    for name, values in _scales(spectrum).items():
        if np.all(values == values[0]):
            keywords[name] = float(values[0])
        else:
            columns.append(fits.Column(name, "D", array=values))
    for name, flags in _flags(spectrum).items():
        if np.any(flags):
            columns.append(fits.Column(name, "I", array=flags))
        else:
            keywords[name] = 0
    table = fits.BinTableHDU.from_columns(columns, name="SPECTRUM")
    keywords |= {
        "EXPOSURE": (spectrum.exposure, "[s] exposure"),
        "BACKFILE": spectrum.background_file or "none",
        "RESPFILE": spectrum.response_file or "none",
        "ANCRFILE": spectrum.ancillary_file or "none",
    }
    if np.isfinite(spectrum.region_area):
        keywords["REGAREA"] = (spectrum.region_area, "[deg2] area of the region")
    keywords |= _common([spectrum], "TYPE:I")
    keywords |= _channel_limits(1, spectrum)
    add_keywords(table.header, [keywords, header or {}, spectrum.header])
    with atomic_output(path) as temporary:
        write_hdus(temporary, [fits.PrimaryHDU(), table])


def write_pha_two(
    path: str | os.PathLike[str],
    spectra: Sequence[PhaSpectrum],
    header: Mapping[str, Any] | None = None,
) -> None:
    """Write a TYPE II file, one spectrum a row; otherwise as `write_pha`.

    Raises
    ------
    OutputError
        As `write_pha`, or the spectra have not the same channels or law of counts.
    """
    if not spectra:
        raise OutputError(path, "would hold no spectrum", "give at least one")
    first = spectra[0]
    for spectrum in spectra:
        _check(path, spectrum)
        same = (
            np.array_equal(spectrum.channels, first.channels)
            and spectrum.first_channel == first.first_channel
            and spectrum.detector_channels == first.detector_channels
            and spectrum.poisson == first.poisson
            and (spectrum.statistical_error is None) == (first.statistical_error is None)
        )
        if not same:
            raise OutputError(
                path, "would hold spectra with other channels or other errors",
                "write them to files of their own",
            )  # fmt: skip
    number = len(first.channels)
    numbers = [s.row if s.row is not None else i for i, s in enumerate(spectra, start=1)]
    if len(set(numbers)) < len(numbers):
        numbers = list(range(1, len(spectra) + 1))
    columns = [
        _integers("SPEC_NUM", np.array(numbers)),
        fits.Column("CHANNEL", f"{number}J", array=np.stack([s.channels for s in spectra])),
        _counts(np.stack([s.counts for s in spectra])),
    ]
    if first.statistical_error is not None:
        errors = [s.statistical_error for s in spectra if s.statistical_error is not None]
        columns.append(fits.Column("STAT_ERR", f"{number}D", unit="count", array=np.stack(errors)))
    scales = [_scales(s) for s in spectra]
    for name in scales[0]:
        values = np.stack([s[name] for s in scales])
        columns.append(fits.Column(name, f"{number}D", array=values))
    flags = [_flags(s) for s in spectra]
    for name in flags[0]:
        columns.append(fits.Column(name, f"{number}I", array=np.stack([f[name] for f in flags])))
    columns.append(
        fits.Column("EXPOSURE", "D", unit="s", array=np.array([s.exposure for s in spectra]))
    )
    columns.append(fits.Column("REGAREA", "D", array=np.array([s.region_area for s in spectra])))
    for name, files in {
        "BACKFILE": [s.background_file for s in spectra],
        "RESPFILE": [s.response_file for s in spectra],
        "ANCRFILE": [s.ancillary_file for s in spectra],
    }.items():
        texts = [f or "none" for f in files]
        columns.append(fits.Column(name, f"{max(map(len, texts))}A", array=np.array(texts)))
    table = fits.BinTableHDU.from_columns(columns, name="SPECTRUM")
    keywords = _common(spectra, "TYPE:II") | _channel_limits(2, first)
    add_keywords(table.header, [keywords, header or {}, first.header])
    with atomic_output(path) as temporary:
        write_hdus(temporary, [fits.PrimaryHDU(), table])


def _check(path: str | os.PathLike[str], spectrum: PhaSpectrum) -> None:
    counts = spectrum.counts
    if not len(counts) or not np.all(np.isfinite(counts)):
        raise OutputError(path, "would hold no or impossible counts", "extract them again")
    if spectrum.poisson and np.any(counts < 0):
        raise OutputError(path, "would hold negative counts", "extract them again")
    if not spectrum.poisson and spectrum.statistical_error is None:
        raise OutputError(
            path, "would hold counts that are not Poisson distributed and no errors of them",
            "give their errors",
        )  # fmt: skip
    scales = np.stack([spectrum.backscal, spectrum.areascal])
    if not np.all((scales >= 0) & np.isfinite(scales)) or np.any(np.all(scales == 0, axis=1)):
        raise OutputError(
            path, "would hold impossible BACKSCAL or AREASCAL", "extract the spectrum again"
        )
    if not (spectrum.exposure > 0 and np.isfinite(spectrum.exposure)):
        raise OutputError(
            path, f"would hold an exposure of {spectrum.exposure:g} s", "extract the spectrum again"
        )


def _common(spectra: Sequence[PhaSpectrum], kind: str) -> dict[str, Any]:
    spectrum = spectra[0]
    return {
        "HDUCLASS": "OGIP", "HDUCLAS1": "SPECTRUM",
        "HDUCLAS2": str(
            spectrum.header.get("HDUCLAS2", "TOTAL" if spectrum.poisson else "NET")
        ),
        "HDUCLAS3": "COUNT", "HDUCLAS4": kind, "HDUVERS": _VERSION,
        "TELESCOP": str(spectrum.header.get("TELESCOP", "unknown")),
        "INSTRUME": str(spectrum.header.get("INSTRUME", "unknown")),
        "FILTER": str(spectrum.header.get("FILTER", "none")),
        "CHANTYPE": str(spectrum.header.get("CHANTYPE", "PI")),
        "DETCHANS": spectrum.detector_channels, "POISSERR": bool(spectrum.poisson),
        "CORRFILE": "none", "CORRSCAL": 1.0,
    }  # fmt: skip


def _channel_limits(number: int, spectrum: PhaSpectrum) -> dict[str, Any]:
    first = spectrum.first_channel
    return {
        f"TLMIN{number}": (first, "first channel of the detector"),
        f"TLMAX{number}": first + spectrum.detector_channels - 1,
    }


def _scales(spectrum: PhaSpectrum) -> dict[str, np.ndarray]:
    number = len(spectrum.channels)
    systematic = spectrum.systematic_error
    return {
        "BACKSCAL": np.broadcast_to(spectrum.backscal, number),
        "AREASCAL": np.broadcast_to(spectrum.areascal, number),
        "SYS_ERR": np.zeros(number) if systematic is None else systematic,
    }


def _flags(spectrum: PhaSpectrum) -> dict[str, np.ndarray]:
    none = np.zeros(len(spectrum.channels), dtype=np.int16)
    return {
        "QUALITY": none if spectrum.quality is None else spectrum.quality.astype(np.int16),
        "GROUPING": none if spectrum.grouping is None else spectrum.grouping.astype(np.int16),
    }


def _integers(name: str, values: np.ndarray) -> fits.Column:
    return fits.Column(name, "J", array=values.astype(np.int32))


def _counts(counts: np.ndarray, flat: bool = False) -> fits.Column:
    """Return the column COUNTS, of integers where they are whole and fit."""
    whole = bool(np.all(counts == np.round(counts)) and np.all(np.abs(counts) < 2**31))
    values = counts.astype(np.int32) if whole else counts
    form = f"{'' if flat else counts.shape[1]}{'J' if whole else 'D'}"
    return fits.Column("COUNTS", form, unit="count", array=values[0] if flat else values)
