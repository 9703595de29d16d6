"""``xsurvey polarization fit``: files in any order, keys of its JSON, figures, bad input."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from PIL import Image

from xsurvey.io.ogip.write_responses import write_arf

from .conftest import AREA, MODULATION, POLARIZED, make_area

MODEL = "polconst*powerlaw"
RECORD = {"value", "lower", "upper", "confidence", "unit", "frozen"}
Files = Callable[..., list[Path]]


@pytest.fixture
def fit(run_command: Callable, tmp_path: Path) -> Callable[..., tuple[dict[str, Any], str, str]]:
    """Return a function that fits files and gives JSON, output and error text."""

    def run(paths: list[Path], *arguments: object, model: str = MODEL
            ) -> tuple[dict[str, Any], str, str]:  # fmt: skip
        out = tmp_path / "out.json"
        done = run_command(
            "polarization", "fit", *paths, "--model", model, "--json", out, *arguments
        )
        assert done.returncode == 0, done.stderr
        assert "NaN" not in out.read_text()
        return json.loads(out.read_text()), done.stdout, done.stderr

    return run


@pytest.fixture
def refused(run_command: Callable) -> Callable[..., str]:
    """Return a function that gives the error line of a fit that fails."""

    def run(paths: list[Path], *arguments: object, model: str = MODEL) -> str:
        done = run_command("polarization", "fit", *paths, "--model", model, *arguments)
        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr.splitlines()[-1]

    return run


def change(path: Path, **keywords: object) -> None:
    with fits.open(path, mode="update") as hdus:
        for name, value in keywords.items():
            if value is None:
                del hdus[1].header[name]
            else:
                hdus[1].header[name] = value


def test_result(fit: Callable, files: Files) -> None:
    paths = files()
    result, text, _ = fit(paths[::-1], "--energy", "2-8", "--group", "min20", "--ebins", "2,4,8")
    assert set(result["statistic"]) == {"name", "value", "dof", "parts"}
    assert result["statistic"]["name"] == "chi2"
    parts = result["statistic"]["parts"]
    assert [(p["unit"], p["stokes"]) for p in parts] == [
        (unit, s) for unit in ("DU1", "DU2") for s in "IQU"
    ]
    assert sum(p["value"] for p in parts) == pytest.approx(result["statistic"]["value"])
    assert result["statistic"]["dof"] == sum(p["bins"] for p in parts) - 5
    assert result["goodness"]["p_value"] > 1e-3
    names = ["polconst.A", "polconst.psi", "powerlaw.PhoIndex", "powerlaw.norm"]
    assert list(result["parameters"]) == [*names, "unit.DU1", "unit.DU2"]
    for record in result["parameters"].values():
        assert set(record) == RECORD
    for name, truth in zip(names, POLARIZED, strict=True):
        record = result["parameters"][name]
        half = record["upper"] - record["value"]
        assert abs(record["value"] - truth) < 4 * half, name
    row = result["polarization"][0]
    assert (row["component"], row["model"]) == ("polconst", "polconst")
    assert row["pd"] == result["parameters"]["polconst.A"]
    assert -90 < row["pa_deg"]["value"] <= 90
    assert [c["level"] for c in row["contours"]] == [0.5, 0.9, 0.99, 0.999]
    assert all(c["closed"] and len(c["pd"]) == len(c["pa_deg"]) for c in row["contours"])
    assert result["no_polarization"]["dof"] == 2
    assert result["no_polarization"]["significance"] > 5
    assert result["constant_polarization"] is None
    assert [(b["energy_min"], b["energy_max"]) for b in result["energy_bins"]] == [(2, 4), (4, 8)]
    assert {
        "q",
        "u",
        "q_err",
        "u_err",
        "pd",
        "pd_err",
        "pa_deg",
        "pa_err_deg",
        "significance",
    } < set(result["summed_channels"])
    assert len(result["polarization_curve"]["pd"]) == len(
        result["polarization_curve"]["energy_kev"]
    )
    assert result["flux"]["unit"] == "erg / (s cm2)"
    assert len(result["data"]) == 6
    assert len(result["provenance"]["inputs"]) == 6 + 6 + 3
    assert text.startswith(f"{MODEL}: chi2 = ")
    assert "without polarization: +" in text
    again, *_ = fit(paths, "--energy", "2-8", "--group", "min20", "--ebins", "2,4,8")
    assert again["parameters"] == result["parameters"]


def test_the_background_is_subtracted_from_all_of_them(fit: Callable, files: Files) -> None:
    paths = files()
    arguments = ("--energy", "2-8", "--group", "min20")
    with_it, *_ = fit(paths, *arguments)
    without, _, notes = fit(paths, *arguments, "--background", "none")
    assert "no background is subtracted" in notes
    # a background that is not polarized dilutes
    assert (
        without["parameters"]["polconst.A"]["value"]
        < 0.97 * (with_it["parameters"]["polconst.A"]["value"])
    )
    net = {(d["unit"], d["stokes"]): d["net"] for d in with_it["data"]}
    raw = {(d["unit"], d["stokes"]): d["net"] for d in without["data"]}
    assert net["DU1", "I"] < raw["DU1", "I"]


@pytest.mark.parametrize("stat", ["wstat", "cstat"])
def test_poisson_statistics_of_stokes_i(fit: Callable, files: Files, stat: str) -> None:
    given = ("--background", "none") if stat == "cstat" else ()
    result, *_ = fit(files(), "--energy", "2-8", "--stat", stat, "--stokes-group", "every5", *given)
    names = {(p["stokes"], p["name"]) for p in result["statistic"]["parts"]}
    assert names == {("I", stat), ("Q", "chi2"), ("U", "chi2")}
    degree = 0.2 if given else 0.3  # diluted where the background is left in
    assert result["parameters"]["polconst.A"]["value"] == pytest.approx(degree, abs=0.05)
    assert result["goodness"] is None


def test_responses_by_option(fit: Callable, files: Files, tmp_path: Path) -> None:
    paths = files(response_file=None, ancillary_file=None)
    given = ("--rmf", tmp_path / "made.rmf", "--arf", tmp_path / "made.arf")
    two = []
    for unit, factor in (("DU2", 1.1), ("DU1", 1.0)):
        two.append(tmp_path / f"{unit}.mrf")
        write_arf(two[-1], make_area(AREA * MODULATION * factor, "mrf", DETNAM=unit))
    result, *_ = fit(paths, *given, "--mrf", two[0], "--mrf", two[1], "--energy", "2-8")
    named = result["provenance"]["inputs"]
    assert {"DU1.mrf", "DU2.mrf"} < set(named)


def test_chain_and_figures(fit: Callable, files: Files, tmp_path: Path) -> None:
    images = [tmp_path / f"{name}.png" for name in ("fit", "contours", "corner")]
    result, *_ = fit(
        files(), "--energy", "2-8", "--group", "min20", "--freeze", "powerlaw.PhoIndex=2",
        "--unit-norms", "one", "--mcmc", "--min-steps", 200, "--max-steps", 400, "--seed", 4,
        "--chain", tmp_path / "chain.h5", "--plot", images[0], "--contour-plot", images[1],
        "--corner", images[2],
    )  # fmt: skip
    record = result["parameters"]["polconst.psi"]
    assert record["lower"] < record["value"] < record["upper"]
    assert record["best_fit"] == pytest.approx(record["value"], abs=2)
    assert result["polarization"][0]["pa_deg"] == record
    assert result["diagnostics"]["seed"] == 4
    for path in images:
        assert np.ptp(np.asarray(Image.open(path).convert("L"))) > 50


@pytest.mark.parametrize(
    ("arguments", "model", "cause"),
    [
        ((), "powerlaw", "polarizes nothing"),
        ((), "polconst*", "missing here"),
        (("--energy", "20-30"), MODEL, "no good channel"),
        (("--set", "polconst.A=1.5"), MODEL, "not within its limits"),
        (("--freeze", "polconst.B"), MODEL, "no parameter"),
        (("--stokes-group", "few"), MODEL, "--stokes-group: 'few' is no way"),
        (("--ebins", "8,4"), MODEL, "--ebins: '8,4' is not two or more increasing"),
        (("--corner", "x.png"), MODEL, "needs a chain"),
        (("--contour-plot", "x.png", "--no-contours"), MODEL, "needs contours"),
        (("--contour-plot", "x.png"), "pollin*powerlaw", "no polconst with a free degree"),
        (("--arf", "nosuch.arf"), MODEL, "nosuch.arf: does not exist"),
        (("--stat", "cstat"), MODEL, "cstat leaves the background in Stokes I"),
        (("--untie", "powerlaw.Index"), MODEL, "no parameter"),
    ],
)  # fmt: skip
def test_mistakes_of_the_user(
    refused: Callable, files: Files, tmp_path: Path, arguments: tuple, model: str, cause: str
) -> None:
    given = [str(tmp_path / a) if str(a).endswith(".png") else a for a in arguments]
    assert cause in refused(files(), *given, model=model)
    assert not (tmp_path / "x.png").exists()


def test_bad_files(refused: Callable, files: Files, tmp_path: Path) -> None:
    paths = files()
    assert "Stokes I is not given" in refused(paths[1:])
    assert "Stokes Q and U are not given" in refused(paths[:1])
    arf = ("--mrf", tmp_path / "made.arf")
    assert "is an effective area (ARF)" in refused(paths, *arf)
    assert "is a modulated area" in refused(paths, "--arf", tmp_path / "made.mrf")
    change(paths[4], ANCRFILE="gone.mrf")
    error = refused(paths)
    assert "'gone.mrf' (ANCRFILE), which is neither beside it nor installed" in error
    change(paths[4], ANCRFILE="none")
    assert "names no effective area or modulation response" in refused(paths)
    change(paths[4], ANCRFILE="made.mrf", BACKFILE="DU2_bkg_U.pha")
    assert "is the background of Stokes U" in refused(paths)
    change(paths[4], BACKFILE="DU2_bkg_Q.pha", XFLT0001=None)
    assert "does not say which Stokes parameter" in refused(paths)
    change(paths[4], XFLT0001="Stokes:1", TSTART=9e5, TSTOP=9.9e5)
    assert "was taken at another time" in refused(paths)


def test_values_that_are_no_numbers(refused: Callable, files: Files) -> None:
    paths = files()
    with fits.open(paths[1], mode="update") as hdus:
        hdus[1].data["RATE"][30] = np.nan
    assert "RATE that are not finite" in refused(paths)


def test_an_output_is_no_input(refused: Callable, files: Files) -> None:
    paths = files()
    assert "is an input" in refused(paths, "--json", paths[0])


def test_other_channels(refused: Callable, files: Files) -> None:
    paths = files()
    with fits.open(paths[2]) as hdus:
        hdus[1].data = hdus[1].data[:70]
        hdus.writeto(paths[2], overwrite=True)
    assert "has 70 channels" in refused(paths)
