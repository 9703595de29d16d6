"""Polarization by the likelihood: false alarms, coverage, and how much smaller its contours are.

Power laws of photon index 2 through areas, matrix and modulation factors of the three units, as in
`polarization_false_alarms`; events are taken into the likelihood one by one. With a background,
source and background (index .5, flat on the sky) fall into a circle of 60" about the source, by
its PSF, and into an annulus of ten times the area; a part of the background may be polarized. The
area of a contour is the square root of the determinant of the scatter of (Q/I, U/I), about the
truth, relative to that of the empirical estimator on the same events.
"""

from typing import Any, NamedTuple

import numpy as np

from benchmarks.command import benchmark, in_parallel, trials
from benchmarks.polarized_events import batches, channel_shares, modulation
from xsurvey.missions import get_mission
from xsurvey.polarization.background import subtract_background
from xsurvey.polarization.bin_sums import bin_sums
from xsurvey.polarization.channel_sums import ChannelSums
from xsurvey.polarization.estimators import empirical
from xsurvey.polarization.intervals import degree_limits
from xsurvey.polarization.significance import polarization_chi2
from xsurvey.polarization.unbinned.likelihood import LikelihoodFit, fit_polarization
from xsurvey.polarization.unbinned.polarized_points import PolarizedPoints, joined
from xsurvey.polarization.unbinned.source_fractions import (
    SourceFractions,
    channel_groups,
    fractions_of_counts,
    fractions_of_places,
    relative_density,
)
from xsurvey.psf import random_displacements

TRIALS = {"false_alarms": 40_000, "coverage": 20_000}
TASKS = 8
ANGLE = 30.0
LEVELS = (0.683, 0.99)
EDGES = np.array([2.0, 8.0])
RADIUS = 60.0
SCALE = 0.1
EVENTS_AT_A_TIME = 4  # of `batches`, whose sums are smaller


class Cell(NamedTuple):
    """Counts expected in 2-8 keV: of the source, and of the background in the source region."""

    source: float
    degree: float
    background: float = 0.0
    behind: float = 0.0


CELLS = {
    "bright": Cell(20_000, 0.0), "faint": Cell(2_000, 0.0),
    "faint_on_background": Cell(2_000, 0.0, 1_000),
    "faint_on_polarized": Cell(2_000, 0.0, 1_000, 0.1),
    "pd_0.05": Cell(100_000, 0.05), "pd_0.3": Cell(20_000, 0.3), "pd_0.7": Cell(20_000, 0.7),
    "pd_0.3_on_background": Cell(4_000, 0.3, 2_000),
    "pd_0.3_on_bright_background": Cell(2_000, 0.3, 4_000),
}  # fmt: skip


class Drawn(NamedTuple):
    """Events of many observations, arrays (n,)."""

    observation: np.ndarray
    place: np.ndarray
    q: np.ndarray
    u: np.ndarray
    radius: np.ndarray


def run(seed: int, fraction: float) -> dict[str, Any]:
    """Measure false alarms, coverage and areas of contours."""
    tasks: list[tuple[Any, ...]] = []
    for (name, cell), own in zip(
        CELLS.items(), np.random.SeedSequence(seed).spawn(len(CELLS)), strict=True
    ):
        number = trials(TRIALS["coverage" if cell.degree else "false_alarms"], fraction)
        sizes = [s for s in np.diff(np.linspace(0, number, TASKS + 1).astype(int)) if s]
        states = own.generate_state(len(sizes))
        tasks += [(name, int(n), int(s)) for n, s in zip(sizes, states, strict=True)]
    parts = in_parallel(measured, tasks)
    found: dict[str, dict[str, list[np.ndarray]]] = {}
    for (name, _, _), part in zip(tasks, parts, strict=True):
        for estimator, rows in part.items():
            found.setdefault(name, {}).setdefault(estimator, []).append(rows)
    return {
        name: {
            "cell": CELLS[name]._asdict(),
            **summary({e: np.concatenate(rows) for e, rows in of.items()}, CELLS[name]),
        }
        for name, of in found.items()
    }


