"""Lists of sources, log N - log S, and light curves of simulated sources."""

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from xsurvey.errors import InputError, ParameterError
from xsurvey.good_times import GoodTimeIntervals
from xsurvey.missions import get_mission
from xsurvey.simulate.log_n_log_s import LogNLogS, parse_log_n_log_s
from xsurvey.simulate.observation import simulate_observation
from xsurvey.simulate.parameters import SimulationParameters
from xsurvey.simulate.population import sources_to_simulate
from xsurvey.simulate.result import sky_pixels
from xsurvey.simulate.shapes import CLUSTER_EDGE, beta_radii
from xsurvey.simulate.source_list import read_sources
from xsurvey.simulate.spectrum import Spectrum
from xsurvey.simulate.variability import KINDS, LightCurves
from xsurvey.simulate.visits import Passed
from xsurvey.units import EnergyBand

from .tools import POINTING, SCANS, sigmas, simulated, source_list

DEFAULT = Spectrum("tbabs*powerlaw", ("tbabs.nH=0.03",))
SOFT = EnergyBand(0.5, 2.0)
PLACE = {"ra": [150.0], "dec": [2.2]}


def test_moretti_s_counts() -> None:
    # N(>S) = N_S (2e-15)^a1 / (S^a1 + S0^(a1 - a2) S^a2), as the paper writes it
    law = parse_log_n_log_s("1e-15", SOFT)
    for flux in (1e-15, 1.48e-14, 1e-13):
        paper = 6150 * 2e-15**1.82 / (flux**1.82 + 1.48e-14**1.22 * flux**0.6)
        assert law.above(flux) == pytest.approx(paper, rel=3e-3)
    hard = parse_log_n_log_s("1e-15", EnergyBand(2, 10))
    paper = 5300 * 2e-15**1.57 / (1e-14**1.57 + 4.5e-15**1.13 * 1e-14**0.44)
    assert hard.above(1e-14) == pytest.approx(paper, rel=3e-3)


@given(st.floats(0.1, 1.0), st.floats(1.1, 3.0), st.floats(1e-16, 1e-12))
def test_drawn_fluxes_follow_the_law(faint: float, bright: float, limit: float) -> None:
    law = LogNLogS(limit, 50.0, 1e-14, faint, bright)
    flux = law.draw(2000, np.random.default_rng(1))
    assert flux.min() >= limit * (1 - 1e-9)
    # the part above a flux is uniform
    assert kstest(law.above(flux) / law.above(limit), "uniform").pvalue > 1e-5


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "text", ["1e300", "1e-14,80,1e-250,0.5,2", "1e-14,80,1e-14,0.5,100", "1e-14,80,1,0.01,300"]
)
def test_laws_far_from_their_break(text: str) -> None:
    law = parse_log_n_log_s(text, SOFT)
    flux = law.draw(100, np.random.default_rng(1))
    assert np.isfinite(flux).all()
    assert flux.min() >= law.limit * (1 - 1e-9)
    assert 0 <= law.above(law.limit) < np.inf


def test_numbers_of_drawn_sources_are_poisson() -> None:
    parameters = SimulationParameters(mission="erosita", log_n_log_s="1e-12,30,1e-11,0.6,1.8")
    mission = get_mission("erosita")
    wcs = sky_pixels(parameters.pointing, mission)
    numbers = [
        len(sources_to_simulate(parameters, mission, wcs, np.random.default_rng(seed)))
        for seed in range(100)
    ]
    law = parse_log_n_log_s("1e-12,30,1e-11,0.6,1.8", SOFT)
    # the circle of 30.9 arcmin and a minute, cut by the square of the chip and a minute
    circle = np.pi * (31.9 / 60) ** 2
    expected = float(law.above(1e-12)) * circle
    assert np.mean(numbers) == pytest.approx(expected, rel=0.02, abs=5 * np.sqrt(expected / 100))
    assert 0.5 < np.var(numbers, ddof=1) / expected < 1.7


@pytest.mark.parametrize("text", ["", "a", "1e-14,2", "-1e-14", "nan", "1e-14,80,1e-14,1.8,0.6"])
def test_laws_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"LIMIT|slope"):
        parse_log_n_log_s(text, SOFT)
    with pytest.raises(ValueError, match=r"0\.5-2 and 2-10"):
        parse_log_n_log_s("1e-14", EnergyBand(0.5, 7))


