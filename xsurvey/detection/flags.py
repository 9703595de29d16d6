"""What users of a source should know: the bits of the catalog's ``flag`` column."""

from __future__ import annotations

from enum import IntFlag

import numpy as np
from scipy import ndimage

_LOW_EXPOSURE = 0.5
"""Of the largest exposure around, below which an aperture's exposure dips."""
_AROUND = 3.0  # aperture radii in which that largest one is looked for
_GAP = 60.0
"""Widest gap, arcsec: between chips there are some 10 to 20, dither makes them wider."""
_LARGE = 4_000_000  # pixels
_EXTENDED_CONTRAST = 3.0
_ONE_A_FRAME = 1 - np.exp(-1)
"""Part of the frames with an event in the core for one photon a frame in the mean."""
_HOLE, _HOLE_SIGMA = 0.5, 5.0
_HOLE_COUNTS = 50.0


class SourceFlag(IntFlag):
    """Bits of the catalog's ``flag`` column; the schema describes them."""

    EXPOSURE_APPROXIMATE = 1
    PSF_APPROXIMATE = 2
    NEAR_EDGE = 4
    BLENDED = 8
    PILED_UP = 16
    EXTENDED_EMISSION = 32
    BACKGROUND_FROM_MAP = 64
    EXTENDED = 128
    SPECTRUM_FAILED = 256
    RESPONSE_APPROXIMATE = 512
    SPECTRUM_AT_LIMIT = 1024
    SPECTRUM_POOR_FIT = 2048
    NEAR_GAP = 4096
    SATURATED = 8192
    POSITION_FIXED = 16384
    MODEL_THERMAL = 32768


def gap_or_edge(
    exposure: np.ndarray, x: np.ndarray, y: np.ndarray, radius: np.ndarray, pixel_size: float
) -> np.ndarray:
    """Tell where the exposure dips inside apertures, and whether the field goes on behind.

    Parameters
    ----------
    exposure : ndarray, shape (ny, nx)
    x, y, radius : ndarray, shape (n,)
        Apertures, pixels.
    pixel_size : float
        Arcsec.

    Returns
    -------
    ndarray of int, shape (n,)
        NEAR_EDGE, NEAR_GAP, both or none. The exposure dips where it is below half of the
        largest within three aperture radii; what is narrower than an arcminute and has the
        field on both sides is a gap.
    """
    field = _without_gaps(exposure > 0, _GAP / 2 / pixel_size)
    flags = np.zeros(len(x), dtype=np.int32)
    for i, (cx, cy, r) in enumerate(zip(x, y, np.maximum(radius, 1.0), strict=True)):
        window, distance = _window(exposure.shape, cx, cy, _AROUND * r)
        inside = distance <= r
        beyond = cx - r < -0.5 or cy - r < -0.5
        beyond |= cx + r > exposure.shape[1] - 0.5 or cy + r > exposure.shape[0] - 0.5
        around = exposure[window]
        if beyond or not inside.any():
            flags[i] |= SourceFlag.NEAR_EDGE
        if not inside.any():
            continue
        low = inside & (around <= _LOW_EXPOSURE * around[distance <= _AROUND * r].max())
        if (low & ~field[window]).any():
            flags[i] |= SourceFlag.NEAR_EDGE
        if (low & field[window]).any():
            flags[i] |= SourceFlag.NEAR_GAP
    return flags


def _without_gaps(exposed: np.ndarray, radius: float) -> np.ndarray:
    """Close what is narrower than twice a radius in pixels; holes inside are closed whole."""
    # large images are looked at coarsely: what is near is then a little more
    step = max(1, int(radius // 8)) if exposed.size > _LARGE else 1
    ny, nx = exposed.shape
    margin = int(np.ceil(radius)) + step
    padded = np.pad(exposed, ((margin, margin + -ny % step), (margin, margin + -nx % step)))
    rows, columns = (n - n % step for n in padded.shape)
    coarse = padded[:rows, :columns].reshape(rows // step, step, -1, step).any(axis=(1, 3))
    reach = radius / step
    grown = ndimage.distance_transform_edt(~coarse) <= reach
    closed = ndimage.distance_transform_edt(grown) > reach
    closed = ndimage.binary_fill_holes(closed | coarse)
    fine = np.repeat(np.repeat(closed, step, axis=0), step, axis=1)
    return np.asarray(fine[margin : margin + ny, margin : margin + nx])


def _window(
    shape: tuple[int, ...], x: float, y: float, radius: float
) -> tuple[tuple[slice, slice], np.ndarray]:
    rows = slice(max(int(y - radius), 0), max(min(int(y + radius) + 2, shape[0]), 0))
    columns = slice(max(int(x - radius), 0), max(min(int(x + radius) + 2, shape[1]), 0))
    dy = np.arange(rows.start, max(rows.stop, rows.start))[:, None] - y
    dx = np.arange(columns.start, max(columns.stop, columns.start))[None, :] - x
    return (rows, columns), np.hypot(dx, dy)


def on_extended_emission(
    exposure: np.ndarray, background: np.ndarray, x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """Tell where the background is more than three times that of the field, shape (n,)."""
    exposed = exposure > 0
    if not exposed.any():
        return np.zeros(len(x), dtype=bool)
    level = np.divide(background, exposure, out=np.zeros(exposure.shape), where=exposed)
    row = np.clip(np.rint(y).astype(int), 0, level.shape[0] - 1)
    column = np.clip(np.rint(x).astype(int), 0, level.shape[1] - 1)
    return np.asarray(level[row, column] > _EXTENDED_CONTRAST * np.median(level[exposed]))


def saturated(
    core_rate: np.ndarray, frame_time: float, core_counts: np.ndarray, core_expected: np.ndarray,
    core_background: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Tell which sources are beyond what the detector can tell.

    Parameters
    ----------
    core_rate : ndarray, shape (n,)
        Observed source events per second in a 3 x 3 island.
    frame_time : float
        Seconds; NaN for detectors without frames.
    core_counts : ndarray, shape (n,)
        Events in the island.
    core_expected : ndarray, shape (n,)
        What the PSF has there, from the counts of the whole aperture.
    core_background : ndarray, shape (n,)

    Returns
    -------
    ndarray of bool, shape (n,)
        More frames have an event than at one photon a frame in the mean; or a source of 50
        counts or more in its core has less than half of them there, at 5 sigma: the photons of
        a frame add up to energies, or make patterns, that are thrown away.
    """
    full = np.nan_to_num(core_rate * frame_time) > _ONE_A_FRAME
    expected = core_expected + core_background
    low = core_counts - core_background < _HOLE * core_expected
    clear = expected - core_counts > _HOLE_SIGMA * np.sqrt(np.maximum(expected, 1.0))
    return np.asarray(full | ((core_expected >= _HOLE_COUNTS) & low & clear))
