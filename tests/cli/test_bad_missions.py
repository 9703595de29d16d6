"""Bad event files of every mission, through every command that reads events."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from ..mission_files import erosita_columns, ixpe_columns, write_erosita, write_ixpe
from .test_bad_input import assert_one_line_error

Call = Callable[..., tuple[int, str, str]]

COMMANDS: dict[str, Callable[[Path], list[object]]] = {
    "info": lambda out: [],
    "image": lambda out: ["-o", out],
    "detect": lambda out: ["-o", out],
    "lightcurve": lambda out: ["-o", out],
}


@pytest.fixture(params=["chandra", "erosita", "ixpe"])
def good(request: pytest.FixtureRequest, tmp_path: Path, event_file: Path) -> Path:
    """An event file of each mission."""
    if request.param == "chandra":
        return event_file
    write = {"erosita": write_erosita, "ixpe": write_ixpe}[request.param]
    return write(tmp_path / f"{request.param}.fits")


def refused(
    call: Call, folder: Path, paths: list[Path], words: list[str], *options: object
) -> None:
    """Check that every command ends with one line, status 2 and no output."""
    for command, arguments in COMMANDS.items():
        output = folder / "out.fits"
        status, out, error = call(command, *paths, *arguments(output), *options)
        assert status == 2, (command, error)
        assert_one_line_error(error, *words)
        assert out == ""
        assert not output.exists()


@pytest.mark.parametrize(
    ("name", "damage", "cause"),
    [
        ("empty.fits", lambda data: b"", "is empty"),
        ("text.fits", lambda data: b"just text, named .fits\n" * 200, "not a FITS file"),
        ("truncated.fits", lambda data: data[: len(data) // 3], "truncated"),
        ("noise.fits", lambda data: np.random.default_rng(0).bytes(20_000), "not a FITS file"),
        ("cut.fits.gz", lambda data: gzip.compress(data, 1)[:-3000], "truncated"),
        ("flipped.fits.gz", lambda data: flipped(gzip.compress(data, 1)), "damaged gzip"),
    ],
)
def test_damaged_files(
    good: Path, tmp_path: Path, call: Call, name: str, damage: Callable[[bytes], bytes], cause: str
) -> None:
    path = tmp_path / name
    path.write_bytes(damage(good.read_bytes()))
    refused(call, tmp_path, [path], [name, cause])


def flipped(data: bytes) -> bytes:
    """Return the data with some bytes past their middle inverted."""
    middle = len(data) // 2
    return data[:middle] + bytes(255 - b for b in data[middle : middle + 64]) + data[middle + 64 :]


@pytest.mark.parametrize("column", ["TIME", "X", "Y", "PI"])
def test_missing_columns(tmp_path: Path, call: Call, column: str) -> None:
    for name, write, columns in (("e", write_erosita, erosita_columns()),
                                 ("i", write_ixpe, ixpe_columns())):  # fmt: skip
        kept = {k: v for k, v in columns.items() if k != column}
        path = write(tmp_path / f"{name}.fits", columns=kept)
        refused(call, tmp_path, [path], [path.name, f"no column {column}"])


@pytest.mark.parametrize(("column", "form"), [("X", "8A"), ("PI", "2E"), ("TIME", "4A")])
def test_columns_of_the_wrong_type(tmp_path: Path, call: Call, column: str, form: str) -> None:
    for name, write, columns in (("e", write_erosita, erosita_columns()),
                                 ("i", write_ixpe, ixpe_columns())):  # fmt: skip
        number = len(columns["TIME"][1])
        values = np.full(number, "x") if form.endswith("A") else np.ones((number, 2))
        columns[column] = (form, values)
        path = write(tmp_path / f"{name}.fits", columns=columns)
        refused(call, tmp_path, [path], [path.name, column, "one number a row"])


def test_files_of_other_telescopes(tmp_path: Path, call: Call, event_file: Path) -> None:
    for name, write in (("e", write_erosita), ("i", write_ixpe)):
        for telescope in ("HUBBLE", "", 7):
            path = write(tmp_path / f"{name}.fits", TELESCOP=telescope)
            refused(
                call, tmp_path, [path], [path.name, "TELESCOP" if not telescope else str(telescope)]
            )
    with fits.open(event_file) as hdus:
        for name in ("eROSITA", "IXPE"):
            hdus["EVENTS"].header["TELESCOP"] = name
            hdus.writeto(tmp_path / f"{name}.fits")
            refused(call, tmp_path, [tmp_path / f"{name}.fits"], [f"{name}.fits", name])


def test_files_that_are_not_of_one_observation(
    tmp_path: Path, call: Call, event_file: Path
) -> None:
    units = [write_ixpe(tmp_path / f"du{n}.fits", n) for n in (1, 2)]
    other = write_ixpe(tmp_path / "other.fits", 2, OBS_ID="02009001")
    tile = write_erosita(tmp_path / "tile.fits")
    for paths, words in (
        ([units[0], other], ["other.fits", "02009001", "one observation"]),
        ([units[0], units[0]], ["detector unit 1", "give each unit once"]),
        ([units[0], tile], ["tile.fits", "eROSITA"]),
        ([tile, tile], ["second event file"]),
        ([event_file, units[0]], ["second event file"]),
        ([units[0], tmp_path / "none.fits"], ["none.fits", "does not exist"]),
    ):
        refused(call, tmp_path, paths, words)


def test_files_without_good_times(tmp_path: Path, call: Call) -> None:
    empty = {f"GTI{n}": [] for n in range(1, 8)}
    path = write_erosita(tmp_path / "e.fits", gti=empty)
    refused(call, tmp_path, [path], ["e.fits", "GTI tables are empty"])
    path = write_erosita(tmp_path / "n.fits", erosita_columns(count=0), {})
    refused(call, tmp_path, [path], ["n.fits", "neither GTI tables nor events"])
    path = write_ixpe(tmp_path / "i.fits", gti={})
    refused(call, tmp_path, [path], ["i.fits", "no GTI table"])
    path = write_ixpe(tmp_path / "g.fits", gti={"GTI": []})
    refused(call, tmp_path, [path], ["g.fits", "GTI table is empty"])


def test_a_file_without_gti_tables_goes_on_with_a_warning(tmp_path: Path, call: Call) -> None:
    path = write_erosita(tmp_path / "e.fits", gti={})
    for command, arguments in COMMANDS.items():
        status, out, error = call(command, path, *arguments(tmp_path / "o.fits"))
        assert status == 0, error
        assert "no GTI tables" in (out if command == "info" else error), command


def test_files_without_events_in_good_times(tmp_path: Path, call: Call) -> None:
    late = {"GTI1": [(5000.0, 6000.0)]}
    path = write_erosita(tmp_path / "e.fits", gti=late)
    unit = write_ixpe(tmp_path / "i.fits", gti={"GTI": [(5000.0, 6000.0)]})
    for file in (path, unit):
        for command in ("image", "detect"):
            status, out, error = call(command, file, "-o", tmp_path / "o.fits")
            assert status == 2
            assert_one_line_error(error, file.name, "no events are left")
            assert out == ""
        status, out, _ = call("info", file)
        assert status == 0
        assert "no event passes" in out


def test_unknown_detectors_get_the_nearest(tmp_path: Path, call: Call) -> None:
    path = write_erosita(tmp_path / "e.fits")
    refused(call, tmp_path, [path], ["detectors", "has no 'TM11'", "'TM1'"], "--detectors", "TM11")
    unit = write_ixpe(tmp_path / "i.fits", 2)
    refused(call, tmp_path, [unit], ["i.fits", "DU1"], "--detectors", "DU1")


@pytest.mark.parametrize("value", [np.nan, 1e300, -1e300])
def test_numbers_that_cannot_be(tmp_path: Path, call: Call, value: float) -> None:
    columns = erosita_columns()
    columns["X"][1][5] = value
    columns["TIME"][1][7] = value
    path = write_erosita(tmp_path / "e.fits", columns)
    for command, arguments in COMMANDS.items():
        status, _, error = call(command, path, *arguments(tmp_path / "o.fits"))
        assert status in (0, 2), (command, error)
        assert "Traceback" not in error
        if status == 2:
            assert_one_line_error(error, "e.fits")
        assert status == 0 or abs(value) > 1e10


@pytest.mark.parametrize("edges", [(0.0, 1e20), (-1e12, 1000.0)])
def test_good_times_of_centuries(tmp_path: Path, call: Call, edges: tuple[float, float]) -> None:
    for path in (write_erosita(tmp_path / "e.fits", gti={"GTI1": [edges]}),
                 write_ixpe(tmp_path / "i.fits", gti={"GTI": [edges]})):  # fmt: skip
        refused(call, tmp_path, [path], [path.name, "centuries"])


def test_a_reference_that_is_no_date(tmp_path: Path, call: Call) -> None:
    path = write_erosita(tmp_path / "e.fits", MJDREF=1e12)
    refused(call, tmp_path, [path], ["e.fits", "MJDREF"])
    path = write_ixpe(tmp_path / "i.fits", MJDREFI=10**9)
    refused(call, tmp_path, [path], ["i.fits", "MJDREF"])


def test_simulations_that_cannot_be(tmp_path: Path, call: Call) -> None:
    output = tmp_path / "o.fits"
    for mission, options, words in (
        ("chandra", ["--scans", "3"], ["scans", "does not survey"]),
        ("ixpe", ["--scans", "3"], ["scans", "cannot be chosen"]),
        ("ixpe", ["--psf", "gaussian:3arcsec"], ["psf", "cannot be chosen"]),
        ("erosita", ["--scans", "-1"], ["--scans"]),
        ("erosita", ["--field-size", "3"], ["--field-size", "unit"]),
        ("erosita", ["--scans", "4", "--source", "150,2.2"], ["--source", "RA,DEC,COUNTS"]),
    ):
        status, out, error = call("simulate", "-o", output, "--mission", mission, *options)
        assert status == 2, error
        assert_one_line_error(error, *words)
        assert out == ""
    assert list(tmp_path.iterdir()) == []
