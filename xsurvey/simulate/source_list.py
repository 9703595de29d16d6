"""Lists of sources to simulate: a table with a row a source.

Columns: ``ra``, ``dec`` (ICRS degrees) and one of ``flux``, ``norm``, ``counts``; if wished
``model`` and ``set`` (texts), a column for each ``component.parameter``, ``core_radius`` (arcsec)
and ``beta``, or ``shape`` (``shell`` or ``patch``) with ``inner_radius``, ``outer_radius`` (arcsec)
and a sector ``angle_start`` to ``angle_stop`` (deg, north through east), ``variability`` with
``amplitude``, ``period``, ``phase``, ``onset``, ``decay``, and ``name``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from xsurvey.catalogs.read import open_source
from xsurvey.errors import InputError, ParameterError, nearest
from xsurvey.simulate.shapes import BETA, DEFAULT_BETA, POINT, SHAPES, SHELL, Shapes
from xsurvey.simulate.sources import AMOUNTS, LISTED, Sources
from xsurvey.simulate.spectrum import Spectrum, check_spectrum
from xsurvey.simulate.variability import KINDS, LightCurves

_POSITION = ("ra", "dec")
_SECTOR = ("inner_radius", "outer_radius", "angle_start", "angle_stop")
_EXTENT = ("core_radius", "beta", *_SECTOR)
_CURVE = ("amplitude", "period", "phase", "onset", "decay")
_TEXTS = ("model", "set", "shape", "variability", "name")
_KNOWN = (*_POSITION, *AMOUNTS, *_EXTENT, *_CURVE, *_TEXTS)
_NEEDED = {  # by kind of variability
    "constant": (), "sine": ("amplitude", "period"), "flare": ("amplitude", "onset", "decay"),
    "step": ("amplitude", "onset"),
}  # fmt: skip
_LARGEST_AMPLITUDE = 1000.0
_MOST_SPECTRA = 20_000
_LARGEST = 108_000.0  # arcsec, 30 deg


def read_sources(path: str | os.PathLike[str], default: Spectrum) -> Sources:
    """Read a list of sources.

    Parameters
    ----------
    path : path
        FITS, ECSV, CSV or Parquet.
    default : Spectrum
        Of sources whose row has no model.

    Raises
    ------
    InputError
        The file cannot be read, a column is unknown or missing, or a value cannot be; the row is
        named, counted from 1.
    """
    table = _read(Path(path))
    table.check_events()
    ra, dec = (table.numbers(name) for name in _POSITION)
    table.require(np.isfinite(ra) & np.isfinite(dec), "has no position")
    table.require((np.abs(dec) <= 90) & (np.abs(ra) <= 360), "is not on the sky")
    amount, kind = _amounts(table)
    shapes = _shapes(table)
    spectra, number = _spectra(table, default)
    return Sources(
        ra % 360, dec, amount, kind, number, spectra, shapes, _curves(table),
        np.full(table.rows, LISTED), np.array(table.texts("name"), dtype=str),
    )  # fmt: skip


@dataclass(frozen=True)
class _Table:
    path: Path
    columns: Mapping[str, list[Any]]
    rows: int

    def check_events(self) -> None:
        for name in self.columns:
            if name not in _KNOWN and "." not in name:
                raise InputError(self.path, f"column '{name}' is unknown", nearest(name, _KNOWN))
        for name in _POSITION:
            if name not in self.columns:
                raise InputError(self.path, f"has no column '{name}'", "add it (ICRS degrees)")
        if not any(name in self.columns for name in AMOUNTS):
            raise InputError(
                self.path, "has no column that tells how bright sources are",
                f"add one of {', '.join(AMOUNTS)}",
            )  # fmt: skip

    def numbers(self, name: str) -> np.ndarray:
        """Return a column; NaN where it is empty or is not there."""
        values = self.columns.get(name, [None] * self.rows)
        try:
            found = np.array([np.nan if v is None or v == "" else float(v) for v in values])
        except (TypeError, ValueError):
            raise InputError(
                self.path, f"column '{name}' holds no numbers", "correct it"
            ) from None  # fmt: skip
        infinite = np.isinf(found)
        self.require(~infinite, f"has a {name} that is infinite")
        return found

    def texts(self, name: str) -> list[str]:
        """Return a column; empty texts where it has none."""
        values = self.columns.get(name, [None] * self.rows)
        return ["" if v is None or v != v else str(v).strip() for v in values]  # noqa: PLR0124

    def require(self, good: np.ndarray, cause: str) -> None:
        """Raise for the first row that is not good."""
        if not np.all(good):
            row = int(np.argmin(good)) + 1
            raise InputError(self.path, f"row {row} {cause}", "correct it")


def _read(path: Path) -> _Table:
    source = open_source(path)
    data = source.data if isinstance(source.data, pa.Table) else source.data.to_table()
    columns: dict[str, list[Any]] = {}
    for original in data.column_names:
        # names of parameters tell cases apart only for the eye
        name = original if "." in original else original.lower()
        columns[name] = data.column(original).to_pylist()
    return _Table(path, columns, data.num_rows)


def _amounts(table: _Table) -> tuple[np.ndarray, np.ndarray]:
    values = np.array([table.numbers(name) for name in AMOUNTS]).reshape(len(AMOUNTS), -1)
    given = np.isfinite(values)
    several = f"does not have exactly one of {', '.join(AMOUNTS)}"
    table.require(given.sum(axis=0) == 1, several)
    kind = given.argmax(axis=0)
    amount = np.nansum(values, axis=0)
    for number, name in enumerate(AMOUNTS):
        table.require((kind != number) | (amount >= 0), f"has a negative {name}")
    return amount, kind


def _shapes(table: _Table) -> Shapes:
    core = np.nan_to_num(table.numbers("core_radius"))
    table.require((core >= 0) & (core <= 7200), "has a core_radius that is not 0 to 7200 arcsec")
    beta = table.numbers("beta")
    beta = np.where(np.isfinite(beta), beta, DEFAULT_BETA)
    table.require((beta > 0.5) & (beta <= 10), "has a beta that is not above 0.5 and up to 10")
    kind = _kinds(table, core)
    inner, outer, start, stop = (table.numbers(name) for name in _SECTOR)
    cut = kind >= SHELL
    for name, values in zip(_SECTOR, (inner, outer, start, stop), strict=True):
        table.require(cut | ~np.isfinite(values), f"has an {name} and is no shell or patch")
    inner = np.nan_to_num(inner)
    table.require(~cut | np.isfinite(outer), "is a shell or patch without outer_radius")
    outer = np.nan_to_num(outer)
    fitting = (inner >= 0) & (inner < outer) & (outer <= _LARGEST)
    table.require(~cut | fitting, "has radii that are not 0 <= inner_radius < outer_radius <= "
                  f"{_LARGEST:g} arcsec")  # fmt: skip
    table.require(
        np.isfinite(start) == np.isfinite(stop), "has one of angle_start, angle_stop alone"
    )
    begin, end = np.nan_to_num(start), np.where(np.isfinite(stop), stop, 360.0)
    table.require((np.abs(begin) <= 720) & (np.abs(end) <= 720), "has angles beyond 720 deg")
    table.require(begin != end, "has a sector of no width")
    width = np.where(np.isfinite(start), (end - begin) % 360, 360.0)
    width = np.where(width == 0, 360.0, width)
    every = np.zeros(table.rows), np.full(table.rows, np.inf)
    return Shapes(kind, core, beta, inner, outer, begin % 360, width, *every)


def _kinds(table: _Table, core: np.ndarray) -> np.ndarray:
    """Return the kinds of shapes; where none is named a core radius tells."""
    kind = np.where(core > 0, BETA, POINT)
    for row, text in enumerate(text.lower() for text in table.texts("shape")):
        if text and text not in SHAPES:
            raise InputError(
                table.path, f"row {row + 1} has the unknown shape '{text}'", nearest(text, SHAPES)
            )
        if text:
            kind[row] = SHAPES.index(text)
    table.require((kind == BETA) == (core > 0), "has a core_radius that does not go with its shape")
    return kind


def _spectra(table: _Table, default: Spectrum) -> tuple[tuple[Spectrum, ...], np.ndarray]:
    """Return the different spectra, and the place of each row's among them."""
    models, settings = table.texts("model"), table.texts("set")
    single = {name: table.numbers(name) for name in table.columns if "." in name}
    places: dict[Spectrum, int] = {}
    number = np.empty(table.rows, dtype=np.int64)
    for row in range(table.rows):
        own = tuple(re.split(r"[\s,;]+", settings[row])) if settings[row] else ()
        own += tuple(f"{n}={float(v[row])!r}" for n, v in single.items() if np.isfinite(v[row]))
        if models[row]:
            spectrum = Spectrum(models[row], own)
        else:
            spectrum = Spectrum(default.model, default.settings + own) if own else default
        if spectrum not in places and spectrum != default:
            _check(table, row, spectrum)
        number[row] = places.setdefault(spectrum, len(places))
    if len(places) > _MOST_SPECTRA:
        raise InputError(
            table.path, f"has {len(places)} different spectra, more than {_MOST_SPECTRA}",
            "let sources share spectra",
        )  # fmt: skip
    return tuple(places) or (default,), number