def measured(name: str, number: int, seed: int) -> dict[str, np.ndarray]:
    """Return for each estimator rows of what it found in ``number`` observations.

    Columns are Q/I, U/I, their covariance (3), chi2, MDP99, the 99 % limit, and 1 at degree 1.
    """
    generator = np.random.default_rng(seed)
    cell = CELLS[name]
    rows: dict[str, list[np.ndarray]] = {}
    size = (cell.source + cell.background * (1 + 1 / SCALE)) * EVENTS_AT_A_TIME
    for count in batches(number, size):
        for estimator, made in _observed(cell, count, generator).items():
            rows.setdefault(estimator, []).append(made)
    return {estimator: np.concatenate(made) for estimator, made in rows.items()}


def _observed(cell: Cell, count: int, generator: np.random.Generator) -> dict[str, np.ndarray]:
    responses = modulation(False)
    psf = get_mission("ixpe").psf()
    source = _drawn(cell.source, cell.degree, ANGLE, 2.0, count, generator)
    if not cell.background:
        points = _points([source], count)
        binned = bin_sums(_sums(source, count), responses, EDGES, acceptance=False)
        return {"empirical": _of_sums(binned), "likelihood": _of_fit(fit_polarization(points))}
    radius = np.hypot(*random_displacements(psf, np.zeros(len(source.q)), generator))
    source = Drawn(*(a[radius < RADIUS] for a in source._replace(radius=radius)))
    inside = _drawn(cell.background, cell.behind, -20.0, 0.5, count, generator)
    inside = inside._replace(radius=RADIUS * np.sqrt(generator.random(len(inside.q))))
    around = _drawn(cell.background / SCALE, cell.behind, -20.0, 0.5, count, generator)
    both = Drawn(*(np.concatenate(pair) for pair in zip(source, inside, strict=True)))
    binned = [bin_sums(_sums(s, count), responses, EDGES, acceptance=False) for s in (both, around)]
    result = {"empirical": _of_sums(subtract_background(*binned, SCALE))}
    even = RADIUS * np.sqrt((np.arange(20_000) + 0.5) / 20_000)
    density = relative_density(psf, both.radius, even, 0.0)
    group, groups, of_event = _groups(both, around, count)
    counts = [np.bincount(g, minlength=groups) for g in (group, of_event)]
    for estimator, mixture, places in (
        ("likelihood", fractions_of_counts(counts[0], counts[1], SCALE), None),
        ("psf", fractions_of_places(density, group, groups, counts[1], SCALE), density),
    ):
        points = _mixed(both, around, count, mixture, group, places)
        result[estimator] = _of_fit(fit_polarization(points, background=True))
    return result


def _drawn(
    counts: float, degree: float, angle: float, index: float, count: int,
    generator: np.random.Generator,
) -> Drawn:  # fmt: skip
    """Return Poissonian numbers of events of a power law."""
    shares = channel_shares(index)
    events = generator.multinomial(generator.poisson(counts, count), shares.ravel())
    cell = np.repeat(np.arange(count * shares.size), events.ravel())
    place = cell % shares.size
    phase = generator.uniform(0, 2 * np.pi, len(cell))
    m = degree * np.nan_to_num(modulation(False).factor.ravel())[place]
    phase += np.pi * (generator.random(len(cell)) > (1 + m * np.cos(phase)) / 2)
    phase += 2 * np.radians(angle)
    return Drawn(
        cell // shares.size, place, 2 * np.cos(phase), 2 * np.sin(phase), np.zeros(len(cell))
    )


def _sums(events: Drawn, count: int) -> ChannelSums:
    shape = modulation(False).factor.shape
    size = shape[0] * shape[1]
    made = ChannelSums.of_events(
        events.observation * size + events.place, events.q, events.u, None,
        (count * shape[0], shape[1]),
    )  # fmt: skip
    return made.reshaped((count, *shape))


def _points(parts: list[Drawn], count: int) -> PolarizedPoints:
    factor = modulation(False).factor.ravel()
    made = [
        PolarizedPoints.of_events(e.observation, count, e.q, e.u, factor[e.place]) for e in parts
    ]
    return made[0] if len(made) == 1 else joined(made)


