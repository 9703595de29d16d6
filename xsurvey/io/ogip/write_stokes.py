"""Spectra of Stokes parameters written as XSPEC reads them: rates with errors, TYPE I."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.io import fits

from xsurvey.errors import OutputError
from xsurvey.io.atomic import atomic_output
from xsurvey.io.fits_writer import write_hdus
from xsurvey.io.ogip.headers import add_keywords
from xsurvey.io.ogip.stokes import Stokes, stokes_keyword
from xsurvey.io.ogip.types import PhaSpectrum


def write_stokes_pha(
    path: str | os.PathLike[str], spectrum: PhaSpectrum, stokes: Stokes,
    header: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Write the spectrum of a Stokes parameter, whole or not at all; a file there is replaced.

    Parameters
    ----------
    path : path
    spectrum : PhaSpectrum
        With errors; of Q and U of either sign. ``ancillary_file`` names the effective area of I,
        the modulation response of Q and U. BACKSCAL and AREASCAL are the same in all channels.
    stokes : {'I', 'Q', 'U'}
        For XFLT0001, where XSPEC's polarization models look.
    header : mapping, optional
        Keywords that go before those of ``spectrum.header``.

    Raises
    ------
    OutputError
        The file cannot be written, or its numbers are such that a reader would refuse it.
    """
    error = _checked(path, spectrum)
    columns = [
        fits.Column("CHANNEL", "J", array=spectrum.channels.astype(np.int32)),
        fits.Column("RATE", "D", unit="count/s", array=spectrum.counts / spectrum.exposure),
        fits.Column("STAT_ERR", "D", unit="count/s", array=error / spectrum.exposure),
    ]
    own = spectrum.header
    keywords: dict[str, Any] = {"SYS_ERR": 0.0}
    for name, flags in (("QUALITY", spectrum.quality), ("GROUPING", spectrum.grouping)):
        if flags is not None and np.any(flags):
            columns.append(fits.Column(name, "I", array=flags.astype(np.int16)))
        else:
            keywords[name] = 0
    first = spectrum.first_channel
    keywords |= {
        "HDUCLASS": "OGIP", "HDUCLAS1": "SPECTRUM",
        "HDUCLAS2": str(own.get("HDUCLAS2", "TOTAL")), "HDUCLAS3": "RATE", "HDUCLAS4": "TYPE:I",
        "HDUVERS": "1.2.1", "TELESCOP": str(own.get("TELESCOP", "unknown")),
        "INSTRUME": str(own.get("INSTRUME", "unknown")), "FILTER": str(own.get("FILTER", "none")),
        "CHANTYPE": str(own.get("CHANTYPE", "PI")), "DETCHANS": spectrum.detector_channels,
        "TLMIN1": (first, "first channel of the detector"),
        "TLMAX1": first + spectrum.detector_channels - 1,
        "EXPOSURE": (spectrum.exposure, "[s] exposure"),
        "BACKSCAL": float(spectrum.backscal[0]), "AREASCAL": float(spectrum.areascal[0]),
        "POISSERR": stokes == "I" and bool(spectrum.poisson), "CORRFILE": "none", "CORRSCAL": 1.0,
        "BACKFILE": spectrum.background_file or "none",
        "RESPFILE": spectrum.response_file or "none",
        "ANCRFILE": spectrum.ancillary_file or "none",
        "XFLT0001": (stokes_keyword(stokes), f"Stokes {stokes}"),
    }  # fmt: skip
    table = fits.BinTableHDU.from_columns(columns, name="SPECTRUM")
    add_keywords(table.header, [keywords, header or {}, own])
    with atomic_output(path) as temporary:
        write_hdus(temporary, [fits.PrimaryHDU(), table])


def _checked(path: str | os.PathLike[str], spectrum: PhaSpectrum) -> np.ndarray:
    """Return the errors, all being as readers want it."""
    error = spectrum.statistical_error
    if not len(spectrum.counts) or not np.all(np.isfinite(spectrum.counts)):
        raise OutputError(path, "would hold no or impossible rates", "extract them again")
    if error is None or not np.all(np.isfinite(error) & (error >= 0)):
        raise OutputError(path, "would hold rates without errors", "give their errors")
    if not (spectrum.exposure > 0 and np.isfinite(spectrum.exposure)):
        raise OutputError(
            path, f"would hold an exposure of {spectrum.exposure:g} s", "extract the spectrum again"
        )
    for name, scale in (("BACKSCAL", spectrum.backscal), ("AREASCAL", spectrum.areascal)):
        if not (np.all(scale == scale[0]) and scale[0] > 0 and np.isfinite(scale[0])):
            raise OutputError(
                path, f"would hold {name} that differ or are impossible", "give one above zero"
            )
    return error
