"""``xsurvey spectrum extract``: its files, which know each other, and what goes wrong."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from xsurvey.io.ogip.arf import read_arf
from xsurvey.io.ogip.companions import companion_file
from xsurvey.io.ogip.pha import read_single_pha
from xsurvey.io.ogip.rmf import read_rmf
from xsurvey.io.ogip.types import AncillaryResponse
from xsurvey.io.ogip.write_responses import write_arf, write_rmf
from xsurvey.missions import get_mission, open_events
from xsurvey.missions.responses import ChannelGrid
from xsurvey.spectra.extraction.gaussian_response import gaussian_matrix

Call = Callable[..., tuple[int, str, str]]

AT = ("--position", "150.05,2.22")


@pytest.fixture(scope="module")
def area(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flat effective area of 100 cm2."""
    path = tmp_path_factory.mktemp("responses") / "flat.arf"
    edges = np.linspace(0.3, 11, 200)
    write_arf(path, AncillaryResponse(path, edges[:-1], edges[1:], np.full(199, 100.0)))
    return path


def region_file(folder: Path, text: str, name: str = "a.reg") -> Path:
    path = folder / name
    path.write_text(f"icrs\n{text}\n")
    return path


def strict(path: Path) -> dict:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} in JSON")

    return json.loads(path.read_text(), parse_constant=refuse)


def test_files_know_each_other(event_file: Path, area: Path, tmp_path: Path, call: Call) -> None:
    output, result = tmp_path / "source.pha", tmp_path / "source.json"
    status, out, err = call(
        "spectrum", "extract", event_file, "-o", output, *AT, "--radius", "10arcsec",
        "--source-type", "point", "--arf", area, "--json", result,
    )  # fmt: skip
    assert status == 0, err
    source = read_single_pha(output)
    background = read_single_pha(companion_file(source, "BACKFILE"))
    arf = read_arf(companion_file(source, "ANCRFILE"))
    rmf = read_rmf(companion_file(source, "RESPFILE"))
    names = {p.name for p in tmp_path.iterdir()}
    assert names == {
        "source.pha", "source_bkg.pha", "source.arf", "source.rmf", "source.json",
    }  # fmt: skip
    assert source.warnings == background.warnings == arf.warnings == rmf.warnings == ()
    events = open_events(event_file).columns(["x", "y", "pi"])
    wcs = open_events(event_file).wcs
    x, y = wcs.all_world2pix([[150.05, 2.22]], 1)[0]
    inside = np.hypot(events["x"] - x, events["y"] - y) * 0.492 < 10
    assert np.array_equal(
        source.counts, np.bincount(events["pi"][inside].astype(int), minlength=1025)[1:]
    )
    assert source.exposure == pytest.approx(20_000)
    assert source.backscal[0] == pytest.approx(np.pi * (10 / 3600) ** 2, rel=1e-3)
    assert source.region_area == pytest.approx(np.pi * (10 / 3600) ** 2, rel=1e-3)
    assert rmf.matrix.shape == (199, 1024)
    assert np.allclose(rmf.matrix.sum(axis=1), 1, atol=1e-5)
    # with vignetting and PSF: less than on the axis
    assert 80 < arf.effective_area.max() < 100
    header = fits.getheader(output, "SPECTRUM")
    assert header["EXPMAP"] == "APPROX"
    assert header["RMFAPPR"] == "APPROX"
    assert (header["CORRVIGN"], header["CORRPSF"]) == ("APPLIED", "APPLIED")
    assert "source_type = point" in header["HISTORY"]
    assert any("sha256" in line for line in header["HISTORY"])
    summary = strict(result)
    assert summary["counts"] == source.counts.sum()
    assert summary["background"]["counts"] == background.counts.sum()
    scale = summary["background"]["scale"]
    assert summary["net_counts"] == pytest.approx(
        source.counts.sum() - scale * background.counts.sum()
    )
    assert summary["stamps"]["PSFFRAC"] > 0.9
    assert set(summary["files"]) == {"source", "background", "arf", "rmf"}
    lines = out.splitlines()
    assert lines[0].startswith(f"{output}: {int(source.counts.sum())} counts in 20000 s, ")
    assert lines[3].endswith("(approximate: Gaussian lines of the nominal resolution)")


def test_our_own_area_is_not_applied_twice(
    event_file: Path, area: Path, tmp_path: Path, call: Call
) -> None:
    first, second = tmp_path / "a.pha", tmp_path / "b.pha"
    common = ("spectrum", "extract", event_file, *AT, "--source-type", "point")
    assert call(*common, "-o", first, "--arf", area)[0] == 0
    assert call(*common, "-o", second, "--arf", tmp_path / "a.arf")[0] == 0
    before, after = (read_arf(tmp_path / f"{n}.arf").effective_area for n in "ab")
    assert np.array_equal(before, after)
    assert fits.getheader(second.with_suffix(".arf"), 1)["CORRVIGN"] == "IN ARF"
    # unless one insists
    assert (
        call(*common, "-o", second, "--arf", tmp_path / "a.arf", "--area-includes", "nothing")[0]
        == 0
    )
    assert read_arf(tmp_path / "b.arf").effective_area.max() < before.max()


