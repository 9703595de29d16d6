"""Responses that spectra name, found in the calibration files of an installed package."""

import importlib.util

import pytest

from xsurvey.io.ogip.arf import read_arf
from xsurvey.io.ogip.stokes import area_kind
from xsurvey.missions import get_mission, missions


def test_a_response_by_its_name() -> None:
    if importlib.util.find_spec("ixpeobssim") is None:
        pytest.skip("ixpeobssim is not installed")
    mission = get_mission("ixpe")
    for kind, holds in (("arf", "area"), ("mrf", "modulated area")):
        path = mission.calibration_file(f"ixpe_d2_obssim20220702_v013.{kind}")
        assert path is not None
        assert area_kind(read_arf(path)) == holds


@pytest.mark.parametrize(
    "name", ["nosuch.arf", "ixpe_d2_obssim20220702_v013", "", "../../__init__.py", "x.."]
)
def test_other_names_are_of_no_file(name: str) -> None:
    assert [m.calibration_file(name) for m in missions().values()] == [None] * len(missions())
