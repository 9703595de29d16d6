"""Light curves written as OGIP files (OGIP/93-003) that other tools open."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence

import numpy as np
from astropy.io import fits

from xsurvey import __version__
from xsurvey.errors import printable
from xsurvey.inference.poisson_rate import CONFIDENCE, LIMIT_CONFIDENCE
from xsurvey.io.atomic import atomic_output
from xsurvey.io.fits_writer import write_hdus
from xsurvey.timing.light_curve import LightCurve


def write_light_curve(
    path: str | os.PathLike[str], curve: LightCurve, header: Mapping[str, object] | None = None,
    history: Sequence[str] = (), limit_confidence: float = LIMIT_CONFIDENCE,
) -> None:  # fmt: skip
    """Write a light curve as the table RATE of a FITS file; `read_light_curve` reads it back.

    Columns TIME (centres) and TIMEDEL, and one value a band of COUNTS and BACK_COUNTS (raw),
    BACKRATIO, EXPOSURE and FRACEXP (= EXPOSURE / TIMEDEL), RATE (net) and ERROR as their
    counterparts in `LightCurve`, the ends RATE_LO and RATE_HI of the interval, and the upper limit
    RATE_UL. A light curve of one band has plain columns, as most tools expect.

    Parameters
    ----------
    path : path
        Replaced if it exists.
    curve : LightCurve
    header : mapping of str to object, optional
        Provenance: keywords and values.
    history : sequence of str
        Lines of provenance, for HISTORY.
    limit_confidence : float
        Of RATE_UL.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    table = fits.BinTableHDU.from_columns(_columns(curve, limit_confidence), name="RATE")
    for key, value in {
        **_keywords(curve, limit_confidence),
        **curve.stamps,
        **(header or {}),
    }.items():
        plain, comment = value if isinstance(value, tuple) else (value, None)
        table.header[key] = (_ascii(plain) if isinstance(plain, str) else plain, comment)
    for line in history:
        table.header["HISTORY"] = _ascii(line)
    for warning in curve.warnings:
        table.header["COMMENT"] = _ascii(f"warning: {warning}")
    with atomic_output(path) as temporary:
        write_hdus(temporary, [fits.PrimaryHDU(), table])


def _columns(curve: LightCurve, limit_confidence: float) -> list[fits.Column]:
    low, high = curve.rate_interval()
    number = len(curve.bands)
    unit = _fits_unit(curve.rate_unit)
    of_source = curve.exposure_unit == "s"
    by_band = [
        ("COUNTS", "J" if curve.counts.max(initial=0) < 2**31 else "K", "count", curve.counts),
        ("RATE", "D", unit, curve.rate),
        ("ERROR", "D", unit, curve.rate_error),
        ("RATE_LO", "D", unit, low),
        ("RATE_HI", "D", unit, high),
        ("RATE_UL", "D", unit, curve.upper_limit(limit_confidence)),
        ("BACK_COUNTS", "D", "count", curve.background_counts),
        ("BACKRATIO", "D", "", curve.background_scale),
        ("EXPOSURE", "D", curve.exposure_unit, curve.exposure),
    ]
    if of_source:  # with an area in it, an exposure is no fraction of the time
        by_band.append(("FRACEXP", "D", "", curve.exposure / curve.timedel[:, None]))
    columns = [
        fits.Column(name="TIME", format="1D", unit="s", array=curve.time),
        fits.Column(name="TIMEDEL", format="1D", unit="s", array=curve.timedel),
    ]
    for name, code, of, values in by_band:
        columns.append(
            fits.Column(
                name=name, format=f"{number}{code}", unit=of or None,
                array=values[:, 0] if number == 1 else values,
            )
        )  # fmt: skip
    return columns


def _keywords(curve: LightCurve, limit_confidence: float) -> dict[str, object]:
    words: dict[str, object] = {
        "HDUCLASS": "OGIP", "HDUCLAS1": "LIGHTCURVE", "HDUCLAS2": "TOTAL", "HDUCLAS3": "COUNT",
        "CREATOR": f"xsurvey {__version__}", "TELESCOP": curve.telescope,
        "INSTRUME": curve.instrument, "OBJECT": curve.target,
        "TIMEUNIT": "s", "TIMEZERO": 0.0, "TIMEPIXR": (0.5, "TIME is the centre of the bin"),
        "BACKAPP": (True, "RATE is net of the background, COUNTS are not"),
        "CONFLEV": (CONFIDENCE, "probability of RATE_LO to RATE_HI"),
        "LIMLEV": (limit_confidence, "confidence of the upper limits RATE_UL"),
    }  # fmt: skip
    if curve.time_scale:
        words["TIMESYS"] = curve.time_scale
    if math.isfinite(curve.reference_mjd):
        words["MJDREF"] = curve.reference_mjd
    if len(curve):
        words |= {"TSTART": float(curve.start.min()), "TSTOP": float(curve.stop.max())}
        if np.ptp(curve.timedel) == 0:
            words["TIMEDEL"] = float(curve.timedel[0])
    for n, band in enumerate(curve.bands, start=1):
        if isinstance(band, str):
            words[f"BAND{n}"] = band
        else:
            words |= {f"E_MIN{n}": (band.minimum, "keV"), f"E_MAX{n}": (band.maximum, "keV")}
    return words


def _fits_unit(unit: str) -> str:
    return "count/s" if unit == "count / s" else "count/(s deg2)"


def _ascii(text: str) -> str:
    return printable(text).encode("ascii", "replace").decode()
