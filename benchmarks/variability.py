"""False alarms and power of the test of constancy, for survey visits with few counts.

Light curves are drawn as arrays: 6 to 30 visits of 1 to 40 s, a tenth to all of which is effective
exposure, and a background region 5 to 50 times as large as the source region, whose background is
up to half of the source's counts.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from benchmarks.command import benchmark, in_parallel, trials
from xsurvey.timing.constancy import constancy_test

SIGNIFICANCES = (0.10, 0.05, 0.01)
TRIALS = 999
MOST_VISITS = 30
A_TASK = 250
FLARE = 3.0
FLARE_SIGNIFICANCE = 0.01


class Setup(NamedTuple):
    """What light curves of a kind have; their total source counts are log-uniform."""

    light_curves: int
    counts: tuple[float, float]
    background: float  # largest share of the source's counts
    background_scatter: float = 0.0  # relative, from visit to visit
    flare: float = 1.0  # by which one visit is brighter


CONSTANT = {
    "no_background": Setup(20_000, (10, 500), 0.0),
    "background": Setup(20_000, (10, 500), 0.5),
    "varying_background": Setup(10_000, (10, 500), 0.5, 0.7),
    "fewest_counts": Setup(10_000, (1, 5), 0.0),
    "fewest_counts_background": Setup(10_000, (1, 5), 0.5),
}
FLARES = {
    f"counts_{counts}": Setup(2_000, (counts, counts), 0.5, flare=FLARE)
    for counts in (30, 100, 300, 500)
}


def run(seed: int, fraction: float) -> dict[str, Any]:
    """Measure false-alarm rates of constant sources and the power against a flare in a visit."""
    kinds = {**CONSTANT, **FLARES}
    seeds = np.random.SeedSequence(seed).generate_state(len(kinds))
    p_values = {
        name: _p_values(setup, int(s), fraction)
        for (name, setup), s in zip(kinds.items(), seeds, strict=True)
    }
    return {
        "trials": TRIALS,
        "arrays": {
            "false_alarms": {n: _shares(p_values[n], SIGNIFICANCES) for n in CONSTANT},
            "flare_factor": FLARE,
            "power": {n: _shares(p_values[n], (FLARE_SIGNIFICANCE,)) for n in FLARES},
        },
    }  # fmt: skip


def _p_values(setup: Setup, seed: int, fraction: float) -> np.ndarray:
    number = trials(setup.light_curves, fraction)
    sizes = [min(A_TASK, number - start) for start in range(0, number, A_TASK)]
    seeds = np.random.SeedSequence(seed).generate_state(len(sizes))
    tasks: list[tuple[Any, ...]] = [
        (setup, size, int(s)) for size, s in zip(sizes, seeds, strict=True)
    ]
    function: Callable[..., np.ndarray] = p_values_of
    return np.concatenate(in_parallel(function, tasks))


def p_values_of(setup: Setup, number: int, seed: int) -> np.ndarray:
    """Return the p-values of some light curves of a kind."""
    return constancy_test(*light_curves(setup, number, seed), trials=TRIALS, seed=seed).p_value


def light_curves(setup: Setup, number: int, seed: int) -> tuple[np.ndarray, ...]:
    """Draw light curves of a kind.

    Returns
    -------
    counts, background_counts, background_scale, exposure : ndarray, shape (number, 30)
        Padded with bins of zero exposure.
    """
    generator = np.random.default_rng(seed)
    shape = (number, MOST_VISITS)
    visits = generator.integers(6, MOST_VISITS + 1, number)
    seen = np.arange(MOST_VISITS) < visits[:, None]
    exposure = seen * generator.uniform(1, 40, shape) * generator.uniform(0.1, 1, shape)
    share = exposure / exposure.sum(axis=1, keepdims=True)
    total = np.exp(generator.uniform(*np.log(setup.counts), number))[:, None]
    flaring = np.arange(MOST_VISITS) == generator.integers(0, visits)[:, None]
    source = total * share * np.where(flaring, setup.flare, 1)
    area_ratio = np.exp(generator.uniform(np.log(5), np.log(50), (number, 1)))
    scale = (
        generator.uniform(0.7, 1.3, shape) / area_ratio
    )  # parts of the regions are lost at times
    background = generator.uniform(0, setup.background, (number, 1)) * total * share / scale
    if setup.background_scatter:
        shape_parameter = 1 / setup.background_scatter**2
        background *= generator.gamma(shape_parameter, 1 / shape_parameter, shape)
    if not setup.background:
        scale = np.zeros(shape)
    counts = generator.poisson(source + scale * background)
    return counts, generator.poisson(background), scale, exposure


def _shares(p_values: np.ndarray, significances: tuple[float, ...]) -> dict[str, Any]:
    """Return the share of p-values up to each significance, with its binomial error."""
    result: dict[str, Any] = {"light_curves": len(p_values)}
    for significance in significances:
        share = float(np.mean(p_values <= significance))
        error = float(np.sqrt(max(share, 1 / len(p_values)) * (1 - share) / len(p_values)))
        result[f"at_{significance:g}"] = {"share": share, "error": error}
    return result


if __name__ == "__main__":
    benchmark(run, seed=20261125)
