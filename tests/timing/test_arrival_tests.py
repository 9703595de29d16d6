"""Tests of arrival times: uniform probabilities, exposure, background, frames."""

import numpy as np
import pytest
from scipy import stats

from xsurvey.timing.arrival_phases import (
    ArrivalPhases,
    ExposureHistory,
    arrival_phases,
    mean_history,
)
from xsurvey.timing.arrival_tests import ArrivalTests, arrival_tests
from xsurvey.timing.bayesian_blocks import MOST_EVENTS, bayesian_blocks
from xsurvey.timing.within_observation import judge_phases, most_bins

EVEN = ExposureHistory(np.array([1000.0]), np.array([2000.0]), np.array([1.0]))
GAPS = ExposureHistory(
    np.array([0.0, 500.0, 4000.0, 4040.0]), np.array([100.0, 900.0, 4040.0, 6000.0]),
    np.array([1.0, 0.3, 2.0, 0.7]),
)  # fmt: skip


def drawn(history: ExposureHistory, number: int, generator: np.random.Generator) -> np.ndarray:
    """Arrival times of a constant source."""
    gained = np.cumsum((history.stop - history.start) * history.area)
    at = generator.random(number) * gained[-1]
    piece = np.searchsorted(gained, at, side="right")
    before = np.concatenate(([0.0], gained))[piece]
    return history.start[piece] + (at - before) / history.area[piece]


def judged(parts: list[ArrivalPhases]) -> ArrivalTests:
    return judge_phases(parts, np.full(len(parts), 2), np.ones(len(parts), bool))[1]


def assert_uniform(p_values: np.ndarray) -> None:
    assert stats.kstest(p_values, "uniform").pvalue > 1e-3


def test_statistics_are_those_of_scipy() -> None:
    values = np.random.default_rng(1).random(40) ** 1.4
    result = arrival_tests(values, values, np.array([0, 40]))
    known = stats.kstest(values, "uniform", method="exact")
    assert result.ks_statistic[0] == pytest.approx(known.statistic)
    assert result.ks_probability[0] == pytest.approx(known.pvalue)
    sides = [stats.kstest(values, "uniform", alternative=a).statistic for a in ("less", "greater")]
    assert result.kuiper_statistic[0] == pytest.approx(sum(sides))


@pytest.mark.parametrize("history", [EVEN, GAPS])
@pytest.mark.parametrize("counts", [5, 40])
def test_probabilities_of_constant_sources_are_uniform(
    history: ExposureHistory, counts: int
) -> None:
    # the exposure, cut and uneven or not, leaves the distribution of the probabilities as it is
    generator = np.random.default_rng(counts)
    none = np.empty(0)
    parts = [
        arrival_phases(drawn(history, counts, generator), none, 0.0, history) for _ in range(1500)
    ]
    result = judged(parts)
    assert_uniform(result.ks_probability)
    assert_uniform(result.kuiper_probability)


def test_a_flare_of_the_background_is_no_flare_of_the_source() -> None:
    # half of the counts are background, and that is ten times brighter for a tenth of the time
    generator = np.random.default_rng(7)
    scale, parts, without = 0.05, [], []

    def background(level: float) -> np.ndarray:
        flare = generator.uniform(1700, 1800, generator.poisson(level))
        return np.concatenate((generator.uniform(1000, 2000, generator.poisson(level)), flare))

    for _ in range(600):
        time = np.concatenate((drawn(EVEN, 50, generator), background(25)))
        parts.append(arrival_phases(time, background(500), scale, EVEN))
        without.append(arrival_phases(time, np.empty(0), 0.0, EVEN))
    known, unknown = judged(parts), judged(without)
    assert np.mean(known.ks_probability < 0.05) < 0.075
    assert np.mean(known.kuiper_probability < 0.05) < 0.075
    assert np.mean(unknown.kuiper_probability < 0.05) > 0.9


def test_the_phases_of_a_known_history() -> None:
    # exposures 100, 120, 80 and 1372 of 1672
    phases = arrival_phases(np.array([4000.0, 50.0, 6000.0, 700.0, 3000.0]), np.empty(0), 0.0, GAPS)
    np.testing.assert_allclose(phases.time, [50, 700, 4000, 6000])  # 3000 s is in a gap
    np.testing.assert_allclose(phases.middle, np.array([50, 160, 220, 1672]) / 1672)
    assert (phases.weight, phases.background_share) == (1.0, 0.0)


