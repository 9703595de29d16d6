"""Annuli, sectors and masks drawn over an image of the sky."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.visualization.wcsaxes import WCSAxes
from matplotlib.colors import AsinhNorm, ListedColormap
from matplotlib.figure import Figure

from xsurvey.imaging.sky_image import ImageGrid, SkyImage
from xsurvey.profiles.geometry import RadialGeometry
from xsurvey.report.display import Viewport, block_mean, smoothed_counts
from xsurvey.report.plate import DPI, HALO, INK, TEXT_SIZE, TRUE_COLOUR, figure_of
from xsurvey.report.profile_axes import SECTOR_COLOURS
from xsurvey.report.sky_axes import colour_bar, draw_scale_bar, sky_plate
from xsurvey.units import SkyPosition

_STEPS = 181
_MARGIN = 1.12
_MOST_CIRCLES = 12


def regions_figure(
    counts: SkyImage, counted: np.ndarray | None, geometry: RadialGeometry, edges: np.ndarray,
    sectors: Mapping[str, tuple[float, float]] | None = None, width: float = 9.0,
    marks: Mapping[str, float] | None = None,
) -> Figure:  # fmt: skip
    """Return an image with the regions of its profiles.

    Parameters
    ----------
    counts : SkyImage
        Counts a pixel.
    counted : ndarray of bool, shape (ny, nx), or None
        False where sources are masked.
    geometry : RadialGeometry
    edges : ndarray, shape (n + 1,)
        Arcmin; of many only some circles are drawn, the outermost always.
    sectors : mapping of str to (float, float), optional
        Position angles, degrees north through east, by name.
    width : float
        In inches, of 100 pixels.
    marks : mapping of str to float, optional
        Radii to be named, arcmin.
    """
    marks = marks or {}
    reach = max([float(edges[-1]), *marks.values()])
    view = view_around(counts.grid, geometry.centre, _MARGIN * reach, round(width * DPI))
    axes, bar = sky_plate(counts, view, width)
    brightness, stretch = smoothed_counts(counts, view)
    picture = axes.imshow(
        brightness, origin="lower", extent=view.extent, cmap="inferno", aspect="auto",
        norm=AsinhNorm(stretch.linear_width, vmin=stretch.minimum, vmax=stretch.maximum),
    )  # fmt: skip
    colour_bar(bar, picture, "Surface brightness (count arcsec⁻²)")
    if counted is not None:
        draw_mask(axes, counted, view)
    draw_annuli(axes, counts.grid, geometry, edges, sectors or {})
    for name, radius in marks.items():
        draw_circle(axes, counts.grid, geometry, radius, "white", name)
    draw_scale_bar(axes, counts)
    return figure_of(axes)


def view_around(grid: ImageGrid, centre: SkyPosition, radius: float, pixels: int) -> Viewport:
    """Return the part of a grid within a radius (arcmin) of a place, in at most so many blocks."""
    x, y = grid.centre_of(centre)
    half = radius * 60 / grid.pixel_size
    ny, nx = grid.shape
    x0, x1 = int(np.clip(x - half, 0, nx - 1)), int(np.clip(x + half + 1, 1, nx))
    y0, y1 = int(np.clip(y - half, 0, ny - 1)), int(np.clip(y + half + 1, 1, ny))
    return Viewport(x0, x1, y0, y1, max(1, -(-max(x1 - x0, y1 - y0) // pixels)))


def draw_mask(axes: WCSAxes, counted: np.ndarray, view: Viewport) -> WCSAxes:
    """Shade the pixels that are masked, and draw their edges."""
    masked = block_mean((~counted).astype(float), view)
    if not masked.any():
        return axes
    shade = np.ma.masked_less(masked, 0.5)
    axes.imshow(
        shade, origin="lower", extent=view.extent, aspect="auto", interpolation="nearest",
        cmap=ListedColormap(["#1d2430"]), alpha=0.75,
    )  # fmt: skip
    x0, x1, y0, y1 = view.extent
    rows, columns = masked.shape
    step_x, step_y = (x1 - x0) / columns, (y1 - y0) / rows
    axes.contour(
        x0 + (np.arange(columns) + 0.5) * step_x, y0 + (np.arange(rows) + 0.5) * step_y, masked,
        levels=[0.5], colors=[TRUE_COLOUR], linewidths=0.8, alpha=0.8,
    )  # fmt: skip
    return axes


def draw_annuli(
    axes: WCSAxes, grid: ImageGrid, geometry: RadialGeometry, edges: np.ndarray,
    sectors: Mapping[str, tuple[float, float]],
) -> WCSAxes:  # fmt: skip
    """Draw edges of bins as thin circles or ellipses, and sectors with their names."""
    outer = np.asarray(edges, float)[np.asarray(edges) > 0]
    chosen = outer[np.unique(np.linspace(0, len(outer) - 1, _MOST_CIRCLES).astype(int))]
    for radius in chosen:
        last = radius == outer[-1]
        x, y = _curve(grid, geometry, np.full(_STEPS, radius), np.linspace(0, 360, _STEPS))
        axes.plot(x, y, color="white", linewidth=1.2 if last else 0.5, alpha=0.9 if last else 0.35)
    for number, (name, (first, last_angle)) in enumerate(sectors.items()):
        colour = SECTOR_COLOURS[number % len(SECTOR_COLOURS)]
        width = (last_angle - first) % 360 or 360.0
        angles = first + np.linspace(0, width, _STEPS)
        inner = float(edges[0]) if edges[0] > 0 else 0.0
        radii = np.r_[inner, np.full(_STEPS, outer[-1]), inner]
        x, y = _curve(grid, geometry, radii, np.r_[angles[0], angles, angles[-1]])
        axes.plot(x, y, color=colour, linewidth=1.6)
        tx, ty = _curve(grid, geometry, np.array([0.86 * outer[-1]]), np.array([first + width / 2]))
        axes.text(
            tx[0], ty[0], name, color=colour, size=TEXT_SIZE, ha="center", va="center",
            weight="bold", path_effects=HALO, clip_on=True,
        )  # fmt: skip
    return axes


def draw_circle(
    axes: WCSAxes, grid: ImageGrid, geometry: RadialGeometry, radius: float, colour: str,
    name: str = "",
) -> WCSAxes:  # fmt: skip
    """Draw one dashed circle, its name at its northern end."""
    x, y = _curve(grid, geometry, np.full(_STEPS, radius), np.linspace(0, 360, _STEPS))
    axes.plot(x, y, color=colour, linewidth=1.2, linestyle="dashed", alpha=0.9)
    if name:
        axes.text(
            x[0], y[0], name, color=INK, size=TEXT_SIZE, ha="center", va="bottom",
            path_effects=HALO, clip_on=True,
        )  # fmt: skip
    return axes


def sector_names(sectors: Sequence[tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """Return sectors by their angles.

    Examples
    --------
    >>> sector_names([(350, 370)])
    {'350° to 10°': (350, 370)}
    """
    return {f"{first % 360:g}° to {last % 360:g}°": (first, last) for first, last in sectors}


def _curve(
    grid: ImageGrid, geometry: RadialGeometry, radius: np.ndarray, angle: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return image coordinates of places at radii (arcmin) and position angles (degrees)."""
    distance = np.asarray(radius, float)
    if geometry.ellipse is not None:
        turned = np.radians(angle - geometry.ellipse[1])
        distance = distance / np.hypot(np.cos(turned), np.sin(turned) * geometry.axis_ratio)
    centre = SkyCoord(geometry.centre.ra, geometry.centre.dec, unit="deg", frame="icrs")
    places = centre.directional_offset_by(angle * u.deg, distance * u.arcmin)
    x, y = grid.wcs.world_to_pixel(places)
    return np.asarray(x), np.asarray(y)
