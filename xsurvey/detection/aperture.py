"""Apertures and background annuli of sources in one observation, and whose light is in them.

Apertures are circles; where circles overlap, each place belongs to the source that it is nearest
to in units of the circles' radii, so that no photon counts twice; but the circle of a point is its
own where that of an extended source overlaps it. Annuli leave out all circles.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs.utils import skycoord_to_pixel
from scipy.spatial import cKDTree

from xsurvey.detection.parameters import PhotometryParameters
from xsurvey.detection.profiles import (
    aperture_radius,
    in_pixels,
    light_on_pixels,
    radius_of_light,
    source_mixture,
)
from xsurvey.imaging.field import Field
from xsurvey.imaging.sky_image import ImageGrid, separation_arcmin
from xsurvey.psf import GaussianMixture, GaussianPsf, PointSpreadFunction

_ACROSS = 24  # parts that the diameter of a circle is cut into, at least
_REACH = 0.995  # part of a source's light that is looked for in the regions of others
_HALF_DIAGONAL = 0.5**0.5  # of a pixel
_CORE_PIXELS = 1.5  # radius of a 3 x 3 island in detector pixels


@dataclass(frozen=True)
class Places:
    """Where to measure; arrays of shape (n,).

    Attributes
    ----------
    ra, dec : ndarray
        ICRS, degrees.
    extent : ndarray
        Core radius of a beta model, arcsec; 0 for points.
    scale : ndarray
        Width (sigma, arcsec) where nothing is known of the PSF.
    """

    ra: np.ndarray
    dec: np.ndarray
    extent: np.ndarray
    scale: np.ndarray

    def __len__(self) -> int:
        return len(self.ra)

    def of(self, chosen: np.ndarray) -> Places:
        """Return some of them."""
        return Places(self.ra[chosen], self.dec[chosen], self.extent[chosen], self.scale[chosen])


@dataclass(frozen=True)
class Region:
    """A part of the image, and the light of sources in it.

    Attributes
    ----------
    pixels : ndarray of int, shape (p,)
        Places in the flattened image.
    weight : ndarray, shape (p,)
        Part of each pixel that is in the region.
    light : ndarray, shape (m, p)
        Of each source that reaches it: the part of its light on the region's part of the pixel.
    """

    pixels: np.ndarray
    weight: np.ndarray
    light: np.ndarray


@dataclass(frozen=True)
class Apertures:
    """Where n sources are measured in one observation; coordinates and radii in image pixels.

    Attributes
    ----------
    x, y, radius, inner, outer : ndarray, shape (n,)
        0-based; inner and outer radius of the annulus.
    off_axis : ndarray, shape (n,)
        Arcmin, NaN without an optical axis.
    neighbours : tuple of ndarray of int, length n
        Sources whose light is in the regions of each, itself first.
    apertures, annuli : tuple of Region, length n
        ``light`` is of the neighbours.
    overlaps : tuple of ndarray of int, length n
        Sources whose circles overlap that of each.
    core : ndarray, shape (n,)
        Part of the light on a 3 x 3 island of detector pixels.
    core_radius : float
        Of that island, pixels.
    extended : ndarray of bool, shape (n,)
    approximate : bool
        Whether the PSF is no more than an approximation.
    """

    x: np.ndarray
    y: np.ndarray
    radius: np.ndarray
    inner: np.ndarray
    outer: np.ndarray
    off_axis: np.ndarray
    neighbours: tuple[np.ndarray, ...]
    apertures: tuple[Region, ...]
    annuli: tuple[Region, ...]
    overlaps: tuple[np.ndarray, ...]
    core: np.ndarray
    core_radius: float
    extended: np.ndarray
    approximate: bool

    @property
    def fraction(self) -> np.ndarray:
        """Part of each source's light in its aperture, shape (n,)."""
        return np.array([a.light[0].sum() for a in self.apertures])

    def owned(self, index: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Tell which places in the circle of a source are in its aperture."""
        own = _scaled(x, y, self, index)
        nearest = np.ones(np.shape(x), dtype=bool)
        for other in self.overlaps[index]:
            theirs = _scaled(x, y, self, int(other))
            nearest &= (own < theirs) | ((own == theirs) & (index < other))
        return nearest


def on_image(grid: ImageGrid, ra: np.ndarray, dec: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return 0-based image coordinates of ICRS positions; far outside where there are none."""
    x, y = skycoord_to_pixel(SkyCoord(ra, dec, unit="deg", frame="icrs"), grid.wcs, origin=0)
    return np.nan_to_num(np.atleast_1d(x), nan=-1e6), np.nan_to_num(np.atleast_1d(y), nan=-1e6)


def apertures_for(
    places: Places, field: Field, label: str, parameters: PhotometryParameters,
    psf: PointSpreadFunction | None,
) -> Apertures:  # fmt: skip
    """Choose where sources are measured in an observation.

    Parameters
    ----------
    places : Places
    field : Field
    label : str
        Of any band: all have the same pixels.
    parameters : PhotometryParameters
        Fraction of the PSF, size of annuli.
    psf : PointSpreadFunction or None
        None where none is known: each source's own width then stands in.
    """
    image = field.exposure[label]
    grid, exposed = image.grid, image.data > 0
    x, y = on_image(grid, places.ra, places.dec)
    if field.pointing is not None:
        off_axis = separation_arcmin(places.ra, places.dec, field.pointing)
    else:
        off_axis = np.full(len(places), np.nan)
    angle = np.nan_to_num(off_axis)
    shapes: list[PointSpreadFunction] = [
        psf or GaussianPsf(max(s, 0.5 * grid.pixel_size), True) for s in places.scale
    ]
    extent = places.extent if psf is not None else np.zeros(len(places))
    each = list(zip(shapes, angle, extent, strict=True))
    profiles = [in_pixels(source_mixture(p, a, e), grid.pixel_size) for p, a, e in each]
    fraction = parameters.fraction(field.mission)
    radius = np.array([aperture_radius(p, a, e, fraction) for p, a, e in each])
    inner, outer = parameters.annulus(radius)
    size = grid.pixel_size
    circles = _Circles(x, y, radius / size, inner / size, outer / size, np.asarray(extent) > 0)
    detector_pixel = field.mission.detector_pixel if field.mission else grid.pixel_size
    core = _CORE_PIXELS * detector_pixel / grid.pixel_size
    return _measured_in(
        circles, profiles, exposed, off_axis, core, psf is None or psf.approximate, field.binned
    )


@dataclass(frozen=True)
class _Circles:
    x: np.ndarray
    y: np.ndarray
    radius: np.ndarray
    inner: np.ndarray
    outer: np.ndarray
    extended: np.ndarray


def _scaled(x: np.ndarray, y: np.ndarray, circles: _Circles | Apertures, index: int) -> np.ndarray:
    distance = np.hypot(x - circles.x[index], y - circles.y[index])
    scaled = np.asarray(distance / circles.radius[index])
    if circles.extended[index]:
        return scaled
    # below all of extended sources inside of the circle, so that points keep theirs
    return np.where(scaled <= 1, scaled - 1, scaled)


def _measured_in(
    circles: _Circles, profiles: list[GaussianMixture], exposed: np.ndarray,
    off_axis: np.ndarray, core: float, approximate: bool, binned: bool,
) -> Apertures:  # fmt: skip
    n = len(circles.x)
    reach = np.array([radius_of_light(p, _REACH) for p in profiles])
    near = _pairs(circles, circles.outer, reach)
    overlaps = tuple(
        np.array([
            j for j in near[i] if j != i
            and np.hypot(circles.x[i] - circles.x[j], circles.y[i] - circles.y[j])
            < circles.radius[i] + circles.radius[j]
        ], dtype=int)
        for i in range(n)
    )  # fmt: skip
    # a pixel that a part of a circle lies in has photons of the aperture
    touched = circles.radius + (0.0 if binned else _HALF_DIAGONAL)
    free = _free_of_sources(exposed, circles, np.maximum(circles.inner, touched))
    apertures = tuple(
        _aperture(circles, profiles, exposed.shape, i, near[i], overlaps[i], binned)
        for i in range(n)
    )
    annuli = tuple(_annulus(circles, profiles, free, i, near[i]) for i in range(n))
    cores = np.array([float(p.encircled_fraction(np.array(core))) for p in profiles])
    return Apertures(
        circles.x, circles.y, circles.radius, circles.inner, circles.outer, off_axis,
        tuple(near), apertures, annuli, overlaps, cores, core, circles.extended, approximate,
    )  # fmt: skip


def _pairs(circles: _Circles, outer: np.ndarray, reach: np.ndarray) -> list[np.ndarray]:
    """Return for each circle the sources that reach it, itself first."""
    if not len(outer):
        return []
    places = np.column_stack([circles.x, circles.y])
    found = cKDTree(places).query_ball_point(places, outer + reach.max())
    near = []
    for i, others in enumerate(found):
        other = np.array(sorted(set(others) - {i}), dtype=int)
        distance = np.hypot(*(places[other] - places[i]).T) if len(other) else np.empty(0)
        near.append(np.append(i, other[distance < outer[i] + reach[other]]))
    return near


def _aperture(
    circles: _Circles, profiles: list[GaussianMixture], image: tuple[int, ...], index: int,
    near: np.ndarray, overlaps: np.ndarray, binned: bool,
) -> Region:  # fmt: skip
    x, y, r = circles.x[index], circles.y[index], circles.radius[index]
    rows, columns = _window(image, x, y, r + 1)
    parts = 1 if binned else max(1, int(np.ceil(_ACROSS / (2 * r))))
    x_edges, y_edges = (
        np.arange(s.start * parts, s.stop * parts + 1) / parts - 0.5 for s in (columns, rows)
    )
    px, py = np.meshgrid((x_edges[1:] + x_edges[:-1]) / 2, (y_edges[1:] + y_edges[:-1]) / 2)
    # places at the rim count by how far they are in; photons in pixels are in or out
    margin = (r - np.hypot(px - x, py - y)) * parts
    inside = (margin >= 0).astype(float) if binned else np.clip(margin + 0.5, 0, 1)
    own = _scaled(px, py, circles, index)
    for other in overlaps:
        theirs = _scaled(px, py, circles, int(other))
        inside *= (own < theirs) | ((own == theirs) & (index < other))
    shape = (rows.stop - rows.start, columns.stop - columns.start)

    def pixels(fine: np.ndarray) -> np.ndarray:
        return fine.reshape(shape[0], parts, shape[1], parts).sum(axis=(1, 3))

    weight = pixels(inside) / parts**2
    used = weight > 0
    light = [
        pixels(inside * light_on_pixels(profiles[j], circles.x[j], circles.y[j], x_edges, y_edges))
        for j in near
    ]
    return _region(image, rows, columns, used, weight, light)


def _annulus(
    circles: _Circles, profiles: list[GaussianMixture], free: np.ndarray, index: int,
    near: np.ndarray,
) -> Region:  # fmt: skip
    x, y, r = circles.x[index], circles.y[index], circles.outer[index]
    rows, columns = _window(free.shape, x, y, r)
    distance = _distance(rows, columns, x, y)
    # the source's own inner circle is not free either
    used = free[rows, columns] & (distance <= r)
    x_edges, y_edges = (np.arange(s.start, s.stop + 1) - 0.5 for s in (columns, rows))
    light = [
        light_on_pixels(profiles[j], circles.x[j], circles.y[j], x_edges, y_edges) for j in near
    ]
    return _region(free.shape, rows, columns, used, used.astype(float), light)


def _region(
    shape: tuple[int, ...], rows: slice, columns: slice, used: np.ndarray, weight: np.ndarray,
    light: list[np.ndarray],
) -> Region:  # fmt: skip
    row, column = np.nonzero(used)
    pixels = (row + rows.start) * shape[1] + column + columns.start
    return Region(
        pixels, weight[used].astype(np.float32),
        np.array([one[used] for one in light], dtype=np.float32).reshape(len(light), -1),
    )  # fmt: skip


def _free_of_sources(exposed: np.ndarray, circles: _Circles, radius: np.ndarray) -> np.ndarray:
    free = exposed.copy()
    for x, y, r in zip(circles.x, circles.y, radius, strict=True):
        rows, columns = _window(free.shape, x, y, r)
        free[rows, columns] &= _distance(rows, columns, x, y) > r
    return free


def _distance(rows: slice, columns: slice, x: float, y: float) -> np.ndarray:
    dy = np.arange(rows.start, rows.stop)[:, None] - y
    dx = np.arange(columns.start, columns.stop)[None, :] - x
    return np.hypot(dx, dy)


def _window(shape: tuple[int, ...], x: float, y: float, radius: float) -> tuple[slice, slice]:
    slices = []
    for centre, size in ((y, shape[0]), (x, shape[1])):
        first = min(max(int(np.floor(centre - radius)), 0), size)
        slices.append(slice(first, max(min(int(np.ceil(centre + radius)) + 1, size), first)))
    return slices[0], slices[1]


def photons_in(
    field: Field, label: str, apertures: Apertures
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield the photons of a band that may be in an aperture: coordinates and numbers."""
    shape = field.counts[label].grid.shape
    wanted = np.zeros((shape[0] + 2, shape[1] + 2), dtype=bool)
    for x, y, r in zip(apertures.x, apertures.y, apertures.radius, strict=True):
        rows, columns = _window(wanted.shape, x + 1, y + 1, r + 1)
        wanted[rows, columns] = True
    for x, y, number in field.photons(label):
        column, row = (np.rint(np.nan_to_num(v, nan=-9)).astype(int) + 1 for v in (x, y))
        column, row = np.clip(column, 0, shape[1] + 1), np.clip(row, 0, shape[0] + 1)
        keep = wanted[row, column]
        if keep.any():
            yield x[keep], y[keep], number[keep]
