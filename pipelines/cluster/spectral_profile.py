"""The stage ``spectral_profile``: temperatures, metals and norms of annuli, fitted jointly."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from xsurvey.engine import Stage, TaskContext
from xsurvey.imaging.sky_image import read_sky_image
from xsurvey.io.json_values import write_json_values
from xsurvey.pipelines.cluster.fitted_spectra import fitted_spectra
from xsurvey.pipelines.cluster.parameters import RegionSpectraParameters, TargetParameters
from xsurvey.pipelines.cluster.reading import redshift_of
from xsurvey.profiles.annuli_factors import annuli_factors
from xsurvey.profiles.annuli_gram import annuli_gram, write_gram
from xsurvey.profiles.annuli_likelihood import make_problem
from xsurvey.profiles.annuli_parameters import SkyParameters, SpectralProfileParameters
from xsurvey.profiles.brightness_factors import brightness_per_norm
from xsurvey.profiles.outskirts import region_light
from xsurvey.profiles.particles.parameters import ParticleParameters
from xsurvey.profiles.region_product_files import read_products
from xsurvey.profiles.region_products import RegionProducts, region_spectra
from xsurvey.profiles.spectral_profile import measure_spectral_profile
from xsurvey.profiles.spectral_profile_table import write_spectral_profile
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.units import EnergyBand

JSON, TABLE = "spectral_profile.json", "spectral_profile.fits"
PRODUCTS = "plasma_products.fits"
"""What tells which temperature a fit finds in gas of many."""


def run_spectral_profile(context: TaskContext) -> dict[str, Any]:
    """Fit the spectra of annuli and sky."""
    target, chosen = context.section(TargetParameters), context.section(RegionSpectraParameters)
    parameters = context.section(SpectralProfileParameters)
    particles = context.section(ParticleParameters)
    products = read_products(context.path("regions"))
    bands = [EnergyBand(*band) for band in chosen.energy]
    spectra = region_spectra(products, bands, chosen.group)
    problem = make_problem(
        spectra, redshift_of(target), target.nh, context.section(SkyParameters), parameters,
        particles.template_error if particles.enabled else 0.0, context.section(ModelSettings),
        _light(context, products),
    )  # fmt: skip
    profile, fit = measure_spectral_profile(problem)
    record = profile.to_record()
    index = json.loads(context.path("index").read_text())
    record["notes"] = [*record["notes"], *index["notes"]]
    band = EnergyBand(*index["band"])

    def rates(kt: np.ndarray, abundance: np.ndarray) -> np.ndarray:
        return brightness_per_norm(
            products, band, np.array(index["exposure_area"], float), kt, abundance,
            problem.folded.redshift, target.nh, problem.folded.settings,
        )  # fmt: skip

    record["brightness_per_norm"] = annuli_factors(problem, fit, profile, rates).record(band)
    record["target"] = target.normalised()
    record["spectra"] = fitted_spectra(problem, fit)
    write_json_values(context.folder / JSON, record)
    write_spectral_profile(
        context.folder / TABLE, profile, {"OBJECT": target.name, **target.cosmology.stamps()}
    )
    write_gram(context.folder / PRODUCTS, annuli_gram(problem, fit))
    return {
        "annuli": len(profile.regions), "statistic": float(fit.statistic),
        "converged": bool(fit.minimum.converged),
    }  # fmt: skip


def _light(context: TaskContext, products: RegionProducts) -> np.ndarray | None:
    """Return the light of the brightness' model in each region; None without that model."""
    path = context.optional_path("light")
    if path is None:
        return None
    light = np.asarray(read_sky_image(path).data, float)
    return region_light(products.layout, light)


SPECTRAL_PROFILE = Stage(
    "spectral_profile", "4", run_spectral_profile, outputs=(JSON, TABLE, PRODUCTS),
    inputs=("regions", "index"), optional_inputs=("light",),
    parameters={
        "target": TargetParameters, "spectra": RegionSpectraParameters,
        "particles": ParticleParameters, "sky": SkyParameters,
        "spectral_profile": SpectralProfileParameters, "spectral_models": ModelSettings,
    },
    helpers=(
        "xsurvey.galaxy_clusters.shells", "xsurvey.imaging.sky_image",
        "xsurvey.inference.minimum", "xsurvey.inference.profile", "xsurvey.io.json_values",
        "xsurvey.pipelines.cluster.fitted_spectra",
        "xsurvey.pipelines.cluster.reading", "xsurvey.profiles.annuli_factors",
        "xsurvey.profiles.annuli_fit",
        "xsurvey.profiles.annuli_gram", "xsurvey.profiles.annuli_likelihood",
        "xsurvey.profiles.annuli_model",
        "xsurvey.profiles.annuli_starts", "xsurvey.profiles.brightness_factors",
        "xsurvey.profiles.cell_search", "xsurvey.profiles.folded_plasma",
        "xsurvey.profiles.geometry", "xsurvey.profiles.light_between_annuli",
        "xsurvey.profiles.outskirts",
        "xsurvey.profiles.projection", "xsurvey.profiles.region_product_files",
        "xsurvey.profiles.region_products", "xsurvey.profiles.sky_model",
        "xsurvey.profiles.spectral_profile", "xsurvey.profiles.spectral_profile_table",
        "xsurvey.profiles.spectral_temperature", "xsurvey.profiles.two_temperatures",
        "xsurvey.spectra.dataset", "xsurvey.spectra.grouping", "xsurvey.spectra.models.settings",
        "xsurvey.units",
    ),
)  # fmt: skip
