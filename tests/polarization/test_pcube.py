"""``xsurvey polarization pcube``: what it measures, writes and refuses."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from xsurvey.errors import MissingDataError, ParameterError
from xsurvey.missions import open_events
from xsurvey.polarization.event_sums import sum_events
from xsurvey.polarization.measure import measure_polarization
from xsurvey.polarization.modulation import modulation_of
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.regions import read_region_file

from ..mission_files import write_ixpe
from .conftest import needs_responses, polarized_columns

PEER = Path(__file__).parents[2] / "benchmarks/compare/peers/ixpeobssim_cubes.py"
Call = Callable[..., tuple[int, str, str]]

KEYS = {
    "energy_min", "energy_max", "counts", "I", "Q", "U", "I_err", "Q_err", "U_err", "pd", "pd_err",
    "pa_deg", "pa_err_deg", "mdp99", "modulation", "significance", "pd_upper_99", "pd_upper_9973",
}  # fmt: skip


@pytest.fixture(scope="session")
def cubes(
    weighted_units: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, list[float]]]:
    """Cubes of ixpeobssim of `weighted_units`, weighted or not, with and without acceptance."""
    home = tmp_path_factory.mktemp("home")
    done = subprocess.run(
        [sys.executable, str(PEER), "ixpe:obssim20240101:v13",
         "2,5,8", *map(str, weighted_units)],
        capture_output=True, text=True, check=False, cwd=home,
        env={**os.environ, "HOME": str(home), "MPLBACKEND": "Agg"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    (line,) = [x for x in done.stdout.splitlines() if x.startswith("RESULT")]
    return json.loads(line.removeprefix("RESULT"))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("acceptance", [False, True])
def test_pcube_is_what_ixpeobssim_makes(
    cubes: dict, weighted_units: list[Path], weighted: bool, acceptance: bool
) -> None:
    parameters = PolarizationParameters(
        ebins="2,5,8", estimator="pcube", weighted=weighted, acceptance_correction=acceptance
    )
    bins = measure_polarization(open_events(weighted_units), parameters).bins
    theirs = {k: np.array(v) for k, v in cubes[f"{weighted},{acceptance}"].items()}
    # bins that cubes mask (I not above 1) have zeros there and no error here
    good = theirs["I"] > 1
    assert np.any(good)
    ours = {
        "COUNTS": bins.counts, "I": bins.i, "Q": bins.q, "U": bins.u, "I_ERR": bins.i_err,
        "Q_ERR": bins.q_err, "U_ERR": bins.u_err, "PD": bins.pd, "PD_ERR": bins.pd_err,
        "PA": bins.pa_deg, "PA_ERR": bins.pa_err_deg, "MDP_99": bins.mdp99,
        "MU": bins.modulation, "QN": bins.q_norm, "UN": bins.u_norm, "N_EFF": bins.effective_counts,
        "QUN_COV": bins.covariance[:, 0, 1], "SIGNIF": bins.significance, "E_MEAN": bins.energy,
    }  # fmt: skip
    for name, values in ours.items():
        assert values[good] == pytest.approx(theirs[name][good], rel=1e-5), name


@needs_responses
def test_json_table_and_text(
    units: list[Path], regions: tuple[Path, Path], tmp_path: Path, call: Call
) -> None:
    status, out, error = call(
        "polarization", "pcube", *units, "--ebins", "2,4,6,8", "--region", regions[0],
        "--background-region", regions[1], "--weighted", "--json", tmp_path / "o.json",
        "-o", tmp_path / "o.fits",
    )  # fmt: skip
    assert status == 0, error
    result = json.loads((tmp_path / "o.json").read_text())
    assert [b["energy_min"] for b in result["bins"]] == [2, 4, 6]
    for record in result["bins"]:
        assert set(record) >= KEYS
        assert record["pd"] is None or record["pd"] >= 0
    assert result["responses"]["name"] == "ixpe:obssim20211209:v13"
    assert result["responses"]["weighting"] == "simple"
    assert "date of the observation" in result["responses"]["reason"]
    assert result["background"]["scale"] == pytest.approx(60**2 / (240**2 - 120**2), rel=0.02)
    assert len(out.splitlines()) == 6
    with fits.open(tmp_path / "o.fits") as hdus:
        table, header = hdus["POLARIZATION"].data, hdus["POLARIZATION"].header
        assert list(table["counts"]) == [b["counts"] for b in result["bins"]]
        assert table["pd"] == pytest.approx(
            [b["pd"] or np.nan for b in result["bins"]], nan_ok=True
        )
        assert table.columns["I"].unit == "count cm-2"
        assert table.columns["energy_min"].unit == "keV"
        assert header["BKGSCALE"] == result["background"]["scale"]
        assert header["IRFNAME"] == result["responses"]["name"]
        history = "".join(str(header["HISTORY"]).split())
        assert history.count("sha256") == 5
        assert "estimator=empirical" in history


@needs_responses
def test_regions_cut_and_counts_are_those_inside(
    units: list[Path], regions: tuple[Path, Path]
) -> None:
    events = open_events(units)
    region = read_region_file(regions[0], events.wcs)
    cube = measure_polarization(events, PolarizationParameters(), region)
    inside = events.in_region(region).columns(["energy"])["energy"]
    assert cube.bins.counts[0] == np.sum((inside > 2) & (inside <= 8))
    whole = measure_polarization(events, PolarizationParameters())
    assert whole.bins.counts[0] > cube.bins.counts[0]
    given = PolarizationParameters(background_scale=0.25)
    background = read_region_file(regions[1], events.wcs)
    scaled = measure_polarization(events, given, region, background)
    assert scaled.background_scale == 0.25
    assert scaled.background_counts is not None
    without = PolarizationParameters(background_scale=0.25, acceptance_correction=False)
    net = measure_polarization(events, without, region, background)
    assert net.bins.i[0] == pytest.approx(net.bins.counts[0] - 0.25 * net.background_counts[0])
    assert any("in the source and in the background region" in n
               for n in measure_polarization(events, given, region, region).notes)  # fmt: skip


@needs_responses
def test_chunks_do_not_matter(units: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    events = open_events(units)
    modulation = modulation_of(events, "simple")
    whole = sum_events(events, modulation, weighted=True).regions[0]
    table = type(events.sources[0].table)
    read = table.chunks
    monkeypatch.setattr(table, "chunks", lambda self, rows=77: read(self, 77))
    parts = sum_events(events, modulation, weighted=True).regions[0]
    for name in ("counts", "weight", "qq", "u_weight2"):
        assert getattr(parts, name) == pytest.approx(getattr(whole, name))
    assert whole.counts.sum(axis=1) == pytest.approx([600, 600, 600])


@needs_responses
def test_detectors_can_be_chosen(units: list[Path], tmp_path: Path, call: Call) -> None:
    status, _, error = call("polarization", "pcube", *units, "--detectors", "DU2",
                            "--json", tmp_path / "o.json")  # fmt: skip
    assert status == 0, error
    alone = measure_polarization(open_events(units[1]), PolarizationParameters())
    (one,) = json.loads((tmp_path / "o.json").read_text())["bins"]
    assert one["Q"] == pytest.approx(alone.bins.q[0])


@needs_responses
def test_rows_without_q_or_u_are_dropped_and_counted(tmp_path: Path, call: Call) -> None:
    columns = polarized_columns()
    columns["Q"][1][:5] = np.nan
    columns["U"][1][3:8] = np.nan
    path = write_ixpe(tmp_path / "e.fits", columns=columns)
    status, _, error = call("polarization", "pcube", path, "--json", tmp_path / "o.json")
    assert status == 0
    assert "note: 8 events whose time, place, energy, Q or U is not a number are left out" in error


@needs_responses
def test_events_without_weights_are_dropped_and_counted(tmp_path: Path) -> None:
    columns = polarized_columns()
    columns["W_MOM"][1][:6] = [np.nan, -1, np.inf, np.nan, 0.0, 0.5]
    events = open_events(write_ixpe(tmp_path / "e.fits", columns=columns))
    cube = measure_polarization(events, PolarizationParameters(ebins="1,12", weighted=True))
    assert cube.bins.counts[0] == 596
    assert any(n.startswith("4 events without a weight") for n in cube.notes)


@needs_responses
def test_empty_bins_are_null(tmp_path: Path, call: Call) -> None:
    columns = polarized_columns()
    columns["PI"] = ("J", np.minimum(columns["PI"][1], 120))
    path = write_ixpe(tmp_path / "e.fits", columns=columns)
    for estimator in ("empirical", "pcube"):
        status, out, error = call(
            "polarization", "pcube", path, "--ebins", "2,4,6,8", "--estimator", estimator,
            "--json", tmp_path / "o.json",
        )  # fmt: skip
        assert status == 0, error
        text = (tmp_path / "o.json").read_text()
        assert "NaN" not in text
        last = json.loads(text)["bins"][-1]
        assert last["counts"] == 0
        assert last["pd"] is last["mdp99"] is last["significance"] is last["pd_upper_99"] is None
        assert last["flags"] == ["no_events"]
        assert "6-8 keV: no events" in error
        assert "nan" not in out


@needs_responses
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--ebins", "2,1"], "--ebins: '2,1' is not two or more rising energies"),
        (["--ebins", "2"], "--ebins: '2' is not two or more rising energies"),
        (["--ebins", "a,b"], "--ebins: 'a,b' is no list of energies"),
        (["--ebins", "2,20"], "--ebins: reach from 2 to 20 keV, but the responses from 1 to 12"),
        (["--irf", "nosuch"], "--irf: 'nosuch' is neither a folder nor a set of responses"),
        (["--irf", "ixpe:obssim20230102:v13"], "has no effective area of DU1"),
        (["--irf", "ixpe:obssim20230101_alpha075:v13"], "is for weighted events"),
        (["--irf", "ixpe:obssim20230101_gray:v13"], "is for the grey filter"),
        (["--background-scale", "0.1"], "--background-scale: is given without a background"),
        (["--background-scale", "-1"], "greater than 0"),
        (["--estimator", "best"], "'best' is not one of"),
        (["--region", "nosuch.reg"], "nosuch.reg: does not exist"),
        (["--detectors", "DU4"], "DU4"),
        (["-o", "picture.png"], "is a FITS file"),
    ],
)
def test_wrong_options(units: list[Path], call: Call, arguments: list[str], words: str) -> None:
    status, _, error = call("polarization", "pcube", *units, *arguments)
    assert status == 2
    last = error.splitlines()[-1]
    assert last.startswith("xsurvey: error: ")
    assert words in last


@needs_responses
def test_wrong_files(
    units: list[Path], regions: tuple[Path, Path], tmp_path: Path, call: Call, event_file: Path
) -> None:
    away = tmp_path / "away.reg"
    away.write_text('icrs\ncircle(150.25,2.2,10")\n')
    poor = {k: v for k, v in polarized_columns().items() if k not in ("Q", "U")}
    plain = {k: v for k, v in polarized_columns().items() if k != "W_MOM"}
    bare = write_ixpe(tmp_path / "bare.fits", columns=poor)
    weightless = write_ixpe(tmp_path / "w.fits", columns=plain)
    timeless = write_ixpe(tmp_path / "t.fits", gti={})
    empty = write_ixpe(tmp_path / "g.fits", gti={"GTI": []})
    other = write_ixpe(tmp_path / "o.fits", 2, OBS_ID="02009001")
    for arguments, words in (
        ((*units, "--region", away), "no events are left after filtering"),
        ((*units, "--ebins", "10,12"), "none of 1800 events lies in 10-12 keV"),
        ((bare,), "has no columns Q, U"),
        ((weightless, "--weighted"), "has no weights of events"),
        ((timeless,), "no GTI table"),
        ((empty,), "GTI table is empty"),
        ((units[0], other), "02009001"),
        ((event_file,), "measures no polarization"),
        ((*units, "--background-region", regions[1]), "without a source region"),
        ((tmp_path / "nosuch.fits",), "does not exist"),
    ):
        status, _, error = call("polarization", "pcube", *arguments)
        assert status == 2, (arguments, error)
        assert re.search(words, error.splitlines()[-1]), error
        assert "Traceback" not in error


@needs_responses
def test_no_output_is_an_input(units: list[Path], call: Call) -> None:
    before = units[0].read_bytes()
    status, _, error = call("polarization", "pcube", *units, "--json", units[0])
    assert status == 2
    assert "is an input" in error
    assert units[0].read_bytes() == before


@needs_responses
def test_responses_of_the_wrong_date_are_warned_of(units: list[Path], call: Call) -> None:
    status, out, error = call("polarization", "pcube", *units, "--irf", "ixpe:obssim20250101:v13")
    assert status == 0
    assert "those of 20211209 hold" in error
    assert "responses: ixpe:obssim20250101:v13 (asked for)" in out


def test_parameters_are_checked_before_files_are() -> None:
    with pytest.raises(ParameterError, match="ebins"):
        PolarizationParameters.read({"ebins": "8,2"}, "")
    assert PolarizationParameters(ebins="2, 4,8").edges == (2.0, 4.0, 8.0)


def test_without_responses_the_remedy_is_told(
    units: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.delenv("CALDB", raising=False)
    with pytest.raises(MissingDataError, match="pip install ixpeobssim"):
        modulation_of(open_events(units))


@needs_responses
def test_stokes_parameters_of_other_lengths_are_told(tmp_path: Path) -> None:
    columns = polarized_columns()
    for name in ("Q", "U"):
        columns[name] = ("D", columns[name][1] / 2)
    path = write_ixpe(tmp_path / "half.fits", 1, columns, MJDREFI=51544)
    (note,) = measure_polarization(open_events([path]), PolarizationParameters()).notes[:1]
    assert "Q^2 + U^2 of the events is 1" in note
