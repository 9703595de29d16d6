"""A small catalog of made-up sources, and the same as files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table

from xsurvey.catalogs import build_table, write_fits, write_hats

BANDS = {"b": "0.5-7 keV", "s": "0.5-1.2 keV"}
HARDNESS = {"hs": "2-7 over 0.5-1.2 keV"}


def make_rows(ra: np.ndarray, dec: np.ndarray) -> list[dict[str, Any]]:
    return [
        {
            "name": f"XSV J{number:05d}",
            "source_id": f"754_{number}",
            "ra": float(ra[number]),
            "dec": float(dec[number]),
            "detection_likelihood": float(number),
            "classification": "TRUE" if number % 3 else "MARGINAL",
            "counts_b": number,
            "counts_s": 0,
            "rate_b": number / 100,
            "hardness_hs": None if number % 2 else number / 200,
            "flag": number % 8,
            "n_observations": 1,
            "n_detections": 1,
        }
        for number in range(len(ra))
    ]


@pytest.fixture
def make_table() -> Callable[..., Table]:
    def make(ra: Any, dec: Any) -> Table:
        rows = make_rows(np.atleast_1d(ra), np.atleast_1d(dec))
        return build_table(rows, "sources", BANDS, HARDNESS)

    return make


@pytest.fixture
def table(make_table: Callable[..., Table]) -> Table:
    rng = np.random.default_rng(754)
    return make_table(228.48 + rng.normal(0, 0.1, 200), -59.13 + rng.normal(0, 0.1, 200))


@pytest.fixture
def hats_path(table: Table, tmp_path: Path) -> Path:
    path = tmp_path / "made.hats"
    write_hats(table, path, "made", {"OBS_ID": ("754", "the observation")})
    return path


@pytest.fixture
def fits_path(table: Table, tmp_path: Path) -> Path:
    path = tmp_path / "made.fits"
    write_fits(table, path, {"OBS_ID": ("754", "the observation"), "EXPMAP": "APPROX"})
    return path
