"""What a run of the pipeline ``polarization`` would fail at: for ``xsurvey check``."""

from __future__ import annotations

import functools
from collections.abc import Iterable

import numpy as np

from xsurvey.config import Config
from xsurvey.errors import Complaints, XSurveyError
from xsurvey.missions.selection import SelectionParameters, open_selected
from xsurvey.pipelines.observations import ObservationInput
from xsurvey.pipelines.polarization.planning import (
    PlannedRun,
    modulation_for,
    planned_run,
    section_of,
)
from xsurvey.pipelines.polarization.radial_files import angle_map
from xsurvey.polarization.bin_sums import check_edges
from xsurvey.polarization.event_sums import check_events
from xsurvey.polarization.optical.reading import read_polarization_series
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.regions import read_region_file


def input_problems(config: Config) -> Iterable[XSurveyError]:
    """Return why observations of a config cannot be analysed, all that headers tell."""
    run = planned_run(config)
    complaints = Complaints()
    if run.companion is not None:
        complaints.attempt(functools.partial(read_polarization_series, run.companion))
    if run.model_map is not None:
        complaints.attempt(functools.partial(angle_map, run.model_map))
    for observation in run.observations:
        complaints.attempt(functools.partial(_check_observation, run, observation))
    return complaints.found


def _check_observation(run: PlannedRun, observation: ObservationInput) -> None:
    """Raise what a task of an observation would raise before it looks at events."""
    parameters = section_of(run.config, PolarizationParameters)
    events = open_selected(observation.events, section_of(run.config, SelectionParameters))
    check_events(events, parameters.weighted)
    check_edges(np.array(parameters.edges), modulation_for(events, parameters))
    for name, covered in run.covered.items():
        for file in run.files[name].values() if observation in covered else ():
            read_region_file(file, events.wcs)
