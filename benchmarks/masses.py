"""Do intervals of hydrostatic masses hold the truth? Simulated temperatures and densities.

    python -m benchmarks.masses [REALISATIONS] [SEED]

Halos are drawn (M200 log-uniform from 1e14 to 1e15 solar masses, c200 lognormal about 4 with a
scatter of 0.3), filled with gas of a double beta model in equilibrium, and seen in six annuli out
to about R500 with errors of 8 % of kT: spectroscopic-like temperatures of all gas along the line
of sight. The density is known to 4 % in norm and 4 % a decade in slope: it is displaced so, and
its posterior scatters so about what was measured. Half of the realisations have errors that are
Gaussian in kT, half in ln kT; both are fitted as the latter.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from xsurvey.galaxy_clusters.model import ClusterModel
from xsurvey.inference.mcmc_parameters import MCMCParameters
from xsurvey.profiles.mass import MassFit, fit_mass
from xsurvey.profiles.mass_model import HydrostaticModel, TemperaturePoints
from xsurvey.profiles.mass_parameters import MassParameters

ERROR, DENSITY_ERROR, DENSITY_TILT = 0.08, 0.04, 0.04
EDGES = np.array([0.03, 0.1, 0.18, 0.28, 0.4, 0.6, 1.0])  # of R500
NAMES = ("m500", "r500", "m200", "c200")
_FINE = MassParameters(radii=500, density_draws=1, reach=5.0)
_QUICK = MassParameters(density_draws=24)
_CHAINS = MCMCParameters(min_steps=300, r_hat_limit=1.03)


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
        _FINE,
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


def realisation(seed: int, gaussian: bool) -> tuple[MassFit, dict[str, float]]:
    """Return a fit and the truth."""
    generator = np.random.default_rng(seed)
    model = cluster(generator)
    points, radius, density = observe(model, gaussian, generator)
    fit = fit_mass(
        points, radius, density, model.redshift, model.cosmology, model.composition, _QUICK,
        _CHAINS, seed,
    )  # fmt: skip
    return fit, truths(model)


def main(realisations: int = 200, seed: int = 1) -> None:
    """Print how often intervals hold the truth."""
    begin = time.perf_counter()
    inside = np.empty((realisations, len(NAMES)), bool)
    pull, p_value = np.empty(inside.shape), np.empty(realisations)
    for i in range(realisations):
        fit, truth = realisation(seed * 100_000 + i, i % 2 == 0)
        for k, name in enumerate(NAMES):
            found, true = fit.quantities[name], truth[name]
            inside[i, k] = found.lower <= true <= found.upper
            pull[i, k] = np.log(found.value / true) / (np.log(found.upper / found.lower) / 2)
        p_value[i] = fit.p_value
    print(f"{realisations} clusters, {time.perf_counter() - begin:.0f} s, intervals of 68.3 %")
    for k, name in enumerate(NAMES):
        share = inside[:, k].mean()
        error = np.sqrt(share * (1 - share) / realisations)
        print(f"{name}: inside {100 * share:.1f} +- {100 * error:.1f} %, "
              f"pull {pull[:, k].mean():+.2f} +- {pull[:, k].std():.2f}")  # fmt: skip
    for kind, start in (("kT", 0), ("ln kT", 1)):
        print(f"m500 with errors Gaussian in {kind}: {100 * inside[start::2, 0].mean():.1f} %")
    print(f"p-values below 0.1: {100 * (p_value < 0.1).mean():.1f} %")


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:]))
