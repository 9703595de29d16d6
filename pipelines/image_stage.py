"""The stage ``image``: counts images and exposure maps of one observation."""

from __future__ import annotations

import json
from typing import Any

from xsurvey.config import Config
from xsurvey.detection.detect import search_bands
from xsurvey.detection.measure import measured_bands
from xsurvey.detection.parameters import DetectionParameters, PhotometryParameters
from xsurvey.engine import Stage, Task, TaskContext
from xsurvey.imaging.field import field_from_events
from xsurvey.imaging.field_store import write_field
from xsurvey.imaging.parameters import ImageParameters
from xsurvey.imaging.stack_parameters import SharedSky
from xsurvey.imaging.stack_shared import own_events, own_exposure
from xsurvey.imaging.summary import summarise
from xsurvey.missions.selection import SelectionParameters, open_selected
from xsurvey.pipelines.observations import ObservationInput
from xsurvey.pipelines.stack_reading import OBSERVATION, READING


def run_image(context: TaskContext) -> dict[str, Any]:
    """Make counts images and exposure maps, and describe the observation."""
    shared = context.section(SharedSky)
    events = own_events(
        open_selected(context.paths("events"), context.section(SelectionParameters)), shared
    )
    parameters = context.section(ImageParameters)
    summary = summarise(events)
    events.require_events(summary.events)
    bands = list(parameters.image_band)
    field = field_from_events(events, bands, parameters, context.optional_path("exposure"))
    write_field(context.folder / "field", own_exposure(field, shared))
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
    optional_inputs=("exposure",),
    parameters={
        "selection": SelectionParameters, "image": ImageParameters, "shared": SharedSky,
    },
    helpers=(*READING, "xsurvey.imaging"),
)  # fmt: skip


def image_task(config: Config, observation: ObservationInput, shared: SharedSky) -> Task:
    """Plan the images of all bands that any later stage needs, and no more than these.

    The bands, not the sections they come from, are the task's parameters: a change of the
    detection threshold leaves the images as they are.
    """
    imaging, detection, photometry = (
        config.sections[s] for s in ("image", "detection", "photometry")
    )
    assert isinstance(imaging, ImageParameters)
    assert isinstance(detection, DetectionParameters)
    assert isinstance(photometry, PhotometryParameters)
    mission = observation.mission
    bands = dict.fromkeys([
        *imaging.image_band, *search_bands(detection, mission),
        *measured_bands(photometry, detection, mission),
    ])  # fmt: skip
    parameters = imaging.model_copy(update={"image_band": tuple(bands)})
    uses = {"mission": f"{mission.name} {mission.version}"} if mission else {}
    return Task(
        IMAGE, observation.name,
        {"events": list(observation.events), **observation.only("exposure")},
        {**config.sections, "image": parameters, "shared": shared}, uses=uses,
    )  # fmt: skip
