"""The stage ``surface_brightness``: profiles of a mosaic, models fitted to them, significances."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from xsurvey.engine import Stage, TaskContext
from xsurvey.errors import InputError
from xsurvey.imaging.sky_image import SkyImage
from xsurvey.io.json_values import write_json_values
from xsurvey.missions import get_mission
from xsurvey.pipelines.cluster.mosaic import INDEX
from xsurvey.pipelines.cluster.parameters import TargetParameters
from xsurvey.pipelines.cluster.reading import OFF_AXIS, centre_of, read_map, read_mask
from xsurvey.pipelines.cluster.sector_excess import sector_excesses
from xsurvey.pipelines.profile_file import profile_summary, vignetting_stamps
from xsurvey.pipelines.profile_fits import FieldPsf, fit_all, read_psf, write_residuals
from xsurvey.profiles.annuli_parameters import SkyParameters
from xsurvey.profiles.extraction import extract_profile
from xsurvey.profiles.measure import MeasuredProfiles, ProfileImages, measure_profiles
from xsurvey.profiles.profile_fit_result import ProfileFit
from xsurvey.profiles.profile_parameters import SurfaceBrightnessParameters
from xsurvey.profiles.profile_tables import write_profiles
from xsurvey.profiles.significance import profile_significance
from xsurvey.profiles.sky_wings import Wings, ring_wings, without_wings
from xsurvey.units import EnergyBand

JSON, TABLE = "surface_brightness.json", "surface_brightness.fits"
RESIDUALS, LIGHT = "residuals", "light.fits"
_PIXELS = 6
"""In the width of a bin, at least."""
_AROUND = 0.1
"""Part of R500 and R200 within which counts are added up for their significance."""


def run_surface_brightness(context: TaskContext) -> dict[str, Any]:
    """Measure the surface brightness of a cluster."""
    target = context.section(TargetParameters)
    folder = context.path("mosaic")
    index = json.loads((folder / INDEX).read_text())
    images, label = read_mosaic_images(folder, index)
    parameters = with_particle_error(
        context.section(SurfaceBrightnessParameters), index["particle_errors"].get(label, 0.0)
    )
    psf = field_psf(folder, index)
    measured = measure_profiles(
        images, centre_of(target), parameters, context.seed, read_psf(parameters) or psf.psf
    )
    fits, failed = fit_all(images, measured, parameters, None, context.seed, psf)
    measured, wings, said = sky_without_cluster(
        images,
        measured,
        next(iter(fits[0].values()), None),
        parameters,
        context.section(SkyParameters),
    )
    record = profile_summary(target.name, images, measured, fits, parameters)
    record["notes"] += [*said, *failed, *index["notes"]]
    if wings is not None:
        record["sky"] |= wings.record()
    record["notes"] += _coarse_pixels(images, parameters)
    record["psf"] = parameters.psf or ("mission" if parameters.fit else None)
    record["target"] = target.normalised()
    record["background_error"] = parameters.background_error
    record["radii"] = _significances(images, measured, target, parameters)
    record["sector_excess"], unknown = sector_excesses(images, measured, target, parameters)
    record["notes"] += unknown
    header = {
        "OBJECT": target.name, "E_MIN": (images.band.minimum if images.band else None, "[keV]"),
        "E_MAX": (images.band.maximum if images.band else None, "[keV]"),
        "SEED": (context.seed, "of bootstraps"), **vignetting_stamps(images.exposure),
        **target.cosmology.stamps(),
    }  # fmt: skip
    write_json_values(context.folder / JSON, record)
    settings = json.dumps(parameters.normalised(), sort_keys=True)
    write_profiles(
        context.folder / TABLE, measured.profiles, measured.geometry, header, measured.medians,
        measured.significance, [f"parameters {settings}"],
    )  # fmt: skip
    (context.folder / RESIDUALS).mkdir()
    for name, fit in fits[0].items():
        write_residuals(
            context.folder / RESIDUALS / f"{name}.fits", images, measured.geometry, fit,
            parameters.residual_scale / 60, {"OBJECT": target.name},
        )  # fmt: skip
    light = cluster_light(images, measured, next(iter(fits[0].values()), None))
    SkyImage(light.astype(np.float32), images.counts.grid, "", {"CONTENT": "MODEL"}).write(
        context.folder / LIGHT
    )
    return {"bins": len(measured.profiles[0].counts), "profiles": len(measured.profiles)}


def sky_without_cluster(
    images: ProfileImages, measured: MeasuredProfiles, fit: ProfileFit | None,
    parameters: SurfaceBrightnessParameters, sky: SkyParameters,
) -> tuple[MeasuredProfiles, Wings | None, list[str]]:  # fmt: skip
    """Return profiles whose sky is without what a model has in the ring, that, and notes."""
    if parameters.sky_ring is None or sky.outskirts == "none":
        return measured, None, []
    wings = None
    if fit is not None:
        wings = ring_wings(images, measured.geometry, fit, parameters.sky_ring, sky.outskirts_error)
    return without_wings(measured, wings)


def _coarse_pixels(images: ProfileImages, parameters: SurfaceBrightnessParameters) -> list[str]:
    """Return a note where pixels are so wide that rings of them are none."""
    pixel, width = images.counts.grid.pixel_size, parameters.bin_size or np.inf
    if width >= _PIXELS * pixel * (1 - 1e-6):
        return []
    return [
        f"pixels of {pixel:g} arcsec are wide for bins of {width:g} arcsec: densities may be off "
        f"by some per cent; mosaic.pixel should be {width / _PIXELS:.3g}arcsec or less"
    ]


def cluster_light(
    images: ProfileImages, measured: MeasuredProfiles, fit: ProfileFit | None
) -> np.ndarray:
    """Return how the light of the cluster is distributed, shape (ny, nx): even without a model.

    By a radial model less its background, exposed or not: light is emitted everywhere.
    """
    shape = images.counts.grid.shape
    if fit is None:
        return np.ones(shape)
    radius = measured.geometry.radius(images.counts.grid)
    known = np.isfinite(radius)
    names = [p.name for p in fit.model.parameters]
    background = fit["background"].value if "background" in names else 0.0
    light = fit.brightness(np.where(known, radius, 0.0)) - background
    return np.where(known, np.maximum(light, 1e-12 * np.max(light, initial=0.0)), 0.0)


def read_mosaic_images(folder: Path, index: Mapping[str, Any]) -> tuple[ProfileImages, str]:
    """Return the maps of the brightness' band, and its label.

    Parameters
    ----------
    folder : path
        Of the stage `mosaic`.
    index : mapping
        What it says of itself.

    Raises
    ------
    InputError
        Exposures are not known in seconds.
    """
    label, band = next(iter(index["bands"].items()))
    if not index["timed"]:
        raise InputError(
            ", ".join(index["observations"]), "have exposures that are not known in seconds",
            "give exposure maps",
        )  # fmt: skip
    particles = f"particles_{label}.fits"
    images = ProfileImages(
        read_map(folder, f"counts_{label}.fits"), read_map(folder, f"exposure_{label}.fits"),
        read_map(folder, particles) if (folder / particles).is_file() else None,
        read_mask(folder), True, EnergyBand(*band),
    )  # fmt: skip
    return images, label


def with_particle_error(
    parameters: SurfaceBrightnessParameters, error: float
) -> SurfaceBrightnessParameters:
    """Return the parameters with the particles' own relative error where the user gives none."""
    if parameters.background_error > 0:
        return parameters
    return parameters.model_copy(update={"background_error": min(float(error), 1.0)})


