"""False alarms of MDP99, and coverage of what is said of polarizations, by simulation.

Unpolarized and polarized power laws of photon index 2 through areas, matrix and modulation factors
of the three units: numbers of events are Poissonian, each event has its channel, phase and, where
they are weighted, a weight of .1 to 1.5. A cell of false alarms is an energy bin, brightness,
weighting and acceptance correction; the same simulations serve both estimators.
"""

from typing import Any, NamedTuple

import numpy as np

from benchmarks.command import benchmark, in_parallel, trials
from benchmarks.polarized_events import Sky, batches, channel_shares, modulation, simulate
from xsurvey.polarization.background import subtract_background
from xsurvey.polarization.bin_sums import bin_sums
from xsurvey.polarization.estimators import ESTIMATORS
from xsurvey.polarization.intervals import (
    ONE_SIGMA,
    THREE_SIGMA,
    degree_limits,
    degree_posterior,
    known_angle_upper_limit,
)
from xsurvey.polarization.significance import polarization_chi2

BINS = {"2-8": (2.0, 8.0), "thirds": (2.0, 4.0, 6.0, 8.0)}
FALSE_ALARM_TRIALS = 60_000
COVERAGE_TRIALS = 20_000
TASKS = 8
ANGLE = 30.0
LEVELS = (ONE_SIGMA, 0.99)
LIMITS = (0.9, 0.99, THREE_SIGMA)
RATIOS = (0.0, 0.5, 1.0, 1.5, 1.7, 2.0, 2.5, 3.0, 4.0, 6.0)
SIGMA = 0.05


class Field(NamedTuple):
    """An unpolarized source, and a background of which ``scale`` times is in its region."""

    counts: float
    background: float = 0.0
    scale: float = 0.1


FIELDS = {
    "bright": Field(20_000), "faint": Field(2_000), "faint_on_background": Field(2_000, 5_000)
}  # fmt: skip
# counts for which the degree is 3 to 4 times its error, and for which it is far more
POLARIZED = {
    "pd_0.05": Sky(250_000, 0.05, ANGLE), "pd_0.3_faint": Sky(5_000, 0.3, ANGLE),
    "pd_0.3": Sky(20_000, 0.3, ANGLE), "pd_0.7": Sky(20_000, 0.7, ANGLE),
}  # fmt: skip


def run(seed: int, fraction: float) -> dict[str, Any]:
    """Measure false-alarm rates and coverage."""
    kinds = [(name, weighted) for name in (*FIELDS, *POLARIZED) for weighted in (False, True)]
    seeds = np.random.SeedSequence(seed).spawn(len(kinds) + 1)
    tasks: list[tuple[Any, ...]] = []
    for (name, weighted), own in zip(kinds, seeds[:-1], strict=True):
        full = FALSE_ALARM_TRIALS if name in FIELDS else COVERAGE_TRIALS
        number = trials(full, fraction)
        sizes = [s for s in np.diff(np.linspace(0, number, TASKS + 1).astype(int)) if s]
        states = own.generate_state(len(sizes))
        tasks += [(name, weighted, int(n), int(s)) for n, s in zip(sizes, states, strict=True)]
    parts = in_parallel(counted, tasks)
    found: dict[str, dict[str, dict[str, int]]] = {}
    for (name, weighted, number, _), part in zip(tasks, parts, strict=True):
        for cell, hits in part.items():
            key = f"{name}, {'weighted' if weighted else 'unweighted'}, {cell}"
            sums = found.setdefault(key, {"trials": {"all": 0}, "hits": {}})
            sums["trials"]["all"] += number
            for what, hit in hits.items():
                sums["hits"][what] = sums["hits"].get(what, 0) + hit
    cells = {
        key: {w: _share(n, of["trials"]["all"]) for w, n in of["hits"].items()}
        for key, of in found.items()
    }  # fmt: skip
    return {
        "nominal_false_alarms": 0.01,
        "false_alarms": {k: v for k, v in cells.items() if k.split(",")[0] in FIELDS},
        "coverage": {k: v for k, v in cells.items() if k.split(",")[0] in POLARIZED},
        "by_significance": significance_curve(seeds[-1], trials(COVERAGE_TRIALS, fraction)),
    }


