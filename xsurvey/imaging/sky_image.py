"""An image with its place on the sky, and its FITS file."""

from __future__ import annotations

import copy
import os
import warnings
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS, FITSFixedWarning
from astropy.wcs.utils import pixel_to_skycoord, skycoord_to_pixel, wcs_to_celestial_frame

from xsurvey import __version__
from xsurvey.errors import InputError, printable
from xsurvey.events import EventList
from xsurvey.imaging.window import Window
from xsurvey.io.atomic import atomic_output
from xsurvey.io.fits_image import image_shape, read_image, read_image_header
from xsurvey.io.fits_writer import write_hdus
from xsurvey.units import SkyPosition


@dataclass(frozen=True)
class ImageGrid:
    """Square pixels laid over the sky pixels of an event list.

    Attributes
    ----------
    wcs : astropy.wcs.WCS
        Celestial; used with ``origin=0``, the centre of the first pixel being (0, 0).
    shape : tuple of int
        ``(ny, nx)``.
    x_edge, y_edge : float
        Sky-pixel coordinates of the lower left corner.
    sky_pixels : float
        Side of an image pixel in sky pixels.
    pixel_size : float
        Side of an image pixel in arcsec.
    """

    wcs: WCS
    shape: tuple[int, int]
    x_edge: float
    y_edge: float
    sky_pixels: float
    pixel_size: float

    def to_sky_pixels(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Turn 0-based image coordinates into the event list's X, Y."""
        return (
            self.x_edge + (np.asarray(x) + 0.5) * self.sky_pixels,
            self.y_edge + (np.asarray(y) + 0.5) * self.sky_pixels,
        )

    def from_sky_pixels(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Turn the event list's X, Y into 0-based image coordinates."""
        return (
            (np.asarray(x) - self.x_edge) / self.sky_pixels - 0.5,
            (np.asarray(y) - self.y_edge) / self.sky_pixels - 0.5,
        )

    def off_axis(self, pointing: SkyPosition) -> np.ndarray:
        """Return the angle of every pixel centre from ``pointing``, in arcmin."""
        y, x = np.indices(self.shape, dtype=float)
        # one position is brought to the frame of the image, not every pixel to ICRS
        centre = _sky_coord(pointing).transform_to(wcs_to_celestial_frame(self.wcs))
        native = SkyPosition(float(centre.spherical.lon.deg), float(centre.spherical.lat.deg))
        longitude, latitude = self.wcs.all_pix2world(x, y, 0)
        return separation_arcmin(longitude, latitude, native)

    def to_icrs(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return right ascension and declination (ICRS, degrees) of 0-based coordinates."""
        sky = pixel_to_skycoord(x, y, self.wcs, origin=0).icrs
        return np.asarray(sky.ra.deg), np.asarray(sky.dec.deg)

    def centre_of(self, position: SkyPosition) -> tuple[float, float]:
        """Return the 0-based image coordinates of a position."""
        x, y = skycoord_to_pixel(_sky_coord(position), self.wcs, origin=0)
        return float(x), float(y)


def grid_window(grid: ImageGrid, window: Window) -> ImageGrid:
    """Return the grid of a window."""
    wcs = copy.deepcopy(grid.wcs)
    wcs.wcs.crpix = wcs.wcs.crpix - [window.column, window.row]
    wcs.wcs.set()
    return ImageGrid(
        wcs, (window.rows, window.columns), grid.x_edge + window.column * grid.sky_pixels,
        grid.y_edge + window.row * grid.sky_pixels, grid.sky_pixels, grid.pixel_size,
    )  # fmt: skip


def _sky_coord(position: SkyPosition) -> SkyCoord:
    return SkyCoord(position.ra, position.dec, unit="deg", frame="icrs")


def separation_arcmin(ra: np.ndarray, dec: np.ndarray, position: SkyPosition) -> np.ndarray:
    """Return great-circle distances (haversine) of ICRS degrees from one position."""
    ra, dec = np.radians(ra), np.radians(dec)
    ra0, dec0 = np.radians(position)
    haversine = (
        np.sin((dec - dec0) / 2) ** 2 + np.cos(dec) * np.cos(dec0) * np.sin((ra - ra0) / 2) ** 2
    )
    return np.degrees(2 * np.arcsin(np.sqrt(np.clip(haversine, 0, 1)))) * 60


def grid_from_wcs(wcs: WCS, shape: tuple[int, int]) -> ImageGrid:
    """Return the grid of an image that did not come from an event list at hand."""
    sizes = np.sqrt(np.abs(np.linalg.det(wcs.pixel_scale_matrix))) * 3600
    return ImageGrid(wcs, shape, 0.5, 0.5, 1.0, float(sizes))


def grid_from_events(
    events: EventList, pixel_size: float, pixels_limit: int = 100_000_000
) -> ImageGrid:
    """Lay a grid over the bounding box of an event list.

    Parameters
    ----------
    events : EventList
        Read once for the extent of X and Y.
    pixel_size : float
        Wanted pixel in arcsec; rounded to a whole number of sky pixels where it is larger.

    Raises
    ------
    InputError
        No events, or the image would be absurdly large.
    """
    low, high, count = np.full(2, np.inf), np.full(2, -np.inf), 0
    for chunk in events.chunks():
        if len(chunk):
            xy = (chunk["x"], chunk["y"])
            low = np.fmin(low, [np.nanmin(v) for v in xy])
            high = np.fmax(high, [np.nanmax(v) for v in xy])
            count += len(chunk)
    events.require_events(count)
    return grid_over(events, low, high, pixel_size, pixels_limit)


def grid_over(
    events: EventList, low: np.ndarray, high: np.ndarray, pixel_size: float,
    pixels_limit: int = 100_000_000,
) -> ImageGrid:  # fmt: skip
    """Lay a grid over a box of an event list's sky pixels.

    Parameters
    ----------
    events : EventList
    low, high : ndarray, shape (2,)
        Smallest and largest x, y that must be inside.
    pixel_size : float
        As in `grid_from_events`.

    Raises
    ------
    InputError
        The image would be absurdly large.
    """
    sky_pixels = pixel_size / events.pixel_size
    if sky_pixels >= 1:
        sky_pixels = float(round(sky_pixels))
    first = np.floor(low - 0.5) + 0.5
    nx, ny = (int(n) for n in np.floor((high - first) / sky_pixels) + 1)
    if nx * ny > pixels_limit:
        raise InputError(
            events.observation.path, f"the image would have {nx} x {ny} pixels",
            "choose larger pixels",
        )  # fmt: skip
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = list(events.wcs.wcs.ctype)
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.crval = events.wcs.wcs.crval
    wcs.wcs.cdelt = events.wcs.wcs.cdelt * sky_pixels
    wcs.wcs.crpix = (events.wcs.wcs.crpix - first) / sky_pixels + 0.5
    wcs.wcs.radesys = events.wcs.wcs.radesys or "ICRS"
    wcs.wcs.set()
    return ImageGrid(
        wcs, (ny, nx), float(first[0]), float(first[1]), sky_pixels,
        events.pixel_size * sky_pixels,
    )  # fmt: skip


@dataclass(frozen=True)
class SkyImage:
    """Pixels and their grid.

    Attributes
    ----------
    data : ndarray, shape (ny, nx)
    unit : str
        ``count``, ``s``, ``count / s``.
    stamps : dict
        Header keywords to write: what was approximated.
    source : str
        The file it was read from, for messages.
    """

    data: np.ndarray
    grid: ImageGrid
    unit: str
    stamps: dict[str, Any] = field(default_factory=dict)
    source: str = ""

    def header(self) -> fits.Header:
        """Return the FITS header: WCS, unit, stamps."""
        header = self.grid.wcs.to_header()
        header["BUNIT"] = self.unit
        header["CREATOR"] = f"xsurvey {__version__}"
        for key, value in self.stamps.items():
            header[key] = printable(value) if isinstance(value, str) else value
        # DS9's physical coordinates are the event list's X, Y
        header["LTM1_1"] = header["LTM2_2"] = 1 / self.grid.sky_pixels
        header["LTV1"] = 0.5 - self.grid.x_edge / self.grid.sky_pixels
        header["LTV2"] = 0.5 - self.grid.y_edge / self.grid.sky_pixels
        return header

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the image as a FITS file."""
        data = self.data
        if self.unit == "count" and np.all(data == np.round(data)):
            data = data.astype(np.int32)
        else:
            data = data.astype(np.float32)
        with atomic_output(path) as temporary:
            write_hdus(temporary, [fits.PrimaryHDU(data, self.header())])


def read_sky_image(path: str | os.PathLike[str], window: Window | None = None) -> SkyImage:
    """Read an image and its celestial coordinates.

    Parameters
    ----------
    path : path
    window : Window, optional
        Of its pixels; no others are read.

    Raises
    ------
    InputError
        Not an image, or it has no celestial WCS.
    """
    data, header = read_image(path, None if window is None else window.slices)
    grid = _grid_of(path, header)
    keep = {
        key: header[key]
        for key in ("TELESCOP", "INSTRUME", "OBS_ID", "OBJECT", "EXPOSURE", "EXPMAP", "RA_PNT",
                    "DEC_PNT", "ROLL_PNT", "TIMEDEL", "BAND_LO", "BAND_HI", "DATE-OBS", "MISSION",
                    "OBS_MODE", "VIGNKEV", "VIGNSPEC")
        if key in header
    }  # fmt: skip
    return SkyImage(
        data, grid if window is None else grid_window(grid, window),
        str(header.get("BUNIT", "")).strip(), keep, os.fspath(path),
    )  # fmt: skip


def read_grid(path: str | os.PathLike[str]) -> ImageGrid:
    """Return the pixels of an image, of which none is read.

    Raises
    ------
    InputError
        As `read_sky_image`.
    """
    return _grid_of(path, read_image_header(path))


def _grid_of(path: str | os.PathLike[str], header: fits.Header) -> ImageGrid:
    """Return the pixels of the image that a header is of."""
    shape = image_shape(header)
    assert shape is not None  # a header of `read_image`
    try:
        with warnings.catch_warnings():
            # of the old name of a keyword nothing needs to be told: it is read as the new one
            warnings.filterwarnings("ignore", "RADECSYS", FITSFixedWarning)
            wcs = WCS(header).celestial
        has_sky = wcs.has_celestial
        if has_sky:
            wcs_to_celestial_frame(wcs)
    except Exception as error:
        raise InputError(
            path,
            f"has a WCS that cannot be used ({str(error).strip().splitlines()[-1]})",
            "give a FITS sky image",
        ) from error
    if not has_sky:
        raise InputError(path, "has no celestial coordinates", "give a FITS sky image")
    grid = grid_from_wcs(wcs, shape)
    ltm, ltv1, ltv2 = (header.get(k) for k in ("LTM1_1", "LTV1", "LTV2"))
    if all(isinstance(v, float | int) for v in (ltm, ltv1, ltv2)) and ltm:
        side = 1 / float(ltm)
        grid = ImageGrid(
            wcs, grid.shape, (0.5 - float(ltv1)) * side, (0.5 - float(ltv2)) * side, side,
            grid.pixel_size,
        )  # fmt: skip
    return grid


def same_grid(first: SkyImage, second: SkyImage, path: str | os.PathLike[str]) -> None:
    """Check that a second image lies on the pixels of the first.

    Raises
    ------
    InputError
        Other shape, or the corners lie more than a tenth of a pixel apart.
    """
    if first.grid.shape != second.grid.shape:
        raise InputError(
            path, f"has shape {second.grid.shape}, the image {first.grid.shape}",
            "give maps on the pixels of the image",
        )  # fmt: skip
    ny, nx = first.grid.shape
    x, y = np.array([0, nx - 1, 0, nx - 1], float), np.array([0, 0, ny - 1, ny - 1], float)
    sky = pixel_to_skycoord(x, y, first.grid.wcs, origin=0)
    back_x, back_y = skycoord_to_pixel(sky, second.grid.wcs, origin=0)
    if not np.all(np.hypot(back_x - x, back_y - y) < 0.1):
        raise InputError(
            path, "lies on other sky coordinates than the image",
            "give maps on the pixels of the image",
        )  # fmt: skip


def read_exposure_map(path: str | os.PathLike[str]) -> SkyImage:
    """Read an exposure map; pixels that are no numbers were not exposed.

    Raises
    ------
    InputError
        As `read_sky_image`, or a pixel is negative or infinite, or none is positive.
    """
    image = read_sky_image(path)
    data = np.where(np.isnan(image.data), 0.0, image.data)
    if (data < 0).any() or np.isinf(data).any():
        raise InputError(path, "has negative or infinite pixels", "give seconds of exposure")
    if not data.any():
        raise InputError(path, "is zero everywhere", "give the exposure map of this observation")
    # a map that was itself approximated says so, and goes on saying so
    stamps = {"EXPMAP": "SUPPLIED", **image.stamps}
    return replace(image, data=data, stamps=stamps)


def read_map_of(path: str | os.PathLike[str], image: SkyImage) -> SkyImage:
    """Read a map that must lie on the pixels of an image.

    Raises
    ------
    InputError
        As `read_sky_image` and `same_grid`.
    """
    found = read_sky_image(path)
    same_grid(image, found, path)
    return found