@given(st.floats(0.0, 0.999999), st.floats(0.51, 3.0))
def test_radii_of_beta_models(fraction: float, beta: float) -> None:
    radius = float(beta_radii(np.array(fraction), np.array(10.0), np.array(beta)))
    power = 1.5 - 3 * beta
    whole = 1 - (1 + CLUSTER_EDGE**2) ** power
    found = (1 - (1 + (radius / 10) ** 2) ** power) / whole
    assert found == pytest.approx(fraction, abs=1e-6)
    assert radius <= 10 * CLUSTER_EDGE * (1 + 1e-6)


def curve(kind: str, **values: float) -> LightCurves:
    defaults = {"amplitude": 0.0, "period": 1.0, "phase": 0.0, "onset": 0.0, "decay": 1.0}
    columns = {n: np.array([values.get(n, d)], dtype=float) for n, d in defaults.items()}
    return LightCurves(np.array([KINDS.index(kind)]), **columns)


CURVES = [
    curve("constant"),
    curve("sine", amplitude=0.7, period=300.0, phase=0.1),
    curve("flare", amplitude=20.0, onset=400.0, decay=100.0),
    curve("step", amplitude=-0.8, onset=900.0),
]


@pytest.mark.parametrize("curves", CURVES)
def test_means_are_those_of_the_light_curves(curves: LightCurves) -> None:
    gti = GoodTimeIntervals(np.array([1e8, 1e8 + 700]), np.array([1e8 + 500, 1e8 + 1600]))
    middle, length = gti.samples(0.01)
    flux = curves.relative(np.zeros(len(middle), dtype=int), middle - 1e8)
    assert curves.mean(gti)[0] == pytest.approx(np.average(flux, weights=length), rel=1e-4)
    assert flux.max() <= curves.highest()[0] + 1e-12


VARIABLE = {
    "sine": {"amplitude": [0.9], "period": [400.0], "phase": [0.25]},
    "flare": {"amplitude": [30.0], "onset": [500.0], "decay": [80.0]},
    "step": {"amplitude": [4.0], "onset": [1200.0]},
}


@pytest.mark.parametrize("kind", VARIABLE)
def test_arrival_times_follow_the_light_curve(kind: str, tmp_path: Path) -> None:
    names = source_list(
        tmp_path / "s.ecsv", **PLACE, flux=[2e-12], variability=[kind], **VARIABLE[kind]
    )
    base = {"mission": "erosita", "energy": "0.2-8", "good_time": ("0-900", "1000-2100")}
    observation = simulated(base, 3, sources=names)
    steady = simulated(
        base, 3,
        sources=source_list(tmp_path / "c.ecsv", **PLACE, flux=[2e-12]),
    )  # fmt: skip
    truth = observation.truth[0]
    # the mean flux is that of the table
    expected = steady.truth["counts_expected"][0]
    assert truth["counts_expected"] == pytest.approx(expected, rel=2e-3)
    assert abs(sigmas(truth["counts_recorded"], expected)) < 4
    curves = read_sources(names, DEFAULT).curves
    since = observation.events["time"] - observation.gti.start[0]
    middle, length = observation.gti.samples(0.1)
    middle = middle - observation.gti.start[0]
    flux = curves.relative(np.zeros(len(middle), dtype=int), middle) * length
    cumulative = np.cumsum(flux) / flux.sum()
    assert kstest(np.interp(since, middle, cumulative), "uniform").pvalue > 1e-3
    assert kstest(since / since.max(), "uniform").pvalue < 1e-6


def test_variable_sources_in_scans_are_seen_while_they_shine(tmp_path: Path) -> None:
    # six scans, four hours apart: a step after the fourth, from nearly nothing
    names = source_list(
        tmp_path / "s.ecsv", **PLACE, flux=[3e-11], variability=["step"], amplitude=[500.0],
        onset=[4 * 14400.0 - 1000],
    )  # fmt: skip
    observation = simulated({**SCANS, "scans": 6}, 4, sources=names)
    truth = observation.truth[0]
    scan = (observation.events["time"] - observation.gti.start[0]) // 14400
    assert np.mean(scan >= 4) > 0.95
    assert abs(sigmas(truth["counts_recorded"], truth["counts_expected"])) < 4
    assert truth["counts_recorded"] > 300


