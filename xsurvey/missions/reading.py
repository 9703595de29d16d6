"""How mission plug-ins read event files: tables, columns, headers, good times, with care.

What one telescope does its own way is in its module; what they share is here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.time import Time
from astropy.wcs import WCS

from xsurvey.errors import InputError
from xsurvey.events import GoodTimeIntervals
from xsurvey.io.fits_file import FitsFile, Table
from xsurvey.io.table_wcs import wcs_from_columns
from xsurvey.units import SkyPosition

_LATEST = 1e10  # mission seconds: 300 years
_LARGEST_MJD = 1e5


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
    raise InputError(file.path, what, f"give an event file of {mission}")


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


def require_any(table: Table, names: Sequence[str], mission: str) -> None:
    """Check that a table has one of the columns that only a mission's own files have.

    Columns such as PI mean other things in other files, which a wrong TELESCOP would hide.

    Raises
    ------
    InputError
        It has none of them.
    """
    if not set(names) & set(table.names):
        raise InputError(
            table.path, f"its header says {mission}, but it has none of the columns "
            f"{', '.join(n.upper() for n in names)}",
            f"give an event file of {mission}, or correct TELESCOP",
        )  # fmt: skip


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


def header_text(table: Table, key: str, default: str = "") -> str:
    """Return a keyword of a table's header as text without blanks around it."""
    return str(table.header.get(key, default)).strip()


def header_position(table: Table, ra_key: str, dec_key: str) -> SkyPosition | None:
    """Return the position that two keywords hold, None where one is absent.

    Raises
    ------
    InputError
        The declination is not on the sky, or a keyword is no number.
    """
    ra, dec = header_number(table, ra_key), header_number(table, dec_key)
    if not (np.isfinite(ra) and np.isfinite(dec)):
        return None
    if abs(dec) > 90:
        raise InputError(
            table.path, f"keyword {dec_key} is {dec:g}, which is not on the sky",
            "correct the header",
        )  # fmt: skip
    return SkyPosition(ra % 360, dec)


def reference_mjd(table: Table, default: float) -> float:
    """Return MJDREF, or MJDREFI + MJDREFF, of a table's header.

    Raises
    ------
    InputError
        It is no number, or no date of the space age.
    """
    value = default
    if "MJDREF" in table.header:
        value = header_number(table, "MJDREF")
    elif "MJDREFI" in table.header:
        value = header_number(table, "MJDREFI") + header_number(table, "MJDREFF", 0.0)
    if abs(value) > _LARGEST_MJD:
        raise InputError(table.path, f"keyword MJDREF is {value:g}, no date", "correct the header")
    return value


def time_scale(table: Table, warnings: list[str]) -> str:
    """Return TIMESYS if it is a time scale, else TT with a warning."""
    scale = header_text(table, "TIMESYS", "TT").upper() or "TT"
    if scale.lower() in Time.SCALES:
        return scale
    warnings.append(f"TIMESYS '{scale}' is unknown: taken as TT")
    return "TT"


def sky_of_columns(table: Table, remedy: str) -> WCS:
    """Return the sky coordinates of the columns X and Y.

    Raises
    ------
    InputError
        They have none.
    """
    wcs = wcs_from_columns(table, "x", "y")
    if wcs is None:
        raise InputError(
            table.path, "the columns X, Y have no sky coordinate keywords (TCTYP, TCRVL, ...)",
            remedy,
        )  # fmt: skip
    return wcs


def read_intervals(table: Table) -> GoodTimeIntervals:
    """Return the good times of a GTI table.

    Raises
    ------
    InputError
        It has no columns START and STOP with one number a row.
    """
    if not {"start", "stop"} <= set(table.names):
        raise InputError(
            table.path, "a GTI table has no columns START, STOP", "give a complete event file"
        )
    require_numbers(table, ["start", "stop"])
    raw = table.read()
    start, stop = table.values(raw, "start"), table.values(raw, "stop")
    for time in (start, stop):
        if np.any(np.abs(time[np.isfinite(time)]) > _LATEST):
            raise InputError(
                table.path, "a GTI table holds times that are centuries away",
                "give a complete event file",
            )  # fmt: skip
    return GoodTimeIntervals.from_edges(start, stop)


