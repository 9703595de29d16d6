"""The stages ``detect`` and ``photometry``: sources of a stack, found and measured."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from xsurvey.detection.detect import find_sources
from xsurvey.detection.found_store import read_found, write_found
from xsurvey.detection.measure import Measurements, measure_sources
from xsurvey.detection.parameters import DetectionParameters, PhotometryParameters
from xsurvey.detection.posterior_store import write_posteriors
from xsurvey.engine import Stage, TaskContext
from xsurvey.imaging.stack import Stack
from xsurvey.imaging.stack_parameters import StackGeometry
from xsurvey.imaging.stack_tiles import Core
from xsurvey.pipelines.stack_reading import (
    READING,
    STACK_INPUTS,
    STACK_SECTIONS,
    given_backgrounds,
    given_region,
    read_stack,
)


def run_detect(context: TaskContext) -> dict[str, Any]:
    """Search the images of a stack for sources."""
    stack = read_stack(context)
    folder = context.folder / "found"
    if not stack.fields:  # a corner of a survey that no observation exposed
        folder.mkdir()
        return {"sources": 0}
    found = find_sources(
        stack, context.section(DetectionParameters),
        backgrounds=given_backgrounds(context, stack) or None,
        region=given_region(context, stack),
    )  # fmt: skip
    write_found(folder, found)
    return {"sources": len(found.sources)}


def run_photometry(context: TaskContext) -> dict[str, Any]:
    """Measure the sources of a stack in every band, together and in each observation."""
    stack = read_stack(context)
    if not stack.fields:
        measured = Measurements([], [], {}, {})
    else:
        measured = measure_sources(
            read_found(context.path("found")), stack, context.section(DetectionParameters),
            context.section(PhotometryParameters),
        )  # fmt: skip
    geometry = context.section(StackGeometry)
    kept, owned = owned_sources(measured, stack, geometry)
    result = {"target": context.target, **owned_rows(measured, kept, owned)}
    (context.folder / "measured.json").write_text(json.dumps(result))
    write_posteriors(context.folder / "posteriors.fits", measured.posteriors, kept)
    return {"sources": len(result["rows"])}


def owned_sources(
    measured: Measurements, stack: Stack, geometry: StackGeometry
) -> tuple[np.ndarray, np.ndarray]:
    """Return which sources are of a tile or just beyond its border, and which are of the tile."""
    kept = np.ones(len(measured.rows), dtype=bool)
    owned = kept
    if geometry.tile is not None and stack.owns is not None and len(kept):
        ra, dec = (np.array([row[k] for row in measured.rows]) for k in ("ra", "dec"))
        kept, owned = stack.owns(ra, dec), Core(geometry.tile)(ra, dec)
    return kept, owned


def owned_rows(measured: Measurements, kept: np.ndarray, owned: np.ndarray) -> dict[str, Any]:
    """Return what was measured of the sources of a tile and of those just beyond its border.

    The latter, which are not ``owned``, are compared with the neighbour's in the catalog.
    """
    numbers = {int(old) + 1: new for new, old in enumerate(np.flatnonzero(kept), start=1)}
    return {
        "rows": [row for row, k in zip(measured.rows, kept, strict=True) if k],
        "owned": [bool(o) for o in owned[kept]],
        "observations": [
            {**row, "number": numbers[row["number"]]}
            for row in measured.observations if row["number"] in numbers
        ],
        "bands": dict(measured.bands), "hardness": dict(measured.hardness),
    }  # fmt: skip


DETECT = Stage(
    "detect", "4", run_detect, outputs=("found",), inputs=STACK_INPUTS,
    optional_inputs=("backgrounds", "regions"),
    parameters={**STACK_SECTIONS, "detection": DetectionParameters},
    helpers=(
        *READING, "xsurvey.detection", "xsurvey.imaging.background",
        "xsurvey.imaging.stack_images", "xsurvey.psf", "xsurvey.regions",
    ),
    needs_all=False,
)  # fmt: skip
PHOTOMETRY = Stage(
    "photometry", "3", run_photometry, outputs=("measured.json", "posteriors.fits"),
    inputs=(*STACK_INPUTS, "found"),
    parameters={
        **STACK_SECTIONS, "detection": DetectionParameters, "photometry": PhotometryParameters,
    },
    helpers=(
        *READING, "xsurvey.apertures", "xsurvey.detection", "xsurvey.imaging.background",
        "xsurvey.imaging.stack_images", "xsurvey.inference", "xsurvey.psf",
    ),
    needs_all=False,
)  # fmt: skip
