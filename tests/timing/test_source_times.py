"""Arrival times and exposures of many sources at once, against one source at a time."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from xsurvey.attitude import separations, unit_vectors
from xsurvey.errors import InputError
from xsurvey.events import EventList
from xsurvey.good_times import GoodTimeIntervals
from xsurvey.missions import get_mission, open_events
from xsurvey.timing.exposure_histories import exposure_histories
from xsurvey.timing.parameters import SourceVariabilityParameters
from xsurvey.timing.source_times import (
    SourceApertures,
    aperture_exposure,
    source_times,
)
from xsurvey.timing.visibility import attitude_exposure
from xsurvey.timing.within_observation import chosen_band, vary_within
from xsurvey.units import EnergyBand, SkyPosition

BROAD = EnergyBand(0.2, 10)
PARAMETERS = SourceVariabilityParameters()


def circles(
    ra: list[float], dec: list[float], radius: float, fraction: float = 0.9
) -> SourceApertures:
    n = np.ones(len(ra))
    return SourceApertures(
        np.array(ra), np.array(dec), radius * n, 1.5 * radius * n, 5 * radius * n, fraction * n
    )


def flat(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.full(len(x), 100.0)


def test_times_are_those_of_each_circle_and_annulus(events: EventList) -> None:
    where = circles([150.05, 149.95, 150.0], [2.22, 2.15, 2.3], 4.0)
    found = source_times(events, where, BROAD)
    columns = events.columns(["x", "y", "time", "detector"])
    x, y = events.wcs.all_world2pix(where.ra, where.dec, 1)
    for i in range(3):
        distance = np.hypot(columns["x"] - x[i], columns["y"] - y[i]) * events.pixel_size
        times, around = found.of(i)
        np.testing.assert_array_equal(times, np.sort(columns["time"][distance <= 4]))
        ring = (distance > 6) & (distance <= 20)
        np.testing.assert_array_equal(around, np.sort(columns["time"][ring]))
        assert found.by_detector[i].sum() == len(times) + len(around)
    assert len(found.of(0)[0]) > 200


def test_chunks_make_no_difference(events: EventList, monkeypatch: pytest.MonkeyPatch) -> None:
    where = circles([150.05, 149.95], [2.22, 2.15], 4.0)
    whole = source_times(events, where, BROAD)
    all_chunks = EventList.chunks
    monkeypatch.setattr(EventList, "chunks", lambda self, rows=None: all_chunks(self, 97))
    parts = source_times(events, where, BROAD)
    np.testing.assert_array_equal(whole.time, parts.time)
    np.testing.assert_array_equal(whole.background_first, parts.background_first)


def test_an_event_belongs_to_one_source_and_annuli_are_free(events: EventList) -> None:
    # a circle, and another one 5 arcsec beside it: both reach the bright source
    shift = 5 / 3600 / np.cos(np.radians(2.22))
    both = circles([150.05, 150.05 + shift], [2.22, 2.22], 4.0)
    alone = circles([150.05], [2.22], 4.0)
    found, single = (source_times(events, c, BROAD) for c in (both, alone))
    assert len(np.intersect1d(*(found.of(i)[0] for i in (0, 1)))) == 0
    assert len(found.of(0)[0]) + len(found.of(1)[0]) >= len(single.of(0)[0])
    assert len(found.of(0)[1]) <= len(single.of(0)[1])
    areas, one = (aperture_exposure(events, c, flat) for c in (both, alone))
    assert one.scale[0] == pytest.approx(16 / (400 - 36), rel=1e-9)
    assert one.exposure[0] == areas.exposure[0] == pytest.approx(100)
    # half of the lens of two circles of radius 4 at a distance of 5 is the other's
    lens = 2 * 16 * np.arccos(5 / 8) - 5 / 2 * np.sqrt(64 - 25)
    taken = 1 - lens / 2 / (16 * np.pi)
    ring = 364 * np.pi - (36 * np.pi - (2 * 36 * np.arccos(5 / 12) - 5 / 2 * np.sqrt(144 - 25)))
    assert areas.scale[0] == pytest.approx(taken * 16 * np.pi / ring, rel=0.05)


def test_an_annulus_without_exposure_is_of_no_use(events: EventList) -> None:
    where = circles([150.05], [2.22], 4.0)
    centre = np.array(events.wcs.all_world2pix(150.05, 2.22, 1))

    def only_inside(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return 1.0 * (np.hypot(x - centre[0], y - centre[1]) * events.pixel_size < 5)

    assert aperture_exposure(events, where, only_inside).scale[0] == 0
    nothing = aperture_exposure(events, where, lambda x, y: np.zeros(len(x)))
    assert (nothing.exposure[0], nothing.scale[0]) == (0, 0)


def test_no_sources_and_no_events(events: EventList) -> None:
    none = source_times(events, circles([], [], 4.0), BROAD)
    assert len(none.time) == 0 and none.first.tolist() == [0]
    empty = source_times(events, circles([150.05], [2.22], 4.0), EnergyBand(9.9, 9.91))
    assert len(empty.of(0)[0]) == 0
    result = vary_within(events, circles([], [], 4.0), BROAD, PARAMETERS, flat)
    assert len(result.odds.index) == 0


@pytest.mark.parametrize("kind", ["survey_tile", "survey_pointing"])
def test_histories_add_up_to_the_exposure(kind: str, request: pytest.FixtureRequest) -> None:
    events = open_events(request.getfixturevalue(kind))
    places = [SkyPosition(150.0, 2.2), SkyPosition(150.1, 2.3), SkyPosition(10.0, -60.0)]
    ra, dec = np.array(places, float).T
    start = min(g.start[0] for g in events.gti.values())
    stop = max(g.stop[-1] for g in events.gti.values())
    edges = np.linspace(start, stop, 9)
    histories = list(exposure_histories(events, ra, dec, 1.0, [], np.empty((3, 0))))
    for place, history in zip(places[:2], histories[:2], strict=True):
        known = attitude_exposure(events, [place], [1.0], edges[:-1], edges[1:])[:, 0]
        assert history.total == pytest.approx(known.sum(), rel=0.01)
        np.testing.assert_allclose(np.diff(history.until(edges)), known, atol=0.02 * known.max())
    assert histories[2].total == 0


def test_detectors_side_by_side_count_by_their_events(events: EventList) -> None:
    live = replace(
        events, coaligned=False, live_fraction={0: 0.9, 1: 0.5},
        gti={
            0: GoodTimeIntervals(np.array([0.0]), np.array([100.0])),
            1: GoodTimeIntervals(np.array([50.0, 200.0]), np.array([150.0, 300.0])),
        },
    )  # fmt: skip
    ra, dec = np.array([events.observation.pointing] * 2, float).T
    shares = np.array([[3.0, 1.0], [0.0, 0.0]])
    history, unknown = exposure_histories(live, ra, dec, 1.0, [0, 1], shares)
    until = history.until(np.array([50.0, 100.0, 150.0, 180.0, 300.0]))
    steps = [50 * 0.75 * 0.9, 50 * (0.75 * 0.9 + 0.25 * 0.5), 50 * 0.25 * 0.5, 0, 100 * 0.25 * 0.5]
    np.testing.assert_allclose(until, np.cumsum(steps))
    assert unknown.total == 0


def test_a_scan_without_attitude_and_no_good_time_are_refused(survey_tile: Path) -> None:
    events = open_events(survey_tile)
    one = np.array([150.0]), np.array([2.2])
    with pytest.raises(InputError, match="how long a place was seen is unknown"):
        exposure_histories(replace(events, attitude={}), *one, 1.0, [], np.empty((1, 0)))
    with pytest.raises(InputError, match="no good time"):
        exposure_histories(replace(events, gti={}), *one, 1.0, [], np.empty((1, 0)))


@pytest.mark.parametrize("kind", ["survey_tile", "survey_pointing"])
def test_constant_sources_of_files_do_not_vary(kind: str, request: pytest.FixtureRequest) -> None:
    events = open_events(request.getfixturevalue(kind))
    mission = get_mission("erosita")
    radius = float(mission.psf(True).radius(0.75, np.zeros(())))
    where = circles([150.0, 150.1, 10.0], [2.2, 2.3, 60.0], radius, 0.75)

    def exposed(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        ra, dec = events.wcs.all_pix2world(x, y, 1)
        near = separations(unit_vectors(ra, dec), unit_vectors(150.0, 2.2)) < 30
        return np.where(near, 500.0, 0.0)

    found = vary_within(events, where, chosen_band(PARAMETERS, "erosita"), PARAMETERS, exposed)
    assert found.tested.tolist() == [True, True, False]
    assert np.all(found.tests.ks_probability[:2] > 0.003)
    assert np.all(found.odds.log_odds[:2] < 2)  # a constant source in a thousand has more
    assert found.odds.index[2] == -1
    np.testing.assert_allclose(found.exposure, [375, 375, 0])
    assert sorted(found.light_curves) == [0, 1]
    curve = found.light_curves[0]
    assert curve.counts.sum() == found.counts[0]
    assert curve.exposure.sum() == pytest.approx(375)


def test_a_source_that_flares_is_found(make_events: Callable[..., Path]) -> None:
    path = make_events(
        seed=3, exposure="20ks", background_rate=0.2, source=("150.0,2.2,400", "150.05,2.22,400")
    )
    events = open_events(path)
    where = circles([150.0, 150.05], [2.2, 2.22], 4.0)
    constant = vary_within(events, where, BROAD, PARAMETERS, flat)
    assert np.all(constant.odds.index < 6)
    start = next(iter(events.gti.values())).start[0]
    early = GoodTimeIntervals(np.array([start]), np.array([start + 2000.0]))
    # of the times of the rest only a fifth are kept, at both sources alike
    flaring = replace(events, filters=(*events.filters, lambda c: early.contains(c["time"])
                                       | (np.arange(len(c)) % 5 == 0)))  # fmt: skip
    result = vary_within(flaring, where, BROAD, PARAMETERS, flat)
    assert np.all(result.odds.index >= 6)
    assert np.all(result.tests.kuiper_probability < 1e-3)
