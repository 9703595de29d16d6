"""Light curves read from files: of sources (OGIP, as srctool writes them) and of fields.

A table ``RATE`` is the light curve of a source. What its columns mean was found from the numbers
of files of srctool 1.81: with C = COUNTS, B = BACK_COUNTS, k = BACKRATIO,

    RATE = (C - k B) / (FRACEXP TIMEDEL),    RATE_ERR = sqrt(C + k**2 B) / (FRACEXP TIMEDEL)

hold to single precision. So BACK_COUNTS are raw counts of the background region, BACKRATIO
(= BACKSCAL_SRC / BACKSCAL_BACK) scales them to the source region, and FRACEXP holds vignetting,
PSF fraction, lost area and lost time. A table ``LIGHTCRV`` is that of a field, as flaregti writes
it:
RATE = COUNTS / (EXPOSURE AREA), the exposure being a sum over telescope modules.
"""

from __future__ import annotations

import os
import re

import numpy as np

from xsurvey.errors import InputError, printable
from xsurvey.io.fits_file import FitsFile, Table, open_fits
from xsurvey.timing.light_curve import LightCurve
from xsurvey.units import EnergyBand

_TIME_UNITS = {"": 1.0, "s": 1.0, "sec": 1.0, "d": 86400.0, "day": 86400.0}
_AREA_UNITS = ("deg^2", "deg**2", "deg2")
_BEYOND = 1e12  # seconds, counts: more are damage, and numbers that overflow later
_STAMPS = ("EXPMAP", "PSFCORR", "APERTURE", "BINWIDTH", "EXPFRAC")
"""Approximations that a file of ours tells of; a light curve made of it tells of them too."""
_REMEDY = "give a light curve with raw counts and exposures"


def is_light_curve_file(path: str | os.PathLike[str]) -> bool:
    """Tell whether a FITS file holds a light curve.

    Raises
    ------
    InputError
        Not a FITS file.
    """
    return _light_curve_table(open_fits(path)) is not None


def read_light_curve(path: str | os.PathLike[str]) -> LightCurve:
    """Read the light curve of a source (table RATE) or of a field (table LIGHTCRV).

    Returns
    -------
    LightCurve
        In the order of time. What the file does not say is in its warnings and stamps.

    Raises
    ------
    InputError
        Not a FITS file, damaged, no light curve, columns missing, of the wrong kind or shape,
        or with impossible numbers.
    """
    file = open_fits(path)
    table = _light_curve_table(file)
    if table is None:
        raise InputError(
            file.path, "holds no light curve (a table RATE or LIGHTCRV)",
            "give the light curve of a source or a field",
        )  # fmt: skip
    return _Reading(table).light_curve()


def _light_curve_table(file: FitsFile) -> Table | None:
    return next((t for name in ("RATE", "LIGHTCRV") for t in file.find(name)), None)


def _possible(values: np.ndarray) -> bool:
    """Tell whether all numbers are finite, not negative, and of this world."""
    return bool(np.all((values >= 0) & (values < _BEYOND)))


