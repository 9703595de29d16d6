import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from xsurvey.cli.options import show_result
from xsurvey.pipelines.sources import SOURCES

Run = Callable[..., subprocess.CompletedProcess[str]]

COARSE = ("--pixel-size", "1.968arcsec")
COARSEST = ("--pixel-size", "3.936arcsec")
"""Pixels that make these tests quick, the latter where positions are no matter."""


def test_package_is_the_command_as_well() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "xsurvey", "--version"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.split()[0]) == (0, "xsurvey"), done.stderr
    done = subprocess.run(
        [sys.executable, "-m", "xsurvey", "nonsense"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and done.stderr.startswith("xsurvey: error:")


@pytest.mark.parametrize(
    ("said", "threads"),
    [({}, "1"), ({"OMP_NUM_THREADS": "3"}, "None"), ({"OPENBLAS_NUM_THREADS": "2"}, "2")],
)
def test_linear_algebra_has_one_thread_unless_something_is_said(said: dict, threads: str) -> None:
    code = (
        "import os, sys\nfrom xsurvey.cli.main import main\n"
        "assert 'numpy' not in sys.modules\n"
        "try:\n    main(['--version'])\nexcept SystemExit:\n"
        "    print(os.environ.get('OPENBLAS_NUM_THREADS'))"
    )
    kept = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**kept, **said},
        check=True,
    )  # fmt: skip
    assert done.stdout.split()[-1] == threads


def test_help_needs_no_heavy_library() -> None:
    code = (
        "import sys\n"
        "from xsurvey.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as e:\n    assert not e.code\n"
        "heavy = {'numpy', 'astropy', 'dask', 'pydantic', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "detect" in done.stdout


def test_info_says_what_the_file_holds(run_command: Run, event_file: Path, tmp_path: Path) -> None:
    done = run_command("info", event_file, "--json", tmp_path / "i.json")
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "i.json").read_text())
    rows = fits.getheader(event_file, 1)["NAXIS2"]
    assert result["events"] == result["rows"] == rows
    assert result["livetime"] == pytest.approx(20_000)
    assert result["mission"] == "chandra"
    assert 0.5 <= result["energy_min"] < result["energy_max"] <= 7
    assert result["warnings"] == []
    for word in ("Chandra ACIS", "20000.000 s", f"{rows} after standard filtering", "RA---TAN"):
        assert word in done.stdout


def test_detect_on_events_and_on_images_agree(
    run_command: Run, event_file: Path, tmp_path: Path
) -> None:
    image, exposure = tmp_path / "image.fits", tmp_path / "exposure.fits"
    assert run_command("image", event_file, "-o", image, "--exposure-output", exposure,
                       "--band", "0.5-7", *COARSE).returncode == 0  # fmt: skip
    tables = {}
    for name, arguments in {
        "events": [event_file, *COARSE], "image": [image, "--exposure", exposure], "bare": [image],
    }.items():  # fmt: skip
        output = tmp_path / f"sources_{name}.fits"
        done = run_command("detect", *arguments, "-o", output, "--json", tmp_path / f"{name}.json")
        assert done.returncode == 0, done.stderr
        tables[name] = Table.read(output)
        summary = json.loads((tmp_path / f"{name}.json").read_text())
        assert summary["sources"] == len(tables[name]) == 2
    expected = {(150.05, 2.22), (149.95, 2.15)}
    for table in tables.values():
        assert table["ra"].unit == "deg"
        for ra, dec in expected:
            distance = np.hypot((table["ra"] - ra) * np.cos(np.radians(dec)), table["dec"] - dec)
            assert distance.min() * 3600 < 1.0
        assert np.all(table["detection_likelihood"] >= 15)
        assert np.all((table["flag"] & 1) == 1)  # approximate, or made from an approximate one
    brightest = tables["events"][0]
    assert brightest["net_counts_b_lo"] < 300 < brightest["net_counts_b_hi"] * 1.1
    assert fits.getheader(tmp_path / "sources_bare.fits", 1)["EXPMAP"] == "APPROX"


def test_detect_region_and_marginal(run_command: Run, event_file: Path, tmp_path: Path) -> None:
    region = tmp_path / "r.reg"
    region.write_text('icrs\ncircle(150.05,2.22,60")\n')
    done = run_command("detect", event_file, "-o", tmp_path / "o.fits", "--region", region,
                       "--marginal", "--threshold", "20", *COARSE)  # fmt: skip
    assert done.returncode == 0, done.stderr
    table = Table.read(tmp_path / "o.fits")
    assert np.all(np.abs(table["dec"] - 2.22) < 1 / 60)
    classes = np.where(table["detection_likelihood"] >= 20, "TRUE", "MARGINAL")
    assert np.all(table["classification"] == classes)
    far = tmp_path / "far.reg"
    far.write_text('icrs\ncircle(10,2.22,60")\n')
    done = run_command("detect", event_file, "-o", tmp_path / "far.fits", "--region", far, *COARSE)
    assert done.returncode == 2
    assert "far.reg" in done.stderr.splitlines()[-1]


