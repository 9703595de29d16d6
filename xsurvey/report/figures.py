"""Pictures of the sky: counts with their sources, exposure and background maps."""

from __future__ import annotations

import os

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astropy.visualization.wcsaxes import WCSAxes
from astropy.wcs import WCS
from astropy.wcs.utils import wcs_to_celestial_frame
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.colorbar import Colorbar
from matplotlib.colors import AsinhNorm, Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from xsurvey.imaging.sky_image import SkyImage, read_sky_image
from xsurvey.report.display import Viewport, block_mean, smoothed_counts, viewport
from xsurvey.report.labels import place_labels
from xsurvey.report.plate import (
    DPI,
    FAINT_INK,
    GRID,
    HALO,
    INK,
    MARGINAL_COLOUR,
    PLATE,
    STAMP_COLOUR,
    TEXT_SIZE,
    TRUE_COLOUR,
    dress,
    new_figure,
)
from xsurvey.report.table import is_marginal, numbers_of, source_column

APPROXIMATE = "APPROX"
LABELLED = 25
_SMALLEST_CIRCLE = 6.0  # screen pixels
_SCALES = np.array([
    1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 18000, 36000, 108000,
])  # fmt: skip
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
    axes, bar_axes = _plate(image, view, width)
    picture = draw_counts(axes, image, view)
    colour_bar(bar_axes, picture, "Surface brightness (count arcsec⁻²)")
    draw_scale_bar(axes, image)
    draw_sources(axes, image, sources)
    return axes.figure


