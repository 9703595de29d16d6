"""The stage ``annulus_spectra``: OGIP spectra of annuli, their sectors and the sky around them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from xsurvey.engine import Stage, TaskContext
from xsurvey.imaging.sky_image import SkyImage, read_sky_image
from xsurvey.io.json_values import write_json_values
from xsurvey.pipelines.cluster.mosaic import INDEX as MOSAIC_INDEX
from xsurvey.pipelines.cluster.parameters import RegionSpectraParameters, TargetParameters
from xsurvey.pipelines.cluster.reading import (
    CLUSTER_INPUTS,
    CLUSTER_SECTIONS,
    centre_of,
    mission_of,
    particles_of,
    read_fields,
    read_map,
    read_mask,
    region_psf,
)
from xsurvey.pipelines.stack_reading import READING
from xsurvey.profiles.geometry import pixel_solid_angles
from xsurvey.profiles.layout_making import make_layout
from xsurvey.profiles.layout_parameters import AnnuliParameters
from xsurvey.profiles.observed_regions import detector_groups, observe_regions
from xsurvey.profiles.particles.parameters import ParticleParameters
from xsurvey.profiles.region_layout import RegionLayout
from xsurvey.profiles.region_product_files import write_products
from xsurvey.profiles.region_products import RegionProducts, make_products

FOLDER, INDEX = "regions", "regions.json"


def run_annulus_spectra(context: TaskContext) -> dict[str, Any]:
    """Extract the spectra of all regions, with responses and particle background."""
    target, chosen = context.section(TargetParameters), context.section(RegionSpectraParameters)
    mosaic = context.path("mosaic")
    index = json.loads((mosaic / MOSAIC_INDEX).read_text())
    label = next(iter(index["bands"]))
    counts = read_map(mosaic, f"counts_{label}.fits")
    exposure = read_map(mosaic, f"exposure_{label}.fits")
    particles = mosaic / f"particles_{label}.fits"
    level = read_map(mosaic, particles.name) if particles.is_file() else None
    layout = make_layout(
        counts.grid, centre_of(target), context.section(AnnuliParameters), read_mask(mosaic),
        counts, level,
    )  # fmt: skip
    fields = list(read_fields(context))
    mission_of(fields)
    observed = [
        observe_regions(
            one.observation, layout, detector_groups(one.observation.events, chosen.groups)
        )
        for one in fields
    ]
    light = context.optional_path("light")
    products = make_products(
        layout, observed, particles_of(context), region_psf(chosen),
        None if light is None else np.asarray(read_sky_image(light).data, float),
    )  # fmt: skip
    write_products(context.folder / FOLDER, products)
    record = {
        "regions": _described(layout), "notes": list(products.notes),
        "exposure_area": region_exposures(layout, exposure).tolist(),
        "band": index["bands"][label],
        "particle_scale_errors": dict(products.scale_errors),
        "counts": _counts(products),
    }  # fmt: skip
    write_json_values(context.folder / INDEX, record)
    return {"regions": len(layout.regions), "spectra": len(products.products)}


def region_exposures(layout: RegionLayout, exposure: SkyImage) -> np.ndarray:
    """Return exposure times solid angle of the counted pixels of regions, s arcmin2, shape (r,)."""
    chosen = layout.detected >= 0
    weight = (exposure.data * pixel_solid_angles(layout.grid))[chosen]
    return np.bincount(layout.detected[chosen], weight, minlength=len(layout.regions))


def _described(layout: RegionLayout) -> list[dict[str, Any]]:
    return [
        {
            "name": r.name, "kind": r.kind, "inner_arcmin": r.inner, "outer_arcmin": r.outer,
            "sector": r.sector, "sky_sector": r.sky_sector,
        }
        for r in layout.regions
    ]  # fmt: skip


def _counts(products: RegionProducts) -> dict[str, dict[str, float]]:
    """Return all counts, and those expected of particles, by region and group."""
    found: dict[str, dict[str, float]] = {}
    for one in products.products:
        name = f"{products.layout.regions[one.region].name}_{one.group}"
        found[name] = {
            "counts": float(one.spectrum.counts.sum()),
            "particles": float(one.particle.sum()),
        }
    return found


ANNULUS_SPECTRA = Stage(
    "annulus_spectra", "2", run_annulus_spectra, outputs=(FOLDER, INDEX),
    inputs=(*CLUSTER_INPUTS, "mosaic"), optional_inputs=("closed", "light"),
    parameters={
        **CLUSTER_SECTIONS, "annuli": AnnuliParameters, "particles": ParticleParameters,
        "spectra": RegionSpectraParameters,
    },
    helpers=(
        *READING, "xsurvey.io.json_values", "xsurvey.pipelines.cluster.reading",
        "xsurvey.profiles.geometry", "xsurvey.profiles.label_exposure",
        "xsurvey.profiles.label_spectra", "xsurvey.profiles.layout_making",
        "xsurvey.profiles.layout_mixing", "xsurvey.profiles.light_between_annuli",
        "xsurvey.profiles.observed_regions",
        "xsurvey.profiles.particles", "xsurvey.profiles.psf_mixing",
        "xsurvey.profiles.psf_sampling", "xsurvey.profiles.region_layout",
        "xsurvey.profiles.region_product_files", "xsurvey.profiles.region_products",
        "xsurvey.profiles.seen_pixels", "xsurvey.psf",
        "xsurvey.spectra.extraction.gaussian_response", "xsurvey.spectra.extraction.responses",
    ),
    needs_all=False,
)  # fmt: skip
