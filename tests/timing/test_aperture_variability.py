"""Tests of arrival times that `xsurvey lightcurve` makes of event files."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from xsurvey.apertures.aperture import (
    WHOLE_FIELD,
    ApertureParameters,
    aperture_of_regions,
    circular_aperture,
)
from xsurvey.events import EventList
from xsurvey.good_times import GoodTimeIntervals
from xsurvey.missions import open_events
from xsurvey.regions import read_region_file
from xsurvey.timing.aperture_variability import ApertureVariability, aperture_variability
from xsurvey.timing.from_events import light_curve_from_events
from xsurvey.timing.parameters import LightCurveParameters

Call = Callable[..., tuple[int, str, str]]


def judged(events: EventList, position: str | None = "150.05,2.22") -> ApertureVariability:
    where = WHOLE_FIELD
    if position is not None:
        where = circular_aperture(events, ApertureParameters(position=position))
    parameters = LightCurveParameters(light_curve_band=("0.5-7",))
    found = aperture_variability(events, where, light_curve_from_events(events, where, parameters))
    assert found is not None
    return found[0]


def dimmed(events: EventList) -> EventList:
    """Half of the time only a fifth of the events are left."""
    span = next(iter(events.gti.values()))
    early = GoodTimeIntervals(span.start, (span.start + span.stop) / 2)
    fewer = lambda c: early.contains(c["time"]) | (np.arange(len(c)) % 5 == 0)  # noqa: E731
    return replace(events, filters=(*events.filters, fewer))


def test_a_constant_source_and_one_that_fades(events: EventList) -> None:
    constant, fading = judged(events), judged(dimmed(events))
    assert constant.odds.index[0] < 6
    assert constant.tests.ks_probability[0] > 1e-3
    assert fading.odds.index[0] >= 7
    assert fading.tests.ks_probability[0] < 1e-6
    assert len(constant.block_rates) == 1
    # two blocks, with rates of 5 to 1 that have a mean of one
    assert len(fading.block_rates) == 2
    span = next(iter(events.gti.values()))
    middle = (span.start[0] + span.stop[0]) / 2
    assert fading.block_edges[1] == pytest.approx(middle, abs=0.05 * (span.stop[0] - span.start[0]))
    np.testing.assert_allclose(fading.block_rates, [5 / 3, 1 / 3], rtol=0.25)
    assert fading.block_edges[[0, -1]].tolist() == [span.start[0], span.stop[0]]


def test_the_whole_field_of_a_pointing_but_not_of_a_scan(
    events: EventList, survey_tile: Path
) -> None:
    field = judged(events, None)
    assert field.counts > 1000
    assert field.odds.index[0] < 6
    scan = open_events(survey_tile)
    curve = light_curve_from_events(
        scan, WHOLE_FIELD, LightCurveParameters(light_curve_band=("0.5-2",))
    )
    assert aperture_variability(scan, WHOLE_FIELD, curve) is None


def test_a_region_has_the_mean_exposure_of_its_places(
    survey_pointing: Path, tmp_path: Path
) -> None:
    events = open_events(survey_pointing)
    region = tmp_path / "source.reg"
    region.write_text('fk5\ncircle(150.0,2.2,60")\n')
    where = aperture_of_regions(events, read_region_file(region, events.wcs), None)
    curve = light_curve_from_events(events, where, LightCurveParameters())
    found = aperture_variability(events, where, curve)
    assert found is not None
    assert len(found) == len(curve.bands)
    assert found[0].counts == curve.counts[:, 0].sum()
    assert found[0].odds.index[0] < 6


def test_a_place_with_hardly_any_counts(events: EventList) -> None:
    empty = judged(events.in_time(GoodTimeIntervals(
        next(iter(events.gti.values())).start, next(iter(events.gti.values())).start + 10_000.0
    )), "150.0,2.25")  # fmt: skip
    assert empty.counts < 5
    record = empty.as_json()
    assert record["gregory_loredo"]["index"] is None
    assert np.isnan(record["ks"]["probability"])
    assert len(record["bayesian_blocks"]["edges"]) == 0


def test_the_command_tells_of_them(
    event_file: Path, survey_tile: Path, tmp_path: Path, call: Call
) -> None:
    result = tmp_path / "out.json"
    for path, options in (
        (event_file, ("--position", "150.05,2.22")), (survey_tile, ("--position", "150.0,2.2")),
        (survey_tile, ()),
    ):  # fmt: skip
        status, _, error = call(
            "lightcurve", path, *options, "-o", tmp_path / "o.fits", "--json", result,
            "--trials", "99", "--significance", "0.05",
        )  # fmt: skip
        assert status == 0, error
        record = json.loads(result.read_text())
        if not options:
            assert record["arrival_times"] is None
            continue
        assert record["arrival_times"] == record["bands"][0]["arrival_times"]
        arrival = record["arrival_times"]
        assert arrival["gregory_loredo"]["index"] in range(6)
        assert 0.001 < arrival["ks"]["probability"] <= 1
        assert 0.001 < arrival["kuiper"]["probability"] <= 1
        assert arrival["bayesian_blocks"]["relative_rate"] == pytest.approx([1.0])
        assert arrival["tested_counts"] > 50
    # its own light curve has no arrival times
    again = call("lightcurve", tmp_path / "o.fits", "-o", tmp_path / "p.fits", "--json", result)
    assert again[0] == 0
    assert json.loads(result.read_text())["arrival_times"] is None
