"""Profiles of earlier work to compare with, brought to the user's cosmology.

A reference is an ECSV table with columns ``radius``, ``value`` and ``error`` (or ``lower`` and
``upper``, ends of the 68.3 % interval), and in its metadata

- ``quantity``: one of `COSMOLOGY_POWERS`,
- ``reference``: where it is from,
- ``cosmology``: ``{h0: 70, omega_m: 0.3}``, which lengths and densities were made with,
- ``redshift``: that they were made with, if it is not the target's,
- ``radius_unit``: ``R200`` or ``R500`` where radii are relative; otherwise the column's unit is
  arcmin or kpc,
- ``scale_radius``: the R200 or R500 of the reference, in kpc or with ``scale_radius_unit: arcmin``,
  if relative radii are not to be taken relative to the target's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Table

from xsurvey.errors import InputError, ParameterError, nearest
from xsurvey.galaxy_clusters.cosmology import Cosmology

COSMOLOGY_POWERS = {
    "brightness": 0.0, "temperature": 0.0, "abundance": 0.0, "norm": 0.0,
    "density": -0.5, "entropy": 1 / 3, "pressure": -0.5, "cooling_time": 0.5,
    "gas_mass": 2.5, "luminosity": 2.0, "mass": 1.0,
}  # fmt: skip
"""Powers of the distance that quantities were inferred with: a density from brightness over length
goes as D^-0.5, an entropy kT n^(-2/3) as D^(1/3), a hydrostatic mass kT r as D."""

_RELATIVE = ("R200", "R500")
_ERROR_COLUMNS = "an `error` column, or `lower` and `upper`"


@dataclass(frozen=True)
class Target:
    """The cluster that references are compared with.

    Attributes
    ----------
    redshift : float
    cosmology : Cosmology
    r200, r500 : float or None
        kpc, if known.
    """

    redshift: float
    cosmology: Cosmology
    r200: float | None = None
    r500: float | None = None

    @property
    def kpc_per_arcmin(self) -> float:
        """Proper kpc that an arcmin is."""
        return self.cosmology.kpc_per_arcmin(self.redshift)

    def scale_radius(self, name: str) -> float:
        """Return R200 or R500 in kpc.

        Raises
        ------
        ParameterError
            It is not known.
        """
        radius = self.r200 if name == "R200" else self.r500
        if radius is None:
            raise ParameterError(
                name, "is not known, and a reference has its radii relative to it",
                f"give the target's {name}, or a mass that it follows from",
            )  # fmt: skip
        return radius


@dataclass(frozen=True)
class ReferenceProfile:
    """A profile as it was published.

    Attributes
    ----------
    name : str
    quantity : str
        One of `COSMOLOGY_POWERS`.
    radius : ndarray, shape (n,)
        Ascending.
    radius_unit : {'arcmin', 'kpc', 'R200', 'R500'}
    value, lower, upper : ndarray, shape (n,)
        With the ends of intervals of 68.3 %.
    unit : str
        Of the values.
    reference : str
        Where it is from.
    cosmology : Cosmology or None
    redshift : float or None
    scale_radius : (float, str) or None
        The reference's own R200 or R500, and its unit.
    """

    name: str
    quantity: str
    radius: np.ndarray
    radius_unit: str
    value: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    unit: str
    reference: str
    cosmology: Cosmology | None = None
    redshift: float | None = None
    scale_radius: tuple[float, str] | None = None

    def rescaled(self, target: Target) -> ReferenceProfile:
        """Return the profile with radii in arcmin, in the target's cosmology.

        Angles are what was measured: a length in kpc is taken back to the angle with the
        reference's cosmology and redshift; quantities that were inferred with a distance are
        multiplied by its ratio to the power that they depend on it.

        Raises
        ------
        ParameterError
            The cosmology of the reference is needed, and not stated.
        """
        unit, radius = self.radius_unit, self.radius
        if unit in _RELATIVE:
            if self.scale_radius is not None:
                radius, unit = radius * self.scale_radius[0], self.scale_radius[1]
            else:
                radius, unit = radius * target.scale_radius(unit) / target.kpc_per_arcmin, "arcmin"
        if unit == "kpc":
            radius = radius / self._kpc_per_arcmin(target)
        power = COSMOLOGY_POWERS[self.quantity]
        factor = (target.kpc_per_arcmin / self._kpc_per_arcmin(target)) ** power if power else 1.0
        return ReferenceProfile(
            self.name, self.quantity, radius, "arcmin", self.value * factor, self.lower * factor,
            self.upper * factor, self.unit, self.reference, target.cosmology, target.redshift,
        )  # fmt: skip

    def _kpc_per_arcmin(self, target: Target) -> float:
        if self.cosmology is None:
            raise ParameterError(
                self.name, f"has a {self.quantity} or radii that depend on a cosmology, and states "
                "none", "add `cosmology: {h0: 70, omega_m: 0.3}` to its metadata",
            )  # fmt: skip
        return self.cosmology.kpc_per_arcmin(self.redshift or target.redshift)


def read_reference(path: str | os.PathLike[str]) -> ReferenceProfile:
    """Read a reference profile from an ECSV table.

    Raises
    ------
    InputError
        The file is missing or no ECSV, a column or a metadatum is missing, or values are no
        numbers.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(file, "does not exist", "check the path")
    try:
        table = Table.read(file, format="ascii.ecsv")
    except Exception as error:  # whatever a damaged file makes of the reader
        cause = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(file, f"is no ECSV table ({cause[0]})", "give one") from None
    meta: Mapping[str, Any] = table.meta
    quantity = str(meta.get("quantity", ""))
    if quantity not in COSMOLOGY_POWERS:
        raise InputError(
            file, f"has the quantity '{quantity}'" if quantity else "does not tell its quantity",
            f"name it in the metadata: {nearest(quantity, COSMOLOGY_POWERS)}",
        )  # fmt: skip
    radius, value = _column(file, table, "radius"), _column(file, table, "value")
    lower, upper = _interval(file, table, value)
    order = np.argsort(radius, kind="stable")
    if not len(order) or radius.min() < 0 or np.any(np.diff(radius[order]) <= 0):
        raise InputError(file, "has radii that are negative, repeated, or none", "correct them")
    return ReferenceProfile(
        file.stem, quantity, radius[order], _radius_unit(file, table), value[order], lower[order],
        upper[order], str(table["value"].unit or ""), str(meta.get("reference", "not stated")),
        _cosmology(file, meta), _number(file, meta, "redshift"), _scale_radius(file, meta),
    )  # fmt: skip


