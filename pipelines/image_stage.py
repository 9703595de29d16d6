"""The stage ``image``: counts images and exposure maps of one observation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

from xsurvey.config import Config
from xsurvey.detection.detect import search_bands
from xsurvey.detection.measure import measured_bands
from xsurvey.detection.parameters import DetectionParameters, PhotometryParameters
from xsurvey.engine import Stage, Task, TaskContext
from xsurvey.engine.plan import OutputOf
from xsurvey.imaging.field import fields_by_bands
from xsurvey.imaging.field_store import write_field
from xsurvey.imaging.parameters import ImageParameters
from xsurvey.imaging.stack_parameters import SharedSky
from xsurvey.imaging.stack_shared import own_events, own_exposure
from xsurvey.imaging.summary import summarise
from xsurvey.missions.selection import SelectionParameters, open_selected
from xsurvey.pipelines.good_times_file import in_good_times
from xsurvey.pipelines.observations import ObservationInput
from xsurvey.pipelines.stack_reading import OBSERVATION, READING
from xsurvey.units import EnergyBand


def run_image(context: TaskContext) -> dict[str, Any]:
    """Make counts images and exposure maps, and describe the observation."""
    shared = context.section(SharedSky)
    opened = open_selected(context.paths("events"), context.section(SelectionParameters))
    events = own_events(in_good_times(opened, context.optional_path("good_times")), shared)
    parameters = context.section(ImageParameters)
    summary = summarise(events)
    events.require_events(summary.events)
    bands = list(parameters.image_band)
    parts = fields_by_bands(events, bands, parameters, context.optional_path("exposure"))
    # `map` keeps no part while the next is made
    write_field(context.folder / "field", map(partial(own_exposure, shared=shared), parts))
    (context.folder / "field" / OBSERVATION).write_text(json.dumps(context.target))
    warnings = list(summary.warnings)
    if shared.others:
        number = len(shared.others)
        warnings.append(
            f"photons that {number} other file{'s' if number > 1 else ''} of the survey hold"
            f"{'' if number > 1 else 's'} too are used here where this field's centre is nearest"
        )
    facts = {"facts": summary.lines(), "warnings": warnings}
    (context.folder / "summary.json").write_text(json.dumps(facts))
    return {"events": summary.events, "livetime": events.livetime}


IMAGE = Stage(
    "image", "6", run_image, outputs=("field", "summary.json"), inputs=("events",),
    optional_inputs=("exposure", "good_times"),
    parameters={
        "selection": SelectionParameters, "image": ImageParameters, "shared": SharedSky,
    },
    helpers=(*READING, "xsurvey.imaging"),
)  # fmt: skip


def image_task(
    config: Config, observation: ObservationInput, shared: SharedSky,
    further: Sequence[EnergyBand] = (), good_times: OutputOf | None = None,
) -> Task:  # fmt: skip
    """Plan the images of all bands that any later stage needs, and no more than these.

    The bands, not the sections they come from, are the task's parameters: a change of the
    detection threshold leaves the images as they are.

    Parameters
    ----------
    config : Config
        Its bands are those of images, of the search, and of the photometry if it has one.
    observation : ObservationInput
    shared : SharedSky
    further : sequence of EnergyBand
        Other bands.
    good_times : OutputOf, optional
        Times without flares.
    """
    imaging, detection = (config.sections[s] for s in ("image", "detection"))
    photometry = config.sections.get("photometry")
    assert isinstance(imaging, ImageParameters)
    assert isinstance(detection, DetectionParameters)
    mission = observation.mission
    bands = dict.fromkeys([*imaging.image_band, *search_bands(detection, mission), *further])
    if isinstance(photometry, PhotometryParameters):
        bands |= dict.fromkeys(measured_bands(photometry, detection, mission))
    parameters = imaging.model_copy(update={"image_band": tuple(bands)})
    uses = {"mission": f"{mission.name} {mission.version}"} if mission else {}
    return Task(
        IMAGE, observation.name,
        {
            "events": list(observation.events), **observation.only("exposure"),
            **({} if good_times is None else {"good_times": good_times}),
        },
        {**config.sections, "image": parameters, "shared": shared}, uses=uses,
    )  # fmt: skip