def counted(name: str, weighted: bool, number: int, seed: int) -> dict[str, dict[str, int]]:
    """Return for each cell of a kind how often what happened in ``number`` simulations."""
    generator = np.random.default_rng(seed)
    responses = modulation(weighted)
    result: dict[str, dict[str, int]] = {}
    expected = FIELDS[name].counts if name in FIELDS else POLARIZED[name].counts
    shares, flat = channel_shares(2.0), channel_shares(0.5)
    for size in batches(number, expected):
        sets = []
        if name in FIELDS:
            own = FIELDS[name]
            source = simulate(Sky(own.counts), shares, responses, weighted, size, generator)
            if own.background:
                behind = [
                    simulate(Sky(own.background * k, photon_index=0.5), flat, responses, weighted,
                             size, generator)
                    for k in (own.scale, 1.0)
                ]  # fmt: skip
                sets = [source + behind[0], behind[1]]
            else:
                sets = [source]
        else:
            sets = [simulate(POLARIZED[name], shares, responses, weighted, size, generator)]
        for acceptance in (False, True):
            for edges in BINS.values() if name in FIELDS else [BINS["2-8"]]:
                sums, *around = [bin_sums(s, responses, np.array(edges), acceptance) for s in sets]
                if around:
                    sums = subtract_background(sums, around[0], FIELDS[name].scale)
                for i in range(len(edges) - 1):
                    cell = (
                        f"{'acceptance' if acceptance else 'no acceptance'}, "
                        f"{edges[i]:g}-{edges[i + 1]:g} keV"
                    )
                    own_bin = sums.of_bins(np.array([i]))
                    hits = (
                        _false_alarms(own_bin) if name in FIELDS
                        else _covered(own_bin, POLARIZED[name])
                    )  # fmt: skip
                    for what, hit in hits.items():
                        total = result.setdefault(cell, {})
                        total[what] = total.get(what, 0) + hit
    return result


def _false_alarms(sums: Any) -> dict[str, int]:
    made = {name: estimate(sums) for name, estimate in ESTIMATORS.items()}
    return {name: int(np.sum(b.pd > b.mdp99)) for name, b in made.items()} | {
        "pcube_chi2": int(np.sum(made["pcube"].chi2 > -2 * np.log(0.01)))
    }


def _covered(sums: Any, sky: Sky) -> dict[str, int]:
    """Return how often ellipses, intervals and limits cover the truth."""
    bins = ESTIMATORS["empirical"](sums)
    q, u, covariance = bins.q_norm[:, 0], bins.u_norm[:, 0], bins.covariance[:, 0]
    phase = 2 * np.radians(sky.angle_deg)
    chi2 = polarization_chi2(
        q - sky.degree * np.cos(phase), u - sky.degree * np.sin(phase), covariance
    )
    hits = {f"ellipse_{p:.4g}": int(np.sum(chi2 <= -2 * np.log1p(-p))) for p in LEVELS}
    return hits | _degrees_covered(q, u, covariance, sky.degree, sky.angle_deg)


def _degrees_covered(
    q: np.ndarray, u: np.ndarray, covariance: np.ndarray, degree: float, angle: float
) -> dict[str, int]:
    hits = {}
    posterior = degree_posterior(q, u, covariance)  # once: what the intervals and limits are of
    for p in LEVELS:
        low, high = posterior.quantile((1 - p) / 2), posterior.quantile((1 + p) / 2)
        hits[f"interval_{p:.4g}"] = int(np.sum((low <= degree) & (degree <= high)))
    limits = degree_limits(q, u, covariance, LIMITS)
    for p in LIMITS:
        hits[f"limit_{p:.4g}"] = int(np.sum(limits[:, LIMITS.index(p)] >= degree))
        known = known_angle_upper_limit(q, u, covariance, angle, p)
        hits[f"limit_known_angle_{p:.4g}"] = int(np.sum(known >= degree))
    return hits


def significance_curve(seed: np.random.SeedSequence, number: int) -> dict[str, Any]:
    """Return the coverage of intervals and limits against degree over error, Gaussian Q and U."""
    states = [int(s) for s in seed.generate_state(len(RATIOS))]
    found = in_parallel(
        gaussian_coverage, [(r, number, s) for r, s in zip(RATIOS, states, strict=True)]
    )
    return {
        f"{ratio:g}": {what: _share(hit, number) for what, hit in hits.items()}
        for ratio, hits in zip(RATIOS, found, strict=True)
    }


def gaussian_coverage(ratio: float, number: int, seed: int) -> dict[str, int]:
    """Return how often intervals and limits cover a degree of so many times its error."""
    generator = np.random.default_rng(seed)
    degree = ratio * SIGMA
    q, u = SIGMA * generator.standard_normal((2, number))
    covariance = np.broadcast_to(np.diag([SIGMA**2, SIGMA**2]), (number, 2, 2))
    return _degrees_covered(degree + q, u, covariance, degree, 0.0)


def _share(hits: int, number: int) -> dict[str, float]:
    share = hits / number
    spread = max(share * (1 - share), 1 / number)
    return {"share": share, "error": float(np.sqrt(spread / number)), "trials": number}


if __name__ == "__main__":
    benchmark(run, seed=20261301)
