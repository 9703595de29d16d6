"""The stage ``stokes``: polarization of a source in one observation, in energy bins."""

from __future__ import annotations

from typing import Any

from xsurvey.engine import Stage, TaskContext
from xsurvey.errors import ParameterError
from xsurvey.events import EventList
from xsurvey.io.json_values import finite, write_json_values
from xsurvey.pipelines.polarization.parameters import PolarizedSource
from xsurvey.pipelines.polarization.provenance import header_of, history_of, record_of
from xsurvey.pipelines.polarization.source_events import (
    OPTIONAL_INPUTS,
    READING,
    SOURCE_INPUTS,
    SOURCE_SECTIONS,
    names_of,
    read_source,
)
from xsurvey.pipelines.polarization.stokes_files import (
    JSON,
    STOKES_FILES,
    SUMS,
    TABLE,
    Measured,
    StokesResult,
    known_angle_of,
    measured_records,
    summary_of,
    write_sums,
)
from xsurvey.polarization.cube_table import write_cube
from xsurvey.polarization.measure import PolarizationCube, measure_polarization
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.polarization.variation.behaviour_parameters import KnownAngleParameters


def run_stokes(context: TaskContext) -> dict[str, Any]:
    """Measure the polarization of a source in an observation."""
    parameters = context.section(PolarizationParameters)
    given = read_source(context)
    if parameters.background_scale is not None and given.background is None:
        raise ParameterError(
            "background_scale", "is given without a background", "give the source a background"
        )
    regions = given.region, given.background
    cube = measure_polarization(given.events, parameters, *regions)
    whole = cube
    if len(parameters.edges) > 2:
        first, *_, last = parameters.ebins.split(",")
        one_bin = parameters.model_copy(update={"ebins": f"{first},{last}"})
        whole = measure_polarization(given.events, one_bin, *regions)
    write_sums(
        context.folder / SUMS,
        StokesResult(Measured(cube.sums, cube.bins), Measured(whole.sums, whole.bins)),
    )
    _write_table(context, given.events, cube, parameters)
    record = _record(context, given.events, cube, whole)
    write_json_values(context.folder / JSON, record)
    return dict(finite(summary_of(record["whole"])))


def _write_table(
    context: TaskContext, events: EventList, cube: PolarizationCube,
    parameters: PolarizationParameters,
) -> None:  # fmt: skip
    source, observation = names_of(context.target)
    header = header_of(events, cube.modulation, parameters)
    header |= {"SRCNAME": source, "OBSNAME": (observation, "in the run")}
    if cube.background_scale is not None:
        header["BKGSCALE"] = (cube.background_scale, "of the background region")
    files = [*context.paths("events"), *(context.optional_path(n) for n in OPTIONAL_INPUTS)]
    write_cube(
        context.folder / TABLE, cube.bins, parameters.acceptance_correction, header,
        history_of(files, list(context.parameters.values())),
    )  # fmt: skip


def _record(
    context: TaskContext, events: EventList, cube: PolarizationCube, whole: PolarizationCube
) -> dict[str, Any]:
    known = context.section(KnownAngleParameters)
    source, observation = names_of(context.target)
    place = context.section(PolarizedSource)
    spans = [g for g in events.gti.values() if len(g.start)]
    starts, stops = min(g.start[0] for g in spans), max(g.stop[-1] for g in spans)
    bins = measured_records(cube.bins, cube.background_counts, known)
    entire = bins[0] if whole is cube else (
        measured_records(whole.bins, whole.background_counts, known)[0]
    )  # fmt: skip
    background = None
    if cube.background_counts is not None:
        background = {
            "region": place.background_region or f"annulus {place.background}",
            "scale": cube.background_scale, "counts": int(cube.background_counts.sum()),
        }  # fmt: skip
    notes = [*events.observation.warnings, *cube.notes, *whole.notes]
    return {
        "source": source, "observation": observation,
        "position": {"ra": place.position.ra, "dec": place.position.dec},
        "mission": events.observation.mission,
        "mjd_start": events.observation.mjd(float(starts)),
        "mjd_stop": events.observation.mjd(float(stops)),
        **record_of(events, cube.modulation, context.section(PolarizationParameters)),
        # where files lie does not belong into results
        "files": [path.name for path in context.paths("events")],
        "region": place.region or f"circle {place.radius:g}arcsec",
        "background": background, "bins": bins, "whole": entire,
        "known_angle": known_angle_of(known), "notes": list(dict.fromkeys(notes)),
    }  # fmt: skip


STOKES = Stage(
    "stokes", "1", run_stokes, outputs=STOKES_FILES, inputs=SOURCE_INPUTS,
    optional_inputs=OPTIONAL_INPUTS,
    parameters={
        **SOURCE_SECTIONS, "polarization": PolarizationParameters,
        "known_angle": KnownAngleParameters,
    },
    helpers=(
        *READING, "xsurvey.imaging.seen_sky", "xsurvey.io.json_values",
        "xsurvey.missions.polarimetry", "xsurvey.pipelines.polarization.provenance",
        "xsurvey.pipelines.polarization.stokes_files", "xsurvey.polarization.angle_records",
        "xsurvey.polarization.background", "xsurvey.polarization.bin_sums",
        "xsurvey.polarization.channel_sums", "xsurvey.polarization.contours",
        "xsurvey.polarization.cube_table", "xsurvey.polarization.estimators",
        "xsurvey.polarization.event_sums", "xsurvey.polarization.intervals",
        "xsurvey.polarization.known_angle", "xsurvey.polarization.measure",
        "xsurvey.polarization.measurement", "xsurvey.polarization.modulation",
        "xsurvey.polarization.random_phases", "xsurvey.polarization.records",
        "xsurvey.polarization.significance",
        "xsurvey.polarization.spectra", "xsurvey.polarization.stokes",
        "xsurvey.polarization.unbinned", "xsurvey.polarization.uncertain_angle",
        "xsurvey.spectra.extraction.region_exposure",
    ),
)  # fmt: skip
