import numpy as np
import pytest

from xsurvey.missions import get_mission
from xsurvey.simulate.observation import power_law_energies, simulate_observation
from xsurvey.simulate.parameters import SimulationParameters
from xsurvey.units import EnergyBand


def test_background_has_its_rate_and_stays_on_the_chips() -> None:
    parameters = SimulationParameters(exposure="20ks", background_rate=0.3, dither="0arcsec")
    events = simulate_observation(parameters, 1).events
    for detector in get_mission("chandra").detectors():
        number = (events["detector"] == detector.number).sum()
        assert number == pytest.approx(6000, abs=5 * np.sqrt(6000))
    for axis in ("detector_x", "detector_y"):
        assert 0 <= events[axis].min() < 1
        assert 1023 < events[axis].max() < 1024


def test_sources_have_their_counts_places_and_truth() -> None:
    sources = ("150.03,2.23,4000", "149.97,2.16,500")
    parameters = SimulationParameters(
        exposure="50ks", background_rate=0, source=sources, psf="gaussian:1arcsec"
    )
    observation = simulate_observation(parameters, 2)
    truth = observation.truth
    assert truth["counts_recorded"].sum() == len(observation.events["x"])
    near = np.hypot(
        observation.events["x"] - truth["x"][0], observation.events["y"] - truth["y"][0]
    )
    mine = near * 0.492 < 10
    assert mine.sum() == pytest.approx(4000, abs=5 * np.sqrt(4000))
    for axis in ("x", "y"):
        offset = (observation.events[axis][mine] - truth[axis][0]) * 0.492
        assert offset.mean() == pytest.approx(0, abs=0.08)
        assert offset.std() == pytest.approx(1.0, abs=0.06)


def test_times_fill_the_good_intervals_only() -> None:
    observation = simulate_observation(SimulationParameters(exposure="5ks", intervals=4), 3)
    assert len(observation.gti.start) == 4
    assert observation.gti.total == pytest.approx(5000)
    assert observation.gti.contains(observation.events["time"]).all()


def test_a_source_in_the_chip_gap_loses_counts() -> None:
    # the gap's middle, 11 arcsec wide, dithered over by 8 arcsec
    aim = 40 / 3600
    place = f"{150 + aim / np.cos(np.radians(2.2)):.6f},{2.2 + aim:.6f},2000"
    parameters = SimulationParameters(
        exposure="20ks", background_rate=0, source=(place,), psf="gaussian:0.5arcsec"
    )
    recorded = simulate_observation(parameters, 4).truth["counts_recorded"][0]
    assert 100 < recorded < 1500


@pytest.mark.parametrize("index", [0.0, 1.0, 1.7, 3.0])
def test_power_law_energies(index: float) -> None:
    energy = power_law_energies(index, EnergyBand(0.5, 7), 50_000, np.random.default_rng(5))
    assert 0.5 <= energy.min() < energy.max() <= 7
    edges = np.array([0.5, 1, 2, 4, 7.0])
    integral = np.log(edges) if index == 1 else edges ** (1 - index) / (1 - index)
    expected = np.diff(integral) / (integral[-1] - integral[0])
    measured = np.histogram(energy, edges)[0] / len(energy)
    assert measured == pytest.approx(expected, abs=0.012)


def test_files_by_counts_stay_what_they_were() -> None:
    """The events of a seed are those of the first release: documents and figures rely on it."""
    parameters = SimulationParameters(
        exposure="20ks", random_sources=5, intervals=3, roll=30.0, source=("150.03,2.23,400",)
    )
    observation = simulate_observation(parameters, 7)
    events = observation.events
    assert len(events["time"]) == 8307
    assert events["time"][[0, -1]] == pytest.approx([700000001.7216, 700021331.4048], abs=1e-4)
    assert events["energy"].sum() == pytest.approx(30894.593367125533, rel=1e-9)
    assert events["x"].sum() == pytest.approx(33146656.10040912, rel=1e-9)
    assert list(observation.truth["counts_recorded"]) == [150, 10, 17, 9, 14, 7]
