"""False alarms and power of the tests of variability of catalog sources.

Arrival times are drawn as arrays and go through the functions that the catalog calls. Constant
sources have 10 to 1000 counts, log-uniform, under several exposures and backgrounds; varying ones
are what the power is measured on. Rates of several observations are drawn as counts.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from benchmarks.command import benchmark, in_parallel, trials
from xsurvey.timing.arrival_phases import ArrivalPhases, ExposureHistory, arrival_phases
from xsurvey.timing.between_observations import between_observations
from xsurvey.timing.within_observation import judge_phases, most_bins

SIGNIFICANCES = (0.10, 0.01, 0.001)
DURATION = 50_000.0  # s
FRAME = 3.2  # s
SCALE = 1 / 22.75  # of an annulus from 1.5 to 5 radii
TASK = 250
INDEX = 6
TRIALS = 999
FINE = 2_000  # steps of rates that are not constant


class Setup(NamedTuple):
    """A kind of sources; counts are log-uniform."""

    sources: int
    exposure: str = "even"  # gaps, dither, visits
    counts: tuple[float, float] = (10, 1000)
    background: float = 0.0  # largest share of the aperture's counts
    flare_of_background: float = 1.0  # by which it is brighter for a tenth of the time
    scale: float = SCALE
    shape: str = "constant"
    size: float = 0.0


CONSTANT = {
    "even": Setup(10_000),
    "gaps": Setup(10_000, "gaps"),
    "dither": Setup(10_000, "dither"),
    "visits": Setup(10_000, "visits"),
    "background": Setup(10_000, "gaps", background=0.5),
    "background_flare": Setup(10_000, "gaps", background=0.5, flare_of_background=10),
    "small_annulus": Setup(10_000, "gaps", background=0.5, flare_of_background=10, scale=0.3),
    "visits_background": Setup(10_000, "visits", background=0.5, flare_of_background=5),
    "few_counts": Setup(10_000, "gaps", counts=(5, 15), background=0.5),
}
VARIABLE = {
    f"{shape}_{size:g}_{counts}": Setup(
        1_000, "gaps", (counts, counts), background=0.2, shape=shape, size=size
    )
    for shape, size in (("flare", 5.0), ("step", 2.0), ("sine", 0.5))
    for counts in (30, 100, 300, 1000)
}
OBSERVATIONS = {
    # observations, counts in all of them, largest background share, brighter in one of them by
    "two": (2, (10, 1000), 0.0, 1.0),
    "two_background": (2, (10, 1000), 0.5, 1.0),
    "six_background": (6, (10, 1000), 0.5, 1.0),
    "two_few_counts": (2, (1, 10), 0.5, 1.0),
    "two_brighter_30": (2, (30, 30), 0.5, 3.0),
    "two_brighter_100": (2, (100, 100), 0.5, 3.0),
    "six_brighter_100": (6, (100, 100), 0.5, 3.0),
}


def run(seed: int, fraction: float) -> dict[str, Any]:
    """Measure how often constant sources are called variable, and varying ones are not."""
    kinds = {**CONSTANT, **VARIABLE}
    seeds = np.random.SeedSequence(seed).generate_state(len(kinds) + len(OBSERVATIONS))
    found = {
        name: _in_tasks(verdicts, setup, setup.sources, int(s), fraction)
        for (name, setup), s in zip(kinds.items(), seeds[: len(kinds)], strict=True)
    }
    between = {
        name: _in_tasks(between_probabilities, setup, 4_000, int(s), fraction)
        for (name, setup), s in zip(OBSERVATIONS.items(), seeds[len(kinds) :], strict=True)
    }
    return {
        "false_alarms": {name: _alarms(found[name]) for name in CONSTANT},
        "power": {name: _power(found[name]) for name in VARIABLE},
        "between_observations": {
            name: {f"at_{s:g}": _share(values[0] <= s) for s in SIGNIFICANCES}
            for name, values in between.items()
        },
    }  # fmt: skip


def _in_tasks(
    function: Callable[..., np.ndarray], setup: Any, full: int, seed: int, fraction: float
) -> np.ndarray:
    number = trials(full, fraction)
    sizes = [min(TASK, number - start) for start in range(0, number, TASK)]
    seeds = np.random.SeedSequence(seed).generate_state(len(sizes))
    tasks: list[tuple[Any, ...]] = [(setup, n, int(s)) for n, s in zip(sizes, seeds, strict=True)]
    return np.concatenate(in_parallel(function, tasks), axis=1)


def verdicts(setup: Setup, number: int, seed: int) -> np.ndarray:
    """Return index, log10 of the odds and both probabilities of some sources, shape (4, n)."""
    generator = np.random.default_rng(seed)
    phases: list[ArrivalPhases] = []
    most = np.empty(number, int)
    # of visits the frames are shorter: those of a survey
    frame = 0.05 if setup.exposure == "visits" else FRAME
    for i in range(number):
        history = exposure(setup.exposure, generator)
        total = np.exp(generator.uniform(*np.log(setup.counts)))
        share = generator.uniform(0, setup.background)
        time = _source_times(setup, history, total * (1 - share), generator)
        background, around = (
            _background_times(setup, history, n, generator)
            for n in (total * share, total * share / setup.scale)
        )
        time, around = (_on_frames(t, frame) for t in (np.append(time, background), around))
        scale = setup.scale if setup.background else 0.0
        phases.append(arrival_phases(time, around, scale, history, frame))
        most[i] = most_bins(history, frame, 300)
    odds, tests = judge_phases(phases, most, np.array([len(p.middle) >= 5 for p in phases]))
    return np.stack([odds.index, odds.log_odds, tests.ks_probability, tests.kuiper_probability])


def exposure(kind: str, generator: np.random.Generator) -> ExposureHistory:
    """Draw the exposure of a source."""
    if kind == "visits":
        start = 14_400.0 * np.arange(generator.integers(6, 31))
        steps = np.arange(160) * 0.25
        begin = (start[:, None] + steps).ravel()
        # across the field at another distance from its centre in each visit
        across = 1 - (steps / 20 - 1) ** 2
        height = generator.uniform(0.2, 1, (len(start), 1))
        return ExposureHistory(begin, begin + 0.25, (height * across + 1e-3).ravel())
    edges = np.arange(0, DURATION + 1, 25.0)
    area = np.ones(len(edges) - 1)
    if kind == "dither":  # over a bad column, and a gap's edge, with periods of 1000 and 707 s
        area *= 1 - 0.5 * (np.sin(2 * np.pi * edges[:-1] / 1000 + generator.uniform(0, 6)) > 0.3)
        area *= 0.7 + 0.3 * np.sin(2 * np.pi * edges[:-1] / 707 + generator.uniform(0, 6))
    if kind == "gaps":
        for begin in generator.uniform(0, 0.9 * DURATION, 3):
            area[(edges[:-1] > begin) & (edges[:-1] < begin + generator.uniform(100, 9000))] = 0
    seen = area > 0
    return ExposureHistory(edges[:-1][seen], edges[1:][seen], area[seen])


def _source_times(
    setup: Setup, history: ExposureHistory, counts: float, generator: np.random.Generator
) -> np.ndarray:
    def rate(time: np.ndarray) -> np.ndarray:
        part = (time - history.start[0]) / (history.stop[-1] - history.start[0])
        if setup.shape == "flare":
            begin = generator.uniform(0, 0.95)
            return 1 + setup.size * ((part > begin) & (part < begin + 0.05))
        if setup.shape == "step":
            return np.where(part > generator.uniform(0.2, 0.8), setup.size, 1.0)
        if setup.shape == "sine":
            return 1 + setup.size * np.sin(2 * np.pi * 3 * (part + generator.random()))
        return np.ones(len(time))

    return _times(history, rate, counts, generator)


def _background_times(
    setup: Setup, history: ExposureHistory, counts: float, generator: np.random.Generator
) -> np.ndarray:
    span = history.stop[-1] - history.start[0]

    def rate(time: np.ndarray) -> np.ndarray:
        part = (time - history.start[0]) / span
        return np.where((part > 0.6) & (part < 0.7), setup.flare_of_background, 1.0)

    return _times(history, rate, counts, generator)


def _times(
    history: ExposureHistory, rate: Callable[[np.ndarray], np.ndarray], counts: float,
    generator: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """Draw arrival times: Poisson of a mean, in proportion to exposure and rate."""
    length = history.stop - history.start
    gained = length * history.area * rate((history.start + history.stop) / 2)
    piece = generator.choice(len(gained), generator.poisson(counts), p=gained / gained.sum())
    return history.start[piece] + length[piece] * generator.random(len(piece))


def _on_frames(time: np.ndarray, frame: float) -> np.ndarray:
    return (np.floor(time / frame) + 0.5) * frame


def between_probabilities(
    setup: tuple[int, tuple[float, float], float, float], number: int, seed: int
) -> np.ndarray:
    """Return the probabilities of some sources seen in several observations, shape (1, n)."""
    observations, counts, background, brighter = setup
    generator = np.random.default_rng(seed)
    shape = (number, observations)
    exposed = np.exp(generator.uniform(np.log(5e3), np.log(5e4), shape))
    part = exposed / exposed.sum(axis=1, keepdims=True)
    total = np.exp(generator.uniform(*np.log(counts), (number, 1)))
    share = generator.uniform(0, background, (number, 1))
    chosen = np.arange(observations) == generator.integers(0, observations, (number, 1))
    source = total * (1 - share) * part * np.where(chosen, brighter, 1)
    # the background's density differs from one observation to the other
    behind = total * share * part * generator.uniform(0.5, 2, shape)
    scale = np.full(shape, SCALE if background else 0.0)
    around = generator.poisson(behind / SCALE) if background else np.zeros(shape)
    found = between_observations(
        generator.poisson(source + behind), around, scale, exposed, trials=TRIALS, seed=seed
    )
    return found.probability[None]


def _alarms(found: np.ndarray) -> dict[str, Any]:
    index, log_odds, ks, kuiper = found
    tested = index >= 0
    return {
        "sources": int(tested.sum()),
        "gregory_loredo": {
            f"index_{INDEX}": _share(index[tested] >= INDEX),
            "index_7": _share(index[tested] >= 7), "index_8": _share(index[tested] >= 8),
            "odds_above_1": _share(log_odds[tested] > 0),
        },
        "ks": {f"at_{s:g}": _share(ks[tested] <= s) for s in SIGNIFICANCES},
        "kuiper": {f"at_{s:g}": _share(kuiper[tested] <= s) for s in SIGNIFICANCES},
    }  # fmt: skip


def _power(found: np.ndarray) -> dict[str, Any]:
    index, _, ks, kuiper = found
    return {
        "sources": len(index), f"gregory_loredo_index_{INDEX}": _share(index >= INDEX),
        "ks_0.01": _share(ks <= 0.01), "kuiper_0.01": _share(kuiper <= 0.01),
    }  # fmt: skip


def _share(chosen: np.ndarray) -> dict[str, float]:
    share = float(np.mean(chosen))
    error = float(np.sqrt(max(share, 1 / len(chosen)) * (1 - share) / len(chosen)))
    return {"share": share, "error": error}


if __name__ == "__main__":
    benchmark(run, seed=20261125)
