"""Pictures of the sky: counts with their sources, exposure and background maps."""

from __future__ import annotations

import os
from typing import Literal

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astropy.visualization.wcsaxes import WCSAxes
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.colors import AsinhNorm, Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D

from xsurvey.imaging.exposure import APPROXIMATE
from xsurvey.imaging.sky_image import SkyImage, read_sky_image
from xsurvey.report.display import Viewport, block_mean, smoothed_counts, viewport
from xsurvey.report.labels import place_labels
from xsurvey.report.plate import (
    DPI,
    HALO,
    INK,
    MARGINAL_COLOUR,
    PLATE,
    TEXT_SIZE,
    TRUE_COLOUR,
    figure_of,
)
from xsurvey.report.sensitivity_axes import draw_limits, limit_bar, limit_factor
from xsurvey.report.sky_axes import colour_bar, draw_scale_bar, draw_stamp, screen_scale, sky_plate
from xsurvey.report.table import is_marginal, numbers_of, source_column

LABELLED = 25
LineStyle = Literal["solid", "dashed"]
_SMALLEST_CIRCLE = 6.0  # screen pixels
_MAP_COLOURS = LinearSegmentedColormap.from_list(
    "maps", ["#0d1420", "#1f3c57", "#3f7291", "#86b3c4", "#e9f1ee"]
)


def field_figure(
    counts_path: str | os.PathLike[str], sources: Table, width: float = 12.0
) -> Figure:
    """Return the counts image of a field with its sources, for a page or a README.

    Parameters
    ----------
    counts_path : path
        FITS image of counts.
    sources : astropy.table.Table
        With ``ra`` and ``dec`` (ICRS, deg); ``psf_radius`` (arcsec), ``classification``,
        ``source_id`` and ``net_counts_*`` are used where they are.
    width : float
        In inches, of 100 pixels.

    Raises
    ------
    InputError
        Not an image, or without celestial coordinates.
    """
    image = read_sky_image(counts_path)
    view = viewport(image.data, round(width * DPI))
    axes, bar_axes = sky_plate(image, view, width)
    picture = draw_counts(axes, image, view)
    colour_bar(bar_axes, picture, "Surface brightness (count arcsec⁻²)")
    draw_scale_bar(axes, image)
    draw_sources(axes, image, sources)
    return figure_of(axes)


def map_figure(
    path: str | os.PathLike[str], kind: str, view: Viewport, width: float = 7.0
) -> Figure:
    """Return an exposure, background or sensitivity map.

    Parameters
    ----------
    path : path
        FITS image; a stamp ``EXPMAP = 'APPROX'`` is written over its picture.
    kind : str
        ``exposure``, ``background`` or ``sensitivity``.
    view : Viewport
        Of the counts image, so that the maps show the same part of the sky.
    width : float
        In inches, of 100 pixels.

    Raises
    ------
    InputError
        Not an image, or without celestial coordinates.
    """
    image = read_sky_image(path)
    axes, bar_axes = sky_plate(image, view, width)
    if kind == "exposure":
        timed = image.unit == "s"
        picture = draw_map(axes, image, view, 1e-3 if timed else 1.0)
        colour_bar(bar_axes, picture, "Exposure (ks)" if timed else "Relative exposure")
    elif kind == "sensitivity":
        picture = draw_limits(axes, image.data * limit_factor(image.unit), view)
        limit_bar(bar_axes, picture, image.unit)
    else:
        picture = draw_map(axes, image, view, image.grid.pixel_size**-2)
        colour_bar(bar_axes, picture, "Background (count arcsec⁻²)")
    if is_approximate(image):
        draw_stamp(axes, "APPROXIMATE")
    return figure_of(axes)


def is_approximate(image: SkyImage) -> bool:
    """Tell whether a map says that it is an approximation."""
    return str(image.stamps.get("EXPMAP", "")).strip() == APPROXIMATE


def draw_counts(axes: WCSAxes, image: SkyImage, view: Viewport) -> AxesImage:
    """Draw lightly smoothed counts, asinh-stretched; units of count / arcsec2."""
    brightness, stretch = smoothed_counts(image, view)
    norm = AsinhNorm(stretch.linear_width, vmin=stretch.minimum, vmax=stretch.maximum)
    return _show(axes, brightness, view, "inferno", norm)


def draw_map(axes: WCSAxes, image: SkyImage, view: Viewport, factor: float) -> AxesImage:
    """Draw a map times ``factor`` on a linear scale from zero."""
    values = block_mean(image.data, view) * factor
    top = float(values.max(initial=0.0))
    seen = np.ma.masked_equal(values, 0.0)
    return _show(axes, seen, view, _MAP_COLOURS, Normalize(0, top if top > 0 else 1.0))


