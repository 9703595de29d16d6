"""The stage ``mass``: hydrostatic mass, thermodynamic profiles, and how they compare."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from xsurvey.engine import Stage, TaskContext
from xsurvey.galaxy_clusters.cooling import CoolingFunction
from xsurvey.inference.mcmc_parameters import MCMCParameters
from xsurvey.io.json_values import write_json_values
from xsurvey.pipelines.cluster.comparisons import compared
from xsurvey.pipelines.cluster.deprojection import composition_of, read_density
from xsurvey.pipelines.cluster.parameters import TargetParameters
from xsurvey.pipelines.cluster.reading import redshift_of
from xsurvey.pipelines.cluster.temperatures import abundance_at, temperature_points
from xsurvey.profiles.annuli_gram import read_gram
from xsurvey.profiles.comparison import ComparisonParameters
from xsurvey.profiles.mass import MassFit, Measured, fit_mass
from xsurvey.profiles.mass_model import TemperaturePoints, weighting_of
from xsurvey.profiles.mass_parameters import MassParameters
from xsurvey.profiles.mass_tables import mass_record, write_thermodynamics
from xsurvey.profiles.spectral_profile_table import read_spectral_profile
from xsurvey.profiles.thermodynamics import ThermodynamicProfile, gas_in, halo_mass, of_mass_fit
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.units import EnergyBand

JSON, TABLE = "mass.json", "thermodynamics.fits"
LUMINOSITY_BAND = EnergyBand(0.5, 2.0)
"""keV, in the frame of the gas."""


def run_mass(context: TaskContext) -> dict[str, Any]:
    """Find the halo that holds the gas, and what the gas in it is like."""
    target = context.section(TargetParameters)
    redshift, cosmology = redshift_of(target), target.cosmology
    scale = cosmology.kpc_per_arcmin(redshift)
    spectral = json.loads(context.path("spectral").read_text())
    profile = read_spectral_profile(context.path("temperatures"))
    gram = read_gram(context.path("responses"))
    points, notes = temperature_points(profile, scale, gram)
    density = read_density(context.path("density"))
    gas = composition_of(context, spectral)
    fit = fit_mass(
        points, density.radii, density.samples, redshift, cosmology, gas,
        context.section(MassParameters), context.section(MCMCParameters), context.seed,
    )  # fmt: skip
    critical = cosmology.critical_density(redshift)
    further: dict[str, Measured] = {}
    for delta in (500, 200):
        further |= {f"{n}{delta}": m for n, m in gas_in(fit, delta, critical, gas).items()}
    settings = context.section(ModelSettings)
    thermodynamics = of_mass_fit(
        fit, gas, CoolingFunction(settings=settings), abundance_at(profile, scale, fit.radius),
        CoolingFunction(LUMINOSITY_BAND, settings),
    )  # fmt: skip
    record = mass_record(fit, redshift, cosmology, further)
    record["notes"] = [*record["notes"], *notes]
    record["weighting"] = weighting_of(points, context.section(MassParameters))
    record["temperatures"] = _points(fit, points, scale)
    record["profiles"] = _profiles(fit, thermodynamics, critical, scale)
    record["luminosity_band_kev"] = list(LUMINOSITY_BAND)
    record["comparisons"] = compared(
        context.section(ComparisonParameters), _references(context), target, fit, thermodynamics,
        profile, points, gas,
    )  # fmt: skip
    record["target"] = target.normalised()
    write_json_values(context.folder / JSON, record)
    write_thermodynamics(
        context.folder / TABLE, thermodynamics, redshift, cosmology, {"OBJECT": target.name}
    )
    return {"m500": fit.quantities["m500"].value, "converged": fit.chains.converged}


def _references(context: TaskContext) -> list[Path]:
    return context.paths("references") if "references" in context.inputs else []


def _points(fit: MassFit, points: TemperaturePoints, scale: float) -> dict[str, Any]:
    """Return the measured temperatures, and what the halo predicts of them."""
    usable = points.usable()
    tail = (1 - fit.confidence) / 2
    lower, value, upper = np.quantile(fit.predicted, [tail, 0.5, 1 - tail], axis=0)
    return {
        "inner_arcmin": usable.inner / scale, "outer_arcmin": usable.outer / scale,
        "kt": usable.temperature, "kt_error": np.sqrt(np.diag(usable.covariance)),
        "predicted": value, "predicted_lower": lower, "predicted_upper": upper,
        "deprojected": usable.deprojected,
    }  # fmt: skip


def _profiles(
    fit: MassFit, found: ThermodynamicProfile, critical: float, scale: float
) -> dict[str, Any]:
    """Return the profiles, each a list a radius."""
    quantities = dict(found.quantities)
    quantities["mass"] = halo_mass(fit, critical, fit.confidence)
    return {
        "radius_kpc": found.radius, "radius_arcmin": found.radius / scale,
        **{
            name: {"value": q.value, "lower": q.lower, "upper": q.upper, "unit": q.unit}
            for name, q in quantities.items()
        },
    }  # fmt: skip


MASS = Stage(
    "mass", "3", run_mass, outputs=(JSON, TABLE),
    inputs=("spectral", "temperatures", "responses", "density"),
    optional_inputs=("references",),
    parameters={
        "target": TargetParameters, "mass": MassParameters, "mass_sampling": MCMCParameters,
        "comparison": ComparisonParameters, "spectral_models": ModelSettings,
    },
    helpers=(
        "xsurvey.galaxy_clusters", "xsurvey.inference.ensemble", "xsurvey.io.json_values",
        "xsurvey.pipelines.cluster.comparisons", "xsurvey.pipelines.cluster.deprojection",
        "xsurvey.pipelines.cluster.reading", "xsurvey.pipelines.cluster.temperatures",
        "xsurvey.profiles.annuli_gram", "xsurvey.profiles.comparison", "xsurvey.profiles.mass",
        "xsurvey.profiles.mass_model", "xsurvey.profiles.mass_tables",
        "xsurvey.profiles.reference_profiles", "xsurvey.profiles.spectral_profile_table",
        "xsurvey.profiles.spectral_temperature", "xsurvey.profiles.thermodynamics",
        "xsurvey.profiles.universal_profiles", "xsurvey.spectra.models.settings", "xsurvey.units",
    ),
)  # fmt: skip
