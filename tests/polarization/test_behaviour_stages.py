"""The stages ``companion`` and ``behaviour``."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xsurvey.engine import Stage, TaskContext
from xsurvey.engine.fingerprint import stage_fingerprint, undeclared_helpers
from xsurvey.errors import InputError, ParameterError
from xsurvey.missions.selection import SelectionParameters
from xsurvey.pipelines.polarization.behaviour_stage import BEHAVIOUR, BEHAVIOUR_FILE, run_behaviour
from xsurvey.pipelines.polarization.companion_files import read_resolved
from xsurvey.pipelines.polarization.companion_stage import (
    COMPANION,
    COMPANION_ANGLES,
    COMPANION_FILE,
    run_companion,
)
from xsurvey.pipelines.polarization.parameters import PolarizedSource
from xsurvey.polarization.optical.parameters import CompanionParameters
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.polarization.variation.behaviour_parameters import (
    ConstancyParameters,
    PulsePhaseParameters,
    RotationParameters,
)

from .made_fields import write_responses
from .moving_events import DAY, SPAN, write_moving, write_series

RATE = 50.0
TIME_BIN_KEYS = {
    "mjd", "mjd_half_width", "counts", "q_norm", "u_norm", "q_norm_variance", "u_norm_variance",
    "qu_norm_covariance", "pd", "pd_err", "pa_deg", "pa_err_deg", "mdp99",
}  # fmt: skip
POINT_KEYS = {
    "mjd", "pd", "pd_err", "pd_debiased", "pa_deg", "pa_err_deg", "pa_resolved_deg",
    "branch_probability",
}  # fmt: skip


def companion_context(series: Path, folder: Path, **settings: Any) -> TaskContext:
    folder.mkdir()
    parameters = CompanionParameters(file=str(series), **{"walks": 1000, **settings})
    return TaskContext("companion", {"series": series}, {"companion": parameters}, folder, 5)


def behaviour_context(folder: Path, paths: list[Path], irf: Path, **inputs: Path) -> TaskContext:
    out = folder / "out"
    out.mkdir()
    good = folder / "good_times.json"
    half = {"start": [7e8], "stop": [7e8 + SPAN / 2]}
    good.write_text(json.dumps({"observation": "one", "kept": half}))
    return TaskContext(
        "blazar one", {"events": paths, "good_times": good, **inputs},
        {
            "selection": SelectionParameters(),
            "source": PolarizedSource(position="150,2.2", background="120arcsec,240arcsec"),
            "polarization": PolarizationParameters(ebins="2,4,8", irf=str(irf)),
            "constancy": ConstancyParameters(time_bins=5),
            "rotation": RotationParameters(highest_rate=150, rotation_trials=99),
            "phases": PulsePhaseParameters(),
        },
        out, 7,
    )  # fmt: skip


def test_the_stages_in_turn(tmp_path: Path) -> None:
    irf = write_responses(tmp_path / "caldb")
    paths = write_moving(
        tmp_path / "events", 16_000, 0.6, lambda t: RATE * t / DAY - 20, seed=31, background=3000
    )
    series = write_series(tmp_path / "optical.ecsv", RATE)
    context = companion_context(series, tmp_path / "companion")
    facts = run_companion(context)
    assert facts["measurements"] == 40
    assert facts["rotations"] == 1
    assert {p.name for p in context.folder.iterdir()} == set(COMPANION.outputs)
    record = json.loads((context.folder / COMPANION_FILE).read_text())
    assert set(record) >= {
        "name", "file", "points", "mean", "episodes", "walks", "path_probability", "notes"
    }  # fmt: skip
    assert set(record["points"][0]) == POINT_KEYS
    assert record["file"] == "optical.ecsv"
    assert record["walks"]["p_rate"] < 0.05
    angles = [p["pa_resolved_deg"] for p in record["points"]]
    resolved = read_resolved(context.folder / COMPANION_ANGLES)
    np.testing.assert_allclose(resolved.angle_deg, angles)
    assert resolved.series.name == "optical"

    task = behaviour_context(tmp_path, paths, irf, companion=context.folder / COMPANION_ANGLES)
    run_behaviour(task)
    assert {p.name for p in task.folder.iterdir()} == set(BEHAVIOUR.outputs)
    found = json.loads((task.folder / BEHAVIOUR_FILE).read_text())
    assert (found["source"], found["observation"]) == ("blazar", "one")
    assert set(found["time_bins"][0]) >= TIME_BIN_KEYS
    assert set(found) >= {"constancy", "energy", "rotation", "phases", "companion", "notes"}
    assert found["phases"] is None
    assert found["rotation"]["rate_deg_per_day"] == pytest.approx(RATE, abs=15)
    assert found["companion"]["along"]["sigma"] > 5
    # flares were cut: the second half of the events is not there
    span = found["time_bins"][-1]["mjd"] - found["time_bins"][0]["mjd"]
    assert span < 2
    again = behaviour_context(
        made(tmp_path / "again"), paths, irf, companion=context.folder / COMPANION_ANGLES
    )
    run_behaviour(again)
    assert (again.folder / BEHAVIOUR_FILE).read_bytes() == (
        task.folder / BEHAVIOUR_FILE
    ).read_bytes()
    alone = behaviour_context(made(tmp_path / "alone"), paths, irf)
    run_behaviour(alone)
    assert json.loads((alone.folder / BEHAVIOUR_FILE).read_text())["companion"] is None


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_a_short_series_has_no_walks(tmp_path: Path) -> None:
    series = write_series(tmp_path / "short.ecsv", 1.0, number=3)
    context = companion_context(series, tmp_path / "companion")
    run_companion(context)
    record = json.loads((context.folder / COMPANION_FILE).read_text())
    assert record["walks"] is None
    assert "too few" in record["notes"][-1]
    assert record["points"][0]["branch_probability"] is None
    assert len(read_resolved(context.folder / COMPANION_ANGLES).series) == 3


def test_a_host_that_is_too_bright_is_an_error(tmp_path: Path) -> None:
    series = write_series(tmp_path / "series.ecsv", 1.0)
    context = companion_context(series, tmp_path / "companion", host_fraction=0.9)
    with pytest.raises(ParameterError, match="host_fraction"):
        run_companion(context)


def test_damaged_angles_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "companion.npz"
    for content in (b"", b"PK\x03\x04 not a zip", b"text"):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"companion\.npz"):
            read_resolved(path)


def test_inputs_are_declared() -> None:
    assert "companion" in BEHAVIOUR.optional_inputs
    assert set(BEHAVIOUR.parameters) == {
        "selection", "source", "polarization", "constancy", "rotation", "phases"
    }  # fmt: skip


@pytest.mark.parametrize("stage", [BEHAVIOUR, COMPANION], ids=lambda s: s.name)
def test_helpers_are_declared(stage: Stage) -> None:
    assert undeclared_helpers(stage) == []
    assert len(stage_fingerprint(stage)) == 64
