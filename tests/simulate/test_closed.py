"""Closed exposures, particles by detector group, and detectors that observe alone."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from xsurvey.errors import ParameterError
from xsurvey.missions import get_mission, open_events
from xsurvey.missions.erosita_responses import line_width
from xsurvey.simulate.parameters import SimulationParameters, parse_particle_group
from xsurvey.simulate.write import write_simulation

from .tools import POINTING, SCANS, sigmas, simulated

Call = Callable[..., tuple[int, str, str]]
PARTICLES = {"particle": "powerlaw", "particle_set": ("powerlaw.PhoIndex=0", "powerlaw.norm=0.2")}
CLOSED = {"mission": "erosita", "exposure": "20ks", "energy": "0.3-9", "closed": True}


def test_a_closed_exposure_has_particles_on_all_detectors(tmp_path: Path) -> None:
    line = "gaussian gaussian.LineE=1.486 gaussian.Sigma=0 gaussian.norm=0.1"
    observation = simulated(CLOSED, 1, **PARTICLES, particle_group=(f"TM0={line}",))
    path = tmp_path / "closed.fits"
    write_simulation(path, observation)
    header = fits.getheader(path, "EVENTS")
    assert header["FILTER"] == "CLOSED"
    assert header["SIMPRT1"] == f"TM0={line}"
    assert header["SIMLEVEL"] == "RESPONSE"
    events = open_events(path)
    assert events.observation.closed
    found = events.columns(["energy", "detector"])
    assert events.count() == len(observation.events["time"])
    rate = 0.2 * (9.0 - 0.3) + 0.1
    for module in range(1, 8):
        number = np.count_nonzero(found["detector"] == module)
        # some lines are wider than the band's ends: within the half of them
        assert abs(sigmas(number, rate * 20e3)) < 5 + 0.002 * np.sqrt(rate * 20e3)
    # away from the line it is flat, and the line is where and as wide as it should be
    energy = found["energy"]
    counts, edges = np.histogram(energy[(energy > 2) & (energy < 8.5)], 13)
    assert counts == pytest.approx(np.full(13, 0.2 * 0.5 * 7 * 20e3), abs=5 * np.sqrt(1.4e4))
    sigma = float(line_width(np.array([1.486]))[0]) / 2.3548
    near = np.abs(energy - 1.486) < 4 * sigma
    excess = np.count_nonzero(near) - 0.2 * 8 * sigma * 7 * 20e3
    assert abs(excess - 0.1 * 7 * 20e3) < 5 * np.sqrt(np.count_nonzero(near)) + 10
    assert np.diff(edges).min() > 0


def test_particles_of_a_group(tmp_path: Path) -> None:
    leak = "TM9=gaussian gaussian.LineE=0.5 gaussian.Sigma=0.05 gaussian.norm=0.3"
    observation = simulated(POINTING, 1, **PARTICLES, particle_group=(leak,))
    events = observation.events
    soft = events["energy"] < 1
    number = {n: np.count_nonzero(soft & (events["detector"] == n)) for n in range(1, 8)}
    flat = 0.2 * (1.0 - 0.2) * 2000
    for module, found in number.items():
        expected = flat + (0.3 * 2000 if module in (5, 7) else 0)
        assert abs(sigmas(found, expected)) < 5, module


def test_groups_alone_take_the_place_of_the_flat_rate() -> None:
    group = ("TM3=powerlaw powerlaw.PhoIndex=0 powerlaw.norm=0.1",)
    observation = simulated(POINTING, 1, particle_group=group, background_rate=5)
    assert set(observation.events["detector"]) == {3}


@pytest.mark.parametrize("how", [POINTING, SCANS])
def test_one_module(how: dict, tmp_path: Path) -> None:
    sky = {"diffuse": "powerlaw", "diffuse_set": ("powerlaw.norm=1e-4",)}
    one, every = (
        simulated(how, 1, **sky, **PARTICLES, **more) for more in ({"detectors": "TM3"}, {})
    )
    assert set(one.events["detector"]) == {3}
    number, total = len(one.events["time"]), len(every.events["time"])
    assert number > 500
    # a seventh of the sky's photons as well as of the particles
    assert abs(number - total / 7) < 5 * np.sqrt(number)
    path = tmp_path / "one.fits"
    write_simulation(path, one)
    events = open_events(path)
    assert list(events.gti) == [3]
    assert get_mission("erosita").modules_of(events) == 1
    header = fits.getheader(path, "EVENTS")
    assert (header["INSTRUME"], header["NINST"], header["INSTRUM1"]) == ("TM3", 1, "TM3")
    assert "FILTER" in header


def test_chips_of_a_mosaic(tmp_path: Path) -> None:
    observation = simulated(
        {"mission": "chandra", "exposure": "2ks"}, 1, detectors="ccd1,ccd2", background_rate=0.5
    )
    assert set(observation.events["detector"]) == {1, 2}
    write_simulation(tmp_path / "e.fits", observation)
    assert sorted(open_events(tmp_path / "e.fits").gti) == [1, 2]


@pytest.mark.parametrize(("settings", "words"), [
    (CLOSED | {"diffuse": "powerlaw"}, "diffuse"), (CLOSED | {"random_sources": 3}, "random"),
    (CLOSED | {"log_n_log_s": "1e-13"}, "log_n_log_s"), (CLOSED | {"cluster": "c.yaml"}, "cluster"),
    ({"mission": "erosita", "closed": True, "scans": 3}, "scans"),
    ({"brightest": 1e-12}, "log_n_log_s"), ({"sky_seed": 1}, "log_n_log_s"),
    ({"log_n_log_s": "1e-13", "brightest": 1e-14}, "brightest"),
    ({"particle_group": ("TM9",)}, "TM9"), ({"particle_group": ("TM9=a.b=3",)}, "TM9"),
    ({"detectors": " "}, "detectors"),
])  # fmt: skip
def test_parameters_that_do_not_go_together(settings: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        SimulationParameters(**settings)


def test_groups_as_they_are_written() -> None:
    found = parse_particle_group(" TM9 = a+b  a.x=1 b.y=2 ")
    assert found == ("TM9", "a+b", ("a.x=1", "b.y=2"))


@pytest.mark.parametrize(("settings", "words"), [
    ({"detectors": "TM12"}, "TM12"), ({"particle_group": ("TM12=powerlaw",)}, "TM12"),
    ({"particle_group": ("TM9=nomodel",)}, "nomodel"),
    ({"mission": "chandra", "closed": True}, "filter wheel"),
    ({"mission": "chandra", "detectors": "ACIS-S"}, "ACIS-S"),
])  # fmt: skip
def test_detectors_and_missions_that_are_not_there(settings: dict, words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        simulated({"mission": "erosita", "exposure": "1ks"} | settings)


def test_the_command_says_so_in_a_line(tmp_path: Path, call: Call) -> None:
    status, _, error = call(
        "simulate", "-o", tmp_path / "e.fits", "--mission", "erosita", "--closed", "--scans", "3"
    )
    assert status != 0
    assert len(error.strip().splitlines()) == 1
    assert "closed" in error
