"""``xsurvey profile``: keys, files, fits, and one line for everything that is wrong."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from xsurvey.imaging.sky_image import SkyImage, read_sky_image
from xsurvey.profiles.bin_flags import BinFlag
from xsurvey.profiles.profile_tables import read_profiles
from xsurvey.units import SkyPosition

from .images import CENTRE, flat, poisson, wcs_of

Call = Callable[..., tuple[int, str, str]]
RING = ["--bin-size", "30arcsec", "--max-radius", "4arcmin"]
WHERE = ["--center", f"{CENTRE.ra},{CENTRE.dec}", *RING]
NORM, RC, BETA, SKY = 0.3, 0.8, 0.65, 0.004
KEYS = {"radius_arcmin", "radius_width_arcmin", "brightness", "brightness_err", "brightness_lower",
        "brightness_upper", "counts", "background_counts", "exposure_s", "area_arcmin2",
        "flags"}  # fmt: skip


def cluster(radius: np.ndarray) -> np.ndarray:
    return NORM * (1 + (radius / RC) ** 2) ** (0.5 - 3 * BETA) + SKY


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return an image of a cluster and its maps."""
    folder = tmp_path_factory.mktemp("cluster")
    exposure = flat(20_000.0)
    exposure.data[:8] = 0
    counts = poisson(cluster, exposure, 11, background=0.2)
    counts.stamps.update(EXPOSURE=20_000.0, BAND_LO=0.5, BAND_HI=2.0, OBJECT="a cluster")
    maps = {
        "image": counts, "exposure": replace(exposure, unit="s"), "background": flat(0.2),
        "small": flat(1.0, 51), "negative": flat(-1.0),
        "shifted": flat(1.0, wcs=wcs_of(centre=SkyPosition(CENTRE.ra, CENTRE.dec + 0.1))),
        "zero": flat(0.0),
    }  # fmt: skip
    paths = {}
    for name, image in maps.items():
        paths[name] = folder / f"{name}.fits"
        image.write(paths[name])
    for name, text in {
        "source": f'fk5\ncircle({CENTRE.ra},{CENTRE.dec},40")\n',
        "everything": f"fk5\ncircle({CENTRE.ra},{CENTRE.dec},1d)\n",
    }.items():
        paths[name] = folder / f"{name}.reg"
        paths[name].write_text(text)
    return paths


@pytest.fixture
def maps(files: dict[str, Path]) -> list[object]:
    return ["--exposure", files["exposure"], "--background", files["background"]]


def measured(call: Call, tmp_path: Path, *arguments: object) -> dict:
    path = tmp_path / "p.json"
    status, _, error = call("profile", *arguments, "--json", path)
    assert status == 0, error

    def refuse(text: str) -> None:
        raise AssertionError(text)

    return json.loads(path.read_text(), parse_constant=refuse)


def test_keys_are_those_of_the_contract(
    files: dict[str, Path], maps: list[object], call: Call, tmp_path: Path
) -> None:
    result = measured(call, tmp_path, files["image"], *WHERE, *maps)
    assert set(result) >= KEYS | {"fits"}
    assert {len(result[key]) for key in KEYS} == {8}
    assert result["radius_arcmin"] == pytest.approx(np.arange(8) * 0.5 + 0.25)
    assert result["radius_width_arcmin"] == pytest.approx([0.5] * 8)
    with_psf = measured(call, tmp_path, files["image"], *WHERE, *maps, "--psf", "king:20arcsec,2")
    assert with_psf["brightness"] == result["brightness"]
    assert any("PSF" in note for note in with_psf["notes"])
    assert result["fits"] == {} and result["band"] == [0.5, 2.0]
    image, radius = read_sky_image(files["image"]), None
    radius = image.grid.off_axis(CENTRE)
    inside = (radius >= 0.5) & (radius < 1.0)
    assert result["counts"][1] == image.data[inside].sum()
    net = image.data[inside].sum() - 0.2 * inside.sum()
    area = inside.sum() * 0.01
    assert result["area_arcmin2"][1] == pytest.approx(area, rel=1e-6)
    assert result["exposure_s"][1] == pytest.approx(20_000)
    assert result["brightness"][1] == pytest.approx(net / area / 20_000, rel=1e-5)
    error = np.sqrt(result["counts"][1]) / area / 20_000
    assert result["brightness_err"][1] == pytest.approx(error, rel=1e-5)


