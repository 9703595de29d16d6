"""How a mosaic or a survey is cut into tiles, and the stack that a tile is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from astropy.wcs.utils import pixel_to_skycoord, skycoord_to_pixel

from xsurvey.attitude import separations, unit_vectors
from xsurvey.imaging.field import Field
from xsurvey.imaging.sky_image import ImageGrid, grid_from_wcs
from xsurvey.imaging.stack import Stack, single_stack
from xsurvey.imaging.stack_footprints import Footprint
from xsurvey.imaging.stack_parameters import StackGeometry, StackParameters, Tile
from xsurvey.imaging.stack_window import field_window
from xsurvey.imaging.window import Window
from xsurvey.units import SkyPosition

_MESH = 33
_STRIP = 0.25  # of the margin


def mean_position(positions: Sequence[SkyPosition]) -> SkyPosition:
    """Return the middle of some positions, degrees (of opposite ones the first)."""
    mean = np.sum([unit_vectors(*p) for p in positions], axis=0)
    if not np.linalg.norm(mean) > 1e-6:
        return positions[0]
    mean /= np.linalg.norm(mean)
    ra, dec = np.degrees(np.arctan2(mean[1], mean[0])), np.degrees(np.arcsin(mean[2]))
    return SkyPosition(round(float(ra % 360), 9), round(float(dec), 9))


def tiles_of(
    footprints: Sequence[Footprint], pixel_size: float, parameters: StackParameters
) -> list[tuple[Tile, list[int]]]:
    """Cut the sky that some fields cover into tiles.

    Parameters
    ----------
    footprints : sequence of Footprint
    pixel_size : float
        Of images, arcsec.
    parameters : StackParameters

    Returns
    -------
    list of (Tile, list of int)
        With the fields that reach into each. One tile where all fits into the largest image.
        Cores are zones of declination, cut at right ascensions; together they are the whole sky,
        so that each place has one owner. Images reach beyond them by the margin.
    """
    outlines = [footprint.outline for footprint in footprints]
    origin = mean_position([f.centre for f in footprints])
    ra = _difference(np.concatenate([o[0] for o in outlines]), origin.ra)
    dec = np.concatenate([o[1] for o in outlines])
    largest = parameters.max_size * pixel_size
    # nothing lies beyond the whole; two pixels keep its edge inside
    whole = _bounded(origin, ra, dec, origin, 2 * pixel_size)
    everything = list(range(len(footprints)))
    if max(whole.width, whole.height) <= largest:
        return [(whole, everything)]
    side = max(largest - 2 * parameters.margin, largest / 4) / 3600
    centres = np.stack([unit_vectors(*f.centre) for f in footprints])
    reach = np.array([f.reach for f in footprints])
    found = []
    for core_dec, zone in _zones(dec, side):
        for core_ra, cell in _cells(ra, zone, side):
            tile = _cell_tile(origin, cell, zone, core_ra, core_dec, parameters.margin)
            apart = separations(centres, unit_vectors(tile.ra, tile.dec))
            # the size of an image is measured on the plane, which is wider than the sky
            near = apart < reach + np.hypot(tile.width, tile.height) / 60
            reaching = [i for i in np.flatnonzero(near).tolist() if _reaches(tile, footprints[i])]
            if reaching:
                found.append((tile, reaching))
    return found


def _zones(dec: np.ndarray, side: float) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Return the core of each zone, open at the ends, and what of it there is."""
    low, high = float(dec.min()), float(dec.max())
    number = max(1, int(np.ceil((high - low) / side)))
    edges = np.round(np.linspace(low, high, number + 1), 9).tolist()
    open_edges = [-90.0, *edges[1:-1], 90.1]
    return [((open_edges[i], open_edges[i + 1]), (edges[i], edges[i + 1])) for i in range(number)]


def _cells(
    ra: np.ndarray, zone: tuple[float, float], side: float
) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Return the core of each cell of a zone, open at the ends, and what of it there is."""
    low, high = float(ra.min()), float(ra.max())
    # the widest parallel of the zone
    widest = 1.0 if zone[0] < 0 < zone[1] else float(np.cos(np.radians(min(map(abs, zone)))))
    number = max(1, int(np.ceil((high - low) * widest / side)))
    edges = np.round(np.linspace(low, high, number + 1), 9).tolist()
    open_edges = [-180.0, *edges[1:-1], 180.0]
    return [((open_edges[i], open_edges[i + 1]), (edges[i], edges[i + 1])) for i in range(number)]


def _cell_tile(
    origin: SkyPosition, cell: tuple[float, float], zone: tuple[float, float],
    core_ra: tuple[float, float], core_dec: tuple[float, float], margin: float,
) -> Tile:  # fmt: skip
    centre = SkyPosition(round((origin.ra + sum(cell) / 2) % 360, 9), round(sum(zone) / 2, 9))
    along = np.linspace(0, 1, _MESH)
    ra = cell[0] + along * (cell[1] - cell[0])
    dec = zone[0] + along * (zone[1] - zone[0])
    mesh_ra, mesh_dec = np.meshgrid(ra, dec)
    tile = _bounded(origin, mesh_ra.ravel(), mesh_dec.ravel(), centre, margin)
    return tile.model_copy(
        update={"core_ra": core_ra, "core_dec": core_dec, "strip": _STRIP * margin}
    )


def _bounded(
    origin: SkyPosition, ra: np.ndarray, dec: np.ndarray, centre: SkyPosition, margin: float
) -> Tile:
    """Return the tile around a centre that holds places, given relative to the origin."""
    wcs = tangent_wcs(centre, 1.0)
    sky = SkyCoord((origin.ra + ra) % 360, dec, unit="deg", frame="icrs")
    x, y = skycoord_to_pixel(sky, wcs, 0)
    width, height = (2 * (float(np.nanmax(np.abs(v))) + margin) for v in (x, y))
    return Tile(
        ra=centre.ra, dec=centre.dec, width=round(width, 3), height=round(height, 3),
        origin=origin.ra,
    )  # fmt: skip


def tangent_wcs(centre: SkyPosition, pixel_size: float) -> WCS:
    """Return the projection that touches the sky at a place; pixel (1, 1) lies there."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.crval = list(centre)
    wcs.wcs.crpix = [1.0, 1.0]
    wcs.wcs.cdelt = [-pixel_size / 3600, pixel_size / 3600]
    wcs.wcs.radesys = "ICRS"
    wcs.wcs.set()
    return wcs


