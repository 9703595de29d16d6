"""Surface-brightness profiles from images: counts, exposure and solid angle of radial bins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from xsurvey.errors import InputError
from xsurvey.imaging.exposure import APPROXIMATE
from xsurvey.imaging.sky_image import ImageGrid, SkyImage, same_grid
from xsurvey.profiles.bin_flags import BinFlag
from xsurvey.profiles.bins import radial_bins
from xsurvey.profiles.geometry import (
    RadialGeometry,
    in_sector,
    pixel_solid_angles,
    polar_coordinates,
)
from xsurvey.profiles.radial_profile import RadialProfile

_HALF = 0.5


def extract_profile(
    counts: SkyImage, exposure: SkyImage, geometry: RadialGeometry, edges: np.ndarray,
    background: SkyImage | None = None, mask: np.ndarray | None = None,
    background_error: float = 0.0,
) -> RadialProfile:  # fmt: skip
    """Sum an image over radial bins.

    Parameters
    ----------
    counts, exposure : SkyImage
        Counts; seconds, vignetted. Pixels without exposure are not counted.
    geometry : RadialGeometry
        Its centre may lie off the image.
    edges : ndarray, shape (n + 1,)
        Arcmin, ascending from 0 or more.
    background : SkyImage, optional
        Expected counts a pixel of what is not of the sky.
    mask : ndarray of bool, shape (ny, nx), optional
        True where pixels are counted.
    background_error : float
        Relative systematic error of the background.

    Returns
    -------
    RadialProfile

    Raises
    ------
    InputError
        Maps on other pixels, negative exposure or background, values that are no numbers.
    """
    return extract_sectors(
        counts, exposure, geometry, edges, [geometry.sector], background, mask, background_error
    )[0]


def extract_sectors(
    counts: SkyImage, exposure: SkyImage, geometry: RadialGeometry, edges: np.ndarray,
    sectors: Sequence[tuple[float, float] | None], background: SkyImage | None = None,
    mask: np.ndarray | None = None, background_error: float = 0.0,
) -> list[RadialProfile]:  # fmt: skip
    """Sum an image over radial bins of several sectors; radii and angles are found once.

    Parameters
    ----------
    sectors : sequence of tuple of float, or None for all angles
        They may overlap. The geometry's own sector is not looked at.

    Returns
    -------
    list of RadialProfile
        As `extract_profile`, which has the other parameters, one a sector.
    """
    edges = np.asarray(edges, float)
    if edges.ndim != 1 or len(edges) < 2 or edges[0] < 0 or not (np.diff(edges) > 0).all():
        raise ValueError("edges of radial bins must ascend from 0 or more")
    data, seconds, level = _checked(counts, exposure, background)
    grid = counts.grid
    azimuth = None
    radius = geometry.radius(grid)
    if any(s is not None for s in sectors):
        azimuth = polar_coordinates(grid, geometry.centre)[1]
    bins = radial_bins(radius, edges)
    # what is far from the profile costs nothing from here on
    rows, columns = np.nonzero(bins >= 0)
    label = bins[rows, columns]
    exposed = seconds[rows, columns] > 0
    used = exposed if mask is None else exposed & _as_mask(mask, grid.shape)[rows, columns]
    solid_angle = pixel_solid_angles(grid)[rows, columns]
    columns_of = {
        "counts": data[rows, columns], "exposure_area": seconds[rows, columns] * solid_angle,
        "area": solid_angle, "background": level[rows, columns],
    }  # fmt: skip
    stamps = {"EXPMAP": str(exposure.stamps.get("EXPMAP", "SUPPLIED"))}
    profiles = []
    for sector in sectors:
        if sector is None or azimuth is None:
            inside = np.ones(len(label), dtype=bool)
        else:
            inside = in_sector(azimuth[rows, columns], sector)
        of = replace(geometry, sector=sector)
        counted = inside & used
        sums = {k: _sum(label, v, counted, len(edges) - 1) for k, v in columns_of.items()}
        pixels_seen = _sum(label, exposed, inside, len(edges) - 1)
        whole = _sum(label, solid_angle, inside, len(edges) - 1)
        beyond = edges[1:] > _reach(grid, of, radius, azimuth)
        geometric = np.where(beyond, of.solid_angle(edges), whole)
        image = np.full(grid.shape, -1)
        image[rows[counted], columns[counted]] = label[counted]
        flags = _flags(sums, pixels_seen, geometric, stamps["EXPMAP"] == APPROXIMATE)
        profiles.append(
            RadialProfile(
                edges, sums["counts"], sums["exposure_area"], sums["area"], geometric,
                sums["background"], sums["background"] * background_error, image, flags, sector,
                stamps,
            )
        )  # fmt: skip
    return profiles


def _sum(label: np.ndarray, values: np.ndarray, inside: np.ndarray, number: int) -> np.ndarray:
    return np.bincount(label[inside], weights=values[inside], minlength=number)


def _checked(
    counts: SkyImage, exposure: SkyImage, background: SkyImage | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pixels of the maps, zero where nothing was exposed."""
    data = counts.data
    same_grid(counts, exposure, exposure.source or "exposure map")
    seconds = np.where(np.isfinite(exposure.data), exposure.data, 0.0)
    if (seconds < 0).any():
        raise InputError(
            exposure.source or "exposure map", "has negative pixels", "give seconds of exposure"
        )
    seen = seconds > 0
    if not np.isfinite(data[seen]).all() or (data[seen] < 0).any():
        raise InputError(
            counts.source or "image", "has exposed pixels that are negative or no numbers",
            "give an image of counts",
        )  # fmt: skip
    if background is None:
        level = np.zeros(data.shape)
    else:
        subject = background.source or "background map"
        same_grid(counts, background, subject)
        level = background.data
        if not np.isfinite(level[seen]).all():
            raise InputError(
                subject, "has exposed pixels that are no numbers", "give counts a pixel"
            )
        if (level[seen] < 0).any():
            raise InputError(subject, "has negative pixels", "give expected counts a pixel")
    return np.where(seen, data, 0.0), seconds, np.where(seen, level, 0.0)