@pytest.mark.parametrize("stat", ["cstat", "chi2"])
def test_a_beta_model_is_recovered(
    stat: str, files: dict[str, Path], maps: list[object], call: Call, tmp_path: Path
) -> None:
    result = measured(
        call, tmp_path, files["image"], *WHERE, *maps, "--fit", "beta", "--stat", stat
    )
    fit = result["fits"]["beta"]
    assert fit["statistic"]["name"] == stat
    assert fit["statistic"]["dof"] == 4
    truth = {"norm": NORM, "rc": RC, "beta": BETA, "background": SKY}
    assert set(fit["parameters"]) == set(truth)
    for name, value in truth.items():
        found = fit["parameters"][name]
        assert set(found) >= {"value", "lower", "upper", "confidence", "unit", "frozen"}
        half = (found["upper"] - found["lower"]) / 2
        assert abs(found["value"] - value) < 3.5 * half
        assert 0 < half < 0.3 * value
    assert fit["parameters"]["rc"]["unit"] == "arcmin"


def test_the_psf_is_taken_out(files: dict[str, Path], call: Call, tmp_path: Path) -> None:
    """A blurred cluster is as wide as it is only if the model is folded with the PSF."""
    from scipy.ndimage import gaussian_filter

    exposure = flat(50_000.0)
    radius = exposure.grid.off_axis(CENTRE)
    sky = gaussian_filter(cluster(radius), 4.0, mode="nearest") * 50_000 * 0.01
    counts = np.random.default_rng(2).poisson(sky).astype(float)
    SkyImage(counts, exposure.grid, "count").write(tmp_path / "blurred.fits")
    exposure.write(tmp_path / "exposure.fits")
    psf = np.zeros((41, 41))
    psf[20, 20] = 1
    SkyImage(gaussian_filter(psf, 4.0), flat(0, 41).grid, "").write(tmp_path / "psf.fits")
    options = [tmp_path / "blurred.fits", "--exposure", tmp_path / "exposure.fits", *WHERE,
               "--fit", "beta"]  # fmt: skip
    core = {}
    for name in ("gaussian:24arcsec", str(tmp_path / "psf.fits"), ""):
        psf_option = ["--psf", name] if name else []
        core[name] = measured(call, tmp_path, *options, *psf_option)["fits"]["beta"]["parameters"][
            "rc"
        ]
    assert core[""]["lower"] > RC * 1.1
    for name in list(core)[:2]:
        half = (core[name]["upper"] - core[name]["lower"]) / 2
        assert abs(core[name]["value"] - RC) < 3 * half


def test_everything_that_can_be_written(
    files: dict[str, Path], maps: list[object], call: Call, tmp_path: Path
) -> None:
    names = {k: tmp_path / v for k, v in
             {"-o": "p.fits", "--figure": "p.png", "--residuals": "r.fits"}.items()}  # fmt: skip
    outputs = [part for pair in names.items() for part in pair]
    result = measured(
        call, tmp_path, files["image"], *WHERE, *maps, "--fit", "beta", "--fit", "power_law",
        "--sectors", "4", "--median", "--background-error", "0.05", "--exclude", files["source"],
        "--freeze", "beta=0.65", *outputs,
    )  # fmt: skip
    assert list(result["fits"]) == ["beta", "power_law"]
    assert result["fits"]["beta"]["parameters"]["beta"]["frozen"] is True
    assert result["fits"]["beta"]["parameters"]["beta"]["lower"] is None
    assert len(result["sectors"]) == 4 and set(result["sectors"][0]["fits"]) == set(result["fits"])
    total = np.sum([s["counts"] for s in result["sectors"]], axis=0)
    assert total.tolist() == result["counts"]
    assert len(result["median"]) == len(result["azimuthal_scatter"]["value"]) == 8
    assert result["flags"][0] == BinFlag.MASKED
    assert result["brightness"][0] is None and result["area_arcmin2"][0] == 0
    assert max(result["brightness_systematic"][1:]) > 0
    profiles, header = read_profiles(names["-o"])
    assert len(profiles) == 5
    assert header["E_MIN"] == 0.5 and header["OBJECT"] == "a cluster"
    assert "sha256" in str(header["HISTORY"])
    assert names["--figure"].read_bytes().startswith(b"\x89PNG")
    with fits.open(names["--residuals"]) as hdus:
        assert [h.name for h in hdus] == ["PRIMARY", "RATIO", "MODEL"]
        assert np.nanstd(hdus[0].data) == pytest.approx(1, abs=0.3)


