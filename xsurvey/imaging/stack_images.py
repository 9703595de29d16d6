"""Images of a stack: those of its observations on one grid, each through its own coordinates.

A stack of one observation on that observation's own pixels has that observation's images, as
they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from astropy.wcs.utils import pixel_to_skycoord, skycoord_to_pixel
from scipy import ndimage

from xsurvey.errors import InputError
from xsurvey.imaging.sky_image import ImageGrid, SkyImage
from xsurvey.imaging.stack import Stack

_MESH = 16  # pixels; between nodes coordinates are linear to 1e-4 of a pixel over several degrees
_SAME = 1e-3  # pixels


def stack_counts(stack: Stack, label: str) -> SkyImage:
    """Return the photons of all observations that have a band, on the grid of the stack.

    Parameters
    ----------
    stack : Stack
    label : str
        Of the band.

    Returns
    -------
    SkyImage
        Counts. Events are binned anew at their own places; of an observation that is an image
        alone, a pixel's counts go to the pixel of the stack in which its centre lies. Those
        outside of the grid are left out.

    Raises
    ------
    InputError
        No observation has the band.
    """
    indices = fields_with_band(stack, label)
    first = stack.fields[indices[0]].counts[label]
    if len(indices) == 1 and same_pixels(first.grid, stack.grid):
        return first
    total = np.zeros(stack.grid.shape)
    for index in indices:
        total += _photons_on(stack, index, label)
    images = [stack.fields[i].counts[label].stamps for i in indices]
    stamps = _common(images)
    seconds = [s.get("EXPOSURE") for s in images]
    if all(isinstance(s, int | float) for s in seconds):
        stamps["EXPOSURE"] = round(float(sum(seconds)), 3)  # type: ignore[arg-type]
    return SkyImage(total, stack.grid, "count", stamps)


def stack_exposure(stack: Stack, label: str) -> SkyImage:
    """Return the sum of the exposures of all observations, on the grid of the stack.

    Parameters
    ----------
    stack : Stack
    label : str
        Of the band.

    Returns
    -------
    SkyImage
        Seconds, interpolated bilinearly, zero outside; relative where every observation's is.
        Each observation's map is a mean over its coaligned detectors already.

    Raises
    ------
    InputError
        No observation has the band, or some exposures are in seconds and others relative.
    """
    indices = fields_with_band(stack, label)
    maps = [stack.fields[i].exposure[label] for i in indices]
    if len(indices) == 1 and same_pixels(maps[0].grid, stack.grid):
        return maps[0]
    if len({m.unit for m in maps}) > 1:
        relative = next(i for i, m in zip(indices, maps, strict=True) if m.unit != "s")
        raise InputError(
            stack.names[relative], "has a relative exposure, others of its stack one in seconds: "
            "they cannot be added", "set stacking: combine: false",
        )  # fmt: skip
    total = np.zeros(stack.grid.shape)
    for index, exposure in zip(indices, maps, strict=True):
        total += _interpolated(exposure.data, *field_pixels(stack, index))
    kinds = {str(m.stamps.get("EXPMAP", "SUPPLIED")) for m in maps}
    kind = "APPROX" if "APPROX" in kinds else "SUPPLIED"
    return SkyImage(
        total, stack.grid, maps[0].unit, {**_common([m.stamps for m in maps]), "EXPMAP": kind}
    )


def to_stack(stack: Stack, field_index: int, image: SkyImage) -> np.ndarray:
    """Bring something per pixel of an observation, as expected counts are, onto the stack's grid.

    Parameters
    ----------
    stack : Stack
    field_index : int
        Of the observation.
    image : SkyImage
        On the observation's own pixels.

    Returns
    -------
    ndarray, shape of the stack's grid
        Interpolated bilinearly, per pixel of the stack: pixels of other sizes hold more or less
        in proportion to their solid angles. Zero outside of the observation's image.
    """
    if same_pixels(image.grid, stack.grid):
        return image.data
    x, y = field_pixels(stack, field_index)
    dx_dy, dx_dx = np.gradient(x)
    dy_dy, dy_dx = np.gradient(y)
    return _interpolated(image.data, x, y) * np.abs(dx_dx * dy_dy - dx_dy * dy_dx)


def field_pixels(stack: Stack, field_index: int) -> tuple[np.ndarray, np.ndarray]:
    """Return where the stack's pixels lie in an observation's image (0-based x, y; maps)."""
    return _mapped(stack.grid, grid_of(stack, field_index))


def grid_of(stack: Stack, field_index: int) -> ImageGrid:
    """Return the grid of an observation."""
    return stack.fields[field_index].grid


def fields_with_band(stack: Stack, label: str) -> list[int]:
    """Return the indices of the observations that have a band.

    Raises
    ------
    InputError
        None has.
    """
    found = [i for i, field in enumerate(stack.fields) if label in field.counts]
    if not found:
        raise InputError(stack.name, f"no observation has band {label}", "name the band's energies")
    return found


def same_pixels(first: ImageGrid, second: ImageGrid) -> bool:
    """Tell whether two grids have the same pixels, to a thousandth of one."""
    if first is second:
        return True
    if first.shape != second.shape:
        return False
    ny, nx = first.shape
    x, y = np.array([0, nx - 1, 0, nx - 1], float), np.array([0, 0, ny - 1, ny - 1], float)
    back_x, back_y = _through(first, second, x, y)
    return bool(np.all(np.hypot(back_x - x, back_y - y) < _SAME))


def _photons_on(stack: Stack, index: int, label: str) -> np.ndarray:
    """Return an observation's photons binned on the grid of the stack."""
    field = stack.fields[index]
    image = field.counts[label]
    if same_pixels(image.grid, stack.grid):
        return image.data
    total = np.zeros(stack.grid.shape)
    for x, y, number in field.photons(label):
        column, row = _pixel_of(x, y)
        there = _within(column, row, image.grid.shape)  # the rest is of other tiles
        column, row = _pixel_of(*_through(image.grid, stack.grid, x[there], y[there]))
        here = _within(column, row, stack.grid.shape)
        np.add.at(total, (row[here], column[here]), number[there][here])
    return total


