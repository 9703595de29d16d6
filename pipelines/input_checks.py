"""What a run would fail at, found by opening its inputs: for ``xsurvey check``."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence

from xsurvey.config import Config
from xsurvey.detection.detect import search_bands
from xsurvey.detection.measure import measured_bands
from xsurvey.detection.parameters import DetectionParameters, PhotometryParameters
from xsurvey.errors import Complaints, XSurveyError
from xsurvey.events import EventList
from xsurvey.missions import get_mission
from xsurvey.missions.selection import SelectionParameters, open_selected
from xsurvey.pipelines.observations import ObservationInput, observations
from xsurvey.regions import read_region_file
from xsurvey.units import EnergyBand


def input_problems(config: Config) -> Iterable[XSurveyError]:
    """Return why observations of a config cannot be analysed, all that headers tell.

    Parameters
    ----------
    config : Config
        Of the pipeline ``sources``.
    """
    complaints = Complaints()
    for observation in observations(config):
        complaints.attempt(functools.partial(_check_observation, config, observation))
    return complaints.found


def _check_observation(config: Config, observation: ObservationInput) -> None:
    selection, detection, photometry = (
        config.sections[name] for name in ("selection", "detection", "photometry")
    )
    assert isinstance(selection, SelectionParameters)
    assert isinstance(detection, DetectionParameters)
    assert isinstance(photometry, PhotometryParameters)
    events = open_selected(observation.events, selection)
    mission = get_mission(events.observation.mission)
    bands = [*search_bands(detection, mission), *measured_bands(photometry, detection, mission)]
    _check_bands(events, list(dict.fromkeys(bands)), list(mission.bands.values()))
    if "region" in observation.others:
        read_region_file(observation.others["region"], events.wcs, "physical")


def _check_bands(
    events: EventList, asked: Sequence[EnergyBand], standard: Sequence[EnergyBand]
) -> None:
    """Raise where no event has the energies of any band.

    Events are read only where all bands are beyond those of the mission.
    """
    low, high = min(b.minimum for b in standard), max(b.maximum for b in standard)
    if any(band.minimum < high and band.maximum > low for band in asked):
        return
    numbers = [events.in_energy(band).count() for band in asked]
    if not any(numbers):
        events.in_energy(asked[0]).require_events(0)
