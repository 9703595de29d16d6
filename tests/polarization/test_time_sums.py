"""Sums of events by time: good times cut into bins, one pass, backgrounds, coarse bins."""

from pathlib import Path

import numpy as np
import pytest

from xsurvey.errors import InputError
from xsurvey.events import EventList
from xsurvey.good_times import GoodTimeIntervals
from xsurvey.missions import open_events
from xsurvey.missions.joining import join_units
from xsurvey.polarization.measure import measure_polarization
from xsurvey.polarization.modulation import modulation_of
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.polarization.variation.phases import pulse_phase
from xsurvey.polarization.variation.time_bins import coarse_bins, polarization_of_sums
from xsurvey.polarization.variation.time_grid import time_grid
from xsurvey.polarization.variation.time_sums import TimeSums, read_timed_events, sum_times
from xsurvey.regions import RegionSet, read_region_file

from ..mission_files import START
from .made_fields import write_responses
from .moving_events import GTI, write_moving

EDGES = "2,4,8"


@pytest.fixture(scope="module")
def responses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_responses(tmp_path_factory.mktemp("caldb"))


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> EventList:
    paths = write_moving(tmp_path_factory.mktemp("moving"), 6000, 0.4, 25, seed=3, background=4000)
    return join_units([open_events(path) for path in paths])


def regions_of(events: EventList, folder: Path) -> tuple[RegionSet, RegionSet]:
    source, background = folder / "source.reg", folder / "background.reg"
    source.write_text('icrs\ncircle(150.0,2.2,60")\n')
    background.write_text('icrs\nannulus(150.0,2.2,120",240")\n')
    return read_region_file(source, events.wcs), read_region_file(background, events.wcs)