def test_areas_of_srctool_have_columns_of_corrections(
    survey_pointing: Path, tmp_path: Path, call: Call
) -> None:
    edges = np.linspace(0.2, 10, 100)
    low, high = edges[:-1], edges[1:]
    columns = [
        fits.Column(name, "D", unit=unit, array=values)
        for name, unit, values in (
            ("ENERG_LO", "keV", low), ("ENERG_HI", "keV", high),
            ("SPECRESP", "cm^2", np.full(99, 50.0)), ("CORRVIGN", "", np.full(99, 0.5)),
            ("CORRPSF", "", np.full(99, 0.9)),
        )
    ]  # fmt: skip
    table = fits.BinTableHDU.from_columns(columns, name="SPECRESP")
    table.header["TELESCOP"] = "eROSITA"
    table.writeto(tmp_path / "src.arf")
    channels = ChannelGrid.uniform(1, 100, 0.1)
    write_rmf(tmp_path / "src.rmf", gaussian_matrix(low, high, channels, np.full(99, 0.1)))
    output = tmp_path / "out.pha"
    status, _, err = call(
        "spectrum", "extract", survey_pointing, "-o", output, "--position", "150.0,2.2",
        "--source-type", "point", "--arf", tmp_path / "src.arf", "--rmf", tmp_path / "src.rmf",
    )  # fmt: skip
    assert status == 0, err
    assert np.all(read_arf(tmp_path / "out.arf").effective_area == 50)
    header = fits.getheader(tmp_path / "out.arf", 1)
    assert (header["CORRVIGN"], header["CORRPSF"]) == ("IN ARF", "IN ARF")
    assert read_single_pha(output).detector_channels == 100


def test_regions_and_masks(event_file: Path, area: Path, tmp_path: Path, call: Call) -> None:
    source = region_file(tmp_path, 'circle(150.05,2.22,40")')
    behind = region_file(tmp_path, 'circle(150.10,2.28,100")', "b.reg")
    mask = region_file(tmp_path, 'circle(150.05,2.22,10")\n-circle(150.10,2.28,30")', "m.reg")
    sums = {}
    for name, extra in (("all", ()), ("masked", ("--exclude", mask))):
        output, result = tmp_path / f"{name}.pha", tmp_path / f"{name}.json"
        status, _, err = call(
            "spectrum", "extract", event_file, "-o", output, "--region", source,
            "--background-region", behind, "--arf", area, "--json", result, *extra,
        )  # fmt: skip
        assert status == 0, err
        sums[name] = strict(result)
    ratio = sums["masked"]["region_area_deg2"] / sums["all"]["region_area_deg2"]
    assert ratio == pytest.approx(1 - 1 / 16, rel=2e-3)
    areas = [sums[n]["background"]["region_area_deg2"] for n in ("masked", "all")]
    assert areas[0] / areas[1] == pytest.approx(1 - 0.09, rel=2e-3)
    assert sums["masked"]["counts"] < sums["all"]["counts"] / 3


def test_several_observations(
    make_events: Callable[..., Path], area: Path, tmp_path: Path, call: Call
) -> None:
    files = [
        make_events(seed=n, exposure=f"{n * 5}ks", background_rate=0.2, source=("150.05,2.22,300",))
        for n in (1, 2)
    ]  # fmt: skip
    each = []
    for number, paths in enumerate(([files[0]], [files[1]], files)):
        output = tmp_path / f"{number}.pha"
        status, _, err = call(
            "spectrum", "extract", *paths, "-o", output, *AT, "--arf", area,
            "--radius", "10arcsec",
        )  # fmt: skip
        assert status == 0, err
        each.append(read_single_pha(output))
    assert np.array_equal(each[2].counts, each[0].counts + each[1].counts)
    assert each[2].exposure == pytest.approx(15_000)
    assert fits.getheader(tmp_path / "2.pha", 1)["NMERGED"] == 2


def test_without_an_area(event_file: Path, tmp_path: Path, call: Call) -> None:
    output = tmp_path / "s.pha"
    assert call("spectrum", "extract", event_file, "-o", output, *AT, "--arf", "none")[0] == 0
    found = read_single_pha(output)
    assert found.ancillary_file is None
    assert found.response_file == "s.rmf"
    assert not (tmp_path / "s.arf").exists()


