"""``xsurvey polarization test``."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from PIL import Image

from ..mission_files import edited
from .made_fields import write_responses
from .moving_events import DAY, ZERO_MJD, write_moving, write_series

Call = Callable[..., Any]
RATE = 50.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Responses, a source that rotates and one that does not, optical series."""
    path = tmp_path_factory.mktemp("tests")
    write_responses(path / "caldb")
    write_moving(
        path / "rotating", 10_000, 0.5, lambda t: RATE * t / DAY - 20, seed=21, background=4000
    )
    write_moving(path / "still", 10_000, 0.5, 30, seed=22)
    write_series(path / "optical.ecsv", RATE)
    (path / "source.reg").write_text('icrs\ncircle(150.0,2.2,60")\n')
    (path / "background.reg").write_text('icrs\nannulus(150.0,2.2,120",240")\n')
    return path


@pytest.fixture
def tested(run_command: Call, folder: Path, tmp_path: Path) -> Call:
    """Return a function that tests a folder of events, and reads the JSON."""

    def run(name: str, *arguments: object) -> tuple[Any, Mapping[str, Any]]:
        path = tmp_path / "tests.json"
        done = run_command(
            "polarization", "test", *sorted((folder / name).glob("*.fits")), "--irf",
            folder / "caldb", "--json", path, *arguments,
        )  # fmt: skip
        return done, json.loads(path.read_text()) if path.exists() else {}

    return run


SEARCH = ("--highest-rate", 150, "--rotation-trials", 199, "--walks", 1000)


def test_a_rotation_is_found(tested: Call, folder: Path, tmp_path: Path) -> None:
    done, result = tested(
        "rotating", "--region", folder / "source.reg", "--background-region",
        folder / "background.reg", "--ebins", "2,4,8", *SEARCH, "--companion",
        folder / "optical.ecsv", "--figure", tmp_path / "angle.png", "--known-angle", -30,
        "--known-angle-error", 10, "--seed", 2,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rotation = result["rotation"]
    assert rotation["rate_deg_per_day"] == pytest.approx(RATE, abs=4 * rotation["rate_err"])
    assert rotation["p"] == pytest.approx(1 / 200)
    assert result["constancy"]["p"] < 1e-4
    assert result["energy"]["dof"] == 2
    assert result["companion"]["along"]["sigma"] > 5
    assert result["companion"]["along"]["pd"] > 3 * result["companion"]["at_rest"]["pd"]
    known = result["known_angle"]
    assert known["angle_deg"] == -30
    assert known["pd_lower"] <= known["pd_upper"] < known["pd_upper_99"] < known["pd_upper_9973"]
    series = result["series"]
    assert len(series["points"]) == 40
    assert series["episodes"][0]["rate_deg_per_day"] == pytest.approx(RATE, abs=1)
    assert result["background_scale"] == pytest.approx(60**2 / (240**2 - 120**2), rel=0.02)
    assert result["seed"] == 2
    lines = done.stdout.splitlines()
    for name in (
        "constancy in time", "dependence on energy", "rotation", "polarized, any rate",
        "known angle", "companion's angle", "free angle to it", "companion, swing",
    ):  # fmt: skip
        assert [line for line in lines if line.startswith(name)], name
    assert "the polarization has a constant angle" in done.stdout
    assert "<=0.005" in done.stdout
    with Image.open(tmp_path / "angle.png") as image:
        assert len(np.unique(np.asarray(image.convert("L")))) > 50


def test_none_is_found_where_there_is_none(tested: Call) -> None:
    done, result = tested("still", *SEARCH)
    assert done.returncode == 0, done.stderr
    assert result["rotation"]["p"] > 0.05
    assert result["constancy"]["p"] > 0.01
    for name in ("companion", "series", "known_angle", "energy", "phases"):
        assert result[name] is None
    assert "single energy bin" in done.stderr


def test_a_picture_without_anything_but_time_bins(tested: Call, tmp_path: Path) -> None:
    done, result = tested("still", "--figure", tmp_path / "a.png", "--time-bins", 4,
                           "--time-binning", "livetime")  # fmt: skip
    assert done.returncode == 0, done.stderr
    livetime = [one["livetime"] for one in result["time_bins"]]
    np.testing.assert_allclose(livetime, np.mean(livetime), rtol=0.05)
    assert (tmp_path / "a.png").stat().st_size > 5000


def test_a_series_of_another_time(tested: Call, tmp_path: Path) -> None:
    away = write_series(tmp_path / "away.ecsv", RATE, first=20, last=30)
    done, _ = tested("still", "--companion", away)
    assert done.returncode != 0
    assert "but the events are of" in one_line(done)


def rows(**columns: object) -> Table:
    t = ZERO_MJD + np.linspace(0, 3, 6)
    known = {
        "time": t, "pd": np.full(6, 0.1), "pd_err": np.full(6, 0.01), "pa": np.arange(6) * 10.0,
    }  # fmt: skip
    return Table({k: v for k, v in (known | columns).items() if v is not None})


def with_unit(name: str, unit: str) -> Table:
    table = rows()
    table[name].unit = unit
    return table


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (rows(time=None), "no column time"), (with_unit("pd", "Jy"), "is in Jy"),
        (with_unit("pa", "s"), "is in s"),
        (rows(pd=np.array([0.1, np.nan, 0.1, 0.1, 0.1, 0.1])), "not a finite number"),
        (rows(time=ZERO_MJD + np.array([0, np.nan, 1, 2, 3, 4])), "not a finite number"),
        (rows()[:1], "one measurement"), (rows()[:0], "no rows"),
        (rows(pd_err=np.zeros(6)), "not above zero"), (rows(time=rows()["time"][::-1]), "earlier"),
        (rows(pd=np.full(6, 10.0)), "more than all of the light"),
    ],
)  # fmt: skip
def test_bad_series(tested: Call, tmp_path: Path, table: Table, words: str) -> None:
    table.write(tmp_path / "series.ecsv", format="ascii.ecsv")
    done, _ = tested("still", "--companion", tmp_path / "series.ecsv")
    assert done.returncode != 0
    assert words in one_line(done)
    assert "series.ecsv" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--companion", "absent.ecsv"), "absent.ecsv: is not a file"),
        (("--highest-rate", 1e6), "--highest-rate: needs time bins"),
        (("--highest-rate", -3), "--highest-rate"), (("--time-bins", 1), "--time-bins"),
        (("--frequency-derivatives", 1e-9), "--frequency"),
        (("--background-scale", 0.1), "--background-scale: is given without a background"),
        (("--ebins", "2,1"), "--ebins"), (("--ebins", "0.1,2"), "--ebins"),
        (("--figure", "a.fits"), "--figure"), (("--known-angle", 400), "--known-angle"),
        (("--region", "absent.reg"), "absent.reg"), (("--host-fraction", 1), "--host-fraction"),
        (("--walks", 5), "--walks"),
    ],
)  # fmt: skip
def test_bad_options(tested: Call, arguments: tuple[object, ...], words: str) -> None:
    done, result = tested("still", *arguments)
    assert done.returncode != 0
    assert words in one_line(done)
    assert result == {}


