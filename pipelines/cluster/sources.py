"""Which pixels of a mosaic are not the cluster's: found sources and given regions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs.utils import skycoord_to_pixel

from xsurvey.detection.fitted import FittedSources
from xsurvey.detection.found_store import read_found
from xsurvey.imaging.sky_image import ImageGrid, SkyImage, separation_arcmin
from xsurvey.pipelines.cluster.parameters import MaskParameters
from xsurvey.psf import PointSpreadFunction
from xsurvey.regions import RegionSet, read_region_file
from xsurvey.units import SkyPosition

_FRACTIONS = np.linspace(0.3, 0.995, 140)


def masked_sources(
    folders: Sequence[Path], centre: SkyPosition, parameters: MaskParameters
) -> dict[str, np.ndarray]:
    """Return the found sources that are not the cluster's.

    Parameters
    ----------
    folders : sequence of path
        Of `write_found`, one a stack.
    centre : SkyPosition
    parameters : MaskParameters

    Returns
    -------
    dict of str to ndarray, shape (n,)
        ``ra``, ``dec`` (degrees), ``counts`` in the band in which each is most significant.
    """
    columns: dict[str, list[np.ndarray]] = {"ra": [], "dec": [], "counts": []}
    for folder in folders if parameters.sources else ():
        sources = read_found(folder).sources
        chosen = _not_of_cluster(sources, centre, parameters)
        best = [sources.bands.index(str(band)) for band in sources.best_band]
        counts = sources.counts[np.arange(len(best)), np.array(best, int)]
        for name, values in (("ra", sources.ra), ("dec", sources.dec), ("counts", counts)):
            columns[name].append(np.asarray(values, float)[chosen])
    return {
        name: np.concatenate(parts) if parts else np.empty(0) for name, parts in columns.items()
    }


def _not_of_cluster(
    sources: FittedSources, centre: SkyPosition, parameters: MaskParameters
) -> np.ndarray:
    far = separation_arcmin(sources.ra, sources.dec, centre) * 60 >= parameters.core
    chosen = far & (sources.likelihood >= parameters.min_likelihood)
    return chosen if parameters.extended else chosen & ~(sources.extent > 0)


def source_radii(
    sources: dict[str, np.ndarray], counts: SkyImage, psf: PointSpreadFunction,
    parameters: MaskParameters,
) -> np.ndarray:  # fmt: skip
    """Return the radii out to which sources outshine a part of their surroundings, arcsec.

    Parameters
    ----------
    sources : dict
        Of `masked_sources`.
    counts : SkyImage
        From which the local brightness, everything included, is taken: the median of the counts
        within boxes of some minutes, or their mean where that is zero.
    psf : PointSpreadFunction
    parameters : MaskParameters

    Returns
    -------
    ndarray, shape (n,)
    """
    if not len(sources["ra"]):
        return np.empty(0)
    level = _local_level(sources, counts)  # count / arcsec2
    radius = psf.radius(_FRACTIONS[:, None], np.zeros(1))[:, 0]
    ring = np.pi * np.diff(radius**2)
    brightness = np.diff(_FRACTIONS) / ring  # of a source of one count
    bright = sources["counts"][:, None] * brightness > parameters.residual * level[:, None]
    last = bright.shape[1] - 1 - np.argmax(bright[:, ::-1], axis=1)
    found = np.where(bright.any(axis=1), radius[last + 1], radius[0])
    return np.clip(found, parameters.smallest, parameters.largest)


def _local_level(sources: dict[str, np.ndarray], counts: SkyImage) -> np.ndarray:
    grid = counts.grid
    x, y = _pixels(grid, sources)
    half = max(3, round(180 / grid.pixel_size))
    ny, nx = grid.shape
    found = np.zeros(len(x))
    for i, (column, row) in enumerate(zip(x, y, strict=True)):
        part = counts.data[
            int(np.clip(row - half, 0, ny)):int(np.clip(row + half + 1, 0, ny)),
            int(np.clip(column - half, 0, nx)):int(np.clip(column + half + 1, 0, nx)),
        ]  # fmt: skip
        if part.size:
            found[i] = np.median(part) or part.mean()
    return np.maximum(found, 1e-6) / grid.pixel_size**2


def _pixels(grid: ImageGrid, sources: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    sky = SkyCoord(sources["ra"], sources["dec"], unit="deg", frame="icrs")
    x, y = skycoord_to_pixel(sky, grid.wcs, origin=0)
    return np.nan_to_num(np.asarray(x), nan=-1e6), np.nan_to_num(np.asarray(y), nan=-1e6)


def mask_of(
    grid: ImageGrid, sources: dict[str, np.ndarray], radius: np.ndarray, regions: Path | None
) -> np.ndarray:
    """Return True where pixels are counted, shape (ny, nx)."""
    mask = np.ones(grid.shape, dtype=bool)
    x, y = _pixels(grid, sources)
    for column, row, reach in zip(x, y, radius / grid.pixel_size, strict=True):
        low = [int(max(np.floor(v - reach), 0)) for v in (row, column)]
        high = [
            int(min(np.ceil(v + reach) + 1, n)) for v, n in zip((row, column), grid.shape, strict=True)
        ]
        if low[0] >= high[0] or low[1] >= high[1]:
            continue
        rows, columns = np.mgrid[low[0]:high[0], low[1]:high[1]]
        inside = np.hypot(rows - row, columns - column) <= reach
        mask[low[0]:high[0], low[1]:high[1]] &= ~inside
    if regions is not None:
        cut = read_region_file(regions, grid.wcs, "image")
        rows, columns = np.indices(grid.shape)
        mask &= RegionSet((), ()).without(cut).contains(columns + 1, rows + 1)
    return mask