def _show(
    axes: WCSAxes, values: np.ndarray, view: Viewport, colours: str | Colormap, norm: Normalize
) -> AxesImage:
    picture: AxesImage = axes.imshow(
        values, origin="lower", extent=view.extent, cmap=colours, norm=norm, aspect="auto",
        interpolation="nearest" if max(view.shape) < 300 else "auto",
    )  # fmt: skip
    return picture


def draw_sources(axes: WCSAxes, image: SkyImage, sources: Table, labels: int = LABELLED) -> Axes:
    """Circle sources at their apertures; TRUE solid, MARGINAL dashed; number the brightest.

    Parameters
    ----------
    axes : WCSAxes
        With its limits set.
    image : SkyImage
        Its grid.
    sources : astropy.table.Table
        As in `field_figure`.
    labels : int
        How many get their number.
    """
    if not len(sources):
        return axes
    x, y = source_pixels(image, sources)
    scale = screen_scale(axes)
    radius = np.nan_to_num(source_column(sources, "psf_radius")) / image.grid.pixel_size
    radius = np.maximum(radius, _SMALLEST_CIRCLE / scale)
    marginal = is_marginal(sources)
    kinds: tuple[tuple[np.ndarray, str, LineStyle, str], ...] = (
        (~marginal, TRUE_COLOUR, "solid", "TRUE"),
        (marginal, MARGINAL_COLOUR, "dashed", "MARGINAL"),
    )
    for chosen, colour, style, _ in kinds:
        if chosen.any():
            draw_circles(axes, x[chosen], y[chosen], radius[chosen], colour, style)
    _number(axes, sources, np.column_stack([x, y]), radius, scale, labels)
    handles = [
        Line2D([], [], color=colour, linestyle=style, label=f"{name} ({chosen.sum()})")
        for chosen, colour, style, name in kinds
        if chosen.any()
    ]
    axes.legend(
        handles=handles, loc="upper right", fontsize=TEXT_SIZE - 1, labelcolor=INK,
        facecolor=PLATE, edgecolor="none", framealpha=0.75, borderpad=0.7,
    )  # fmt: skip
    return axes


def source_pixels(image: SkyImage, sources: Table) -> tuple[np.ndarray, np.ndarray]:
    """Return the 0-based image coordinates of the sources' ICRS positions."""
    ra, dec = source_column(sources, "ra"), source_column(sources, "dec")
    x, y = image.grid.wcs.world_to_pixel(SkyCoord(ra, dec, unit="deg", frame="icrs"))
    return np.atleast_1d(x), np.atleast_1d(y)


def draw_circles(
    axes: Axes, x: np.ndarray, y: np.ndarray, radius: np.ndarray, colour: str, style: LineStyle,
    width: float = 1.3,
) -> Axes:  # fmt: skip
    """Draw circles with dark edges, so that they show on any ground; all in data coordinates."""
    for edge, line, dashes, alpha in (
        (PLATE, 2 * width, "solid", 0.4),
        (colour, width, style, 0.95),
    ):
        axes.add_collection(
            EllipseCollection(
                2 * radius, 2 * radius, np.zeros_like(radius), units="xy",
                offsets=np.column_stack([x, y]), offset_transform=axes.transData,
                facecolors="none", edgecolors=edge, linewidths=line, linestyles=dashes, alpha=alpha,
            ),
            autolim=False,
        )  # fmt: skip
    return axes


def _number(
    axes: Axes, sources: Table, xy: np.ndarray, radius: np.ndarray, scale: float, labels: int
) -> None:
    brightest = np.argsort(-_brightness(sources), kind="stable")[:labels]
    names = numbers_of(sources)
    x0, x1 = axes.get_xlim()
    y0, y1 = axes.get_ylim()
    corner = np.array([x0, y0])
    places = place_labels(
        (xy - corner) * scale, radius * scale, brightest,
        [str(names[i]) for i in brightest], ((x1 - x0) * scale, (y1 - y0) * scale),
    )  # fmt: skip
    for index, place in zip(brightest, places, strict=True):
        px, py = place / scale + corner
        axes.text(
            px, py, str(names[index]), color="white", size=TEXT_SIZE - 1.5, weight="bold",
            ha="center", va="center_baseline", path_effects=HALO, clip_on=True,
        )  # fmt: skip


def _brightness(sources: Table) -> np.ndarray:
    for name in [n for n in sources.colnames if n.startswith("net_counts_")][:1]:
        return np.nan_to_num(source_column(sources, name), nan=-np.inf)
    return np.nan_to_num(source_column(sources, "detection_likelihood"), nan=-np.inf)
