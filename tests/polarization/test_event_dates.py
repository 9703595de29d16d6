"""Event times as dates: the scale of the events, and UTC."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from xsurvey.errors import InputError
from xsurvey.events import Observation
from xsurvey.missions import open_events
from xsurvey.polarization.variation.event_dates import mjd_of_times, time_of_epoch

from ..mission_files import write_ixpe


@pytest.fixture
def observation(tmp_path: Path) -> Observation:
    return open_events(write_ixpe(tmp_path / "a.fits", MJDREFI=51544)).observation


def test_dates_are_those_of_the_observation(observation: Observation) -> None:
    times = np.array([[7e8, 7e8 + 1], [7.1e8, 0]])
    single = [[observation.mjd(float(t)) for t in row] for row in times]
    np.testing.assert_allclose(mjd_of_times(observation, times), single, rtol=0, atol=2e-8)


def test_an_epoch_is_in_the_scale_of_the_events(observation: Observation) -> None:
    epoch = 59645.0 + 0.25
    seconds = time_of_epoch(observation, epoch)
    assert seconds == pytest.approx((epoch - observation.reference_mjd) * 86400, abs=2e-6)
    # 69.184 s between TT and UTC since 2017: an epoch in UTC would be off by as much
    assert float(mjd_of_times(observation, seconds)) == pytest.approx(epoch - 69.184 / 86400)
    tdb = replace(observation, time_scale="TDB")
    assert time_of_epoch(tdb, epoch) == pytest.approx(seconds, abs=2e-6)


@pytest.mark.parametrize("change", [{"reference_mjd": np.nan}, {"time_scale": "LOCAL2"}])
def test_times_without_a_date_are_an_error(
    observation: Observation, change: dict[str, object]
) -> None:
    with pytest.raises(InputError, match=r"MJDREF|scale"):
        mjd_of_times(replace(observation, **change), 1.0)  # type: ignore[arg-type]
