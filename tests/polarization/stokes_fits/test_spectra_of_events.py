"""``xsurvey polarization spectrum``: what it writes, against ixpeobssim, and fitted."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from xsurvey.io.ogip.arf import read_arf
from xsurvey.io.ogip.pha import read_single_pha
from xsurvey.io.ogip.stokes import STOKES, area_kind, stokes_parameter
from xsurvey.missions.ixpe_stokes import find_stokes_responses

from ...mission_files import write_ixpe
from ..conftest import needs_responses, polarized_columns
from ..drawn_observations import draw_observation

IRF = "ixpe:obssim20240101:v13"
DEGREE, ANGLE, INDEX = 0.3, 35.0, 2.0


@pytest.fixture(scope="module")
def polarized_units(weighted_units: list[Path], tmp_path_factory: pytest.TempPathFactory
                    ) -> list[Path]:  # fmt: skip
    """Files of the simulator with random weights, and angles of polarized photons.

    Weights are in double precision, since ixpeobssim sums in that of the column.
    """
    folder = tmp_path_factory.mktemp("polarized")
    found = []
    for unit, path in enumerate(weighted_units, start=1):
        with fits.open(path) as hdus:
            data = hdus["EVENTS"].data
            columns = polarized_columns(len(data), seed=unit, degree=0.5)
            data["Q"], data["U"] = columns["Q"][1], columns["U"][1]
            made = [
                fits.Column(c.name, "D" if c.name == "W_MOM" else c.format, array=data[c.name])
                for c in hdus["EVENTS"].columns
            ]
            table = fits.BinTableHDU.from_columns(made, header=hdus["EVENTS"].header)
            hdus[hdus.index_of("EVENTS")] = table
            hdus.writeto(folder / path.name)
        found.append(folder / path.name)
    return found


@pytest.fixture(scope="module")
def theirs(polarized_units: list[Path], tmp_path_factory: pytest.TempPathFactory) -> dict:
    home = tmp_path_factory.mktemp("home")
    script = Path(__file__).parents[1] / "spectrum_peer.py"
    done = subprocess.run(
        [sys.executable, str(script), IRF, *map(str, polarized_units)], capture_output=True,
        text=True, check=False, cwd=home,
        env={**os.environ, "HOME": str(home), "MPLBACKEND": "Agg"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    (line,) = [x for x in done.stdout.splitlines() if x.startswith("RESULT")]
    return json.loads(line.removeprefix("RESULT"))


@pytest.mark.parametrize("weighted", [False, True])
def test_rates_are_those_of_ixpeobssim(
    theirs: dict, polarized_units: list[Path], tmp_path: Path, run_command: Callable, weighted: bool
) -> None:
    done = run_command(
        "polarization", "spectrum", *polarized_units, "-o", tmp_path / "made",
        "--weighted" if weighted else "--no-weighted",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for stokes in STOKES:
        for unit, their in enumerate(theirs[f"{stokes}{weighted}"], start=1):
            path = tmp_path / f"made_du{unit}_{stokes.lower()}.pha"
            with fits.open(path) as hdus:
                table, header = hdus["SPECTRUM"].data, hdus["SPECTRUM"].header
            rate, error = np.array(their["rate"]), np.array(their["error"])
            assert np.count_nonzero(rate) > 20
            assert table["RATE"] == pytest.approx(rate, rel=1e-6, abs=1e-12)
            assert table["STAT_ERR"] == pytest.approx(error, rel=1e-6, abs=1e-12)
            assert header["EXPOSURE"] == pytest.approx(their["exposure"], rel=1e-6)
            assert header["XFLT0001"] == their["xflt"]
            assert header["DETNAM"] == f"DU{unit}"
            # without a region areas are those that they name
            named = "arf" if stokes == "I" else "mrf"
            area = read_arf(path.with_name(header["ANCRFILE"]))
            package = Path(find_package()) / "caldb/ixpe/gpd/cpf" / named
            own = read_arf(package / Path(their["arf"]).name)
            assert area.effective_area == pytest.approx(own.effective_area, rel=1e-6)


def find_package() -> str:
    import importlib.util

    spec = importlib.util.find_spec("ixpeobssim")
    assert spec is not None and spec.submodule_search_locations
    return next(iter(spec.submodule_search_locations))


@pytest.fixture
def regions(tmp_path: Path) -> tuple[Path, Path]:
    """A circle about the source and a ring around it, nine times as large."""
    source, background = tmp_path / "source.reg", tmp_path / "background.reg"
    source.write_text('icrs\ncircle(150.0,2.2,60")\n')
    background.write_text('icrs\nannulus(150.0,2.2,120",216.333")\n')
    return source, background


Spectrum = Callable[..., dict]


@pytest.fixture
def spectrum(run_command: Callable, tmp_path: Path) -> Spectrum:
    """Return a function that makes spectra and gives the JSON."""

    def run(paths: list[Path], *arguments: object, prefix: str = "made") -> dict:
        out = tmp_path / f"{prefix}.json"
        done = run_command("polarization", "spectrum", *paths, "-o", tmp_path / prefix, "--json",
                           out, *arguments)  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(out.read_text())

    return run


@needs_responses
def test_files_and_what_they_name(
    spectrum: Spectrum, regions: tuple[Path, Path], tmp_path: Path
) -> None:
    paths = draw_observation(tmp_path, norm=0.5)
    found = spectrum(paths[::-1], "--region", regions[0], "--background-region", regions[1])
    assert [u["unit"] for u in found["units"]] == ["DU1", "DU2", "DU3"]
    for number, unit in enumerate(found["units"], start=1):
        assert unit["livetime_s"] == pytest.approx(900)
        assert unit["background_scale"] == pytest.approx(1 / 9, rel=0.01)
        # 90 % within 30.4" by the PSF, and what is in the header
        assert 0.97 < unit["psf_fraction"] < 0.999
        files = {key: tmp_path / name for key, name in unit["files"].items()}
        assert files["I"].name == f"made_du{number}_i.pha"
        for stokes in STOKES:
            own, back = (read_single_pha(files[k]) for k in (stokes, f"background_{stokes}"))
            assert stokes_parameter(own) == stokes_parameter(back) == stokes
            assert own.background_file == files[f"background_{stokes}"].name
            assert own.response_file == f"made_du{number}.rmf"
            kind = "arf" if stokes == "I" else "mrf"
            assert own.ancillary_file == f"made_du{number}.{kind}"
            area = read_arf(files[kind])
            assert area_kind(area) == ("area" if stokes == "I" else "modulated area")
            assert own.backscal[0] / back.backscal[0] == pytest.approx(unit["background_scale"])
            assert own.exposure == back.exposure == pytest.approx(900)
            # a circle of 1', in square degrees
            assert own.backscal[0] == pytest.approx(np.pi / 3600, rel=0.01)
            assert own.header["OBS_ID"] == "01003199"
            assert own.header["PSFFRAC"] == unit["psf_fraction"]
            assert (own.header["TSTART"], own.header["TSTOP"]) == (7e8, 7e8 + 1000)
        with fits.open(files["I"]) as hdus:
            history = "".join(str(hdus["SPECTRUM"].header["HISTORY"]).split("\n"))
        assert all(p.name in history for p in (*paths, *regions)) and "weighted = False" in history
        onaxis = find_stokes_responses((number,), "2022-03-07").units[0]
        middle = np.searchsorted(onaxis.arf.energy_low, 3.0)
        ratio = read_arf(files["arf"]).effective_area / onaxis.arf.effective_area
        assert ratio[middle] == pytest.approx(unit["psf_fraction"], abs=0.005)
        modulated = read_arf(files["mrf"]).effective_area / onaxis.mrf.effective_area
        assert modulated == pytest.approx(ratio)
        counts = read_single_pha(files["I"]).counts.sum()
        assert counts == pytest.approx(unit["counts"]) == pytest.approx(unit["effective_counts"])


@needs_responses
@pytest.mark.parametrize("weighted", [False, True])
def test_the_injected_polarization_comes_out(
    spectrum: Spectrum, run_command: Callable, regions: tuple[Path, Path], tmp_path: Path,
    weighted: bool,
) -> None:  # fmt: skip
    paths = draw_observation(
        tmp_path, seed=7, degree=DEGREE, angle=ANGLE, index=INDEX, weighted=weighted
    )
    options = ("--region", regions[0], "--background-region", regions[1])
    found = spectrum(paths, *options, *(["--weighted"] if weighted else []))
    assert found["responses"]["weighting"] == ("neff" if weighted else "none")
    assert all(("alpha075" in name) == weighted for name in found["responses"]["files"])
    spectra = [tmp_path / unit["files"][s] for unit in found["units"] for s in STOKES]
    out = tmp_path / "fit.json"
    done = run_command(
        "polarization", "fit", *spectra, "--model", "polconst*powerlaw", "--energy", "2-8",
        "--group", "min30", "--unit-norms", "one", "--json", out,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text())
    expected = {"polconst.A": DEGREE, "polconst.psi": ANGLE, "powerlaw.PhoIndex": INDEX,
                "powerlaw.norm": 2.0}  # fmt: skip
    for name, truth in expected.items():
        record = result["parameters"][name]
        assert abs(record["value"] - truth) < 1.5 * (record["upper"] - record["lower"]), name
    assert result["no_polarization"]["significance"] > 7
    assert result["goodness"]["p_value"] > 1e-3


@needs_responses
def test_extended_sources_given_scales_and_no_region(
    spectrum: Spectrum, regions: tuple[Path, Path], tmp_path: Path
) -> None:
    paths = draw_observation(tmp_path, norm=0.1)
    both = ("--region", regions[0], "--background-region", regions[1])
    point = spectrum(paths, *both, prefix="point")
    wide = spectrum(paths, *both, "--source-type", "extended", prefix="wide")
    areas = [read_arf(tmp_path / f"{name}_du1.arf").effective_area for name in ("point", "wide")]
    fraction = point["units"][0]["psf_fraction"]
    # beside the fraction only vignetting over the region, which is stronger at high energies
    assert (areas[0] / areas[1])[:50] == pytest.approx(fraction, abs=0.005)
    assert wide["units"][0]["psf_fraction"] is None
    given = spectrum(paths, *both, "--background-scale", "0.5", prefix="given")
    files = given["units"][0]["files"]
    own, back = (read_single_pha(tmp_path / files[k]) for k in ("I", "background_I"))
    assert own.backscal[0] / back.backscal[0] == pytest.approx(0.5)
    everything = spectrum(paths[:1], prefix="all.pha")
    assert everything["units"][0]["files"]["I"] == "all_du1_i.pha"
    assert not any(key.startswith("background") for key in everything["units"][0]["files"])
    assert any("those on the axis" in note for note in everything["notes"])
    onaxis = find_stokes_responses((1,), "2022-03-07").units[0].arf.effective_area
    assert read_arf(tmp_path / "all_du1.arf").effective_area == pytest.approx(onaxis)


@needs_responses
def test_a_unit_without_events_is_left_out(
    spectrum: Spectrum, regions: tuple[Path, Path], tmp_path: Path
) -> None:
    paths = draw_observation(tmp_path, norm=0.1)
    columns = {
        name: (form, values[:100]) for name, (form, values) in polarized_columns().items()
    }  # fmt: skip
    columns["X"] = columns["Y"] = ("E", np.linspace(200, 220, 100))
    columns["TIME"] = ("D", 7e8 + np.linspace(0, 1000, 100))
    write_ixpe(paths[2], 3, columns, MJDREFI=51544)
    found = spectrum(paths, "--region", regions[0])
    assert [u["unit"] for u in found["units"]] == ["DU1", "DU2"]
    assert "DU3: no events in the region, left out" in found["notes"]
    assert not list(tmp_path.glob("made_du3*"))


def test_refused(
    units: list[Path], regions: tuple[Path, Path], tmp_path: Path, run_command: Callable
) -> None:
    prefix = tmp_path / "x"

    def cause(*arguments: object, paths: list[Path] = units) -> str:
        done = run_command("polarization", "spectrum", *paths, "-o", prefix, *arguments)
        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr.splitlines()[-1]

    assert "--background-scale: is given without" in cause("--background-scale", 0.2)
    assert "--irf" in cause("--irf", "nowhere")
    empty = tmp_path / "empty.reg"
    empty.write_text('icrs\ncircle(150.0,2.2,0.001")\n')
    for given in (("--region", empty), ("--background-region", regions[1])):
        assert "error" in cause(*given)
    without = write_ixpe(
        tmp_path / "no_q.fits", 1,
        {k: v for k, v in polarized_columns().items() if k not in "QU"}, MJDREFI=51544,
    )  # fmt: skip
    assert "no columns Q, U" in cause(paths=[without])
    assert not list(tmp_path.glob("x*"))
    taken = tmp_path / "x_du1_i.pha"
    units[0].rename(taken)
    assert "error" in cause(paths=[taken])
