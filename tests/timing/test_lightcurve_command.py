import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from xsurvey.timing.files import read_light_curve
from xsurvey.timing.write import write_light_curve

from .conftest import srctool_columns, survey_light_curve, write_table

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def flaring(tmp_path: Path) -> Path:
    write_light_curve(tmp_path / "star.fits", survey_light_curve((0.5, 2.0), flare=6.0))
    return tmp_path / "star.fits"


def strict(text: str) -> dict:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} in JSON")

    return json.loads(text, parse_constant=refuse)


def test_a_flaring_source(flaring: Path, tmp_path: Path, call: Call) -> None:
    output, plot, result = (tmp_path / n for n in ("out.fits", "out.png", "out.json"))
    status, out, _ = call(
        "lightcurve", flaring, "-o", output, "--plot", plot, "--json", result, "--trials", "999"
    )
    assert status == 0
    curve = read_light_curve(flaring)
    lines = out.splitlines()
    assert lines[0] == f"{output}: 12 bins"
    assert lines[1].startswith(f"0.2-0.6 keV: {int(curve.counts[:, 0].sum())} counts, ")
    assert lines[2].endswith("variable (p <= 0.001, 999 trials)")
    assert plot.read_bytes().startswith(b"\x89PNG")
    summary = strict(result.read_text())
    assert summary["bins"] == 12
    assert summary["band"] == "0.6-2.3"  # most counts
    assert [b["band"] for b in summary["bands"]] == ["0.2-0.6", "0.6-2.3"]
    assert summary["counts"] == curve.counts[:, 1].sum()
    assert summary["counts_per_bin"] == curve.counts[:, 1].tolist()
    assert np.allclose(summary["rate"], curve.rate[:, 1])
    mean = summary["mean_rate"]
    assert mean["lower"] < mean["value"] < mean["upper"]
    assert mean["confidence"] == 0.6827
    assert mean["unit"] == "count / s"
    varies = summary["variability"]
    assert varies["variable"] is True
    assert varies["p_value"] == pytest.approx(0.001)
    assert varies["significance"] == 0.01
    assert varies["amplitude_significance"] > 3
    header = fits.getheader(output, "RATE")
    assert header["PVAL2"] == varies["p_value"]
    assert header["VARBL2"] is True
    assert "variability.trials = 999" in str(header["HISTORY"])
    assert "star.fits sha256" in str(header["HISTORY"])
    assert np.array_equal(read_light_curve(output).counts, curve.counts)


def test_the_same_seed_gives_the_same_file(flaring: Path, tmp_path: Path, call: Call) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        arguments = ["--seed", seed, "--trials", 199]
        assert call("lightcurve", flaring, "-o", tmp_path / f"{name}.fits", *arguments)[0] == 0
    data = [(tmp_path / f"{n}.fits").read_bytes() for n in "abc"]
    assert data[0] == data[1] != data[2]


def test_a_constant_source_in_one_band(tmp_path: Path, call: Call) -> None:
    write_light_curve(tmp_path / "quiet.fits", survey_light_curve((0.5, 2.0)))
    result = tmp_path / "out.json"
    status, out, _ = call(
        "lightcurve", tmp_path / "quiet.fits", "-o", tmp_path / "out.fits",
        "--light-curve-band", "0.2-0.6", "--json", result,
    )  # fmt: skip
    assert status == 0
    assert "consistent with constant" in out
    summary = strict(result.read_text())
    assert summary["band"] == "0.2-0.6"
    assert len(summary["bands"]) == 1
    assert summary["variability"]["variable"] is False


def test_bins_become_visits(tmp_path: Path, call: Call) -> None:
    columns = srctool_columns(bins=9)
    columns["TIME"] = ("D", np.concatenate([14400.0 * v + 10 * np.arange(3) for v in range(3)]))
    path = write_table(tmp_path / "s.fits", columns)
    output = tmp_path / "v.fits"
    assert call("lightcurve", path, "-o", output, "--visit-gap", "1h")[0] == 0
    assert np.all(read_light_curve(output).timedel == 30)
    assert call("lightcurve", path, "-o", output, "--bin-size", "20s")[0] == 0
    assert len(read_light_curve(output)) == 6


