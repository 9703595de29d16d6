"""Spectral profiles as FITS files: a table of annuli, one of the background, a covariance."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.io import fits

from xsurvey import __version__
from xsurvey.errors import InputError, plain_ascii
from xsurvey.io.atomic import atomic_output
from xsurvey.io.fits_file import FitsFile, Table, open_fits
from xsurvey.io.fits_writer import write_hdus
from xsurvey.profiles.bin_flags import BinFlag
from xsurvey.profiles.region_layout import SpectralRegion
from xsurvey.profiles.spectral_profile import QUANTITIES, Measured, SpectralProfile
from xsurvey.units import EnergyBand

_ANNULI, _BACKGROUND, _COVARIANCE = "SPECTRAL_PROFILE", "BACKGROUND", "KT_COVARIANCE"
_MEASURED = (*QUANTITIES, "flux")
_ENDS = (("value", ""), ("lower", "_lower"), ("upper", "_upper"))
_REMEDY = "make it again"
_ALL_ANGLES = (0.0, 360.0)


def write_spectral_profile(
    path: str | os.PathLike[str], profile: SpectralProfile,
    header: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Write a spectral profile; `read_spectral_profile` reads it back.

    Parameters
    ----------
    path : path
        Replaced if it exists.
    profile : SpectralProfile
    header : mapping of str to object, optional
        More keywords: values, or values with comments.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    table = fits.BinTableHDU.from_columns(_columns(profile), name=_ANNULI)
    for key, value in {**_keywords(profile), **(header or {})}.items():
        plain, comment = value if isinstance(value, tuple) else (value, None)
        table.header[key] = (plain_ascii(plain) if isinstance(plain, str) else plain, comment)
    for flag in BinFlag:
        name = str(flag.name).lower().replace("_", " ")
        table.header["COMMENT"] = f"flags {flag.value}: {name}"
    for note in profile.notes:
        table.header["COMMENT"] = plain_ascii(f"note: {note}")
    covariance = fits.ImageHDU(profile.kt_covariance, name=_COVARIANCE)
    covariance.header["BUNIT"] = "keV2"
    hdus = [fits.PrimaryHDU(), table, _background(profile), covariance]
    with atomic_output(path) as temporary:
        write_hdus(temporary, hdus)


def read_spectral_profile(path: str | os.PathLike[str]) -> SpectralProfile:
    """Read what `write_spectral_profile` wrote.

    Raises
    ------
    InputError
        The file is missing, damaged, or something else.
    """
    file = open_fits(path)
    table, background = _table(file, _ANNULI), _table(file, _BACKGROUND)
    rows, header = table.read(), table.header
    try:
        with fits.open(path) as hdus:
            covariance = np.array(hdus[_COVARIANCE].data, float)
        stored = _json_of(background)
        measured = {
            name: Measured(*(np.array(rows[f"{name}{end}"], float) for _, end in _ENDS))
            for name in _MEASURED
        }
        return SpectralProfile(
            regions=tuple(_region(row) for row in rows), **measured,
            flux_band=EnergyBand(float(header["FLUX_MIN"]), float(header["FLUX_MAX"])),
            counts=np.array(rows["counts"], float), area=np.array(rows["area"], float),
            geometric_area=np.array(rows["geometric_area"], float),
            two_temperature_gain=np.array(rows["two_temperature_gain"], float),
            flags=np.array(rows["flags"], int), kt_covariance=covariance,
            background=stored["background"], statistic=stored["statistic"],
            goodness=stored["goodness"], scatter=float(header["SKYSCAT"]),
            deprojected=bool(header["DEPROJ"]), confidence=float(header["CONFLEV"]),
            notes=tuple(stored["notes"]), stamps=stored["stamps"],
        )  # fmt: skip
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(path, f"is damaged ({error})", _REMEDY) from None


def _columns(profile: SpectralProfile) -> list[fits.Column]:
    unit = {
        "kt": "keV", "kt_cool": "keV", "norm": profile.norm_unit, "norm_cool": profile.norm_unit,
        "flux": profile.flux_unit, "abundance": None,
    }  # fmt: skip
    regions = profile.regions
    width = max(len(region.name) for region in regions)
    sectors = np.array([region.sector or _ALL_ANGLES for region in regions], float)
    columns = [
        fits.Column("name", f"{width}A", array=[plain_ascii(r.name) for r in regions]),
        fits.Column("radius", "D", "arcmin", array=profile.radius),
        fits.Column("radius_inner", "D", "arcmin", array=[r.inner for r in regions]),
        fits.Column("radius_outer", "D", "arcmin", array=[r.outer for r in regions]),
        fits.Column("sector_first", "D", "deg", array=sectors[:, 0]),
        fits.Column("sector_last", "D", "deg", array=sectors[:, 1]),
        fits.Column("sky_sector", "J", array=[r.sky_sector for r in regions]),
    ]
    for name in _MEASURED:
        measured: Measured = getattr(profile, name)
        columns += [
            fits.Column(f"{name}{end}", "D", unit[name], array=getattr(measured, which))
            for which, end in _ENDS
        ]
    return [
        *columns,
        fits.Column("counts", "D", "count", array=profile.counts),
        fits.Column("area", "D", "arcmin2", array=profile.area),
        fits.Column("geometric_area", "D", "arcmin2", array=profile.geometric_area),
        fits.Column("two_temperature_gain", "D", array=profile.two_temperature_gain),
        fits.Column("flags", "J", array=profile.flags),
    ]


def _keywords(profile: SpectralProfile) -> dict[str, Any]:
    return {
        "CREATOR": f"xsurvey {__version__}",
        "DEPROJ": (profile.deprojected, "shells, not annuli"),
        "CONFLEV": (profile.confidence, "probability of the intervals"),
        "FLUX_MIN": (profile.flux_band.minimum, "keV, of the flux (unabsorbed)"),
        "FLUX_MAX": (profile.flux_band.maximum, "keV"),
        "SKYSCAT": (profile.scatter, "relative, of sky.scatter_of from place to place"),
        "STAT": (profile.statistic["value"], "cstat of all spectra"),
        "DOF": profile.statistic["dof"],
        "REDSHIFT": profile.stamps.get("redshift"),
        "ABUND": (profile.stamps.get("abundances"), "table of solar abundances"),
        "ATOMDB": profile.stamps.get("atomdb"),
    }  # fmt: skip


def _background(profile: SpectralProfile) -> fits.BinTableHDU:
    """Return the table of background parameters, and beside it all that has no column."""
    records = profile.background

    def number(record: dict[str, Any], key: str) -> float:
        value = record.get(key)
        return np.nan if value is None else float(value)

    width = max((len(name) for name in records), default=1)
    table = fits.BinTableHDU.from_columns([
        fits.Column("parameter", f"{width}A", array=list(records)),
        *(
            fits.Column(key, "D", array=[number(r, key) for r in records.values()])
            for key in ("value", "lower", "upper")
        ),
        fits.Column("unit", "32A", array=[str(r.get("unit") or "") for r in records.values()]),
        fits.Column("frozen", "L", array=[bool(r.get("frozen")) for r in records.values()]),
    ], name=_BACKGROUND)  # fmt: skip
    rest = {
        "background": profile.background, "statistic": profile.statistic,
        "goodness": profile.goodness, "notes": list(profile.notes), "stamps": profile.stamps,
    }  # fmt: skip
    table.header["RECORD"] = (json.dumps(rest, sort_keys=False), "all of it as JSON")
    return table


def _json_of(table: Table) -> dict[str, Any]:
    return dict(json.loads(table.header["RECORD"]))


def _table(file: FitsFile, name: str) -> Table:
    found = file.find(name)
    if not found:
        raise InputError(file.path, f"has no table {name}", "give a spectral profile of xsurvey")
    return found[0]


def _region(row: Any) -> SpectralRegion:
    sector = float(row["sector_first"]), float(row["sector_last"])
    name = row["name"]
    return SpectralRegion(
        (name.decode() if isinstance(name, bytes) else str(name)).strip(), "annulus",
        float(row["radius_inner"]), float(row["radius_outer"]),
        None if sector == _ALL_ANGLES else sector, int(row["sky_sector"]),
    )  # fmt: skip
