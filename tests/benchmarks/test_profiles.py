"""Benchmarks of profiles: a tiny fraction runs and gives what it should."""

import pytest

from benchmarks import profile_calibration, profiles


def test_speed_of_profiles() -> None:
    result = profiles.run(1, 0.01)
    assert result["profile_and_matrix_s"] > 0
    # of each ring's light
    assert result["matrix_error"]["largest"] < 0.01
    found = result["beta_fit"]["parameters"]
    for name, truth in zip(("norm", "rc", "beta", "background"), profiles.TRUTH, strict=True):
        width = found[name]["upper"] - found[name]["lower"]
        assert abs(found[name]["value"] - truth) < 2 * width


@pytest.mark.parametrize("case", profile_calibration.CASES)
def test_a_fit(case: str) -> None:
    assert len(profile_calibration.covered(case, 3)) == len(profile_calibration.CASES[case][0])


def test_empty_field() -> None:
    assert abs(profile_calibration.empty_field(4, 0.05, 1)) < 3
