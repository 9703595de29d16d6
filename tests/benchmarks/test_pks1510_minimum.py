"""The benchmark of the fit to PKS 1510-089, without its peer."""

import stat
from pathlib import Path

import numpy as np
import pytest

from benchmarks import pks1510_minimum as minimum


def test_light_of_others_is_in_the_place_of_the_models_own() -> None:
    nu = np.array([1e14, 2e14, 1e15])
    torus = np.array([1e-12, 2e-12, 3e-13])
    own, other = (minimum.OthersLight(light, 8) for light in ({}, {"torus": (np.log(nu), torus)}))
    values = minimum.FIXED | dict(zip(minimum.NAMES, minimum.PUBLISHED, strict=True))
    theta = np.array([[values[p.name] for p in own.parameters]] * 2)
    theta[1, own.parameters.index(next(p for p in own.parameters if p.name == "delta"))] = 1e3
    ours, theirs = own.components(theta, nu), other.components(theta, nu)
    assert theirs["torus"][0] == pytest.approx(torus)
    assert np.isnan(theirs["torus"][1]).all()  # no value beyond limits, as the model has it
    for name in set(ours) - {"torus"}:
        assert np.array_equal(ours[name], theirs[name], equal_nan=True)


def test_distances_are_in_the_published_errors() -> None:
    away = np.array(minimum.PUBLISHED) + minimum.ERRORS["Sherpa"]
    found = minimum.from_published(away)
    assert found["Sherpa"] == pytest.approx([1.0] * 5)
    assert found["gammapy"][1] == pytest.approx(0.23791 / 0.1243)


def test_there_is_nothing_without_the_peer() -> None:
    with pytest.raises(SystemExit, match="--peer"):
        minimum.run(1, 1.0)


def test_a_peer_that_fails_is_told_with_its_last_words(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'ImportError: no agnpy' >&2\nexit 1\n")
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    with pytest.raises(SystemExit, match="no agnpy"):
        minimum.ask(str(python), {})