def _column(file: Path, table: Table, name: str) -> np.ndarray:
    if name not in table.colnames:
        raise InputError(file, f"has no column '{name}'", "add it")
    try:
        values = np.asarray(np.ma.filled(np.ma.asarray(table[name]).astype(float), np.nan), float)
    except (TypeError, ValueError):
        raise InputError(file, f"column '{name}' holds no numbers", "correct it") from None
    if values.ndim != 1 or not np.all(np.isfinite(values)):
        raise InputError(file, f"column '{name}' is not a finite number everywhere", "correct it")
    return values


def _interval(file: Path, table: Table, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if "error" in table.colnames:
        error = _column(file, table, "error")
        lower, upper = value - error, value + error
    elif {"lower", "upper"} <= set(table.colnames):
        lower, upper = (_column(file, table, name) for name in ("lower", "upper"))
    else:
        raise InputError(file, "has no errors", f"add {_ERROR_COLUMNS}")
    if np.any(lower > value) or np.any(upper < value):
        raise InputError(file, "has negative errors", f"give {_ERROR_COLUMNS} about the values")
    return lower, upper


def _radius_unit(file: Path, table: Table) -> str:
    stated = table.meta.get("radius_unit")
    unit = table["radius"].unit
    if stated in _RELATIVE and unit is None:
        return str(stated)
    if stated is None and unit in (u.arcmin, u.kpc):
        return str(unit)
    raise InputError(
        file, "does not tell the unit of its radii",
        "give the column the unit arcmin or kpc, or the metadata `radius_unit: R200` (or R500)",
    )  # fmt: skip


def _cosmology(file: Path, meta: Mapping[str, Any]) -> Cosmology | None:
    stated = meta.get("cosmology")
    if stated is None:
        return None
    if not isinstance(stated, Mapping):
        raise InputError(
            file, f"has the cosmology {stated!r}", "write `cosmology: {h0: 70, omega_m: 0.3}`"
        )
    try:
        return Cosmology.read(dict(stated), "cosmology")
    except ParameterError as error:
        raise InputError(file, f"{error.subject} {error.cause}", error.remedy) from None


def _number(file: Path, meta: Mapping[str, Any], name: str) -> float | None:
    value = meta.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < np.inf:
        raise InputError(file, f"has a {name} that is no positive number", "correct it")
    return float(value)


def _scale_radius(file: Path, meta: Mapping[str, Any]) -> tuple[float, str] | None:
    value = _number(file, meta, "scale_radius")
    if value is None:
        return None
    unit = str(meta.get("scale_radius_unit", "kpc"))
    if unit not in ("kpc", "arcmin"):
        raise InputError(file, f"has a scale_radius in {unit}", "give it in kpc or arcmin")
    return value, unit
