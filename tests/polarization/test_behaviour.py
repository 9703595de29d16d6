"""How the polarization of event files behaves: injected changes are found, noise is not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xsurvey.errors import InputError, ParameterError
from xsurvey.events import EventList
from xsurvey.missions import open_events
from xsurvey.missions.joining import join_units
from xsurvey.polarization.optical.ambiguity import ResolvedAngles, resolve_half_turns
from xsurvey.polarization.optical.series import polarization_series
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.polarization.variation.behaviour import Behaviour, measure_behaviour
from xsurvey.polarization.variation.behaviour_parameters import (
    ConstancyParameters,
    PulsePhaseParameters,
    RotationParameters,
)
from xsurvey.polarization.variation.companion_derotation import known_times, steepest_rate
from xsurvey.polarization.variation.constancy import constancy
from xsurvey.polarization.variation.null_tests import NullTest
from xsurvey.regions import read_region_file

from .made_fields import write_responses
from .moving_events import DAY, SPAN, ZERO_MJD, write_moving

RATE = 50.0
NO_ROTATION = RotationParameters()
SEARCH = RotationParameters(highest_rate=150, rotation_trials=199)


@pytest.fixture(scope="module")
def responses(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_responses(tmp_path_factory.mktemp("caldb")))


Moving = Callable[..., EventList]


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> Moving:
    def make(*args: Any, **kwargs: Any) -> EventList:
        paths = write_moving(tmp_path_factory.mktemp("moving"), *args, **kwargs)
        return join_units([open_events(path) for path in paths])

    return make


@pytest.fixture(scope="module")
def rotating(moving: Moving) -> EventList:
    return moving(12_000, 0.5, lambda t: RATE * t / DAY - 20, seed=11)


def optical(rate: float = RATE, first: float = -0.5, last: float = 4.5) -> ResolvedAngles:
    """Return angles that are those of `rotating`, each with an error of 2 degrees."""
    t = np.linspace(first, last, 26)
    series = polarization_series(
        ZERO_MJD - 69.184 / DAY + t, np.full(26, 0.14), np.full(26, 0.01), rate * t - 20,
        np.full(26, 2.0),
    )  # fmt: skip
    return resolve_half_turns(series)


def behave(
    events: EventList, irf: str, rotation: RotationParameters = NO_ROTATION,
    phases: PulsePhaseParameters = PulsePhaseParameters(), *, ebins: str = "2,8",  # noqa: B008
    times: ConstancyParameters = ConstancyParameters(), weighted: bool = False,  # noqa: B008
    **given: Any,
) -> Behaviour:  # fmt: skip
    parameters = PolarizationParameters(ebins=ebins, irf=irf, weighted=weighted)
    return measure_behaviour(events, parameters, times, rotation, phases, seed=4, **given)


def test_an_injected_rotation_is_found(rotating: EventList, responses: str) -> None:
    found = behave(rotating, responses, SEARCH)
    assert found.rotation is not None
    assert found.constancy is not None
    scan = found.rotation.scan
    assert scan.best_rate == pytest.approx(RATE, abs=3 * scan.best_rate_error)
    assert found.rotation.rotating.probability == pytest.approx(1 / 200)
    assert found.constancy.sigma > 5
    assert found.constancy.dof == 18
    record = found.record()
    rotation = record["rotation"]
    assert rotation["pd"] == pytest.approx(0.5, abs=4 * rotation["pd_err"])
    # at the reference time the angle is that of the course
    day = rotation["reference_mjd"] + 69.184 / DAY - ZERO_MJD
    away = (rotation["pa_deg"] - (RATE * day - 20) + 90) % 180 - 90
    assert abs(away) < 4 * rotation["pa_err_deg"]
    assert rotation["null_hypothesis"] == "the polarization has a constant angle"
    assert rotation["polarized"]["p"] < 1e-6
    assert len(rotation["scan"]["rate_deg_per_day"]) == rotation["rates"]


def test_none_is_found_where_there_is_none(moving: Moving, responses: str) -> None:
    found = behave(moving(12_000, 0.5, 30, seed=12), responses, SEARCH, ebins="2,4,8")
    assert found.rotation is not None
    assert found.constancy is not None
    assert found.energy is not None
    assert found.rotation.rotating.probability > 0.05
    assert found.constancy.probability > 0.01
    assert found.energy.probability > 0.01
    assert found.energy.dof == 2
    assert found.rotation.polarized.probability < 1e-6


def test_time_bins_are_those_of_the_test(rotating: EventList, responses: str) -> None:
    found = behave(rotating, responses)
    rows = found.record()["time_bins"]
    assert len(rows) == 10
    middle = np.array([r["mjd"] for r in rows])
    assert np.all(np.diff(middle) > 0)
    begin = ZERO_MJD - 69.184 / DAY
    assert middle[0] - rows[0]["mjd_half_width"] == pytest.approx(begin, abs=1e-6)
    assert rows[-1]["mjd"] + rows[-1]["mjd_half_width"] < begin + SPAN / DAY
    q, u = (np.array([r[f"{n}_norm"] for r in rows]) for n in "qu")
    covariance = np.array([
        [[r["q_norm_variance"], r["qu_norm_covariance"]],
         [r["qu_norm_covariance"], r["u_norm_variance"]]] for r in rows
    ])  # fmt: skip
    again = constancy(q, u, covariance)
    assert found.constancy is not None
    # of 1200 events a bin, N / (N - 1) of the variance is all that differs
    assert found.constancy.statistic == pytest.approx(float(again.statistic), rel=5e-3)
    assert sum(r["counts"] for r in rows) == found.whole["counts"]
    for one in rows:
        assert one["pd"] == pytest.approx(np.hypot(one["q_norm"], one["u_norm"]))


def test_energy_dependence_is_found(moving: Moving, responses: str) -> None:
    turning = behave(moving(9000, 0.8, 0, seed=13, energy_slope=20.0), responses, ebins="2,4,8")
    assert turning.energy is not None
    assert turning.energy.sigma > 3
    assert turning.energy.dof == 2
    assert turning.energy.null_hypothesis == "the polarization is the same at all energies"


def test_a_pulsar_is_found_to_change_with_phase(moving: Moving, responses: str) -> None:
    frequency, epoch_offset = 0.2, 1234.5
    events = moving(
        9000, 0.6, lambda t: 60 * np.sin(2 * np.pi * frequency * (t - epoch_offset)), seed=14,
        TIMESYS="TDB",
    )  # fmt: skip
    phases = PulsePhaseParameters(
        frequency=frequency, epoch=ZERO_MJD + epoch_offset / DAY, phase_bins=8
    )
    found = behave(events, responses, phases=phases)
    assert found.phases is not None
    assert found.phases.sigma > 5
    assert found.phases.dof == 14
    record = found.record()
    assert record["phases"]["null_hypothesis"] == "the polarization is the same at all pulse phases"
    rows = record["phases"]["phase_bins"]
    assert sum(r["counts"] for r in rows) == found.whole["counts"]
    # the epoch is where it was: the mean angle of the first quarter is positive
    course = [60 * np.sin(2 * np.pi * (i + 0.5) / 8) for i in range(8)]
    for one, angle in zip(rows, course, strict=True):
        away = (one["pa_deg"] - angle + 90) % 180 - 90
        assert abs(away) < 4 * one["pa_err_deg"] + 8  # the angle moves within a bin
    wrong = phases.model_copy(update={"frequency": frequency * 1.001})
    other = behave(events, responses, phases=wrong)
    assert other.phases is not None
    assert other.phases.probability > 1e-3
    assert not any("barycentre" in note for note in found.notes)
    assert not any("Q^2" in note for note in found.notes)


def test_times_that_are_not_barycentric_are_noted(rotating: EventList, responses: str) -> None:
    found = behave(rotating, responses, phases=PulsePhaseParameters(frequency=0.2))
    assert any("not of the barycentre" in note for note in found.notes)


def test_derotation_by_a_companion(rotating: EventList, responses: str) -> None:
    found = behave(rotating, responses, companion=optical())
    assert found.companion is not None
    record = found.record()["companion"]
    along, free, rest = (record[k] for k in ("along", "free_angle", "at_rest"))
    assert along["pd"] == pytest.approx(0.5, abs=4 * along["pd_err"])
    assert along["pd_lower"] < along["pd"] < along["pd_upper"] < along["pd_upper_99"]
    assert along["sigma"] == pytest.approx(along["pd"] / along["pd_err"])
    assert abs(free["pa_deg"]) < 4 * free["pa_half_width_deg"]
    assert free["pd"] > 3 * rest["pd"]
    assert free["p"] < 1e-6
    assert record["share_of_events"] == 1
    assert along["null_hypothesis"] != free["null_hypothesis"]
    # the wrong way around nothing is left along it
    other = behave(rotating, responses, companion=optical(-RATE)).record()["companion"]
    assert other["along"]["pd_upper_99"] < 0.25
    assert other["along"]["p"] > 1e-3


def test_events_where_the_angle_is_not_known_are_left_out(
    rotating: EventList, responses: str
) -> None:
    half = behave(rotating, responses, companion=optical(first=-0.5, last=2.0))
    assert half.companion is not None
    assert half.companion.share == pytest.approx(0.5, abs=0.05)
    assert any("of the events" in note for note in half.notes)
    assert half.record()["companion"]["along"]["pd"] == pytest.approx(0.5, abs=0.15)
    away = behave(rotating, responses, companion=optical(first=10, last=15))
    assert away.companion is None
    assert any("but the events are of MJD" in note for note in away.notes)
    assert away.record()["companion"] is None


def test_open_half_turns_are_not_crossed() -> None:
    mjd = np.array([0.0, 1, 2, 3, 4])
    series = polarization_series(
        mjd, np.full(5, 0.1), np.full(5, 0.005), np.array([0.0, 10, 100, 105, 110]), np.full(5, 2.0)
    )  # fmt: skip
    resolved = resolve_half_turns(series, change_rate=30.0)
    assert resolved.ambiguous.tolist() == [False, True, False, False]
    assert known_times(resolved, np.array([-0.1, 0.5, 1.5, 2.5, 4.1])).tolist() == [
        False, True, False, True, False
    ]  # fmt: skip
    assert steepest_rate(resolved) == 10


def test_few_events_are_tested_by_trials(moving: Moving, responses: str) -> None:
    events = moving(150, 0.5, 30, seed=15)
    found = behave(events, responses, ebins="2,6,8")
    assert found.constancy is not None
    assert found.energy is not None
    assert found.constancy.method == "permutations"
    assert found.energy.method == "simulations"
    assert found.constancy.dof is None
    assert found.constancy.trials == 999
    assert 0.01 < found.constancy.probability <= 1
    assert found.record()["constancy"]["method"] == "permutations"


def test_permutations_find_what_changes(moving: Moving, responses: str) -> None:
    events = moving(2900, 1.0, lambda t: np.where(t < SPAN / 2, 0.0, 90.0), seed=16)
    found = behave(events, responses, times=ConstancyParameters(time_bins=100))
    assert found.constancy is not None
    assert found.constancy.method == "permutations"
    assert found.constancy.probability < 0.02


@pytest.mark.parametrize("number", [3, 7])
def test_hardly_any_events(moving: Moving, responses: str, number: int) -> None:
    found = behave(moving(number, 0.5, seed=17), responses, SEARCH, companion=optical())
    record = found.record()
    assert record["notes"]
    assert len(record["time_bins"]) <= number // 3
    assert (record["constancy"] is None) == (len(record["time_bins"]) < 2)


def test_no_more_than_the_background(moving: Moving, responses: str, tmp_path: Path) -> None:
    events = moving(1, 0.5, seed=18, background=3000)
    regions = []
    for name, text in (("a", 'circle(150.0,2.2,30")'), ("b", 'annulus(150.0,2.2,120",240")')):
        (tmp_path / name).write_text(f"icrs\n{text}\n")
        regions.append(read_region_file(tmp_path / name, events.wcs))
    parameters = PolarizationParameters(irf=responses, background_scale=1.0)
    found = measure_behaviour(
        events, parameters, ConstancyParameters(), SEARCH, PulsePhaseParameters(),
        region=regions[0], background=regions[1],
    )  # fmt: skip
    assert "nothing is tested" in " ".join(found.notes)
    assert found.constancy is None
    assert found.rotation is None
    assert np.isnan(found.record()["whole"]["pd"])


def test_a_background_is_subtracted(moving: Moving, responses: str, tmp_path: Path) -> None:
    events = moving(12_000, 0.5, lambda t: RATE * t / DAY, seed=19, background=40_000)
    regions = []
    for name, text in (("a", 'circle(150.0,2.2,60")'), ("b", 'annulus(150.0,2.2,120",240")')):
        (tmp_path / name).write_text(f"icrs\n{text}\n")
        regions.append(read_region_file(tmp_path / name, events.wcs))
    kept = behave(events, responses, SEARCH, region=regions[0])
    less = behave(events, responses, SEARCH, region=regions[0], background=regions[1])
    assert kept.rotation is not None
    assert less.rotation is not None
    diluted, true = (one.rotation.scan.best for one in (kept, less) if one.rotation)
    error = float(np.sqrt(np.trace(true.covariance[0]) / 2))
    assert true.pd[0] == pytest.approx(0.5, abs=4 * error)
    assert diluted.pd[0] < true.pd[0]
    # 40 000 events in (250 arcsec)^2: 2300 within 60 arcsec
    assert less.sums.scale == pytest.approx(60**2 / (240**2 - 120**2), rel=0.02)
    assert less.sums.net.total().weight.sum() < less.sums.source.total().weight.sum()


def test_too_fast_a_rotation_is_refused(rotating: EventList, responses: str) -> None:
    with pytest.raises(ParameterError, match="highest_rate"):
        behave(rotating, responses, RotationParameters(highest_rate=1e6))
    with pytest.raises(ParameterError, match="rates in"):
        behave(rotating, responses, RotationParameters(highest_rate=20_000))


def test_no_event_in_the_energy_bins_is_an_error(rotating: EventList, responses: str) -> None:
    with pytest.raises(InputError, match="none of"):
        behave(rotating, responses, ebins="9,10")


def test_seeds_repeat(rotating: EventList, responses: str) -> None:
    one, two = (behave(rotating, responses, SEARCH, companion=optical()).record() for _ in range(2))
    assert one["rotation"] == two["rotation"]
    assert one["companion"] == two["companion"]


def test_probabilities_below_the_least_number_have_logarithms() -> None:
    test = NullTest(4000.0, 2, -2000.0, "none", "chi-squared")
    assert test.record()["p"] == 0
    assert test.record()["log_p"] == -2000
    assert 60 < test.sigma < 65