def span_of_header(table: Table, warnings: list[str]) -> GoodTimeIntervals:
    """Return TSTART to TSTOP as good time, with a warning: for files without a GTI table.

    Raises
    ------
    InputError
        They are not there either.
    """
    start, stop = (header_number(table, key) for key in ("TSTART", "TSTOP"))
    if not stop > start or max(abs(start), abs(stop)) > _LATEST:
        raise InputError(
            table.path, "has no GTI table and no TSTART, TSTOP", "give a complete event file"
        )
    warnings.append("no GTI table: good time is TSTART to TSTOP of the header")
    return GoodTimeIntervals.from_edges(np.array([start]), np.array([stop]))


def intervals_of_events(source: TableSource) -> dict[int, GoodTimeIntervals]:
    """Return where each detector has events, for files that say nothing of good times.

    Gaps of more than a minute, and of more than twenty times the usual distance of two events,
    are left out.
    """
    parts: dict[int, list[np.ndarray]] = {}
    for raw in source.chunks():
        good = raw[source.standard_filter(raw)]
        time, detector = source.decode(good, "time"), source.decode(good, "detector")
        for number in np.unique(detector):
            mine = time[detector == number]
            parts.setdefault(int(number), []).append(mine[np.isfinite(mine)])
    found = {}
    for number, times in sorted(parts.items()):
        time = np.sort(np.concatenate(times))
        if len(time) < 2:
            continue
        distance = np.diff(time)
        gap = distance > max(60.0, 20 * float(np.median(distance)))
        start = time[np.concatenate(([True], gap))]
        stop = time[np.concatenate((gap, [True]))]
        intervals = GoodTimeIntervals.from_edges(start, stop)
        if intervals.total > 0:
            found[number] = intervals
    return found


def check_exposure(header_exposure: float, livetime: float, warnings: list[str]) -> None:
    """Warn where the header's exposure is not what the good times hold."""
    wrong = abs(header_exposure - livetime) > 0.01 * header_exposure
    if np.isfinite(header_exposure) and wrong:
        warnings.append(
            f"header EXPOSURE is {header_exposure:.1f} s but the GTIs hold {livetime:.1f} s of "
            "livetime: the GTIs are used"
        )


def checked_live_fraction(value: float, warnings: list[str]) -> float:
    """Return a dead-time correction if it is one, else 1 with a warning."""
    if 0 < value <= 1:
        return value
    warnings.append(f"dead-time correction {value:g} is not in (0, 1]: taken as 1")
    return 1.0


@dataclass(frozen=True)
class TableSource:
    """An event table read through a mission's names: the `EventSource` of most missions.

    Attributes
    ----------
    columns : dict
        Common name to the file's column name.
    factors : dict
        Common name to the factor that brings the file's unit to the common one; whole numbers
        become floating-point ones.
    required : tuple of str
        Columns without which an event is of no use, beside time, place and energy.
    """

    table: Table
    columns: Mapping[str, str]
    factors: Mapping[str, float]
    required: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """The file."""
        return self.table.path

    @property
    def rows(self) -> int:
        """Rows of the table."""
        return self.table.rows

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
        if factor == 1.0:
            return values
        if values.dtype.kind != "f":  # a factor of .01 would be a whole number there: zero
            values = values.astype(np.float32 if values.dtype.itemsize <= 2 else np.float64)
        return values * values.dtype.type(factor)

    def standard_filter(self, raw: np.ndarray) -> np.ndarray:
        """Keep everything; missions override it."""
        return np.ones(len(raw), dtype=bool)