def _as_mask(mask: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    if np.shape(mask) != shape:
        raise InputError(
            "mask", f"has shape {np.shape(mask)}, the image {shape}",
            "give a mask on the pixels of the image",
        )  # fmt: skip
    return np.asarray(mask, dtype=bool)


def _reach(
    grid: ImageGrid, geometry: RadialGeometry, radius: np.ndarray, azimuth: np.ndarray | None
) -> float:
    """Return the radius up to which bins lie wholly on the image.

    Bins that reach over its edge have pixels that are not there: their solid angle is taken from
    the geometry.
    """
    x, y = grid.centre_of(geometry.centre)
    if not (-0.5 <= x < grid.shape[1] - 0.5 and -0.5 <= y < grid.shape[0] - 0.5):
        return 0.0
    border = np.ones(radius.shape, dtype=bool)
    border[1:-1, 1:-1] = False
    if geometry.sector is not None and azimuth is not None:
        border &= in_sector(azimuth, geometry.sector)
    reached = radius[border]
    return float(np.min(reached[np.isfinite(reached)], initial=np.inf))


def _flags(
    sums: dict[str, np.ndarray], pixels_seen: np.ndarray, geometric: np.ndarray, approximate: bool
) -> np.ndarray:
    counts, area = sums["counts"], sums["area"]
    measured = area > 0
    flags = np.zeros(len(counts), dtype=int)
    flags[pixels_seen == 0] |= BinFlag.NOT_EXPOSED
    flags[(pixels_seen > 0) & ~measured] |= BinFlag.MASKED
    flags[measured & (area < _HALF * geometric)] |= BinFlag.PARTIAL
    flags[measured & (counts == 0)] |= BinFlag.EMPTY
    flags[measured & (counts < sums["background"])] |= BinFlag.NEGATIVE
    if approximate:
        flags |= BinFlag.EXPOSURE_APPROXIMATE
    return flags
