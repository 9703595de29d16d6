"""Pipeline ``sources``: event files to a source catalog and a report.

    events -> image -> detect -> photometry -> catalog -> report
                                     |            ^
                                     +-> spectra -> spectral_fits

Each observation is a target of its own; the catalog joins those that succeeded.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field as Option

from xsurvey.config import Config
from xsurvey.detection.detect import find_sources, search_bands
from xsurvey.detection.found_store import read_found, write_found
from xsurvey.detection.measure import measure_sources, measured_bands
from xsurvey.detection.parameters import DetectionParameters, PhotometryParameters
from xsurvey.engine import Plan, Stage, Task, TaskContext
from xsurvey.engine.plan import OutputOf
from xsurvey.errors import ParameterError, nearest
from xsurvey.events import EventList
from xsurvey.imaging.field import band_label, field_from_events
from xsurvey.imaging.field_store import read_field, write_field
from xsurvey.imaging.parameters import ImageParameters
from xsurvey.imaging.sky_image import read_map_of
from xsurvey.imaging.summary import summarise
from xsurvey.missions.selection import SelectionParameters, open_selected
from xsurvey.parameters import StepParameters
from xsurvey.pipelines.base import Pipeline
from xsurvey.pipelines.observations import ObservationInput, observations
from xsurvey.pipelines.source_products import write_catalog
from xsurvey.pipelines.source_report import publish
from xsurvey.pipelines.spectra.columns import CATALOG_PART, with_spectra
from xsurvey.pipelines.spectra.extraction_stage import SPECTRA
from xsurvey.pipelines.spectra.fits_stage import FITS, SPECTRAL_FITS
from xsurvey.pipelines.spectra.parameters import SpectralFitParameters, SpectraParameters
from xsurvey.pipelines.spectra.plan import (
    check_responses_are_used,
    sections_of,
    spectral_fit_task,
    spectral_versions,
)
from xsurvey.regions import read_region_file
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.units import EnergyBand


class CatalogParameters(StepParameters):
    """How the catalog is named."""

    acronym: str = Option(
        default="XSV", pattern=r"^[A-Za-z][A-Za-z0-9]{2,}$",
        description="Prefix of the IAU designations, three characters or more.",
    )  # fmt: skip


def _events(context: TaskContext) -> EventList:
    return open_selected(context.paths("events"), context.section(SelectionParameters))


def run_image(context: TaskContext) -> dict[str, Any]:
    """Make counts images and exposure maps, and describe the observation."""
    events = _events(context)
    parameters = context.section(ImageParameters)
    summary = summarise(events)
    events.require_events(summary.events)
    bands = list(parameters.image_band)
    field = field_from_events(events, bands, parameters, context.optional_path("exposure"))
    write_field(context.folder / "field", field)
    facts = {"facts": summary.lines(), "warnings": list(summary.warnings)}
    (context.folder / "summary.json").write_text(json.dumps(facts))
    return {"events": summary.events, "livetime": events.livetime}


def run_detect(context: TaskContext) -> dict[str, Any]:
    """Search the images for sources."""
    events = _events(context)
    field = read_field(context.path("field"), events)
    region_file = context.optional_path("region")
    background_file = context.optional_path("background")
    image = next(iter(field.counts.values()))
    found = find_sources(
        field, context.section(DetectionParameters),
        background=read_map_of(background_file, image) if background_file else None,
        region=read_region_file(region_file, events.wcs) if region_file else None,
    )  # fmt: skip
    write_found(context.folder / "found", found)
    return {"sources": len(found.sources)}


def run_photometry(context: TaskContext) -> dict[str, Any]:
    """Measure the sources in every band."""
    field = read_field(context.path("field"), _events(context))
    found = read_found(context.path("found"))
    measured = measure_sources(
        found, field, context.section(DetectionParameters), context.section(PhotometryParameters)
    )
    result = {
        "target": context.target, "rows": measured.rows, "bands": measured.bands,
        "hardness": measured.hardness,
    }  # fmt: skip
    (context.folder / "measured.json").write_text(json.dumps(result))
    return {"sources": len(measured.rows)}


def run_catalog(context: TaskContext) -> dict[str, Any]:
    """Join the measurements into the catalog."""
    measured = [json.loads(p.read_text()) for p in context.paths("measured")]
    parts = []
    spectra = context.section(SpectraParameters)
    if spectra.sources:
        found = [json.loads((p / FITS).read_text()) for p in context.paths("fits")]
        fits = {one["target"]: one for one in found}
        measured = [with_spectra(one, fits.get(one["target"]), spectra) for one in measured]
        parts.append(CATALOG_PART)
    acronym = context.section(CatalogParameters).acronym
    return {"sources": write_catalog(context.folder, measured, acronym, parts)}


_READING = (
    "xsurvey.attitude", "xsurvey.events", "xsurvey.good_times", "xsurvey.io.fits_file",
    "xsurvey.io.table_wcs", "xsurvey.missions",
)  # fmt: skip

IMAGE = Stage(
    "image", "4", run_image, outputs=("field", "summary.json"), inputs=("events",),
    optional_inputs=("exposure",),
    parameters={"selection": SelectionParameters, "image": ImageParameters},
    helpers=(*_READING, "xsurvey.imaging"),
)  # fmt: skip
DETECT = Stage(
    "detect", "3", run_detect, outputs=("found",), inputs=("events", "field"),
    optional_inputs=("background", "region"),
    parameters={"selection": SelectionParameters, "detection": DetectionParameters},
    helpers=("xsurvey.detection", "xsurvey.imaging.background", "xsurvey.regions"),
)  # fmt: skip
PHOTOMETRY = Stage(
    "photometry", "2", run_photometry, outputs=("measured.json",),
    inputs=("events", "field", "found"),
    parameters={
        "selection": SelectionParameters, "detection": DetectionParameters,
        "photometry": PhotometryParameters,
    },
    helpers=("xsurvey.detection", "xsurvey.inference.poisson_rate", "xsurvey.psf", *_READING),
)  # fmt: skip
CATALOG = Stage(
    "catalog", "4", run_catalog, outputs=("sources.fits", "hats", "sources.reg"),
    inputs=("measured",), optional_inputs=("fits",),
    parameters={"catalog": CatalogParameters, "spectra": SpectraParameters},
    helpers=(
        "xsurvey.catalogs", "xsurvey.pipelines.source_products",
        "xsurvey.pipelines.spectra.columns",
    ),
    needs_all=False,
)  # fmt: skip


def plan_sources(config: Config) -> Plan:
    """Plan the image, detection and photometry of each observation, and one catalog.

    Where spectra are asked for, they are extracted and fitted after the photometry.
    """
    measured, fits = [], []
    spectra = sections_of(config)[0]
    check_responses_are_used(config)
    versions = spectral_versions(config) if spectra.wanted else {}
    found = observations(config)
    _check_detectors(config, found)
    _check_band_labels(config, found)
    for observation in found:
        name, events = observation.name, list(observation.events)
        image = _image_task(config, observation)
        field = image.output("field")
        detect = Task(
            DETECT, name,
            {"events": events, "field": field, **_only(observation, "background", "region")},
            config.sections,
        )  # fmt: skip
        photometry = Task(
            PHOTOMETRY, name,
            {"events": events, "field": field, "found": detect.output("found")}, config.sections,
        )  # fmt: skip
        measured.append(photometry.output("measured.json"))
        if spectra.wanted:
            fits.append(spectral_fit_task(config, name, [observation], measured[-1], versions))
    joined: dict[str, list[OutputOf]] = {"measured": measured}
    if spectra.sources:
        joined["fits"] = [task.output("fits") for task in fits]
    # regions have no part in the catalog
    of_sources = spectra.model_copy(update={"regions": {}})
    catalog = Task(CATALOG, "all", joined, {**config.sections, "spectra": of_sources})
    return Plan([catalog, *fits], config.seed)


def _check_band_labels(config: Config, found: Sequence[ObservationInput]) -> None:
    """Raise before any work where two missions give a letter to different bands.

    Raises
    ------
    ParameterError
        One catalog cannot hold both.
    """
    detection, photometry = config.sections["detection"], config.sections["photometry"]
    assert isinstance(detection, DetectionParameters)
    assert isinstance(photometry, PhotometryParameters)
    known: dict[str, tuple[EnergyBand, str]] = {}
    for observation in found:
        mission = observation.mission
        for band in measured_bands(photometry, detection, mission) if mission else ():
            label = band_label(band, mission)
            other, where = known.setdefault(label, (band, observation.name))
            if not np.allclose(other, band):
                raise ParameterError(
                    f"{config.path}: inputs", f"band {label} is {other} keV of {where} but {band} "
                    f"keV of {observation.name}: one catalog cannot hold both",
                    "name the bands in photometry: measure_band, or make two catalogs",
                )  # fmt: skip


def _check_detectors(config: Config, found: Sequence[ObservationInput]) -> None:
    """Raise before any work where no mission of the inputs has detectors of a chosen name.

    One that only some missions have fails for the observations of the others, later.

    Raises
    ------
    ParameterError
        The name is of none of them.
    """
    selection = config.sections["selection"]
    assert isinstance(selection, SelectionParameters)
    missions = {o.mission.name: o.mission for o in found if o.mission is not None}
    if selection.detectors is None or not missions:
        return
    known = {name for mission in missions.values() for name in mission.detector_groups}
    for name in (part.strip() for part in selection.detectors.split(",")):
        if name.lower() not in {one.lower() for one in known}:
            raise ParameterError(
                f"{config.path}: selection.detectors",
                f"{' or '.join(missions)} has no '{name}'", nearest(name, known),
            )  # fmt: skip


def _only(observation: ObservationInput, *kinds: str) -> dict[str, Path]:
    return {kind: observation.others[kind] for kind in kinds if kind in observation.others}


def _image_task(config: Config, observation: ObservationInput) -> Task:
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
        {"events": list(observation.events), **_only(observation, "exposure")},
        {**config.sections, "image": parameters}, uses=uses,
    )  # fmt: skip


SOURCES = Pipeline(
    name="sources",
    summary="Event files to a catalog of sources and a report.",
    sections={
        "selection": SelectionParameters, "image": ImageParameters,
        "detection": DetectionParameters, "photometry": PhotometryParameters,
        "spectra": SpectraParameters, "spectral_fits": SpectralFitParameters,
        "spectral_models": ModelSettings, "catalog": CatalogParameters,
    },
    stages=(IMAGE, DETECT, PHOTOMETRY, SPECTRA, SPECTRAL_FITS, CATALOG),
    kinds=("exposure", "background", "region", "arf", "rmf"),
    plan=plan_sources,
    publish=publish,
    example_inputs=("data:msh15-52",),
)  # fmt: skip
