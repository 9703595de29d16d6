"""Polarization of energy bins of event files by the likelihood: cells, backgrounds, weights."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from xsurvey.errors import InputError, ParameterError
from xsurvey.events import EventList
from xsurvey.missions import open_events
from xsurvey.polarization import measure
from xsurvey.polarization.background import subtract_background
from xsurvey.polarization.bin_sums import BinSums, bin_sums
from xsurvey.polarization.event_sums import sum_events
from xsurvey.polarization.modulation import Modulation
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.polarization.records import records_of_bins
from xsurvey.polarization.stokes import StokesBins, StokesFlag
from xsurvey.polarization.unbinned.likelihood_bins import check_options, likelihood_bins
from xsurvey.psf import KingPsf, random_displacements
from xsurvey.regions import RegionSet, read_region_file

from ..mission_files import DEC, RA, START, write_ixpe
from .polarized_draws import stokes_of_events

EDGES = np.array([2.0, 4.0, 8.0])
MIDDLE = 0.02 + 0.04 * np.arange(375)
DEGREE = 0.5


def responses() -> Modulation:
    """Return modulation factors that rise from .13 at 2 keV, larger in each unit."""
    rise = np.clip(0.13 + 0.12 * np.maximum(MIDDLE - 2, 0) ** 0.7, 0.1, 0.6)
    factor = rise * np.array([[0.96], [1.0], [1.04]])
    return Modulation(np.array([1, 2, 3]), MIDDLE, factor, np.full((3, 375), 20.0), np.arange(375))


def write(folder: Path, seed: int = 1, source: int = 1500, background: int = 12_000) -> list[Path]:
    """Write units with a polarized source in a background without polarization.

    Of the field of 520", 2.2 % of the background is within 60" of the source.
    """
    generator = np.random.default_rng(seed)
    made = []
    for unit in (1, 2, 3):
        n = source + background
        channel = generator.integers(51, 190, n)
        degree = np.where(np.arange(n) < source, DEGREE, 0.0)
        q, u = stokes_of_events(generator, responses().factor[unit - 1, channel] * degree, 1.0)
        dx, dy = random_displacements(KingPsf(3.2, 30.4), np.zeros(source), generator)
        x = np.concatenate([300.5 + dx / 2.6, generator.uniform(200, 400, background)])
        y = np.concatenate([300.5 + dy / 2.6, generator.uniform(200, 400, background)])
        columns = {
            "TIME": ("D", START + np.sort(generator.uniform(0, 1000, n))), "PI": ("J", channel),
            "W_MOM": ("E", generator.uniform(0.1, 1.5, n)), "X": ("E", x), "Y": ("E", y),
            "Q": ("D", q), "U": ("D", u),
        }  # fmt: skip
        made.append(write_ixpe(folder / f"du{unit}.fits", unit, columns))
    return made


def opened(paths: list[Path], folder: Path) -> tuple[EventList, list[RegionSet]]:
    """Return events, a circle about the source and an annulus."""
    events = open_events(paths)
    shapes = {"s": f'circle({RA},{DEC},60")', "b": f'annulus({RA},{DEC},140",230")'}
    regions = []
    for name, shape in shapes.items():
        (folder / f"{name}.reg").write_text(f"fk5\n{shape}\n")
        regions.append(read_region_file(folder / f"{name}.reg", events.wcs))
    return events, regions


def measured(
    events: EventList, regions: list[RegionSet], scale: float | None = None, **options: object
) -> tuple[StokesBins, BinSums]:
    """Return the polarization by the likelihood, and the sums."""
    parameters = PolarizationParameters(estimator="likelihood", **options)
    found = sum_events(events, responses(), regions, parameters.weighted)
    sums = [
        bin_sums(s, responses(), EDGES, parameters.acceptance_correction) for s in found.regions
    ]
    source = sums[0] if scale is None else subtract_background(sums[0], sums[1], scale)
    bins, _ = likelihood_bins(events, responses(), source, regions, scale, parameters)
    return bins, source


SCALE = 60**2 / (230**2 - 140**2)


def near_truth(bins: StokesBins, factor: float = 1.0, sigma: float = 3.5) -> None:
    """Raise unless Q/I and U/I are within some errors of those at 30 deg."""
    for value, true in ((bins.q_norm, 0.5), (bins.u_norm, np.sqrt(0.75))):
        index = 0 if value is bins.q_norm else 1
        error = np.sqrt(bins.covariance[:, index, index])
        assert np.all(np.abs(value - factor * DEGREE * true) < sigma * error)


@pytest.fixture(scope="module")
def observation(tmp_path_factory: pytest.TempPathFactory) -> tuple[EventList, list[RegionSet]]:
    """Return events and regions of a source of which a fifth is background."""
    folder = tmp_path_factory.mktemp("likelihood")
    return opened(write(folder), folder)


def test_background_and_psf(observation: tuple[EventList, list[RegionSet]]) -> None:
    """Diluted without, right with a background; places in the PSF make errors smaller."""
    events, regions = observation
    plain, _ = measured(events, regions[:1])
    behind, sums = measured(events, regions, SCALE)
    placed, _ = measured(events, regions, SCALE, psf_weights=True)
    near_truth(behind)
    near_truth(placed)
    assert np.all(plain.pd < behind.pd)
    assert np.all(placed.pd_err < behind.pd_err)
    np.testing.assert_allclose(behind.q, behind.i * behind.q_norm)
    np.testing.assert_array_equal(behind.i, sums.i)
    np.testing.assert_allclose(placed.i, behind.i, rtol=0.05)
    assert np.all(behind.mdp99 > plain.mdp99)
    record = records_of_bins(behind)[0]
    assert record["Q"] / record["I"] == pytest.approx(record["q_norm"])
    assert record["pd_upper_99"] > record["pd"]
    assert behind.estimator == "likelihood"


def test_psf_alone_finds_the_background(observation: tuple[EventList, list[RegionSet]]) -> None:
    """Without a background region the places in the source region tell how much of it there is."""
    events, regions = observation
    alone, _ = measured(events, regions[:1], psf_weights=True)
    both, _ = measured(events, regions, SCALE, psf_weights=True)
    near_truth(alone)
    np.testing.assert_allclose(alone.i, both.i, rtol=0.06)


def test_weights_matter(observation: tuple[EventList, list[RegionSet]]) -> None:
    """Events of random weights are the same events, with another result."""
    events, regions = observation
    cells, _ = measured(events, regions[:1])
    weighted, _ = measured(events, regions[:1], weighted=True)
    assert not np.allclose(weighted.q_norm, cells.q_norm, rtol=1e-3)
    np.testing.assert_array_equal(cells.counts, weighted.counts)


def test_unit_weights_change_nothing(tmp_path: Path) -> None:
    """W_MOM of one: the robust errors are about the others, Q/I and U/I the same."""
    paths = write(tmp_path)
    ones = []
    for i, path in enumerate(paths):
        with fits.open(path) as hdus:
            hdus["EVENTS"].data["W_MOM"] = 1.0
            hdus.writeto(tmp_path / f"ones{i}.fits")
        ones.append(tmp_path / f"ones{i}.fits")
    events, regions = opened(ones, tmp_path)
    for scale in (None, SCALE):
        inside = regions if scale else regions[:1]
        plain, _ = measured(events, inside, scale)
        weighted, _ = measured(events, inside, scale, weighted=True)
        np.testing.assert_allclose(weighted.q_norm, plain.q_norm, atol=2e-6)
        np.testing.assert_allclose(weighted.u_norm, plain.u_norm, atol=2e-6)
        np.testing.assert_allclose(weighted.pd_err, plain.pd_err, rtol=0.15)
        np.testing.assert_allclose(weighted.chi2, plain.chi2, rtol=1e-5)


def test_order_of_files_does_not_matter(tmp_path: Path) -> None:
    """Units in another order."""
    paths = write(tmp_path, seed=3, background=3000)
    one, two = (opened(p, tmp_path) for p in (paths, paths[::-1]))
    first, second = (measured(e, r, SCALE)[0] for e, r in (one, two))
    np.testing.assert_allclose(first.q_norm, second.q_norm, atol=1e-9)
    np.testing.assert_allclose(first.covariance, second.covariance, rtol=1e-7)


def test_full_polarization_is_flagged(tmp_path: Path) -> None:
    """Of a few events with one phase the maximum is where the degree is 1."""
    n = 200
    phase = np.linspace(-2, 2, n)
    columns = {
        "TIME": ("D", START + np.linspace(1, 999, n)),
        "PI": ("J", np.where(np.arange(n) < 100, 60, 150)),
        "W_MOM": ("E", np.ones(n)), "X": ("E", np.full(n, 300.5)), "Y": ("E", np.full(n, 300.5)),
        "Q": ("D", 2 * np.cos(phase)), "U": ("D", 2 * np.sin(phase)),
    }  # fmt: skip
    events, regions = opened([write_ixpe(tmp_path / "du1.fits", 1, columns)], tmp_path)
    bins, _ = measured(events, regions[:1])
    assert np.all(bins.flags & StokesFlag.AT_ONE)
    assert not np.any(bins.flags & StokesFlag.ABOVE_ONE)
    np.testing.assert_allclose(bins.pd, 1)
    assert np.isfinite(bins.covariance).all()
    assert "at_one" in records_of_bins(bins)[0]["flags"]


def test_more_background_than_source(observation: tuple[EventList, list[RegionSet]]) -> None:
    """A scale that leaves nothing: no polarization, and flags say why."""
    events, regions = observation
    for options in ({}, {"weighted": True}):
        bins, _ = measured(events, regions, 20.0, **options)
        assert np.isnan(bins.q_norm).all()
        assert np.isnan(bins.chi2).all()
        assert np.all(bins.flags & StokesFlag.NO_NET_SIGNAL)


def test_psf_needs_a_region(observation: tuple[EventList, list[RegionSet]]) -> None:
    """PSF weights without a place of the source."""
    events, _ = observation
    found = sum_events(events, responses())
    sums = bin_sums(found.regions[0], responses(), EDGES)
    parameters = PolarizationParameters(estimator="likelihood", psf_weights=True)
    with pytest.raises(ParameterError, match="needs a source region"):
        likelihood_bins(events, responses(), sums, [None], None, parameters)


def test_psf_weights_are_of_the_likelihood() -> None:
    """Other estimators have no use for them."""
    for estimator in ("empirical", "pcube"):
        with pytest.raises(ParameterError, match=f"estimator '{estimator}'"):
            check_options(PolarizationParameters(estimator=estimator, psf_weights=True))
    check_options(PolarizationParameters(estimator="likelihood", psf_weights=True))


def test_command_line_gives_the_keys_of_the_others(
    observation: tuple[EventList, list[RegionSet]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`measure_polarization` with the estimator: records and scale as those of `empirical`."""
    events, regions = observation
    monkeypatch.setattr(measure, "modulation_of", lambda *_: responses())
    made = []
    for estimator in ("empirical", "likelihood"):
        parameters = PolarizationParameters(estimator=estimator, ebins="2,4,8")
        cube = measure.measure_polarization(events, parameters, *regions)
        made.append((cube.background_scale, records_of_bins(cube.bins)))
    assert made[0][0] == made[1][0]
    for one, two in zip(made[0][1], made[1][1], strict=True):
        assert list(one) == list(two)
        assert (one["I"], one["I_err"], one["counts"]) == (two["I"], two["I_err"], two["counts"])
        assert two["pd_err"] < one["pd_err"]
        assert two["pd"] == pytest.approx(one["pd"], abs=4 * one["pd_err"])


def test_weights_must_be_there(tmp_path: Path) -> None:
    """No W_MOM."""
    columns = {
        "TIME": ("D", START + np.linspace(1, 999, 9)), "PI": ("J", np.full(9, 80)),
        "X": ("E", np.full(9, 300.5)), "Y": ("E", np.full(9, 300.5)),
        "Q": ("D", np.ones(9)), "U": ("D", np.ones(9)),
    }  # fmt: skip
    events, regions = opened([write_ixpe(tmp_path / "du1.fits", 1, columns)], tmp_path)
    with pytest.raises(InputError, match="weights of events"):
        measured(events, regions[:1], weighted=True)
