"""How long the regions of a layout were seen, over what solid angle, with what relative area."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from astropy.wcs.utils import pixel_to_skycoord, skycoord_to_pixel
from scipy.sparse import csr_array

from xsurvey.attitude import unit_vectors
from xsurvey.errors import InputError
from xsurvey.events import EventList
from xsurvey.imaging.seen_sky import ENERGIES
from xsurvey.imaging.sky_image import ImageGrid
from xsurvey.imaging.stack_parameters import SharedSky
from xsurvey.profiles.geometry import pixel_solid_angles
from xsurvey.profiles.places_on_grid import pixels_on, unit_vectors_on
from xsurvey.profiles.region_layout import RegionLayout
from xsurvey.profiles.seen_pixels import Areas, GivenMaps, seen_pixels

_BLOCK = 32.0  # arcsec: over which relative areas are the same to a few parts in a thousand
_AT_ONCE = 50_000  # blocks


@dataclass(frozen=True)
class LabelExposure:
    """What the regions got of an observation by a group of detectors.

    Attributes
    ----------
    integral : ndarray, shape (r,)
        Livetime integrated over the solid angle that is counted, s arcmin2: not vignetted.
    area : ndarray, shape (r, k)
        Effective area relative to the optical axis at `ENERGIES`, the mean by livetime and solid
        angle; 0 where nothing was seen.
    livetime : ndarray, shape (ny, nx)
        Of every pixel of the image, whether in a region and masked or not, s (single precision);
        0 where another file's photons are used.
    stamps : mapping
        Header keywords: in what it is approximate.
    """

    integral: np.ndarray
    area: np.ndarray
    livetime: np.ndarray
    stamps: dict[str, Any]

    def area_at(self, log_energy: np.ndarray) -> np.ndarray:
        """Return relative areas at logarithms of energies in keV, linear between, shape (r, n)."""
        return np.array([np.interp(log_energy, np.log(ENERGIES), row) for row in self.area])


def label_exposure(
    events: EventList, layout: RegionLayout, box: np.ndarray, maps: GivenMaps | None = None,
    owned: np.ndarray | None = None,
) -> LabelExposure:  # fmt: skip
    """Find out how long the regions were seen.

    Parameters
    ----------
    events : EventList
        Of the detectors of the group alone.
    layout : RegionLayout
    box : ndarray, shape (2, 2)
        Lowest and highest X, Y of the file's events: beyond them it has no sky, wherever the
        telescope looked.
    maps : GivenMaps, optional
        From attitude or footprint if not given (`xsurvey.profiles.seen_pixels`).
    owned : ndarray of bool, shape (ny, nx), optional
        Pixels that belong to this file (`own_pixels`); all if not given.

    Raises
    ------
    InputError
        As `seen_sky`; or a scan comes with a vignetted map alone.
    """
    if maps is not None and maps.unvignetted is None and events.observation.scanning:
        raise InputError(
            maps.vignetted.source or "exposure", "is a vignetted map of a scan, out of which "
            "livetimes cannot be had", "give the map without vignetting as well",
        )  # fmt: skip
    grid, regions = layout.grid, len(layout.regions)
    nothing = LabelExposure(
        np.zeros(regions), np.zeros((regions, len(ENERGIES))),
        np.zeros(grid.shape, dtype=np.float32), {},
    )  # fmt: skip
    window = _window(grid, events, box)
    if window is None:
        return nothing
    rows, columns = window
    part = cut_grid(grid, rows, columns)
    mine = _within(part, events, box)
    if owned is not None:
        mine &= owned[rows, columns]
    if not mine.any():
        return nothing
    found = seen_pixels(events, part, maps)
    seen = np.where(mine, found.livetime, 0.0)
    labels = layout.detected[rows, columns]
    integral, area = _mean_areas(part, labels, seen, found.areas, regions)
    livetime = np.zeros(grid.shape, dtype=np.float32)
    livetime[rows, columns] = seen
    return LabelExposure(integral, area, livetime, {"EXPMAP": found.origin, "EXPHOW": found.how})


def own_pixels(grid: ImageGrid, shared: SharedSky | None) -> np.ndarray | None:
    """Tell which pixels belong to a file, and not to another with its photons.

    Each place belongs to the file with the nearest centre, as in `xsurvey.imaging.stack_shared`,
    here by pixels, so that counts and exposure end at the same lines.

    Parameters
    ----------
    grid : ImageGrid
    shared : SharedSky or None

    Returns
    -------
    ndarray of bool, shape (ny, nx), or None
        None where all do.
    """
    if shared is None or not shared.others:
        return None
    place, own = unit_vectors_on(grid), shared.centre
    mine = np.ones(grid.shape, dtype=bool)
    for other in shared.others:
        ahead = unit_vectors(*own) - unit_vectors(*other)
        difference = sum(p * float(a) for p, a in zip(place, ahead, strict=True))
        mine &= (difference > 0) | ((difference == 0) & (own < other))
    return mine


def cut_grid(grid: ImageGrid, rows: slice, columns: slice) -> ImageGrid:
    """Return the grid of some rows and columns of an image."""
    return replace(
        grid, wcs=grid.wcs[rows, columns],
        shape=(rows.stop - rows.start, columns.stop - columns.start),
        x_edge=grid.x_edge + columns.start * grid.sky_pixels,
        y_edge=grid.y_edge + rows.start * grid.sky_pixels,
    )  # fmt: skip


def _window(grid: ImageGrid, events: EventList, box: np.ndarray) -> tuple[slice, slice] | None:
    """Return the rows and columns in which the file's sky lies."""
    if not np.isfinite(box).all():
        return None
    steps = np.linspace(0, 1, 33)
    x, y = (low + steps * (high - low) for low, high in box.T)
    sky = pixel_to_skycoord(*np.meshgrid(x, y), events.wcs, origin=1)
    column, row = skycoord_to_pixel(sky, grid.wcs, origin=0)
    slices = []
    for place, length in zip((row, column), grid.shape, strict=True):
        if not np.isfinite(place).any():
            return None
        first = max(int(np.floor(np.nanmin(place))), 0)
        last = min(int(np.ceil(np.nanmax(place))) + 1, length)
        if last <= first:
            return None
        slices.append(slice(first, last))
    return slices[0], slices[1]


