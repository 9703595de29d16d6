"""Event files of filtered lists: the rows that pass, with their own columns and headers."""

import io
import os
from collections.abc import Iterable

from astropy.io import fits

from xsurvey import __version__
from xsurvey.errors import InputError, printable
from xsurvey.events import EventList
from xsurvey.io.atomic import atomic_output
from xsurvey.io.fits_file import extension_name, open_fits
from xsurvey.missions import Mission, get_mission
from xsurvey.missions.reading import find_event_table

_BLOCK = 2880
_ATTITUDE = {"time", "ra", "dec"}
"""Columns of tables that tell where the telescope looked."""


def write_events(path: str | os.PathLike[str], events: EventList) -> None:
    """Write the events that pass all filters, as a file like the one they come from.

    Columns, their coordinate keywords and other tables stay as they are; the good time
    intervals become those of the list. Rows are copied chunk by chunk, so a file of any
    length is written in bounded memory.

    Raises
    ------
    InputError
        No event passes, or the list is of several files.
    OutputError
        The file cannot be written.
    """
    if len(events.sources) > 1:
        raise InputError(
            events.observation.path, "is one of several files of an observation",
            "write the events of each by itself",
        )  # fmt: skip
    EventFileWriter(events).write(path, (chunk.raw.tobytes() for chunk in events.chunks()))


class EventFileWriter:
    """Writes parts of an event list as files like the one they come from.

    What all of them share, headers and tables beside the events, is read once.

    Parameters
    ----------
    events : EventList
        Of one file; its good times, and its history, become those of the files.
    attitude : bool
        Whether tables of the attitude go along; they may be larger than a part of the events.
    """

    def __init__(self, events: EventList, attitude: bool = True) -> None:
        original = open_fits(events.observation.path)
        mission = get_mission(events.observation.mission)
        table = find_event_table(original, mission.name)
        self._events = events
        self._row_size = table.dtype.itemsize
        self._primary = original.primary.tostring().encode("ascii")
        self._header = table.header.copy()
        for keyword in ("CHECKSUM", "DATASUM"):
            self._header.remove(keyword, ignore_missing=True)
        self._header["HISTORY"] = f"xsurvey {__version__}: standard filter"
        for step in events.history:
            self._header["HISTORY"] = printable(step)
        replaced = _interval_names(mission)
        kept = [
            other for other in original.tables
            if other is not table and extension_name(other.header) not in replaced
        ]  # fmt: skip
        if not attitude and any(set(other.names) >= _ATTITUDE for other in kept):
            kept = [other for other in kept if not set(other.names) >= _ATTITUDE]
            self._header["HISTORY"] = "without the attitude, which the original file has"
        others = [fits.BinTableHDU(other.read(), other.header) for other in kept]
        self._tables = _file_bytes([*_interval_tables(events, mission), *others])

    def write(
        self, path: str | os.PathLike[str], rows: Iterable[bytes], history: Iterable[str] = ()
    ) -> None:
        """Write some of the events.

        Parameters
        ----------
        path : path
        rows : iterable of bytes
            Rows of the original table (``EventChunk.raw``), chunk by chunk.
        history : iterable of str
            What else was chosen, for the header.

        Raises
        ------
        InputError
            No rows.
        OutputError
            The file cannot be written.
        """
        header = self._header.copy()
        for step in history:
            header["HISTORY"] = printable(step)
        with atomic_output(path) as temporary, temporary.open("w+b") as stream:
            stream.write(self._primary)
            place = stream.tell()
            stream.write(_header_block(header, 0))
            size = 0
            for chunk in rows:
                stream.write(chunk)
                size += len(chunk)
            self._events.require_events(size)
            stream.write(bytes(-size % _BLOCK))
            stream.write(self._tables)
            stream.seek(place)
            stream.write(_header_block(header, size // self._row_size))


def _file_bytes(tables: list[fits.BinTableHDU]) -> bytes:
    """Return extensions as they stand in a file."""
    buffer = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), *tables]).writeto(buffer)
    return buffer.getvalue()[_BLOCK:]


def _interval_names(mission: Mission) -> set[str]:
    """Return the names of good-time tables: those of detectors left out may not stay behind."""
    numbers = {number for group in mission.detector_groups.values() for number in group}
    return {mission.interval_extension(number)[0] for number in (-1, *numbers)}


def _header_block(header: fits.Header, rows: int) -> bytes:
    header["NAXIS2"] = rows
    return header.tostring().encode("ascii")


def _interval_tables(events: EventList, mission: Mission) -> list[fits.BinTableHDU]:
    tables = []
    for detector, gti in events.gti.items():
        columns = [
            fits.Column(name="START", format="1D", unit="s", array=gti.start),
            fits.Column(name="STOP", format="1D", unit="s", array=gti.stop),
        ]
        name, keywords = mission.interval_extension(detector)
        hdu = fits.BinTableHDU.from_columns(columns, name=name)
        hdu.header.update(keywords)
        tables.append(hdu)
    return tables
