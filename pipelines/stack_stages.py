"""The stages ``detect`` and ``photometry``: sources of a stack, found and measured."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.time import Time

from xsurvey.detection.detect import find_sources
from xsurvey.detection.fitted import FoundSources
from xsurvey.detection.fluxes import FluxFactors, assumed_spectrum, factors_of_field
from xsurvey.detection.found_store import nothing_found, read_found, write_found
from xsurvey.detection.measure import Measurements, measure_sources
from xsurvey.detection.parameters import DetectionParameters, PhotometryParameters
from xsurvey.detection.posterior_store import write_posteriors
from xsurvey.engine import Stage, TaskContext
from xsurvey.errors import MissingDataError
from xsurvey.imaging.field import Field
from xsurvey.imaging.sky_image import SkyImage
from xsurvey.imaging.stack import Stack
from xsurvey.imaging.stack_images import stack_counts, stack_exposure, to_stack
from xsurvey.imaging.stack_parameters import StackGeometry
from xsurvey.imaging.stack_tiles import Core
from xsurvey.pipelines.stack_reading import (
    READING,
    STACK_INPUTS,
    STACK_SECTIONS,
    given_backgrounds,
    given_files,
    given_region,
    read_stack,
)
from xsurvey.pipelines.stacks import StackInput
from xsurvey.spectra.extraction.responses import GivenResponses, read_given
from xsurvey.spectra.models.installation import installation

logger = logging.getLogger(__name__)

_PLACE = ("ra", "dec")


def run_detect(context: TaskContext) -> dict[str, Any]:
    """Search the images of a stack for sources."""
    stack = read_stack(context)
    folder = context.folder / "found"
    if not stack.fields:  # a corner of a survey that no observation exposed
        write_found(folder, nothing_found())
        (context.folder / "mosaic").mkdir()
        return {"sources": 0}
    found = find_sources(
        stack, context.section(DetectionParameters),
        backgrounds=given_backgrounds(context, stack) or None,
        region=given_region(context, stack),
    )  # fmt: skip
    write_found(folder, found)
    write_mosaic(context.folder / "mosaic", stack, found)
    return {"sources": len(found.sources)}


def write_mosaic(folder: Path, stack: Stack, found: FoundSources) -> None:
    """Write counts, exposure and background of the first searched band on the stack's grid."""
    folder.mkdir()
    label = found.sources.bands[0]
    counts, exposure = stack_counts(stack, label), stack_exposure(stack, label)
    total = np.zeros(stack.grid.shape)
    for index, name in enumerate(stack.names):
        if label in found.backgrounds.get(name, {}):
            total = total + to_stack(stack, index, found.backgrounds[name][label])
    background = SkyImage(total, counts.grid, "count / pixel")
    for name, image in (("counts", counts), ("exposure", exposure), ("background", background)):
        image.write(folder / f"{name}_{label}.fits")


def run_photometry(context: TaskContext) -> dict[str, Any]:
    """Measure the sources of a stack in every band, together and in each observation."""
    stack = read_stack(context)
    found = read_found(context.path("found"))
    if stack.fields:
        measured = measure_sources(
            found, stack, context.section(DetectionParameters),
            context.section(PhotometryParameters), flux_responses(context, stack), context.seed,
        )  # fmt: skip
    else:
        measured = Measurements([], [], {}, {})
    for note in measured.notes:
        logger.warning("%s", note)
    geometry = context.section(StackGeometry)
    searched = found.sources.bands
    result = {
        "target": context.target, **owned_rows(measured, stack, geometry),
        "searched": described_bands(stack.fields[0], searched) if stack.fields else {},
        "notes": list(measured.notes), "missing": dict(context.missing),
        "expected_false": list(found.expected_false),
        "flux_spectrum": assumed_spectrum(context.section(PhotometryParameters)),
    }  # fmt: skip
    (context.folder / "measured.json").write_text(json.dumps(result))
    write_posteriors(context.folder / "posteriors.fits", measured.posteriors)
    return {"sources": len(result["rows"])}


