"""Model choice by simulation: the benchmark's own parts, and its committed figures."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.model_choice import CELLS, MARGINS, Cell, Trial, simulate, summary, trial
from xsurvey.pipelines.spectra.parameters import SpectralFitParameters

RESULT = Path(__file__).parents[2] / "benchmarks" / "results" / "model_choice.json"


@pytest.mark.usefixtures("library")
def test_counts_are_those_of_the_cell_and_the_same_again() -> None:
    cell = Cell(5000)
    first, again = (simulate(cell, np.random.default_rng(4)) for _ in range(2))
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    net = first[0].sum() - first[1].sum() / 12
    # a little more than in the fitted energies
    assert 4700 < net < 6000


@pytest.mark.usefixtures("atomdb")
@pytest.mark.parametrize(("cell", "place"), [(Cell(1000), 0), (Cell(1000, 1.0), 1)])
def test_models_of_bright_sources_are_recognised(cell: Cell, place: int) -> None:
    found = trial(cell, 7)
    assert found.failure == ""
    default = MARGINS.index(SpectralFitParameters().alternative_margin)
    assert found.chosen["solar"][default] == place
    assert (found.preference["solar"] > 0) == bool(place)


def test_shares_of_a_cell() -> None:
    way = dict.fromkeys(("solar", "free"), (1, 1, 0, 0, 0, None))
    none = dict.fromkeys(("solar", "free"), (0,) * 6)
    found = [
        Trial(way, {"solar": 3.0, "free": 3.0}, 1.0),
        Trial(none, {"solar": -1.0, "free": 0.0}, 1.0), Trial({}, {}, 1.0, "broken"),
    ]  # fmt: skip
    result = summary(Cell(100), found)
    assert result["solar"]["thermal"] == {"0": 0.5, "2": 0.5, "4": 0, "6": 0, "8": 0, "10": 0}
    assert result["solar"]["neither"]["10"] == 0.5
    assert result["solar"]["preference"]["50 %"] == 1.0
    assert result["failed"] == ["broken"]


def test_committed_figures_keep_the_promise() -> None:
    result = json.loads(RESULT.read_text())
    margin = f"{SpectralFitParameters().alternative_margin:g}"
    assert result["fraction"] == 1
    assert f"{result['margin']:g}" == margin
    assert list(result["cells"]) == [cell.name for cell in CELLS]
    for cell in CELLS:
        found = result["cells"][cell.name]
        assert not found["failed"]
        if not cell.temperature:
            assert found["solar"]["thermal"][margin] <= 0.02
