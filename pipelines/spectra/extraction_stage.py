"""The stage ``spectra``: OGIP files of the regions and sources of one observation."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xsurvey.detection.parameters import PhotometryParameters
from xsurvey.engine import Stage, TaskContext
from xsurvey.errors import InputError, MissingDataError, XSurveyError
from xsurvey.events import EventList
from xsurvey.imaging.sky_image import SkyImage, read_exposure_map
from xsurvey.missions import get_mission
from xsurvey.missions.selection import SelectionParameters, open_selected
from xsurvey.pipelines.spectra.extraction_files import spectrum_summary, write_spectra
from xsurvey.pipelines.spectra.parameters import SpectraParameters
from xsurvey.pipelines.spectra.targets import (
    PILED_UP,
    SpectrumApertures,
    SpectrumTarget,
    spectrum_targets,
)
from xsurvey.spectra.extraction import ExtractionParameters, GivenResponses, extract_spectrum
from xsurvey.spectra.extraction.responses import read_given

EXTRACTED, FAILED = "extracted", "failed"
INDEX = "index.json"
_OPTION = re.compile(r"--(arf|rmf)( \(none leaves it out\))?")
"""As remedies for users of commands name what a config has among its inputs."""


def run_spectra(context: TaskContext) -> dict[str, Any]:
    """Extract the spectra of one observation.

    A region or source that cannot be extracted is listed with the cause; where responses are
    missing all of them would be, and the task fails.
    """
    events = open_selected(context.paths("events"), context.section(SelectionParameters))
    parameters = context.section(SpectraParameters)
    measured = json.loads(context.path("measured").read_text())
    mission = get_mission(events.observation.mission)
    responses = read_given(
        mission, context.optional_path("arf"), context.optional_path("rmf"),
        parameters.area_includes,
    )  # fmt: skip
    exposure = context.optional_path("exposure")
    extraction = Extraction(
        events, responses, None if exposure is None else read_exposure_map(exposure),
        SpectrumApertures(
            events, measured["rows"], parameters, context.section(PhotometryParameters)
        ),
    )  # fmt: skip
    folder = context.folder / "spectra"
    folder.mkdir()
    targets = list(spectrum_targets(measured, parameters))
    try:
        entries = [extraction.entry(target, folder) for target in targets]
    except MissingDataError as error:
        remedy = _OPTION.sub(r"\1 in the entry under inputs", error.remedy)
        raise MissingDataError(error.subject, error.cause, remedy) from None
    index = {"target": context.target, "spectra": entries}
    (folder / INDEX).write_text(json.dumps(index))
    return count_states(entries)


class Extraction:
    """What all extractions of an observation share."""

    def __init__(
        self, events: EventList, responses: GivenResponses, exposure: SkyImage | None,
        apertures: SpectrumApertures,
    ) -> None:  # fmt: skip
        self.events = events
        self.responses = responses
        self.exposure = exposure
        self.apertures = apertures

    def entry(self, target: SpectrumTarget, folder: Path) -> dict[str, Any]:
        """Extract one spectrum into a folder of its own; return its line of the index."""
        line: dict[str, Any] = {
            "name": target.name, "kind": target.kind, "number": target.number,
            "ra": target.position.ra, "dec": target.position.dec, "cause": "",
        }  # fmt: skip
        if target.piled_up:
            return {**line, "status": PILED_UP, "cause": "too many photons fell together"}
        parameters = ExtractionParameters(source_type="extended" if target.extended else "point")
        try:
            source, background = self.apertures.of(target)
            spectra = extract_spectrum(
                self.events, source, background, parameters, self.exposure,
                position=target.position, responses=self.responses,
            )  # fmt: skip
        except InputError as error:
            return {**line, "status": FAILED, "cause": _reason(error)}
        (folder / target.name).mkdir()
        # inputs are in the manifest of the task
        write_spectra(spectra, folder / target.name / f"{target.name}.pha", (), (parameters,))
        summary = spectrum_summary(spectra)
        known = ("counts", "net_counts", "exposure_s", "exposed_area_deg2", "notes", "stamps")
        approximate = {key for key in ("ARFAPPR", "RMFAPPR") if key in spectra.stamps}
        return {
            **line, "status": EXTRACTED, **{key: summary[key] for key in known},
            "background": summary["background"], "responses": summary["responses"],
            "approximate_responses": bool(approximate),
        }  # fmt: skip


def _reason(error: XSurveyError) -> str:
    """Return what is wrong, without the path of the event file."""
    return f"{Path(error.subject).name} {error.cause}"


def count_states(entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return how many entries have each status, for the record of a task."""
    states = [entry["status"] for entry in entries]
    return {state: states.count(state) for state in sorted(set(states))}


SPECTRA = Stage(
    "spectra", "1", run_spectra, outputs=("spectra",), inputs=("events", "measured"),
    optional_inputs=("exposure", "arf", "rmf"),
    parameters={
        "selection": SelectionParameters, "photometry": PhotometryParameters,
        "spectra": SpectraParameters,
    },
    helpers=(
        "xsurvey.apertures", "xsurvey.attitude", "xsurvey.events", "xsurvey.good_times",
        "xsurvey.imaging.attitude_exposure", "xsurvey.imaging.exposure",
        "xsurvey.imaging.seen_sky", "xsurvey.io.fits_file", "xsurvey.io.ogip",
        "xsurvey.io.table_wcs", "xsurvey.missions", "xsurvey.pipelines.spectra.targets",
        "xsurvey.pipelines.spectra.extraction_files", "xsurvey.psf", "xsurvey.regions",
        "xsurvey.spectra.extraction",
    ),
)  # fmt: skip
