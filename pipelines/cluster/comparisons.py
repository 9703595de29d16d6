"""Profiles of a cluster beside those of earlier work and of clusters in general."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from xsurvey.errors import InputError
from xsurvey.galaxy_clusters.composition import Composition
from xsurvey.galaxy_clusters.thermodynamics import entropy
from xsurvey.pipelines.cluster.parameters import TargetParameters
from xsurvey.pipelines.cluster.reading import redshift_of
from xsurvey.profiles.comparison import (
    Comparison,
    ComparisonParameters,
    compare,
    compare_universal,
    outer_slope,
)
from xsurvey.profiles.mass import MassFit
from xsurvey.profiles.mass_model import TemperaturePoints, on_radii
from xsurvey.profiles.reference_profiles import Target, read_reference
from xsurvey.profiles.spectral_profile import SpectralProfile
from xsurvey.profiles.thermodynamics import ThermodynamicProfile, scaling_entropy
from xsurvey.profiles.universal_profiles import UNIVERSAL


def compared(
    parameters: ComparisonParameters, files: Sequence[Path], target: TargetParameters,
    fit: MassFit, thermodynamics: ThermodynamicProfile, profile: SpectralProfile,
    points: TemperaturePoints, gas: Composition,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return how profiles agree with references, and the slopes of their outskirts.

    Temperatures are those measured in annuli; entropies those with the deprojected density at the
    same places.

    Parameters
    ----------
    parameters : ComparisonParameters
    files : sequence of path
        Of reference profiles.
    target : TargetParameters
    fit : MassFit
    thermodynamics : ThermodynamicProfile
    profile : SpectralProfile
    points : TemperaturePoints
    gas : Composition

    Returns
    -------
    list of dict
        Records for JSON.
    """
    redshift, cosmology = redshift_of(target), target.cosmology
    scale = cosmology.kpc_per_arcmin(redshift)
    r200, r500 = (fit.quantities[name].value for name in ("r200", "r500"))
    usable = points.usable()
    middle = np.sqrt(np.maximum(usable.inner, 0.25 * usable.outer) * usable.outer)
    measured = {
        "temperature": (usable.temperature, usable.covariance),
        "entropy": _entropies(fit, usable, middle),
    }
    found = []
    critical = cosmology.critical_density(redshift)
    scales = {
        "K200": scaling_entropy(fit, critical, parameters.baryon_fraction, gas),
        "mean_temperature": _mean(*measured["temperature"]),
    }
    for name in parameters.universal:
        universal = UNIVERSAL[name]
        value, covariance = measured[universal.quantity]
        error = np.sqrt(np.diag(covariance))
        result = compare_universal(
            middle, value, value - error, value + error, universal, r200, scales[universal.scale],
            covariance,
        )  # fmt: skip
        record = _record(result, universal.quantity, middle / scale, value, error)
        record["scale"] = {"name": universal.scale, "value": scales[universal.scale]}
        try:
            slope = outer_slope(
                middle, value, covariance, parameters.slope_from * r200,
                parameters.slope_to * r200, universal, r200,
            )  # fmt: skip
            record["slope"] = asdict(slope)
        except InputError as error_:
            record["slope"] = None
            record["note"] = f"{error_.subject} {error_.cause}"
        found.append(record)
    own = Target(redshift, cosmology, r200, r500)
    for path in files:
        reference = read_reference(path).rescaled(own)
        radius, value, lower, upper = _quantity(reference.quantity, thermodynamics, profile, scale)
        if not len(radius):
            found.append({
                "name": reference.name, "quantity": reference.quantity, "radius_arcmin": [],
                "note": "the run has no such profile",
            })  # fmt: skip
            continue
        result = compare(radius, value, lower, upper, reference)
        found.append(_record(result, reference.quantity, radius, value, (upper - lower) / 2))
    return found


def _entropies(
    fit: MassFit, points: TemperaturePoints, middle: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return entropies of measured temperatures, and their covariance."""
    logs = np.log(on_radii(middle, fit.radius, fit.density))
    value = entropy(np.exp(logs.mean(axis=0)), points.temperature)
    kt = points.temperature
    relative = points.covariance / np.outer(kt, kt) + 4 / 9 * np.cov(logs, rowvar=False)
    return value, relative * np.outer(value, value)


def _mean(value: np.ndarray, covariance: np.ndarray) -> float:
    """Return the mean by inverse variances."""
    weight = 1 / np.diag(covariance)
    return float(weight @ value / weight.sum())


def _quantity(
    name: str, thermodynamics: ThermodynamicProfile, profile: SpectralProfile, scale: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return radii in arcmin, values and ends of intervals of a quantity; empty where unknown."""
    of_annuli = {"temperature": profile.kt, "abundance": profile.abundance, "norm": profile.norm}
    if name in of_annuli:
        q = of_annuli[name]
        return profile.radius, q.value, q.lower, q.upper
    if name in thermodynamics.quantities:
        found = thermodynamics.quantities[name]
        return thermodynamics.radius / scale, found.value, found.lower, found.upper
    empty = np.empty(0)
    return empty, empty, empty, empty


def _record(
    result: Comparison, quantity: str, radius: np.ndarray, value: np.ndarray, error: np.ndarray
) -> dict[str, Any]:
    return {
        "name": result.name, "reference": result.reference, "quantity": quantity,
        "radius_arcmin": radius, "value": value, "error": error, "expected": result.expected,
        "expected_error": result.error, "pulls": result.pulls, "chi2": result.chi2,
        "dof": result.dof, "p_value": result.p_value,
    }  # fmt: skip
