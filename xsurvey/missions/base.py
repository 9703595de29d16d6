"""What a mission plug-in is: the only place that knows one telescope's habits.

To add a mission, write one module with a subclass of `Mission` and an instance of it, and
name the instance in the entry-point group ``xsurvey.missions``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xsurvey.errors import InputError
from xsurvey.events import EventList
from xsurvey.io.fits_file import FitsFile, Table
from xsurvey.psf import PointSpreadFunction
from xsurvey.units import EnergyBand, SkyPosition


@dataclass(frozen=True)
class Detector:
    """One chip or module as the simulator places it.

    Attributes
    ----------
    number : int
        As in the events' detector column.
    x, y : float
        Centre relative to the optical axis, in sky pixels before the roll.
    width, height : int
        Detector pixels, of the size of a sky pixel.
    """

    number: int
    x: float
    y: float
    width: int
    height: int


@dataclass(frozen=True)
class DetectorColumns:
    """Columns with an event's place on its detector; coordinates run from 1 to the size."""

    x: str
    y: str
    width: int
    height: int


class Mission(ABC):
    """A telescope: how its files are read and how it sees the sky.

    Attributes
    ----------
    name : str
        Short lower-case name, as in catalogs and on the command line.
    version : str
        Goes up when the reading or the calibration changes; part of every task's key.
    bands : mapping of str to EnergyBand
        The mission's standard bands, by the letter used in column names.
    detection_bands : sequence of str
        Bands searched when none are asked for.
    photometry_bands : sequence of str
        Bands measured for every source.
    hardness_pairs : sequence of (str, str)
        Harder and softer band of each hardness ratio.
    detector_columns : DetectorColumns or None
    sky_pixel : float
        Size of a pixel of X and Y in arcsec.
    image_pixel : float
        Pixel of images where none is asked for, in arcsec.
    frame_time : float
        Usual frame time in seconds.
    """

    name: str
    version: str
    bands: Mapping[str, EnergyBand]
    detection_bands: Sequence[str]
    photometry_bands: Sequence[str]
    hardness_pairs: Sequence[tuple[str, str]]
    detector_columns: DetectorColumns | None
    sky_pixel: float
    image_pixel: float
    frame_time: float

    @abstractmethod
    def recognises(self, file: FitsFile) -> bool:
        """Tell from the headers whether a file is this mission's."""

    @abstractmethod
    def open(self, file: FitsFile) -> EventList:
        """Return the events of a recognised file.

        Raises
        ------
        InputError
            No event table, or a column that nothing can replace is missing.
        """

    @abstractmethod
    def psf(self) -> PointSpreadFunction:
        """Return the PSF used where no better one is given."""

    @abstractmethod
    def vignetting(self, off_axis: np.ndarray, energy: float) -> np.ndarray:
        """Return the effective area relative to the optical axis.

        Parameters
        ----------
        off_axis : ndarray
            Arcmin.
        energy : float
            keV.
        """

    @abstractmethod
    def detectors(self) -> Sequence[Detector]:
        """Return the layout that the simulator uses."""

    @abstractmethod
    def encode(self, events: Mapping[str, np.ndarray]) -> list[tuple[str, str, str, np.ndarray]]:
        """Return the table columns of simulated events.

        Parameters
        ----------
        events : mapping of str to ndarray, shape (n,)
            ``time``, ``x``, ``y``, ``energy`` [keV], ``detector``, ``detector_x``,
            ``detector_y``.

        Returns
        -------
        list of (name, FITS format, unit, values)
        """

    @abstractmethod
    def header(
        self, pointing: SkyPosition, roll: float, start: float, ontime: float
    ) -> dict[str, Any]:
        """Return the header of a simulated event table: times, pointing, mission keywords."""


def find_event_table(file: FitsFile, mission: str) -> Table:
    """Return the EVENTS table of a file.

    Raises
    ------
    InputError
        There is none; the message tells an image from another table.
    """
    tables = file.find("EVENTS") or file.find("STDEVT")
    if tables:
        return tables[0]
    what = "holds no EVENTS table"
    if not file.tables:
        what += " (it is an image)" if len(file.headers) > 1 or file.primary.get("NAXIS") else ""
    raise InputError(file.path, what, f"give a {mission} event file")


def require_columns(table: Table, wanted: Mapping[str, Sequence[str]]) -> None:
    """Check that of each group of alternative columns one is there.

    Raises
    ------
    InputError
        Names the columns that are missing.
    """
    for purpose, names in wanted.items():
        if not any(name in table.names for name in names):
            raise InputError(
                table.path, f"its event table has no column {' or '.join(n.upper() for n in names)}"
                f" ({purpose})", "give a complete event file",
            )  # fmt: skip
    require_numbers(table, [n for names in wanted.values() for n in names])


def require_numbers(table: Table, names: Iterable[str]) -> None:
    """Check that columns, where they are there, hold one number a row.

    Raises
    ------
    InputError
        Names the column that holds text or vectors.
    """
    for name in names:
        if name not in table.names:
            continue
        kind = table.dtype[table.names.index(name)]
        if kind.shape or kind.kind not in "iuf":
            raise InputError(
                table.path, f"column {name.upper()} does not hold one number a row",
                "give a complete event file",
            )  # fmt: skip


def header_number(table: Table, key: str, default: float = np.nan) -> float:
    """Return a keyword of a table's header as a number, ``default`` where it is absent.

    Raises
    ------
    InputError
        It holds something else.
    """
    value = table.header.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(
            table.path, f"keyword {key} is {value!r}, not a number", "correct the header"
        )
    return float(value)


@dataclass(frozen=True)
class TableSource:
    """An event table read through a mission's names: the `EventSource` of most missions.

    Attributes
    ----------
    columns : dict
        Common name to the file's column name.
    factors : dict
        Common name to the factor that brings the file's unit to the common one.
    """

    table: Table
    columns: Mapping[str, str]
    factors: Mapping[str, float]

    @property
    def path(self) -> Path:
        """The file."""
        return self.table.path

    def chunks(self, rows: int | None = None) -> Iterator[np.ndarray]:
        """Yield raw rows."""
        return self.table.chunks(rows) if rows else self.table.chunks()

    def has(self, name: str) -> bool:
        """Tell whether a common or a file column exists."""
        return name in self.columns or name.lower() in self.table.names

    def decode(self, raw: np.ndarray, name: str) -> np.ndarray:
        """Return a column by its common name, or by the file's own."""
        values = self.table.numbers(raw, self.columns.get(name, name))
        factor = self.factors.get(name, 1.0)
        return values if factor == 1.0 else values * values.dtype.type(factor)

    def standard_filter(self, raw: np.ndarray) -> np.ndarray:
        """Keep everything; missions override it."""
        return np.ones(len(raw), dtype=bool)
