"""``xsurvey sed points``: files, keys, what `sed fit` makes of them, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from tests.spectra.fits.conftest import FAINT, expected_counts
from xsurvey.io.datasets import get_dataset, is_installed
from xsurvey.sed.tables.flux_units import frequency_of
from xsurvey.sed.tables.table import read_sed

Call = Callable[..., tuple[int, str, str]]
Files = Callable[..., Path]
MODEL = ("--model", "tbabs*powerlaw", "--freeze", "tbabs.nH=0.02", "--energy", "0.5-7")
WITH_BACKGROUND = (*MODEL, "--stat", "wstat", "--group", "bmin1")
HEADER = {"TELESCOP": "MADE", "INSTRUME": "CCD", "OBJECT": "Toy 1"}


def made(call: Call, *arguments: object, output: Path) -> tuple[str, str]:
    status, out, errors = call("sed", "points", *arguments, "-o", output)
    assert status == 0, errors
    return out, errors


def test_table_and_json(call: Call, files: Files, tmp_path: Path) -> None:
    path, out = files(header=HEADER), tmp_path / "points.ecsv"
    text, errors = made(
        call, path, *WITH_BACKGROUND, "--redshift", 0.1, "--json", tmp_path / "p.json", "--plot",
        tmp_path / "p.png", output=out,
    )  # fmt: skip
    table, record = Table.read(out), json.loads((tmp_path / "p.json").read_text())
    rows = record["points"]
    assert len(table) == len(rows) > 10
    assert table.meta["SED_TYPE"] == "e2dnde"
    assert table.meta["UL_CONF"] == pytest.approx(0.9)  # two-sided, for 95 % one-sided
    assert (table.meta["source"], table.meta["redshift"]) == ("Toy 1", 0.1)
    assert table.meta["absorption"] == record["model"]["absorption"] == ["tbabs"]
    assert set(table.meta["provenance"]["inputs"]) == {
        "source.pha", "made.rmf", "made.arf", "back.pha"
    }  # fmt: skip
    assert table.meta["APPROX"] == record["approximations"]
    assert set(table["instrument"]) == {"MADE/CCD"}
    assert str(table["e_ref"].unit) == "keV"
    assert np.all((table["e_min"] < table["e_ref"]) & (table["e_ref"] < table["e_max"]))
    for column, key in (("e2dnde", "e2dnde"), ("e2dnde_errn", "error_low"),
                        ("e2dnde_ul", "upper_limit")):  # fmt: skip
        assert np.allclose(table[column], [r[key] for r in rows], rtol=1e-9)
    # as drawn: norm 0.004, index 1.8
    ratio = table["e2dnde"] / (0.004 * table["e_ref"] ** 0.2 * 1.602177e-9)
    pull = (ratio - 1) / (0.5 * (table["e2dnde_errn"] + table["e2dnde_errp"]) / table["e2dnde"])
    assert np.abs(np.mean(pull)) < 4 / np.sqrt(len(table))
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    assert "source.pha (MADE/CCD): " in text
    assert "tbabs is held" in errors


def test_points_are_read_and_fitted(call: Call, files: Files, tmp_path: Path) -> None:
    out = tmp_path / "points.ecsv"
    made(call, files(header=HEADER), *WITH_BACKGROUND, "--bins", 12, "--redshift", 0.1, output=out)
    table, sed = Table.read(out), read_sed(out)
    assert (sed.source, sed.redshift, len(sed)) == ("Toy 1", 0.1, 12)
    assert np.allclose(sed.frequency, frequency_of(np.array(table["e_ref"]), table["e_ref"].unit))
    assert np.allclose(sed.flux, np.where(table["is_ul"], table["e2dnde_ul"], table["e2dnde"]))
    status, text, errors = call(
        "sed", "fit", out, "--no-intervals", "--starts", 1, "--freeze", "log10_B=-1.3", "--freeze",
        "delta=20", "--freeze", "log10_gamma_b=5.5",
    )  # fmt: skip
    assert status == 0, errors
    assert "(12 points)" in text


def test_limits_are_read_with_their_confidence(call: Call, files: Files, tmp_path: Path) -> None:
    out = tmp_path / "points.ecsv"
    made(
        call, files(), *WITH_BACKGROUND, "--bins", 30, "--limit-significance", 12,
        "--limit-confidence", 0.99, output=out,
    )  # fmt: skip
    sed = read_sed(out)
    assert 0 < sed.is_limit.sum() < 30
    assert sed.limit_confidence[sed.is_limit] == pytest.approx(0.99)
    assert set(sed.instruments) == {"source"}  # no header that tells it


def test_several_spectra(call: Call, files: Files, tmp_path: Path) -> None:
    first, second = files("a.pha", header=HEADER), files("b.pha", header={"OBJECT": "Toy 2"})
    out, same = tmp_path / "two.ecsv", tmp_path / "one.ecsv"
    _, errors = made(call, first, second, *WITH_BACKGROUND, "--instrument", "One", "--instrument",
                     "Two", output=out)  # fmt: skip
    table = Table.read(out)
    one, two = (table[table["instrument"] == name] for name in ("One", "Two"))
    assert len(one) == len(two)
    assert np.allclose(one["e2dnde"], two["e2dnde"])
    assert "the spectra are of Toy 1, Toy 2" in errors
    made(call, first, *WITH_BACKGROUND, output=same)
    # joint norms of the same counts are the same, and points are made of one's own counts
    assert np.allclose(Table.read(same)["e2dnde"], one["e2dnde"], rtol=1e-3)


def test_scales_of_instruments(call: Call, files: Files, tmp_path: Path) -> None:
    """An untied constant stays in the points, what the area is wrong by does not."""
    counts = 10 * expected_counts("powerlaw", FAINT)
    first = files("a.pha", header=HEADER, counts=counts)
    second = files("b.pha", header=HEADER | {"INSTRUME": "CMOS"}, counts=1.2 * counts)
    model = ("--model", "constant*powerlaw", "--energy", "0.5-7", "--freeze", "constant.factor=1")
    scales = []
    for options in (("--untie", "constant.factor", "--thaw", "2:constant.factor"),
                    ("--cross-calibration", "--area-sigma", "1")):  # fmt: skip
        out = tmp_path / "points.ecsv"
        _, errors = made(call, first, second, *model, *options, "--bins", 6, output=out)
        assert "fluxes are those" not in errors
        table = Table.read(out)
        rows = [table[table["spectrum"] == name] for name in ("a.pha", "b.pha")]
        scales.append(np.mean(rows[1]["e2dnde"] / rows[0]["e2dnde"]))
    assert scales == pytest.approx([1.2, 1.0], abs=0.02)


def test_cstat_tells_that_the_background_is_in_the_points(
    call: Call, files: Files, tmp_path: Path
) -> None:
    out = tmp_path / "points.ecsv"
    _, errors = made(call, files(), *MODEL, output=out)
    assert "its background back.pha is not used by cstat" in errors
    grouped = tmp_path / "grouped.ecsv"  # which only groups by the background
    _, errors = made(call, files(), *MODEL, "--group", "bmin1", output=grouped)
    assert "the background is not subtracted: points are of source and background" in errors
    table = Table.read(out)
    assert np.sum(table["total_counts"]) == np.sum(Table.read(grouped)["total_counts"])
    assert not np.any(table["background_counts"])
    assert np.isnan(table["sqrt_ts"]).all()
    assert not table["is_ul"].any()


REFUSED = [
    (["--model", "tbabs"], "has no additive component"),
    (["--absorption", "phabs"], "--absorption: 'phabs' is no factor of tbabs*powerlaw"),
    (["--model", "edge*powerlaw"], "--absorption: edge of edge*powerlaw may be on the way"),
    (["--bins", "1000"], "--bins: 1000 are more than the"),
    (["--bins", "0"], "--bins: "),
    (["--significance", "0"], "--significance: "),
    (["--limit-confidence", "0.4"], "--limit-confidence: "),
    (["--redshift", "-1"], "--redshift: "),
    (["--instrument", "a", "--instrument", "b"], "--instrument: 2 are given for 1 spectra"),
    (["--instrument", ""], "--instrument: has no name"),
    (["--rmf", "none"], "has no response"),
    (["--arf", "none"], "needs an effective area"),
    (["--energy", "20-30"], "has no good channel in 20-30 keV"),
    (["--plot", "points.jpg"], "--plot: draws PNG files"),
]


@pytest.mark.parametrize(("options", "cause"), REFUSED, ids=[" ".join(o) for o, _ in REFUSED])
def test_what_is_refused(
    call: Call, files: Files, tmp_path: Path, options: list[str], cause: str
) -> None:
    path = files()
    before = {p: p.read_bytes() for p in tmp_path.iterdir()}
    base = ["--model", "tbabs*powerlaw"] if "--model" not in options else []
    energy = [] if "--energy" in options else ["--energy", "0.5-7"]
    status, out, errors = call(
        "sed", "points", path, *base, *energy, "--freeze", "tbabs.nH=0.02" if base else
        "edge.edgeE=0.6", *options, "-o", tmp_path / "points.ecsv",
    )  # fmt: skip
    assert status == 2, (out, errors)
    last = errors.rstrip("\n").splitlines()[-1]
    assert last.startswith("xsurvey: error: ")
    assert cause in last
    assert "; " in last
    assert "Traceback" not in errors
    assert out == ""
    assert {p: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_outputs_are_no_inputs(call: Call, files: Files, tmp_path: Path) -> None:
    path = files()
    for output in (path.rename(tmp_path / "source.ecsv"), tmp_path / "made.rmf"):
        before = output.read_bytes()
        status, _, errors = call(
            "sed", "points", tmp_path / "source.ecsv", *MODEL, "-o", output
        )  # fmt: skip
        assert status == 2
        assert "xsurvey: error: " in errors
        assert output.read_bytes() == before


def test_a_quasar(call: Call, tmp_path: Path) -> None:
    """3C 273, whose index Sherpa finds to be 1.9625 +- 0.11 (wstat, with the column free)."""
    dataset = get_dataset("3c273")
    if not is_installed(dataset):
        pytest.skip("3C 273 is not installed (xsurvey data install 3c273)")
    out, record = tmp_path / "points.ecsv", tmp_path / "points.json"
    _, errors = made(
        call, dataset.path / "3c273.pi", "--model", "phabs*powerlaw", "--stat", "wstat",
        "--energy", "0.5-7", "--json", record, output=out,
    )  # fmt: skip
    table, found = Table.read(out), json.loads(record.read_text())
    assert set(table["instrument"]) == {"CHANDRA/ACIS"}
    assert table.meta["source"] == "3C 273"
    assert len(table) > 20
    assert np.all(table["sqrt_ts"] > 4)
    assert "model_relative_error alone, up to 2" in errors
    model = np.array([row["model"] for row in found["points"]])
    error = 0.5 * (table["e2dnde_errn"] + table["e2dnde_errp"])
    chi = np.asarray((table["e2dnde"] - model) / error)
    assert np.sum(chi**2) < len(table) + 3 * np.sqrt(2 * len(table))
    assert abs(chi.mean()) < 3 / np.sqrt(len(table))
    # the points' own slope; 0.11 is the error of the spectrum's
    slope = np.polyfit(np.log(table["e_ref"]), np.log(table["e2dnde"]), 1,
                       w=table["e2dnde"] / error)[0]  # fmt: skip
    assert 2 - slope == pytest.approx(1.9625, abs=2 * 0.11)
