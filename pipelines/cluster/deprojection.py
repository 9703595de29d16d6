"""The stage ``deprojection``: the density of the gas, with its posterior, from the brightness."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from xsurvey import __version__
from xsurvey.engine import Stage, TaskContext
from xsurvey.errors import InputError, plain_ascii
from xsurvey.galaxy_clusters.composition import ABUNDANCE_TABLES, Composition, composition
from xsurvey.imaging.sky_image import read_sky_image
from xsurvey.inference.hamiltonian_parameters import HamiltonianParameters
from xsurvey.io.fits_writer import write_hdus
from xsurvey.io.json_values import write_json_values
from xsurvey.pipelines.cluster.mosaic import INDEX
from xsurvey.pipelines.cluster.parameters import TargetParameters
from xsurvey.pipelines.cluster.reading import centre_of, redshift_of
from xsurvey.pipelines.cluster.surface_brightness import (
    field_psf,
    read_mosaic_images,
    with_particle_error,
)
from xsurvey.pipelines.profile_fits import read_psf
from xsurvey.profiles.density_posterior import DensityPosterior
from xsurvey.profiles.deprojection_parameters import DeprojectionParameters
from xsurvey.profiles.emission_factor import EmissionFactor, FactorPrior
from xsurvey.profiles.layout_parameters import parse_ellipse
from xsurvey.profiles.measure import measure_profiles
from xsurvey.profiles.multiscale import deproject
from xsurvey.profiles.onion import peel
from xsurvey.profiles.profile_mixing import ProfileMixing, profile_mixing
from xsurvey.profiles.profile_parameters import SurfaceBrightnessParameters
from xsurvey.profiles.radial_profile import RadialProfile
from xsurvey.profiles.sky_prior import SkyPrior
from xsurvey.spectra.models.settings import ModelSettings

JSON, TABLE, SAMPLES = "density.json", "density.fits", "density.npz"
_EXTENSION = "DENSITY"
_KEPT = 2000
_FLOOR = 1e-3
"""Of the median: density of shells that onion peeling leaves with less than nothing."""


@dataclass(frozen=True)
class BrightnessData:
    """What is deprojected: a profile within the sky's ring, the PSF's mixing, and the sky."""

    profile: RadialProfile
    mixing: ProfileMixing | None
    sky: SkyPrior | None


def run_deprojection(context: TaskContext) -> dict[str, Any]:
    """Deproject the surface brightness of a cluster."""
    target, parameters = context.section(TargetParameters), context.section(DeprojectionParameters)
    data = brightness_data(context)
    spectral = json.loads(context.path("spectral").read_text())
    gas = composition_of(context, spectral)
    factor = EmissionFactor.read(spectral, redshift_of(target), gas)
    scale = target.cosmology.kpc_per_arcmin(redshift_of(target))
    notes = _ellipse_note(context.section(SurfaceBrightnessParameters))
    if parameters.method == "multiscale":
        found = deproject(
            data.profile, data.mixing, data.sky, parameters,
            context.section(HamiltonianParameters), context.seed,
        )  # fmt: skip
        _, drawn = factor.samples(
            found.density_radii(), *found.shells(), len(found.level), context.seed,
            _factor_prior(parameters),
        )  # fmt: skip
        density = found.density(drawn, scale)
        record = found.record()
        notes += record.pop("warnings")
        record["sky_given"] = data.sky is not None
    else:
        density, record = _peeled(data, parameters, factor, scale, context.seed, notes)
    density = _fewer(density, context.seed)
    record |= {
        "method": parameters.method, "notes": notes, "redshift": target.redshift,
        "cosmology": target.cosmology.normalised(), "confidence": parameters.confidence,
        "electrons_per_hydrogen": gas.electrons_per_hydrogen, "kpc_per_arcmin": scale,
        **_columns(density, parameters.confidence, scale, gas),
    }  # fmt: skip
    write_json_values(context.folder / JSON, record)
    _write_table(context.folder / TABLE, record, target, notes)
    np.savez(
        context.folder / SAMPLES, radius_kpc=density.radii, density=density.samples,
        log_slope=density.log_slopes,
    )  # fmt: skip
    return {"radii": len(density.radii), "samples": len(density.samples)}


def _ellipse_note(brightness: SurfaceBrightnessParameters) -> list[str]:
    """Return what is to be known of densities in ellipses."""
    if brightness.ellipse is None:
        return []
    ratio, _ = parse_ellipse(brightness.ellipse)
    return [
        "bins are elliptical: densities are of gas as deep as their major axes, and gas masses of "
        f"spheres of these radii, {ratio:g} times those of such ellipsoids"
    ]


def read_density(path: Path) -> DensityPosterior:
    """Read the samples of a density."""
    with np.load(path, allow_pickle=False) as stored:
        return DensityPosterior(stored["radius_kpc"], stored["density"], stored["log_slope"])


def brightness_data(context: TaskContext) -> BrightnessData:
    """Return the profile that is deprojected, of all angles or of the one sector.

    Bins that reach into the ring of the sky are left out: its photons tell the sky.
    """
    folder = context.path("mosaic")
    index = json.loads((folder / INDEX).read_text())
    images, label = read_mosaic_images(folder, index)
    wanted = context.section(SurfaceBrightnessParameters).model_copy(
        update={"sectors": None, "median": False, "fit": ()}
    )
    parameters = with_particle_error(wanted, index["particle_errors"].get(label, 0.0))
    measured = measure_profiles(
        images, centre_of(context.section(TargetParameters)), parameters, context.seed
    )
    profile, sky = measured.profiles[0], None
    if measured.sky is not None and parameters.sky_ring is not None:
        profile = _within(profile, parameters.sky_ring[0])
        of_sky = json.loads(context.path("brightness").read_text())["sky"]
        level = measured.sky
        if of_sky.get("outskirts") is not None:
            level = level.less(of_sky["outskirts"], of_sky["outskirts_error"])
        sky = SkyPrior.of_level(level, profile.area)
    psf, off_axis = read_psf(parameters), None
    if psf is None:
        own = field_psf(folder, index)
        psf, off_axis = own.psf, own.off_axis
    light = np.asarray(read_sky_image(context.path("light")).data, float)
    mixing = profile_mixing(
        profile, measured.geometry, images.exposure, psf, off_axis=off_axis, brightness=light
    )
    return BrightnessData(profile, mixing, sky)


def _within(profile: RadialProfile, radius: float) -> RadialProfile:
    """Return the bins of a profile that end within a radius, arcmin."""
    number = int(np.sum(profile.edges[1:] <= radius * (1 + 1e-9)))
    if number < 3:
        raise InputError(
            "surface_brightness.sky", f"begins at {radius:g} arcmin, before the third bin ends",
            "choose a ring farther out, or narrower bins",
        )  # fmt: skip
    label = np.where(profile.label_image < number, profile.label_image, -1)
    parts = (
        "counts", "exposure_area", "area", "geometric_area", "background", "background_error",
        "flags",
    )  # fmt: skip
    cut = {name: getattr(profile, name)[:number] for name in parts}
    return replace(profile, edges=profile.edges[: number + 1], label_image=label, **cut)


def composition_of(context: TaskContext, spectral: dict[str, Any]) -> Composition:
    """Return the composition of the gas, of the median abundance of the annuli.

    Raises
    ------
    InputError
        Numbers of the abundance table are not known.
    """
    table = context.section(ModelSettings).abund
    if table not in ABUNDANCE_TABLES:
        raise InputError(
            "spectral_models.abund", f"'{table}' has no known numbers of electrons",
            f"use one of {', '.join(ABUNDANCE_TABLES)}",
        )  # fmt: skip
    metals = [row["abundance"]["value"] for row in spectral["annuli"]]
    known = [value for value in metals if value is not None]
    return composition(table, float(np.median(known)) if known else 0.3)


def _factor_prior(parameters: DeprojectionParameters) -> FactorPrior:
    return FactorPrior(parameters.factor_spread, parameters.factor_smoothness)


def _peeled(
    data: BrightnessData, parameters: DeprojectionParameters, factor: EmissionFactor, scale: float,
    seed: int, notes: list[str],
) -> tuple[DensityPosterior, dict[str, Any]]:  # fmt: skip
    """Return densities of onion peeling at the middles of its shells."""
    if data.sky is None:
        raise InputError(
            "surface_brightness.sky", "is required by onion peeling", "give the ring of the sky"
        )
    found = peel(data.profile, data.sky, data.mixing, parameters, seed)
    inner, outer = found.edges[:-1], found.edges[1:]
    middle = np.sqrt(np.maximum(inner, 0.25 * outer) * outer)
    likely, uncertain = factor.samples(
        middle, found.edges, found.emissivity, len(found.samples), seed, _factor_prior(parameters)
    )
    best, drawn = found.density(likely, scale, uncertain)
    good = best > 0
    if (~good).any():
        notes.append(f"{int((~good).sum())} shells have no positive emissivity: left out")
    samples = np.maximum(drawn[:, good], _FLOOR * best[good])
    slopes = np.gradient(np.log(samples), np.log(middle[good]), axis=1)
    record = {"regularisation": found.regularisation, "shells": len(middle)}
    return DensityPosterior(middle[good] * scale, samples, slopes), record


def _fewer(density: DensityPosterior, seed: int) -> DensityPosterior:
    number = len(density.samples)
    if number <= _KEPT:
        return density
    chosen = np.sort(np.random.default_rng(seed).choice(number, _KEPT, replace=False))
    return DensityPosterior(density.radii, density.samples[chosen], density.log_slopes[chosen])


def _columns(
    density: DensityPosterior, confidence: float, scale: float, gas: Composition
) -> dict[str, Any]:
    """Return the profiles, one entry a radius."""
    value, lower, upper = density.interval(confidence)
    slope, slope_lower, slope_upper = density.slope_interval(confidence)
    tail = (1 - confidence) / 2
    mass = np.quantile(density.gas_mass(density.radii, gas), [tail, 0.5, 1 - tail], axis=0)
    return {
        "radius_arcmin": density.radii / scale, "radius_kpc": density.radii,
        "density": value, "density_lower": lower, "density_upper": upper,
        "log_slope": slope, "log_slope_lower": slope_lower, "log_slope_upper": slope_upper,
        "gas_mass": mass[1], "gas_mass_lower": mass[0], "gas_mass_upper": mass[2],
    }  # fmt: skip


def _write_table(
    path: Path, record: dict[str, Any], target: TargetParameters, notes: list[str]
) -> None:
    units = {"radius_arcmin": "arcmin", "radius_kpc": "kpc"}
    columns = []
    for name, values in record.items():
        if not isinstance(values, np.ndarray):
            continue
        kind = name.removesuffix("_lower").removesuffix("_upper")
        unit = units.get(name) or {"density": "cm-3", "gas_mass": "solMass"}.get(kind)
        columns.append(fits.Column(name, "D", unit=unit, array=values))
    table = fits.BinTableHDU.from_columns(columns, name=_EXTENSION)
    words = {
        "CREATOR": f"xsurvey {__version__}", "OBJECT": target.name, "METHOD": record["method"],
        "REDSHIFT": target.redshift, **target.cosmology.stamps(),
        "CONFLEV": (record["confidence"], "probability of the intervals"),
        "NE_NH": (record["electrons_per_hydrogen"], "electrons per hydrogen nucleus"),
    }  # fmt: skip
    for key, value in words.items():
        plain, comment = value if isinstance(value, tuple) else (value, None)
        table.header[key] = (plain_ascii(plain) if isinstance(plain, str) else plain, comment)
    for note in notes:
        table.header["COMMENT"] = plain_ascii(f"note: {note}")
    write_hdus(path, [fits.PrimaryHDU(), table])


DEPROJECTION = Stage(
    "deprojection", "3", run_deprojection, outputs=(JSON, TABLE, SAMPLES),
    inputs=("mosaic", "brightness", "spectral", "light"), optional_inputs=("psf",),
    parameters={
        "target": TargetParameters, "surface_brightness": SurfaceBrightnessParameters,
        "deprojection": DeprojectionParameters, "deprojection_sampling": HamiltonianParameters,
        "spectral_models": ModelSettings,
    },
    helpers=(
        "xsurvey.galaxy_clusters.composition", "xsurvey.galaxy_clusters.emission",
        "xsurvey.galaxy_clusters.shells", "xsurvey.imaging.sky_image",
        "xsurvey.inference.hamiltonian", "xsurvey.io.fits_writer", "xsurvey.io.json_values",
        "xsurvey.pipelines.cluster.reading", "xsurvey.pipelines.cluster.surface_brightness",
        "xsurvey.pipelines.profile_fits", "xsurvey.profiles.density_posterior",
        "xsurvey.profiles.deprojection_data", "xsurvey.profiles.emission_factor",
        "xsurvey.profiles.extraction",
        "xsurvey.profiles.measure", "xsurvey.profiles.multiscale",
        "xsurvey.profiles.multiscale_emissivity", "xsurvey.profiles.multiscale_posterior",
        "xsurvey.profiles.onion", "xsurvey.profiles.profile_mixing", "xsurvey.profiles.psf_mixing",
        "xsurvey.profiles.radial_profile", "xsurvey.profiles.sky_level",
        "xsurvey.profiles.sky_prior", "xsurvey.spectra.models.settings",
    ),
)  # fmt: skip
