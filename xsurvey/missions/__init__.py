"""Mission plug-ins: one module a telescope, found through the entry points ``xsurvey.missions``."""

import functools
import logging
import os
from collections.abc import Sequence
from importlib.metadata import entry_points

from xsurvey.errors import InputError, ParameterError, nearest, printable
from xsurvey.events import EventList
from xsurvey.io.fits_file import FitsFile, open_fits
from xsurvey.missions.base import Mission
from xsurvey.missions.joining import join_units

__all__ = [
    "Mission", "get_mission", "mission_of", "missions", "open_events", "select_detectors",
]  # fmt: skip

logger = logging.getLogger(__name__)

_OTHER_TABLES = (
    ("SPECTRUM", "a spectrum", "spectrum fit"), ("RATE", "a light curve", "lightcurve"),
)  # fmt: skip
"""Extensions that tell what else a file is, and the command that takes it."""


@functools.cache
def missions() -> dict[str, Mission]:
    """Return the installed missions by name; plug-ins that cannot be loaded are warned of."""
    found = []
    for point in entry_points(group="xsurvey.missions"):
        try:
            mission = point.load()
            _check_complete(mission)
            found.append(mission)
        except Exception as error:  # a stranger's plug-in must not take the others down
            logger.warning(
                "mission plug-in '%s' (%s) is left out, since it cannot be loaded: %s; "
                "reinstall or remove its package", point.name, point.value, printable(error),
            )  # fmt: skip
    return {mission.name: mission for mission in sorted(found, key=lambda m: m.name)}


def _check_complete(mission: Mission) -> None:
    """Raise where a plug-in lacks what the commands will ask of it."""
    if not isinstance(mission, Mission):
        raise TypeError("it is no instance of a subclass of Mission")
    missing = [name for name in Mission.__annotations__ if not hasattr(mission, name)]
    if missing:
        raise TypeError(f"it has no {', '.join(missing)}")


def get_mission(name: str) -> Mission:
    """Return a mission by name.

    Raises
    ------
    ParameterError
        No installed mission has that name.
    """
    known = missions()
    if name not in known:
        raise ParameterError("mission", f"no mission is named '{name}'", nearest(name, known))
    return known[name]


def mission_of(file: FitsFile) -> Mission | None:
    """Return the mission that recognises a file, None where none does."""
    return next((m for m in missions().values() if m.recognises(file)), None)


Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def open_events(path: Paths) -> EventList:
    """Open an event file of any installed mission, or the files of one observation's units.

    Parameters
    ----------
    path : path, or sequence of paths
        FITS event files, gzipped or not. Several must be units (detectors) of one observation
        of a mission that gives each a file of its own.

    Returns
    -------
    EventList
        Lazy: only headers and good time intervals have been read.

    Raises
    ------
    InputError
        A file cannot be read, no mission recognises it, or several do not belong together.
    """
    paths = [path] if isinstance(path, str | os.PathLike) else list(path)
    opened = [_open(one) for one in paths]
    if len(opened) == 1:
        return opened[0]
    mission = get_mission(opened[0].observation.mission)
    if not mission.units_have_files:
        raise InputError(
            opened[1].observation.path, "is a second event file; each file of "
            f"{mission.name} holds a whole observation", "give one file at a time",
        )  # fmt: skip
    return join_units(opened)


def _open(path: str | os.PathLike[str]) -> EventList:
    file = open_fits(path)
    mission = mission_of(file)
    for table, what, command in _OTHER_TABLES:
        if file.find(table) and not file.find("EVENTS"):
            raise InputError(file.path, f"is {what}, not an event file", f"use `xsurvey {command}`")
    if mission is None:
        telescope = next((h["TELESCOP"] for h in file.headers if h.get("TELESCOP")), None)
        cause = f"is of telescope '{telescope}'" if telescope else "names no telescope (TELESCOP)"
        raise InputError(
            file.path, f"{cause}, which no installed mission reads",
            f"give an event file of {', '.join(missions())}",
        )  # fmt: skip
    return mission.open(file)


def select_detectors(events: EventList, names: str | None) -> EventList:
    """Return the events of the detectors that a name of the mission stands for.

    Parameters
    ----------
    events : EventList
    names : str or None
        A name of `Mission.detector_groups`, or several with commas; None for all.

    Raises
    ------
    ParameterError
        The mission has no detectors of that name.
    InputError
        The observation has none of them.
    """
    if names is None:
        return events
    known = get_mission(events.observation.mission).detector_groups
    by_lower = {name.lower(): numbers for name, numbers in known.items()}
    chosen: list[int] = []
    for name in names.split(","):
        if name.strip().lower() not in by_lower:
            raise ParameterError(
                "detectors", f"{events.observation.telescope} has no '{name.strip()}'",
                nearest(name.strip(), known),
            )  # fmt: skip
        chosen += by_lower[name.strip().lower()]
    return events.in_detectors(chosen, names)
