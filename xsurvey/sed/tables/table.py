"""Tables of spectral energy distributions, as gammapy, agnpy and jetset have them, and plain ones.

Columns are found by name, whatever the case of letters:

- spectral axis: ``e_ref``, ``energy``, ``nu``, ``frequency``, ``wavelength``, ``x``, ...:
  frequency, photon energy or wavelength, by its unit;
- flux: ``e2dnde``, ``dnde``, ``flux``, ``nufnu``, ``fnu``, ``y``, ...: any flux density that
  `xsurvey.sed.tables.flux_units.flux_factor` knows, by its unit;
- its errors: the flux's name with ``_errn`` and ``_errp`` (``_err_lo``, ``_err_hi``, ...), or
  ``_err``, or ``dy``;
- upper limits: the flux's name with ``_ul``, where ``is_ul`` says so or there is no flux; or the
  flux itself where ``ul`` says so, as jetset has it;
- ``instrument`` or ``dataset``; ``confidence`` of limits.

Units are those of the table; a column without one is an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table
from scipy import stats

from xsurvey.errors import InputError, printable
from xsurvey.sed.tables.columns import converted, plain_numbers
from xsurvey.sed.tables.energy_distribution import SpectralEnergyDistribution
from xsurvey.sed.tables.flux_units import flux_factor, frequency_of
from xsurvey.sed.tables.table_file import read_table

_AXES = (
    "e_ref", "energy", "energy_ref", "e", "nu", "freq", "frequency", "wavelength", "lambda", "wave",
    "x",
)  # fmt: skip
_FLUXES = (
    "e2dnde", "dnde", "nufnu", "nu_fnu", "nufn", "nu_f_nu", "nufnu_obs", "flux", "sed", "fnu",
    "f_nu", "flux_density", "flambda", "f_lambda", "y",
)  # fmt: skip
_LOW = ("{}_errn", "{}_err_lo", "{}_err_low", "{}_errlo", "{}_err_minus", "{}_error_low",
        "{}_error_lo", "{}_err_neg")  # fmt: skip
_HIGH = ("{}_errp", "{}_err_hi", "{}_err_high", "{}_errhi", "{}_err_plus", "{}_error_high",
         "{}_error_hi", "{}_err_pos")  # fmt: skip
_BOTH = ("{}_err", "{}_error", "{}err", "d{}", "e_{}", "err_{}", "sigma_{}")
_LIMITS = ("{}_ul", "{}_upper_limit")
_FLAGS = ("is_ul", "ul", "is_limit", "upper_limit", "upperlimit", "limit")
_INSTRUMENTS = ("instrument", "dataset", "telescope", "mission", "facility")
_CONFIDENCES = ("confidence", "limit_confidence", "ul_conf", "cl")
_INTEGRALS = ("flux", "eflux", "likelihood", "norm")
"""Values of SED_TYPE of tables that are not of flux densities."""


def read_sed(path: Path | str) -> SpectralEnergyDistribution:
    """Read a spectral energy distribution.

    Parameters
    ----------
    path : path

    Returns
    -------
    SpectralEnergyDistribution
        In the order of frequency. Rows that have neither a flux nor a limit are left out, with a
        note.

    Raises
    ------
    InputError
        The file is missing or no table, lacks a column or a unit, has units of something else, no
        rows, or values that cannot be.
    """
    path = Path(path)
    return _Reading(path, read_table(path)).distribution()


def read_template(path: Path | str) -> tuple[np.ndarray, np.ndarray]:
    """Read a spectrum without errors, such as that of a galaxy, from a table like all others.

    Returns
    -------
    frequency : ndarray, shape (n,)
        As observed, Hz; rising.
    flux : ndarray, shape (n,)
        nu F_nu, erg / cm2 / s; positive.

    Raises
    ------
    InputError
        As `read_sed`; or there are less than two frequencies, one is there twice, or a flux is
        not positive.
    """
    path = Path(path)
    return _Reading(path, read_table(path)).template()


class _Reading:
    """One table being read."""

    def __init__(self, path: Path, table: Table) -> None:
        self.path, self.table = path, table
        self.meta = {str(k).lower(): v for k, v in dict(table.meta).items()}
        self.by_lower = {name.lower(): name for name in reversed(table.colnames)}
        self.logarithms = str(self.meta.get("data_scale", "lin-lin")).strip().lower() == "log-log"
        self.notes: list[str] = []

    def error(self, cause: str, remedy: str) -> InputError:
        return InputError(self.path, cause, remedy)

    def distribution(self) -> SpectralEnergyDistribution:
        """Return what the table holds."""
        flux, frequency, value = self.spectrum()
        low, high = self.errors(flux, frequency, value)
        value, is_limit = self.limits(flux, frequency, value)
        confidence = self.confidence(is_limit)
        self.check(value, low, high, is_limit)
        low, high = np.where(is_limit, np.nan, low), np.where(is_limit, np.nan, high)
        instruments = self.instruments()
        kept = np.isfinite(value)
        if not kept.any():
            raise self.error(f"has no flux ({flux}) in any row", "give a table with measurements")
        if not kept.all():
            self.notes.append(f"{np.sum(~kept)} rows have neither a flux nor a limit, and are "
                              "left out")  # fmt: skip
        order = np.flatnonzero(kept)[np.argsort(frequency[kept], kind="stable")]
        return SpectralEnergyDistribution(
            name=self.path.name, frequency=frequency[order], flux=value[order],
            error_low=low[order], error_high=high[order], is_limit=is_limit[order],
            limit_confidence=confidence[order],
            instruments=tuple(instruments[i] for i in order), redshift=self.redshift(),
            source=printable(self.text("source", "obj_name", "object")), notes=tuple(self.notes),
        )  # fmt: skip

    def spectrum(self) -> tuple[str, np.ndarray, np.ndarray]:
        """Return the name of the flux, frequencies and fluxes, in the order of the rows."""
        self.check_kind()
        axis, flux = self.needed("spectral axis", _AXES), self.needed("flux", _FLUXES)
        if not len(self.table):
            raise self.error("has no rows", "give a table with measurements")
        x = self.numbers(axis)
        frequency = self.converted(axis, lambda unit: frequency_of(x, unit))
        if not np.all((frequency > 0) & np.isfinite(frequency)):
            raise self.error(
                f"has a spectral axis ({axis}) that is not a positive number in row "
                f"{_first(~((frequency > 0) & np.isfinite(frequency)))}", "correct the row",
            )  # fmt: skip
        return flux, frequency, self.fluxes(flux, frequency)

    def template(self) -> tuple[np.ndarray, np.ndarray]:
        """Return what the table holds, for one without errors."""
        flux, frequency, value = self.spectrum()
        if np.any(bad := ~((value > 0) & np.isfinite(value))):
            raise self.error(f"has a flux ({flux}) that is not a positive number in row "
                             f"{_first(bad)}", "leave the row out")  # fmt: skip
        order = np.argsort(frequency)
        frequency, value = frequency[order], value[order]
        if len(frequency) < 2 or np.any(np.diff(frequency) <= 0):
            raise self.error("does not have two frequencies, each of them once",
                             "give one flux for each")  # fmt: skip
        return frequency, value

    def check_kind(self) -> None:
        """Raise for integrated fluxes, scanned likelihoods and the source's own frame."""
        kind = str(self.meta.get("sed_type", "")).strip().lower()
        integral = kind in _INTEGRALS and not any(n in self.by_lower for n in ("dnde", "e2dnde"))
        if integral or ("eflux" in self.by_lower and self.found(_FLUXES) is None):
            raise self.error(
                f"has {kind or 'eflux'}, which is no flux density", "convert it to dnde or e2dnde"
            )
        if str(self.meta.get("restframe", "obs")).strip().lower() not in ("obs", "observed"):
            raise self.error("is of the source's own frame (restframe)",
                             "give fluxes and frequencies as observed")  # fmt: skip
        scale = str(self.meta.get("data_scale", "lin-lin")).strip().lower()
        if scale not in ("lin-lin", "log-log"):
            raise self.error(f"has a data_scale '{scale}'", "use lin-lin or log-log")

    def found(self, names: Sequence[str]) -> str | None:
        return next((self.by_lower[n] for n in names if n in self.by_lower), None)

    def of_flux(self, forms: Sequence[str], flux: str) -> str | None:
        return self.found([form.format(flux.lower()) for form in forms])

    def needed(self, what: str, names: Sequence[str]) -> str:
        found = self.found(names)
        if found is None:
            columns = ", ".join(printable(n) for n in self.table.colnames)
            raise self.error(
                f"has no column of the {what}, but {columns}", f"call it {names[0]} or {names[4]}"
            )
        return found

    def numbers(self, name: str) -> np.ndarray:
        """Return a column of numbers; masked ones are NaN, powers of ten of logarithms taken."""
        values = plain_numbers(self.path, self.table, name)
        return 10.0**values if self.logarithms else values

    def converted(self, name: str, convert: Any) -> np.ndarray:
        """Return what ``convert`` makes of the unit of a column."""
        return converted(self.path, self.table, name, convert)

    def fluxes(self, name: str, frequency: np.ndarray) -> np.ndarray:
        values = self.numbers(name)
        return self.converted(name, lambda unit: values * flux_factor(unit, frequency))

    def errors(
        self, flux: str, frequency: np.ndarray, value: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the errors downwards and upwards; where there is one of them it is both."""
        names = [self.of_flux(forms, flux) for forms in (_LOW, _HIGH)]
        both = self.of_flux(_BOTH, flux) or self.found(("err", "error"))
        if both is None and names == [None, None]:
            raise self.error(
                f"has no errors of {flux}", f"add a column {flux}_err, or {flux}_errn and "
                f"{flux}_errp",
            )  # fmt: skip
        sides = [
            np.full(len(value), np.nan) if name is None else self.error_column(name, frequency,
                                                                               value)
            for name in (names[0], names[1], both)
        ]  # fmt: skip
        low, high, equal = sides
        low = np.where(np.isnan(low), equal, low)
        high = np.where(np.isnan(high), equal, high)
        return np.where(np.isnan(low), high, low), np.where(np.isnan(high), low, high)

    def error_column(self, name: str, frequency: np.ndarray, value: np.ndarray) -> np.ndarray:
        if self.logarithms:  # of log10 of the flux
            return np.log(10) * value * np.log10(self.numbers(name))
        return self.fluxes(name, frequency)

    def limits(
        self, flux: str, frequency: np.ndarray, value: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the fluxes with limits in their places, and which rows are limits."""
        flag, column = self.found(_FLAGS), self.of_flux(_LIMITS, flux)
        if column is not None and flag == column:
            flag = None
        limit = value if column is None else self.fluxes(column, frequency)
        told = np.isnan(value) & np.isfinite(limit) if flag is None else self.flags(flag)
        is_limit = np.asarray(told, bool)
        if np.any(is_limit & ~(limit > 0)):
            raise self.error(
                f"has a limit that is not positive in row {_first(is_limit & ~(limit > 0))}",
                "correct the row",
            )  # fmt: skip
        return np.where(is_limit, limit, value), is_limit

    def flags(self, name: str) -> np.ndarray:
        column = np.ma.filled(np.ma.asarray(self.table[name]), False)
        if column.dtype.kind in "US":
            words = np.char.lower(np.char.strip(column.astype(str)))
            known = {"true": True, "1": True, "false": False, "0": False, "": False}
            if not set(words.tolist()) <= set(known):
                raise self.error(f"column {name} is not True or False", "write True or False")
            return np.array([known[str(word)] for word in words], bool)
        if column.dtype.kind not in "biuf" or not np.all((column == 0) | (column == 1)):
            raise self.error(f"column {name} is not True or False", "write True or False")
        return np.asarray(column, bool)

    def confidence(self, is_limit: np.ndarray) -> np.ndarray:
        """Return the one-sided confidence of limits, NaN where it is not told.

        ``UL_CONF`` is that of gammapy, of the two-sided Gaussian: 0.9545 for 2 sigma.
        """
        name, found = self.found(_CONFIDENCES), np.full(len(is_limit), np.nan)
        if name is not None:
            found = self.confidences(name)
        elif (both := self.number("ul_conf")) is not None:
            self.check_confidence(both, "UL_CONF", 0.0)
            found = np.full(len(is_limit), (1 + both) / 2)
        elif (sigma := self.number("n_sigma_ul")) is not None:
            if not 0 < sigma < 10:
                raise self.error(f"has n_sigma_ul {sigma:g}", "give one above 0")
            found = np.full(len(is_limit), float(stats.norm.cdf(sigma)))
        for one in found[is_limit & np.isfinite(found)]:
            self.check_confidence(float(one), str(name or "confidence"), 0.5)
        return np.where(is_limit, found, np.nan)

    def confidences(self, name: str) -> np.ndarray:
        logarithms, self.logarithms = self.logarithms, False
        values = self.numbers(name)
        self.logarithms = logarithms
        return values

    def check_confidence(self, value: float, name: str, least: float) -> None:
        if not least < value < 1:
            raise self.error(
                f"has limits with a confidence ({name}) of {value:g}, not between {least:g} and 1",
                "give it as a fraction",
            )  # fmt: skip

    def check(
        self, value: np.ndarray, low: np.ndarray, high: np.ndarray, is_limit: np.ndarray
    ) -> None:
        """Raise for fluxes and errors that cannot be."""
        if np.any(np.isinf(value)):
            raise self.error(f"has an infinite flux in row {_first(np.isinf(value))}",
                             "correct the row")  # fmt: skip
        measured = np.isfinite(value) & ~is_limit
        for error in (low, high):
            bad = measured & ~((error >= 0) & np.isfinite(error))
            if bad.any():
                raise self.error(
                    f"has an error that is no number or negative in row {_first(bad)}",
                    "correct the row",
                )  # fmt: skip

    def instruments(self) -> list[str]:
        name = self.found(_INSTRUMENTS)
        if name is None:
            own = printable(self.text("instrument", "instrume")) or self.path.stem
            return [own] * len(self.table)
        words = [
            printable(w) for w in np.ma.filled(np.ma.asarray(self.table[name]).astype(str), "")
        ]
        return [word or self.path.stem for word in words]

    def redshift(self) -> float | None:
        value = self.number("redshift", "z")
        if value is not None and not 0 < value < 20:
            raise self.error(f"has a redshift of {value:g}", "correct it, or give --redshift")
        return value

    def number(self, *names: str) -> float | None:
        """Return the first of some metadata that is there, which must be a number."""
        for name in names:
            if name not in self.meta or self.meta[name] is None:
                continue
            try:
                value = float(self.meta[name])
            except (TypeError, ValueError):
                raise self.error(f"has {name} '{printable(self.meta[name])}'",
                                 "write a number") from None  # fmt: skip
            if np.isfinite(value):
                return value
        return None

    def text(self, *names: str) -> str:
        return next((str(self.meta[n]) for n in names if self.meta.get(n) is not None), "")


def _first(bad: np.ndarray) -> int:
    """Return the number of the first row of a kind, the first of all being 1."""
    return int(np.flatnonzero(bad)[0]) + 1


def instrument_counts(sed: SpectralEnergyDistribution) -> Mapping[str, int]:
    """Return the instruments with the number of their points, in the order of frequency."""
    counts: dict[str, int] = {}
    for name in sed.instruments:
        counts[name] = counts.get(name, 0) + 1
    return counts