def _within(grid: ImageGrid, events: EventList, box: np.ndarray) -> np.ndarray:
    """Tell which pixel centres lie in the box of a file's events."""
    # the box's own pixels, as a grid of one pixel each
    file = ImageGrid(events.wcs, (1, 1), 0.5, 0.5, 1.0, events.pixel_size)
    x, y = (v + 1 for v in pixels_on(grid, file))
    (left, low), (right, high) = box
    return np.asarray((x >= left) & (x <= right) & (y >= low) & (y <= high))


def _mean_areas(
    grid: ImageGrid, labels: np.ndarray, livetime: np.ndarray, areas: Areas, regions: int
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return integrals of the livetime, s arcmin2, and mean relative areas of the regions."""
    side = max(1, round(_BLOCK / grid.pixel_size))
    wide = -(-grid.shape[1] // side)
    rows, columns = np.nonzero((labels >= 0) & (livetime > 0))
    label = labels[rows, columns]
    weight = livetime[rows, columns] * pixel_solid_angles(grid)[rows, columns]
    integral = np.bincount(label, weight, minlength=regions)
    block = (rows // side) * wide + columns // side
    used, place = np.unique(block, return_inverse=True)
    weights = csr_array((weight, (label, place)), shape=(regions, len(used)))
    x = (used % wide) * side + (side - 1) / 2
    y = (used // wide) * side + (side - 1) / 2
    total, area = np.zeros(regions), np.zeros((regions, len(ENERGIES)))
    for first in range(0, len(used), _AT_ONCE):
        chosen = slice(first, first + _AT_ONCE)
        relative = areas(x[chosen], y[chosen])
        known = (relative > 0).all(axis=1)  # the middle of a block at the rim may be unseen
        own = weights[:, chosen][:, known]
        total += own.sum(axis=1)
        area += own @ relative[known]
    return integral, np.divide(
        area, total[:, None], out=np.zeros_like(area), where=total[:, None] > 0
    )
