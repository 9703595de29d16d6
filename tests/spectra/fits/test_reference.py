"""Fits that another program has made of real data: Sherpa 4.19 with the same library of models.

The rows are of facts that the project measured: 3C 273 of Sherpa's own tests, phabs*powerlaw with
angr abundances, 0.5-7 keV.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from xsurvey.io.datasets import get_dataset, is_installed

ROWS = [
    (("--stat", "chi2", "--subtract", "--group", "file"), 35.3560, 39,
     (0.03931, 2.0266, 1.9615e-4)),
    (("--stat", "wstat", "--group", "file"), 35.8741, 39, (0.04636, 2.0422, 2.1163e-4)),
    (("--stat", "cstat"), 496.8035, 443, (0.02258, 1.9272, 1.9596e-4)),
    (("--stat", "wstat"), 497.0431, 443, (0.02769, 1.9625, 1.977e-4)),
]  # fmt: skip
NAMES = ("phabs.nH", "powerlaw.PhoIndex", "powerlaw.norm")


@pytest.fixture
def quasar() -> Path:
    """The folder of 3C 273's files."""
    dataset = get_dataset("3c273")
    if not is_installed(dataset):
        pytest.skip("3C 273 is not installed (xsurvey data install 3c273)")
    return dataset.path


@pytest.mark.parametrize(("options", "statistic", "dof", "values"), ROWS,
                         ids=["chi2", "wstat grouped", "cstat", "wstat"])  # fmt: skip
def test_rows(
    quasar: Path, call: Callable[..., tuple[int, str, str]], tmp_path: Path,
    options: tuple[str, ...], statistic: float, dof: int, values: tuple[float, ...],
) -> None:  # fmt: skip
    out = tmp_path / "fit.json"
    status, _, errors = call(
        "spectrum", "fit", quasar / "3c273.pi", "--model", "phabs*powerlaw", "--energy", "0.5-7",
        *options, "--json", out,
    )  # fmt: skip
    assert status == 0, errors
    result = json.loads(out.read_text())
    assert result["statistic"]["name"] == options[1]
    assert result["statistic"]["value"] == pytest.approx(statistic, abs=0.02)
    assert result["statistic"]["dof"] == dof
    for name, value in zip(NAMES, values, strict=True):
        found = result["parameters"][name]
        sigma = (found["upper"] - found["lower"]) / 2
        assert found["value"] == pytest.approx(value, abs=0.1 * sigma)
    assert ("not used by cstat" in errors) == (options[1] == "cstat")
    if "file" in options:  # the filter snaps outward to groups
        data = result["data"][0]
        assert data["energy_min"] == pytest.approx(0.467, abs=1e-3)
        assert data["energy_max"] == pytest.approx(9.87, abs=1e-2)