def _pixel_of(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # a place that a projection does not have is NaN, and in no pixel
    known = np.isfinite(x) & np.isfinite(y)
    return (
        np.floor(np.where(known, x, -9.0) + 0.5).astype(int),
        np.floor(np.where(known, y, -9.0) + 0.5).astype(int),
    )


def _within(column: np.ndarray, row: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    return (column >= 0) & (column < shape[1]) & (row >= 0) & (row < shape[0])


def _interpolated(data: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.asarray(
        ndimage.map_coordinates(
            np.asarray(data, float), (y, x), order=1, mode="grid-constant", cval=0.0
        )
    )


def _mapped(grid: ImageGrid, other: ImageGrid) -> tuple[np.ndarray, np.ndarray]:
    """Return where all pixels of a grid lie on another: exact on a mesh, linear between."""
    ny, nx = grid.shape
    nodes_x, nodes_y = _nodes(nx), _nodes(ny)
    mesh_x, mesh_y = np.meshgrid(nodes_x, nodes_y)
    exact = _through(grid, other, mesh_x.ravel(), mesh_y.ravel())
    rows, columns = np.arange(ny) / _MESH, np.arange(nx) / _MESH
    where = np.meshgrid(rows, columns, indexing="ij")
    x, y = (
        ndimage.map_coordinates(np.nan_to_num(v, nan=-1e9).reshape(mesh_x.shape), where, order=1)
        for v in exact
    )
    return x, y


def _nodes(length: int) -> np.ndarray:
    return np.arange(0, -(-length // _MESH) + 1, dtype=float) * _MESH


def _through(
    grid: ImageGrid, other: ImageGrid, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    sky = pixel_to_skycoord(x, y, grid.wcs, origin=0)
    other_x, other_y = skycoord_to_pixel(sky, other.wcs, origin=0)
    return np.asarray(other_x), np.asarray(other_y)


def _common(stamps: Sequence[dict[str, object]]) -> dict[str, object]:
    """Return the header entries that all images have alike."""
    first, *others = stamps
    return {k: v for k, v in first.items() if all(o.get(k) == v for o in others)}
