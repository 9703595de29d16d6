"""Masses and thermodynamic profiles as records for JSON and as FITS tables."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

from astropy.io import fits

from xsurvey.errors import plain_ascii
from xsurvey.galaxy_clusters.cosmology import Cosmology
from xsurvey.io.atomic import atomic_output
from xsurvey.io.fits_writer import write_hdus
from xsurvey.profiles.mass import MassFit, Measured
from xsurvey.profiles.thermodynamics import ThermodynamicProfile

EXTENSION = "THERMODYNAMICS"
_COMMENTS = {
    "density": "electrons", "pressure": "of the electrons", "entropy": "kT n_e^(-2/3)",
    "cooling_time": "3/2 (n_e + n_i) kT / (n_e n_H Lambda)", "gas_mass": "inside the radius",
    "luminosity": "of all inside the radius",
}  # fmt: skip


def mass_record(
    fit: MassFit,
    redshift: float,
    cosmology: Cosmology,
    further: Mapping[str, Measured] | None = None,
) -> dict[str, Any]:
    """Return a mass fit as JSON values; null where there is no number.

    Parameters
    ----------
    fit : MassFit
    redshift : float
    cosmology : Cosmology
    further : mapping of str to Measured, optional
        Such as those of `xsurvey.profiles.thermodynamics.gas_in`.
    """
    quantities = dict(fit.quantities) | dict(further or {})
    return {
        "redshift": redshift,
        "cosmology": cosmology.normalised(),
        "quantities": {
            name: {
                "value": _number(q.value), "lower": _number(q.lower), "upper": _number(q.upper),
                "confidence": fit.confidence, "unit": q.unit,
            }
            for name, q in quantities.items()
        },
        "statistic": {"name": "chi2", "value": _number(fit.statistic), "dof": fit.dof,
                      "p_value": _number(fit.p_value)},
        "converged": fit.chains.converged,
        "notes": list(fit.notes),
    }  # fmt: skip


def thermodynamic_table(
    profile: ThermodynamicProfile, redshift: float, cosmology: Cosmology,
    header: Mapping[str, Any] | None = None,
) -> fits.BinTableHDU:  # fmt: skip
    """Return a profile as a FITS table: a row a radius, three columns a quantity.

    Parameters
    ----------
    profile : ThermodynamicProfile
    redshift : float
    cosmology : Cosmology
        Stamped as H0 and OMEGA_M.
    header : mapping of str to object, optional
        Further keywords: to a value, or to (value, comment).
    """
    kpc_per_arcmin = cosmology.kpc_per_arcmin(redshift)
    columns = [
        fits.Column("radius", "D", unit="arcmin", array=profile.radius / kpc_per_arcmin),
        fits.Column("radius_kpc", "D", unit="kpc", array=profile.radius),
    ]
    for name, q in profile.quantities.items():
        for suffix, values in (("", q.value), ("_lower", q.lower), ("_upper", q.upper)):
            columns.append(fits.Column(name + suffix, "D", unit=q.unit or None, array=values))
    table = fits.BinTableHDU.from_columns(columns, name=EXTENSION)
    for number, column in enumerate(table.columns, start=1):
        if column.name in _COMMENTS:
            table.header.comments[f"TTYPE{number}"] = _COMMENTS[column.name]
    stamps: dict[str, Any] = {
        "REDSHIFT": redshift, **cosmology.stamps(), "KPCARCM": (kpc_per_arcmin, "kpc per arcmin"),
        "CONFID": (profile.confidence, "probability inside the intervals"), **(header or {}),
    }  # fmt: skip
    for key, value in stamps.items():
        content, comment = value if isinstance(value, tuple) else (value, "")
        table.header[key] = (plain_ascii(content) if isinstance(content, str) else content, comment)
    return table


def write_thermodynamics(
    path: str | os.PathLike[str], profile: ThermodynamicProfile, redshift: float,
    cosmology: Cosmology, header: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Write a profile as a FITS file with one table.

    Raises
    ------
    OutputError
        It cannot be written there.
    """
    table = thermodynamic_table(profile, redshift, cosmology, header)
    with atomic_output(path) as partial:
        write_hdus(partial, [fits.PrimaryHDU(), table])


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