def test_a_field_without_sources_gives_an_empty_table(
    run_command: Run, make_events: Callable[..., Path], tmp_path: Path
) -> None:
    path = make_events(seed=3, exposure="5ks", background_rate=0.05)
    output = tmp_path / "none.fits"
    done = run_command("detect", path, "-o", output, "--json", tmp_path / "n.json", *COARSEST)
    assert done.returncode == 0, done.stderr
    table = Table.read(output)
    assert len(table) == 0
    assert {"ra", "dec", "detection_likelihood", "rate_b_upper"} <= set(table.colnames)


def test_simulation_repeats_with_its_seed(run_command: Run, tmp_path: Path) -> None:
    contents = []
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        path = tmp_path / name / "events.fits"
        path.parent.mkdir()
        done = run_command("simulate", "-o", path, "--seed", seed, "--exposure", "2ks",
                           "--random-sources", 5)  # fmt: skip
        assert done.returncode == 0, done.stderr
        contents.append(path.read_bytes())
        assert len(Table.read(path.with_name("events_truth.fits"))) == 5
    assert contents[0] == contents[1] != contents[2]


def test_init_check_and_doctor(run_command: Run, event_file: Path, tmp_path: Path) -> None:
    template = run_command("init", "sources")
    assert template.returncode == 0
    text = template.stdout.replace("data:msh15-52", str(event_file))
    (tmp_path / "my.yaml").write_text(text)
    checked = run_command("check", "my.yaml", cwd=tmp_path)
    assert checked.returncode == 0, checked.stderr
    assert "tasks: 0 done already" in checked.stdout
    listed = {line.split()[0] for line in checked.stdout.splitlines()}
    # nothing is fitted unless asked for
    optional = {"spectra", "spectral_parts", "spectral_fits", "spectral_results", "profiles"}
    assert {stage.name for stage in SOURCES.stages} - listed == optional
    assert sorted(p.name for p in tmp_path.iterdir()) == ["my.yaml"]
    doctor = run_command("doctor", "--json", tmp_path / "d.json")
    assert doctor.returncode == 0
    told = json.loads((tmp_path / "d.json").read_text())
    assert {"chandra", "erosita", "ixpe"} <= set(told["missions"])
    assert re.match(r"\d+\.\d+", told["models"]["version"])
    assert f"in {told['models']['folder']}" in doctor.stdout
    assert "MISSING" not in doctor.stdout