def test_bins_are_significant_above_the_sky(
    files: dict[str, Path], maps: list[object], call: Call, tmp_path: Path
) -> None:
    options = [files["image"], *WHERE, *maps, "--sky", "3arcmin,4.5arcmin", "--sectors", "12"]
    result = measured(call, tmp_path, *options, "-o", tmp_path / "p.fits")
    sigma = result["significance"]
    assert sigma[0] > 8 and np.all(np.diff(sigma[2:6]) < 0)
    assert sigma[6:] == [None, None]  # within the ring
    sky = result["sky"]
    expected = cluster(np.array([3.6]))[0]
    assert abs(sky["level"] - expected) < 4 * sky["level_error"]
    assert len(result["sectors"][0]["significance"]) == 8
    assert read_profiles(tmp_path / "p.fits")[0][0]["significance"][0] == pytest.approx(sigma[0])
    assert "sigma" in call("profile", *options)[1]


def test_adaptive_bins_and_sectors_and_ellipses(
    files: dict[str, Path], maps: list[object], call: Call, tmp_path: Path
) -> None:
    fine = ["--center", f"{CENTRE.ra},{CENTRE.dec}", "--bin-size", "6arcsec", "--max-radius",
            "4arcmin"]  # fmt: skip
    result = measured(call, tmp_path, files["image"], *fine, *maps, "--bins", "counts:500")
    assert min(result["counts"]) >= 500 and len(result["counts"]) > 5
    result = measured(call, tmp_path, files["image"], *fine, *maps, "--bins", "snr:15")
    net = np.subtract(result["counts"], result["background_counts"])
    assert (net / np.sqrt(result["counts"]))[:-1].min() >= 15
    result = measured(call, tmp_path, files["image"], *fine, *maps, "--bins", "log:9")
    assert len(result["counts"]) == 9
    turned = measured(
        call, tmp_path, files["image"], *fine, *maps, "--ellipse", "2,30", "--sector", "300,60"
    )
    assert turned["sector"] == [300, 60]
    assert turned["ellipse"] == {"axis_ratio": 2, "angle_deg": 30}


def test_an_image_alone_has_an_approximate_exposure(
    files: dict[str, Path], call: Call, tmp_path: Path
) -> None:
    result = measured(call, tmp_path, files["image"], *WHERE)
    assert result["exposure_map"] == "APPROX"
    assert all(flag & BinFlag.EXPOSURE_APPROXIMATE for flag in result["flags"])
    assert result["exposure_s"] == pytest.approx([20_000.0] * 8)
    assert any("approximate" in note for note in result["notes"])
    bare = tmp_path / "bare.fits"
    image = read_sky_image(files["image"])
    SkyImage(image.data, image.grid, "count").write(bare)
    relative = measured(call, tmp_path, bare, *WHERE)
    assert relative["brightness"] == [None] * 8 and relative["exposure_s"] == [None] * 8
    assert relative["counts"] == result["counts"]
    status, _, error = call("profile", bare, *WHERE, "--fit", "beta")
    assert status == 2 and "--fit: needs exposure" in error


