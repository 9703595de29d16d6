"""The stage ``mosaic``: all observations of a cluster as maps on one grid about its centre."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from xsurvey.engine import Stage, TaskContext
from xsurvey.errors import ParameterError
from xsurvey.imaging.display_images import DisplayParameters, display_images
from xsurvey.imaging.field import band_label
from xsurvey.imaging.sky_image import ImageGrid, SkyImage
from xsurvey.imaging.source_mask import mask_of_sources
from xsurvey.imaging.stack import Stack
from xsurvey.imaging.stack_images import stack_counts, stack_exposure
from xsurvey.missions import Mission
from xsurvey.pipelines.cluster.parameters import (
    ClusterMaskParameters,
    MosaicParameters,
    RegionSpectraParameters,
    TargetParameters,
)
from xsurvey.pipelines.cluster.reading import (
    CLUSTER_INPUTS,
    CLUSTER_SECTIONS,
    FLAT,
    MASK,
    OFF_AXIS,
    ClusterField,
    centre_of,
    cluster_grid,
    mission_of,
    particles_of,
    read_fields,
    read_map,
    read_mask,
)
from xsurvey.pipelines.cluster.sources import found_sources, psf_at_sources
from xsurvey.pipelines.stack_reading import READING
from xsurvey.profiles.layout_making import make_layout
from xsurvey.profiles.layout_mixing import mean_livetime
from xsurvey.profiles.layout_parameters import AnnuliParameters
from xsurvey.profiles.observed_regions import ObservedRegions, detector_groups, observe_regions
from xsurvey.profiles.particle_images import particle_images
from xsurvey.profiles.particles.parameters import ParticleParameters
from xsurvey.profiles.profile_parameters import SurfaceBrightnessParameters
from xsurvey.profiles.region_layout import RegionLayout
from xsurvey.profiles.region_products import make_products
from xsurvey.profiles.weighted_exposure import weighted_fields
from xsurvey.units import EnergyBand, written

INDEX = "mosaic.json"
FOLDER = "mosaic"


def run_mosaic(context: TaskContext) -> dict[str, Any]:
    """Make counts, exposures, particle background and mask of a cluster."""
    target, mosaic = context.section(TargetParameters), context.section(MosaicParameters)
    centre = centre_of(target)
    fields = list(read_fields(context))
    mission = mission_of(fields)
    grid = cluster_grid(centre, half_side(context), mosaic.pixel)
    folder = context.folder / FOLDER
    folder.mkdir()
    brightness = context.section(SurfaceBrightnessParameters)
    bands = mosaic_bands(brightness, mosaic, mission)
    names, own = tuple(f.name for f in fields), tuple(f.field for f in fields)
    stack = Stack(context.target, names, own, grid)
    spectrum = mosaic.spectrum_behind(target.nh)
    told: dict[str, list[str]] = {}
    for band in bands:
        label = band_label(band, mission)
        stack_counts(stack, label).write(folder / f"counts_{label}.fits")
        weighted, told[label] = weighted_fields(own, label, spectrum)
        exposure = stack_exposure(replace(stack, fields=tuple(weighted)), label)
        exposure.write(folder / f"exposure_{label}.fits")
    first = band_label(bands[0], mission)
    masked = _write_mask(context, folder, first, fields)
    observed = _observed(context, fields, grid)
    flat = SkyImage(np.sum([mean_livetime(o) for o in observed], axis=0), grid, "s")
    flat.write(folder / FLAT)
    scanning = any(f.field.scanning for f in fields)
    if not scanning:
        off_axis = mean_off_axis(fields, [mean_livetime(o) for o in observed], grid)
        SkyImage(off_axis, grid, "arcmin").write(folder / OFF_AXIS)
    errors, notes = _write_particles(context, folder, observed, grid, bands, mission)
    index = {
        "bands": {band_label(b, mission): list(b) for b in bands}, "particle_errors": errors,
        "notes": [*told[first], *notes], "observations": [f.name for f in fields],
        "missing": dict(context.missing), "masked_sources": masked,
        "timed": all(f.field.timed for f in fields), "mission": mission.name,
        "scanning": scanning,
    }  # fmt: skip
    (folder / INDEX).write_text(json.dumps(index))
    _write_display(context, folder, first)
    return {"observations": len(fields), "masked": len(masked["ra"])}


def mean_off_axis(
    fields: Sequence[ClusterField], livetimes: Sequence[np.ndarray], grid: ImageGrid
) -> np.ndarray:
    """Return the mean angle to the optical axis of pointings, by livetime, arcmin, (ny, nx).

    Where nobody looked, that to the pointings as they are.
    """
    angles = [
        grid.off_axis(one.field.pointing) if one.field.pointing else np.zeros(grid.shape)
        for one in fields
    ]
    # next to nothing: of places that were not seen all pointings count alike
    weights = [np.asarray(t, float) + 1e-9 for t in livetimes]
    total = sum(w * a for w, a in zip(weights, angles, strict=True))
    return np.asarray(total / sum(weights))


def half_side(context: TaskContext) -> float:
    """Return how far the mosaic reaches from the centre, arcsec.

    Raises
    ------
    ParameterError
        No section says it.
    """
    size = context.section(MosaicParameters).size
    if size is not None:
        return size
    annuli = context.section(AnnuliParameters)
    brightness = context.section(SurfaceBrightnessParameters)
    radii = [
        brightness.max_radius, annuli.maximum_radius, annuli.sky_outer, *annuli.edges[-1:],
        None if brightness.sky_ring is None else 60 * brightness.sky_ring[1],
    ]  # fmt: skip
    known = [radius for radius in radii if radius is not None]
    if not known:
        raise ParameterError("mosaic.size", "is required", "give it, or radii of profiles")
    return 1.02 * max(known)


def mosaic_bands(
    brightness: SurfaceBrightnessParameters, mosaic: MosaicParameters, mission: Mission
) -> list[EnergyBand]:
    """Return the bands of a mosaic, that of the brightness first."""
    first = brightness.band or mission.bands[mission.detection_bands[0]]
    return list(dict.fromkeys([EnergyBand(*first), *(EnergyBand(*b) for b in mosaic.bands)]))


def _write_mask(
    context: TaskContext, folder: Path, label: str, fields: Sequence[ClusterField]
) -> dict[str, list[float]]:
    """Write the mask of the sources; return those that are masked."""
    parameters = context.section(ClusterMaskParameters)
    sources = found_sources(context.paths("found") if "found" in context.inputs else [], parameters)
    mask = mask_of_sources(
        read_map(folder, f"counts_{label}.fits"), read_map(folder, f"exposure_{label}.fits"),
        sources, psf_at_sources(sources, fields, label), parameters,
        centre_of(context.section(TargetParameters)), context.optional_path("regions"),
    )  # fmt: skip
    mask.image.write(folder / MASK)
    cut = mask.radius > 0
    return {
        "ra": sources.ra[cut].tolist(), "dec": sources.dec[cut].tolist(),
        "radius_arcsec": mask.radius[cut].tolist(), "counts": mask.counts[cut].tolist(),
    }  # fmt: skip


def _write_display(context: TaskContext, folder: Path, label: str) -> None:
    """Write the images that are shown, of the band of the brightness."""
    particles = folder / f"particles_{label}.fits"
    images = display_images(
        read_map(folder, f"counts_{label}.fits"), read_map(folder, f"exposure_{label}.fits"),
        read_map(folder, particles.name) if particles.is_file() else None, read_mask(folder),
        context.section(DisplayParameters), context.seed,
    )  # fmt: skip
    for name, image in images.items():
        image.write(folder / f"display_{name}.fits")


def _scaling_layout(context: TaskContext, grid: ImageGrid) -> RegionLayout:
    """Return all of the mosaic, divided where the scaling of the particles begins."""
    inner, outer = particles_of(context).scaling_beyond, half_side(context)
    edges = (0.0, inner, outer) if 0 < inner < outer else (0.0, outer)
    parameters = AnnuliParameters(edges=tuple(written(f"{e}arcsec") for e in edges))
    return make_layout(grid, centre_of(context.section(TargetParameters)), parameters)


def _observed(
    context: TaskContext, fields: Sequence[ClusterField], grid: ImageGrid
) -> list[ObservedRegions]:
    """Return what all observations saw of the mosaic."""
    layout = _scaling_layout(context, grid)
    names = context.section(RegionSpectraParameters).groups
    return [
        observe_regions(
            one.observation, layout, detector_groups(one.observation.events, names)
        )
        for one in fields
    ]  # fmt: skip


def _write_particles(
    context: TaskContext, folder: Path, observed: Sequence[ObservedRegions], grid: ImageGrid,
    bands: Sequence[EnergyBand], mission: Mission,
) -> tuple[dict[str, float], list[str]]:  # fmt: skip
    """Write the particle background of all bands; return its relative errors, and notes."""
    particles = particles_of(context)
    if not particles.enabled:
        return {}, ["no particle background is taken off"]
    products = make_products(_scaling_layout(context, grid), observed, particles, psf=None)
    maps = particle_images(products, observed, bands, particles.template_error)
    errors = {}
    for band, found in zip(bands, maps, strict=True):
        label = band_label(band, mission)
        found.image.write(folder / f"particles_{label}.fits")
        errors[label] = found.relative_error
    return errors, list(products.notes)


MOSAIC = Stage(
    "mosaic", "2", run_mosaic, outputs=(FOLDER,), inputs=CLUSTER_INPUTS,
    optional_inputs=("found", "regions", "closed"),
    parameters={
        **CLUSTER_SECTIONS, "mosaic": MosaicParameters, "mask": ClusterMaskParameters,
        "display": DisplayParameters,
        "particles": ParticleParameters, "surface_brightness": SurfaceBrightnessParameters,
        "annuli": AnnuliParameters, "spectra": RegionSpectraParameters,
    },
    helpers=(
        *READING, "xsurvey.imaging.adaptive_smoothing", "xsurvey.imaging.band_vignetting",
        "xsurvey.imaging.display_images",
        "xsurvey.imaging.hole_filling", "xsurvey.imaging.source_mask",
        "xsurvey.imaging.stack_images", "xsurvey.imaging.starlet",
        "xsurvey.imaging.wavelet_display", "xsurvey.pipelines.cluster.reading",
        "xsurvey.pipelines.cluster.sources", "xsurvey.profiles.label_exposure",
        "xsurvey.profiles.label_spectra", "xsurvey.profiles.layout_making",
        "xsurvey.profiles.layout_mixing", "xsurvey.profiles.observed_regions",
        "xsurvey.profiles.particle_images", "xsurvey.profiles.particles",
        "xsurvey.profiles.region_layout", "xsurvey.profiles.region_products",
        "xsurvey.profiles.seen_pixels",
        "xsurvey.profiles.exposure_spectrum", "xsurvey.profiles.weighted_exposure", "xsurvey.psf",
        "xsurvey.regions", "xsurvey.units",
    ),
    needs_all=False,
)  # fmt: skip