def test_doctor_without_a_library_of_models(
    run_process: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADAS", str(tmp_path))
    doctor = run_process("doctor", "--json", tmp_path / "d.json")
    assert doctor.returncode == 0
    assert "has no XSPEC models" in doctor.stdout
    told = json.loads((tmp_path / "d.json").read_text())
    assert told["models"] == {"version": None, "folder": None, "of_packages": {}}


@pytest.mark.parametrize("frame", ["ICRS", "FK4", "galactic", "rotated", "compressed"])
def test_positions_are_icrs_whatever_the_image(
    run_command: Run, tmp_path: Path, frame: str
) -> None:
    wcs = WCS(naxis=2)
    galactic = frame == "galactic"
    wcs.wcs.ctype = ["GLON-TAN", "GLAT-TAN"] if galactic else ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.crpix = [120.0, 50.0], [150.0, 120.0]
    angle, pixel = np.radians(40 if frame == "rotated" else 0), 2 / 3600
    turn = np.array([[-np.cos(angle), np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    wcs.wcs.cd = pixel * turn
    if frame == "FK4":
        wcs.wcs.radesys, wcs.wcs.equinox = "FK4", 1950.0
    generator = np.random.default_rng(2)
    data = generator.poisson(0.05, (240, 300)).astype(np.int32)
    place = np.round(generator.normal((200.3, 90.6), 1.0, (400, 2))).astype(int)
    np.add.at(data, (place[:, 1], place[:, 0]), 1)
    kind = fits.CompImageHDU if frame == "compressed" else fits.ImageHDU
    path = tmp_path / "counts.fits"
    fits.HDUList([fits.PrimaryHDU(), kind(data, wcs.to_header())]).writeto(path)
    done = run_command("detect", path, "-o", tmp_path / "sources.fits")
    assert done.returncode == 0, done.stderr
    best = Table.read(tmp_path / "sources.fits")[0]
    found = SkyCoord(best["ra"], best["dec"], unit="deg")
    assert found.separation(wcs.pixel_to_world(200.3, 90.6).icrs).arcsec < 0.5


def test_rows_without_numbers_are_left_out_and_counted(
    run_command: Run, event_file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "gaps.fits"
    with fits.open(event_file) as hdus:
        data = hdus["EVENTS"].data
        for number, name in enumerate(("x", "y", "energy", "time")):
            data[name][10 * number : 10 * number + 10] = np.nan
        rows = len(data)
        hdus.writeto(path)
    done = run_command("info", path, "--json", tmp_path / "i.json")
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "i.json").read_text())
    assert result["events"] == rows - 40
    assert "40 events whose time, place or energy is not a number are left out" in done.stdout
    done = run_command("detect", path, "-o", tmp_path / "sources.fits", *COARSEST)
    assert done.returncode == 0, done.stderr
    assert len(Table.read(tmp_path / "sources.fits")) == 2


def test_any_bands_may_be_searched_and_measured(
    run_command: Run, event_file: Path, tmp_path: Path
) -> None:
    output = tmp_path / "sources.fits"
    done = run_command("detect", event_file, "-o", output, "--band", "0.5-2", "--band", "2-7",
                       "--measure-band", "0.5-7", "--measure-band", "1-3.5", *COARSEST)  # fmt: skip
    assert done.returncode == 0, done.stderr
    table = Table.read(output)
    assert {"counts_b", "counts_1000_3500"} <= set(table.colnames)
    assert set(table["detection_band"]) <= {"500_2000", "h"}
    query = run_command("catalog", "query", output, "--where", "counts_1000_3500 < counts_b")
    assert query.returncode == 0, query.stderr
    done = run_command("detect", event_file, "-o", output, "--band", "0.5-2", *COARSEST)
    assert done.returncode == 0, done.stderr
    assert "rate_500_2000_upper" in Table.read(output).colnames
    fine = [("0.5001-2", "500p1_2000"), ("0.5002-2", "500p2_2000")]
    done = run_command(
        "detect",
        event_file,
        "-o",
        output,
        "--band",
        fine[0][0],
        "--band",
        fine[1][0],
        *COARSEST,
    )
    assert done.returncode == 0, done.stderr
    assert {f"counts_{label}" for _, label in fine} <= set(Table.read(output).colnames)


def test_marginal_only_ever_adds(run_command: Run, event_file: Path, tmp_path: Path) -> None:
    numbers = []
    for options in ([], ["--marginal"]):
        output = tmp_path / f"{len(options)}.fits"
        done = run_command(
            "detect", event_file, "-o", output, "--threshold", 8, *options, *COARSEST
        )
        assert done.returncode == 0, done.stderr
        numbers.append(len(Table.read(output)))
    assert numbers[0] <= numbers[1]
    assert numbers[0] > 2


@pytest.mark.parametrize("way", ["| true", ">&-"])
def test_nobody_reads_the_output(way: str, event_file: Path, tmp_path: Path) -> None:
    """A closed pipe is no bug, nor is a closed stream; the JSON is there, and so are errors."""
    program = f"{sys.executable} -c 'from xsurvey.cli.main import main; main()'"
    result = tmp_path / "result.json"
    command = f"{program} info {event_file} --json {result} {way}; echo ${{PIPESTATUS[0]}}"
    command += f"; {program} nonsense {way}; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["0", "2"]
    assert json.loads(result.read_text())["mission"] == "chandra"
    assert done.stderr.startswith("xsurvey: error: ")
    assert len(done.stderr.splitlines()) == 1


def test_results_are_written_where_their_lines_are_not_read(tmp_path: Path) -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    result = tmp_path / "result.json"
    with redirect_stdout(Closed()), pytest.raises(BrokenPipeError):
        show_result(["a", "b"], result, {"value": 1.5})
    assert json.loads(result.read_text()) == {"value": 1.5}


def test_examples_in_the_help_keep_their_lines(run_command: Run) -> None:
    for command in ("info", "image", "detect", "simulate", "run", "init"):
        text = run_command(command, "--help").stdout
        assert "\\b" not in text
        assert f"\n    xsurvey {command} " in text


def test_null_rows_are_left_out(run_command: Run, event_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "null.fits"
    with fits.open(event_file) as hdus:
        old = hdus["EVENTS"]
        x = np.round(old.data["x"]).astype(np.int32)
        x[:20] = -999
        columns = [
            fits.Column("x", "1J", null=-999, array=x)
            if c.name == "x"
            else fits.Column(c.name, c.format, unit=c.unit, array=old.data[c.name])
            for c in old.columns
        ]
        new = fits.BinTableHDU.from_columns(columns, name="EVENTS")
        for key in old.header:
            if key not in new.header:
                new.header[key] = old.header[key]
        fits.HDUList([hdus[0], new, *hdus[2:]]).writeto(path)
    done = run_command("info", path)
    assert done.returncode == 0, done.stderr
    assert "20 events whose time, place or energy is not a number" in done.stdout
