"""Images of a cluster: where it is measured, smoothed, by size, and what a model leaves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.visualization.wcsaxes import WCSAxes
from matplotlib.colors import AsinhNorm, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from xsurvey.imaging.sky_image import SkyImage, read_sky_image
from xsurvey.profiles.geometry import RadialGeometry
from xsurvey.report.display import Viewport, block_mean, viewport
from xsurvey.report.plate import DPI, figure_of
from xsurvey.report.region_axes import draw_annuli, draw_circle, draw_mask, regions_figure
from xsurvey.report.sky_axes import colour_bar, draw_scale_bar, sky_plate
from xsurvey.units import SkyPosition

_RESIDUAL_COLOURS = LinearSegmentedColormap.from_list(
    "residuals", ["#b8f1ff", "#2a86b0", "#11161f", "#b5561d", "#ffd9a0"]
)
_BRIGHTNESS = "Brightness (count s⁻¹ arcmin⁻²)"


def cluster_image(
    images: Path, record: Mapping[str, Any], annuli: Mapping[str, Any] | None,
    marks: Mapping[str, float], width: float = 9.0,
) -> Figure:  # fmt: skip
    """Return the counts of a cluster with masked sources and the regions of its spectra.

    Parameters
    ----------
    images : path
        Folder with ``counts_BAND.fits`` and ``mask.fits``.
    record : mapping
        Of its brightness: centre, ellipse, and the edges that are drawn without annuli.
    annuli : mapping or None
        Of its spectral profile.
    marks : mapping of str to float
        Radii to name, arcmin.
    width : float
        In inches, of 100 pixels.

    Raises
    ------
    InputError
        An image is missing or unreadable.
    """
    counts = read_sky_image(counts_path(images))
    mask = images / "mask.fits"
    counted = read_sky_image(mask).data > 0 if mask.is_file() else None
    edges, sectors = _edges(record, annuli)
    return regions_figure(
        counts, counted, geometry_of(record), edges, sectors, width, marks
    )  # fmt: skip


def brightness_image(
    path: Path, record: Mapping[str, Any], marks: Mapping[str, float], width: float = 7.0
) -> Figure:
    """Return an image of brightness on an asinh scale, as adaptive smoothing and wavelets make it.

    Parameters
    ----------
    path : path
        FITS; NaN where nothing was exposed.
    record : mapping
        Of the brightness, for the centre.
    marks : mapping of str to float
        Radii to name, arcmin.
    width : float

    Raises
    ------
    InputError
        It is missing or unreadable.
    """
    image = read_sky_image(path)
    axes, bar, view = _plate(image, width)
    values = block_mean(image.data, view)
    lit = values[values > 0]
    top = float(np.percentile(lit, 99.8)) if lit.size else 1.0
    linear = max(float(np.percentile(lit, 30)) if lit.size else 0.1, 1e-3 * top)
    picture = axes.imshow(
        values, origin="lower", extent=view.extent, cmap="inferno", aspect="auto",
        norm=AsinhNorm(linear, vmin=min(0.0, float(values.min(initial=0.0))), vmax=top),
    )  # fmt: skip
    colour_bar(bar, picture, _BRIGHTNESS)
    _circles(axes, image, record, marks)
    return figure_of(axes)


def residual_image(
    path: Path, record: Mapping[str, Any], marks: Mapping[str, float], width: float = 7.0
) -> Figure:
    """Return smoothed residuals of a model, in sigma.

    Parameters
    ----------
    path, record, marks, width
        As `brightness_image`.

    Raises
    ------
    InputError
        It is missing or unreadable.
    """
    image = read_sky_image(path)
    axes, bar, view = _plate(image, width)
    values = block_mean(image.data, view)
    picture = axes.imshow(
        values, origin="lower", extent=view.extent, cmap=_RESIDUAL_COLOURS, aspect="auto",
        norm=Normalize(-5, 5),
    )  # fmt: skip
    colour_bar(bar, picture, "Residual (sigma)")
    mask = path.parent / "mask.fits"
    if mask.is_file():
        counted = read_sky_image(mask).data > 0
        if counted.shape == image.data.shape:
            draw_mask(axes, counted, view)
    _circles(axes, image, record, marks)
    return figure_of(axes)


def counts_path(images: Path) -> Path:
    """Return the counts image of the brightness' band: the first one by name."""
    found = sorted(images.glob("counts_*.fits"))
    return found[0] if found else images / "counts.fits"


def geometry_of(record: Mapping[str, Any]) -> RadialGeometry:
    """Return what radius and position angle mean in a record of brightness."""
    ellipse = record.get("ellipse")
    shape = (float(ellipse["axis_ratio"]), float(ellipse["angle_deg"])) if ellipse else None
    return RadialGeometry(SkyPosition(record["center"]["ra"], record["center"]["dec"]), shape)


def _edges(
    record: Mapping[str, Any], annuli: Mapping[str, Any] | None
) -> tuple[np.ndarray, dict[str, tuple[float, float]]]:
    rows = (annuli or {}).get("annuli") or []
    sectors: dict[str, tuple[float, float]] = {}
    cut = [row for row in rows if row.get("sector")]
    # sectors of spectra and of the brightness are different ones: one set can be told on a picture
    for part in cut or (record.get("sectors") or []):
        if part.get("sector"):
            first, last = (float(v) for v in part["sector"])
            sectors[str(part.get("label") or f"{first % 360:g}° to {last % 360:g}°")] = first, last
    if rows:
        every = {r["inner_arcmin"] for r in rows} | {r["outer_arcmin"] for r in rows}
        return np.array(sorted(every), float), sectors
    middle = np.array(record["radius_arcmin"], float)
    half = np.array(record["radius_width_arcmin"], float) / 2
    return np.append(np.maximum(middle - half, 0)[:1], middle + half), sectors


def _plate(image: SkyImage, width: float) -> tuple[WCSAxes, Any, Viewport]:
    view = viewport(np.nan_to_num(image.data), round(width * DPI))
    axes, bar = sky_plate(image, view, width)
    return axes, bar, view


def _circles(
    axes: WCSAxes, image: SkyImage, record: Mapping[str, Any], marks: Mapping[str, float]
) -> None:
    geometry = geometry_of(record)
    limits = axes.get_xlim(), axes.get_ylim()
    if not marks:
        outer = float(record["radius_arcmin"][-1]) + float(record["radius_width_arcmin"][-1]) / 2
        draw_annuli(axes, image.grid, geometry, np.array([0.0, outer]), {})
    for name, radius in marks.items():
        draw_circle(axes, image.grid, geometry, radius, "white", name)
    axes.set_xlim(*limits[0])
    axes.set_ylim(*limits[1])
    draw_scale_bar(axes, image)
