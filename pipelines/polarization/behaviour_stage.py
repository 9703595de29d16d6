"""The stage ``behaviour``: tests of the polarization of a source in an observation."""

from __future__ import annotations

from typing import Any

from xsurvey.engine import Stage, TaskContext
from xsurvey.io.json_values import write_json_values
from xsurvey.pipelines.polarization.behaviour_record import behaviour_record
from xsurvey.pipelines.polarization.companion_files import read_resolved
from xsurvey.pipelines.polarization.source_events import (
    OPTIONAL_INPUTS,
    READING,
    SOURCE_INPUTS,
    SOURCE_SECTIONS,
    names_of,
    read_source,
)
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.polarization.variation.behaviour import measure_behaviour
from xsurvey.polarization.variation.behaviour_parameters import (
    ConstancyParameters,
    PulsePhaseParameters,
    RotationParameters,
)

BEHAVIOUR_FILE = "behaviour.json"


def run_behaviour(context: TaskContext) -> dict[str, Any]:
    """Test the polarization of the source."""
    parameters = context.section(PolarizationParameters)
    source = read_source(context)
    companions = context.paths("companion") if "companion" in context.inputs else []
    found = measure_behaviour(
        source.events, parameters, context.section(ConstancyParameters),
        context.section(RotationParameters), context.section(PulsePhaseParameters),
        region=source.region, background=source.background,
        companion=read_resolved(companions[0]) if companions else None, seed=context.seed,
    )  # fmt: skip
    name, observation = names_of(context.target)
    record = behaviour_record(source.events, found, parameters)
    record["notes"] += [f"companion: {cause}" for cause in context.missing.values()]
    write_json_values(
        context.folder / BEHAVIOUR_FILE, {"source": name, "observation": observation, **record}
    )
    constancy, rotation = found.constancy, found.rotation
    return {
        "time_bins": len(found.bin_mjd),
        "constancy_p": None if constancy is None else constancy.probability,
        "rotation_p": None if rotation is None else rotation.rotating.probability,
        "notes": len(record["notes"]),
    }  # fmt: skip


BEHAVIOUR = Stage(
    "behaviour", "1", run_behaviour, outputs=(BEHAVIOUR_FILE,), inputs=SOURCE_INPUTS,
    optional_inputs=(*OPTIONAL_INPUTS, "companion"),
    parameters={
        **SOURCE_SECTIONS, "polarization": PolarizationParameters,
        "constancy": ConstancyParameters, "rotation": RotationParameters,
        "phases": PulsePhaseParameters,
    },
    helpers=(
        *READING, "xsurvey.good_times", "xsurvey.imaging.seen_sky", "xsurvey.io.json_values",
        "xsurvey.pipelines.polarization.behaviour_record",
        "xsurvey.pipelines.polarization.companion_files",
        "xsurvey.pipelines.polarization.provenance", "xsurvey.polarization.background",
        "xsurvey.polarization.bin_sums", "xsurvey.polarization.channel_sums",
        "xsurvey.polarization.estimators", "xsurvey.polarization.event_sums",
        "xsurvey.polarization.intervals", "xsurvey.polarization.known_angle",
        "xsurvey.polarization.known_angle_record", "xsurvey.polarization.measure",
        "xsurvey.polarization.measurement", "xsurvey.polarization.modulation",
        "xsurvey.polarization.optical.ambiguity",
        "xsurvey.polarization.optical.angle_function", "xsurvey.polarization.optical.series",
        "xsurvey.polarization.records", "xsurvey.polarization.significance",
        "xsurvey.polarization.random_phases", "xsurvey.polarization.variation",
        "xsurvey.spectra.extraction.region_exposure",
    ),
    needs_all=False,
)  # fmt: skip
