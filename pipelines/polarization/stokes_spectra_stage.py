"""The stage ``stokes_spectra``: spectra of Stokes I, Q and U of a source in one observation."""

from __future__ import annotations

from typing import Any

from xsurvey.engine import Stage, TaskContext
from xsurvey.io.json_values import write_json_values
from xsurvey.missions import get_mission
from xsurvey.pipelines.polarization.parameters import PolarizedSource
from xsurvey.pipelines.polarization.provenance import history_of
from xsurvey.pipelines.polarization.source_events import (
    OPTIONAL_INPUTS,
    READING,
    SOURCE_INPUTS,
    SOURCE_SECTIONS,
    names_of,
    read_source,
)
from xsurvey.pipelines.spectra.places import folder_name
from xsurvey.pipelines.spectropolarimetry.spectra_files import stokes_summary, write_extracted
from xsurvey.polarization.spectra.stokes_extraction import extract_stokes
from xsurvey.polarization.spectra.stokes_spectra_parameters import StokesSpectraParameters

FOLDER = "spectra"
INDEX = "index.json"


def run_stokes_spectra(context: TaskContext) -> dict[str, Any]:
    """Make the spectra of a source, into a folder with an index of them."""
    parameters = context.section(StokesSpectraParameters)
    given = read_source(context)
    position = context.section(PolarizedSource).position
    found = extract_stokes(given.events, parameters, given.region, given.background, position)
    folder = context.folder / FOLDER
    folder.mkdir()
    source, observation = names_of(context.target)
    # inputs are in the manifest of the task
    history = history_of((), (parameters, *context.parameters.values()))
    stem = folder / folder_name(observation)
    files = write_extracted(found, given.events, stem, parameters, history)
    summary = stokes_summary(found, given.events, parameters, files)
    mission = get_mission(given.events.observation.mission)
    band = mission.bands[mission.detection_bands[0]]
    index = {
        "source": source, "observation": observation, "mission": mission.name,
        "band": [band.minimum, band.maximum], **summary,
    }  # fmt: skip
    write_json_values(folder / INDEX, index)
    return {
        "units": len(summary["units"]), "counts": sum(u["counts"] for u in summary["units"]),
        "responses": summary["responses"]["name"],
    }  # fmt: skip


STOKES_SPECTRA = Stage(
    "stokes_spectra", "1", run_stokes_spectra, outputs=(FOLDER,), inputs=SOURCE_INPUTS,
    optional_inputs=OPTIONAL_INPUTS,
    parameters={**SOURCE_SECTIONS, "stokes_spectra": StokesSpectraParameters},
    helpers=(
        *READING, "xsurvey.apertures", "xsurvey.imaging.seen_sky", "xsurvey.io.json_values",
        "xsurvey.io.ogip", "xsurvey.missions", "xsurvey.pipelines.polarization.provenance",
        "xsurvey.pipelines.spectra.places",
        "xsurvey.pipelines.spectropolarimetry.spectra_files",
        "xsurvey.polarization.channel_sums", "xsurvey.polarization.event_sums",
        "xsurvey.polarization.measure", "xsurvey.polarization.modulation",
        "xsurvey.polarization.spectra", "xsurvey.psf", "xsurvey.spectra.extraction",
    ),
)  # fmt: skip