def _check(table: _Table, row: int, spectrum: Spectrum) -> None:
    """Raise, with file and row, where there is no such model, or it has no such parameters."""
    try:
        check_spectrum(spectrum)
    except ParameterError as error:
        raise InputError(
            table.path, f"row {row + 1}: {error.subject}: {error.cause}", error.remedy
        ) from error


def _curves(table: _Table) -> LightCurves:
    texts = [text.lower() or KINDS[0] for text in table.texts("variability")]
    for row, text in enumerate(texts, start=1):
        if text not in KINDS:
            raise InputError(
                table.path, f"row {row} has the unknown variability '{text}'", nearest(text, KINDS)
            )
    kind = np.array([KINDS.index(text) for text in texts], dtype=int)
    values = {name: table.numbers(name) for name in _CURVE}
    for number, name in enumerate(KINDS):
        for needed in _NEEDED[name]:
            missing = (kind == number) & ~np.isfinite(values[needed])
            table.require(~missing, f"is a {name} without {needed}")
    sine, flare = kind == KINDS.index("sine"), kind == KINDS.index("flare")
    amplitude = np.where(kind > 0, np.nan_to_num(values["amplitude"]), 0.0)
    table.require(
        (amplitude >= -1) & (amplitude <= np.where(sine, 1, _LARGEST_AMPLITUDE)),
        f"has an amplitude beyond -1 to 1 (sine) or to {_LARGEST_AMPLITUDE:g} (flare, step)",
    )
    table.require(~sine | ~(values["period"] <= 0), "has a period that is not positive")
    table.require(~flare | ~(values["decay"] <= 0), "has a decay that is not positive")
    period, decay = (np.where(values[n] > 0, values[n], 1.0) for n in ("period", "decay"))
    phase, onset = (np.nan_to_num(values[n]) for n in ("phase", "onset"))
    return LightCurves(kind, amplitude, period, phase, onset, decay)
