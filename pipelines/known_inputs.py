"""What plans need to know of event files: mission, unit, outline on the sky; looked at once.

A survey has thousands of files, and a look at each takes some ten milliseconds: a run remembers
what it saw in ``OUTPUT/.xsurvey/inputs.parquet``, by size and times of the files.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from astropy.wcs import WCS

from xsurvey.engine.store import STORE_NAME
from xsurvey.errors import InputError
from xsurvey.events import EventList
from xsurvey.good_times import GoodTimeIntervals
from xsurvey.imaging.stack_footprints import Footprint, footprint_of_events
from xsurvey.io.atomic import atomic_output
from xsurvey.io.fits_file import open_fits
from xsurvey.missions import Mission, mission_of, missions, open_events
from xsurvey.units import SkyPosition

INPUTS_NAME = "inputs.parquet"
_FORMAT = "1"
_SETTLED_AFTER_NS = 2_000_000_000
_FOR_EACH = 50
"""Files that are worth another process."""
_MOST_PROCESSES = 8


@dataclass(frozen=True)
class FileLook:
    """What a look at an event file told.

    Attributes
    ----------
    mission : Mission or None
        None where the file cannot be read; the task that does will complain.
    units_of : str or None
        Of a detector unit with a file of its own: mission and observation.
    outline : Footprint or None
        None where it has none, or is one of several units, which have one together.
    """

    mission: Mission | None
    units_of: str | None
    outline: Footprint | None


_NOTHING = FileLook(None, None, None)


class KnownInputs:
    """Looks at event files, remembered between runs in one output folder.

    Parameters
    ----------
    output : path
        The output folder; nothing is written before `save`.
    """

    def __init__(self, output: Path) -> None:
        self._path = output / STORE_NAME / INPUTS_NAME
        self._looks: dict[tuple[str, ...], FileLook] = {}
        self._loaded = self._changed = False

    def look(self, path: Path) -> FileLook:
        """Return what a file tells."""
        return self.looks([path])[0]

    def looks(self, paths: Sequence[Path]) -> list[FileLook]:
        """Return what files tell; many that are new are looked at by several processes."""
        self._load()
        # by the stamps from before: a file that is written meanwhile has others by then
        names = [_stamped(path) for path in paths]
        new = [i for i, name in enumerate(names) if name not in self._looks]
        for i, look in zip(new, _look_at_all([paths[i] for i in new]), strict=True):
            self._looks[names[i]] = look
            self._changed = True
        return [self._looks[name] for name in names]

    def outline(self, paths: Sequence[Path], exposure_given: bool) -> Footprint | None:
        """Return the outline of an observation, None where its files cannot be read."""
        if len(paths) == 1:
            found = self.look(paths[0]).outline
        else:
            self._load()
            name = tuple(part for path in paths for part in _stamped(path))
            if name not in self._looks:
                self._looks[name] = FileLook(None, None, _outline(paths))
                self._changed = True
            found = self._looks[name].outline
        return replace(found, timed=True) if found is not None and exposure_given else found

    def save(self) -> None:
        """Write what was seen, for the runs to come.

        Raises
        ------
        OutputError
            The file cannot be written.
        """
        if not self._changed:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        rows = [
            _row(name, look)
            for name, look in self._looks.items() if _is_worth(look) and _is_settled(name)
        ]  # fmt: skip
        with atomic_output(self._path) as temporary:
            table = pa.Table.from_pylist(rows, _SCHEMA)
            pyarrow.parquet.write_table(table, temporary, compression="zstd")
        self._changed = False

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        with suppress(OSError, pa.ArrowException, KeyError, TypeError, ValueError):
            table = pyarrow.parquet.read_table(self._path, schema=_SCHEMA)
            for row in table.to_pylist():
                look = _from_row(row)
                if look is not None:
                    self._looks.setdefault(tuple(row["name"]), look)


@functools.lru_cache(maxsize=4)
def known_inputs(output: Path) -> KnownInputs:
    """Return what is known of the inputs of runs in an output folder."""
    return KnownInputs(output)


def _stamped(path: Path) -> tuple[str, ...]:
    """Return name, size and times of a file, which change when it is written."""
    try:
        found = path.stat()
    except OSError:
        return (os.path.abspath(path),)
    stamps = (found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    return (os.path.abspath(path), *map(str, stamps))


def _is_settled(name: Sequence[str]) -> bool:
    """Return whether files are older than the ticks of clocks, so that they have their stamps."""
    changed = [int(stamp) for i in range(0, len(name), 4) for stamp in name[i + 2 : i + 4]]
    return bool(changed) and time.time_ns() - max(changed) > _SETTLED_AFTER_NS


def _look_at_all(paths: Sequence[Path]) -> list[FileLook]:
    processes = min(os.cpu_count() or 1, _MOST_PROCESSES, len(paths) // _FOR_EACH)
    if processes < 2:
        return [look_at(path) for path in paths]
    shares = [paths[i::processes] for i in range(processes)]
    with ThreadPoolExecutor(processes) as pool:
        found = list(pool.map(_look_elsewhere, shares))
    looks: list[FileLook] = [_NOTHING] * len(paths)
    for i, share in enumerate(found):
        looks[i::processes] = share
    return looks


def _look_elsewhere(paths: Sequence[Path]) -> list[FileLook]:
    """Look at files in another process; in this one if that cannot be.

    Not with multiprocessing: its processes run the user's script once more.
    """
    command = f"import {__name__} as known; known.answer()"
    asked = json.dumps([os.path.abspath(path) for path in paths])
    done = subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-c", command], input=asked.encode(), stdout=subprocess.PIPE, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        start_new_session=True,
    )  # fmt: skip
    if done.returncode:
        return [look_at(path) for path in paths]
    rows = pa.ipc.open_stream(done.stdout).read_all().to_pylist()
    return [_from_row(row) or _NOTHING for row in rows]


def answer() -> None:
    """Look at the files that are named on standard input, and answer on standard output."""
    rows = [_row((), look_at(Path(path))) for path in json.loads(sys.stdin.buffer.read())]
    with pa.ipc.new_stream(sys.stdout.buffer, _SCHEMA) as stream:
        stream.write_table(pa.Table.from_pylist(rows, _SCHEMA))


def look_at(path: Path) -> FileLook:
    """Look at an event file.

    Parameters
    ----------
    path : path
        One file; what cannot be read gives a look that knows nothing.
    """
    mission: Mission | None = None
    try:
        file = open_fits(path)
        mission = mission_of(file)
        if mission is None:
            return _NOTHING
        events = mission.open(file)
    except InputError:
        known = None if mission is None or mission.units_have_files else mission
        return FileLook(known, None, None)
    name = f"{mission.name} {events.observation.obs_id}" if mission.units_have_files else None
    # a unit may turn out to be alone
    return FileLook(mission, name, _outline_of(events))


def _outline_of(events: EventList) -> Footprint | None:
    try:
        return footprint_of_events(events)
    except InputError:
        return None


def _outline(paths: Sequence[Path]) -> Footprint | None:
    try:
        return footprint_of_events(open_events(list(paths)))
    except InputError:
        return None


def _is_worth(look: FileLook) -> bool:
    # what could not be read is looked at again
    return look.mission is not None or look.outline is not None


def _row(name: Sequence[str], look: FileLook) -> dict[str, Any]:
    """Return a look as a row of the file."""
    mission = look.mission
    row: dict[str, Any] = {
        "format": _FORMAT, "name": list(name), "units_of": look.units_of,
        "mission": mission.name if mission else None,
        # which mission the outline is of, where it is of several files, is not known
        "versions": _versions(mission),
    }  # fmt: skip
    one = look.outline
    if one is None:
        return row
    axes = one.wcs.wcs
    return {
        **row, "centre": list(one.centre), "corners": one.corners.ravel(),
        "scanning": one.scanning, "timed": one.timed, "pixel_size": one.pixel_size,
        "gti": np.concatenate([one.gti.start, one.gti.stop]), "sketch": one.sketch,
        "ctype": list(axes.ctype), "cunit": [str(unit) for unit in axes.cunit],
        "crval": list(axes.crval), "crpix": list(axes.crpix), "cdelt": list(axes.cdelt),
        "radesys": axes.radesys,
    }  # fmt: skip


def _from_row(row: dict[str, Any]) -> FileLook | None:
    """Return the look of a row, None where the plug-in of its mission is another now."""
    mission = missions().get(row["mission"]) if row["mission"] else None
    if row["format"] != _FORMAT or row["versions"] != _versions(mission):
        return None
    return FileLook(mission, row["units_of"], _from_outline(row) if row["centre"] else None)


def _from_outline(row: dict[str, Any]) -> Footprint:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.cunit = row["ctype"], row["cunit"]
    wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = row["crval"], row["crpix"], row["cdelt"]
    if row["radesys"]:
        wcs.wcs.radesys = row["radesys"]
    wcs.wcs.set()
    edges = np.array(row["gti"], float).reshape(2, -1)
    return Footprint(
        SkyPosition(*row["centre"]), wcs, np.array(row["corners"], float).reshape(-1, 2),
        row["scanning"], row["timed"], row["pixel_size"], GoodTimeIntervals(*edges),
        np.array(row["sketch"], float),
    )  # fmt: skip


def _versions(mission: Mission | None) -> str:
    """Return the versions of the plug-ins that decide what is seen; of all if one is not known."""
    known = [mission] if mission else missions().values()
    return " ".join(f"{m.name} {m.version}" for m in known)


_NUMBERS = pa.list_(pa.float64())
_TEXTS = pa.list_(pa.string())
_SCHEMA = pa.schema({
    "format": pa.string(), "name": _TEXTS, "units_of": pa.string(), "mission": pa.string(),
    "versions": pa.string(), "centre": _NUMBERS, "corners": _NUMBERS, "scanning": pa.bool_(),
    "timed": pa.bool_(), "pixel_size": pa.float64(), "gti": _NUMBERS, "sketch": _NUMBERS,
    "ctype": _TEXTS, "cunit": _TEXTS, "crval": _NUMBERS, "crpix": _NUMBERS, "cdelt": _NUMBERS,
    "radesys": pa.string(),
})  # fmt: skip