def test_one_bin_and_no_dates_give_null_and_notes(tmp_path: Path, call: Call) -> None:
    path = write_table(tmp_path / "s.fits", srctool_columns(bins=1))
    result = tmp_path / "out.json"
    status, out, error = call(
        "lightcurve", path, "-o", tmp_path / "o.fits", "--json", result, "--plot",
        tmp_path / "o.png",
    )  # fmt: skip
    assert status == 0
    assert "too few bins" in out
    assert "xsurvey: note: the file has no MJDREF" in error
    summary = strict(result.read_text())
    assert summary["reference_mjd"] is None
    assert summary["variability"]["p_value"] is None
    assert summary["variability"]["variable"] is None


def test_files_that_follow_each_other_are_joined(tmp_path: Path, call: Call) -> None:
    paths = []
    for number in range(2):
        columns = srctool_columns(seed=number)
        columns["TIME"] = ("D", 1e7 * (1 - number) + 10 * np.arange(6))
        paths.append(write_table(tmp_path / f"{number}.fits", columns))
    output = tmp_path / "all.fits"
    assert call("lightcurve", *paths, "-o", output, "--plot", tmp_path / "p.png")[0] == 0
    joined = read_light_curve(output)
    assert len(joined) == 12
    assert np.all(np.diff(joined.time) > 0)
    status, _, error = call("lightcurve", paths[0], paths[0], "-o", tmp_path / "twice.fits")
    assert status == 2
    assert "overlaps in time" in error


ERRORS = {
    "band": (["--light-curve-band", "3-4"], "no band 3-4 keV; use one of 0.2-0.6, 0.6-2.3"),
    "bins": (["--bin-size", "5s"], "less than the bins"),
    "unit": (["--bin-size", "5"], "--bin-size"),
    "trials": (["--trials", "99", "--significance", "0.001"], "too few"),
    "fraction": (["--minimum-exposure-fraction", "1.5"], "--minimum-exposure-fraction"),
}


@pytest.mark.parametrize("kind", ERRORS)
def test_impossible_options(kind: str, flaring: Path, tmp_path: Path, call: Call) -> None:
    options, words = ERRORS[kind]
    status, out, error = call("lightcurve", flaring, "-o", tmp_path / "o.fits", *options)
    assert status == 2
    assert out == ""
    last = error.rstrip("\n").splitlines()[-1]
    assert last.startswith("xsurvey: error: ")
    assert "; " in last
    assert words in last
    assert not (tmp_path / "o.fits").exists()


def test_inputs_without_a_light_curve(tmp_path: Path, call: Call) -> None:
    columns = srctool_columns()
    columns["FRACEXP"] = ("2E", np.zeros((6, 2)))
    dark = write_table(tmp_path / "dark.fits", columns)
    other = write_table(tmp_path / "other.fits", srctool_columns(), E_MIN1=1.0, E_MAX1=2.0)
    good = write_table(tmp_path / "good.fits", srctool_columns())
    image = tmp_path / "image.fits"
    fits.PrimaryHDU(np.ones((8, 8))).writeto(image)
    cases = {
        (image,): "holds no light curve",
        (tmp_path / "none.fits",): "does not exist",
        (dark,): "no bin with exposure",
        (good, other): "differs in its bands from",
    }
    for paths, words in cases.items():
        status, out, error = call("lightcurve", *paths, "-o", tmp_path / "o.fits")
        assert status == 2, words
        assert out == ""
        assert words in error.splitlines()[-1]
        assert not (tmp_path / "o.fits").exists()


def test_outputs_never_hit_inputs(flaring: Path, tmp_path: Path, call: Call) -> None:
    before = flaring.read_bytes()
    assert call("lightcurve", flaring, "-o", flaring)[0] == 2
    assert call("lightcurve", flaring, "-o", tmp_path / "o.fits", "--plot", flaring)[0] == 2
    assert flaring.read_bytes() == before