def summed(
    events: EventList, parameters: PolarizationParameters, width: float = 900.0,
    regions: tuple[RegionSet | None, RegionSet | None] = (None, None), **given: object,
) -> TimeSums:  # fmt: skip
    modulation = modulation_of(events, "simple" if parameters.weighted else "none", parameters.irf)
    return sum_times(events, modulation, parameters, time_grid(events, width), *regions, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("acceptance", [False, True])
@pytest.mark.parametrize("subtracted", [False, True])
def test_bins_add_up_to_the_cube(
    events: EventList, responses: Path, tmp_path: Path, weighted: bool, acceptance: bool,
    subtracted: bool,
) -> None:  # fmt: skip
    parameters = PolarizationParameters(
        ebins=EDGES, weighted=weighted, acceptance_correction=acceptance, irf=str(responses)
    )
    source, background = regions_of(events, tmp_path)
    regions = (source, background if subtracted else None)
    cube = measure_polarization(events, parameters, *regions)
    sums = summed(events, parameters, regions=regions)
    assert sums.scale == pytest.approx(cube.background_scale)
    net = sums.net.by_energy(sums.energy_edges)
    np.testing.assert_array_equal(net.counts, cube.bins.counts)
    np.testing.assert_allclose(net.weight, cube.sums.i)
    np.testing.assert_allclose(net.z.real, cube.sums.q, rtol=1e-9)
    np.testing.assert_allclose(net.z.imag, cube.sums.u, rtol=1e-9)
    np.testing.assert_allclose(net.weight2, cube.sums.weight2)
    np.testing.assert_allclose((net.power + net.square.real) / 2, cube.sums.qq)
    np.testing.assert_allclose(net.square.imag / 2, cube.sums.qu, rtol=1e-7)
    found = polarization_of_sums(net, sums.source.by_energy(sums.energy_edges))
    for name, values in (
        ("pd", cube.bins.pd), ("pd_err", cube.bins.pd_err),
        ("pa_err_deg", cube.bins.pa_err_deg), ("q_norm_variance", cube.bins.covariance[:, 0, 0]),
    ):  # fmt: skip
        np.testing.assert_allclose(found[name], values, rtol=1e-7)
    # sums by time do not know how unevenly events count: tails are those of events that count alike
    np.testing.assert_allclose(found["mdp99"], cube.bins.mdp99, rtol=1e-3)


def test_no_bin_is_a_gap(events: EventList, responses: Path) -> None:
    parameters = PolarizationParameters(irf=str(responses))
    sums = summed(events, parameters, 1000.0)
    grid = sums.grid
    assert grid.good.sum() == 4 * len(GTI)
    assert (~grid.good).sum() == len(GTI) - 1
    length = np.diff(grid.edges)
    np.testing.assert_allclose(length[grid.good], 850)
    np.testing.assert_allclose(length[~grid.good], 5760 - 3400)
    counts = sums.net.total().counts
    assert not counts[~grid.good].any()
    assert counts.sum() == events.in_energy((2.001, 8.001)).count()  # type: ignore[arg-type]
    np.testing.assert_allclose(grid.livetime[grid.good], 850 * 0.9)
    assert not grid.livetime[~grid.good].any()
    assert grid.livetime.sum() == pytest.approx(events.livetime)


def test_events_at_the_ends_of_good_times_are_in_them(events: EventList) -> None:
    grid = time_grid(events, 1000.0)
    ends = START + np.array([0, 3400.0, 5760.0, GTI[-1][1]])
    assert grid.place(ends).tolist() == [0, 3, 5, len(grid.good) - 1]
    assert grid.place(np.array([START - 1, START + GTI[-1][1] + 1])).tolist() == [-1, -1]
    assert grid.good[grid.place(ends)].all()


def test_livetime_is_the_mean_of_detectors(events: EventList) -> None:
    half = GoodTimeIntervals.from_edges(START + np.array([0.0]), START + np.array([1700.0]))
    gti = {**events.gti, 1: half}
    grid = time_grid(EventList(**{**vars(events), "gti": gti}), 850.0)
    np.testing.assert_allclose(grid.livetime[:4], 0.9 * 850 * np.array([1, 1, 2 / 3, 2 / 3]))


def test_no_good_time_is_an_error(events: EventList) -> None:
    with pytest.raises(InputError, match="no good time"):
        time_grid(EventList(**{**vars(events), "gti": {}}), 100.0)


@pytest.mark.parametrize("equal", ["counts", "livetime"])
def test_coarse_bins_share_equally(events: EventList, responses: Path, equal: str) -> None:
    sums = summed(events, PolarizationParameters(irf=str(responses)), 60.0)
    source = sums.source.total()
    bins = coarse_bins(sums.grid, source, source, 7, equal)
    assert bins is not None
    amount = bins.source.counts if equal == "counts" else bins.livetime
    np.testing.assert_allclose(amount, np.mean(amount), rtol=0.03)
    assert bins.source.counts.sum() == source.counts.sum()
    assert bins.livetime.sum() == pytest.approx(events.livetime)
    assert np.all(bins.stop > bins.start)
    assert np.all(bins.start[1:] >= bins.stop[:-1])
    good = np.array(GTI) + START
    # ends are in good times, never in a gap
    for end in np.concatenate([bins.start, bins.stop]):
        assert np.any((end >= good[:, 0] - 1e-6) & (end <= good[:, 1] + 1e-6))
    assert bins.net.z.sum() == pytest.approx(source.z.sum())


def test_events_at_one_time_make_no_bins(tmp_path: Path, responses: Path) -> None:
    times = np.full(300, 100.0)
    paths = write_moving(tmp_path, 300, times=times)
    events = join_units([open_events(path) for path in paths])
    sums = summed(events, PolarizationParameters(irf=str(responses)))
    source = sums.source.total()
    assert coarse_bins(sums.grid, source, source, 5) is None
    times[150:] = 47_000.0
    events = join_units([open_events(p) for p in write_moving(tmp_path, 300, times=times)])
    sums = summed(events, PolarizationParameters(irf=str(responses)))
    source = sums.source.total()
    bins = coarse_bins(sums.grid, source, source, 5)
    assert bins is not None
    assert len(bins.start) == 2
    assert bins.source.counts.all()


def test_phases_and_single_events_agree_with_the_sums(events: EventList, responses: Path) -> None:
    parameters = PolarizationParameters(ebins=EDGES, weighted=True, irf=str(responses))

    def phase(time: np.ndarray) -> np.ndarray:
        return pulse_phase(time, 0.01, START)

    sums = summed(events, parameters, phase=phase, phase_bins=8)
    by_phase = sums.net.total_phase()
    total, whole = by_phase.total(), sums.net.total().total()
    for name in ("counts", "weight", "z", "power", "square"):
        np.testing.assert_allclose(getattr(total, name), getattr(whole, name))
    each = read_timed_events(events, modulation_of(events, "simple", str(responses)), parameters)
    assert len(each) == whole.counts[0]
    assert (each.weight * each.z).sum() == pytest.approx(whole.z[0])
    index = (phase(each.time) * 8).astype(int)
    np.testing.assert_array_equal(np.bincount(index, minlength=8), by_phase.counts)
    np.testing.assert_allclose(
        np.bincount(each.energy_bin), sums.net.by_energy(sums.energy_edges).counts
    )


def test_chunks_make_no_difference(
    events: EventList, responses: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters = PolarizationParameters(ebins=EDGES, irf=str(responses))
    whole = summed(events, parameters).net.total()
    every = EventList.chunks
    monkeypatch.setattr(EventList, "chunks", lambda s, rows=None, **k: every(s, 77, **k))
    parts = summed(events, parameters).net.total()
    np.testing.assert_array_equal(parts.counts, whole.counts)
    np.testing.assert_allclose(parts.z, whole.z)