def test_a_ring_without_exposure_is_flagged(
    files: dict[str, Path], call: Call, tmp_path: Path
) -> None:
    exposure = flat(20_000.0)
    radius = exposure.grid.off_axis(CENTRE)
    exposure.data[(radius >= 1) & (radius < 1.5)] = 0
    exposure.write(tmp_path / "ring.fits")
    result = measured(
        call, tmp_path, files["image"], *WHERE, "--exposure", tmp_path / "ring.fits", "--fit",
        "beta",
    )  # fmt: skip
    assert result["flags"][2] == BinFlag.NOT_EXPOSED
    assert result["brightness"][2] is None and result["exposure_s"][2] == 0
    assert result["fits"]["beta"]["statistic"]["dof"] == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--center", "10,10", *RING], ["--center", "outside the image"]),
        (["--center", "10", *RING], ["--center", "RA,DEC"]),
        (RING, ["--center", "is required"]),
        (WHERE[:4], ["--max-radius", "is required"]),
        ([*WHERE[:2], *RING[2:]], ["--bin-size", "is required"]),
        ([*WHERE, "--bin-size", "5arcmin"], ["--bin-size", "larger"]),
        ([*WHERE, "--bin-size", "1mas"], ["--bin-size", "bins"]),
        ([*WHERE, "--bin-size", "-1arcsec"], ["--bin-size", "greater than 0"]),
        ([*WHERE, "--bin-size", "30"], ["--bin-size", "unit"]),
        ([*WHERE, "--bins", "snr"], ["--bins", "snr:N"]),
        ([*WHERE, "--sector", "30,30"], ["--sector", "empty"]),
        ([*WHERE, "--sector", "30"], ["--sector", "A0,A1"]),
        ([*WHERE, "--sector", "30,90", "--sectors", "4"], ["--sector", "as well as"]),
        ([*WHERE, "--ellipse", "0,30"], ["--ellipse", "ratio"]),
        ([*WHERE, "--ellipse", "2"], ["--ellipse", "RATIO,ANGLE"]),
        ([*WHERE, "--psf", "gaussian:x"], ["--psf", "angle"]),
        ([*WHERE, "--psf", "round"], ["--psf", "neither"]),
        ([*WHERE, "--fit", "betta"], ["--fit", "beta"]),
        ([*WHERE, "--fit", "beta", "--freeze", "rcc=1"], ["--freeze", "rcc"]),
        ([*WHERE, "--fit", "beta", "--freeze", "rc"], ["--freeze", "name=value"]),
        ([*WHERE, "--sky", "3,4"], ["--sky", "unit"]),
        ([*WHERE, "--sky", "4arcmin,3arcmin"], ["--sky", "INNER,OUTER"]),
        ([*WHERE, "--sky", "20arcmin,30arcmin"], ["--sky", "no exposure"]),
        ([*WHERE, "--stat", "wstat"], ["--stat"]),
        ([*WHERE, "--background-error", "2"], ["--background-error"]),
        ([*WHERE, "--exposure", "{small}"], ["small.fits", "shape"]),
        ([*WHERE, "--exposure", "{shifted}"], ["shifted.fits", "sky coordinates"]),
        ([*WHERE, "--exposure", "{zero}"], ["zero.fits", "zero everywhere"]),
        ([*WHERE, "--exposure", "{negative}"], ["negative.fits", "negative"]),
        ([*WHERE, "--background", "{negative}"], ["negative.fits", "negative"]),
        ([*WHERE, "--background", "{small}"], ["small.fits", "shape"]),
        ([*WHERE, "--exclude", "{everything}"], ["image.fits", "masked"]),
        ([*WHERE, "--exclude", "{image}"], ["image.fits", "region"]),
        ([*WHERE, "--mask", "{zero}"], ["image.fits", "masked"]),
        ([*WHERE, "--mask", "{small}"], ["small.fits", "shape"]),
        ([*WHERE, "--residuals", "{new}"], ["--residuals", "--fit"]),
        ([*WHERE, "--figure", "figure.pdf"], ["--figure", "PNG"]),
        ([*WHERE, "--json", "{image}"], ["image.fits", "input"]),
        ([*WHERE, "--psf", "{small}", "--json", "{small}"], ["small.fits", "input"]),
        ([*WHERE, "--fit", "beta", "--psf", "{negative}"], ["negative.fits", "negative"]),
        ([*WHERE, "--fit", "beta", "--psf", "{source}"], ["source.reg", "FITS"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line(
    options: list[str], words: list[str], files: dict[str, Path], call: Call, tmp_path: Path
) -> None:
    places = {**{k: str(v) for k, v in files.items()}, "new": str(tmp_path / "new.fits")}
    given = [o.format(**places) for o in options]
    output = tmp_path / "p.fits"
    status, out, error = call("profile", files["image"], *given, "-o", output)
    last = error.rstrip("\n").splitlines()[-1]
    assert status == 2, error
    assert out == ""
    assert last.startswith("xsurvey: error: ") and "; " in last
    assert "Traceback" not in error
    for word in words:
        assert word in last, last
    assert list(tmp_path.iterdir()) == []


def test_a_sector_off_the_exposure(files: dict[str, Path], call: Call, tmp_path: Path) -> None:
    exposure = flat(1000.0)
    exposure.data[:, :51] = 0  # the east
    exposure.write(tmp_path / "west.fits")
    options = [*WHERE, "--exposure", tmp_path / "west.fits"]
    status, _, error = call("profile", files["image"], *options, "--sector", "50,130")
    assert status == 2 and "no pixel of the sector was exposed" in error
    result = measured(
        call, tmp_path, files["image"], *options, "--sectors", "2", "--fit", "power_law"
    )
    assert result["sectors"][0]["flags"] == [BinFlag.NOT_EXPOSED] * 8
    assert result["azimuthal_scatter"]["value"] == [None] * 8
    assert result["sectors"][0]["fits"] == {} and set(result["sectors"][1]["fits"]) == {"power_law"}
    assert any("sector 0,180: not fitted" in note for note in result["notes"])


def test_events_are_no_image(event_file: Path, call: Call) -> None:
    status, _, error = call("profile", event_file, *WHERE)
    assert status == 2 and "is an event file" in error
