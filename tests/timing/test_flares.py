"""Flares found in simulated observations and drawn light curves; good times without them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsurvey.errors import InputError, ParameterError
from xsurvey.events import EventChunk, EventList
from xsurvey.missions import open_events
from xsurvey.timing.flares import (
    FieldLightCurve,
    FlareParameters,
    field_light_curve,
    find_flares,
    without_flares,
)
from xsurvey.units import EnergyBand

BAND = EnergyBand(2, 5)
PARAMETERS = FlareParameters(flare_band="2-5", flare_bin="50s")


def curve(counts: np.ndarray, exposure: np.ndarray | float = 1.0) -> FieldLightCurve:
    start = np.arange(len(counts), dtype=float)
    exposures = np.broadcast_to(np.asarray(exposure, float), counts.shape)
    return FieldLightCurve(start, start + 1, counts, exposures, BAND)


@pytest.fixture(scope="session")
def pointing(make_events: Callable[..., Path]) -> EventList:
    return open_events(make_events(
        seed=3, mission="erosita", exposure="5ks", background_rate=0.5, energy="0.2-8"
    ))  # fmt: skip


@pytest.fixture(scope="session")
def scan(make_events: Callable[..., Path]) -> EventList:
    return open_events(make_events(
        seed=3, mission="erosita", scans=20, field_size="90arcmin", background_rate=8,
        energy="0.2-8",
    ))  # fmt: skip


@dataclass(frozen=True)
class Times:
    """Keeps every event within some times, and few outside: a flare."""

    start: float
    stop: float

    def __call__(self, chunk: EventChunk) -> np.ndarray:
        time = chunk["time"]
        kept = np.random.default_rng(5).random(len(time)) < 0.3
        return kept | ((time > self.start) & (time < self.stop))


@pytest.mark.parametrize("mean", [0.2, 3.0, 50.0])
def test_constant_rates_have_no_flares(mean: float) -> None:
    generator = np.random.default_rng(int(mean * 10))
    found = [
        find_flares(curve(generator.poisson(mean, 2000)), PARAMETERS).flare.mean()
        for _ in range(20)
    ]
    assert np.mean(found) < 2e-4  # 4 sigma: 3e-5
    single = find_flares(curve(generator.poisson(mean, 2000)), PARAMETERS)
    assert single.rate == pytest.approx(mean, abs=4 * np.sqrt(mean / 2000))


@pytest.mark.parametrize(("part", "height"), [(0.02, 3.0), (0.2, 2.0), (0.45, 4.0)])
def test_flares_are_found(part: float, height: float) -> None:
    generator = np.random.default_rng(8)
    number = 1000
    bright = np.arange(number) < part * number
    counts = generator.poisson(np.where(bright, height, 1.0) * 40)
    found = find_flares(curve(counts), PARAMETERS)
    assert found.flare[bright].mean() > 0.9
    assert found.flare[~bright].mean() < 0.005
    assert found.rate == pytest.approx(40, rel=0.03)
    assert found.lost == pytest.approx(part, abs=0.02)


@given(st.integers(0, 10_000))
def test_exposure_is_no_flare(seed: int) -> None:
    """Bins of very different exposure, and some with none."""
    generator = np.random.default_rng(seed)
    exposure = generator.uniform(0, 1, 300) * (generator.random(300) < 0.9)
    found = find_flares(curve(generator.poisson(30 * exposure), exposure), PARAMETERS)
    assert found.flare.mean() < 0.01
    assert not found.flare[exposure == 0].any()


def test_good_times_lose_the_flare(pointing: EventList) -> None:
    begin = pointing.gti[1].start[0] + 1000
    events = replace(pointing, filters=(Times(begin, begin + 500),))
    kept, found = without_flares(events, PARAMETERS)
    assert found is not None
    (start,), (stop,) = found.flares.start, found.flares.stop
    assert (start, stop) == pytest.approx((begin, begin + 500), abs=51)
    assert kept.livetime == pytest.approx(pointing.livetime - (stop - start), rel=1e-6)
    time = kept.columns(["time"])["time"]
    assert not ((time > start) & (time < stop)).any()
    assert kept.count() < events.count()


def test_scans_are_judged_by_the_part_of_the_field_on_the_sky(scan: EventList) -> None:
    """The rate rises and falls as the field of view comes onto the file's sky and leaves it."""
    parameters = FlareParameters(flare_band="2-5", flare_bin="10s", flare_threshold=3)
    found = field_light_curve(scan, parameters)
    used = found.exposure > 0
    rate = found.counts.sum() / found.exposure.sum()
    expected = rate * found.exposure[used]
    chi2 = ((found.counts[used] - expected) ** 2 / np.maximum(expected, 1)).sum()
    number = used.sum()
    assert number > 100
    assert chi2 / number == pytest.approx(1, abs=5 * np.sqrt(2 / number))
    # without that it would be far off
    flat = found.counts.sum() / number
    assert ((found.counts[used] - flat) ** 2 / flat).sum() > 1.3 * chi2
    kept, flares = without_flares(scan, parameters)
    assert flares is not None
    assert flares.lost < 0.02
    assert kept.livetime > 0.97 * scan.livetime


def test_no_filtering(pointing: EventList) -> None:
    events, found = without_flares(pointing, FlareParameters(flare_threshold=0))
    assert events is pointing
    assert found is None


def test_the_band_is_the_missions(pointing: EventList) -> None:
    assert field_light_curve(pointing, FlareParameters()).band == EnergyBand(6.7, 9.0)


def test_what_cannot_be_judged(pointing: EventList, scan: EventList) -> None:
    with pytest.raises(InputError, match="has no events of 9-10 keV"):
        without_flares(pointing, FlareParameters(flare_band="9-10"))
    with pytest.raises(ParameterError, match="more than a million bins"):
        without_flares(pointing, FlareParameters(flare_bin="0.001s"))
    with pytest.raises(InputError, match="does not tell where"):
        without_flares(replace(scan, attitude={}), PARAMETERS)
    with pytest.raises(InputError, match="no good time"):
        without_flares(replace(pointing, gti={}), PARAMETERS)
