"""Photons through the responses: numbers, energies, places and truth."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from xsurvey.io.ogip.arf import read_arf
from xsurvey.missions import get_mission, open_events
from xsurvey.psf import parse_psf
from xsurvey.simulate.instrument import Vignetting
from xsurvey.simulate.result import SimulatedObservation
from xsurvey.simulate.write import truth_path, write_simulation

from .tools import (
    EDGES,
    POINTING,
    SCANS,
    flat_area,
    shifting_matrix,
    sigmas,
    simulated,
    source_list,
)

ERG = 1.602176634e-9
ON_AXIS = {"ra": [150.0], "dec": [2.2]}
FLAT = {"model": "powerlaw", "set": ("powerlaw.PhoIndex=0",)}
TRUE_PLACES = "gaussian:0.001arcsec"


def test_counts_are_flux_times_area_times_time(tmp_path: Path) -> None:
    # a power law of index 0 has flux N (E2^2 - E1^2) / 2 and N A T counts per keV
    arf = flat_area(tmp_path / "a.arf", 100.0)
    names = source_list(tmp_path / "s.ecsv", **ON_AXIS, flux=[1e-11])
    observation = simulated(
        POINTING, 1, arf, sources=names, **FLAT, energy="0.3-10", dither="0arcsec",
        psf=TRUE_PLACES,
    )  # fmt: skip
    norm = 1e-11 / (ERG * (2.0**2 - 0.5**2) / 2)
    # lines of .1 keV move as many out of the band as into it, but for its ends
    expected = norm * 100.0 * 2000 * (EDGES[-1] - EDGES[0])
    truth = observation.truth[0]
    assert truth["norm"] == pytest.approx(norm, rel=1e-4)
    assert truth["flux"] == pytest.approx(1e-11)
    assert truth["counts_expected"] == pytest.approx(expected, rel=0.01)
    assert abs(sigmas(truth["counts_recorded"], truth["counts_expected"])) < 5
    assert truth["exposure"] == pytest.approx(2000, rel=1e-3)


def test_an_absorbed_spectrum_has_the_flux_that_was_asked_for(tmp_path: Path) -> None:
    from xsurvey.spectra.flux import band_flux
    from xsurvey.spectra.models.expression import parse_expression
    from xsurvey.spectra.models.settings import ModelSettings
    from xsurvey.units import EnergyBand

    names = source_list(
        tmp_path / "s.ecsv", **ON_AXIS, flux=[3e-13], model=["tbabs*powerlaw"],
        set=["tbabs.nH=0.5 powerlaw.PhoIndex=1.5"],
    )  # fmt: skip
    norm = simulated(POINTING, sources=names, flux_band="2-10").truth["norm"][0]
    expression = parse_expression("tbabs*powerlaw")
    flux = band_flux(expression, ModelSettings(), EnergyBand(2, 10))(np.array([[0.5, 1.5, norm]]))
    assert flux[0] == pytest.approx(3e-13, rel=1e-6)


@pytest.mark.parametrize("base", [POINTING, SCANS])
def test_recorded_counts_are_poisson_about_the_expected_ones(base: dict) -> None:
    law = "1e-13,20,1e-12,0.6,1.8" if base is POINTING else "1e-13,300,1e-12,0.6,1.8"
    truth = simulated(base, 2, log_n_log_s=law).truth
    expected, recorded = truth["counts_expected"], truth["counts_recorded"]
    some = expected > 5
    assert some.sum() > 15
    chi2 = np.sum((recorded[some] - expected[some]) ** 2 / expected[some])
    assert abs(chi2 - some.sum()) < 5 * np.sqrt(2 * some.sum())
    assert abs(sigmas(recorded.sum(), expected.sum())) < 4


def test_vignetting_off_axis(tmp_path: Path) -> None:
    arf = flat_area(tmp_path / "a.arf", 2000.0)
    names = source_list(
        tmp_path / "s.ecsv", ra=[150.0, 150.0], dec=[2.2, 2.2 + 20 / 60], norm=[0.002, 0.002]
    )
    observation = simulated(
        POINTING, 3, arf, sources=names, **FLAT, energy="4-5", psf=TRUE_PLACES, dither="0arcsec"
    )
    on, off = observation.truth["counts_recorded"].astype(float)
    vignetting = get_mission("erosita").vignetting(np.array([20.0]), 4.5)[0]
    assert off / on == pytest.approx(vignetting, abs=5 * vignetting * np.sqrt(1 / on + 1 / off))
    assert off > 500
    assert off / on < 0.6


@pytest.mark.parametrize("name", ["erosita", "chandra"])
def test_the_table_of_the_vignetting_is_the_mission_s(name: str) -> None:
    mission = get_mission(name)
    angle = np.linspace(0, 31, 200)
    for energy in (0.3, 1.0, 2.7, 6.4, 9.5):
        found = Vignetting(mission).at(angle, np.full(200, energy))
        assert found == pytest.approx(mission.vignetting(angle, energy), abs=0.003)


def test_events_are_in_the_channel_that_the_matrix_says(tmp_path: Path) -> None:
    mission = get_mission("chandra")
    arf = flat_area(tmp_path / "a.arf")
    rmf = shifting_matrix(tmp_path / "r.rmf", mission.channels, shift=1.0)
    names = source_list(tmp_path / "s.ecsv", **ON_AXIS, norm=[0.01])
    path = tmp_path / "e.fits"
    observation = simulated(
        {"exposure": "1ks"}, 4, arf, rmf, sources=names, model="powerlaw", energy="0.5-9",
    )  # fmt: skip
    write_simulation(path, observation)
    data = fits.getdata(path, "EVENTS")
    assert len(data) > 2000
    # photons of bins of .05 keV, one channel each
    channels = np.unique(data["pi"])
    expected = mission.channels.place_of_energies((EDGES[1:] + EDGES[:-1]) / 2 + 1) + 1
    assert set(channels) <= set(expected[expected > 0])
    assert np.all(data["energy"] / 1e3 >= mission.channels.low[data["pi"] - 1])
    assert np.all(data["energy"] / 1e3 < mission.channels.high[data["pi"] - 1])
    assert data["energy"].min() >= 1300
    assert fits.getheader(path, "EVENTS")["SIMLEVEL"] == "RESPONSE"


def test_rows_of_a_matrix_that_lose_photons(tmp_path: Path) -> None:
    arf = flat_area(tmp_path / "a.arf", 2000.0)
    names = source_list(tmp_path / "s.ecsv", **ON_AXIS, norm=[0.003])
    expected = []
    for kept in (1.0, 0.25):
        rmf = shifting_matrix(tmp_path / f"{kept}.rmf", get_mission("erosita").channels, kept=kept)
        truth = simulated(POINTING, 5, arf, rmf, sources=names, **FLAT).truth[0]
        assert abs(sigmas(truth["counts_recorded"], truth["counts_expected"])) < 4
        expected.append(truth["counts_expected"])
    assert expected[1] / expected[0] == pytest.approx(0.25)


def test_lines_have_their_place_and_the_nominal_width() -> None:
    model = ("gaussian.LineE=4.0", "gaussian.Sigma=0.0")
    observation = simulated(
        POINTING, 6, model="gaussian", set=model, source=("150,2.2,20000",), energy="3-5"
    )
    energy = observation.events["energy"]
    width = get_mission("erosita").energy_resolution(np.array([4.0]), [1])[0] / 2.3548
    assert energy.mean() == pytest.approx(4.0, abs=5 * width / np.sqrt(len(energy)) + 0.005)
    assert energy.std() == pytest.approx(np.hypot(width, 0.01 / np.sqrt(6)), rel=0.03)
    assert "RMFAPPR" in observation.stamps


def test_counts_that_are_asked_for_are_those_before_gaps(tmp_path: Path) -> None:
    arf = flat_area(tmp_path / "a.arf")
    aim = 40 / 3600
    gap = f"{150 + aim / np.cos(np.radians(2.2)):.6f},{2.2 + aim:.6f},2000"
    truth = simulated(
        {"exposure": "20ks"}, 7, arf, source=(gap, "150.05,2.15,2000"), psf="gaussian:0.5arcsec"
    ).truth
    assert truth["counts_expected"][1] == pytest.approx(2000, rel=0.003)
    assert 100 < truth["counts_expected"][0] < 1500
    for row in truth:
        assert abs(sigmas(row["counts_recorded"], row["counts_expected"])) < 4


def test_nothing_falls_between_chips(tmp_path: Path) -> None:
    arf = flat_area(tmp_path / "a.arf")
    observation = simulated(
        {"exposure": "20ks"}, 8, arf, model="powerlaw", dither="0arcsec", background_rate=0.2,
        diffuse="powerlaw", diffuse_set=("powerlaw.norm=1e-5",), roll=0.0,
    )  # fmt: skip
    events = observation.events
    assert len(events["x"]) > 5000
    offset = (events["x"] - 4096.5) * 0.492 + 40
    assert np.abs(offset).min() > 5.4  # half of the gap is 5.41 arcsec
    assert np.abs((events["y"] - 4096.5) * 0.492 - 40).min() > 5.4


def test_a_cluster_is_its_beta_model_through_the_psf(tmp_path: Path) -> None:
    names = source_list(
        tmp_path / "s.ecsv", **ON_AXIS, counts=[20000.0], core_radius=[20.0], beta=[0.7]
    )
    observation = simulated(
        POINTING, 9, sources=names, psf="gaussian:8arcsec", exposure="10ks", dither="0arcsec"
    )
    events, truth = observation.events, observation.truth
    radius = np.hypot(events["x"] - truth["x"][0], events["y"] - truth["y"][0]) * 0.05
    edges = np.array([0, 8, 16, 24, 32, 48, 64, 96, 128.0])
    found = np.histogram(radius, edges)[0]
    # the convolution on a grid, which nothing else here does
    side = np.arange(-600, 601, 2.0)
    r = np.hypot(*np.meshgrid(side, side))
    model = (1 + (r / 20) ** 2) ** (0.5 - 3 * 0.7)
    psf = np.exp(-(r**2) / (2 * 8**2))
    image = np.fft.irfft2(
        np.fft.rfft2(model) * np.fft.rfft2(np.fft.ifftshift(psf / psf.sum())), s=r.shape
    )
    shape = np.histogram(r, edges, weights=image)[0]
    expected = shape / shape.sum() * found.sum()
    assert np.sum((found - expected) ** 2 / expected) < 30  # 7 degrees of freedom, and pixels
    point = simulated(
        POINTING, 9, source=("150,2.2,20000",), model="powerlaw", psf="gaussian:8arcsec"
    ).events
    assert np.median(radius) > 1.5 * np.median(
        np.hypot(point["x"] - truth["x"][0], point["y"] - truth["y"][0]) * 0.05
    )


def test_the_psf_encircles_what_it_says() -> None:
    psf = parse_psf("king:20arcsec,2")
    observation = simulated(
        POINTING, 10, source=("150,2.2,5000",), model="powerlaw", psf="king:20arcsec,2",
        dither="0arcsec",
    )  # fmt: skip
    events, truth = observation.events, observation.truth
    radius = np.hypot(events["x"] - truth["x"][0], events["y"] - truth["y"][0]) * 0.05
    inside = np.mean(radius < 20)
    assert psf.encircled_fraction(np.array([20.0]), np.zeros(1))[0] == pytest.approx(0.9)
    assert inside == pytest.approx(0.9, abs=0.02)


def hashed(observation: SimulatedObservation, path: Path) -> tuple[str, str]:
    write_simulation(path, observation)
    return tuple(  # type: ignore[return-value]
        hashlib.sha256(p.read_bytes()).hexdigest() for p in (path, truth_path(path))
    )


@pytest.mark.parametrize("base", [POINTING, SCANS])
def test_the_seed_decides_everything(base: dict, tmp_path: Path) -> None:
    settings = {
        "log_n_log_s": "5e-13,30,1e-12,0.6,1.8", "diffuse": "powerlaw",
        "diffuse_set": ("powerlaw.norm=1e-7",), "particle": "powerlaw",
        "particle_set": ("powerlaw.norm=0.05",), "origin": True,
    }  # fmt: skip
    found = [hashed(simulated(base, seed, **settings), tmp_path / f"{n}.fits")
             for n, seed in (("a", 1), ("b", 1), ("c", 2))]  # fmt: skip
    assert found[0] == found[1]
    assert found[0][0] != found[2][0]
    assert found[0][1] != found[2][1]


def test_what_the_file_says(tmp_path: Path) -> None:
    path = tmp_path / "e.fits"
    names = source_list(
        tmp_path / "s.ecsv", ra=[150.0, 150.1], dec=[2.2, 2.3], counts=[200.0, 100.0],
        name=["one", "two"],
    )  # fmt: skip
    observation = simulated(
        POINTING, 11, sources=names, origin=True, background_rate=0.1, diffuse="powerlaw",
        diffuse_set=("powerlaw.norm=1e-6",),
    )  # fmt: skip
    write_simulation(path, observation)
    header, data = fits.getheader(path, "EVENTS"), fits.getdata(path, "EVENTS")
    assert header["SIMLEVEL"] == "RESPONSE"
    assert header["ARFAPPR"] == header["RMFAPPR"] == header["PSFAPPR"] == "APPROX"
    assert "TM0" in header["ARFHOW"]
    assert header["SIMSEED"] == 11
    assert header["SIMMODEL"] == "tbabs*powerlaw tbabs.nH=0.03 powerlaw.PhoIndex=2"
    assert header["SIMDIFF"] == "powerlaw powerlaw.norm=1e-6"
    assert header["FLUXBAND"] == "0.5-2"
    assert header["SIMXSPEC"]
    truth = Table.read(truth_path(path))
    assert truth.colnames == [
        "source_number", "ra", "dec", "x", "y", "off_axis", "counts_expected", "counts_recorded",
        "flux", "norm", "model", "set", "exposure", "shape", "core_radius", "beta",
        "inner_radius", "outer_radius", "nearest_radius", "farthest_radius", "angle_start",
        "angle_stop", "variability",
        "amplitude", "period", "phase", "onset", "decay", "origin", "name",
    ]  # fmt: skip
    assert list(truth["name"]) == ["one", "two"]
    assert truth["off_axis"][0] == pytest.approx(0, abs=1e-6)
    numbers = np.bincount(data["SRC_ID"] + 1, minlength=4)
    assert list(numbers[2:]) == list(truth["counts_recorded"])
    assert numbers[0] > 100  # the sky
    assert numbers[1] == pytest.approx(1400, abs=5 * np.sqrt(1400))
    assert numbers.sum() == len(data)
    events = open_events(path)
    assert events.count() == len(data)
    assert events.observation.warnings == ()


def test_backgrounds_of_which_nothing_is_in_the_band() -> None:
    line = ("gaussian.LineE=6.4", "gaussian.Sigma=0", "gaussian.norm=1")
    found = simulated(
        POINTING, energy="0.5-1", diffuse="gaussian", diffuse_set=line, particle="gaussian",
        particle_set=line,
    )  # fmt: skip
    assert len(found.events["time"]) == 0


def test_particles_have_their_rate_and_no_vignetting() -> None:
    found = simulated(
        POINTING, 12, energy="1-5", particle="powerlaw", dither="0arcsec",
        particle_set=("powerlaw.PhoIndex=0", "powerlaw.norm=0.2"),
    )  # fmt: skip
    events = found.events
    expected = 0.2 * 4 * 2000
    for module in range(1, 8):
        assert abs(sigmas(np.sum(events["detector"] == module), expected)) < 5
    radius = np.hypot(events["x"], events["y"]) * 0.05 / 60
    assert np.mean(radius > 30.9 / np.sqrt(2)) == pytest.approx(0.5, abs=0.03)
    assert abs(sigmas(np.sum(events["energy"] > 3), 7 * expected / 2)) < 5


def test_the_sky_is_as_bright_as_it_was_set(tmp_path: Path) -> None:
    arf = flat_area(tmp_path / "a.arf", 1000.0)
    found = simulated(
        POINTING, 13, arf, energy="1-2", diffuse="powerlaw", dither="0arcsec",
        diffuse_set=("powerlaw.PhoIndex=0", "powerlaw.norm=2e-5"),
    )  # fmt: skip
    events = found.events
    radius = np.hypot(events["x"], events["y"]) * 0.05 / 60
    # within 10 arcmin: brightness, area, time, vignetting
    r = (np.arange(1000) + 0.5) / 100
    vignetting = get_mission("erosita").vignetting(r, 1.5)
    expected = 2e-5 * 1000 * 2000 * np.sum(2 * np.pi * r * vignetting) / 100
    assert np.sum(radius < 10) == pytest.approx(expected, rel=0.02, abs=4 * np.sqrt(expected))
    assert set(events["origin"]) == {-1}


def test_no_column_of_origins_unless_asked_for(tmp_path: Path) -> None:
    write_simulation(tmp_path / "e.fits", simulated(POINTING, model="powerlaw"))
    assert "SRC_ID" not in fits.getdata(tmp_path / "e.fits", "EVENTS").names
    assert len(fits.getdata(tmp_path / "e.fits", "EVENTS")) == 0


def test_the_area_of_the_axis_is_the_mission_s(shared_data: Path) -> None:
    official = read_arf(shared_data / "erosita/responses/onaxis_tm0_arf_filter_2023-01-17.fits.gz")
    files = get_mission("erosita").nominal_responses(range(1, 8))
    coarse = files.arf[0]
    middle = (official.energy_low + official.energy_high) / 2
    found = np.interp(middle, (coarse.energy_low + coarse.energy_high) / 2, coarse.effective_area)
    ratio = np.abs(found / official.effective_area - 1)
    within = (middle > 0.22) & (middle < 10)
    assert ratio[within].max() < 0.05
    assert np.percentile(ratio[within], 95) < 0.03
    mean = np.mean(found[within] / official.effective_area[within])
    assert mean == pytest.approx(1, abs=0.003)


def test_the_resolution_is_the_mission_s(shared_data: Path) -> None:
    from xsurvey.io.ogip.rmf import read_rmf

    matrix = read_rmf(shared_data / "erosita/responses/onaxis_tm0_rmf_2023-01-17.fits.gz")
    width = matrix.channel_high - matrix.channel_low
    for energy in (0.5, 1.5, 4.0, 6.4):
        row = matrix.matrix[[int(np.searchsorted(matrix.energy_low, energy)) - 1]].toarray()[0]
        density = row / width
        above = density > density.max() / 2
        found = get_mission("erosita").energy_resolution(np.array([energy]), [1])[0]
        assert width[above].sum() == pytest.approx(found, abs=2 * width[above].mean())
