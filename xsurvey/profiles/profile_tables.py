"""Surface-brightness profiles as FITS tables: one row a bin, all sectors in one table."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.io import fits

from xsurvey import __version__
from xsurvey.errors import InputError, plain_ascii
from xsurvey.inference.poisson_rate import CONFIDENCE
from xsurvey.io.atomic import atomic_output
from xsurvey.io.fits_file import open_fits
from xsurvey.io.fits_writer import write_hdus
from xsurvey.profiles.azimuthal import AzimuthalMedian
from xsurvey.profiles.bin_flags import BinFlag
from xsurvey.profiles.brightness import brightness
from xsurvey.profiles.geometry import RadialGeometry
from xsurvey.profiles.radial_profile import RadialProfile

EXTENSION = "PROFILE"
_BRIGHTNESS = "count s-1 arcmin-2"
_UNITS = {
    "radius": "arcmin", "radius_width": "arcmin", "radius_inner": "arcmin",
    "radius_outer": "arcmin", "brightness": _BRIGHTNESS, "brightness_err": _BRIGHTNESS,
    "brightness_lower": _BRIGHTNESS, "brightness_upper": _BRIGHTNESS,
    "brightness_sys": _BRIGHTNESS, "counts": "count", "background_counts": "count",
    "exposure": "s", "exposure_area": "s arcmin2", "area": "arcmin2",
    "geometric_area": "arcmin2", "median": _BRIGHTNESS, "median_lower": _BRIGHTNESS,
    "median_upper": _BRIGHTNESS, "sector_first": "deg", "sector_last": "deg",
}  # fmt: skip
_COMMENTS = {
    "sector": "0 is all angles, or the one sector", "radius": "middle of the bin",
    "radius_width": "full width of the bin", "brightness": "background subtracted",
    "brightness_err": "square root of the counts; of none the one-sided 68.3 % limit",
    "brightness_lower": "central Poisson interval", "brightness_upper": "central Poisson interval",
    "brightness_sys": "by the background, correlated between bins",
    "exposure": "mean of the counted pixels", "area": "solid angle of the counted pixels",
    "geometric_area": "solid angle of the whole bin", "median": "azimuthal median of cells",
}  # fmt: skip


def profile_columns(profile: RadialProfile) -> dict[str, np.ndarray]:
    """Return the columns of a profile, one entry a bin: names without units to arrays (n,)."""
    light = brightness(profile)
    return {
        "radius": profile.radius, "radius_width": profile.width,
        "radius_inner": profile.edges[:-1], "radius_outer": profile.edges[1:],
        "brightness": light.value, "brightness_err": light.error, "brightness_lower": light.lower,
        "brightness_upper": light.upper, "brightness_sys": light.systematic,
        "counts": profile.counts, "background_counts": profile.background,
        "exposure": profile.exposure, "exposure_area": profile.exposure_area,
        "area": profile.area, "geometric_area": profile.geometric_area, "flags": profile.flags,
    }  # fmt: skip


def write_profiles(
    path: str | os.PathLike[str], profiles: Sequence[RadialProfile], geometry: RadialGeometry,
    header: Mapping[str, Any] | None = None, medians: Sequence[AzimuthalMedian] = (),
    history: Sequence[str] = (),
) -> None:  # fmt: skip
    """Write profiles as the table PROFILE of a FITS file; `read_profiles` reads it back.

    Parameters
    ----------
    path : path
        Replaced if it exists.
    profiles : sequence of RadialProfile
        The column ``sector`` numbers them from 0; ``sector_first`` and ``sector_last`` are their
        position angles.
    geometry : RadialGeometry
        Centre and ellipse.
    header : mapping of str to object, optional
        Provenance: keyword to value, or to (value, comment); cosmology if it was used.
    medians : sequence of AzimuthalMedian, optional
        One a profile.
    history : sequence of str
        Lines of provenance.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    parts = []
    for number, profile in enumerate(profiles):
        columns = profile_columns(profile)
        first, last = profile.sector or (0.0, 360.0)
        whole = np.ones(len(profile.counts))
        columns = {
            "sector": whole.astype(int) * number, "sector_first": whole * first,
            "sector_last": whole * last, **columns,
        }  # fmt: skip
        if medians:
            of = medians[number]
            columns |= {"median": of.value, "median_lower": of.lower, "median_upper": of.upper}
        parts.append(columns)
    table = fits.BinTableHDU.from_columns(
        [_column(name, np.concatenate([p[name] for p in parts])) for name in parts[0]],
        name=EXTENSION,
    )  # fmt: skip
    for place, name in enumerate(parts[0], start=1):
        if name in _COMMENTS:
            table.header[f"TCOMM{place}"] = _COMMENTS[name]
    for key, value in {**_keywords(profiles[0], geometry), **(header or {})}.items():
        plain, comment = value if isinstance(value, tuple) else (value, None)
        table.header[key] = (plain_ascii(plain) if isinstance(plain, str) else plain, comment)
    for flag in BinFlag:
        table.header["COMMENT"] = f"flags {flag.value}: {str(flag.name).lower().replace('_', ' ')}"
    for line in history:
        table.header["HISTORY"] = plain_ascii(line)
    with atomic_output(path) as temporary:
        write_hdus(temporary, [fits.PrimaryHDU(), table])


def _column(name: str, values: np.ndarray) -> fits.Column:
    whole = name in ("flags", "sector")
    return fits.Column(
        name=name, format="J" if whole else "D", unit=_UNITS.get(name), array=values
    )  # fmt: skip


def _keywords(profile: RadialProfile, geometry: RadialGeometry) -> dict[str, Any]:
    words: dict[str, Any] = {
        "CREATOR": f"xsurvey {__version__}",
        "RA_CEN": (geometry.centre.ra, "[deg] centre, ICRS"),
        "DEC_CEN": (geometry.centre.dec, "[deg] centre, ICRS"),
        "CONFLEV": (CONFIDENCE, "probability of the intervals"),
    }  # fmt: skip
    if geometry.ellipse is not None:
        angle = geometry.ellipse[1]
        words["ELLRATIO"] = (geometry.axis_ratio, "major over minor axis")
        words["ELLANGLE"] = (angle, "[deg] position angle of the major axis")
    return words | dict(profile.stamps)


def read_profiles(path: str | os.PathLike[str]) -> tuple[list[dict[str, np.ndarray]], fits.Header]:
    """Read the profiles of a file of `write_profiles`.

    Returns
    -------
    profiles : list of dict
        One a sector: names of columns to arrays, as `profile_columns`, and the sector's.
    header : astropy.io.fits.Header

    Raises
    ------
    InputError
        Not such a file.
    """
    table = open_fits(path).find(EXTENSION)
    if not table:
        raise InputError(path, f"has no table {EXTENSION}", "give a file of xsurvey profile")
    with fits.open(path) as hdus:
        rows, header = hdus[EXTENSION].data, hdus[EXTENSION].header
        names = [n.lower() for n in rows.names]
        missing = {"sector", "radius", "brightness"} - set(names)
        if missing:
            raise InputError(
                path, f"has no column {min(missing)}", "give a file of xsurvey profile"
            )
        columns = {n: np.asarray(rows[n]).astype(rows[n].dtype.newbyteorder("=")) for n in names}
    profiles = [
        {n: v[columns["sector"] == number] for n, v in columns.items()}
        for number in np.unique(columns["sector"])
    ]
    return profiles, header
