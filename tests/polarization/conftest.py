"""Event files for the tests of polarization."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from ..mission_files import ixpe_columns, write_ixpe

needs_responses = pytest.mark.skipif(
    importlib.util.find_spec("ixpeobssim") is None,
    reason="ixpeobssim is absent",
)


def polarized_columns(count: int = 600, seed: int = 1, degree: float = 0.0) -> dict:
    """Events whose modulation is that degree, in a blob and around it."""
    generator = np.random.default_rng(seed)
    columns = ixpe_columns(count, seed=seed)
    phase = generator.uniform(0, 2 * np.pi, count)
    phase += np.pi * (generator.random(count) > (1 + degree * np.cos(phase)) / 2)
    columns["Q"] = ("D", 2 * np.cos(phase))
    columns["U"] = ("D", 2 * np.sin(phase))
    columns["W_MOM"] = ("E", generator.uniform(0.1, 1.5, count))
    near = np.arange(count) < count // 2
    for axis in ("X", "Y"):
        columns[axis] = ("E", np.where(near, generator.normal(300.5, 5, count), columns[axis][1]))
    return columns


@pytest.fixture
def units(tmp_path: Path) -> list[Path]:
    """Three units with 600 events each, half of them in the middle."""
    return [
        # the reference is such that the events, at 7e8 s, are of March 2022
        write_ixpe(tmp_path / f"du{unit}.fits", unit, polarized_columns(seed=unit), MJDREFI=51544)
        for unit in (1, 2, 3)
    ]


@pytest.fixture
def regions(tmp_path: Path) -> tuple[Path, Path]:
    """A circle about the middle and a ring around it."""
    source, background = tmp_path / "source.reg", tmp_path / "background.reg"
    source.write_text('icrs\ncircle(150.0,2.2,60")\n')
    background.write_text('icrs\nannulus(150.0,2.2,120",240")\n')
    return source, background


@pytest.fixture(scope="session")
def weighted_units(ixpe_units: list[Path], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Files of the simulator, whose weights are overwritten by random ones."""
    folder = tmp_path_factory.mktemp("weighted")
    found = []
    for seed, path in enumerate(ixpe_units, start=1):
        with fits.open(path) as hdus:
            rows = len(hdus["EVENTS"].data)
            hdus["EVENTS"].data["W_MOM"] = np.random.default_rng(seed).uniform(0.1, 1.5, rows)
            hdus.writeto(folder / path.name)
        found.append(folder / path.name)
    return found
