"""Simulated observations of missions with coaligned units, in pointings and survey scans."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from xsurvey.attitude import separations, unit_vectors
from xsurvey.errors import MissingDataError, ParameterError
from xsurvey.missions import get_mission, open_events
from xsurvey.missions.base import SimulatedFacts
from xsurvey.simulate.observation import simulate_observation
from xsurvey.simulate.parameters import SimulationParameters
from xsurvey.simulate.units import simulate_units, unit_paths
from xsurvey.simulate.write import truth_path, write_simulation
from xsurvey.units import SkyPosition

POINTING = {"mission": "erosita", "exposure": "2ks", "energy": "0.2-5"}
SCANS = {"mission": "erosita", "scans": 8, "field_size": "30arcmin", "energy": "0.2-5"}


def parameters(base: dict, **settings: object) -> SimulationParameters:
    return SimulationParameters(**{**base, "background_rate": 0, **settings})


def test_the_background_fills_the_circle_of_every_module() -> None:
    events = simulate_observation(
        parameters(POINTING, background_rate=1.0, dither="0arcsec"), 1
    ).events
    mission = get_mission("erosita")
    counts = np.bincount(events["detector"], minlength=8)[1:]
    assert counts == pytest.approx([2000] * 7, abs=5 * np.sqrt(2000))
    off_axis = np.hypot(events["x"], events["y"]) * 0.05 / 60
    assert off_axis.max() <= mission.field_radius
    # uniform on the disk: half of the events beyond its radius / sqrt(2)
    outer = np.mean(off_axis > mission.field_radius / np.sqrt(2))
    assert outer == pytest.approx(0.5, abs=0.03)


def test_a_pointed_source_has_its_counts_and_place() -> None:
    observation = simulate_observation(
        parameters(POINTING, source=("150.1,2.3,3000",), psf="gaussian:5arcsec"), 2
    )
    truth, events = observation.truth, observation.events
    assert truth["counts_recorded"][0] == len(events["x"])
    assert len(events["x"]) == pytest.approx(3000, abs=5 * np.sqrt(3000))
    assert set(events["detector"]) == set(range(1, 8))
    for axis, scale in (("ra", np.cos(np.radians(2.3))), ("dec", 1.0)):
        offset = (events[axis] - truth[axis][0]) * 3600 * scale
        assert offset.mean() == pytest.approx(0, abs=0.5)
        assert offset.std() == pytest.approx(5, abs=0.4)


def test_a_scanned_source_is_seen_only_while_it_is_in_the_field() -> None:
    place = SkyPosition(150.1, 2.3)
    observation = simulate_observation(
        parameters(SCANS, source=("150.1,2.3,2000",), psf="gaussian:0.01arcsec"), 3
    )
    events = observation.events
    assert len(events["time"]) == pytest.approx(2000, abs=5 * np.sqrt(2000))
    assert observation.gti.contains(events["time"]).all()
    offset = observation.motion.axis(events["time"]) / 0.05 + observation.wcs.wcs.crpix
    axis = unit_vectors(*observation.wcs.all_pix2world(offset, 1).T)
    off_axis = separations(axis, unit_vectors(*place))
    assert off_axis.max() < get_mission("erosita").field_radius + 0.01
    # at most 41 s a scan at 90 arcsec / s
    for start, stop in zip(observation.gti.start, observation.gti.stop, strict=True):
        times = events["time"][(events["time"] >= start) & (events["time"] <= stop)]
        assert not len(times) or np.ptp(times) < 42


def test_vignetting_decides_when_a_scanned_source_is_seen() -> None:
    observation = simulate_observation(
        parameters(SCANS, energy="4-5", source=("150.0,2.2,6000",), psf="gaussian:0.01arcsec"), 4
    )
    offset = observation.motion.axis(observation.events["time"]) / 60
    off_axis = np.hypot(*offset.T)
    mission = get_mission("erosita")
    time, length = observation.gti.samples(0.05)
    angles = np.hypot(*(observation.motion.axis(time) / 60).T)
    area = mission.vignetting(angles, 4.4) * (angles < mission.field_radius) * length
    edges = np.array([0, 8, 16, 24, 31])
    expected = np.histogram(angles, edges, weights=area)[0] / area.sum() * len(off_axis)
    found = np.histogram(off_axis, edges)[0]
    assert np.all(np.abs(found - expected) < 4.5 * np.sqrt(expected))


def test_a_source_beyond_all_scans_is_not_seen() -> None:
    observation = simulate_observation(
        parameters(SCANS, scans=1, source=("151.5,2.2,500", "150,2.2,50")), 5
    )
    assert observation.truth["counts_recorded"][0] == 0
    assert observation.truth["counts_recorded"][1] > 20


def test_events_of_scans_stay_in_their_tile() -> None:
    events = simulate_observation(parameters(SCANS, background_rate=2.0), 6).events
    half = 15 * 60 / 0.05
    assert len(events["x"]) > 500
    assert np.abs(events["x"]).max() <= half + 1
    assert np.abs(events["y"]).max() <= half + 1


@pytest.mark.parametrize("base", [POINTING, SCANS])
def test_the_seed_decides_everything(base: dict, tmp_path: Path) -> None:
    settings = parameters(base, background_rate=0.5, random_sources=3, random_counts=40)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_simulation(tmp_path / f"{name}.fits", simulate_observation(settings, seed))
    data = [(tmp_path / f"{n}.fits").read_bytes() for n in "abc"]
    truths = [truth_path(tmp_path / f"{n}.fits").read_bytes() for n in "abc"]
    assert data[0] == data[1] != data[2]
    assert truths[0] == truths[1] != truths[2]


def test_places_on_the_modules_are_those_on_the_sky() -> None:
    observation = simulate_observation(
        parameters(POINTING, background_rate=0.5, dither="0arcsec", roll=30.0), 7
    )
    events = observation.events
    column = (events["detector_x"] - 192) * 9.6
    row = (events["detector_y"] - 192) * 9.6
    angle = np.radians(30)
    x = (np.cos(angle) * column - np.sin(angle) * row) / 0.05
    y = (np.sin(angle) * column + np.cos(angle) * row) / 0.05
    assert np.allclose(x, events["x"], atol=0.1)
    assert np.allclose(y, events["y"], atol=0.1)


@pytest.mark.parametrize(("base", "mode"), [(POINTING, "POINTING"), (SCANS, "SURVEY")])
def test_tables_of_the_file(base: dict, mode: str, tmp_path: Path) -> None:
    settings = parameters(base, background_rate=0.5, source=("150,2.2,100",))
    observation = simulate_observation(settings, 8)
    path = tmp_path / "e.fits"
    write_simulation(path, observation)
    with fits.open(path) as hdus:
        names = {hdu.name for hdu in hdus[1:]}
        table, header = hdus["EVENTS"].data, hdus["EVENTS"].header
        corrected = hdus["CORRATT4"].data
    assert names == {"EVENTS"} | {
        f"{name}{n}" for name in ("GTI", "DEADCOR", "CORRATT") for n in range(1, 8)
    }
    assert header["OBS_MODE"] == mode
    assert (header["TELESCOP"], header["SIMLEVEL"]) == ("eROSITA", "COUNTS")
    for name in ("RAWX", "RAWY"):
        assert 1 <= table[name].min() <= table[name].max() <= 384
    for name in ("SUBX", "SUBY"):
        assert np.abs(table[name]).max() <= 0.5
    events = open_events(path)
    assert events.count() == len(observation.events["time"])
    assert events.observation.scanning is (mode == "SURVEY")
    assert events.observation.warnings == ()
    ra, dec = events.wcs.all_pix2world(table["X"], table["Y"], 1)
    assert np.allclose(ra, table["RA"], atol=1e-7)
    assert np.allclose(dec, table["DEC"], atol=1e-7)
    # the attitude tells where the simulated telescope was
    place = events.observation.pointing
    start = observation.gti.start[0]
    axis = observation.wcs.all_pix2world(
        observation.motion.axis(np.array([start])) / 0.05 + observation.wcs.wcs.crpix, 1
    )[0]
    assert corrected["TIME"][0] == pytest.approx(start)
    assert (corrected["RA"][0], corrected["DEC"][0]) == pytest.approx(tuple(axis))
    assert place == pytest.approx((150.0, 2.2))
    truth = Table.read(truth_path(path))
    assert truth["counts_recorded"].sum() == observation.truth["counts_recorded"].sum()


@pytest.mark.parametrize("mission", ["chandra", None])
def test_missions_that_do_not_survey(mission: str | None) -> None:
    with pytest.raises(ParameterError, match="does not survey"):
        simulate_observation(SimulationParameters(mission=mission, scans=4), 1)


def test_a_mission_without_simulation_says_so() -> None:
    mission = get_mission("ixpe")
    facts = SimulatedFacts(SkyPosition(1, 2), 0.0, 0.0, 1.0, 1.0, False)
    with pytest.raises(ParameterError, match="not simulated by xsurvey"):
        mission.header(facts)


def test_files_of_units_are_named_after_them(tmp_path: Path) -> None:
    settings = SimulationParameters(mission="ixpe")
    names = [p.name for p in unit_paths(tmp_path / "a.fits.gz", settings)]
    assert names == ["a_du1.fits", "a_du2.fits", "a_du3.fits"]
    assert unit_paths(tmp_path / "a.fits", SimulationParameters()) == [tmp_path / "a.fits"]


def test_units_and_truth_of_ixpe(ixpe_units: list[Path]) -> None:
    truth = Table.read(ixpe_units[0].with_name("pulsar_truth.fits"))
    assert len(truth) == 1
    assert truth["counts_expected"][0] == 500
    recorded = truth["counts_recorded"][0]
    assert recorded == pytest.approx(500, abs=6 * np.sqrt(500))
    events = open_events(ixpe_units)
    assert recorded <= events.rows
    assert sorted(p.name for p in ixpe_units[0].parent.iterdir()) == sorted(
        [*(p.name for p in ixpe_units), "pulsar_truth.fits"]
    )
    x, y = truth["x"][0], truth["y"][0]
    ra, dec = events.wcs.all_pix2world(0, 0, 1)
    assert np.isfinite([x, y, ra, dec]).all()


@pytest.mark.parametrize(
    ("name", "value"), [("scans", 3), ("psf", "gaussian:5arcsec"), ("intervals", 2)]
)
def test_parameters_that_the_simulator_of_ixpe_does_not_have(
    name: str, value: object, tmp_path: Path
) -> None:
    settings = SimulationParameters(mission="ixpe", **{name: value})
    with pytest.raises(ParameterError, match=name):
        simulate_units(tmp_path / "e.fits", settings, 1)
    assert list(tmp_path.iterdir()) == []


def test_energies_beyond_the_responses(tmp_path: Path) -> None:
    if importlib.util.find_spec("ixpeobssim") is None:
        pytest.skip("ixpeobssim, which simulates IXPE, is not installed")
    settings = SimulationParameters(mission="ixpe", energy="0.2-0.9", source=("150,2.2,10",))
    with pytest.raises(ParameterError, match="1-12 keV"):
        simulate_units(tmp_path / "e.fits", settings, 1)
    assert list(tmp_path.iterdir()) == []


def test_without_its_simulator_ixpe_is_not_simulated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: Callable = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec",
        lambda name, *rest: None if name == "ixpeobssim" else found(name, *rest),
    )
    with pytest.raises(MissingDataError, match="pip install ixpeobssim"):
        simulate_units(tmp_path / "e.fits", SimulationParameters(mission="ixpe"), 1)
    assert list(tmp_path.iterdir()) == []
