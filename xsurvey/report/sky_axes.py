"""Axes on the sky: ICRS ticks whatever the frame of the image, scale bar, colour bar, stamps."""

from __future__ import annotations

import numpy as np
from astropy.visualization.wcsaxes import CoordinatesMap, WCSAxes
from astropy.wcs import WCS
from astropy.wcs.utils import wcs_to_celestial_frame
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.image import AxesImage
from matplotlib.ticker import FuncFormatter

from xsurvey.imaging.sky_image import SkyImage
from xsurvey.report.display import Viewport
from xsurvey.report.numbers import RAISED
from xsurvey.report.plate import (
    DPI,
    FAINT_INK,
    GRID,
    HALO,
    INK,
    PLATE,
    STAMP_COLOUR,
    TEXT_SIZE,
    dress,
    figure_of,
    new_figure,
)  # fmt: skip

_SCALES = np.array([
    1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 18000, 36000, 108000,
])  # fmt: skip
_SMALL = 0.01
_LARGE = 5  # powers of ten from which numbers are too long for the margin


def draw_scale_bar(axes: Axes, image: SkyImage) -> Axes:
    """Draw a bar of a round length, about a sixth of the width, at the lower left."""
    (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
    arcsec = image.grid.pixel_size
    longest = 0.2 * (x1 - x0) * arcsec
    fitting = _SCALES[longest >= _SCALES]
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
    """Fill ``axes`` with the colour bar of a picture.

    Where its values are very small or large their power of ten stands with the unit, which the
    parentheses of the label hold: beside every tick there would be no room for it.
    """
    top = float(np.max(picture.norm.vmax or 0.0))
    power = int(np.floor(np.log10(top))) if top > 0 and np.isfinite(top) else 0
    power = power if power < -1 or power >= _LARGE else 0
    if power:
        raised = str(power).translate(RAISED)
        label = label.replace("(", f"(10{raised} ") if "(" in label else f"{label} (10{raised})"
    factor = 10.0**-power
    bar = figure_of(axes).colorbar(
        picture, cax=axes, format=FuncFormatter(lambda value, _: _tick_text(value * factor))
    )
    bar.set_label(label, color=INK, size=TEXT_SIZE)
    bar.outline.set_visible(False)
    dress(axes)
    axes.tick_params(length=3)
    return bar


def _tick_text(value: float) -> str:
    """Return a number of a colour bar, none wider than ``0.01``."""
    if value == 0 or abs(value) >= _SMALL:
        return f"{value:.6g}"
    mantissa, power = f"{value:.3e}".split("e")
    raised = f"10{str(int(power)).translate(RAISED)}"
    leading = f"{float(mantissa):g}"
    return raised if leading == "1" else f"{leading}·{raised}"


def screen_scale(axes: Axes) -> float:
    """Return how many screen pixels an image pixel has."""
    x0, x1 = axes.get_xlim()
    box = axes.get_position()
    return float(box.width * figure_of(axes).get_figwidth() * DPI / (x1 - x0))


def sky_plate(image: SkyImage, view: Viewport, width: float) -> tuple[WCSAxes, Axes]:
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
    # square pixels on the screen, room being left beside what is much longer than wide
    tall, wide = max(y1 - y0, (x1 - x0) * high / across), max(x1 - x0, (y1 - y0) * across / high)
    axes.set_xlim((x0 + x1 - wide) / 2, (x0 + x1 + wide) / 2)
    axes.set_ylim((y0 + y1 - tall) / 2, (y0 + y1 + tall) / 2)
    axes.set_aspect("auto")
    sky_ticks(axes, wcs)
    bar = figure.add_axes(
        ((width - right + 0.12) / width, bottom / height, 0.16 / width, high / height)
    )
    return axes, bar


def sky_ticks(axes: WCSAxes, wcs: WCS) -> CoordinatesMap:
    """Label right ascension and declination (ICRS), whatever the frame of the image.

    Returns what draws them.
    """
    coordinates = axes.coords
    if wcs_to_celestial_frame(wcs).name != "icrs":
        for native in coordinates:
            native.set_ticks_visible(False)
            native.set_ticklabel_visible(False)
            native.set_axislabel("")
        coordinates = axes.get_coords_overlay("icrs")
    coordinates[0].set_format_unit("hourangle")
    for coordinate, side, label in zip(
        coordinates, ("b", "l"), ("Right ascension (ICRS)", "Declination (ICRS)"), strict=True
    ):
        coordinate.set_ticks_position(side)
        coordinate.set_ticklabel_position(side)
        coordinate.set_axislabel_position(side)
        coordinate.set_axislabel(label, color=INK, size=TEXT_SIZE)
        coordinate.set_ticks(color=FAINT_INK, size=4, number=6)
        coordinate.set_ticklabel(
            color=INK, size=TEXT_SIZE - 1, exclude_overlapping=True, simplify=False
        )
        coordinate.grid(color=GRID, alpha=0.14, linestyle="solid", linewidth=0.6)
    axes.coords.frame.set_color(FAINT_INK)
    return coordinates