def _groups(both: Drawn, around: Drawn, count: int) -> tuple[np.ndarray, int, np.ndarray]:
    """Return groups of channels of each observation, of the events of both regions."""
    channels = modulation(False).factor.shape[1]
    table, first = [], 0
    energy = modulation(False).energy
    of_bin = np.where((energy > EDGES[0]) & (energy <= EDGES[-1]), 0, -1)
    seen = np.bincount(both.observation * channels + both.place % channels,
                       minlength=count * channels).reshape(count, channels)  # fmt: skip
    for counts in seen:
        own = channel_groups(counts, of_bin)
        table.append(np.where(own >= 0, own + first, -1))
        first += int(own.max()) + 1
    groups = np.array(table)
    return (
        groups[both.observation, both.place % channels], first,
        groups[around.observation, around.place % channels],
    )  # fmt: skip


def _mixed(
    both: Drawn, around: Drawn, count: int, mixture: SourceFractions, group: np.ndarray,
    density: np.ndarray | None,
) -> PolarizedPoints:  # fmt: skip
    probability, slope = mixture.probability(group, density)
    inside = _points([both], count).mixed(probability, group, slope, mixture.variance)
    return joined([inside, _points([around], count).mixed(np.zeros(len(around.q)))])


def _of_sums(sums: Any) -> np.ndarray:
    bins = empirical(sums)
    flat = np.zeros(len(bins.i))
    return _rows(bins.q_norm[:, 0], bins.u_norm[:, 0], bins.covariance[:, 0], bins.chi2[:, 0],
                 bins.mdp99[:, 0], flat)  # fmt: skip


def _of_fit(fit: LikelihoodFit) -> np.ndarray:
    mdp99 = np.sqrt(-2 * np.log(0.01)) * fit.sigma0
    return _rows(*fit.stokes.T, fit.covariance, fit.chi2, mdp99, fit.at_limit.astype(float))


def _rows(
    q: np.ndarray, u: np.ndarray, covariance: np.ndarray, chi2: np.ndarray, mdp99: np.ndarray,
    at_limit: np.ndarray,
) -> np.ndarray:  # fmt: skip
    limit = degree_limits(q, u, covariance, (0.99,))[:, 0]
    return np.stack([q, u, covariance[:, 0, 0], covariance[:, 0, 1], covariance[:, 1, 1], chi2,
                     mdp99, limit, at_limit], axis=1)  # fmt: skip


def summary(rows: dict[str, np.ndarray], cell: Cell) -> dict[str, Any]:
    """Return rates, coverage and areas of estimators on the same observations."""
    result: dict[str, Any] = {}
    phase = 2 * np.radians(ANGLE)
    true = cell.degree * np.array([np.cos(phase), np.sin(phase)])
    areas = {}
    for name, found in rows.items():
        off = found[:, :2] - true
        n = len(found)
        covariance = found[:, [2, 3, 3, 4]].reshape(-1, 2, 2)
        chi2 = polarization_chi2(*off.T, covariance)
        areas[name] = float(np.sqrt(np.linalg.det(off.T @ off / n)))
        error = off.std(axis=0) / np.sqrt(n)
        own: dict[str, Any] = {
            "trials": n, "mean_offset": off.mean(axis=0).tolist(), "its_error": error.tolist(),
            "at_limit": float(found[:, 8].mean()),
            "limit_0.99": _share(found[:, 7] >= cell.degree),
        }  # fmt: skip
        own |= {f"ellipse_{p}": _share(chi2 <= -2 * np.log1p(-p)) for p in LEVELS}
        if not cell.degree:
            own["above_mdp99"] = _share(np.hypot(*found[:, :2].T) > found[:, 6])
            own["chi2_above_9.21"] = _share(found[:, 5] > -2 * np.log(0.01))
        result[name] = own
    for name, area in areas.items():
        result[name]["area"] = area
        result[name]["relative_area"] = area / areas["empirical"]
    return result


def _share(hits: np.ndarray) -> dict[str, float]:
    share, n = float(np.mean(hits)), len(hits)
    return {"share": share, "error": float(np.sqrt(max(share * (1 - share), 1 / n) / n))}


if __name__ == "__main__":
    benchmark(run, seed=20261303)
