"""Every kind of bad input: one line on standard error, status 2, nothing half-written."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from click.testing import CliRunner

from xsurvey.cli import main as cli

COMMANDS = {
    "info": lambda path, out: ["info", path],
    "image": lambda path, out: ["image", path, "-o", out],
    "detect": lambda path, out: ["detect", path, "-o", out],
}


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs a command here and gives status, output and error text."""

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            cli.main([str(a) for a in arguments])
        captured = capfd.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return run


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
    for path, options in ((tmp_path / "all_bad.fits", []), (event_file, ["--band", "20-30"])):
        output = tmp_path / "none.out"
        status, _, error = call(command, path, "-o", output, *options)
        assert status == 2
        assert_one_line_error(error, "no events are left", path.name)
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
        ("photometry: {psf: nothing}", ["photometry.psf"]),
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


def test_no_command_shows_the_help(call: Callable[..., tuple[int, str, str]]) -> None:
    status, _, error = call()
    assert status == 2
    assert "detect" in error


def test_our_bug_is_called_one(
    monkeypatch: pytest.MonkeyPatch, event_file: Path, call: Callable[..., tuple[int, str, str]]
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken inside")

    monkeypatch.setattr("xsurvey.imaging.summary.summarise", broken)
    status, _, error = call("info", event_file)
    assert status == 1
    assert error.rstrip().splitlines()[-1].startswith("xsurvey: error: internal: RuntimeError")


def test_click_runner_is_not_needed() -> None:
    # the group itself stays usable by click's own tools
    assert CliRunner().invoke(cli.xsurvey, ["--help"]).exit_code == 0
