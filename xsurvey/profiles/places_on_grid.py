"""Places of one projection in the pixels of another: exact on a mesh, linear between its nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from astropy.wcs.utils import pixel_to_skycoord, skycoord_to_pixel
from scipy import ndimage

from xsurvey.imaging.sky_image import ImageGrid

_MESH = 16  # pixels of the grid; between nodes coordinates are linear to 1e-4 of a pixel
_STRAIGHT = 1e-3  # pixels by which coordinates may be off for one affine map to do
_BORDER = 64  # places on each side of a grid
_NOWHERE = -1e9


class PlacesOnGrid:
    """Turns 1-based pixels of a WCS, such as an event list's X and Y, into those of a grid.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
    pixel_size : float
        Of its pixels, arcsec.
    grid : ImageGrid
    """

    def __init__(self, wcs: WCS, pixel_size: float, grid: ImageGrid) -> None:
        self._step = _MESH * grid.pixel_size / pixel_size
        self._affine: np.ndarray | None = None
        self._mesh: tuple[np.ndarray, np.ndarray] | None = None
        corners = _border(wcs, grid)
        if not len(corners):
            return
        self._low = corners.min(axis=0) - self._step
        number = np.ceil((corners.max(axis=0) - self._low) / self._step).astype(int) + 2
        x, y = (low + np.arange(n) * self._step for low, n in zip(self._low, number, strict=True))
        mesh = np.stack(np.meshgrid(x, y), axis=-1)
        sky = pixel_to_skycoord(mesh[..., 0], mesh[..., 1], wcs, origin=1)
        found = np.stack(skycoord_to_pixel(sky, grid.wcs, origin=0), axis=-1)
        self._affine = _affine(mesh.reshape(-1, 2), found.reshape(-1, 2))
        column, row = (np.nan_to_num(found[..., i], nan=_NOWHERE) for i in (0, 1))
        self._mesh = column, row

    def __call__(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return 0-based columns and rows, far outside for places that the grid does not have.

        Parameters
        ----------
        x, y : ndarray, shape (n,)
        """
        if self._mesh is None:
            nowhere = np.full(np.shape(x), _NOWHERE)
            return nowhere, nowhere
        if self._affine is not None:
            a = self._affine
            return a[0, 0] * x + a[1, 0] * y + a[2, 0], a[0, 1] * x + a[1, 1] * y + a[2, 1]
        where = np.stack([(y - self._low[1]) / self._step, (x - self._low[0]) / self._step])
        column, row = (
            ndimage.map_coordinates(m, where, order=1, mode="constant", cval=_NOWHERE)
            for m in self._mesh
        )
        return column, row


def _border(wcs: WCS, grid: ImageGrid) -> np.ndarray:
    """Return the pixels of a WCS along the border of a grid, and inside of it, shape (n, 2)."""
    ny, nx = grid.shape
    x, y = np.meshgrid(np.linspace(-0.5, nx - 0.5, _BORDER), np.linspace(-0.5, ny - 0.5, _BORDER))
    sky = pixel_to_skycoord(x.ravel(), y.ravel(), grid.wcs, origin=0)
    found = np.stack(skycoord_to_pixel(sky, wcs, origin=1), axis=-1)
    return found[np.isfinite(found).all(axis=1)]


def _affine(places: np.ndarray, found: np.ndarray) -> np.ndarray | None:
    """Return the affine map (3, 2) where it is as good as the exact one, as of one projection."""
    if not np.isfinite(found).all():
        return None
    design = np.column_stack([places, np.ones(len(places))])
    solution = np.linalg.lstsq(design, found, rcond=None)[0]
    return solution if np.abs(design @ solution - found).max() < _STRAIGHT else None


def pixels_on(grid: ImageGrid, other: ImageGrid) -> tuple[np.ndarray, np.ndarray]:
    """Return where the pixel centres of a grid lie on another, 0-based columns and rows.

    Returns
    -------
    column, row : ndarray, shape of the grid
    """
    column, row = _interpolated(grid, lambda sky: skycoord_to_pixel(sky, other.wcs, origin=0))
    return column, row


def unit_vectors_on(grid: ImageGrid) -> list[np.ndarray]:
    """Return the components of the directions of all pixel centres, three maps (ICRS)."""
    return _interpolated(grid, lambda sky: sky.icrs.cartesian.xyz.value)


def _interpolated(
    grid: ImageGrid, exact: Callable[[SkyCoord], Iterable[np.ndarray]]
) -> list[np.ndarray]:
    """Return smooth functions of the place, computed on a mesh, at all pixel centres."""
    ny, nx = grid.shape
    nodes_x, nodes_y = (np.arange(0, -(-n // _MESH) + 1, dtype=float) * _MESH for n in (nx, ny))
    mesh_x, mesh_y = np.meshgrid(nodes_x, nodes_y)
    found = exact(pixel_to_skycoord(mesh_x, mesh_y, grid.wcs, origin=0))
    rows, columns = np.arange(ny) / _MESH, np.arange(nx) / _MESH
    return [_bilinear(np.nan_to_num(v, nan=_NOWHERE), rows, columns) for v in found]


def _bilinear(values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return values between the nodes of a mesh: first along one axis, then along the other."""
    down = _between(values, rows)
    return _between(down.T, columns).T


def _between(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    low = np.minimum(places.astype(int), len(values) - 2)
    weight = (places - low)[:, None]
    return np.asarray(values[low] * (1 - weight) + values[low + 1] * weight)
