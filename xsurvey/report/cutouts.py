"""Postage stamps of single sources."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.colors import AsinhNorm
from scipy.ndimage import gaussian_filter

from xsurvey.imaging.sky_image import SkyImage
from xsurvey.report.figures import LineStyle, draw_circles, source_pixels
from xsurvey.report.plate import MARGINAL_COLOUR, TRUE_COLOUR, new_figure, png_bytes
from xsurvey.report.table import by_significance, is_marginal, numbers_of, source_column

SIDE = 40.0
_INCHES = 2.0
_SIGMA = 0.8  # pixels
_BRIGHT = 99.0  # percentile of the source's own pixels that is white
_CORE = 2.0  # radii of a smaller aperture: its light reaches beyond it


@dataclass(frozen=True)
class CutOut:
    """The picture of one source: its number, the side in arcsec, the PNG bytes."""

    number: int
    side: float
    png: bytes


@dataclass(frozen=True)
class Apertures:
    """Circles in 0-based image coordinates, and which of them are MARGINAL."""

    x: np.ndarray
    y: np.ndarray
    radius: np.ndarray
    marginal: np.ndarray


def cut_outs(
    image: SkyImage, sources: Table, limit: int, others: Collection[int] = ()
) -> Iterator[CutOut]:
    """Yield pictures of the most significant sources, then of others.

    Parameters
    ----------
    image : SkyImage
        Counts a pixel.
    sources : astropy.table.Table
        As for `xsurvey.report.figures.field_figure`.
    limit : int
        How many at most of the most significant.
    others : collection of int
        Numbers of sources that are drawn in any case.

    Yields
    ------
    CutOut
        40 arcsec a side, or six times the radius of the aperture where that is more.
    """
    if not len(sources) or (limit < 1 and not others):
        return
    pixel = image.grid.pixel_size
    radii = np.nan_to_num(source_column(sources, "psf_radius"))
    apertures = Apertures(*source_pixels(image, sources), radii / pixel, is_marginal(sources))
    numbers = numbers_of(sources)
    figure = new_figure(_INCHES, _INCHES, background="black")
    axes = figure.add_axes((0, 0, 1, 1))
    for rank, index in enumerate(by_significance(sources)):
        if rank >= limit and numbers[index] not in others:
            continue
        side = float(max(SIDE, 6 * radii[index]))
        axes.clear()
        axes.set_axis_off()
        draw_cut_out(axes, image, apertures, int(index), side / pixel)
        yield CutOut(numbers[index], side, png_bytes(figure))


def draw_cut_out(
    axes: Axes, image: SkyImage, apertures: Apertures, index: int, side: float
) -> Axes:
    """Draw the counts around one aperture, and thinner the apertures of its neighbours.

    Parameters
    ----------
    side : float
        In pixels of the image.
    """
    x, y = apertures.x[index], apertures.y[index]
    half = side / 2
    data, extent = _part(image.data, x, y, half)
    photon = 1 / (2 * np.pi * _SIGMA**2)
    # the scale is the source's own: a brighter neighbour may saturate
    own = data[_own_pixels(apertures, index, data.shape, extent)]
    floor = float(np.percentile(data, 20))
    top = max(float(np.percentile(own, _BRIGHT)) if own.size else 0.0, floor + 4 * photon)
    axes.set_facecolor("black")
    axes.imshow(
        data, origin="lower", extent=extent, cmap="inferno", interpolation="nearest",
        norm=AsinhNorm(max(top / 12, photon), vmin=floor, vmax=top),
    )  # fmt: skip
    near = np.hypot(apertures.x - x, apertures.y - y) < half * 1.5 + apertures.radius
    itself = np.arange(len(near)) == index
    for chosen, width in ((near & ~itself, 0.7), (itself, 1.5)):
        _draw_apertures(axes, apertures, chosen, side / 80, width)
    axes.set_xlim(x - half, x + half)
    axes.set_ylim(y - half, y + half)
    axes.set_aspect("equal")
    return axes


def _draw_apertures(
    axes: Axes, apertures: Apertures, chosen: np.ndarray, smallest: float, width: float
) -> None:
    styles: tuple[tuple[np.ndarray, str, LineStyle], ...] = (
        (chosen & ~apertures.marginal, TRUE_COLOUR, "solid"),
        (chosen & apertures.marginal, MARGINAL_COLOUR, "dashed"),
    )
    for some, colour, style in styles:
        if some.any():
            radius = np.maximum(apertures.radius[some], smallest)
            draw_circles(axes, apertures.x[some], apertures.y[some], radius, colour, style, width)


def _part(
    data: np.ndarray, x: float, y: float, half: float
) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """Return the smoothed pixels around a place, and their edges in image coordinates."""
    ny, nx = data.shape
    reach = half + 4
    x0, x1 = (int(np.clip(v, 0, nx)) for v in (np.floor(x - reach), np.ceil(x + reach) + 1))
    y0, y1 = (int(np.clip(v, 0, ny)) for v in (np.floor(y - reach), np.ceil(y + reach) + 1))
    part = np.nan_to_num(data[y0:y1, x0:x1])
    if not part.size:
        return np.zeros((1, 1)), (x - 0.5, x + 0.5, y - 0.5, y + 0.5)
    return gaussian_filter(part, _SIGMA), (x0 - 0.5, x1 - 0.5, y0 - 0.5, y1 - 0.5)


def _own_pixels(
    apertures: Apertures, index: int, shape: tuple[int, ...],
    extent: tuple[float, float, float, float],
) -> np.ndarray:  # fmt: skip
    """Return the pixels of an aperture without those of others: all of it where none is left."""
    rows, columns = np.indices(shape)
    column, row = columns + extent[0] + 0.5, rows + extent[2] + 0.5
    radius = np.maximum(apertures.radius, 1.5)
    x, y = apertures.x[index], apertures.y[index]
    inside = np.hypot(column - x, row - y)
    aperture = inside <= radius[index]
    own = aperture.copy()
    near = np.hypot(apertures.x - x, apertures.y - y) < radius[index] + _CORE * radius
    near[index] = False
    for i in np.flatnonzero(near):
        distance = np.hypot(column - apertures.x[i], row - apertures.y[i])
        if radius[i] < 0.5 * radius[index]:
            own &= distance > _CORE * radius[i]
        else:
            own &= distance / radius[i] > inside / radius[index]
    return own if own.any() else aperture
