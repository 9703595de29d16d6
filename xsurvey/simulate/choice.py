"""Which detectors of a mission a simulation has."""

from __future__ import annotations

from collections.abc import Sequence

from xsurvey.errors import ParameterError, nearest
from xsurvey.missions import Mission
from xsurvey.missions.base import Detector


def chosen_detectors(
    mission: Mission, names: str | None, what: str = "detectors"
) -> list[Detector]:
    """Return the detectors that names of the mission stand for, all if there are none.

    Parameters
    ----------
    mission : Mission
    names : str or None
        Of `Mission.detector_groups`, several with commas.
    what : str
        The parameter, for errors.

    Raises
    ------
    ParameterError
        The mission has no detectors of that name, or does not simulate them.
    """
    every = mission.detectors()
    if names is None:
        return list(every)
    known = {name.lower(): numbers for name, numbers in mission.detector_groups.items()}
    numbers: set[int] = set()
    for name in (text.strip() for text in names.split(",")):
        if name.lower() not in known:
            raise ParameterError(
                what, f"{mission.name} has no '{name}'", nearest(name, mission.detector_groups)
            )
        numbers.update(known[name.lower()])
    found = [d for d in every if d.number in numbers]
    if not found:
        there = ", ".join(str(d.number) for d in every)
        raise ParameterError(
            what, f"'{names}' are none of the detectors that are simulated", f"choose among {there}"
        )
    return found


def numbers_of(detectors: Sequence[Detector]) -> tuple[int, ...]:
    """Return the numbers of detectors."""
    return tuple(d.number for d in detectors)