def without_time(hdus: fits.HDUList) -> None:
    hdus["EVENTS"].columns.del_col("TIME")


def without_stokes(hdus: fits.HDUList) -> None:
    hdus["EVENTS"].columns.del_col("Q")


@pytest.mark.parametrize(("edit", "words"), [(without_time, "time"), (without_stokes, "Q, U")])
def test_bad_events(
    run_command: Call, folder: Path, tmp_path: Path, edit: Callable[[fits.HDUList], None],
    words: str,
) -> None:  # fmt: skip
    source = next((folder / "still").glob("*.fits"))
    edited(source, tmp_path / "bad.fits", edit)
    done = run_command("polarization", "test", tmp_path / "bad.fits", "--irf", folder / "caldb")
    assert done.returncode != 0
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_stokes_parameters_that_are_not_numbers_are_counted(
    run_command: Call, folder: Path, tmp_path: Path
) -> None:
    def edit(hdus: fits.HDUList) -> None:
        hdus["EVENTS"].data["Q"][:40] = np.nan

    source = next((folder / "still").glob("*.fits"))
    edited(source, tmp_path / "some.fits", edit)
    done = run_command("polarization", "test", tmp_path / "some.fits", "--irf", folder / "caldb")
    assert done.returncode == 0, done.stderr
    assert "40 events whose" in done.stderr


def one_line(done: Any) -> str:
    """Return the error, which is of one line and no traceback."""
    assert "Traceback" not in done.stderr
    errors = [x for x in done.stderr.splitlines() if x.strip() and "note:" not in x]
    assert len(errors) == 1, done.stderr
    return str(errors[0])
