"""``xsurvey polarization map`` and ``profile``."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from PIL import Image

from xsurvey.imaging.sky_image import read_sky_image

from .made_fields import direction, disk, write_field, write_responses

Call = Callable[..., object]


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], Path]:
    folder = tmp_path_factory.mktemp("field")
    x, y = disk(40_000, 120, np.random.default_rng(41))
    paths = write_field(folder, x, y, 0.5, direction(x, y), seed=42)
    return paths, write_responses(folder / "caldb")


def is_picture(path: Path) -> bool:
    """Tell whether a file is a picture that has something on it."""
    with Image.open(path) as image:
        return len(np.unique(np.asarray(image.convert("L")))) > 50


def test_map_writes_cubes_trials_and_a_picture(
    field: tuple[list[Path], Path], run_command: Call, tmp_path: Path
) -> None:
    done = run_command(
        "polarization", "map", *field[0], "-o", tmp_path / "map.fits", "--irf", field[1],
        "--ebins", "2,4,8", "--pixel-size", "26arcsec", "--figure", tmp_path / "map.png",
        "--json", tmp_path / "map.json", "--simulations", 30, "--seed", 3,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "map.json").read_text())
    assert [b["energy_max"] for b in result["bins"]] == [4, 8]
    assert result["trials"]["cells"] == sum(b["pixels"] for b in result["bins"]) > 50
    assert result["trials"]["simulations"] == 30
    assert 1 / 31 <= result["trials"]["p_global_simulated"] <= 1
    assert result["most_significant"]["pd"] > 0.3
    assert " trials: p = " in done.stdout
    assert is_picture(tmp_path / "map.png")
    with fits.open(tmp_path / "map.fits") as hdus:
        ny, nx = result["shape"]
        for name in ("COUNTS", "I", "Q_NORM", "U_NORM", "VAR_Q", "PD", "PA", "MDP99", "SIGNIF"):
            assert hdus[name].data.shape == (2, ny, nx)
            assert hdus[name].header["POLCCONV"] == "IAU"
            assert WCS(hdus[name].header).celestial.has_celestial
        assert hdus["PA"].header["BUNIT"] == "deg"
        assert hdus["I"].header["BUNIT"] == "count cm-2"
        header = hdus[0].header
        assert header["PGLOBAL"] == pytest.approx(result["trials"]["p_global"])
        assert header["NSIMUL"] == 30
        assert header["TELESCOP"] == "IXPE"
        assert "sha256" in str(header["HISTORY"])
        assert hdus["COUNTS"].data.sum() == 40_000
        masked = (hdus["FLAGS"].data & 32) > 0
        np.testing.assert_array_equal(np.isnan(hdus["PD"].data), masked)
        degree = np.hypot(hdus["Q_NORM"].data, hdus["U_NORM"].data)
        np.testing.assert_allclose(degree[~masked], hdus["PD"].data[~masked], rtol=1e-5)
        assert list(hdus["ENERGIES"].data["energy_min"]) == [2, 4]


def test_map_of_one_bin_is_an_image(
    field: tuple[list[Path], Path], run_command: Call, tmp_path: Path
) -> None:
    for number, given in enumerate((
        ("--smoothing", "gaussian", "--smoothing-size", "15arcsec"), ("--adaptive", 200),
    )):  # fmt: skip
        done = run_command(
            "polarization", "map", *field[0], "-o", tmp_path / f"{number}.fits", "--irf", field[1],
            "--pixel-size", "13arcsec", "--figure", tmp_path / f"{number}.png", *given,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert is_picture(tmp_path / f"{number}.png")
        with fits.open(tmp_path / f"{number}.fits") as hdus:
            assert hdus["PD"].data.ndim == 2
            assert ("SMOOTH" in hdus[0].header) == (number == 0)
            hdus["PA"].writeto(tmp_path / "angles.fits", overwrite=True)
    assert read_sky_image(tmp_path / "angles.fits").unit == "deg"


def test_profile_writes_a_table_and_a_picture(
    field: tuple[list[Path], Path], run_command: Call, tmp_path: Path
) -> None:
    done = run_command(
        "polarization", "profile", *field[0], "--center", "150,2.2", "--edges", "0,60,120arcsec",
        "--sectors", 2, "--irf", field[1], "-o", tmp_path / "p.fits", "--json",
        tmp_path / "p.json", "--figure", tmp_path / "p.png",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "p.json").read_text())
    assert len(result["annuli"]) == 4
    assert result["total_aligned"][0]["q_norm"] == pytest.approx(0.5, abs=0.08)
    assert result["total_aligned"][0]["alignment_sigma"] > 5
    assert result["trials"]["cells"] == 4
    assert is_picture(tmp_path / "p.png")
    with fits.open(tmp_path / "p.fits") as hdus:
        table = hdus[1]
        assert table.data["counts"].sum() == sum(b["counts"] for b in result["annuli"])
        assert table.columns["radius_min"].unit == "arcsec"
        assert table.columns["aligned_pa_deg"].unit == "deg"
        assert table.data["aligned_q_norm"] == pytest.approx(
            [b["aligned_q_norm"] for b in result["annuli"]]
        )
        assert table.header["MODELDIR"] == "radial"
        assert table.header["NTRIALS"] == 4


def test_too_few_events_are_no_measurement(
    field: tuple[list[Path], Path], run_command: Call, tmp_path: Path
) -> None:
    paths, irf = field
    done = run_command(
        "polarization", "profile", *paths, "--center", "150,2.2", "--edges", "0,1,2arcsec", "--irf",
        irf, "--json", tmp_path / "p.json", "--figure", tmp_path / "p.png",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "p.json").read_text())
    for record in (*result["annuli"], *result["total_aligned"]):
        assert record["pd"] is None
        assert record["q_norm"] is None
        assert "masked" in record["flags"]
    assert result["total_aligned"][0]["counts"] > 0
    assert result["most_significant"] is None
    assert "no annuli or sectors have enough events" in done.stderr
    done = run_command(
        "polarization", "map", *paths, "--center", "150,2.2", "--map-radius", "20arcsec",
        "--pixel-size", "2.6arcsec", "--irf", irf, "-o", tmp_path / "m.fits", "--figure",
        tmp_path / "m.png", "--json", tmp_path / "m.json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "m.json").read_text())
    assert result["most_significant"] is None
    assert result["trials"]["p_global"] is None


def test_profile_along_a_map_of_angles(
    field: tuple[list[Path], Path], run_command: Call, tmp_path: Path
) -> None:
    """Constant angles in a map are a constant direction; beyond the map nothing counts."""
    paths, irf = field
    header = fits.Header({
        "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0, "CRVAL2": 2.2, "CRPIX1": 10.5,
        "CRPIX2": 10.5, "CDELT1": -10 / 3600, "CDELT2": 10 / 3600, "BUNIT": "deg",
    })  # fmt: skip
    angles = np.full((20, 20), 25.0)
    angles[:, :10] = np.nan  # the eastern half
    fits.writeto(tmp_path / "angles.fits", angles, header)
    common = ("polarization", "profile", *paths, "--center", "150,2.2", "--edges", "0,80arcsec",
              "--sectors", 2, "--irf", irf)  # fmt: skip
    for name, given in (
        ("map", ("--model", "map", "--model-map", tmp_path / "angles.fits")),
        ("constant", ("--model", "constant", "--model-angle", "25deg")),
    ):
        done = run_command(*common, *given, "--json", tmp_path / f"{name}.json")
        assert done.returncode == 0, done.stderr
    found, expected = (
        json.loads((tmp_path / f"{n}.json").read_text())["annuli"] for n in ("map", "constant")
    )
    assert found[0]["counts"] == 0
    assert found[1]["counts"] == pytest.approx(expected[1]["counts"], rel=0.001)
    assert found[1]["aligned_q_norm"] == pytest.approx(expected[1]["aligned_q_norm"], abs=2e-3)
    assert "masked" in found[0]["flags"]


@pytest.mark.parametrize(
    ("command", "given", "said"),
    [
        ("map", ("-o", "m.fits", "--smoothing", "tophat"), "--smoothing: needs both"),
        ("map", ("-o", "m.png"), "--output: is a FITS file"),
        ("map", ("-o", "m.fits", "--pixel-size", "30"), "--pixel-size"),
        ("map", ("-o", "m.fits", "--background-scale", "1"), "without a background"),
        ("map", ("-o", "m.fits", "--minimum-events", "3"), "--minimum-events"),
        ("map", ("-o", "m.fits", "--estimator", "likelihood"), "'likelihood' is not of maps"),
        ("map", ("-o", "m.fits", "--psf-weights"), "--psf-weights: are of the likelihood"),
        ("map", ("-o", "m.fits", "--adaptive", "50", "--smoothing", "tophat", "--smoothing-size",
                 "1arcmin"), "--adaptive: blocks are not smoothed"),
        ("map", ("-o", "m.fits", "--ebins", "9,10"), "no"),
        ("profile", ("--edges", "0,1arcmin"), "--center: is required"),
        ("profile", ("--center", "150,2.2"), "--edges: is required"),
        ("profile", ("--center", "150,2.2", "--edges", "2,1arcmin"), "--edges: '2,1arcmin'"),
        ("profile", ("--center", "10,2.2", "--edges", "0,1arcmin"), "--center"),
        ("profile", ("--center", "150,2.2", "--edges", "0,1arcmin", "--model", "map", "--model-map",
                     "none.fits"), "none.fits"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(
    field: tuple[list[Path], Path], run_command: Call, tmp_path: Path, command: str,
    given: tuple[str, ...], said: str,
) -> None:  # fmt: skip
    done = run_command("polarization", command, *field[0], "--irf", field[1], *given, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("xsurvey: error: ")
    assert said in last
    assert not list(tmp_path.iterdir())
