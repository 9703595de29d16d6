"""Exposure maps of observations whose files tell where the telescope looked.

The map of a circular field that moves over the sky is the histogram of where its axis was,
convolved with the field's vignetting. Over the few degrees of an image the field keeps its shape,
so the convolution is one Fourier transform, for a pointing as for a survey scan.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs.utils import skycoord_to_pixel
from scipy import ndimage, signal

from xsurvey.events import EventList
from xsurvey.imaging.sky_image import ImageGrid
from xsurvey.missions import Mission

_PIXEL = 16.0  # arcsec; a sixtieth of the smallest field, and less than a second of a scan
_STEP = 0.1  # s: a tenth of the usual distance of attitude samples
_SAMPLES = 200_000  # of the attitude, and
_ROWS = 256  # of an image, that are at work together: images of many degrees are large

Vignetting = Callable[[np.ndarray], np.ndarray]
"""From off-axis angles, arcmin, to effective areas relative to the optical axis."""


def exposure_from_attitude(
    events: EventList, grid: ImageGrid, energies: Sequence[float | None], mission: Mission
) -> list[np.ndarray]:
    """Return the exposure of every pixel, one map an energy.

    Parameters
    ----------
    events : EventList
        With an attitude for each detector that has good times.
    grid : ImageGrid
    energies : sequence of float or None
        keV, for the vignetting; None for the livetime in the field alone.
    mission : Mission
        With a circular field of view.

    Returns
    -------
    list of ndarray, shape of the grid
        Livetime times relative effective area, s; the mean over coaligned detectors.
    """
    curves = [None if e is None else partial(mission.vignetting, energy=e) for e in energies]
    return exposure_by_vignetting(events, grid, curves, mission)


def exposure_by_vignetting(
    events: EventList, grid: ImageGrid, curves: Sequence[Vignetting | None], mission: Mission
) -> list[np.ndarray]:
    """Return the exposure of every pixel, one map a curve of vignetting.

    Parameters
    ----------
    events, grid, mission
        As of `exposure_from_attitude`.
    curves : sequence of callable or None
        None for the livetime in the field alone.

    Returns
    -------
    list of ndarray, shape of the grid
        As of `exposure_from_attitude`.
    """
    assert mission.field_radius is not None
    side = max(_PIXEL, grid.pixel_size)
    reach = int(np.ceil(mission.field_radius * 60 / side)) + 1
    ny, nx = (int(np.ceil(n * grid.pixel_size / side)) for n in grid.shape)
    axis = np.zeros((ny + 2 * reach, nx + 2 * reach))
    for detector, intervals in events.gti.items():
        time, length = intervals.samples(_STEP if events.observation.scanning else 1.0)
        live = events.live_fraction.get(detector, events.live_fraction.get(-1, 1.0))
        scale = grid.pixel_size / side
        for first in range(0, len(time), _SAMPLES):
            some = slice(first, first + _SAMPLES)
            x, y = _axis_pixels(events, grid, detector, time[some])
            _deposit(
                axis, _coarse(y, scale) + reach, _coarse(x, scale) + reach, length[some] * live
            )
    axis /= len(events.gti) if events.coaligned else 1
    offsets = np.arange(-reach, reach + 1) * side / 60
    off_axis = np.hypot(offsets[:, None], offsets[None, :])
    seen = np.clip((mission.field_radius - off_axis) * 60 / side + 0.5, 0, 1)
    fields = [seen if curve is None else seen * curve(off_axis) for curve in curves]
    return [
        _on_grid(signal.fftconvolve(axis, field, "same"), grid, side, reach) for field in fields
    ]


def _axis_pixels(
    events: EventList, grid: ImageGrid, detector: int, time: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return where the optical axis was, in 0-based image coordinates."""
    direction = events.attitude[detector].at(time)
    sky = SkyCoord(*direction.T, representation_type="cartesian", frame="icrs")
    x, y = skycoord_to_pixel(sky, grid.wcs, origin=0)
    return np.asarray(x, float), np.asarray(y, float)


def _coarse(pixel: np.ndarray, scale: float) -> np.ndarray:
    """Turn 0-based coordinates of the image into those of pixels ``1 / scale`` times as large."""
    return (pixel + 0.5) * scale - 0.5


def _deposit(image: np.ndarray, y: np.ndarray, x: np.ndarray, weight: np.ndarray) -> None:
    """Add weights to an image, each shared among the four pixels around its place."""
    # the field does not reach the image from where this leaves weights out
    good = (y >= 0) & (x >= 0) & (y < image.shape[0] - 1) & (x < image.shape[1] - 1)
    y, x, weight = y[good], x[good], weight[good]
    row, column = y.astype(int), x.astype(int)
    up, right = y - row, x - column
    for dy, dx, share in (
        (0, 0, (1 - up) * (1 - right)), (0, 1, (1 - up) * right),
        (1, 0, up * (1 - right)), (1, 1, up * right),
    ):  # fmt: skip
        np.add.at(image, (row + dy, column + dx), weight * share)


def _on_grid(coarse: np.ndarray, grid: ImageGrid, side: float, reach: int) -> np.ndarray:
    scale = grid.pixel_size / side
    rows, columns = (_coarse(np.arange(n), scale) + reach for n in grid.shape)
    # separable and linear: rows first, then columns, instead of every pixel by itself
    down = ndimage.map_coordinates(
        coarse, np.meshgrid(rows, np.arange(coarse.shape[1]), indexing="ij"), order=1
    )
    low = np.clip(columns.astype(int), 0, coarse.shape[1] - 2)
    weight = columns - low
    fine = np.empty(grid.shape)
    for first in range(0, len(fine), _ROWS):
        part = slice(first, first + _ROWS)
        fine[part] = down[part][:, low] * (1 - weight) + down[part][:, low + 1] * weight
    # what the Fourier transform leaves of zero
    fine[fine < 1e-6 * max(float(fine.max()), 1e-300)] = 0.0
    return np.asarray(fine)
