"""Pipeline ``cluster``: event files of pointings or tiles to profiles, masses and a catalog row.

    flares -> image (each observation) -> detect (each stack)
                       |                     |
                       +----> mosaic <-------+
                                |
                     surface_brightness ---------------+
                                |                      |
                        annulus_spectra -> absorption  |
                                |                      |
                        spectral_profile -> deprojection -> mass -> catalog -> report

The first model that is fitted to the brightness tells how light is distributed within annuli, and
how much of the cluster there is in the sky around them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from xsurvey.config import Config
from xsurvey.detection.parameters import DetectionParameters
from xsurvey.engine import Plan, Task
from xsurvey.engine.plan import OutputOf
from xsurvey.errors import InputError, ParameterError
from xsurvey.imaging.display_images import DisplayParameters
from xsurvey.imaging.parameters import ImageParameters
from xsurvey.imaging.stack_parameters import SharedSky, StackGeometry, StackParameters
from xsurvey.inference.hamiltonian_parameters import HamiltonianParameters
from xsurvey.inference.mcmc_parameters import MCMCParameters
from xsurvey.io.fits_file import is_event_file
from xsurvey.missions import Mission
from xsurvey.missions.selection import SelectionParameters
from xsurvey.parameters import StepParameters
from xsurvey.pipelines.base import Pipeline
from xsurvey.pipelines.cluster.absorption import ABSORPTION
from xsurvey.pipelines.cluster.annulus_spectra import ANNULUS_SPECTRA
from xsurvey.pipelines.cluster.catalog import CATALOG, RESULTS, ClusterCatalogParameters
from xsurvey.pipelines.cluster.deprojection import DEPROJECTION
from xsurvey.pipelines.cluster.files import files_beside, given_files
from xsurvey.pipelines.cluster.mass import MASS
from xsurvey.pipelines.cluster.mosaic import MOSAIC, mosaic_bands
from xsurvey.pipelines.cluster.parameters import (
    AbsorptionParameters,
    ClusterMaskParameters,
    MosaicParameters,
    RegionSpectraParameters,
    TargetParameters,
)
from xsurvey.pipelines.cluster.publishing import publish
from xsurvey.pipelines.cluster.spectral_profile import SPECTRAL_PROFILE
from xsurvey.pipelines.cluster.surface_brightness import SURFACE_BRIGHTNESS
from xsurvey.pipelines.flares_stage import FLARES
from xsurvey.pipelines.image_stage import IMAGE, image_task
from xsurvey.pipelines.observations import ObservationInput, observations
from xsurvey.pipelines.stack_reading import stack_inputs
from xsurvey.pipelines.stack_stages import DETECT
from xsurvey.pipelines.stacks import stacks_of
from xsurvey.profiles.annuli_parameters import SkyParameters, SpectralProfileParameters
from xsurvey.profiles.comparison import ComparisonParameters
from xsurvey.profiles.deprojection_parameters import DeprojectionParameters
from xsurvey.profiles.layout_parameters import AnnuliParameters, parse_ellipse
from xsurvey.profiles.mass_parameters import MassParameters
from xsurvey.profiles.particles.parameters import ParticleParameters
from xsurvey.profiles.profile_parameters import SurfaceBrightnessParameters
from xsurvey.profiles.weighted_exposure import calibration_versions
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.timing.flares import FlareParameters
from xsurvey.units import EnergyBand

Inputs = dict[str, "Path | OutputOf | Sequence[Path | OutputOf]"]


def plan_cluster(config: Config) -> Plan:
    """Plan the profiles of one cluster from all inputs."""
    found = observations(config)
    _check_target(config)
    mission = _one_mission(found)
    files = given_files(config)
    stacks = stacks_of(config, found)
    name = target_of(config).name
    flares = {
        o.name: Task(FLARES, o.name, {"events": list(o.events)}, config.sections, _uses(o))
        for o in found
    }
    bands = _bands(config, mission)
    images = {
        o.name: image_task(
            config, o, stacks.shared[o.name], bands, flares[o.name].output("good_times.json")
        )
        for o in found
    }
    sections = {**config.sections, "observations": _geometry(found, stacks.shared)}
    every: Inputs = {
        "events": [path for o in found for path in o.events],
        "fields": [images[o.name].output("field") for o in found],
        "good_times": [flares[o.name].output("good_times.json") for o in found],
    }
    detected = [
        Task(
            DETECT, stack.name,
            {
                **stack_inputs(stack, images), **stack.given("backgrounds", "regions"),
                "good_times": [
                    flares[o.name].output("good_times.json") for o in stack.observations
                ],
            },
            {**config.sections, "stack": stack.geometry},
        )
        for stack in stacks.stacks
    ] if mask_of(config).sources else []  # fmt: skip
    mosaic = Task(
        MOSAIC, name,
        {
            **every, **_some("found", [t.output("found") for t in detected]),
            **files_beside(files, "regions", "closed"),
        },
        sections, calibration_versions(mission),
    )  # fmt: skip
    brightness = Task(
        SURFACE_BRIGHTNESS, name,
        {"mosaic": mosaic.output("mosaic"), **files_beside(files, "psf")}, sections,
    )  # fmt: skip
    results = [brightness.output(RESULTS["brightness"])]
    if not wants_spectra(config):
        return Plan([_catalog(name, results, sections)], config.seed)
    spectra = Task(
        ANNULUS_SPECTRA, name,
        {
            **every, "mosaic": mosaic.output("mosaic"), "light": brightness.output("light.fits"),
            **files_beside(files, "closed"),
        },
        sections, {"responses": mission.responses_version()},
    )  # fmt: skip
    profile = Task(
        SPECTRAL_PROFILE, name,
        {
            "regions": spectra.output("regions"), "index": spectra.output("regions.json"),
            "light": brightness.output("light.fits"),
        },
        sections,
    )  # fmt: skip
    density = Task(
        DEPROJECTION, name,
        {
            "mosaic": mosaic.output("mosaic"), "light": brightness.output("light.fits"),
            "brightness": brightness.output(RESULTS["brightness"]),
            "spectral": profile.output("spectral_profile.json"), **files_beside(files, "psf"),
        },
        sections,
    )  # fmt: skip
    mass = Task(
        MASS, name,
        {
            "spectral": profile.output("spectral_profile.json"),
            "temperatures": profile.output("spectral_profile.fits"),
            "responses": profile.output("plasma_products.fits"),
            "density": density.output("density.npz"), **files_beside(files, "references"),
        },
        sections,
    )  # fmt: skip
    results += [
        profile.output(RESULTS["spectral"]), density.output(RESULTS["density"]),
        mass.output(RESULTS["mass"]),
    ]  # fmt: skip
    corrected = Task(
        ABSORPTION, name,
        {
            "mosaic": mosaic.output("mosaic"), "regions": spectra.output("regions"),
            **files_beside(files, "nh_map"),
        },
        sections,
    )  # fmt: skip
    return Plan([_catalog(name, results, sections), corrected], config.seed)


def _catalog(name: str, results: list[OutputOf], sections: Mapping[str, StepParameters]) -> Task:
    return Task(CATALOG, name, {"results": results}, sections)


def target_of(config: Config) -> TargetParameters:
    """Return the section of the target."""
    section = config.sections["target"]
    assert isinstance(section, TargetParameters)
    return section


def mask_of(config: Config) -> ClusterMaskParameters:
    """Return the section of the mask."""
    section = config.sections["mask"]
    assert isinstance(section, ClusterMaskParameters)
    return section


def wants_spectra(config: Config) -> bool:
    """Tell whether annuli are asked for."""
    annuli = config.sections["annuli"]
    assert isinstance(annuli, AnnuliParameters)
    return bool(annuli.edges) or annuli.maximum_radius is not None


def _check_target(config: Config) -> None:
    """Raise before any work where the target is not described.

    Raises
    ------
    ParameterError
        Its centre is missing, or what its brightness or spectra need.
    """
    target = target_of(config)
    brightness = config.sections["surface_brightness"]
    assert isinstance(brightness, SurfaceBrightnessParameters)
    needed = [
        ("target.center", target.center, "RA,DEC of the cluster"),
        ("surface_brightness.bin_size", brightness.bin_size, "an angle, such as 30arcsec"),
        ("surface_brightness.max_radius", brightness.max_radius, "an angle, such as 30arcmin"),
    ]
    if wants_spectra(config):
        needed.append(("target.redshift", target.redshift, "the redshift of the cluster"))
    for key, value, remedy in needed:
        if value is None:
            raise ParameterError(f"{config.path}: {key}", "is required", f"give {remedy}")
    annuli = config.sections["annuli"]
    assert isinstance(annuli, AnnuliParameters)
    if wants_spectra(config) and annuli.sky_inner is None:
        raise ParameterError(
            f"{config.path}: annuli.sky_inner", "is required", "give radii of the sky background"
        )
    if wants_spectra(config) and _shape(annuli.ellipse) != _shape(brightness.ellipse):
        raise ParameterError(
            f"{config.path}: annuli.ellipse", "is not that of surface_brightness: radii of spectra "
            "and of brightness would be different ones", "give both the same ellipse, or none",
        )  # fmt: skip
    absorption = config.sections["absorption"]
    assert isinstance(absorption, AbsorptionParameters)
    if absorption.nh_map is not None and not wants_spectra(config):
        raise ParameterError(
            f"{config.path}: absorption.nh_map", "needs the responses of spectra of annuli",
            "give annuli.edges",
        )  # fmt: skip


def _shape(ellipse: str | None) -> tuple[float, float] | None:
    """Return ratio and position angle, the latter below 180 degrees; None of a circle."""
    if ellipse is None:
        return None
    ratio, angle = parse_ellipse(ellipse)
    return None if ratio == 1 else (ratio, angle % 180)


def _one_mission(found: Sequence[ObservationInput]) -> Mission:
    """Return the mission of all inputs.

    Raises
    ------
    InputError
        One is no event file of a known mission, or they are of several missions.
    """
    for observation in found:
        remedy = "give event files; images have profiles by `xsurvey profile`"
        if observation.mission is None:
            raise InputError(observation.events[0], "is no event file of a known mission", remedy)
        for path in observation.events:
            if _is_image(path):
                raise InputError(path, "is an image: it has neither spectra nor times", remedy)
    missions = {o.mission.name: o.mission for o in found if o.mission is not None}
    if len(missions) > 1:
        raise InputError(
            "inputs", f"are of {' and '.join(missions)}",
            "make one config for each mission: their counts cannot be added",
        )  # fmt: skip
    return next(iter(missions.values()))


def _is_image(path: Path) -> bool:
    try:
        return not is_event_file(path)
    except InputError:
        return False  # whoever reads it says what it is


def _bands(config: Config, mission: Mission) -> list[EnergyBand]:
    brightness, mosaic = config.sections["surface_brightness"], config.sections["mosaic"]
    assert isinstance(brightness, SurfaceBrightnessParameters)
    assert isinstance(mosaic, MosaicParameters)
    return mosaic_bands(brightness, mosaic, mission)


def _geometry(found: Sequence[ObservationInput], shared: Mapping[str, SharedSky]) -> StackGeometry:
    return StackGeometry(
        observations=tuple(o.name for o in found), files=tuple(len(o.events) for o in found),
        shared=tuple(shared[o.name] for o in found),
    )  # fmt: skip


def _uses(observation: ObservationInput) -> dict[str, str]:
    mission = observation.mission
    return {"mission": f"{mission.name} {mission.version}"} if mission else {}


def _some(name: str, values: list[OutputOf]) -> Inputs:
    return {name: values} if values else {}


CLUSTER = Pipeline(
    name="cluster",
    summary="Event files to profiles, masses and a report of one galaxy cluster.",
    sections={
        "target": TargetParameters, "selection": SelectionParameters, "filtering": FlareParameters,
        "image": ImageParameters, "stacking": StackParameters, "detection": DetectionParameters,
        "mosaic": MosaicParameters, "mask": ClusterMaskParameters,
        "display": DisplayParameters, "particles": ParticleParameters,
        "surface_brightness": SurfaceBrightnessParameters, "annuli": AnnuliParameters,
        "spectra": RegionSpectraParameters, "absorption": AbsorptionParameters,
        "sky": SkyParameters,
        "spectral_profile": SpectralProfileParameters, "spectral_models": ModelSettings,
        "deprojection": DeprojectionParameters, "deprojection_sampling": HamiltonianParameters,
        "mass": MassParameters, "mass_sampling": MCMCParameters,
        "comparison": ComparisonParameters,
        "catalog": ClusterCatalogParameters,
    },
    stages=(
        FLARES, IMAGE, DETECT, MOSAIC, SURFACE_BRIGHTNESS, ANNULUS_SPECTRA, ABSORPTION,
        SPECTRAL_PROFILE, DEPROJECTION, MASS, CATALOG,
    ),
    kinds=("exposure",),
    plan=plan_cluster,
    publish=publish,
    example_inputs=("tile.fits",),
)  # fmt: skip