def map_figure(
    path: str | os.PathLike[str], kind: str, view: Viewport, width: float = 7.0
) -> Figure:
    """Return an exposure or background map.

    Parameters
    ----------
    path : path
        FITS image; a stamp ``EXPMAP = 'APPROX'`` is written over its picture.
    kind : str
        ``exposure`` or ``background``.
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
    axes, bar_axes = _plate(image, view, width)
    if kind == "exposure":
        timed = image.unit == "s"
        picture = draw_map(axes, image, view, 1e-3 if timed else 1.0)
        colour_bar(bar_axes, picture, "Exposure (ks)" if timed else "Relative exposure")
    else:
        picture = draw_map(axes, image, view, image.grid.pixel_size**-2)
        colour_bar(bar_axes, picture, "Background (count arcsec⁻²)")
    if is_approximate(image):
        draw_stamp(axes, "APPROXIMATE")
    return axes.figure


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
        values, origin="lower", extent=view.extent, cmap=colours, norm=norm,
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
    kinds = ((~marginal, TRUE_COLOUR, "solid", "TRUE"), (marginal, MARGINAL_COLOUR, "dashed", "MARGINAL"))
    for chosen, colour, style, _ in kinds:
        if chosen.any():
            _circles(axes, x[chosen], y[chosen], radius[chosen], colour, style)
    _number(axes, sources, np.column_stack([x, y]), radius, scale, labels)
    handles = [
        Line2D([], [], color=colour, linestyle=style, linewidth=1.4, label=f"{name} ({chosen.sum()})")
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


def _circles(
    axes: Axes, x: np.ndarray, y: np.ndarray, radius: np.ndarray, colour: str, style: str
) -> None:
    for width, edge in ((2.6, PLATE), (1.3, colour)):
        axes.add_collection(
            EllipseCollection(
                2 * radius, 2 * radius, np.zeros_like(radius), units="xy",
                offsets=np.column_stack([x, y]), transOffset=axes.transData, facecolors="none",
                edgecolors=edge, linewidths=width, linestyles=style if edge == colour else "solid",
                alpha=0.95 if edge == colour else 0.4,
            ),
            autolim=False,
        )  # fmt: skip


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


def draw_scale_bar(axes: Axes, image: SkyImage) -> Axes:
    """Draw a bar of a round length, about a sixth of the width, at the lower left."""
    (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
    arcsec = image.grid.pixel_size
    fitting = _SCALES[_SCALES <= 0.2 * (x1 - x0) * arcsec]
    length = int(fitting[-1]) if len(fitting) else 1
    left, bottom = x0 + 0.035 * (x1 - x0), y0 + 0.04 * (y1 - y0)
    right = left + length / arcsec
    axes.plot([left, right], [bottom, bottom], color="white", linewidth=2.5, path_effects=HALO,
              solid_capstyle="butt")  # fmt: skip
    axes.text(
        (left + right) / 2, bottom + 0.010 * (y1 - y0), angle_text(length), color="white",
        size=TEXT_SIZE, ha="center", va="bottom", path_effects=HALO,
    )  # fmt: skip
    axes.set_xlim(x0, x1)
    axes.set_ylim(y0, y1)
    return axes


def angle_text(arcsec: float) -> str:
    """Return an angle in the unit that suits it.

    Examples
    --------
    >>> angle_text(120)
    '2 arcmin'
    """
    for size, unit in ((3600, "deg"), (60, "arcmin")):
        if arcsec >= size:
            return f"{arcsec / size:g} {unit}"
    return f"{arcsec:g} arcsec"


def draw_stamp(axes: Axes, text: str) -> Axes:
    """Write over a picture what the reader must not overlook."""
    axes.text(
        0.975, 0.965, text, transform=axes.transAxes, ha="right", va="top", size=TEXT_SIZE,
        weight="bold", color=PLATE, bbox={"facecolor": STAMP_COLOUR, "edgecolor": "none",
                                          "boxstyle": "round,pad=0.4"},
    )  # fmt: skip
    return axes


def colour_bar(axes: Axes, picture: AxesImage, label: str) -> Colorbar:
    """Fill ``axes`` with the colour bar of a picture."""
    bar = axes.figure.colorbar(picture, cax=axes, format=FuncFormatter(_decimal))
    bar.set_label(label, color=INK, size=TEXT_SIZE)
    bar.outline.set_visible(False)
    dress(axes)
    axes.tick_params(length=3)
    return bar


def _decimal(value: float, _: int | None) -> str:
    return f"{value:.10g}" if value == 0 or 1e-4 <= abs(value) < 1e5 else f"{value:.0e}"


def screen_scale(axes: Axes) -> float:
    """Return how many screen pixels an image pixel has."""
    x0, x1 = axes.get_xlim()
    box = axes.get_position()
    return float(box.width * axes.figure.get_figwidth() * DPI / (x1 - x0))


def _plate(image: SkyImage, view: Viewport, width: float) -> tuple[WCSAxes, Axes]:
    """Return sky axes and, right of them, the axes of a colour bar; all sizes in inches."""
    left, right, bottom, top = 1.0, 1.05, 0.7, 0.25
    x0, x1, y0, y1 = view.extent
    across = width - left - right
    high = float(np.clip(across * (y1 - y0) / (x1 - x0), 0.25 * across, 1.4 * across))
    high = round(high, 2)  # whole screen pixels
    figure = new_figure(width, high + bottom + top)
    height = figure.get_figheight()
    wcs = image.grid.wcs
    axes = WCSAxes(
        figure, (left / width, bottom / height, across / width, high / height), wcs=wcs
    )  # fmt: skip
    figure.add_axes(axes)
    axes.set_facecolor("black")
    axes.set_xlim(x0, x1)
    axes.set_ylim(y0, y1)
    axes.set_aspect("equal", adjustable="datalim")
    _sky_ticks(axes, wcs)
    bar = figure.add_axes(
        ((width - right + 0.12) / width, bottom / height, 0.16 / width, high / height)
    )
    return axes, bar


def _sky_ticks(axes: WCSAxes, wcs: WCS) -> None:
    """Label right ascension and declination (ICRS), whatever the frame of the image."""
    coordinates = axes.coords
    if wcs_to_celestial_frame(wcs).name != "icrs":
        for native in coordinates:
            native.set_ticks_visible(False)
            native.set_ticklabel_visible(False)
            native.set_axislabel("")
        coordinates = axes.get_coords_overlay("icrs")
    for coordinate, side, label in zip(
        coordinates, ("b", "l"), ("Right ascension (ICRS)", "Declination (ICRS)"), strict=True
    ):
        coordinate.set_ticks_position(side)
        coordinate.set_ticklabel_position(side)
        coordinate.set_axislabel_position(side)
        coordinate.set_axislabel(label, color=INK, size=TEXT_SIZE)
        coordinate.set_ticks(color=FAINT_INK, size=4, number=6)
        coordinate.set_ticklabel(color=INK, size=TEXT_SIZE - 1, exclude_overlapping=True, simplify=False)
        coordinate.grid(color=GRID, alpha=0.14, linestyle="solid", linewidth=0.6)
    axes.coords.frame.set_color(FAINT_INK)
