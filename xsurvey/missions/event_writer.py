"""Event files of filtered lists: the rows that pass, with their own columns and headers."""

import os

from astropy.io import fits

from xsurvey import __version__
from xsurvey.errors import InputError, printable
from xsurvey.events import EventList
from xsurvey.io.atomic import atomic_output
from xsurvey.io.fits_file import extension_name, open_fits
from xsurvey.missions import Mission, get_mission
from xsurvey.missions.reading import find_event_table

_BLOCK = 2880


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
    original = open_fits(events.observation.path)
    mission = get_mission(events.observation.mission)
    table = find_event_table(original, mission.name)
    intervals = _interval_tables(events, mission)
    replaced = _interval_names(mission)
    header = table.header.copy()
    for keyword in ("CHECKSUM", "DATASUM"):
        header.remove(keyword, ignore_missing=True)
    header["HISTORY"] = f"xsurvey {__version__}: standard filter"
    for step in events.history:
        header["HISTORY"] = printable(step)
    with atomic_output(path) as temporary:
        with temporary.open("w+b") as stream:
            stream.write(original.primary.tostring().encode("ascii"))
            place = stream.tell()
            stream.write(_header_block(header, 0))
            rows = 0
            for chunk in events.chunks():
                stream.write(chunk.raw.tobytes())
                rows += len(chunk)
            events.require_events(rows)
            stream.write(bytes(-rows * table.dtype.itemsize % _BLOCK))
            stream.seek(place)
            stream.write(_header_block(header, rows))
        with fits.open(temporary, mode="append") as hdus:
            for hdu in intervals:
                hdus.append(hdu)
            for other in original.tables:
                if other is not table and extension_name(other.header) not in replaced:
                    hdus.append(fits.BinTableHDU(other.read(), other.header))


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