class _Reading:
    """One table being read: its columns, and the notes that gather."""

    def __init__(self, table: Table) -> None:
        self.table, self.header = table, table.header
        self.of_field = "area" in table.names
        self.warnings: list[str] = []
        self.stamps = {k: str(table.header[k]) for k in _STAMPS if k in table.header}
        if not table.rows:
            raise self.error("has no bins")
        self.raw = table.read()

    def error(self, cause: str, remedy: str = _REMEDY) -> InputError:
        return InputError(self.table.path, f"its light curve {cause}", remedy)

    def light_curve(self) -> LightCurve:
        """Return what the table holds."""
        counts = self.counts()
        bands = self.bands(counts.shape[1])
        time, timedel = self.times()
        exposure, unit = self.exposure(timedel, counts)
        background, scale, exposure = self.background(counts, exposure)
        order = np.argsort(time, kind="stable")
        return LightCurve(
            time=time[order], timedel=timedel[order], bands=bands, counts=counts[order],
            background_counts=background[order], background_scale=scale[order],
            exposure=exposure[order], reference_mjd=self.reference_mjd(),
            time_scale=self.text("TIMESYS"), telescope=self.text("TELESCOP"),
            instrument=self.text("INSTRUME"), target=self.text("OBJECT"), exposure_unit=unit,
            warnings=tuple(self.warnings), stamps=self.stamps,
        )  # fmt: skip

    def column(self, name: str) -> np.ndarray:
        """Return a column of numbers as float64, shape (n,) or (n, bands)."""
        if name.lower() not in self.table.names:
            raise self.error(f"has no column {name}")
        form = str(self.header.get(f"TFORM{self.table.column_number(name)}", ""))
        values = self.table.numbers(self.raw, name)
        if values.dtype.kind not in "iuf" or re.search("[PQXL]", form):
            raise self.error(f"has a column {name} that does not hold numbers ({form.strip()})")
        if values.ndim > 2 or values.size == 0:
            raise self.error(f"has a column {name} of shape {values.shape[1:]} a bin")
        return values.astype(np.float64)

    def has(self, name: str) -> bool:
        return name.lower() in self.table.names

    def by_band(self, name: str, like: np.ndarray) -> np.ndarray:
        """Return a column as one value a bin and band, however it is stored."""
        values = self.column(name)
        values = values.reshape(len(values), -1)
        if values.shape[1] not in (1, like.shape[1]):
            raise self.error(
                f"has {values.shape[1]} values a bin in {name} and {like.shape[1]} in COUNTS"
            )
        return np.array(np.broadcast_to(values, like.shape))

    def number(self, *names: str) -> float:
        """Return the first of some keywords that is a number, NaN if none is."""
        for name in names:
            value = self.header.get(name)
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                return float(value)
        return float("nan")

    def text(self, name: str) -> str:
        value = self.header.get(name, "")
        return printable(value) if isinstance(value, (str, int, float)) else ""

    def counts(self) -> np.ndarray:
        if not self.has("COUNTS") and self.has("RATE"):
            raise self.error("has rates but no column COUNTS")
        counts = self.column("COUNTS")
        counts = counts.reshape(len(counts), -1)
        if not _possible(counts):
            raise self.error("has COUNTS that are negative or not finite")
        if np.any(counts != np.round(counts)):
            raise self.error("has COUNTS that are not whole numbers")
        return counts

    def bands(self, number: int) -> tuple[EnergyBand | str, ...]:
        """Return the energy ranges, from E_MINn and E_MAXn or from the history of srctool."""
        limits = [self._limits(n, number) for n in range(1, number + 1)]
        history = self._history_limits(number)
        bands: list[EnergyBand | str] = []
        for n, pair in enumerate(limits):
            low, high = pair if np.all(np.isfinite(pair)) else history[n]
            if 0 <= low < high < np.inf:
                bands.append(EnergyBand(low, high))
            else:
                label = self.text(f"BAND{n + 1}") or (f"band {n + 1}" if number > 1 else "all")
                bands.append(label)
        if any(isinstance(b, str) for b in bands):
            self.warnings.append("the file does not say the energies of its bands")
        return tuple(bands)

    def _limits(self, n: int, number: int) -> tuple[float, float]:
        alone = ("E_MIN", "E_MAX") if number == 1 else ()
        names = [(f"E_MIN{n}", f"E_MAX{n}"), *([alone] if alone else [])]
        return (
            self.number(*(low for low, _ in names)), self.number(*(high for _, high in names)),
        )  # fmt: skip

    def _history_limits(self, number: int) -> list[tuple[float, float]]:
        history = str(self.header.get("SASSHIST", ""))
        ends = []
        for name in ("lcemin", "lcemax"):
            found = re.search(rf'{name}=(?:"([^"]*)"|(\S+))', history)
            words = (found.group(1) or found.group(2) or "").split() if found else []
            ends.append([float(w) for w in words if re.fullmatch(r"\d+\.?\d*(E[-+]\d+)?", w)])
        if any(len(end) != number for end in ends):
            return [(np.nan, np.nan)] * number
        return list(zip(*ends, strict=True))

    def times(self) -> tuple[np.ndarray, np.ndarray]:
        """Return centres and widths of the bins in mission seconds."""
        unit = (self.table.unit("TIME") if self.has("TIME") else "") or self.text("TIMEUNIT")
        if unit.lower() not in _TIME_UNITS:
            raise self.error(f"has times in '{printable(unit)}'", "give times in s or d")
        factor = _TIME_UNITS[unit.lower()]
        zero = self.number("TIMEZERO")
        time = self.column("TIME") + (zero if np.isfinite(zero) else 0)
        if time.ndim != 1 or not _possible(np.abs(time)):
            raise self.error("has times that are not finite, or several a bin")
        if self.has("TIMEDEL"):
            width = self.column("TIMEDEL")
        elif self.number("TIMEDEL") > 0:
            width = np.full(len(time), self.number("TIMEDEL"))
        else:
            width = self._smallest_step(time, factor)
        if width.shape != time.shape or not _possible(width) or np.any(width == 0):
            raise self.error("has bins whose width TIMEDEL is not positive, or several a bin")
        place = self.number("TIMEPIXR")  # of the time in its bin: the centre by default
        centre = time + ((0.5 - place) * width if np.isfinite(place) else 0)
        return centre * factor, width * factor

    def _smallest_step(self, time: np.ndarray, factor: float) -> np.ndarray:
        steps = np.diff(np.unique(time))
        if not len(steps):
            raise self.error("does not say how wide its bins are (TIMEDEL)")
        width = float(steps.min())
        self.warnings.append(
            f"the file has no TIMEDEL: bins are taken as wide as the smallest step of the times, "
            f"{width * factor:g} s"
        )
        self.stamps["BINWIDTH"] = "DERIVED"
        return np.full(len(time), width)

    def exposure(self, timedel: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, str]:
        """Return effective exposures and their unit."""
        unit = "s"
        if self.has("EXPOSURE"):
            exposure = self.by_band("EXPOSURE", counts)
            if self.table.unit("EXPOSURE").replace(" ", "") in ("sdeg2", "deg2s"):
                unit = "s deg2"
        elif self.has("FRACEXP"):
            exposure = self.by_band("FRACEXP", counts) * timedel[:, None]
        else:
            exposure = np.repeat(timedel[:, None], counts.shape[1], axis=1)
            self.warnings.append("the file has no FRACEXP: bins are taken as exposed in full")
            self.stamps["EXPFRAC"] = "ASSUMED"
        if self.of_field:
            if self.table.unit("AREA") not in _AREA_UNITS:
                raise self.error(f"has areas in '{printable(self.table.unit('AREA'))}', not deg^2")
            exposure, unit = exposure * self.by_band("AREA", counts), "s deg2"
        strange = ~np.isfinite(exposure)
        if not _possible(exposure[~strange]):
            raise self.error("has negative exposures, or some that cannot be")
        self._left_out(strange.any(axis=1), "an exposure that is not a number")
        return np.where(strange, 0, exposure), unit

    def background(
        self, counts: np.ndarray, exposure: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return background counts, their scale, and exposures without bins that lack one."""
        if not self.has("BACK_COUNTS"):
            if not self.of_field:
                self.warnings.append("the file has no BACK_COUNTS: the background is in the rates")
                self.stamps["BACKGND"] = "NONE"
            return np.zeros_like(counts), np.zeros_like(counts), exposure
        background = self.by_band("BACK_COUNTS", counts)
        if not _possible(background):
            raise self.error("has BACK_COUNTS that are negative or not finite")
        if self.has("BACKRATIO"):
            scale = self.by_band("BACKRATIO", counts)
        elif self.has("BACKSCAL_SRC") and self.has("BACKSCAL_BACK"):
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = [self.by_band(f"BACKSCAL_{region}", counts) for region in ("SRC", "BACK")]
                scale = ratio[0] / ratio[1]
        else:
            raise self.error("has BACK_COUNTS but no BACKRATIO")
        strange = ~np.isfinite(scale)
        if not _possible(scale[~strange]):
            raise self.error("has a negative BACKRATIO, or one that cannot be")
        self._left_out((strange & (exposure > 0)).any(axis=1), "no BACKRATIO")
        return background, np.where(strange, 0, scale), np.where(strange, 0, exposure)

    def _left_out(self, bins: np.ndarray, why: str) -> None:
        if np.any(bins):
            number = int(np.count_nonzero(bins))
            self.warnings.append(f"{number} bins with {why} are taken as not exposed")

    def reference_mjd(self) -> float:
        whole, part = self.number("MJDREFI"), self.number("MJDREFF")
        mjd = whole + (part if np.isfinite(part) else 0)
        mjd = mjd if np.isfinite(mjd) else self.number("MJDREF")
        if not np.isfinite(mjd):
            self.warnings.append("the file has no MJDREF: its times have no date")
        return mjd
