"""The stage ``spectra``: OGIP files of the regions and sources of one observation."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xsurvey.detection.parameters import PhotometryParameters
from xsurvey.engine import Stage, TaskContext
from xsurvey.errors import InputError, MissingDataError, XSurveyError
from xsurvey.events import EventList
from xsurvey.imaging.sky_image import SkyImage, read_exposure_map
from xsurvey.imaging.stack_parameters import SharedSky
from xsurvey.imaging.stack_shared import own_events
from xsurvey.missions import get_mission
from xsurvey.missions.selection import SelectionParameters, open_selected
from xsurvey.pipelines.spectra.extraction_files import spectrum_summary, write_spectra
from xsurvey.pipelines.spectra.parameters import SpectraParameters
from xsurvey.pipelines.spectra.places import observation_of, spectrum_folder, spectrum_stem
from xsurvey.pipelines.spectra.targets import (
    PILED_UP,
    SpectrumApertures,
    SpectrumTarget,
    count_states,
    rows_of,
    spectrum_targets,
)
from xsurvey.spectra.extraction import (
    ExtractedSpectra,
    ExtractionParameters,
    GivenResponses,
    SpectrumRequest,
    extract_spectra,
)
from xsurvey.spectra.extraction.responses import read_given

EXTRACTED, FAILED = "extracted", "failed"
INDEX = "index.json"
_OPTION = re.compile(r"--(arf|rmf)( \(none leaves it out\))?")
"""As remedies for users of commands name what a config has among its inputs."""


def run_spectra(context: TaskContext) -> dict[str, Any]:
    """Extract the spectra of one observation of a stack.

    A region or source that cannot be extracted is listed with the cause, also where its responses
    are missing; where they are of all, the task fails.
    """
    events = own_events(
        open_selected(context.paths("events"), context.section(SelectionParameters)),
        context.section(SharedSky),
    )
    parameters = context.section(SpectraParameters)
    measured = json.loads(context.path("measured").read_text())
    stack = str(measured["target"])
    observation = observation_of(context.target, stack)
    responses = read_given(
        get_mission(events.observation.mission), context.optional_path("arf"),
        context.optional_path("rmf"), parameters.area_includes,
    )  # fmt: skip
    exposure = context.optional_path("exposure")
    folder = context.folder / "spectra"
    folder.mkdir()
    work = _Extraction(
        events, responses, None if exposure is None else read_exposure_map(exposure),
        SpectrumApertures(
            events, rows_of(measured, observation), parameters,
            context.section(PhotometryParameters),
        ), folder,
    )  # fmt: skip
    targets = list(spectrum_targets(measured, parameters, observation))
    stems = [spectrum_stem(target.name, stack, observation) for target in targets]
    entries = work.entries(targets, stems)
    index = {
        "target": context.target, "stack": stack, "observation": observation, "spectra": entries,
    }  # fmt: skip
    (folder / INDEX).write_text(json.dumps(index))
    return count_states(entries)


@dataclass(frozen=True)
class _Extraction:
    """What all extractions of an observation share."""

    events: EventList
    responses: GivenResponses
    exposure: SkyImage | None
    apertures: SpectrumApertures
    folder: Path

    def entries(
        self, targets: Sequence[SpectrumTarget], stems: Sequence[str]
    ) -> list[dict[str, Any]]:
        """Extract all spectra, each into a folder of its own; return the lines of the index.

        Raises
        ------
        MissingDataError
            No spectrum could be extracted for want of responses.
        """
        lines = [_line(target, stem) for target, stem in zip(targets, stems, strict=True)]
        requests: dict[int, SpectrumRequest] = {}
        for number, target in enumerate(targets):
            if target.piled_up:
                cause = "too many photons fell together"
                lines[number] |= {"status": PILED_UP, "cause": cause}
                continue
            try:
                requests[number] = self._request(target)
            except InputError as error:
                lines[number] |= {"status": FAILED, "cause": _reason(error)}
        missing: list[MissingDataError] = []
        found = extract_spectra(self.events, list(requests.values()), self.exposure, self.responses)
        for number, spectra in zip(requests, found, strict=True):
            if isinstance(spectra, ExtractedSpectra):
                lines[number] |= self._written(spectra, lines[number], requests[number].parameters)
            elif isinstance(spectra, MissingDataError):
                missing.append(_of_a_config(spectra))
                cause = f"{spectra.subject} {missing[-1].cause}: {missing[-1].remedy}"
                lines[number] |= {"status": FAILED, "cause": cause}
            elif isinstance(spectra, InputError):
                lines[number] |= {"status": FAILED, "cause": _reason(spectra)}
            else:
                raise spectra
        if missing and not any(line["status"] == EXTRACTED for line in lines):
            raise missing[0]
        return lines

    def _request(self, target: SpectrumTarget) -> SpectrumRequest:
        source, background = self.apertures.of(target)
        kind = ExtractionParameters(source_type="extended" if target.extended else "point")
        return SpectrumRequest(source, background, kind, target.position)

    def _written(
        self, spectra: ExtractedSpectra, line: dict[str, Any], parameters: ExtractionParameters
    ) -> dict[str, Any]:
        path = self.folder / line["folder"] / line["spectrum"]
        path.parent.mkdir(parents=True)
        # inputs are in the manifest of the task
        write_spectra(spectra, path, (), (parameters,))
        summary = spectrum_summary(spectra)
        known = ("counts", "net_counts", "exposure_s", "exposed_area_deg2", "notes", "stamps")
        approximate = {key for key in ("ARFAPPR", "RMFAPPR") if key in spectra.stamps}
        return {
            "status": EXTRACTED, **{key: summary[key] for key in known},
            "background": summary["background"], "responses": summary["responses"],
            "approximate_responses": bool(approximate),
        }  # fmt: skip


def _line(target: SpectrumTarget, stem: str) -> dict[str, Any]:
    return {
        "name": target.name, "kind": target.kind, "number": target.number,
        "ra": target.position.ra, "dec": target.position.dec, "cause": "",
        "folder": str(spectrum_folder(target.name, target.number)), "spectrum": f"{stem}.pha",
    }  # fmt: skip


def _of_a_config(error: MissingDataError) -> MissingDataError:
    """Return an error whose remedy is for users of a config."""
    remedy = _OPTION.sub(r"\1 in the entry under inputs", error.remedy)
    return MissingDataError(error.subject, error.cause, remedy)


def _reason(error: XSurveyError) -> str:
    """Return what is wrong, without the path of the event file."""
    return f"{Path(error.subject).name} {error.cause}"


SPECTRA = Stage(
    "spectra", "2", run_spectra, outputs=("spectra",), inputs=("events", "measured"),
    optional_inputs=("exposure", "arf", "rmf"),
    parameters={
        "selection": SelectionParameters, "photometry": PhotometryParameters,
        "spectra": SpectraParameters, "shared": SharedSky,
    },
    helpers=(
        "xsurvey.apertures", "xsurvey.attitude", "xsurvey.events", "xsurvey.good_times",
        "xsurvey.imaging.attitude_exposure", "xsurvey.imaging.exposure",
        "xsurvey.imaging.seen_sky", "xsurvey.imaging.sky_image", "xsurvey.imaging.stack_shared",
        "xsurvey.io.fits_file", "xsurvey.io.ogip",
        "xsurvey.io.table_wcs", "xsurvey.missions", "xsurvey.pipelines.spectra.places",
        "xsurvey.pipelines.spectra.targets",
        "xsurvey.pipelines.spectra.extraction_files", "xsurvey.psf", "xsurvey.regions",
        "xsurvey.spectra.extraction",
    ),
)  # fmt: skip