def _reaches(tile: Tile, footprint: Footprint) -> bool:
    """Tell whether a field reaches into the image of a tile."""
    outline = footprint.outline
    wcs = tangent_wcs(SkyPosition(tile.ra, tile.dec), 1.0)
    near = (
        separations(unit_vectors(*outline), unit_vectors(tile.ra, tile.dec))
        < np.hypot(tile.width, tile.height) / 60
    )
    if near.any():
        sky = SkyCoord(outline[0][near], outline[1][near], unit="deg", frame="icrs")
        x, y = skycoord_to_pixel(sky, wcs, 0)
        if np.any((np.abs(x) <= tile.width / 2) & (np.abs(y) <= tile.height / 2)):
            return True
    steps = np.linspace(-0.5, 0.5, _MESH)
    x, y = np.meshgrid(steps * tile.width, steps * tile.height)
    sky = pixel_to_skycoord(x.ravel(), y.ravel(), wcs, 0)
    return bool(footprint.contains(sky.ra.deg, sky.dec.deg).any())


def _difference(ra: np.ndarray, origin: float) -> np.ndarray:
    return np.asarray((np.asarray(ra, float) - origin + 180) % 360 - 180)


@dataclass(frozen=True)
class Core:
    """The part of the sky whose sources belong to a tile."""

    tile: Tile
    strip: float = 0.0

    def __call__(self, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
        """Tell which ICRS positions (degrees) belong to it, or lie within the strip around."""
        beyond = self.strip / 3600
        dec = np.asarray(dec, float)
        difference = _difference(np.asarray(ra), self.tile.origin)
        with np.errstate(divide="ignore"):
            beyond_ra = beyond / np.maximum(np.cos(np.radians(dec)), 1e-9)
        low, high = self.tile.core_ra
        inside = (difference >= low - beyond_ra) & (difference < high + beyond_ra)
        low, high = self.tile.core_dec
        return np.asarray(inside & (dec >= low - beyond) & (dec < high + beyond))


def make_stack(
    name: str, geometry: StackGeometry, names: Sequence[str], fields: Sequence[Field]
) -> Stack:
    """Return the stack that a plan describes, of the fields that there are.

    Parameters
    ----------
    name : str
    geometry : StackGeometry
    names : sequence of str
        Of the observations that could be read.
    fields : sequence of Field
        These observations; none of another size than their own.

    Returns
    -------
    Stack
        Without any field where none is exposed in the tile.
    """
    tile = geometry.tile
    if tile is None:
        return single_stack(name, fields[0])
    kept = []
    pixel_size = min(field.grid.pixel_size for field in fields)
    grid = _tile_grid(tile, pixel_size)
    for one, field in zip(names, fields, strict=True):
        window = _window_on(grid, field.grid)
        if window is None:
            continue
        part = field_window(field, window)
        if any(exposure.data.any() for exposure in part.exposure.values()):
            kept.append((one, part))
    owns, core = (Core(tile, tile.strip), Core(tile)) if _is_cut(tile) else (None, None)
    if not geometry.several and kept:
        grid = kept[0][1].grid  # its own pixels: nothing is resampled
    return Stack(name, tuple(n for n, _ in kept), tuple(f for _, f in kept), grid, owns, core)


def _is_cut(tile: Tile) -> bool:
    return tile.core_ra != (-180.0, 180.0) or tile.core_dec != (-90.0, 90.1)


def _tile_grid(tile: Tile, pixel_size: float) -> ImageGrid:
    half_x, half_y = (int(np.ceil(v / 2 / pixel_size)) for v in (tile.width, tile.height))
    wcs = tangent_wcs(SkyPosition(tile.ra, tile.dec), pixel_size)
    wcs.wcs.crpix = [half_x + 1, half_y + 1]
    wcs.wcs.set()
    return grid_from_wcs(wcs, (2 * half_y + 1, 2 * half_x + 1))


def _window_on(grid: ImageGrid, own: ImageGrid) -> Window | None:
    """Return the pixels of an own image that a tile's image needs; None where there are none."""
    ny, nx = grid.shape
    steps = np.linspace(-0.5, 0.5, _MESH)
    x, y = np.meshgrid((steps + 0.5) * nx - 0.5, (steps + 0.5) * ny - 0.5)
    sky = pixel_to_skycoord(x.ravel(), y.ravel(), grid.wcs, 0)
    own_x, own_y = skycoord_to_pixel(sky, own.wcs, 0)
    if not (np.isfinite(own_x) & np.isfinite(own_y)).any():
        return None  # on the other side of the sky
    low = [int(max(0, np.floor(np.nanmin(v)) - 1)) for v in (own_x, own_y)]
    high = [
        int(min(n, np.ceil(np.nanmax(v)) + 2))
        for v, n in zip((own_x, own_y), own.shape[::-1], strict=True)
    ]
    if high[0] <= low[0] or high[1] <= low[1]:
        return None
    return Window(low[0], low[1], high[0] - low[0], high[1] - low[1])
