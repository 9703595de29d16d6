"""Tables of polarization by frequency.

Columns are found by name, whatever the case of letters; each row has one of

- ``q``, ``u``, ``q_err``, ``u_err``: Q/I and U/I; with ``qu_cov`` their covariance, else zero;
- ``degree``, ``degree_err``, ``angle``, ``angle_err``: as `stokes_of_degrees`;
- ``degree``, ``degree_err``: without an angle;
- ``degree_ul`` with ``confidence`` (a column, or metadata for all): an upper limit of the true
  degree, or, where the column or metadata ``limit_kind`` is ``undetected``, one that what was
  measured is below, as minimum detectable polarizations are.

``pd`` and ``pa`` may stand for ``degree`` and ``angle``. The spectral axis is ``frequency``,
``nu``, ``energy``, ``e_ref`` or ``wavelength``, by its unit. Degrees, Q/I and U/I are fractions
where they have no unit, or percent by their unit; angles need one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.table import Table

from xsurvey.errors import InputError, printable
from xsurvey.sed.polarization.likelihood import stokes_of_degrees
from xsurvey.sed.polarization.measurements import Kind, PolarizationMeasurements
from xsurvey.sed.tables.flux_units import frequency_of
from xsurvey.sed.tables.table_file import read_table

_AXES = ("frequency", "nu", "freq", "energy", "e_ref", "wavelength")
_NAMES = {
    "q": ("q",), "u": ("u",), "q_err": ("q_err",), "u_err": ("u_err",), "qu_cov": ("qu_cov",),
    "degree": ("degree", "pd"), "degree_err": ("degree_err", "pd_err"),
    "degree_ul": ("degree_ul", "pd_ul"),
    "angle": ("angle", "pa"), "angle_err": ("angle_err", "pa_err"),
}  # fmt: skip
_INSTRUMENTS = ("instrument", "telescope", "facility")


def read_polarization(path: Path | str) -> PolarizationMeasurements:
    """Read measured polarization by frequency.

    Returns
    -------
    PolarizationMeasurements
        In the order of frequency.

    Raises
    ------
    InputError
        The file is missing or no table, lacks a column or a unit, has units of something else, no
        rows, or a row that has nothing, too much, or values that cannot be.
    """
    path = Path(path)
    return measurements_of(path, read_table(path))


def measurements_of(
    path: Path, table: Table, notes: Sequence[str] = ()
) -> PolarizationMeasurements:
    """Return what a table holds, with notes on where it is from.

    Raises
    ------
    InputError
        As `read_polarization`; errors name the path.
    """
    return _Reading(path, table, notes).measurements()


class _Reading:
    """One table being read."""

    def __init__(self, path: Path, table: Table, notes: Sequence[str]) -> None:
        self.path, self.table = path, table
        self.meta = {str(k).lower(): v for k, v in dict(table.meta).items()}
        self.by_lower = {name.lower(): name for name in reversed(table.colnames)}
        self.nothing = np.full(len(table), np.nan)
        self.notes: list[str] = list(notes)

    def measurements(self) -> PolarizationMeasurements:
        """Return what the table holds."""
        if not len(self.table):
            raise self.error("has no rows", "give a table with measurements")
        frequency = self.frequency()
        x = {name: self.fraction(name) for name in _NAMES if not name.startswith("angle")}
        x |= {name: self.angle(name) for name in ("angle", "angle_err")}
        kinds = self.kinds(x)
        stokes = np.array([kind is Kind.STOKES for kind in kinds])
        limits = np.array([kind in (Kind.LIMIT, Kind.UNDETECTED) for kind in kinds])
        confidence = np.where(limits, self.confidence(limits), np.nan)
        covariance = np.full((len(self.table), 2, 2), np.nan)
        direct = stokes & np.isfinite(x["q"])
        cov = np.where(np.isfinite(x["qu_cov"]), x["qu_cov"], 0.0)
        covariance[direct] = np.stack(
            [np.stack([x["q_err"] ** 2, cov], -1), np.stack([cov, x["u_err"] ** 2], -1)], -2
        )[direct]
        self.refuse(
            direct & (cov**2 >= (x["q_err"] * x["u_err"]) ** 2), "a covariance above its errors"
        )
        other = stokes & ~direct
        if other.any():
            made = stokes_of_degrees(
                *(x[n][other] for n in ("degree", "degree_err", "angle", "angle_err"))
            )
            x["q"][other], x["u"][other], covariance[other] = made.q, made.u, made.covariance
        x["degree"][stokes] = x["degree_err"][stokes] = np.nan
        order = np.argsort(frequency, kind="stable")
        instruments = self.words(_INSTRUMENTS)
        return PolarizationMeasurements(
            name=self.path.name, frequency=frequency[order],
            kinds=tuple(kinds[i] for i in order), q=x["q"][order], u=x["u"][order],
            covariance=covariance[order], degree=x["degree"][order],
            degree_error=x["degree_err"][order], limit=x["degree_ul"][order],
            confidence=confidence[order], instruments=tuple(instruments[i] for i in order),
            source=printable(str(self.meta.get("source") or self.meta.get("object") or "")),
            notes=tuple(self.notes),
        )  # fmt: skip

    def error(self, cause: str, remedy: str) -> InputError:
        return InputError(self.path, cause, remedy)

    def refuse(self, bad: np.ndarray, what: str) -> None:
        """Raise where a row is bad; the first of all is row 1."""
        if bad.any():
            row = int(np.flatnonzero(bad)[0]) + 1
            raise self.error(f"has {what} in row {row}", "correct the row")

    def found(self, names: tuple[str, ...]) -> str | None:
        return next((self.by_lower[n] for n in names if n in self.by_lower), None)

    def numbers(self, name: str) -> np.ndarray:
        column = self.table[name]
        kind = getattr(column, "dtype", np.dtype(object)).kind
        if kind not in "fiu" or getattr(column, "ndim", 1) != 1:
            raise self.error(f"column {name} has no plain numbers", "write one number a row")
        return np.array(np.ma.filled(np.ma.asarray(column, float), np.nan), float)

    def converted(self, name: str, convert: Callable[[u.UnitBase], np.ndarray]) -> np.ndarray:
        unit = getattr(self.table[name], "unit", None)
        if unit is None or str(unit).strip() == "":
            raise self.error(f"column {name} has no unit", "write one, as in ECSV")
        try:
            return np.asarray(convert(u.Unit(unit)), float)
        except (u.UnitConversionError, u.UnitTypeError, ValueError, TypeError, AttributeError):
            raise self.error(
                f"column {name} is in '{unit}'", "use Hz, keV or Angstrom for the spectral axis, "
                "deg for angles, % for degrees",
            ) from None  # fmt: skip

    def frequency(self) -> np.ndarray:
        name = self.found(_AXES)
        if name is None:
            columns = ", ".join(printable(n) for n in self.table.colnames)
            raise self.error(f"has no spectral axis, but {columns}", f"call it {_AXES[0]}")
        values = self.numbers(name)
        frequency = self.converted(name, lambda unit: frequency_of(values, unit))
        self.refuse(
            ~((frequency > 0) & np.isfinite(frequency)), f"no positive spectral axis ({name})"
        )
        return frequency

    def fraction(self, name: str) -> np.ndarray:
        """Return a column of fractions; NaN where it is not there."""
        column = self.found(_NAMES[name])
        if column is None:
            return self.nothing.copy()
        values = self.numbers(column)
        unit = getattr(self.table[column], "unit", None)
        if unit is not None and str(unit).strip() != "":
            plain = u.dimensionless_unscaled
            values = self.converted(column, lambda unit: (values * unit).to_value(plain))
        self.refuse(
            np.abs(values) > 1,
            f"a value above 1 ({column}, as a fraction: percent need the unit %)",
        )
        return values

    def angle(self, name: str) -> np.ndarray:
        column = self.found(_NAMES[name])
        if column is None:
            return self.nothing.copy()
        values = self.numbers(column)
        return self.converted(column, lambda unit: (values * unit).to_value(u.deg))

    def kinds(self, x: dict[str, np.ndarray]) -> list[Kind]:
        """Return what each row is, and raise for one that is not of one kind."""
        has = {name: np.isfinite(values) for name, values in x.items()}
        stokes, degree, limit = has["q"] | has["u"], has["degree"], has["degree_ul"]
        number = stokes.astype(int) + degree + limit
        self.refuse(number == 0, "neither q and u, nor a degree, nor a limit (degree_ul)")
        self.refuse(number > 1, "more than one of q and u, a degree, and a limit (degree_ul)")
        self.refuse(stokes & ~(has["q"] & has["u"]), "one of q and u without the other")
        for name in ("q_err", "u_err"):
            self.refuse(stokes & ~(x[name] > 0), f"no positive {name}")
        self.refuse(degree & ~(x["degree"] > 0), "a degree that is not positive")
        self.refuse(degree & ~(x["degree_err"] > 0), "no positive degree_err")
        self.refuse(has["angle"] & ~degree, "an angle without a degree")
        angle = degree & has["angle"]
        self.refuse(angle & ~(x["angle_err"] > 0), "no positive angle_err")
        self.refuse(limit & ~(x["degree_ul"] > 0), "a limit that is not positive")
        undetected = self.undetected(limit)
        return [
            Kind.STOKES if a or s else Kind.DEGREE if d else Kind.UNDETECTED if n else Kind.LIMIT
            for a, s, d, n in zip(angle, stokes, degree, undetected, strict=True)
        ]

    def undetected(self, limit: np.ndarray) -> np.ndarray:
        words = self.words(("limit_kind",), str(self.meta.get("limit_kind") or ""))
        known = {"": False, "limit": False, "undetected": True}
        unknown = np.array([word.lower() not in known for word in words]) & limit
        self.refuse(unknown, "a limit_kind that is neither limit nor undetected")
        told = np.array([bool(word) for word in words])
        if (limit & ~told).any():
            self.notes.append("limits without limit_kind are taken for those of true degrees")
        return np.array([known.get(word.lower(), False) for word in words]) & limit

    def confidence(self, limits: np.ndarray) -> np.ndarray:
        column = self.found(("confidence",))
        if column is not None:
            values = self.numbers(column)
        else:
            try:
                values = np.full(len(self.table), float(self.meta.get("confidence", np.nan)))
            except (TypeError, ValueError):
                raise self.error(
                    f"has a confidence '{printable(str(self.meta['confidence']))}'",
                    "write a number",
                ) from None
        self.refuse(limits & ~np.isfinite(values), "a limit without its confidence")
        self.refuse(
            limits & ~((values > 0) & (values < 1)), "a confidence that is not between 0 and 1"
        )
        return values

    def words(self, names: tuple[str, ...], default: str = "") -> list[str]:
        name = self.found(names)
        if name is None:
            return [default] * len(self.table)
        column = np.ma.filled(np.ma.asarray(self.table[name]).astype(str), "")
        return [printable(word.strip()) or default for word in column]
