"""What the stages of a cluster read: events in good times, images, and maps of all observations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from xsurvey.engine import TaskContext
from xsurvey.errors import InputError, ParameterError
from xsurvey.events import EventList
from xsurvey.imaging.exposure import APPROXIMATE
from xsurvey.imaging.field import Field
from xsurvey.imaging.field_store import read_field
from xsurvey.imaging.sky_image import ImageGrid, SkyImage, grid_from_wcs, read_sky_image
from xsurvey.imaging.stack_parameters import StackGeometry
from xsurvey.imaging.stack_tiles import tangent_wcs
from xsurvey.missions import Mission
from xsurvey.missions.selection import SelectionParameters, open_selected
from xsurvey.parameters import StepParameters
from xsurvey.pipelines.cluster.files import with_paths
from xsurvey.pipelines.cluster.parameters import RegionSpectraParameters, TargetParameters
from xsurvey.pipelines.good_times_file import in_good_times
from xsurvey.pipelines.stack_reading import field_name, good_times_of, stack_events
from xsurvey.profiles.observed_regions import RegionObservation
from xsurvey.profiles.particles.parameters import ParticleParameters
from xsurvey.profiles.psf_mixing import Psf
from xsurvey.profiles.seen_pixels import GivenMaps
from xsurvey.psf import parse_psf
from xsurvey.units import SkyPosition

CLUSTER_INPUTS = ("events", "fields", "good_times")
CLUSTER_SECTIONS: Mapping[str, type[StepParameters]] = {
    "target": TargetParameters, "selection": SelectionParameters, "observations": StackGeometry,
}  # fmt: skip
MASK = "mask.fits"
FLAT = "exposure_flat.fits"


def centre_of(target: TargetParameters) -> SkyPosition:
    """Return the centre of the profiles.

    Raises
    ------
    ParameterError
        It is not given.
    """
    if target.center is None:
        raise ParameterError("target.center", "is required", "give RA,DEC of the cluster")
    return target.center


def redshift_of(target: TargetParameters) -> float:
    """Return the redshift of the cluster.

    Raises
    ------
    ParameterError
        It is not given.
    """
    if target.redshift is None:
        raise ParameterError("target.redshift", "is required", "give the redshift of the cluster")
    return target.redshift


def cluster_grid(centre: SkyPosition, half_side: float, pixel: float) -> ImageGrid:
    """Return a grid about a place.

    Parameters
    ----------
    centre : SkyPosition
        In the middle of a pixel.
    half_side, pixel : float
        Arcsec.
    """
    half = int(np.ceil(half_side / pixel))
    wcs = tangent_wcs(centre, pixel)
    wcs.wcs.crpix = [half + 1, half + 1]
    wcs.wcs.set()
    return grid_from_wcs(wcs, (2 * half + 1, 2 * half + 1))


@dataclass(frozen=True)
class ClusterField:
    """An observation whose images were made: as images, and as events of all its sky."""

    name: str
    field: Field
    observation: RegionObservation


def read_fields(context: TaskContext) -> Iterator[ClusterField]:
    """Yield the observations whose images could be made, in the order of the plan."""
    folders = {field_name(folder): folder for folder in context.paths("fields")}
    whole = dict(_whole_events(context))
    geometry = context.section(StackGeometry)
    shared = dict(zip(geometry.observations, geometry.shared, strict=True))
    for name, own in stack_events(context):
        field = read_field(folders[name], own)
        exposure = next(iter(field.exposure.values()))
        maps = None
        if exposure.stamps.get("EXPMAP", "SUPPLIED") != APPROXIMATE:
            maps = GivenMaps(replace(exposure, source=str(folders[name])))
        yield ClusterField(name, field, RegionObservation(whole[name], shared[name], maps))


def _whole_events(context: TaskContext) -> Iterator[tuple[str, EventList]]:
    """Yield the events of the observations, those that belong to another file's sky as well."""
    geometry, selection = context.section(StackGeometry), context.section(SelectionParameters)
    paths, kept = context.paths("events"), good_times_of(context)
    for name, number in zip(geometry.observations, geometry.files, strict=True):
        own, paths = paths[:number], paths[number:]
        if name in kept:
            yield name, in_good_times(open_selected(own, selection), kept[name])


def region_psf(parameters: RegionSpectraParameters) -> Psf | str | None:
    """Return the PSF that moves light between annuli, as `layout_mixing` takes it."""
    if parameters.psf == "none":
        return None
    return "mission" if parameters.psf == "mission" else parse_psf(parameters.psf)


def mission_of(fields: Sequence[ClusterField]) -> Mission:
    """Return the one mission of all observations.

    Raises
    ------
    InputError
        There are several, or none is known.
    """
    missions = {one.field.mission.name: one.field.mission for one in fields if one.field.mission}
    if len(missions) != 1 or any(one.field.mission is None for one in fields):
        raise InputError(
            "inputs", f"are of {', '.join(sorted(missions)) or 'no known mission'}",
            "give event files of one mission: spectra of several cannot be added",
        )  # fmt: skip
    return next(iter(missions.values()))


def particles_of(context: TaskContext) -> ParticleParameters:
    """Return the parameters of the particle background, with the files that the task was given."""
    closed = context.paths("closed") if "closed" in context.inputs else []
    return with_paths(context.section(ParticleParameters), closed)


def read_mask(folder: Path) -> np.ndarray:
    """Return the mask of a mosaic: True where pixels are counted."""
    return np.asarray(read_sky_image(folder / MASK).data > 0)


def read_map(folder: Path, name: str) -> SkyImage:
    """Return a map of a mosaic, with its path as its source."""
    return replace(read_sky_image(folder / name), source=str(folder / name))
