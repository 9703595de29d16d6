"""Pipeline ``sources``: event files to a source catalog and a report.

    image (of each observation) -> detect -> photometry -> variability -> source_rows -> catalog
                                  |          |    |                         |
                                  |          |    +-> spectra -> spectral_fits
                                  +-> maps   +-> products ------------------+
                                  +-> profiles

From the search on the targets are stacks: observations of one mission that overlap, or tiles of a
large survey. Each gives its rows, and the catalog joins those of stacks that succeeded.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from xsurvey.catalogs.schema import schemas_hash
from xsurvey.config import Config
from xsurvey.detection.measure import measured_bands
from xsurvey.detection.parameters import DetectionParameters, PhotometryParameters
from xsurvey.engine import Plan, Task
from xsurvey.engine.plan import OutputOf
from xsurvey.errors import ParameterError, nearest
from xsurvey.imaging.field import band_label
from xsurvey.imaging.parameters import ImageParameters
from xsurvey.imaging.source_mask import MaskParameters
from xsurvey.imaging.stack_parameters import StackParameters
from xsurvey.imaging.stack_tiles import Core
from xsurvey.missions.selection import SelectionParameters
from xsurvey.pipelines.base import Pipeline
from xsurvey.pipelines.brightness_profiles.parameters import ProfileParameters
from xsurvey.pipelines.brightness_profiles.plan import profile_bands, profiles_task
from xsurvey.pipelines.brightness_profiles.stage import PROFILES
from xsurvey.pipelines.catalog_stage import CATALOG, CatalogParameters, TileGroups
from xsurvey.pipelines.image_stage import IMAGE, image_task
from xsurvey.pipelines.input_checks import input_problems
from xsurvey.pipelines.observations import ObservationInput, check_names, observations
from xsurvey.pipelines.products.maps_stage import MAPS
from xsurvey.pipelines.products.parameters import ProductParameters
from xsurvey.pipelines.products.plan import maps_task, products_task
from xsurvey.pipelines.products.stage import INDEX, PRODUCTS
from xsurvey.pipelines.source_report import publish
from xsurvey.pipelines.source_rows_stage import ROWS, SOURCE_ROWS
from xsurvey.pipelines.spectra.extraction_stage import SPECTRA
from xsurvey.pipelines.spectra.fits_stage import SPECTRAL_FITS
from xsurvey.pipelines.spectra.parameters import SpectralFitParameters, SpectraParameters
from xsurvey.pipelines.spectra.parts_stage import SPECTRAL_PARTS
from xsurvey.pipelines.spectra.plan import sections_of, spectral_fit_task, spectral_versions
from xsurvey.pipelines.spectra.results_stage import FITS, SPECTRAL_RESULTS
from xsurvey.pipelines.stack_reading import stack_inputs, stack_sections
from xsurvey.pipelines.stack_stages import DETECT, PHOTOMETRY, flux_versions
from xsurvey.pipelines.stacks import StackInput, stacks_of
from xsurvey.pipelines.variability import COLUMNS_FILE, VARIABILITY, variability_task
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.timing.parameters import SourceVariabilityParameters
from xsurvey.units import EnergyBand


def plan_sources(config: Config) -> Plan:
    """Plan images of each observation, search and photometry of each stack, and one catalog.

    Where spectra are asked for, they are extracted and fitted after the photometry.
    """
    rows: list[Task] = []
    fits: list[Task] = []
    maps: list[Task] = []
    spectra = sections_of(config)[0]
    versions = spectral_versions(config) if spectra.wanted else {}
    # regions have no part in the catalog
    of_sources = {**config.sections, "spectra": spectra.model_copy(update={"regions": {}})}
    found = observations(config)
    _check_detectors(config, found)
    _check_band_labels(config, found)
    check_names(found)
    plan = stacks_of(config, found)
    bands = profile_bands(config)
    images = {o.name: image_task(config, o, plan.shared[o.name], bands) for o in found}
    for stack in plan.stacks:
        inputs, sections = stack_inputs(stack, images), stack_sections(config, stack)
        detect = Task(
            DETECT, stack.name, {**inputs, **stack.given("backgrounds", "regions")}, sections
        )
        photometry = Task(
            PHOTOMETRY, stack.name,
            {**inputs, "found": detect.output("found"), **stack.given("arfs", "rmfs")}, sections,
            flux_versions(stack),
        )  # fmt: skip
        measured = photometry.output("measured.json")
        variability = variability_task(config, stack, images, measured)
        columns = [variability.output(COLUMNS_FILE)]
        given: dict[str, OutputOf | list[OutputOf]] = {"measured": measured, "columns": columns}
        files = products_task(stack.name, inputs, sections, detect, photometry, variability)
        maps += maps_task(stack.name, inputs, sections, detect)
        maps += profiles_task(config, stack, inputs, sections, detect)
        own = _with_own_regions(config, stack)
        if sections_of(own)[0].wanted:
            fits.append(
                spectral_fit_task(
                    own, stack.name, stack.observations, measured, versions, plan.shared
                )
            )
            if spectra.sources:
                given["fits"] = [fits[-1].output(FITS)]
        if files:
            given["products"] = [task.output(INDEX) for task in files]
        rows.append(Task(SOURCE_ROWS, stack.name, given, of_sources, {"schemas": schemas_hash()}))
    groups = {stack.name: stack.group for stack in plan.stacks if stack.name != stack.group}
    catalog = Task(
        CATALOG, "all", {"rows": [task.output(ROWS) for task in rows]},
        {**config.sections, "tiles": TileGroups(groups=groups)}, {"schemas": schemas_hash()},
    )  # fmt: skip
    return Plan([catalog, *fits, *maps], config.seed)


def _with_own_regions(config: Config, stack: StackInput) -> Config:
    """Return a config with the named regions that belong to a tile, where the stack is one."""
    spectra, tile = sections_of(config)[0], stack.geometry.tile
    if tile is None or not spectra.regions:
        return config
    core = Core(tile)
    own = {n: r for n, r in spectra.regions.items() if core(*map(np.array, r.position)).all()}
    return replace(
        config, sections={**config.sections, "spectra": spectra.model_copy(update={"regions": own})}
    )


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


SOURCES = Pipeline(
    name="sources",
    summary="Event files to a catalog of sources and a report.",
    sections={
        "selection": SelectionParameters, "image": ImageParameters, "stacking": StackParameters,
        "detection": DetectionParameters, "photometry": PhotometryParameters,
        "spectra": SpectraParameters, "spectral_fits": SpectralFitParameters,
        "spectral_models": ModelSettings, "variability": SourceVariabilityParameters,
        "products": ProductParameters, "mask": MaskParameters, "profiles": ProfileParameters,
        "catalog": CatalogParameters,
    },
    stages=(
        IMAGE, DETECT, PHOTOMETRY, VARIABILITY, SPECTRA, SPECTRAL_PARTS, SPECTRAL_FITS,
        SPECTRAL_RESULTS, PRODUCTS, MAPS, PROFILES, SOURCE_ROWS, CATALOG,
    ),
    kinds=("exposure", "background", "region", "arf", "rmf"),
    plan=plan_sources,
    publish=publish,
    example_inputs=("data:msh15-52",),
    check=input_problems,
)  # fmt: skip
