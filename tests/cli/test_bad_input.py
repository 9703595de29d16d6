"""Every kind of bad input: one line on standard error, status 2, nothing half-written."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

COMMANDS = {
    "info": lambda path, out: ["info", path],
    "image": lambda path, out: ["image", path, "-o", out],
    "detect": lambda path, out: ["detect", path, "-o", out],
}


def assert_one_line_error(error: str, *words: str) -> None:
    lines = error.rstrip("\n").splitlines()
    last = lines[-1]
    assert last.startswith("xsurvey: error: "), error
    assert last.count(": ") >= 3, last
    assert "; " in last, last
    assert "Traceback" not in error
    for word in words:
        assert word in last, last


def bad_event_files(folder: Path, good: Path) -> dict[str, tuple[Path, str]]:
    data = good.read_bytes()
    packed = gzip.compress(data, 1)
    raw = {
        "empty.fits": (b"", "is empty"),
        "text.fits": (b"just text, named .fits\n" * 200, "not a FITS file"),
        "truncated.fits": (data[: len(data) // 2], "truncated"),
        "truncated.fits.gz": (packed[: len(packed) // 2], "truncated"),
        "noise.fits": (np.random.default_rng(0).bytes(20_000), "not a FITS file"),
    }
    files: dict[str, tuple[Path, str]] = {}
    for name, (content, cause) in raw.items():
        (folder / name).write_bytes(content)
        files[name] = (folder / name, cause)
    files["missing.fits"] = (folder / "missing.fits", "does not exist")
    with fits.open(good) as hdus:
        columns = hdus["EVENTS"].columns
        for name, gone in (("no_x", ("x",)), ("no_energy", ("energy", "pi"))):
            kept = [c for c in columns if c.name not in gone]
            table = fits.BinTableHDU.from_columns(kept, name="EVENTS")
            table.header["TELESCOP"] = "CHANDRA"
            table.writeto(folder / f"{name}.fits")
            files[name] = (folder / f"{name}.fits", f"no column {gone[0].upper()}")
        hdus["EVENTS"].data["grade"] = 7
        hdus.writeto(folder / "all_bad.fits")
    table = fits.BinTableHDU.from_columns([fits.Column("a", "1J", array=[1, 2])], name="CATALOG")
    table.writeto(folder / "other.fits")
    files["other.fits"] = (folder / "other.fits", "")
    return files


@pytest.mark.parametrize("command", COMMANDS)
def test_bad_event_files(
    command: str, event_file: Path, tmp_path: Path, call: Callable[..., tuple[int, str, str]]
) -> None:
    files = bad_event_files(tmp_path, event_file)
    for name, (path, cause) in files.items():
        output = tmp_path / "out" / f"{name}.out.fits"
        output.parent.mkdir(exist_ok=True)
        status, out, error = call(*COMMANDS[command](path, output))
        assert status == 2, (name, error)
        assert_one_line_error(error, path.name, cause)
        assert out == ""
        assert list(output.parent.iterdir()) == [], name


@pytest.mark.parametrize("command", ["image", "detect"])
def test_no_events_left(
    command: str, event_file: Path, tmp_path: Path, call: Callable[..., tuple[int, str, str]]
) -> None:
    bad_event_files(tmp_path, event_file)
    for path, options, cause in (
        (tmp_path / "all_bad.fits", [], "no events are left"),
        (event_file, ["--band", "20-30"], "events lies in 20-30 keV (they have 0.5"),
        (event_file, ["--band", "500-7000"], "bands are in keV: 0.5-7?"),
    ):
        output = tmp_path / "none.out"
        status, _, error = call(command, path, "-o", output, *options)
        assert status == 2
        assert_one_line_error(error, cause, path.name)
        assert not output.exists()


def test_an_image_where_events_are_needed(
    event_file: Path, tmp_path: Path, call: Callable[..., tuple[int, str, str]]
) -> None:
    image = tmp_path / "image.fits"
    assert call("image", event_file, "-o", image)[0] == 0
    for command in ("info", "image"):
        status, _, error = call(*COMMANDS[command](image, tmp_path / "o.fits"))
        assert status == 2
        assert_one_line_error(error, "image.fits", "EVENTS")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--band", "7-0.5"], ["--band", "increasing"]),
        (["--band", "x"], ["--band", "0.5-7"]),
        (["--pixel-size", "3"], ["--pixel-size", "unit"]),
        (["--pixel-size", "-1arcsec"], ["--pixel-size"]),
        (["--threshold", "abc"], ["--threshold"]),
        (["--threshold", "-3"], ["--threshold", "greater than 0"]),
        (["--threshold", "nan"], ["--threshold"]),
        (["--scales", "0"], ["--scales"]),
        (["--psf", "round"], ["--psf", "gaussian:"]),
        (["--treshold", "9"], ["--treshold", "--threshold"]),
        (["--exposure", "nowhere.fits"], ["nowhere.fits", "does not exist"]),
        (["--background", "nowhere.fits"], ["nowhere.fits", "does not exist"]),
        (["--region", "nowhere.reg"], ["nowhere.reg", "does not exist"]),
    ],
)
def test_impossible_options(
    options: list[str], words: list[str], event_file: Path, tmp_path: Path,
    call: Callable[..., tuple[int, str, str]],
) -> None:  # fmt: skip
    output = tmp_path / "o.fits"
    status, out, error = call("detect", event_file, "-o", output, *options)
    assert status == 2
    assert_one_line_error(error, *words)
    assert out == ""
    assert not output.exists()


def test_unwritable_places(
    event_file: Path, tmp_path: Path, call: Callable[..., tuple[int, str, str]]
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    before = event_file.read_bytes()
    for output in (tmp_path / "nowhere" / "o.fits", blocked / "o.fits", tmp_path, event_file):
        status, _, error = call("detect", event_file, "-o", output)
        assert status == 2
        assert_one_line_error(error)
    assert event_file.read_bytes() == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_without_permission(
    event_file: Path, tmp_path: Path, call: Callable[..., tuple[int, str, str]]
) -> None:
    tmp_path.chmod(0o500)
    status, _, error = call("detect", event_file, "-o", tmp_path / "o.fits")
    tmp_path.chmod(0o700)
    assert status == 2
    assert_one_line_error(error, "cannot be written")


def config(folder: Path, text: str, events: Path) -> Path:
    path = folder / "c.yaml"
    base = f"schema: 1\npipeline: sources\ninputs: [{events}]\noutput: {folder / 'out'}\n"
    path.write_text(base + text)
    return path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("detection: {treshold: 9}", ["detection.treshold", "did you mean 'threshold'"]),
        ("detction: {}", ["detction", "did you mean 'detection'"]),
        ("detection: {threshold: -1}", ["detection.threshold"]),
        ("detection: {threshold: .nan}", ["detection.threshold"]),
        ("image: {pixel_size: 3}", ["image.pixel_size", "unit"]),
        ("detection: {psf: nothing}", ["detection.psf"]),
        ("catalog: {acronym: X}", ["catalog.acronym"]),
        ("seed: one", ["seed"]),
        ("a: [", ["line"]),
    ],
)
@pytest.mark.parametrize("command", ["run", "check"])
def test_bad_configs_write_nothing(
    command: str, text: str, words: list[str], event_file: Path, tmp_path: Path,
    call: Callable[..., tuple[int, str, str]],
) -> None:  # fmt: skip
    status, _, error = call(command, config(tmp_path, text, event_file))
    assert status == 2
    assert_one_line_error(error, "c.yaml", *words)
    assert not (tmp_path / "out").exists()


def test_unwritable_output_folder(
    event_file: Path, tmp_path: Path, call: Callable[..., tuple[int, str, str]]
) -> None:
    path = config(tmp_path, "", event_file)
    (tmp_path / "blocked").write_text("")
    status, _, error = call("run", path, "--output", tmp_path / "blocked" / "out")
    assert status == 2
    assert_one_line_error(error, "blocked")


def test_unknown_names_get_the_nearest(call: Callable[..., tuple[int, str, str]]) -> None:
    for arguments, hint in (
        (["detec"], "detect"), (["init", "source"], "sources"),
        (["data", "install", "msh1552"], "msh15-52"),
        (["simulate", "-o", "x.fits", "--mission", "chandr"], "chandra"),
    ):  # fmt: skip
        status, _, error = call(*arguments)
        assert status == 2
        assert_one_line_error(error, hint)


def test_no_command_shows_the_help_and_one_error(
    call: Callable[..., tuple[int, str, str]],
) -> None:
    for group, command in (([], "detect"), (["catalog"], "crossmatch")):
        status, out, error = call(*group)
        assert status == 2
        assert out == ""
        assert command in error
        assert_one_line_error(error, "command line", " ".join(["xsurvey", *group]))


def test_our_bug_is_called_one(
    monkeypatch: pytest.MonkeyPatch, event_file: Path, call: Callable[..., tuple[int, str, str]]
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken inside")

    monkeypatch.setattr("xsurvey.imaging.summary.summarise", broken)
    status, _, error = call("info", event_file)
    assert status == 1
    assert error.rstrip().splitlines()[-1].startswith("xsurvey: error: internal: RuntimeError")


def test_outputs_never_hit_inputs_or_each_other(
    event_file: Path, tmp_path: Path, call: Callable[..., tuple[int, str, str]]
) -> None:
    events = tmp_path / "events.fits"
    events.write_bytes(event_file.read_bytes())
    one = tmp_path / "one.fits"
    for arguments in (
        ["info", events, "--json", events],
        ["detect", events, "-o", one, "--json", one],
        ["image", events, "-o", one, "--exposure-output", one],
        ["simulate", "-o", one, "--json", tmp_path / "one_truth.fits", "--exposure", "100s"],
        ["simulate", "-o", one, "--json", tmp_path / "no" / "j.json", "--exposure", "100s"],
    ):
        status, _, error = call(*arguments)
        assert status == 2, arguments
        assert_one_line_error(error)
        assert not one.exists()
    assert events.read_bytes() == event_file.read_bytes()


def maps(folder: Path, image: Path) -> dict[str, Path]:
    """Write maps on the pixels of an image that cannot be what they are given as."""
    with fits.open(image) as hdus:
        shape, header = hdus[0].data.shape, hdus[0].header
    paths = {}
    for name, value in (("nan", np.nan), ("inf", np.inf), ("negative", -1.0)):
        data = np.ones(shape, dtype=np.float32)
        data[200:400, 200:400] = value
        paths[name] = folder / f"{name}.fits"
        fits.PrimaryHDU(data, header).writeto(paths[name])
    return paths


def test_maps_with_impossible_pixels(
    event_file: Path, tmp_path: Path, call: Callable[..., tuple[int, str, str]]
) -> None:
    image = tmp_path / "image.fits"
    assert call("image", event_file, "-o", image)[0] == 0
    for name, path in maps(tmp_path, image).items():
        for source in (event_file, image):
            for option in ("--background", "--exposure"):
                if name == "nan" and option == "--exposure":
                    continue  # not a number means not exposed
                output = tmp_path / "o.fits"
                status, _, error = call(
                    "detect", source, "-o", output, "--band", "0.5-7", option, path
                )
                assert status == 2, (name, option, error)
                assert_one_line_error(error, path.name)
                assert not output.exists()


def test_pixels_that_are_no_number_were_not_exposed(
    event_file: Path, tmp_path: Path, call: Callable[..., tuple[int, str, str]]
) -> None:
    image = tmp_path / "image.fits"
    assert call("image", event_file, "-o", image)[0] == 0
    path = maps(tmp_path, image)["nan"]
    for source in (event_file, image):
        status, _, error = call("detect", source, "-o", tmp_path / "o.fits", "--exposure", path)
        assert status == 0, error


def test_background_of_a_run_must_fit_its_image(
    event_file: Path, tmp_path: Path, call: Callable[..., tuple[int, str, str]]
) -> None:
    small = tmp_path / "small.fits"
    assert call("image", event_file, "-o", small, "--pixel-size", "4arcsec")[0] == 0
    path = tmp_path / "c.yaml"
    path.write_text(
        f"schema: 1\npipeline: sources\ninputs: [{{events: {event_file}, background: {small}}}]\n"
        f"output: {tmp_path / 'out'}\n"
    )
    status, _, error = call("run", path, "--workers", 0)
    assert status == 3
    assert_one_line_error(error, "small.fits", "shape")


@pytest.mark.parametrize(
    ("key", "value"),
    [("RA_PNT", "12:00:00"), ("DTCOR", "abc"), ("MJDREF", "x"), ("DEC_PNT", 95.0),
     ("TIMEDEL", "x")],
)  # fmt: skip
def test_odd_header_values_are_named(
    key: str, value: object, event_file: Path, tmp_path: Path,
    call: Callable[..., tuple[int, str, str]],
) -> None:  # fmt: skip
    path = tmp_path / "odd.fits"
    with fits.open(event_file) as hdus:
        hdus["EVENTS"].header[key] = value
        hdus.writeto(path)
    for command in ("info", "detect"):
        status, _, error = call(*COMMANDS[command](path, tmp_path / "o.fits"))
        assert status == 2
        assert_one_line_error(error, "odd.fits", key)


@pytest.mark.parametrize(("column", "form"), [("x", "8A"), ("time", "4A"), ("y", "2E")])
def test_columns_of_the_wrong_type_are_named(
    column: str, form: str, event_file: Path, tmp_path: Path,
    call: Callable[..., tuple[int, str, str]],
) -> None:  # fmt: skip
    path = tmp_path / "typed.fits"
    with fits.open(event_file) as hdus:
        old = hdus["EVENTS"]
        columns = [
            fits.Column(c.name, form)
            if c.name == column
            else fits.Column(c.name, c.format, array=old.data[c.name])
            for c in old.columns
        ]
        new = fits.BinTableHDU.from_columns(columns, name="EVENTS", nrows=len(old.data))
        new.header["TELESCOP"] = "CHANDRA"
        fits.HDUList([fits.PrimaryHDU(), new]).writeto(path)
    status, _, error = call("info", path)
    assert status == 2
    assert_one_line_error(error, "typed.fits", column.upper(), "one number a row")


def test_a_damaged_number_of_rows_is_noticed(
    event_file: Path, tmp_path: Path, call: Callable[..., tuple[int, str, str]]
) -> None:
    data = event_file.read_bytes()
    place = data.index(b"NAXIS2  =")
    for rows in (100, -5):
        path = tmp_path / f"rows{rows}.fits"
        path.write_bytes(data[: place + 10] + b"%20d" % rows + data[place + 30 :])
        status, _, error = call("info", path)
        assert status == 2, rows
        assert_one_line_error(error, path.name)


@pytest.mark.parametrize(
    "options",
    [["--background-scale", "0.1arcsec"], ["--annulus-inner", "10", "--annulus-outer", "2"],
     ["--pixel-size", "0.05arcsec"]],
)  # fmt: skip
def test_contradictions_are_refused(
    options: list[str], event_file: Path, tmp_path: Path,
    call: Callable[..., tuple[int, str, str]],
) -> None:  # fmt: skip
    status, _, error = call("detect", event_file, "-o", tmp_path / "o.fits", *options)
    assert status == 2
    assert_one_line_error(error)


@pytest.mark.parametrize(
    ("command", "name", "remedy"),
    [
        (("image",), "x.png", ".fits"), (("detect",), "cat.txt", "catalog export"),
        (("lightcurve", "--position", "150.05,2.22"), "lc.png", "--plot"),
        (("spectrum", "extract", "--position", "150.05,2.22"), "s.pdf", "--plot"),
    ],
)  # fmt: skip
def test_names_of_other_kinds_of_files_are_refused(
    run_command, event_file: Path, tmp_path: Path, command: tuple, name: str, remedy: str
) -> None:
    done = run_command(*command, event_file, "-o", tmp_path / name)
    assert done.returncode == 2
    assert_one_line_error(done.stderr, "--output", remedy)
    assert list(tmp_path.iterdir()) == []


def test_a_band_without_any_event_has_no_light_curve(
    run_command, event_file: Path, tmp_path: Path
) -> None:
    done = run_command(
        "lightcurve", event_file, "-o", tmp_path / "lc.fits", "--position", "150.05,2.22",
        "--light-curve-band", "20-30",
    )  # fmt: skip
    assert done.returncode == 2
    assert_one_line_error(done.stderr, "none of", "20-30")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_event_file_is_said_with_its_command(run_command, tmp_path: Path) -> None:
    for table, what in (("SPECTRUM", "spectrum fit"), ("RATE", "lightcurve")):
        columns = [fits.Column("COUNTS", "J", array=[1, 2])]
        path = tmp_path / f"{table}.fits"
        fits.BinTableHDU.from_columns(columns, name=table).writeto(path)
        done = run_command("info", path)
        assert done.returncode == 2
        assert_one_line_error(done.stderr, "not an event file", what)


def test_coordinates_that_look_like_options(run_command, event_file: Path) -> None:
    done = run_command("lightcurve", event_file, "-o", "x.fits", "--position", "228.48", "-59.1")
    assert done.returncode == 2
    assert "with a comma" in done.stderr.splitlines()[-1]


def test_values_are_told_as_they_were_written(run_command, tmp_path: Path) -> None:
    done = run_command("simulate", "-o", tmp_path / "s.fits", "--exposure=-5ks")
    assert_one_line_error(done.stderr, "--exposure", "not '-5ks'")


def test_damaged_events_are_warned_of(run_command, event_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "damaged.fits"
    with fits.open(event_file) as hdus:
        hdus.writeto(path, checksum=True)
    assert "DATASUM" not in run_command("info", path).stdout
    data = bytearray(path.read_bytes())
    with fits.open(path) as hdus:
        data[hdus["EVENTS"].fileinfo()["datLoc"] + 100] ^= 1
    path.write_bytes(bytes(data))
    assert "do not match DATASUM" in run_command("info", path).stdout
