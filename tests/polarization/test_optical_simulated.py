"""Simulated optical series: they have what they say, and are read again."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from xsurvey.polarization.optical.ambiguity import resolve_half_turns
from xsurvey.polarization.optical.episodes import rotation_episodes
from xsurvey.polarization.optical.reading import read_polarization_series
from xsurvey.polarization.optical.simulated import (
    SimulatedSeriesParameters,
    simulated_series,
    start_mjd,
    true_angle,
)

Call = Callable[..., tuple[int, str, str]]
COMMAND = ("polarization", "simulate-series")
ROTATION = SimulatedSeriesParameters(
    start="2023-05-10", days=40, points=60, degree=0.14, degree_error=0.01, angle=-20,
    rotation_rate=10, rotation_start=12, rotation_days=16,
)  # fmt: skip


def test_the_rotation_is_found_where_it_is() -> None:
    series = simulated_series(ROTATION, 1)
    (episode,) = rotation_episodes(resolve_half_turns(series))
    assert episode.line.rate[0] == pytest.approx(10, abs=4 * episode.line.rate_error[0])
    assert episode.amplitude == pytest.approx(160, abs=10)
    begins = start_mjd("2023-05-10") + 12
    assert begins == pytest.approx(60086.0)
    off = series.pa_deg - true_angle(ROTATION, series.mjd)
    pull = ((off + 90) % 180 - 90) / series.pa_error
    assert np.std(pull) == pytest.approx(1, abs=0.3)
    assert true_angle(ROTATION, np.array([60000.0, 60087.0, 60200.0])) == pytest.approx(
        [-20, -10, 140]
    )


def test_degrees_and_times() -> None:
    series = simulated_series(ROTATION.model_copy(update={"points": 4000}), 2)
    steps = np.diff(series.mjd)
    assert steps.min() > 0
    assert 60074 <= series.mjd[0] < series.mjd[-1] <= 60114
    # mean square of a Rice distribution
    assert np.mean(series.pd**2) == pytest.approx(0.14**2 + 2 * 0.01**2, rel=0.01)


def test_walks_and_seeds() -> None:
    steady = SimulatedSeriesParameters(points=200, degree_error=1e-4, angle=30)
    assert np.ptp(simulated_series(steady, 3).pa_deg) < 1
    walking = steady.model_copy(update={"walk": 1.0})
    one, two, other = (simulated_series(walking, seed) for seed in (4, 4, 5))
    assert np.array_equal(one.pa_deg, two.pa_deg)
    assert not np.array_equal(one.pa_deg, other.pa_deg)
    assert np.std(one.pd) > 0.03


def test_the_command_writes_what_is_read(tmp_path: Path, call: Call) -> None:
    path = tmp_path / "o.ecsv"
    status, out, error = call(*COMMAND, "-o", path, "--points", 12, "--seed", 7)
    assert status == 0, error
    assert "12 measurements" in out
    series = read_polarization_series(path)
    expected = simulated_series(SimulatedSeriesParameters(points=12), 7)
    for name in ("mjd", "pd", "pd_error", "pa_deg", "pa_error"):
        assert getattr(series, name) == pytest.approx(getattr(expected, name))
    assert "degree: 0.14" in path.read_text()


def test_errors_of_the_command_are_one_line(tmp_path: Path, call: Call) -> None:
    for name, options, words in (
        ("o.csv", (), "end it in .ecsv"),
        ("o.ecsv", ("--start", "soon"), "--start"),
        ("o.ecsv", ("--degree", 0, "--walk", 1), "--walk"),
        ("none/o.ecsv", (), "none"),
    ):
        status, out, error = call(*COMMAND, "-o", tmp_path / name, *options)
        assert (status, out) == (2, "")
        assert error.startswith("xsurvey: error: ")
        assert error.count("\n") == 1
        assert words in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"start": "soon"}, "neither an MJD nor a date"),
        ({"start": "-3"}, "is no MJD"),
        ({"start": "nan"}, "is no MJD"),
        ({"points": 1}, "points"),
        ({"degree": 1.5}, "degree"),
        ({"degree": 0.0, "walk": 1.0}, "walk"),
        ({"degree_error": 0.0}, "degree_error"),
    ],
)
def test_bad_parameters(settings: dict, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        SimulatedSeriesParameters(**settings)
