"""Density deprojection: recovery and coverage on simulated profiles, and its speed.

Clusters with R200 of 20 arcmin in 40 bins out to 25 arcmin, of beta, double-beta and Vikhlinin
densities, of few and of many counts, before a sky and a particle background. Particles are off by a
shift drawn anew each time, as the sky's measurement (5 % of it) is; or the profile goes out to two
R200 and tells the sky itself.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.command import benchmark, in_parallel, trials
from xsurvey.galaxy_clusters.gas_density import (
    beta_density,
    double_beta_density,
    vikhlinin_density,
)
from xsurvey.galaxy_clusters.shells import projected_volumes
from xsurvey.inference.hamiltonian_parameters import HamiltonianParameters
from xsurvey.profiles.multiscale import deproject
from xsurvey.profiles.radial_profile import RadialProfile
from xsurvey.profiles.sky_prior import SkyPrior

R200 = 20.0
RADII = (0.05, 0.2, 0.5, 1.0)
TRUTHS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "beta": lambda r: beta_density(r, 1.0, 2.0, 0.7),
    "double_beta": lambda r: double_beta_density(r, 1.0, 0.7, 0.7, 0.15, 4.0, 0.8),
    "vikhlinin": lambda r: vikhlinin_density(r, 1.0, 1.5, 0.55, 1.0, 12.0, 3.0),
}
COUNTS = {"few": 3000.0, "many": 100_000.0}
SKY_OF_R200 = 5.0
"""Sky (and half of it of particles) in brightnesses of the cluster at R200."""
SKY_ERROR = PARTICLE_ERROR = 0.05
EXPOSURE = 1e4
TRIALS = 100
SAMPLING = HamiltonianParameters(chains=8, warmup=160, min_steps=200, max_steps=1600)
LINES = {"deprojection_s": 10.0, "coverage": (0.64, 0.72)}


class Field:
    """Expected counts of a cluster, and its density."""

    def __init__(self, truth: str, counts: float, bins: int, outer: float) -> None:
        self.edges = np.linspace(0.0, outer, bins + 1)
        shells = np.concatenate(([0.0], np.geomspace(0.01, 30 * R200, 3000)))
        emissivity = TRUTHS[truth](np.sqrt(shells[1:] * np.maximum(shells[:-1], 0.005))) ** 2
        self.area = np.pi * np.diff(self.edges**2)
        self.exposure_area = self.area * EXPOSURE
        cluster = projected_volumes(self.edges, shells) @ emissivity * EXPOSURE
        within = np.interp(R200, self.edges[1:], np.cumsum(cluster))
        self.scale = counts / within
        self.cluster = self.scale * cluster
        ring = np.array([0.98, 1.02]) * R200
        at_r200 = projected_volumes(ring, shells) @ emissivity / (np.pi * np.diff(ring**2))
        self.sky = SKY_OF_R200 * self.scale * float(at_r200[0])
        self.particles = 0.5 * self.sky * self.exposure_area
        self.truth = truth

    def log_density(self, radius: np.ndarray) -> np.ndarray:
        """Return ln of the root of the emissivity."""
        return np.log(TRUTHS[self.truth](radius)) + 0.5 * np.log(self.scale)

    def observe(self, generator: np.random.Generator) -> tuple[RadialProfile, SkyPrior]:
        """Return a profile, and a measurement of the sky."""
        shift = PARTICLE_ERROR * generator.standard_normal()
        expected = self.cluster + self.sky * self.exposure_area + self.particles * (1 + shift)
        n = len(self.area)
        profile = RadialProfile(
            self.edges, generator.poisson(expected).astype(float), self.exposure_area, self.area,
            self.area, self.particles, PARTICLE_ERROR * self.particles, np.zeros((1, 1), int),
            np.zeros(n, int),
        )  # fmt: skip
        error = SKY_ERROR * self.sky
        return profile, SkyPrior(self.sky + error * generator.standard_normal(), error)


def one(truth: str, counts: float, sky: str, seed: int) -> list[list[float]]:
    """Return the probability of the true densities, and ln of the median over the truth."""
    given = sky == "given"
    field = Field(truth, counts, 40 if given else 64, (1.25 if given else 2.0) * R200)
    profile, prior = field.observe(np.random.default_rng(seed))
    found = deproject(profile, None, prior if given else None, None, SAMPLING, seed)
    radius = R200 * np.array(RADII)
    samples = 0.5 * found.log_emissivity(radius) - field.log_density(radius)
    return [
        (samples < 0).mean(axis=0).tolist(), np.median(samples, axis=0).tolist(),
        samples.std(axis=0).tolist(), [float(found.chains.converged)],
    ]  # fmt: skip


def coverage(seed: int, fraction: float) -> dict[str, Any]:
    """Return coverage and bias of densities of all cases."""
    number = trials(TRIALS, fraction)
    cases = [(t, c, s) for t in TRUTHS for c in COUNTS for s in ("given", "free")]
    tasks = [
        (t, COUNTS[c], s, seed + 10_000 * i + k)
        for i, (t, c, s) in enumerate(cases) for k in range(number)
    ]  # fmt: skip
    results = in_parallel(one, tasks)
    record: dict[str, Any] = {}
    pooled = []
    for i, case in enumerate(cases):
        part = results[i * number : (i + 1) * number]
        probability, median, sigma = (np.array([r[j] for r in part]) for j in range(3))
        inside = np.abs(probability - 0.5) < 0.683 / 2
        pooled.append(inside)
        record["/".join(case)] = {
            "coverage": inside.mean(axis=0).tolist(), "median_bias": median.mean(axis=0).tolist(),
            "sigma": sigma.mean(axis=0).tolist(),
            "converged": float(np.mean([r[3][0] for r in part])),
        }  # fmt: skip
    everything = np.concatenate(pooled)
    return {
        "radii_r200": list(RADII), "profiles": len(tasks), "cases": record,
        "coverage": everything.mean(axis=0).tolist(), "pooled": float(everything.mean()),
    }  # fmt: skip


def speed(seed: int) -> dict[str, Any]:
    """Return CPU seconds of the deprojection of 100 bins with its posterior, at full sampling."""
    record = {}
    for name, counts in COUNTS.items():
        field = Field("double_beta", counts, 100, 1.25 * R200)
        profile, prior = field.observe(np.random.default_rng(seed))
        start = time.process_time()
        found = deproject(profile, None, prior, seed=seed)
        record[f"{name}_counts_s"] = time.process_time() - start
        record[f"{name}_counts"] = found.record()
    return {"bins": 100, "line_s": LINES["deprojection_s"], **record}


def run(seed: int, fraction: float) -> dict[str, Any]:
    """Measure coverage and speed of density deprojections."""
    return {"lines": LINES, "deprojection": speed(seed), "density": coverage(seed, fraction)}


if __name__ == "__main__":
    benchmark(run, 20261127)
