"""How strongly detectors answer to polarization, as missions tell it."""

from __future__ import annotations

from xsurvey.events import EventList
from xsurvey.missions import get_mission
from xsurvey.missions.polarimetry import Modulation, Weighting

__all__ = ["Modulation", "Weighting", "modulation_of"]


def modulation_of(
    events: EventList, weighting: Weighting = "none", irf: str | None = None
) -> Modulation:
    """Return modulation factors and areas of the detectors of an observation.

    Parameters
    ----------
    events : EventList
    weighting : {'none', 'neff', 'simple'}
        How events will be weighted: not, for spectra (NEFF), for cubes and maps (SIMPLE).
    irf : str, optional
        Name of a set of responses, or a folder; if not given it is chosen by what a simulated file
        says, else by the date of the observation.

    Raises
    ------
    InputError, ParameterError, MissingDataError
        As `Mission.polarimetry`.
    """
    return get_mission(events.observation.mission).polarimetry(events, weighting, irf)
