"""Upper limits of a faint blazar: how often they cover, and what an assumed angle gains.

A source like S4 0954+65 with a polarization of 0 to 10 % at any angle, observed to a mean MDP99 of
13 %, which decides the counts. A fifth of the events in the source region are background, whose
region is 12 times as large (that of an observed spectrum: circle of 60", annulus of 120 to 240").
Power laws of index 2, background of .5, go through areas, matrix and modulation factors of the
three units. Counts, photon index and background are assumptions. Limits: posterior with a free
angle, the largest degree on the contour of Q and U, posterior with the angle known exactly
(also at 99 %) and with an error of 10 deg.
"""

from typing import Any, NamedTuple

import numpy as np

from benchmarks.command import benchmark, in_parallel, trials
from benchmarks.polarized_events import (
    BAND,
    WEIGHTS,
    Sky,
    batches,
    channel_shares,
    modulation,
    simulate,
)
from xsurvey.polarization.background import subtract_background
from xsurvey.polarization.bin_sums import bin_sums
from xsurvey.polarization.estimators import empirical
from xsurvey.polarization.intervals import THREE_SIGMA, degree_upper_limit
from xsurvey.polarization.known_angle import known_angle
from xsurvey.polarization.uncertain_angle import uncertain_angle

MDP99 = 0.13
HIGHEST = 0.1
INDEX, BACKGROUND_INDEX = 2.0, 0.5
BACKGROUND = 0.2  # of the events in the source region
SCALE = 1 / 12
ANGLE_ERROR = 10.0
SIMULATIONS = 2_000
TASK = 250
LINES = {"coverage": 0.997, "known_over_free": 0.85}


class Case(NamedTuple):
    """How degrees are drawn, and whether events are weighted."""

    weighted: bool
    degree: float | None = None  # uniform from 0 to HIGHEST if none


CASES = {
    "pd_0_to_0.1": Case(False), "pd_0_to_0.1_weighted": Case(True),
    "pd_0.1": Case(False, HIGHEST), "pd_0.1_weighted": Case(True, HIGHEST),
    "pd_0": Case(False, 0.0), "pd_0_weighted": Case(True, 0.0),
}  # fmt: skip
COLUMNS = ("degree", "mdp99", "sigma", "free", "contour", "known", "known_99", "uncertain")


def run(seed: int, fraction: float) -> dict[str, Any]:
    """Measure coverage and medians of limits."""
    number = trials(SIMULATIONS, fraction)
    sizes = [min(TASK, number - first) for first in range(0, number, TASK)]
    tasks = []
    for (name, case), own in zip(
        CASES.items(), np.random.SeedSequence(seed).spawn(len(CASES)), strict=True
    ):
        states = own.generate_state(len(sizes))
        tasks += [(name, case, n, int(s)) for n, s in zip(sizes, states, strict=True)]
    parts = in_parallel(limits, [task[1:] for task in tasks])
    found = {
        name: np.concatenate([p for t, p in zip(tasks, parts, strict=True) if t[0] == name])
        for name in CASES
    }
    return {
        "assumed": {
            "mdp99": MDP99, "photon_index": INDEX, "background_index": BACKGROUND_INDEX,
            "background_share": BACKGROUND, "background_scale": SCALE,
            "counts": {
                "weighted" if w else "unweighted": expected_counts(w) for w in (False, True)
            },
        },
        "level": THREE_SIGMA, "angle_error_deg": ANGLE_ERROR, "lines": LINES,
        "limits": {name: _summary(rows) for name, rows in found.items()},
    }  # fmt: skip


