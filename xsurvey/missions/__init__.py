"""Mission plug-ins: one module a telescope, found through the entry points ``xsurvey.missions``."""

import functools
import os
from importlib.metadata import entry_points

from xsurvey.errors import InputError, ParameterError, nearest
from xsurvey.events import EventList
from xsurvey.io.fits_file import FitsFile, open_fits
from xsurvey.missions.base import Mission

__all__ = ["Mission", "get_mission", "mission_of", "missions", "open_events"]


@functools.cache
def missions() -> dict[str, Mission]:
    """Return the installed missions by name."""
    found = [point.load() for point in entry_points(group="xsurvey.missions")]
    return {mission.name: mission for mission in sorted(found, key=lambda m: m.name)}


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


def open_events(path: str | os.PathLike[str]) -> EventList:
    """Open an event file of any installed mission.

    Parameters
    ----------
    path : path
        A FITS event file, gzipped or not.

    Returns
    -------
    EventList
        Lazy: only headers and good time intervals have been read.

    Raises
    ------
    InputError
        The file cannot be read, or no mission recognises it.
    """
    file = open_fits(path)
    mission = mission_of(file)
    if mission is None:
        telescope = next((h["TELESCOP"] for h in file.headers if h.get("TELESCOP")), None)
        cause = f"is of telescope '{telescope}'" if telescope else "names no telescope (TELESCOP)"
        raise InputError(
            file.path, f"{cause}, which no installed mission reads",
            f"give an event file of {', '.join(missions())}",
        )  # fmt: skip
    return mission.open(file)
