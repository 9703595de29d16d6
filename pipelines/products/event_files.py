"""Event files of single sources: one pass over an observation for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from xsurvey.events import EventChunk, EventList
from xsurvey.imaging.cutout import PixelBox
from xsurvey.imaging.sky_image import ImageGrid
from xsurvey.missions import open_events
from xsurvey.missions.event_writer import EventFileWriter

_BLOCK = 1 << 22


@dataclass(frozen=True)
class EventCutOut:
    """Where the events of one source are cut out, and the beginning of the file's name.

    Attributes
    ----------
    number : int
        Of the source.
    box : PixelBox
        Pixels of the observation's images.
    start : path
        Of the file, without its ending: ``folder/754_0001``.
    about : str
        What was cut out, for the header.
    """

    number: int
    box: PixelBox
    start: Path
    about: str


def write_event_files(
    events: EventList, grid: ImageGrid, cut_outs: Sequence[EventCutOut]
) -> dict[int, list[tuple[Path, int]]]:
    """Write the events of all sources of an observation.

    Events are those of the images of the observation, of all energies: the events of a band in
    a file are the counts of the cut-out image of that band. Tables of the attitude are left out.

    Parameters
    ----------
    events : EventList
    grid : ImageGrid
        Of the observation's images.
    cut_outs : sequence of EventCutOut

    Returns
    -------
    dict of int to list of (path, int)
        Files, with their numbers of events, by source: one for each file of the observation that
        has events there, ``START_evt.fits``, or ``START_evt1.fits`` and so on where the
        observation has several.

    Raises
    ------
    OutputError
        A file cannot be written.
    """
    written: dict[int, list[tuple[Path, int]]] = {}
    several = len(events.sources) > 1
    for index, part in enumerate(_by_file(events), start=1):
        ending = f"_evt{index}" if several else "_evt"
        rows = _collect(part, grid, cut_outs)
        writer = EventFileWriter(part, attitude=False)
        for one in cut_outs:
            collected = _rows_of(one)
            if not rows.get(one.number):
                continue
            path = one.start.with_name(f"{one.start.name}{ending}.fits")
            writer.write(path, _blocks(collected), (one.about,))
            collected.unlink()
            written.setdefault(one.number, []).append((path, rows[one.number]))
    return written


def _by_file(events: EventList) -> Iterator[EventList]:
    """Yield the event lists of single files, with the same filters."""
    if len(events.sources) == 1:
        yield events
        return
    for source in events.sources:
        one = open_events([source.path])
        gti = {number: own for number, own in events.gti.items() if number in one.gti}
        if gti:  # else no detector of this file was selected
            yield replace(one, gti=gti, filters=events.filters, history=events.history)


def _collect(
    events: EventList, grid: ImageGrid, cut_outs: Sequence[EventCutOut]
) -> Mapping[int, int]:
    """Append the rows of each source to a file of its own; return their numbers."""
    rows: dict[int, int] = {}
    for chunk in events.chunks():
        for one, chosen in _inside(chunk, grid, cut_outs):
            with _rows_of(one).open("ab") as stream:
                stream.write(chunk.raw[chosen].tobytes())
            rows[one.number] = rows.get(one.number, 0) + len(chosen)
    return rows


def _inside(
    chunk: EventChunk, grid: ImageGrid, cut_outs: Sequence[EventCutOut]
) -> Iterator[tuple[EventCutOut, np.ndarray]]:
    """Yield the cut-outs that have events in a chunk, and which, in their order."""
    x, y = grid.from_sky_pixels(chunk["x"], chunk["y"])
    order = np.argsort(x, kind="stable")
    sorted_x, sorted_y = x[order], y[order]
    for one in cut_outs:
        # only the strip of events that has the columns of the box is looked at
        first, last = np.searchsorted(sorted_x, [one.box.x0 - 0.5, one.box.x1 - 0.5])
        within = one.box.contains(sorted_x[first:last], sorted_y[first:last])
        if within.any():
            yield one, np.sort(order[first:last][within])


def _rows_of(one: EventCutOut) -> Path:
    return one.start.with_name(f".{one.start.name}.rows")


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            yield block