def expected_counts(weighted: bool) -> float:
    """Return the counts of the source in 2-8 keV for which MDP99 is that of the blazar.

    The variance of Q/I without polarization is sum (w a)^2 2 / mu^2 / I^2, background included.
    """
    responses = modulation(weighted)
    inside = (responses.energy > BAND[0]) & (responses.energy <= BAND[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        a = np.where(inside, 1 / responses.effective_area, 0.0)
        noise = np.where(inside, 2 * (a / responses.factor) ** 2, 0.0)
    low, high = WEIGHTS
    mean, square = ((low + high) / 2, (high**3 - low**3) / (3 * (high - low)))
    mean, square = (mean, square) if weighted else (1.0, 1.0)
    source, behind = channel_shares(INDEX), channel_shares(BACKGROUND_INDEX)
    ratio = (1 + SCALE) * BACKGROUND / (1 - BACKGROUND)
    variance = square * ((source * noise).sum() + ratio * (behind * noise).sum())
    return float(-2 * np.log(0.01) * variance / (mean * (source * a).sum() * MDP99) ** 2)


def limits(case: Case, number: int, seed: int) -> np.ndarray:
    """Return rows of `COLUMNS` of simulated observations, shape (number, 8)."""
    generator = np.random.default_rng(seed)
    counts, responses = expected_counts(case.weighted), modulation(case.weighted)
    behind = Sky(counts * BACKGROUND / (1 - BACKGROUND), photon_index=BACKGROUND_INDEX)
    rows = []
    for size in batches(number, counts + behind.counts / SCALE):
        degree = generator.uniform(0, HIGHEST, size)
        if case.degree is not None:
            degree[:] = case.degree
        angle = generator.uniform(-90, 90, size)
        source, *flat = [
            simulate(sky, channel_shares(sky.photon_index), responses, case.weighted, size,
                     generator)
            for sky in (Sky(counts, degree, angle, INDEX), behind,
                        behind._replace(counts=behind.counts / SCALE))
        ]  # fmt: skip
        edges = np.array(BAND)
        bins = empirical(subtract_background(
            bin_sums(source + flat[0], responses, edges), bin_sums(flat[1], responses, edges),
            SCALE,
        ))  # fmt: skip
        q, u, covariance = bins.q_norm[:, 0], bins.u_norm[:, 0], bins.covariance[:, 0]
        assumed = angle + generator.normal(0, ANGLE_ERROR, size)
        uncertain = [
            uncertain_angle(*measured, ANGLE_ERROR).upper_limit(THREE_SIGMA)
            for measured in zip(q, u, covariance, assumed, strict=True)
        ]
        rows.append(np.column_stack([
            degree, bins.mdp99[:, 0], np.sqrt(np.trace(covariance, axis1=1, axis2=2) / 2),
            degree_upper_limit(q, u, covariance, THREE_SIGMA), _contour(q, u, covariance),
            *(known_angle(q, u, covariance, angle).upper_limit(p) for p in (THREE_SIGMA, 0.99)),
            uncertain,
        ]))  # fmt: skip
    return np.concatenate(rows)


def _contour(q: np.ndarray, u: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Return the largest degrees on the contours of Q and U, 2 degrees of freedom."""
    turn = np.linspace(0, 2 * np.pi, 361)
    root = np.linalg.cholesky(covariance)
    around = root @ np.stack([np.cos(turn), np.sin(turn)]) * np.sqrt(-2 * np.log1p(-THREE_SIGMA))
    return np.hypot(q[:, None] + around[:, 0], u[:, None] + around[:, 1]).max(axis=1)


def _summary(rows: np.ndarray) -> dict[str, Any]:
    columns = dict(zip(COLUMNS, rows.T, strict=True))
    degree, sigma = columns["degree"], columns["sigma"]
    free, contour = (float(np.median(columns[name])) for name in ("free", "contour"))
    result: dict[str, Any] = {
        "simulations": len(rows), "mean_mdp99": float(columns["mdp99"].mean()),
        "median_sigma": float(np.median(sigma)),
        "largest_degree_over_sigma": float((degree / sigma).max()),
    }  # fmt: skip
    for name in COLUMNS[3:]:
        limit = columns[name]
        result[name] = {
            "coverage": _share(limit >= degree), "missed": int(np.sum(limit < degree)),
            "median_limit": float(np.median(limit)),
            "median_over_free": float(np.median(limit)) / free,
            "median_over_contour": float(np.median(limit)) / contour,
        }  # fmt: skip
    return result


def _share(chosen: np.ndarray) -> dict[str, float]:
    share, number = float(np.mean(chosen)), len(chosen)
    return {"share": share, "error": float(np.sqrt(max(share * (1 - share), 1 / number) / number))}


if __name__ == "__main__":
    benchmark(run, seed=20261304)
