"""What the benchmark of throughput makes of a run, and the survey for tests of clusters."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import fifty_observations as fifty
from benchmarks.throughput import IN_BAND, faintest, spectra_by_method, stage_table
from xsurvey.config import load_config
from xsurvey.pipelines import get_pipeline
from xsurvey.pipelines.observations import observations
from xsurvey.pipelines.stacks import stacks_of


def test_the_longest_stage_comes_first_with_its_share_of_all_processes() -> None:
    stages = {
        "image": {"total": 1, "seconds": 3.0, "cpu_seconds": 2.0, "peak_memory": 3e8},
        "fits": {"total": 7, "seconds": 9.0, "cpu_seconds": 8.0, "peak_memory": None},
    }
    rows = stage_table({"stages": stages}, 40.0)
    assert [(row["stage"], row["tasks"], row["share"]) for row in rows] == [
        ("fits", 7, 0.2), ("image", 1, 0.05),
    ]  # fmt: skip
    assert [row["peak_memory_mb"] for row in rows] == [0, 300]


@pytest.mark.parametrize(("number", "expected"), [(1, 9.0), (3, 4.0), (99, 1.0)])
def test_the_faintest_of_the_brightest(number: int, expected: float) -> None:
    assert faintest(np.array([1.0, 4.0, 5.0, 9.0]), number) == pytest.approx(IN_BAND * expected)


def test_spectra_are_counted_by_method() -> None:
    fits = [{"fit": {"method": "mcmc"}}, {"fit": {"method": "mcmc"}}, {"fit": None}, {}]
    assert spectra_by_method(fits) == {"mcmc": 2, "none": 2}


def test_the_survey_for_clusters_has_stacks_and_lone_observations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fifty, "OBSERVATIONS", 4)
    monkeypatch.setattr(fifty, "PAIRS", 1)
    paths = [fifty.fifty_observations(tmp_path / name, 3) for name in ("one", "two")]
    config = load_config(paths[0], lambda name: get_pipeline(name).sections)
    found = stacks_of(config, observations(config)).stacks
    assert sorted(len(stack.observations) for stack in found) == [1, 1, 2]
    for one in (paths[0].parent / "observations").iterdir():
        assert one.read_bytes() == (paths[1].parent / "observations" / one.name).read_bytes()
