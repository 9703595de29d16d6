"""Masks of sources in images: circles as large as a source outshines what surrounds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astropy.wcs.utils import skycoord_to_pixel
from pydantic import Field

from xsurvey.errors import InputError
from xsurvey.imaging.sky_image import ImageGrid, SkyImage, same_grid
from xsurvey.parameters import StepParameters
from xsurvey.psf import PointSpreadFunction
from xsurvey.regions import RegionSet, read_region_file
from xsurvey.units import Angle, SkyPosition, written

_RING_INNER, _RING_OUTER = 1.5, 3.0  # radii of the circle
_RING_PIXELS = 4.0
_STEPS = 400
_PASSES = 3
_EXTENT_RADII = 3.0  # core radii: a beta model of 2/3 has fallen to 3 % of its centre there


class MaskParameters(StepParameters):
    """How sources are cut out of images of extended emission."""

    residual: float = Field(
        default=0.1, gt=0, le=100,
        description="A source is masked out to where its surface brightness has fallen to this "
        "fraction of that of its surroundings.",
    )  # fmt: skip
    psf_fraction: float = Field(
        default=0.75,
        gt=0,
        lt=1,
        description="At least this fraction of the PSF is masked, however faint the source.",
    )
    largest: Angle = Field(
        default=written("5arcmin"), gt=0, description="Largest radius of a masked circle."
    )
    min_likelihood: float = Field(
        default=0.0,
        ge=0,
        description="Smallest detection likelihood of sources that are masked.",
    )
    extended: bool = Field(
        default=False, description="Also mask extended sources, to three core radii or more."
    )
    core: Angle = Field(
        default=written("0arcsec"), ge=0,
        description="Sources nearer to the centre are not masked: they are taken for the core of "
        "what is measured.",
    )  # fmt: skip
    regions: str | None = Field(
        default=None, description="DS9 region file: what is inside any of its shapes is masked too."
    )


@dataclass(frozen=True)
class MaskedSources:
    """Sources that may be masked, n of them.

    Attributes
    ----------
    ra, dec : ndarray, shape (n,)
        ICRS, degrees.
    extent : ndarray, shape (n,)
        Core radius in arcsec; 0 of points.
    """

    ra: np.ndarray
    dec: np.ndarray
    extent: np.ndarray

    def __len__(self) -> int:
        return len(self.ra)


@dataclass(frozen=True)
class PsfOfSources:
    """The PSF at the sources in one of the observations that an image is the sum of.

    Attributes
    ----------
    psf : PointSpreadFunction
    off_axis : ndarray, shape (n,)
        Arcmin; 0 where the PSF does not depend on it.
    weight : ndarray, shape (n,)
        Exposure of the observation at the sources.
    """

    psf: PointSpreadFunction
    off_axis: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True)
class SourceMask:
    """A mask and what it was made of.

    Attributes
    ----------
    image : SkyImage
        1 where pixels are counted, 0 where they are masked.
    radius : ndarray, shape (n,)
        Of the circle about each source, arcsec; 0 of those that are kept.
    counts : ndarray, shape (n,)
        Of each source in the image.
    surroundings : ndarray, shape (n,)
        Brightness around it, count / arcsec2.
    """

    image: SkyImage
    radius: np.ndarray
    counts: np.ndarray
    surroundings: np.ndarray

    @property
    def counted(self) -> np.ndarray:
        """True where pixels are counted, shape (ny, nx)."""
        return np.asarray(self.image.data > 0)


def sources_of_table(table: Table, subject: str, parameters: MaskParameters) -> MaskedSources:
    """Return the sources of a catalog that parameters let be masked.

    Parameters
    ----------
    table : astropy.table.Table
        Columns ra, dec (degrees, ICRS); extent (arcsec) and detection_likelihood where there
        are any.
    subject : str
        Name of the catalog, for the message.
    parameters : MaskParameters

    Raises
    ------
    InputError
        No columns ra and dec, or positions that are no numbers.
    """
    names = {name.lower(): name for name in table.colnames}
    if not {"ra", "dec"} <= set(names):
        raise InputError(subject, "has no columns ra and dec", "give a table of sources")
    ra, dec = (np.asarray(table[names[k]], float) for k in ("ra", "dec"))
    if not (np.isfinite(ra).all() and np.isfinite(dec).all()):
        raise InputError(subject, "has positions that are no numbers", "leave these rows out")
    extent = np.zeros(len(ra))
    if "extent" in names:
        extent = np.nan_to_num(np.asarray(table[names["extent"]], float))
    chosen = np.ones(len(ra), dtype=bool)
    if "detection_likelihood" in names:
        likelihood = np.nan_to_num(np.asarray(table[names["detection_likelihood"]], float))
        chosen = likelihood >= parameters.min_likelihood
    return MaskedSources(ra[chosen], dec[chosen], extent[chosen])


def mask_of_sources(
    counts: SkyImage, exposure: SkyImage, sources: MaskedSources, psf: Sequence[PsfOfSources],
    parameters: MaskParameters, centre: SkyPosition | None = None, regions: Path | None = None,
) -> SourceMask:  # fmt: skip
    r"""Mask the sources of an image.

    A source of C counts has the surface brightness :math:`C\,E'(r) / 2 \pi r` at the distance r,
    E being the encircled fraction of the PSF. It is masked to where that is a fraction of the
    brightness in a ring around the circle, in which other sources are left out. C is what the
    circle that holds ``psf_fraction`` has above that level, divided by the fraction.

    Parameters
    ----------
    counts, exposure : SkyImage
        On the same pixels; only exposed ones are looked at.
    sources : MaskedSources
    psf : sequence of PsfOfSources
        One an observation.
    parameters : MaskParameters
    centre : SkyPosition, optional
        Of the emission that is measured, for ``core``.
    regions : path, optional
        DS9 region file of what is masked besides.

    Raises
    ------
    InputError
        Maps on other pixels, or a region file that cannot be used.
    """
    same_grid(counts, exposure, exposure.source or "exposure map")
    grid = counts.grid
    x, y = _pixels(grid, sources)
    kept = _kept(sources, parameters, centre)
    x, y = np.where(kept, np.nan, x), np.where(kept, np.nan, y)
    shapes = _EncircledFractions(psf, grid, len(sources))
    inner = shapes.radius(parameters.psf_fraction)
    inner = np.maximum(inner, np.where(sources.extent > 0, _EXTENT_RADII * sources.extent, 0.0))
    largest = max(parameters.largest, grid.pixel_size)
    radius = np.minimum(inner, largest)
    seen = (exposure.data > 0) & np.isfinite(counts.data)
    photons = np.where(seen, counts.data, 0.0)
    found, level = np.zeros(len(sources)), np.zeros(len(sources))
    for _ in range(_PASSES):
        # surroundings without other sources: their circles depend on theirs
        free = seen & _outside(grid, x, y, radius)
        for i in map(int, np.flatnonzero(np.isfinite(x) & np.isfinite(y))):
            level[i] = _level(photons, free, x[i], y[i], radius[i] / grid.pixel_size)
            level[i] /= grid.pixel_size**2
            circle = _window(grid.shape, x[i], y[i], inner[i] / grid.pixel_size)
            where, inside = circle.where, circle.distance2 <= (inner[i] / grid.pixel_size) ** 2
            inside &= seen[where]
            net = photons[where][inside].sum() - level[i] * inside.sum() * grid.pixel_size**2
            found[i] = max(float(net), 0.0) / parameters.psf_fraction
            radius[i] = max(
                inner[i],
                shapes.faint(i, found[i], parameters.residual * level[i], largest),
            )
            radius[i] = min(radius[i], largest)
    counted = _outside(grid, x, y, radius)
    if regions is not None:
        shapes_cut = read_region_file(regions, grid.wcs, "image")
        rows, columns = np.indices(grid.shape)
        counted &= RegionSet((), ()).without(shapes_cut).contains(columns + 1, rows + 1)
    stamps: dict[str, Any] = {
        "MASKFRAC": parameters.residual,
        "MASKPSF": parameters.psf_fraction,
        "NMASKED": int((np.isfinite(x) & (radius > 0)).sum()),
    }
    image = SkyImage(counted.astype(float), replace(grid), "", stamps)
    return SourceMask(image, np.where(np.isfinite(x), radius, 0.0), found, level)


def _kept(
    sources: MaskedSources, parameters: MaskParameters, centre: SkyPosition | None
) -> np.ndarray:
    """Tell which sources are not masked."""
    kept = np.zeros(len(sources), dtype=bool)
    if not parameters.extended:
        kept |= sources.extent > 0
    if parameters.core > 0 and centre is not None and len(sources):
        places = SkyCoord(sources.ra, sources.dec, unit="deg")
        apart = places.separation(SkyCoord(*centre, unit="deg")).arcsec
        kept |= apart < parameters.core
    return kept


def _pixels(grid: ImageGrid, sources: MaskedSources) -> tuple[np.ndarray, np.ndarray]:
    if not len(sources):
        return np.zeros(0), np.zeros(0)
    x, y = skycoord_to_pixel(
        SkyCoord(sources.ra, sources.dec, unit="deg", frame="icrs"), grid.wcs, origin=0
    )
    return np.asarray(x, float), np.asarray(y, float)


class _EncircledFractions:
    """The PSF of each source: a mean over observations, weighted with their exposures."""

    def __init__(self, psf: Sequence[PsfOfSources], grid: ImageGrid, number: int) -> None:
        self._psf = list(psf)
        weight = np.array([np.nan_to_num(p.weight) for p in psf]).reshape(len(self._psf), number)
        total = weight.sum(axis=0)
        # of a source that nobody sees any PSF will do
        self._weight = np.where(total > 0, weight / np.where(total > 0, total, 1), 1 / len(psf))
        self._pixel = grid.pixel_size

    def radius(self, fraction: float) -> np.ndarray:
        """Return the radius that holds a fraction, arcsec, shape (n,); at least of one pixel."""
        radii = np.stack([
            np.broadcast_to(p.psf.radius(fraction, np.asarray(p.off_axis, float)), weight.shape)
            for p, weight in zip(self._psf, self._weight, strict=True)
        ])  # fmt: skip
        # the widest that counts: where a tenth of the exposure has it
        wide = np.where(self._weight > 0.1, radii, 0.0).max(axis=0)
        return np.maximum(wide, self._pixel)

    def faint(self, index: int, counts: float, level: float, largest: float) -> float:
        """Return the radius at which a source is as faint as a level in count / arcsec2."""
        if counts <= 0:
            return 0.0
        if level <= 0:
            return largest
        radius = np.geomspace(0.05 * self._pixel, max(1.2 * largest, self._pixel), _STEPS)
        inside = np.zeros(_STEPS)
        for one, weight in zip(self._psf, self._weight, strict=True):
            angle = float(np.asarray(one.off_axis, float)[index])
            inside += weight[index] * one.psf.encircled_fraction(radius, np.array(angle))
        middle = np.sqrt(radius[1:] * radius[:-1])
        brightness = counts * np.diff(inside) / (np.pi * np.diff(radius**2))
        bright = np.flatnonzero(brightness > level)
        return float(middle[bright[-1]]) if len(bright) else 0.0


@dataclass(frozen=True)
class _Window:
    """Part of an image around a place, and the squared distances of its pixels."""

    where: tuple[slice, slice]
    distance2: np.ndarray


def _window(shape: tuple[int, int], x: float, y: float, reach: float) -> _Window:
    rows = slice(max(int(np.floor(y - reach)), 0), max(min(int(y + reach) + 2, shape[0]), 0))
    columns = slice(max(int(np.floor(x - reach)), 0), max(min(int(x + reach) + 2, shape[1]), 0))
    up = np.arange(rows.start, max(rows.stop, rows.start)) - y
    across = np.arange(columns.start, max(columns.stop, columns.start)) - x
    return _Window((rows, columns), up[:, None] ** 2 + across[None, :] ** 2)


def _outside(grid: ImageGrid, x: np.ndarray, y: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Tell which pixels' centres lie in no circle; the pixel a source is in always does."""
    free = np.ones(grid.shape, dtype=bool)
    for one_x, one_y, size in zip(x, y, radius / grid.pixel_size, strict=True):
        if size > 0 and np.isfinite(one_x) and np.isfinite(one_y):
            part = _window(grid.shape, one_x, one_y, max(size, 0.71))
            free[part.where] &= part.distance2 > max(size, 0.71) ** 2
    return free


def _level(
    photons: np.ndarray, free: np.ndarray, x: float, y: float, radius: float
) -> float:  # fmt: skip
    """Return the mean counts a pixel around a circle; one count of an empty ring."""
    inner, outer = _RING_INNER * radius, _RING_OUTER * radius + _RING_PIXELS
    while True:
        ring = _window(free.shape, x, y, outer)
        if not ring.distance2.size:
            return 0.0
        used = free[ring.where] & (ring.distance2 > inner**2) & (ring.distance2 <= outer**2)
        if used.any() or outer > sum(free.shape):
            break
        outer *= 2  # all of it lies in the circles of others
    number = int(used.sum())
    return max(float(photons[ring.where][used].sum()), 1.0) / number if number else 0.0
