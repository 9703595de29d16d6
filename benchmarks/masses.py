"""Do intervals of hydrostatic masses hold the truth? Simulated temperatures and densities.

Halos are drawn (M200 log-uniform from 1e14 to 1e15 solar masses, c200 lognormal about 4 with a
scatter of 0.3), filled with gas of a double beta model in equilibrium, and seen in six annuli out
to about R500 with errors of 8 % of kT: spectroscopic-like temperatures of all gas along the line
of sight. The density is known to 4 % in norm and 4 % a decade in slope: it is displaced so, and
its posterior scatters so about what was measured. Half of the realisations have errors that are
Gaussian in kT, half in ln kT; both are fitted as the latter.

Each is fitted twice: with a flat prior of ln c200, as the default is, and with the distribution
that halos were drawn from, for which alone 68 % of the intervals should hold the truth.
"""

import time
from typing import Any

import numpy as np

from benchmarks.command import benchmark, in_parallel, trials
from xsurvey.galaxy_clusters.model import ClusterModel
from xsurvey.inference.mcmc_parameters import MCMCParameters
from xsurvey.profiles.mass import fit_mass
from xsurvey.profiles.mass_model import HydrostaticModel, TemperaturePoints
from xsurvey.profiles.mass_parameters import MassParameters

CLUSTERS = 200
ERROR, DENSITY_ERROR, DENSITY_TILT = 0.08, 0.04, 0.04
EDGES = np.array([0.03, 0.1, 0.18, 0.28, 0.4, 0.6, 1.0])  # of R500
NAMES = ("m500", "r500", "m200", "c200")
FINE = MassParameters(radii=500, density_draws=1, reach=5.0)
QUICK = {
    "flat prior of c200": MassParameters(density_draws=16, radii=50),
    "prior of c200 as drawn": MassParameters(
        density_draws=16, radii=50, concentration=4.0, concentration_scatter=0.3
    ),
}
CHAINS = MCMCParameters(min_steps=200, r_hat_limit=1.05, min_ess=200, autocorrelation_factor=20)


def cluster(generator: np.random.Generator) -> ClusterModel:
    """Draw a cluster."""
    return ClusterModel.read(
        {
            "redshift": 0.05, "center": "0,0", "nh": 0.03,
            "m200": float(10 ** generator.uniform(14, 15)),
            "concentration": float(np.clip(4 * np.exp(0.3 * generator.standard_normal()), 1, 15)),
            "density": {"model": "double_beta", "centre": 0.03, "core_radius": 30.0, "beta": 0.6,
                        "centre2": 0.004, "core_radius2": 150.0, "beta2": 0.65},
            "outer_radius": 10.0,
        },
        "",
    )  # fmt: skip


def observe(
    model: ClusterModel, gaussian: bool, generator: np.random.Generator
) -> tuple[TemperaturePoints, np.ndarray, np.ndarray]:
    """Return temperatures, and radii and posterior samples of the density."""
    edges = EDGES * model.radius_in(500)
    radius = np.geomspace(0.02, 3.0, 40) * model.radius_in(500)
    clean = TemperaturePoints(edges[:-1], edges[1:], np.ones(6), np.eye(6))
    exact = HydrostaticModel(
        clean, radius, model.density(radius)[None], model.critical_density, model.composition.mu,
        FINE,
    )  # fmt: skip
    end = float(model.temperature(exact.radius[-1:])[0])
    halo = np.array([[np.log(model.mass_in(200)), np.log(model.concentration), end]])
    truth = exact.predicted(halo, [0])[0, :, 0]
    noise = ERROR * generator.standard_normal(len(truth))
    seen = truth * (1 + noise if gaussian else np.exp(noise))
    points = TemperaturePoints(edges[:-1], edges[1:], seen, np.diag((ERROR * seen) ** 2))
    decades = np.log10(radius / (0.3 * model.radius_in(500)))

    def scatter(rows: int) -> np.ndarray:
        norm, tilt = generator.standard_normal((2, rows, 1))
        return DENSITY_ERROR * norm + DENSITY_TILT * tilt * decades

    return points, radius, model.density(radius) * np.exp(scatter(1) + scatter(500))


def truths(model: ClusterModel) -> dict[str, float]:
    """Return what should be found."""
    return {
        "m500": model.mass_in(500), "r500": model.radius_in(500), "m200": model.mass_in(200),
        "c200": model.concentration,
    }  # fmt: skip


def trial(seed: int, gaussian: bool, prior: str) -> dict[str, Any]:
    """Return whether intervals hold the truth, and by how much medians are off."""
    generator = np.random.default_rng(seed)
    model = cluster(generator)
    points, radius, density = observe(model, gaussian, generator)
    begin = time.perf_counter()
    fit = fit_mass(
        points, radius, density, model.redshift, model.cosmology, model.composition, QUICK[prior],
        CHAINS, seed,
    )  # fmt: skip
    found = {"p_value": fit.p_value, "seconds": time.perf_counter() - begin}
    for name, true in truths(model).items():
        q = fit.quantities[name]
        found[f"{name} inside"] = q.lower <= true <= q.upper
        found[f"{name} pull"] = np.log(q.value / true) / (np.log(q.upper / q.lower) / 2)
    return found


def run(seed: int, fraction: float) -> dict[str, Any]:
    """Measure how often intervals of hydrostatic masses hold the truth."""
    number = trials(CLUSTERS, fraction)
    seeds = np.random.SeedSequence(seed).generate_state(number)
    tasks = [(int(s), i % 2 == 0, prior) for prior in QUICK for i, s in enumerate(seeds)]
    rows = in_parallel(trial, tasks)
    return {
        "clusters": number, "confidence": 0.683, "temperature_error": ERROR,
        "density_error": DENSITY_ERROR, "density_tilt_a_decade": DENSITY_TILT,
        "edges_in_r500": EDGES.tolist(),
        **{prior: summary(rows[i * number : (i + 1) * number]) for i, prior in enumerate(QUICK)},
    }  # fmt: skip


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return how often intervals hold the truth, and how pulls are distributed."""
    of = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    result: dict[str, Any] = {}
    for name in NAMES:
        share = of[f"{name} inside"].mean()
        result[name] = {
            "inside": round(float(share), 3),
            "inside_error": round(float(np.sqrt(share * (1 - share) / len(rows))), 3),
            "pull_mean": round(float(of[f"{name} pull"].mean()), 3),
            "pull_scatter": round(float(of[f"{name} pull"].std()), 3),
        }
    for kind, start in (("kT", 0), ("ln kT", 1)):
        half = of["m500 inside"][start::2]
        result[f"m500 inside, errors Gaussian in {kind}"] = round(float(half.mean()), 3)
    result["p_value below 0.1"] = round(float((of["p_value"] < 0.1).mean()), 3)
    result["seconds_a_fit"] = round(float(np.median(of["seconds"])), 2)
    return result


if __name__ == "__main__":
    benchmark(run, seed=20261208)