@given(st.lists(st.floats(0.1, 5.0), min_size=1, max_size=6), st.floats(0, 1))
def test_times_of_visits_are_in_their_windows(lengths: list[float], fraction: float) -> None:
    number = len(lengths)
    source = np.arange(number) // 2
    visits = Passed(int(source[-1]) + 1, source, 1e8 + 100.0 * np.arange(number), np.array(lengths))
    for one in np.unique(source):
        time = visits.at(np.array([one]), np.array([fraction]))[0]
        own = source == one
        start, stop = visits.start[own], visits.start[own] + visits.length[own]
        assert np.any((time >= start - 1e-6) & (time <= stop + 1e-6))
        passed = np.clip(time - start, 0, visits.length[own]).sum()
        assert passed == pytest.approx(fraction * visits.total[one], abs=1e-6)


def test_spectra_of_a_list(tmp_path: Path) -> None:
    path = tmp_path / "s.ecsv"
    Table({
        "RA": [150.0] * 4, "Dec": [2.2] * 4, "flux": [1e-14, 1e-14, np.nan, np.nan],
        "counts": [np.nan, np.nan, 10.0, np.nan], "norm": [np.nan, np.nan, np.nan, 1e-5],
        "model": ["", "apec", "", "apec"], "set": ["", "apec.kT=2, apec.Abundanc=0.3", "", ""],
        "powerlaw.PhoIndex": [np.nan, np.nan, 1.4, np.nan],
        "apec.kT": [np.nan, np.nan, np.nan, 3.0], "core_radius": [0, 10.0, 0, 20.0],
    }).write(path, format="ascii.ecsv")  # fmt: skip
    found = read_sources(path, DEFAULT)
    assert [found.spectra[i] for i in found.spectrum] == [
        DEFAULT, Spectrum("apec", ("apec.kT=2", "apec.Abundanc=0.3")),
        Spectrum("tbabs*powerlaw", ("tbabs.nH=0.03", "powerlaw.PhoIndex=1.4")),
        Spectrum("apec", ("apec.kT=3.0",)),
    ]  # fmt: skip
    assert list(found.kind) == [0, 0, 2, 1]
    assert list(found.shapes.beta) == pytest.approx([2 / 3] * 4)
    assert list(found.shapes.core_radius) == [0, 10, 0, 20]


BAD = [
    ({"ra": [1.0], "flux": [1.0]}, "no column 'dec'"),
    (PLACE, "how bright"),
    (PLACE | {"flx": [1.0]}, "column 'flx' is unknown; did you mean 'flux'"),
    (PLACE | {"flux": [np.nan]}, "row 1 does not have exactly one"),
    (PLACE | {"flux": [1e-14], "counts": [3.0]}, "row 1 does not have exactly one"),
    (PLACE | {"flux": [-1e-14]}, "row 1 has a negative flux"),
    (PLACE | {"flux": ["bright"]}, "holds no numbers"),
    (PLACE | {"flux": [np.inf]}, "infinite"),
    ({"ra": [150.0, np.nan], "dec": [2.2, 2.3], "flux": [1e-14] * 2}, "row 2 has no position"),
    ({"ra": [150.0], "dec": [95.0], "flux": [1e-14]}, "not on the sky"),
    (PLACE | {"flux": [1e-14], "core_radius": [-3.0]}, "core_radius"),
    (PLACE | {"flux": [1e-14], "core_radius": [3.0], "beta": [0.4]}, "beta"),
    (PLACE | {"flux": [1e-14], "variability": ["flair"]}, "did you mean 'flare'"),
    (PLACE | {"flux": [1e-14], "variability": ["sine"], "amplitude": [0.5]}, "sine without period"),
    (
        PLACE | {"flux": [1e-14], "variability": ["sine"], "amplitude": [1.5], "period": [9.0]},
        "amplitude",
    ),
    (
        PLACE | {"flux": [1e-14], "variability": ["sine"], "amplitude": [0.5], "period": [0.0]},
        "period that is not positive",
    ),
]


@pytest.mark.parametrize(("columns", "words"), BAD, ids=[words for _, words in BAD])
def test_lists_that_cannot_be(columns: dict, words: str, tmp_path: Path) -> None:
    name = source_list(tmp_path / "s.ecsv", **columns)
    with pytest.raises(InputError, match=words) as error:
        read_sources(name, DEFAULT)
    assert "s.ecsv" in str(error.value)


def test_an_empty_list_has_no_sources(tmp_path: Path) -> None:
    name = source_list(tmp_path / "s.ecsv", ra=np.empty(0), dec=np.empty(0), flux=np.empty(0))
    assert len(simulated(POINTING, sources=name).truth) == 0


