"""Flags, one after the other: set where they should be and nowhere else."""

from typing import Any

import numpy as np
import pytest

from xsurvey.detection.flags import (
    SourceFlag,
    gap_or_edge,
    on_extended_emission,
    saturated,
)
from xsurvey.detection.fluxes import FluxFactors
from xsurvey.detection.measure import measure_sources
from xsurvey.detection.parameters import DetectionParameters, PhotometryParameters
from xsurvey.missions import get_mission

from .measured import drawn, found_at, photon_field, stack_of

SIDE = 200
AT = [(100.0, 100.0)]
EVEN = np.full((SIDE, SIDE), 1000.0)
BANDS = tuple(get_mission("chandra").bands[b] for b in ("s", "h"))


def places(*xy: tuple[float, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, y = np.array(xy, float).T
    return x, y, np.full(len(x), 5.0)


def flags(exposure: np.ndarray, *xy: tuple[float, float]) -> list[int]:
    return [int(f) for f in gap_or_edge(exposure, *places(*xy), 1.0)]


def test_edges_and_gaps_are_told_apart() -> None:
    exposure = np.zeros((SIDE, SIDE))
    exposure[20:180, 20:180] = 1000.0
    exposure[:, 96:104] = 0.0  # between two chips
    inner, gap, edge, both, corner = flags(
        exposure, (60, 100), (93, 100), (23, 100), (93, 22), (178, 178)
    )
    assert inner == 0
    assert gap == SourceFlag.NEAR_GAP
    assert edge == SourceFlag.NEAR_EDGE
    assert both == SourceFlag.NEAR_GAP | SourceFlag.NEAR_EDGE
    assert corner == SourceFlag.NEAR_EDGE


def test_a_dithered_gap_and_a_bad_column() -> None:
    exposure = EVEN.copy()
    exposure[:, 90:110] = 400.0
    exposure[50, :] = 0.0
    assert flags(exposure, (88, 150), (100, 150), (40, 50), (40, 150)) == [
        SourceFlag.NEAR_GAP, SourceFlag.NEAR_GAP, SourceFlag.NEAR_GAP, 0,
    ]  # fmt: skip


def test_vignetting_is_no_edge() -> None:
    x = np.indices((SIDE, SIDE))[1]
    exposure = 1000 * np.exp(-(((x - 100) / 120) ** 2))
    assert flags(exposure, (30, 100), (170, 100)) == [0, 0]


def test_the_border_of_the_image_is_an_edge() -> None:
    assert flags(EVEN, (3, 100), (198, 100), (100, -20), (100, 100)) == [
        SourceFlag.NEAR_EDGE, SourceFlag.NEAR_EDGE, SourceFlag.NEAR_EDGE, 0,
    ]  # fmt: skip
    assert flags(np.zeros((SIDE, SIDE)), (100, 100)) == [SourceFlag.NEAR_EDGE]


def test_extended_emission() -> None:
    background = np.ones((SIDE, SIDE))
    background[90:110, 90:110] = 4.0
    x, y, _ = places((100, 100), (50, 50), (500, 500))
    assert on_extended_emission(EVEN, background, x, y).tolist() == [True, False, False]
    assert not on_extended_emission(0 * EVEN, background, x, y).any()


def test_saturation_by_rate_and_by_a_hole() -> None:
    zero, ones = np.zeros(2), np.ones(2)
    # more than one photon in a frame of 3.2 s in the mean
    assert saturated(np.array([0.25, 0.15]), 3.2, zero, zero, zero).tolist() == [True, False]
    assert not saturated(np.array([9.0, 9.0]), np.nan, zero, zero, zero).any()
    expected = np.array([200.0, 30.0])
    assert saturated(zero, np.nan, 0.3 * expected, expected, ones).tolist() == [True, False]
    assert not saturated(zero, np.nan, 0.7 * expected, expected, ones).any()


def measured(
    width: float = 2.0, counts: float = 300.0, hole: bool = False, frame_time: float = np.nan,
    stamps: dict[str, Any] | None = None, responses: Any = None, psf: str | None = None,
    **found: Any,
) -> int:  # fmt: skip
    generator = np.random.default_rng(3)
    x, y = drawn(generator, AT, [counts], 0.01, width)
    if hole:
        keep = np.hypot(x - 100, y - 100) > 0.8
        x, y = x[keep], y[keep]
    field = photon_field({"s": (x, y), "h": (x[::3], y[::3])}, EVEN, frame_time)
    for image in field.exposure.values():
        image.stamps.update(stamps or {})
    stack = stack_of(field)
    detection = DetectionParameters(psf=psf or f"gaussian:{width}arcsec")
    parameters = PhotometryParameters(measure_band=BANDS)
    sources = found_at(stack, AT, **found)
    row = measure_sources(sources, stack, detection, parameters, responses).rows[0]
    return int(row["flag"])


def test_a_plain_source_has_none() -> None:
    assert measured() == 0


@pytest.mark.parametrize(
    ("settings", "flag"),
    [
        ({"stamps": {"EXPMAP": "APPROX"}}, SourceFlag.EXPOSURE_APPROXIMATE),
        ({"converged": False}, SourceFlag.POSITION_FIXED),
        ({"extent": 5.0}, SourceFlag.EXTENDED),
        ({"responses": lambda f: FluxFactors(dict.fromkeys(f.counts, 1e-9), True)},
         SourceFlag.RESPONSE_APPROXIMATE),
        ({"hole": True, "width": 1.0, "counts": 3000.0}, SourceFlag.SATURATED),
    ],
)  # fmt: skip
def test_one_flag_at_a_time(settings: dict[str, Any], flag: SourceFlag) -> None:
    assert measured(**settings) == flag


def test_bright_sources_in_frames_are_piled_up() -> None:
    # .17 count / s in frames of 3.2 s
    found = measured(width=0.3, counts=170.0, frame_time=3.2)
    assert found == SourceFlag.PILED_UP
    assert not measured(width=0.3, counts=10.0, frame_time=3.2)