def field_psf(folder: Path, index: Mapping[str, Any]) -> FieldPsf:
    """Return the mission's PSF as it is over a mosaic: of pointings by the angle to their axes."""
    psf = get_mission(index["mission"]).psf(index["scanning"])
    path = folder / OFF_AXIS
    return FieldPsf(psf, read_map(folder, OFF_AXIS).data if path.is_file() else None)


def _significances(
    images: ProfileImages, measured: MeasuredProfiles, target: TargetParameters,
    parameters: SurfaceBrightnessParameters,
) -> dict[str, Any]:  # fmt: skip
    """Return the significance of all, and around R500 and R200, where the sky is measured."""
    found: dict[str, Any] = {}
    if measured.sky is None or parameters.sky_ring is None:
        return found
    last = min(float(measured.profiles[0].edges[-1]), parameters.sky_ring[0])
    ranges = {"whole": (0.0, last)}
    for name, radius in (("r500", target.r500), ("r200", target.r200)):
        if radius is not None:
            ranges[name] = radius / 60 * (1 - _AROUND), radius / 60 * (1 + _AROUND)
    for name, (inner, outer) in ranges.items():
        if outer > parameters.sky_ring[0] * (1 + 1e-9):
            found[name] = None  # what tells the sky cannot be judged by it
            continue
        one = extract_profile(
            images.counts, images.exposure, measured.geometry, np.array([inner, outer]),
            images.background, images.mask, parameters.background_error,
        )  # fmt: skip
        at = profile_significance(one, measured.sky)
        found[name] = {
            "inner_arcmin": inner, "outer_arcmin": outer, "counts": float(one.counts[0]),
            "sigma": float(at.sigma[0]), "expected": float(at.expected[0]),
            "expected_error": float(at.expected_error[0]),
        }  # fmt: skip
    return found


SURFACE_BRIGHTNESS = Stage(
    "surface_brightness", "4", run_surface_brightness, outputs=(JSON, TABLE, RESIDUALS, LIGHT),
    inputs=("mosaic",), optional_inputs=("psf",),
    parameters={
        "target": TargetParameters, "surface_brightness": SurfaceBrightnessParameters,
        "sky": SkyParameters,
    },
    helpers=(
        "xsurvey.imaging.sky_image", "xsurvey.io.json_values", "xsurvey.missions",
        "xsurvey.pipelines.cluster.reading", "xsurvey.pipelines.cluster.sector_excess",
        "xsurvey.pipelines.profile_file",
        "xsurvey.pipelines.profile_fits", "xsurvey.profiles.azimuthal", "xsurvey.profiles.bins",
        "xsurvey.profiles.brightness", "xsurvey.profiles.brightness_models",
        "xsurvey.profiles.extraction", "xsurvey.profiles.geometry", "xsurvey.profiles.jump_model",
        "xsurvey.profiles.measure", "xsurvey.profiles.profile_fit",
        "xsurvey.profiles.profile_fit_result", "xsurvey.profiles.profile_likelihood",
        "xsurvey.profiles.profile_mixing", "xsurvey.profiles.profile_tables",
        "xsurvey.profiles.psf_mixing", "xsurvey.profiles.psf_sampling",
        "xsurvey.profiles.residuals", "xsurvey.profiles.sector_excess",
        "xsurvey.profiles.significance",
        "xsurvey.profiles.sky_level", "xsurvey.profiles.sky_wings", "xsurvey.units",
    ),
)  # fmt: skip
