"""Points that stand for a region: its area, and places in it at which exposures are taken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from regions import PixCoord, PixelRegion

from xsurvey.errors import InputError
from xsurvey.regions import RegionSet

_FIRST, _LARGEST = 41, 1312
_ENOUGH = 400  # points inside a shape: its area to a few per cent of what is cut off it


@dataclass(frozen=True)
class RegionSamples:
    """Points in a region, each of which stands for some of its area.

    Attributes
    ----------
    x, y : ndarray, shape (m,)
        1-based sky pixels.
    weight : ndarray, shape (m,)
        Square sky pixels.
    """

    x: np.ndarray
    y: np.ndarray
    weight: np.ndarray

    @property
    def area(self) -> float:
        """Area of the region in square sky pixels."""
        return float(self.weight.sum())

    def places(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return x and y of points that stand for the same area each, shape (count,)."""
        reached = np.cumsum(self.weight)
        wanted = (np.arange(count) + 0.5) / count * reached[-1]
        chosen = np.minimum(np.searchsorted(reached, wanted), len(self.x) - 1)
        return self.x[chosen], self.y[chosen]


def sample_region(region: RegionSet, enough: int = _ENOUGH) -> RegionSamples:
    """Fill each shape of a region with points, finer where it is thin.

    Parameters
    ----------
    region : RegionSet
    enough : int
        Smallest number of points in a shape, as far as the finest grid allows.

    Raises
    ------
    InputError
        It only excludes, or its exclusions leave nothing of it.
    """
    if not region.include:
        raise InputError(region.name, "only excludes", "add a region to take counts from")
    parts = []
    for number, shape in enumerate(region.include):
        x, y = _points(shape, enough)
        # what lies in a shape before this one has been counted there
        kept = ~_in_any(region.include[:number], x, y) & ~_in_any(region.exclude, x, y)
        weight = np.full(len(x), float(shape.area) / len(x))
        parts.append((x[kept], y[kept], weight[kept]))
    x, y, weight = (np.concatenate(column) for column in zip(*parts, strict=True))
    if not len(x):
        raise InputError(region.name, "is empty once its exclusions are cut out", "correct it")
    return RegionSamples(x, y, weight)


def _points(shape: PixelRegion, enough: int) -> tuple[np.ndarray, np.ndarray]:
    """Return points inside of a shape, 1-based; for one that no grid meets, its centre."""
    box = shape.bounding_box
    side = max(box.ixmax - box.ixmin, box.iymax - box.iymin)
    number = _FIRST
    while True:
        step = side / number
        x = np.arange(box.ixmin - 0.5 + step / 2, box.ixmax - 0.5, step)
        y = np.arange(box.iymin - 0.5 + step / 2, box.iymax - 0.5, step)
        columns, rows = (a.ravel() for a in np.meshgrid(x, y))
        inside = shape.contains(PixCoord(columns, rows))
        if inside.sum() >= enough or number >= _LARGEST:
            break
        number *= 2
    if not inside.any():
        middle = (box.ixmin + box.ixmax) / 2 + 0.5, (box.iymin + box.iymax) / 2 + 0.5
        return np.array(middle[:1]), np.array(middle[1:])
    return columns[inside] + 1, rows[inside] + 1


def _in_any(shapes: tuple[PixelRegion, ...], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    inside = np.zeros(len(x), dtype=bool)
    for shape in shapes:
        inside |= shape.contains(PixCoord(x - 1, y - 1))
    return inside