def test_the_missions_area_must_be_installed(
    event_file: Path, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XSURVEY_DATA", str(tmp_path / "data"))
    status, _, err = call("spectrum", "extract", event_file, "-o", tmp_path / "s.pha", *AT)
    assert status == 2
    assert "data:chandra-acis-i-arf: is not installed; run `xsurvey data install" in err
    assert list(tmp_path.glob("s*")) == []


BAD = {
    "no place": ((), "--region: is not given, nor is a position"),
    "two places": (("--region", "REGION", *AT), "--region: is given as well as a position"),
    "no file": (("--region", "missing.reg"), "missing.reg: does not exist"),
    "off the detectors": (("--region", "FAR"), "was never exposed in the"),
    "background off the detectors": ((*AT, "--background-region", "FAR"), "was never exposed"),
    "all cut out": (("--region", "REGION", "--exclude", "REGION"), "is empty once"),
    "far away": (("--position", "10,80"), "never saw the position"),
    "no matrix": ((*AT, "--rmf", "AREA"), "holds no redistribution matrix"),
    "no area": ((*AT, "--arf", "REGION"), "not a FITS file"),
    "map of another kind": ((*AT, "--exposure", "REGION"), "not a FITS"),
    "detectors": ((*AT, "--detectors", "TM8"), "--detectors: Chandra has no 'TM8'"),
    "radius alone": (("--region", "REGION", "--radius", "3arcsec"), "--radius: is given"),
    "an inner radius inside": ((*AT, "--radius", "9arcsec", "--background-inner", "5arcsec"),
                               "does not lie around"),
}  # fmt: skip


@pytest.mark.parametrize(("options", "words"), BAD.values(), ids=BAD.keys())
def test_bad_input(
    event_file: Path, area: Path, tmp_path: Path, call: Call, options: tuple[str, ...], words: str
) -> None:
    places = {
        "REGION": region_file(tmp_path, 'circle(150.05,2.22,40")'),
        "FAR": region_file(tmp_path, 'circle(151.5,2.22,40")', "far.reg"), "AREA": area,
    }  # fmt: skip
    given = [places.get(option, option) for option in options]
    if "--arf" not in given:
        given += ["--arf", area]
    before = sorted(tmp_path.iterdir())
    status, _, err = call("spectrum", "extract", event_file, "-o", tmp_path / "out.pha", *given)
    assert status == 2
    last = err.rstrip("\n").splitlines()[-1]
    assert last.startswith("xsurvey: error: ")
    assert words in last
    assert "; " in last
    assert "Traceback" not in err
    assert sorted(tmp_path.iterdir()) == before


def test_outputs_spare_inputs(event_file: Path, area: Path, tmp_path: Path, call: Call) -> None:
    own = tmp_path / "s.arf"
    own.write_bytes(area.read_bytes())
    status, _, err = call(
        "spectrum", "extract", event_file, "-o", tmp_path / "s.pha", *AT, "--arf", own
    )
    assert status == 2
    assert "s.arf" in err
    assert own.read_bytes() == area.read_bytes()
    status, _, err = call(
        "spectrum", "extract", event_file, "-o", tmp_path / "t.arf", *AT, "--arf", area
    )
    assert status == 2
    assert "is the name of a response" in err


def test_responses_that_a_mission_knows_itself(
    survey_pointing: Path, tmp_path: Path, call: Call
) -> None:
    status, out, err = call(
        "spectrum", "extract", survey_pointing, "-o", tmp_path / "s.pha", "--position", "150.0,2.2"
    )
    assert status == 0, err
    assert "approximate: coarse table of the on-axis area of TM0" in out
    assert "approximate: Gaussian lines" in out


def test_missions_are_not_mixed(
    event_file: Path, survey_pointing: Path, tmp_path: Path, call: Call
) -> None:
    status, _, err = call(
        "spectrum", "extract", event_file, survey_pointing, "-o", tmp_path / "s.pha", *AT
    )
    assert status == 2
    assert "is of erosita, but" in err


def test_one_map_for_one_observation(
    make_events: Callable[..., Path], event_file: Path, tmp_path: Path, call: Call
) -> None:
    status, _, err = call("image", event_file, "-o", tmp_path / "i.fits", "--exposure-output",
                          tmp_path / "e.fits")  # fmt: skip
    assert status == 0, err
    other = make_events(seed=9, exposure="5ks", background_rate=0.2)
    status, _, err = call(
        "spectrum", "extract", event_file, other, "-o", tmp_path / "s.pha", *AT,
        "--exposure", tmp_path / "e.fits",
    )  # fmt: skip
    assert status == 2
    assert "--exposure: is one map, but there are 2 observations" in err
    status, _, err = call(
        "spectrum", "extract", event_file, "-o", tmp_path / "s.pha", *AT, "--arf", "none",
        "--exposure", tmp_path / "e.fits",
    )  # fmt: skip
    assert status == 0, err
    assert fits.getheader(tmp_path / "s.pha", 1)["EXPHOW"].startswith("exposure map, without its")


def test_areas_by_tools_of_a_mission() -> None:
    chandra, erosita = get_mission("chandra"), get_mission("erosita")
    assert chandra.area_includes({"CREATOR": "mkwarf - Version CIAO 4.8"}, []) == {"vignetting"}
    assert chandra.area_includes({"CREATOR": "somebody"}, []) == set()
    assert erosita.area_includes({}, ["specresp", "corrvign"]) == {"vignetting"}
    assert erosita.area_includes({}, ["specresp"]) == set()
