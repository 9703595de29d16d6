"""Spectral energy distributions of blazars with published fits."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks import pks1510_minimum
from xsurvey.inference.best_fit import fit_from
from xsurvey.sed.tables.points import select_points
from xsurvey.sed.tables.table import instrument_counts, read_sed

ROOT = Path(__file__).resolve().parents[2]
MRK421 = {
    "log10_k": (-7.884, 0.072), "p1": (2.054, 0.025), "p2": (3.541, 0.062),
    "log10_gamma_b": (4.991, 0.024), "delta": (19.75, 0.73), "log10_B": (-1.329, 0.049),
}  # fmt: skip
"""Best fit and errors of agnpy's documentation (ssc_gammapy_fit), chi2 270.78 for 80."""
SYSTEMATICS = ("MAGIC=.3", "Fermi=.1", "RXTE/PCA=.1", "Swift/BAT=.1", "Swift/XRT=.1")


@pytest.fixture
def tables(shared_data: Path) -> Path:
    if not (shared_data / "sed").is_dir():
        pytest.skip("no shared/data/sed")
    return shared_data / "sed"


def test_tables_of_agnpy_and_jetset(tables: Path) -> None:
    mrk421 = read_sed(tables / "Mrk421_2011.ecsv")
    assert (len(mrk421), mrk421.redshift, mrk421.source) == (105, 0.03, "Mrk421")
    assert instrument_counts(mrk421)["RXTE/PCA"] == 23
    assert mrk421.frequency[0] == pytest.approx(2.29954e9)
    mrk501 = read_sed(tables / "SED_MW_Mrk501_EBL_DEABS.ecsv")
    assert (len(mrk501), mrk501.redshift) == (120, 0.0336)
    pks1510 = read_sed(tables / "PKS1510-089_sed_low.ecsv")
    assert (len(pks1510), pks1510.redshift) == (45, None)
    assert set(pks1510.instruments) == {"MWL"}


def test_the_size_of_mrk421_is_not_drawn_down(
    tables: Path, tmp_path: Path, call: Callable[..., tuple[int, str, str]]
) -> None:
    """With t_var fitted too the fit is as good as with a flat prior; its own would cost 7."""
    out = tmp_path / "fit.json"
    options = [word for text in SYSTEMATICS for word in ("--systematic", text)]
    status, _, errors = call(
        "sed", "fit", tables / "Mrk421_2011.ecsv", "--redshift", "0.0308",
        "--freeze", "gamma_min=500", "--freeze", "gamma_max=1e6", "--thaw", "t_var",
        "--min-frequency", "1e11", "--systematic-default", ".05", "--starts", "2", "--json", out,
        "--no-intervals", *options,
    )  # fmt: skip
    assert status == 0, errors
    result = json.loads(out.read_text())
    assert result["statistic"]["value"] <= 271.71
    assert result["parameters"]["t_var"]["value"] > 3e4


def test_the_published_fit_of_mrk421(
    tables: Path, tmp_path: Path, call: Callable[..., tuple[int, str, str]]
) -> None:
    """86 points above 1e11 Hz: the optimum and its errors as published."""
    out = tmp_path / "fit.json"
    options = [word for text in SYSTEMATICS for word in ("--systematic", text)]
    status, _, errors = call(
        "sed", "fit", tables / "Mrk421_2011.ecsv", "--model", "ssc", "--redshift", "0.0308",
        "--freeze", "gamma_min=500", "--freeze", "gamma_max=1e6", "--freeze", "t_var=86400",
        "--min-frequency", "1e11", "--systematic-default", ".05", "--starts", "2", "--json", out,
        *options,
    )  # fmt: skip
    assert status == 0, errors
    result = json.loads(out.read_text())
    assert result["statistic"]["dof"] == 80
    assert 268 < result["statistic"]["value"] <= 272
    for name, (value, error) in MRK421.items():
        record = result["parameters"][name]
        assert abs(record["value"] - value) < error, name
        assert (record["upper"] - record["lower"]) / 2 == pytest.approx(error, rel=0.15), name


def test_pks1510_at_the_published_parameters(
    tables: Path, tmp_path: Path, call: Callable[..., tuple[int, str, str]]
) -> None:
    """The command of docs/sed.md gives the number that stands below it."""
    page = (ROOT / "docs" / "sed.md").read_text()
    command = next(line for line in page.splitlines() if "sed fit PKS1510" in line)
    frozen = next(line for line in page.splitlines() if line.startswith("With `--freeze log10_k"))
    row = next(line for line in page.splitlines() if line.startswith("| xsurvey |"))
    out = tmp_path / "fit.json"
    _, _, _, _, *options = shlex.split(command)
    status, _, errors = call(
        "sed", "fit", tables / "PKS1510-089_2015b.ecsv", "--json", out, *options,
        *shlex.split(frozen.split("`")[1]),
    )  # fmt: skip
    assert status == 0, errors
    value = json.loads(out.read_text())["statistic"]["value"]
    assert value == pytest.approx(float(row.split("|")[2]), abs=0.1)


def test_pks1510_has_agnpys_minimum_where_disk_and_torus_are_agnpys(tables: Path) -> None:
    """The light, the minimum and the errors are those that agnpy has on a fine grid."""
    result = json.loads((ROOT / "benchmarks/results/pks1510_minimum.json").read_text())
    points = select_points(read_sed(tables / "PKS1510-089_2015b.ecsv"), pks1510_minimum.settings())
    light = dict(result["agnpys_light"])
    likelihoods = pks1510_minimum.all_likelihoods(
        points, {"frequencies": light.pop("frequencies"), "light": light}
    )
    theirs = result["agnpy"]["fine"]["minimum"]
    likelihood = likelihoods["agnpy's disk and torus"]
    assert likelihood.statistic(np.array([pks1510_minimum.PUBLISHED])) == pytest.approx(
        result["agnpy"]["fine"]["chi2"]["published"], abs=0.5
    )
    fit = fit_from(likelihood, np.array([pks1510_minimum.PUBLISHED]), intervals=False)
    assert fit.statistic == pytest.approx(theirs["chi2"], abs=0.5)
    away = np.abs(fit.theta - theirs["place"]) / theirs["errors"]
    assert away.max() < 0.3