def test_the_share_of_the_background() -> None:
    time, around = np.linspace(1005, 1995, 100), np.linspace(1500, 1999.9, 500)
    phases = arrival_phases(time, around, 0.1, EVEN)
    assert phases.background_share == pytest.approx(0.5)
    assert phases.weight == pytest.approx(1 / 1.05)
    # until the middle half of the source and none of the background
    at = np.interp(1500.0, phases.time, phases.middle)
    assert at == pytest.approx(0.25, abs=0.005)
    all_background = arrival_phases(time[:20], around, 0.1, EVEN)
    assert all_background.background_share == 1.0


def test_events_of_one_frame_are_no_burst() -> None:
    # a frame of 400 s: five events in it, and one expected in the rest
    time = np.full(5, 1200.0)
    exact = judged([arrival_phases(time, np.empty(0), 0.0, EVEN)])
    framed = judged([arrival_phases(time, np.empty(0), 0.0, EVEN, frame_time=400.0)])
    assert exact.ks_probability[0] < 0.01
    assert framed.ks_statistic[0] == pytest.approx(0.6)
    generator = np.random.default_rng(5)
    parts = []
    for _ in range(600):
        frames = np.floor((drawn(EVEN, 50, generator) - 1000) / 50) * 50 + 1025
        parts.append(arrival_phases(frames, np.empty(0), 0.0, EVEN, frame_time=50.0))
    result = judged(parts)
    assert np.mean(result.ks_probability < 0.05) < 0.06  # never more than it says
    assert np.mean(result.kuiper_probability < 0.05) < 0.06


def test_too_few_events_have_no_probability() -> None:
    result = judged([arrival_phases(np.full(4, 1500.0), np.empty(0), 0.0, EVEN)])
    assert np.isnan(result.ks_probability[0]) and np.isnan(result.kuiper_statistic[0])
    assert len(arrival_tests(np.empty(0), np.empty(0), np.zeros(1, int)).ks_statistic) == 0


@pytest.mark.parametrize("area", [0.0, None])
def test_no_exposure_has_no_phases(area: float | None) -> None:
    history = EVEN if area is None else ExposureHistory(EVEN.start, EVEN.stop, np.zeros(1))
    history = ExposureHistory(*(np.empty(0),) * 3) if area is None else history
    phases = arrival_phases(np.array([1500.0]), np.array([1500.0]), 0.1, history)
    assert len(phases.middle) == 0
    assert not history.seen(np.array([1500.0])).any()


@pytest.mark.parametrize(
    ("time", "around", "scale"),
    [([np.nan], [1.0], 0.1), ([1.0], [np.inf], 0.1), ([1.0], [1.0], -1.0), ([1.0], [1.0], np.nan)],
)
def test_impossible_times_and_scales_are_refused(
    time: list[float], around: list[float], scale: float
) -> None:
    with pytest.raises(ValueError, match="finite"):
        arrival_phases(np.array(time), np.array(around), scale, EVEN)


@pytest.mark.parametrize("wrong", [-0.1, 1.2, np.nan])
def test_impossible_phases_are_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="phases"):
        arrival_tests(np.array([wrong]), np.array([wrong]), np.array([0, 1]))
    with pytest.raises(ValueError, match="phases"):
        bayesian_blocks(np.array([0.5, wrong]))


def test_the_mean_of_histories_is_the_mean_exposure() -> None:
    both = mean_history([EVEN, GAPS])
    time = np.array([0.0, 60.0, 700.0, 1500.0, 2500.0, 4010.0, 7000.0])
    np.testing.assert_allclose(both.until(time), (EVEN.until(time) + GAPS.until(time)) / 2)
    assert both.total == pytest.approx((EVEN.total + GAPS.total) / 2)
    assert mean_history([GAPS]) is GAPS


def test_bins_are_no_shorter_than_frames() -> None:
    assert most_bins(EVEN, 3.2, 300) == 20  # 1000 s of 48 s
    assert most_bins(EVEN, np.nan, 300) == most_bins(EVEN, 0.05, 300) == 300
    assert most_bins(EVEN, 1e5, 300) == 2


def test_blocks_of_a_step_and_of_constant_sources() -> None:
    step = np.concatenate(((np.arange(300) + 0.5) / 1200, 0.25 + (np.arange(100) + 0.5) / 400 * 3))
    edges = bayesian_blocks(step[step < 1])
    assert edges[[0, -1]].tolist() == [0.0, 1.0]
    assert np.min(np.abs(edges - 0.25)) < 0.005
    generator = np.random.default_rng(2)
    several = [len(bayesian_blocks(generator.random(60))) > 2 for _ in range(300)]
    assert np.mean(several) < 0.12
    assert bayesian_blocks(np.array([0.4] * 9)).tolist() == [0.0, 1.0]
    assert bayesian_blocks(np.empty(0)).tolist() == [0.0, 1.0]
    with pytest.raises(ValueError, match="more than"):
        bayesian_blocks(np.zeros(MOST_EVENTS + 1))
