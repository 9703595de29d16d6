"""Hydrostatic masses of clusters, from densities and temperatures of their gas.

A spherical NFW halo, and pressure where the gas ends, predict temperatures for a density of the
gas; those measured constrain the halo (the forward fit of Ettori et al. 2013, Space Sci. Rev. 177,
119, section 2). The uncertainty of the density is carried: the likelihood is its mean over draws
from the density's posterior. What is not thermal pressure is not counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.special import logsumexp

from xsurvey.errors import ParameterError
from xsurvey.galaxy_clusters import nfw
from xsurvey.galaxy_clusters.composition import Composition, composition
from xsurvey.galaxy_clusters.cosmology import Cosmology
from xsurvey.inference.chains import Chains
from xsurvey.inference.ensemble import sample_ensembles
from xsurvey.inference.intervals import equal_tailed
from xsurvey.inference.mcmc_parameters import MCMCParameters
from xsurvey.profiles.mass_model import NAMES, HydrostaticModel, TemperaturePoints
from xsurvey.profiles.mass_parameters import MassParameters

OVERDENSITIES = (500, 200)
_GRID = (60, 12, 5)
_KEPT = 2000
_FEW_DRAWS = 5.0


@dataclass(frozen=True)
class Measured:
    """A number with its interval.

    Attributes
    ----------
    value : float
        Median of the posterior.
    lower, upper : float
        Ends of the equal-tailed interval.
    unit : str
    """

    value: float
    lower: float
    upper: float
    unit: str


def measured(samples: np.ndarray, confidence: float, unit: str) -> Measured:
    """Return median and interval of samples."""
    lower, upper = equal_tailed(samples, confidence)
    return Measured(float(np.median(samples)), lower, upper, unit)


@dataclass(frozen=True)
class MassFit:
    """A halo and its gas in equilibrium.

    Attributes
    ----------
    quantities : dict of str to Measured
        ``m500, r500, m200, r200`` (solar masses, kpc), ``c200``, ``outer_kt`` (keV).
    confidence : float
        Of the intervals.
    statistic : float
        chi2 of the best halo with the mean density.
    dof : int
        Points less three; 0 or less where there are too few to tell whether the halo fits.
    p_value : float
        NaN without degrees of freedom.
    radius : ndarray, shape (n,)
        kpc.
    halos : ndarray, shape (s, 3)
        Samples: ln M200, ln c200, temperature where the gas ends.
    density, temperature : ndarray, shape (s, n)
        Of the same samples, each with a density it goes with: cm-3, keV.
    predicted : ndarray, shape (s, m)
        What would be measured in the annuli.
    chains : Chains
    notes : tuple of str
    """

    quantities: dict[str, Measured]
    confidence: float
    statistic: float
    dof: int
    p_value: float
    radius: np.ndarray
    halos: np.ndarray
    density: np.ndarray
    temperature: np.ndarray
    predicted: np.ndarray
    chains: Chains
    notes: tuple[str, ...]


def fit_mass(
    points: TemperaturePoints, radius: np.ndarray, density: np.ndarray, redshift: float,
    cosmology: Cosmology | None = None, gas: Composition | None = None,
    parameters: MassParameters | None = None, mcmc: MCMCParameters | None = None, seed: int = 0,
) -> MassFit:  # fmt: skip
    """Return the halo that holds the gas.

    Parameters
    ----------
    points : TemperaturePoints
    radius : ndarray, shape (k,)
        kpc, of the density.
    density : ndarray, shape (s, k)
        Samples of its posterior, electrons per cm3; one row where it is known exactly. As many as
        ``density_draws`` are taken at random.
    redshift : float
    cosmology, gas, parameters, mcmc : optional
    seed : int

    Raises
    ------
    InputError
        Fewer than three temperatures, or densities that are not positive numbers.
    ParameterError
        The sampler cannot start, or has too few steps.
    """
    cosmology, gas = cosmology or Cosmology(), gas or composition()
    parameters = parameters or MassParameters()
    critical = cosmology.critical_density(redshift)
    generator = np.random.default_rng(seed)
    density = np.atleast_2d(density)
    if len(density) > parameters.density_draws:
        density = density[generator.choice(len(density), parameters.density_draws, replace=False)]
    model = HydrostaticModel(points, radius, density, critical, gas.mu, parameters)
    start, covariance = _start(model)
    chains = sample_ensembles(model.log_probability, start, covariance, NAMES, mcmc, seed)
    if not len(chains.samples):
        raise ParameterError("max_steps", "leave no samples after the burn-in", "give more")
    halos = chains.draws(_KEPT, generator)
    draws, effective = _draws(model, halos, generator)
    samples = _profiles(model, halos, draws)
    mean = _mean_density(points, radius, density, critical, gas.mu, parameters)
    chi2 = float(mean.chi2(chains.best[None]).min())
    dof = len(model.points.temperature) - len(NAMES)
    notes = [*chains.warnings, *_notes(model, chains.samples, critical)]
    if min(effective, len(model.density)) < min(_FEW_DRAWS, len(model.density)):
        notes.append(
            f"temperatures choose {effective:.1f} of {len(model.density)} densities: more draws "
            "of the density are needed"
        )
    return MassFit(
        _quantities(chains.samples, critical, parameters.confidence), parameters.confidence, chi2,
        dof, float(stats.chi2.sf(chi2, dof)) if dof > 0 else float("nan"), model.radius, halos,
        model.density[draws], *samples, chains, tuple(notes),
    )  # fmt: skip


def _start(model: HydrostaticModel) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and covariance of the posterior on a coarse grid around its peak."""
    low, high = model.bounds
    for _ in range(2):
        axes = [np.linspace(a, b, n + 2)[1:-1] for a, b, n in zip(low, high, _GRID, strict=True)]
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(NAMES))
        value = model.log_prior(grid) - model.chi2(grid, slice(0, 1))[0] / 2
        near = np.array([np.ptp(grid[value > value.max() - 12, i]) for i in range(len(NAMES))])
        step = (high - low) / (np.array(_GRID) + 1)
        best = grid[np.argmax(value)]
        low, high = (
            np.maximum(low, best - near - 2 * step), np.minimum(high, best + near + 2 * step)
        )  # fmt: skip
    weight = np.exp(value - value.max())
    mean = weight @ grid / weight.sum()
    covariance = (weight * (grid - mean).T) @ (grid - mean) / weight.sum()
    return best, covariance + np.diag((step / 2) ** 2)


