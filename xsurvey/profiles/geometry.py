"""Radii and position angles of pixels about a centre, exact on the sky; solid angles of pixels."""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass, replace

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs.utils import wcs_to_celestial_frame
from scipy import ndimage

from xsurvey.imaging.sky_image import ImageGrid, separation_arcmin
from xsurvey.units import SkyPosition

_KEPT = 2  # grids, of which one may be padded
_NODES = 33
_ROWS = 256
_ROUND = 1 - 1e-9


@dataclass(frozen=True)
class RadialGeometry:
    """What radius and position angle mean: a centre, perhaps an ellipse, perhaps a sector.

    Attributes
    ----------
    centre : SkyPosition
    ellipse : tuple of float, optional
        Ratio of major to minor axis (below 1 it is minor to major), and the position angle of
        the major axis, degrees north through east.
    sector : tuple of float, optional
        First and last position angle, degrees north through east; it runs in the sense of
        increasing angle, and through 360 where the last is the smaller one.
    """

    centre: SkyPosition
    ellipse: tuple[float, float] | None = None
    sector: tuple[float, float] | None = None

    @property
    def axis_ratio(self) -> float:
        """Major over minor axis, at least 1."""
        ratio = 1.0 if self.ellipse is None else self.ellipse[0]
        return ratio if ratio >= 1 else 1 / ratio

    @property
    def opening(self) -> float:
        """Angle that the sector spans, degrees."""
        return 360.0 if self.sector is None else sector_width(self.sector)

    def radius(self, grid: ImageGrid) -> np.ndarray:
        """Return the distance of every pixel's centre, arcmin, shape of the grid.

        Great-circle distances; of an ellipse the major axis of the one through the pixel, on the
        plane of the distances and position angles. NaN where a pixel is not on the sky. Those of
        the last grids are kept, since all sectors ask for them: the array is read-only.
        """
        return _radius(_Pixels(grid), replace(self, sector=None))

    def azimuth(self, grid: ImageGrid) -> np.ndarray:
        """Return position angles of the pixels' centres, degrees in [0, 360), as the grid."""
        return polar_coordinates(grid, self.centre)[1]

    def inside_sector(self, grid: ImageGrid) -> np.ndarray:
        """Tell which pixels' centres lie in the sector; all without one."""
        if self.sector is None:
            return np.ones(grid.shape, dtype=bool)
        return in_sector(self.azimuth(grid), self.sector)

    def solid_angle(self, edges: np.ndarray) -> np.ndarray:
        """Return the solid angle of whole bins between edges in arcmin, arcmin2, shape (n,)."""
        theta = np.radians(np.asarray(edges, float) / 60)
        cap = 4 * np.pi * np.sin(theta / 2) ** 2  # 2 pi (1 - cos theta)
        to_arcmin2 = np.degrees(60.0) ** 2
        return np.diff(cap) * to_arcmin2 * self.opening / 360 / self.axis_ratio


def sector_width(sector: tuple[float, float]) -> float:
    """Return the angle that a sector spans, degrees; 360 of one that begins where it ends.

    Examples
    --------
    >>> sector_width((350, 20)), sector_width((0, 360))
    (30.0, 360.0)
    """
    if sector[1] != sector[0] and abs(sector[1] - sector[0]) >= 360 * _ROUND:
        return 360.0
    return float((sector[1] - sector[0]) % 360)


def in_sector(azimuth: np.ndarray, sector: tuple[float, float]) -> np.ndarray:
    """Tell which position angles lie in a sector: the first angle in it, the last one not."""
    width = sector_width(sector)
    if width == 360.0:
        return np.isfinite(azimuth)
    return np.asarray((azimuth - sector[0]) % 360 < width)


def equal_sectors(number: int, first: float = 0.0) -> list[tuple[float, float]]:
    """Return sectors of one width that fill the circle, from a position angle on.

    Examples
    --------
    >>> equal_sectors(2, 90)
    [(90.0, 270.0), (270.0, 450.0)]
    """
    angles = first + 360.0 * np.arange(number + 1) / number
    return [(float(a), float(b)) for a, b in itertools.pairwise(angles)]


class _Pixels:
    """The pixels of a grid, equal where they lie on the same places of the sky."""

    def __init__(self, grid: ImageGrid) -> None:
        self.grid = grid
        # tables of distortion are in no header: such a grid equals none but itself
        own = id(grid.wcs) if grid.wcs.has_distortion else 0
        self.key = (grid.wcs.to_header_string(relax=True), grid.shape, own)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Pixels) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


