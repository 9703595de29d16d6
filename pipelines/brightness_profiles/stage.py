"""The stage ``profiles``: surface-brightness profiles of named places of one stack."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from xsurvey.detection.found_store import read_found
from xsurvey.engine import Stage, TaskContext
from xsurvey.errors import XSurveyError
from xsurvey.imaging.source_mask import MaskParameters
from xsurvey.imaging.stack import Stack
from xsurvey.pipelines.brightness_profiles.measuring import (
    BandImages,
    band_images,
    is_on,
    measure_place,
    stack_mask,
)
from xsurvey.pipelines.brightness_profiles.parameters import PlaceProfile, ProfileParameters
from xsurvey.pipelines.products.entries import ProductEntry, wavelengths
from xsurvey.pipelines.products.maps import centre, stack_facts
from xsurvey.pipelines.products.stage import INDEX
from xsurvey.pipelines.stack_reading import READING, STACK_INPUTS, STACK_SECTIONS, read_stack
from xsurvey.units import EnergyBand, SkyPosition

logger = logging.getLogger(__name__)

FOLDER = "profiles"
PROFILE, PROFILE_FIGURE, MASK = "brightness profile", "figure of a profile", "source mask"


def run_profiles(context: TaskContext) -> dict[str, Any]:
    """Measure the profiles of all places that a stack shows, and write an index of their files."""
    stack, folder = read_stack(context), context.folder / FOLDER
    folder.mkdir()
    index: dict[str, Any] = {"target": context.target, "entries": [], "places": {}}
    if stack.fields:
        index["centre"] = centre(stack)
        for number, (name, place) in enumerate(
            context.section(ProfileParameters).places.items()
        ):  # fmt: skip
            if not is_on(SkyPosition(*place.center), stack.grid):
                continue
            try:
                entries = _write_place(context, name, place, stack, context.seed + number)
            except XSurveyError as error:
                logger.warning("%s: %s", name, error)
                for file in folder.glob(f"{name}*"):
                    file.unlink()
                index["places"][name] = {"problem": f"{error.cause}; {error.remedy}"}
                continue
            index["places"][name] = {}
            index["entries"] += [e.as_json() for e in entries]
    (context.folder / INDEX).write_text(json.dumps(index, allow_nan=False))
    return {"places": len(index["places"]), "files": len(index["entries"])}


def _write_place(
    context: TaskContext, name: str, place: PlaceProfile, stack: Stack, seed: int
) -> list[ProductEntry]:
    """Measure one place, and return the entries of its files."""
    folder = context.folder / FOLDER
    images = band_images(
        stack, EnergyBand(*place.band) if place.band else None, place.spectrum
    )  # fmt: skip
    mask = stack_mask(
        stack, images, read_found(context.path("found")).sources, context.section(MaskParameters),
        context.optional_path("mask_regions"), SkyPosition(*place.center),
    )  # fmt: skip
    measure_place(name, place, stack, images, mask, folder, seed)
    stamps = {**mask.image.stamps, "OBJECT": name}
    replace(mask.image, stamps=stamps).write(folder / f"{name}_mask.fits")
    return list(_entries(folder, name, stack, images))


def _entries(folder: Path, name: str, stack: Stack, images: BandImages) -> list[ProductEntry]:
    facts = stack_facts(stack)
    energies: dict[str, Any] = wavelengths(images.band) if images.band is not None else {}
    flat = {**facts, "s_xel1": -1, "s_xel2": -1}
    kinds = {
        f"{name}.fits": (PROFILE, flat), f"{name}.json": (PROFILE, flat),
        f"{name}.png": (PROFILE_FIGURE, flat), f"{name}_image.png": (PROFILE_FIGURE, flat),
        f"{name}_mask.fits": (MASK, facts),
    }  # fmt: skip
    return [
        ProductEntry(
            0, kind, file, (folder / file).stat().st_size, band=images.label, **known, **energies
        )
        for file, (kind, known) in kinds.items()
    ]


PROFILES = Stage(
    "profiles", "3", run_profiles, outputs=(FOLDER, INDEX), inputs=(*STACK_INPUTS, "found"),
    optional_inputs=("mask_regions",),
    parameters={**STACK_SECTIONS, "profiles": ProfileParameters, "mask": MaskParameters},
    helpers=(
        *READING, "xsurvey.detection.found_store", "xsurvey.imaging.band_vignetting",
        "xsurvey.imaging.source_mask",
        "xsurvey.imaging.stack_images", "xsurvey.inference.poisson_rate",
        "xsurvey.pipelines.brightness_profiles", "xsurvey.pipelines.products.entries",
        "xsurvey.pipelines.products.maps", "xsurvey.pipelines.profile_file",
        "xsurvey.pipelines.profile_fits", "xsurvey.profiles.azimuthal", "xsurvey.profiles.bins",
        "xsurvey.profiles.brightness", "xsurvey.profiles.brightness_models",
        "xsurvey.profiles.extraction", "xsurvey.profiles.geometry", "xsurvey.profiles.jump_model",
        "xsurvey.profiles.measure", "xsurvey.profiles.profile_fit",
        "xsurvey.profiles.profile_likelihood", "xsurvey.profiles.profile_mixing",
        "xsurvey.profiles.profile_tables", "xsurvey.profiles.psf_mixing",
        "xsurvey.profiles.psf_sampling", "xsurvey.profiles.significance",
        "xsurvey.profiles.sky_level", "xsurvey.profiles.vikhlinin_model",
        "xsurvey.profiles.exposure_spectrum", "xsurvey.profiles.weighted_exposure", "xsurvey.psf",
        "xsurvey.regions", "xsurvey.report.profile_axes", "xsurvey.report.region_axes",
        "xsurvey.units",
    ),
    needs_all=False,
)  # fmt: skip