def _draws(
    model: HydrostaticModel, halos: np.ndarray, generator: np.random.Generator
) -> tuple[np.ndarray, float]:
    """Return a density for each halo, drawn by how well they go together; and of how many."""
    log_weight = -np.concatenate(
        [model.chi2(part) for part in np.array_split(halos, max(1, len(halos) // 50))], axis=1
    ) / 2  # fmt: skip
    weight = np.exp(log_weight - logsumexp(log_weight, axis=0))
    chosen = (np.cumsum(weight, axis=0) < generator.random(len(halos))).sum(0)
    return np.minimum(chosen, len(weight) - 1), float(np.median(1 / (weight**2).sum(0)))


def _profiles(
    model: HydrostaticModel, halos: np.ndarray, draws: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return temperatures (s, n) and predictions (s, m) of pairs of halos and densities."""
    temperature = np.empty((len(halos), len(model.radius)))
    predicted = np.empty((len(halos), len(model.points.temperature)))
    for draw in np.unique(draws):
        rows = draws == draw
        temperature[rows] = model.temperature(halos[rows], [draw])[0].T
        predicted[rows] = model.predicted(halos[rows], [draw])[0].T
    return temperature, predicted


def _mean_density(
    points: TemperaturePoints, radius: np.ndarray, density: np.ndarray, critical: float, mu: float,
    parameters: MassParameters,
) -> HydrostaticModel:  # fmt: skip
    mean = np.exp(np.log(density).mean(0))[None]
    return HydrostaticModel(points, radius, mean, critical, mu, parameters)


def masses(
    halos: np.ndarray, delta: float, critical_density: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return mass and radius of an overdensity for halos (s, 3)."""
    mass, _ = nfw.convert(np.exp(halos[:, 0]), np.exp(halos[:, 1]), 200, delta)
    return mass, nfw.radius_of(mass, delta, critical_density)


def _quantities(halos: np.ndarray, critical: float, confidence: float) -> dict[str, Measured]:
    result = {}
    for delta in OVERDENSITIES:
        mass, radius = masses(halos, delta, critical)
        result[f"m{delta}"] = measured(mass, confidence, "solMass")
        result[f"r{delta}"] = measured(radius, confidence, "kpc")
    result["c200"] = measured(np.exp(halos[:, 1]), confidence, "")
    result["outer_kt"] = measured(halos[:, 2], confidence, "keV")
    return result


def _notes(model: HydrostaticModel, halos: np.ndarray, critical: float) -> list[str]:
    notes, last = [], float(model.points.outer[-1])
    for delta in OVERDENSITIES:
        radius = float(np.median(masses(halos, delta, critical)[1]))
        if radius > last:
            notes.append(
                f"R{delta} ({radius:.0f} kpc) is beyond the last temperature ({last:.0f} kpc): "
                "the halo's shape is extrapolated"
            )
    return notes