@pytest.mark.parametrize(("columns", "words"), [
    ({"model": ["tbabs*powerlw"]}, "did you mean .*'powerlaw'"),
    ({"set": ["powerlaw.Index=2"]}, "did you mean 'powerlaw.PhoIndex'"),
    ({"set": ["powerlaw.PhoIndex"]}, "component.parameter=value"),
    ({"model": ["powerlaw"], "set": ["powerlaw.PhoIndex=77"]}, "limits"),
    ({"model": ["powerlaw"], "set": ["powerlaw.norm=0"]}, "negative numbers of photons, or none"),
])  # fmt: skip
def test_spectra_that_cannot_be(columns: dict, words: str, tmp_path: Path) -> None:
    name = source_list(tmp_path / "s.ecsv", **PLACE, flux=[1e-14], **columns)
    with pytest.raises((InputError, ParameterError), match=words):
        simulated(POINTING, sources=name)


def test_sources_that_cannot_be_simulated(tmp_path: Path) -> None:
    far = source_list(tmp_path / "f.ecsv", ra=[330.0], dec=[-2.2], flux=[1e-14])
    with pytest.raises(ParameterError, match="half a sky away"):
        simulated(POINTING, sources=far)
    bright = source_list(tmp_path / "b.ecsv", **PLACE, flux=[1.0])
    with pytest.raises(ParameterError, match="more than 1e"):
        simulated(POINTING, sources=bright)
    with pytest.raises(ParameterError, match="more than 1000000"):
        simulated(POINTING, log_n_log_s="1e-22")
    with pytest.raises(ParameterError, match="no photon gives an event"):
        simulated(POINTING, model="powerlaw", energy="20-30")


@pytest.mark.parametrize(("settings", "words"), [
    ({"start": "yesterday"}, "neither seconds nor a date"),
    ({"start": "1e20"}, "no time in seconds"),
    ({"good_time": ("5-3",)}, "BEGIN-END"),
    ({"good_time": ("0-10",), "exposure": "5ks"}, "in place of exposure"),
    ({"photon_index": 2.0, "model": "powerlaw"}, "photon_index is of simulations without"),
    ({"diffuse_set": ("powerlaw.norm=1",)}, "not given"),
    ({"log_n_log_s": "1e-14", "flux_band": "0.5-7"}, "0.5-2 and 2-10"),
    ({"scan_distance": "1arcmin"}, "is of scans"),
    ({"model": " "}, "empty"),
])  # fmt: skip
def test_parameters_that_do_not_go_together(settings: dict, words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        SimulationParameters.read(settings, "")


def test_starts_by_date_and_by_seconds() -> None:
    # MJDREF 50814 TT, 64.184 s ahead of UTC in 1998 and 69.184 s from 2017
    by_date = SimulationParameters(mission="chandra", exposure="100s", start="2020-01-01T00:00:00")
    seconds = simulate_observation(by_date, 1).gti.start[0]
    assert seconds == pytest.approx((58849 - 50814) * 86400 + 69.184, abs=1e-3)
    by_number = SimulationParameters(mission="chandra", exposure="100s", start="123456789.5")
    assert simulate_observation(by_number, 1).gti.start[0] == 123456789.5


def test_given_good_times() -> None:
    base = {"mission": "erosita", "good_time": ("1000-1500", "0-200")}
    found = simulated(base, background_rate=1.0).gti
    assert list(found.start - found.start[0]) == [0, 1000]
    assert found.total == 700


def test_closer_scans_see_longer() -> None:
    names = {"source": ("150,2.2,10",), "model": "powerlaw"}
    wide = simulated({**SCANS, "scans": 13}, 5, **names).truth["exposure"][0]
    close = simulated({**SCANS, "scans": 26}, 5, scan_distance="5arcmin", **names).truth[
        "exposure"
    ][0]
    assert close / wide == pytest.approx(2, rel=0.02)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("model", "powerlaw(", "a model is missing"), ("model", "nomodel", "nomodel"),
        ("set", "garbage", "component.parameter=value"), ("set", "powerlaw.x=1", "powerlaw.x"),
    ],
)  # fmt: skip
def test_rows_whose_spectrum_there_is_not(
    column: str, value: str, words: str, tmp_path: Path
) -> None:
    values = {"ra": [150.0] * 2, "dec": [2.2] * 2, "flux": [1e-13] * 2, column: ["", value]}
    path = source_list(tmp_path / "list.ecsv", **values)
    with pytest.raises(InputError, match=r"row 2: ") as caught:
        read_sources(path, DEFAULT)
    assert words in str(caught.value)
    assert caught.value.subject == path