def flux_responses(context: TaskContext, stack: Stack) -> Callable[[Field], FluxFactors]:
    """Return what gives the flux factors of a field, by the responses given for it if any."""
    parameters = context.section(PhotometryParameters)
    includes = context.section(StackGeometry).area_includes
    arfs, rmfs = dict(given_files(context, "arfs")), dict(given_files(context, "rmfs"))

    def factors(one: Field) -> FluxFactors:
        name = next(n for n, f in zip(stack.names, stack.fields, strict=True) if f is one)
        given = GivenResponses()
        if one.mission is not None:
            given = read_given(one.mission, arfs.get(name), rmfs.get(name), includes)
        return factors_of_field(one, parameters, given)

    return factors


def flux_versions(stack: StackInput) -> dict[str, str]:
    """Return the versions of what fluxes depend on, for the keys of tasks."""
    try:
        models = installation().version
    except MissingDataError:
        models = "none"
    found = (o.mission.responses_version() for o in stack.observations if o.mission is not None)
    return {"models": models, "responses": next(found, "")}


def owned_rows(measured: Measurements, stack: Stack, geometry: StackGeometry) -> dict[str, Any]:
    """Return what was measured of the sources of a tile and of those just beyond its border.

    The latter, which are not ``owned``, are compared with the neighbour's in the catalog. Rows of
    observations get the source's place and the times of the observation.
    """
    rows = measured.rows
    owned = np.ones(len(rows), dtype=bool)
    if geometry.tile is not None and stack.owns is not None and rows:
        owned = Core(geometry.tile)(*(np.array([row[k] for row in rows]) for k in ("ra", "dec")))
    times = {
        name: observation_times(field)
        for name, field in zip(stack.names, stack.fields, strict=True)
    }
    observations = [
        {**row, **times[row["observation"]], **{k: rows[row["number"] - 1][k] for k in _PLACE}}
        for row in measured.observations
    ]
    return {
        "rows": rows, "owned": owned.tolist(), "observations": observations,
        "bands": dict(measured.bands), "hardness": dict(measured.hardness),
    }  # fmt: skip


def described_bands(field: Field, labels: Sequence[str]) -> dict[str, str]:
    """Return what the bands of a field mean, by their labels."""
    known = field.bands
    return {b: f"{known[b]} keV" if b in known else "energies of the image" for b in labels}


def observation_times(field: Field) -> dict[str, float | None]:
    """Return begin and end of the good times of an observation, MJD (UTC)."""
    ends: dict[str, float | None] = {"start": None, "stop": None}
    if field.events is None:
        return ends
    own = [g for g in field.events.gti.values() if len(g.start)]
    if own:
        seconds = min(g.start[0] for g in own), max(g.stop[-1] for g in own)
        dates = [field.events.observation.date(float(s)) for s in seconds]
        for key, date in zip(ends, dates, strict=True):
            ends[key] = float(Time(date, scale="utc").mjd) if date else None
    return ends


DETECT = Stage(
    "detect", "4", run_detect, outputs=("found", "mosaic"), inputs=STACK_INPUTS,
    optional_inputs=("backgrounds", "regions", "good_times"),
    parameters={**STACK_SECTIONS, "detection": DetectionParameters},
    helpers=(
        *READING, "xsurvey.detection", "xsurvey.imaging.background", "xsurvey.imaging.starlet",
        "xsurvey.imaging.stack_images", "xsurvey.psf", "xsurvey.regions",
    ),
    needs_all=False,
)  # fmt: skip
PHOTOMETRY = Stage(
    "photometry", "4", run_photometry, outputs=("measured.json", "posteriors.fits"),
    inputs=(*STACK_INPUTS, "found"), optional_inputs=("arfs", "rmfs"),
    parameters={
        **STACK_SECTIONS, "detection": DetectionParameters, "photometry": PhotometryParameters,
    },
    helpers=(
        *READING, "xsurvey.apertures", "xsurvey.detection", "xsurvey.imaging.background",
        "xsurvey.imaging.starlet",
        "xsurvey.imaging.stack_images", "xsurvey.inference.poisson_mixture",
        "xsurvey.inference.poisson_rate", "xsurvey.psf", "xsurvey.spectra.extraction.responses",
        "xsurvey.spectra.extraction.gaussian_response", "xsurvey.spectra.response",
    ),
    needs_all=False,
)  # fmt: skip