@functools.lru_cache(maxsize=_KEPT)
def _radius(pixels: _Pixels, geometry: RadialGeometry) -> np.ndarray:
    grid = pixels.grid
    if geometry.ellipse is None:
        radius = grid.off_axis(geometry.centre)
    else:
        distance, azimuth = polar_coordinates(grid, geometry.centre)
        angle = np.radians(azimuth - geometry.ellipse[1])
        radius = np.hypot(
            distance * np.cos(angle), distance * np.sin(angle) * geometry.axis_ratio
        )  # fmt: skip
    radius.flags.writeable = False
    return radius


def polar_coordinates(grid: ImageGrid, centre: SkyPosition) -> tuple[np.ndarray, np.ndarray]:
    """Return distances in arcmin and position angles in degrees of all pixels' centres.

    Parameters
    ----------
    grid : ImageGrid
    centre : SkyPosition

    Returns
    -------
    distance, azimuth : ndarray, shape (ny, nx)
        Great-circle distance, and position angle at the centre, in [0, 360) from the north of
        ICRS through east, whatever the frame of the image.
    """
    frame = wcs_to_celestial_frame(grid.wcs)
    here = SkyCoord(centre.ra, centre.dec, unit="deg", frame="icrs")
    native = here.transform_to(frame)
    origin = SkyPosition(float(native.spherical.lon.deg), float(native.spherical.lat.deg))
    # angles at one point differ between two frames by a rotation: that of north at the centre
    north = here.directional_offset_by(0 * u.deg, 1 * u.arcsec).transform_to(frame)
    turned = float(native.position_angle(north).deg)
    distance, azimuth = np.empty(grid.shape), np.empty(grid.shape)
    # blocks of rows: what is worked out on the way is not kept for a whole mosaic
    for first in range(0, grid.shape[0], _ROWS):
        rows = slice(first, first + _ROWS)
        y, x = np.indices(distance[rows].shape, dtype=float)
        longitude, latitude = grid.wcs.all_pix2world(x, y + first, 0)
        distance[rows] = separation_arcmin(longitude, latitude, origin)
        azimuth[rows] = (_position_angle(longitude, latitude, origin) - turned) % 360
    azimuth[azimuth >= 360] = 0.0  # -1e-17 % 360 is 360
    return distance, azimuth


def _position_angle(
    longitude: np.ndarray, latitude: np.ndarray, origin: SkyPosition
) -> np.ndarray:  # fmt: skip
    """Return position angles at the origin, degrees, in the frame of the coordinates."""
    step, latitude = np.radians(longitude - origin.ra), np.radians(latitude)
    here = np.radians(origin.dec)
    east = np.sin(step) * np.cos(latitude)
    north = np.cos(here) * np.sin(latitude) - np.sin(here) * np.cos(latitude) * np.cos(step)
    return np.degrees(np.arctan2(east, north))


def pixel_solid_angles(grid: ImageGrid) -> np.ndarray:
    """Return the solid angle of every pixel, arcmin2, shape of the grid.

    Pixels of a projection are of one size only where it touches the sky: of a tile of the
    orthographic projection 11 degrees away they are 2 % larger. They change so smoothly that a
    coarse grid of them is interpolated. NaN where a pixel is not on the sky.
    """
    ny, nx = grid.shape
    rows = np.linspace(0, max(ny - 1, 1), min(_NODES, max(ny, 2)))
    columns = np.linspace(0, max(nx - 1, 1), min(_NODES, max(nx, 2)))
    y, x = np.meshgrid(rows, columns, indexing="ij")
    right, left = _unit_vectors(grid, x + 0.5, y), _unit_vectors(grid, x - 0.5, y)
    upper, lower = _unit_vectors(grid, x, y + 0.5), _unit_vectors(grid, x, y - 0.5)
    nodes = np.linalg.norm(np.cross(right - left, upper - lower), axis=-1)
    nodes *= np.degrees(60.0) ** 2
    # one interpolation along each axis of the image
    place_y = np.interp(np.arange(ny), rows, np.arange(len(rows)))
    place_x = np.interp(np.arange(nx), columns, np.arange(len(columns)))
    if not np.isfinite(nodes).all():
        places = np.meshgrid(place_y, place_x, indexing="ij")
        return np.asarray(ndimage.map_coordinates(nodes, places, order=1))
    return _weights(place_y, len(rows)) @ nodes @ _weights(place_x, len(columns)).T


def _weights(place: np.ndarray, nodes: int) -> np.ndarray:
    """Return weights of linear interpolation between nodes, shape (n, nodes)."""
    first = np.minimum(place.astype(int), nodes - 2)
    part = place - first
    weights = np.zeros((len(place), nodes))
    at = np.arange(len(place))
    weights[at, first] = 1 - part
    weights[at, first + 1] = part
    return weights


def _unit_vectors(grid: ImageGrid, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    longitude, latitude = np.radians(grid.wcs.all_pix2world(x, y, 0))
    return np.stack(
        (np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude),
         np.sin(latitude)), axis=-1,
    )  # fmt: skip
