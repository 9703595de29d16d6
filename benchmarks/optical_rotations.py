"""Rotations of optical polarization angles: which are found, and how often where there is none.

Series have a mean polarization of 12 % and errors of 0.3 to 1.5 % at times of a ground-based
programme: a night apart or more, with gaps. Rotations of the whole series are of a steady
polarization, of a tenth, a half or more of its light in a random walk beside it; false ones are
of random walks with one lifetime of cells, and of constant angles. Each is judged as
`xsurvey.polarization.optical.walk_test` does, by the largest swing and by the rate of the line.
Branches of half turns are held against the truth.
"""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from benchmarks.command import benchmark, in_parallel, trials
from xsurvey.polarization.optical.ambiguity import resolve_half_turns
from xsurvey.polarization.optical.random_walks import random_walks
from xsurvey.polarization.optical.series import PolarizationSeries, polarization_series
from xsurvey.polarization.optical.walk_test import compare_with_walks, library_of_walks

LEVELS = (0.01, 0.05)
PD = 0.12
CELLS = 28  # of that mean polarization
LIBRARY = 10_000
TASK = 100
SERIES = 4_000
ROTATIONS = 500


class Setup(NamedTuple):
    """A kind of series."""

    points: int = 40
    error: float = 0.005
    lifetime: float = 0.0  # days, of cells; none without a walk
    walk: float = 0.0  # root mean square of the walk, in units of the steady part
    rotation: float = 0.0  # degrees in the whole series
    steady: bool = True  # a part of constant polarization degree


FALSE = {
    "constant_angle": Setup(),
    "constant_angle_3_sigma": Setup(error=0.04),
    **{f"walk_{life:g}_days": Setup(lifetime=life, walk=1.0, steady=False)
       for life in (0.5, 2.0, 8.0, 32.0, 128.0)},
    "walk_8_days_15_points": Setup(15, lifetime=8.0, walk=1.0, steady=False),
    "walk_8_days_5_sigma": Setup(error=0.024, lifetime=8.0, walk=1.0, steady=False),
    "constant_angle_in_walk": Setup(lifetime=8.0, walk=0.5),
}  # fmt: skip
TRUE = {
    f"{angle:g}_degrees_walk_{walk:g}": Setup(lifetime=8.0, walk=walk, rotation=angle)
    for angle in (90.0, 180.0, 360.0)
    for walk in (0.0, 0.3, 0.7)
} | {"360_degrees_5_sigma": Setup(error=0.024, rotation=360.0)}


def run(seed: int, fraction: float) -> dict[str, Any]:
    """Measure how often rotations are found, in series with and without."""
    kinds = {**FALSE, **TRUE}
    seeds = np.random.SeedSequence(seed).generate_state(len(kinds) + 1)
    found = {}
    for (name, setup), s in zip(kinds.items(), seeds, strict=False):
        number = trials(SERIES if name in FALSE else ROTATIONS, fraction)
        sizes = [min(TASK, number - first) for first in range(0, number, TASK)]
        tasks = [(setup, n, int(t)) for n, t in
                 zip(sizes, np.random.SeedSequence(int(s)).generate_state(len(sizes)),
                     strict=True)]  # fmt: skip
        found[name] = np.concatenate(in_parallel(judge, tasks))
    number = trials(2_000, fraction)
    return {
        "false_rotations": {name: _shares(found[name]) for name in FALSE},
        "rotations_found": {name: _shares(found[name]) for name in TRUE},
        "half_turns": branches(number, int(seeds[-1])),
    }


def times(points: int, generator: np.random.Generator) -> np.ndarray:
    """Draw times, days: nights of a season of three nights in two weeks a point or so."""
    nights = np.sort(generator.choice(int(2.5 * points), points, replace=False))
    return 60000.0 + nights + generator.uniform(-0.15, 0.15, points)


def draw(
    setup: Setup, mjd: np.ndarray, number: int, generator: np.random.Generator
) -> list[PolarizationSeries]:
    """Draw series of a kind at some times."""
    turn = setup.rotation * (mjd - mjd[0]) / (mjd[-1] - mjd[0])
    steady = float(setup.steady) * np.exp(2j * np.radians(turn + 20.0))
    z = np.broadcast_to(steady, (number, len(mjd))).copy()
    if setup.walk:
        life = setup.lifetime
        walks = random_walks(mjd, CELLS, number, int(generator.integers(2**31)), (life, life))
        z += setup.walk * walks.stokes
    z *= PD / np.sqrt((np.abs(z) ** 2).mean(axis=1, keepdims=True))
    error = setup.error * np.exp(generator.normal(0, 0.3, z.shape))
    z += error * (generator.standard_normal(z.shape) + 1j * generator.standard_normal(z.shape))
    return [
        polarization_series(mjd, np.abs(row), e, 0.5 * np.degrees(np.angle(row)))
        for row, e in zip(z, error, strict=True)
    ]


def judge(setup: Setup, number: int, seed: int) -> np.ndarray:
    """Return the probabilities of swing and rate of some series, shape (number, 2)."""
    generator = np.random.default_rng(seed)
    mjd = times(setup.points, generator)
    series = draw(setup, mjd, number, generator)
    # the same library for all: what differs is the noise, and the series
    library = library_of_walks(series[0], LIBRARY, int(generator.integers(2**31)))
    found = [compare_with_walks(s, library, seed + i) for i, s in enumerate(series)]
    return np.array([(t.swing_probability, t.rate_probability) for t in found])


def branches(number: int, seed: int) -> dict[str, Any]:
    """Return how often steps are right, of those that are called so probable."""
    generator = np.random.default_rng(seed)
    probability, right = [], []
    for _ in range(number):
        mjd = times(30, generator)
        rate = np.exp(generator.uniform(np.log(5), np.log(80)))
        true_step = generator.normal(0, rate * np.sqrt(np.diff(mjd)))
        angle = np.concatenate(([0.0], np.cumsum(true_step)))
        z = PD * np.exp(2j * np.radians(angle))
        z = z + 0.01 * (generator.standard_normal(30) + 1j * generator.standard_normal(30))
        series = polarization_series(
            mjd, np.abs(z), np.full(30, 0.01), 0.5 * np.degrees(np.angle(z))
        )
        resolved = resolve_half_turns(series)
        probability.append(resolved.step_probability)
        right.append(np.abs(np.diff(resolved.angle_deg) - true_step) < 90)
    p, true = np.concatenate(probability), np.concatenate(right)
    edges = (0.0, 0.5, 0.7, 0.9, 0.95, 0.99, 1.0)
    result = {}
    for low, high in pairwise(edges):
        among = (p > low) & (p <= high)
        if among.any():
            result[f"{low:g}_to_{high:g}"] = {
                "called": float(p[among].mean()), **_share(true[among]), "steps": int(among.sum()),
            }  # fmt: skip
    return result


def _shares(found: np.ndarray) -> dict[str, Any]:
    smaller = np.minimum(2 * found.min(axis=1), 1.0)
    kinds = {"swing": found[:, 0], "rate": found[:, 1], "smaller_doubled": smaller}
    return {
        "series": len(found),
        **{name: {f"at_{a:g}": _share(p <= a) for a in LEVELS} for name, p in kinds.items()},
    }


def _share(chosen: np.ndarray) -> dict[str, float]:
    share = float(np.mean(chosen))
    error = float(np.sqrt(max(share, 1 / len(chosen)) * (1 - share) / len(chosen)))
    return {"share": share, "error": error}


if __name__ == "__main__":
    benchmark(run, seed=20261302)
