"""The stage ``spectral_profile``: temperatures, metals and norms of annuli, fitted jointly."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from xsurvey.engine import Stage, TaskContext
from xsurvey.galaxy_clusters.shells import projected_volumes
from xsurvey.io.json_values import write_json_values
from xsurvey.pipelines.cluster.annulus_spectra import INDEX as REGIONS
from xsurvey.pipelines.cluster.parameters import RegionSpectraParameters, TargetParameters
from xsurvey.pipelines.cluster.reading import redshift_of
from xsurvey.profiles.annuli_likelihood import AnnuliProblem, make_problem
from xsurvey.profiles.annuli_parameters import SkyParameters, SpectralProfileParameters
from xsurvey.profiles.particles.parameters import ParticleParameters
from xsurvey.profiles.region_product_files import read_products
from xsurvey.profiles.region_products import region_spectra
from xsurvey.profiles.spectral_profile import SpectralProfile, measure_spectral_profile
from xsurvey.profiles.spectral_profile_table import write_spectral_profile
from xsurvey.spectra.fit import Fit
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.units import EnergyBand

JSON, TABLE = "spectral_profile.json", "spectral_profile.fits"
SPECTRA = "spectra.npz"


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
        projected_volumes if parameters.deproject else None,
    )  # fmt: skip
    profile, fit = measure_spectral_profile(problem)
    record = profile.to_record()
    index = json.loads(context.path("index").read_text())
    record["notes"] = [*record["notes"], *index["notes"]]
    factors = brightness_factors(problem, profile, np.array(index["exposure_area"], float))
    record["brightness_per_norm"] = {
        "band": index["band"], "value": factors, "unit": "count / s for a norm of 1",
    }  # fmt: skip
    record["target"] = target.normalised()
    record["spectra"] = fitted_spectra(problem, fit)
    write_json_values(context.folder / JSON, record)
    write_spectral_profile(
        context.folder / TABLE, profile, {"OBJECT": target.name, **target.cosmology.stamps()}
    )
    return {
        "annuli": len(profile.regions), "statistic": float(fit.statistic),
        "converged": bool(fit.minimum.converged),
    }  # fmt: skip
