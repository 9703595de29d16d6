"""Polarized sources: what is asked for is what is measured, in degree, angle and rotation."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.time import Time
from pydantic import ValidationError

from xsurvey.errors import ParameterError
from xsurvey.missions import get_mission, open_events
from xsurvey.polarization.stokes import polarization_angle
from xsurvey.polarization.variation.binned_sums import binned_sums
from xsurvey.polarization.variation.rotation import rotation_scan, scan_rates
from xsurvey.simulate.observation import simulate_observation
from xsurvey.simulate.parameters import SimulationParameters
from xsurvey.simulate.polarization import parse_polarization, polarization_of
from xsurvey.simulate.units import simulate_units, unit_paths

pytestmark = pytest.mark.slow

PLACES = ((150.0, 2.2), (150.05, 2.13))
TRUTH = ((0.4, 30.0), (0.7, -70.0))
RATE, EXPOSURE = 25.0, 200e3
BASE = {"mission": "ixpe", "exposure": "200ks", "pointing": "150.0,2.2", "energy": "2-8"}


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two polarized sources whose angles turn, and a faint background."""
    if importlib.util.find_spec("ixpeobssim") is None:
        pytest.skip("ixpeobssim, which simulates IXPE, is not installed")
    path = tmp_path_factory.mktemp("polarized") / "two.fits"
    parameters = SimulationParameters(
        **BASE, background_rate=0.001, source=tuple(f"{ra},{dec},15000" for ra, dec in PLACES),
        polarization=tuple(f"{pd},{pa}" for pd, pa in TRUTH), rotation_rate=RATE,
        start="2023-05-25T06:00:00",
    )  # fmt: skip
    simulate_units(path, parameters, seed=5)
    return unit_paths(path, parameters)


@pytest.mark.parametrize("number", [0, 1])
def test_degree_angle_and_rotation_are_recovered(units: list[Path], number: int) -> None:
    events = open_events(units)
    modulation = get_mission("ixpe").polarimetry(events)
    ra, dec = PLACES[number]
    start = float(fits.getheader(units[0], "EVENTS")["TSTART"])
    edges = np.linspace(start, start + EXPOSURE, 201)
    sums = []
    for factor, path in zip(modulation.factor, units, strict=True):
        table = fits.getdata(path, "EVENTS")
        away = np.hypot((table["RA"] - ra) * np.cos(np.radians(dec)), table["DEC"] - dec) * 3600
        channel = table["PI"].astype(int)
        chosen = (away < 60) & (channel > 50) & (channel < 200)
        sums.append(binned_sums(
            table["TIME"][chosen], table["Q"][chosen], table["U"][chosen], edges, 1.0,
            factor[channel[chosen]],
        ))  # fmt: skip
    scan = rotation_scan(sums[0] + sums[1] + sums[2], scan_rates(EXPOSURE, 100.0))
    q, u = scan.best.q[0], scan.best.u[0]
    error = np.sqrt(scan.best.covariance[0].trace() / 2)
    degree, angle = TRUTH[number]
    assert scan.best_rate == pytest.approx(RATE, abs=4 * scan.best_rate_error)
    assert scan.best_rate_error < 8
    assert np.hypot(q, u) == pytest.approx(degree, abs=4 * error)
    # angles are those at the middle of the events
    middle = RATE * (scan.reference_time - start) / 86400
    off = float(polarization_angle(q, u)) - angle - middle
    assert (off + 90) % 180 - 90 == pytest.approx(0, abs=4 * np.degrees(error / degree) / 2)


def test_the_truth_table_and_the_start(units: list[Path]) -> None:
    truth = Table.read(units[0].with_name("two_truth.fits"))
    assert list(zip(truth["pd"], truth["pa"], strict=True)) == list(TRUTH)
    assert list(truth["rotation_rate"]) == [RATE, RATE]
    assert truth["rotation_rate"].unit == "deg / d"
    header = fits.getheader(units[0], "EVENTS")
    assert header["DATE-OBS"].startswith("2023-05-25T06:00:00")
    mjd = header["MJDREFI"] + header["MJDREFF"] + header["TSTART"] / 86400
    start = Time("2023-05-25T06:00:00", scale="utc").tt.mjd
    assert mjd == pytest.approx(start, abs=1e-6)


def test_start_before_the_launch(tmp_path: Path) -> None:
    if importlib.util.find_spec("ixpeobssim") is None:
        pytest.skip("ixpeobssim, which simulates IXPE, is not installed")
    for start in ("2020-01-01", "1000"):
        settings = SimulationParameters(**BASE, source=("150,2.2,10",), start=start)
        with pytest.raises(ParameterError, match=r"start: .*launch"):
            simulate_units(tmp_path / "e.fits", settings, 1)
    assert list(tmp_path.iterdir()) == []


def test_one_for_all_or_one_for_each() -> None:
    mission = get_mission("ixpe")
    assert polarization_of([], 0.0, mission, 1, 2) == [(0, 0, 0)] * 2
    assert polarization_of(["0.1,20"], 3.0, mission, 1, 3) == [(0.1, 20.0, 3.0)] * 3
    found = polarization_of(["0.1,20", "0,5"], 0.0, mission, 2, 3)
    assert found == [(0.1, 20.0, 0.0), (0.0, 5.0, 0.0), (0.0, 0.0, 0.0)]
    for texts, given, number in ((["0.1,20"] * 2, 3, 3), (["0.1,20"], 0, 0)):
        with pytest.raises(ParameterError, match=f"{len(texts)} values for {given} sources"):
            polarization_of(texts, 0.0, mission, given, number)


@pytest.mark.parametrize("mission", ["chandra", "erosita"])
def test_a_mission_that_measures_no_polarization(mission: str) -> None:
    settings = SimulationParameters(
        mission=mission, source=("150,2.2,10",), polarization=("0.1,20",)
    )
    with pytest.raises(ParameterError, match=f"polarization: cannot be simulated for {mission}"):
        simulate_observation(settings, 1)
    through = settings.model_copy(update={"model": "powerlaw"})
    with pytest.raises(ParameterError, match="choose a mission"):
        simulate_observation(through, 1)


@pytest.mark.parametrize(
    "text", ["", "0.1", "0.1,2,3", "a,20", "1.1,20", "-0.1,20", "nan,20", "0.1,nan", "0.1,400"]
)
def test_unreadable_polarizations(text: str) -> None:
    with pytest.raises(ValueError, match=r"PD,PA|not between"):
        parse_polarization(text)
    with pytest.raises(ValidationError, match="polarization"):
        SimulationParameters(polarization=(text,))


def test_a_rotation_needs_a_polarization() -> None:
    with pytest.raises(ValidationError, match="rotation_rate"):
        SimulationParameters(rotation_rate=3.0)
