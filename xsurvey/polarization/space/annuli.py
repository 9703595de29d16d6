"""Annuli and sectors about a place on the sphere, and directions relative to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from astropy.wcs import WCS

from xsurvey.imaging.sky_image import separation_arcmin
from xsurvey.polarization.space.map_parameters import ModelDirection
from xsurvey.units import SkyPosition

AngleMap = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From ICRS degrees to angles in degrees north through east, NaN where there is none."""

_RINGS, _RAYS = 12, 720  # samples of an annulus


@dataclass(frozen=True)
class Annuli:
    """Cells of an annulus and a sector each; all sectors of the innermost annulus come first.

    A radius belongs to the annulus whose inner edge it is.

    Attributes
    ----------
    center : SkyPosition
    edges : ndarray, shape (r + 1,)
        Arcsec, rising.
    sectors : int
    start : float
        Degrees north through east, at the centre, where the first sector begins.
    """

    center: SkyPosition
    edges: np.ndarray
    sectors: int = 1
    start: float = 0.0

    @property
    def number(self) -> int:
        """Of the cells."""
        return (len(self.edges) - 1) * self.sectors

    def cell_of(self, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
        """Return the cells that places (ICRS, degrees) are in, -1 for none."""
        radius = separation_arcmin(ra, dec, self.center) * 60
        annulus = np.searchsorted(self.edges, radius, side="right") - 1
        cell = annulus
        if self.sectors > 1:
            turned = np.mod(bearing(self.center, ra, dec) - self.start, 360)
            sector = np.minimum((turned * self.sectors / 360).astype(int), self.sectors - 1)
            cell = annulus * self.sectors + sector
        return np.where((annulus >= 0) & (annulus < len(self.edges) - 1), cell, -1)

    def bounds(self) -> dict[str, np.ndarray]:
        """Return inner and outer radii (arcsec) and first and last angles (deg) of the cells."""
        annulus, sector = np.divmod(np.arange(self.number), self.sectors)
        first = self.start + sector * 360 / self.sectors
        return {
            "radius_min": self.edges[annulus], "radius_max": self.edges[annulus + 1],
            "angle_min": first, "angle_max": first + 360 / self.sectors,
        }  # fmt: skip

    def area(self) -> np.ndarray:
        """Return the solid angles of the cells, deg2, seen or not."""
        half = np.sin(np.radians(self.edges / 3600) / 2) ** 2
        rings = 4 * np.pi * np.diff(half) * np.degrees(1) ** 2
        return np.repeat(rings / self.sectors, self.sectors)

    def samples(self) -> tuple[np.ndarray, np.ndarray]:
        """Return places (ICRS, degrees) evenly spread over the cells, shape (p, m) each."""
        half = np.sin(np.radians(self.edges / 3600) / 2) ** 2
        share = (np.arange(_RINGS) + 0.5) / _RINGS
        rings = 2 * np.arcsin(np.sqrt(half[:-1, None] + np.diff(half)[:, None] * share))
        rays = max(8, round(_RAYS / self.sectors))
        share = (np.arange(rays) + 0.5) / rays
        angles = np.radians(
            self.start + (np.arange(self.sectors)[:, None] + share) * 360 / self.sectors
        )
        radius = np.broadcast_to(rings[:, None, :, None], (len(rings), self.sectors, _RINGS, rays))
        angle = np.broadcast_to(angles[None, :, None, :], radius.shape)
        ra, dec = _offset(self.center, radius, angle)
        return ra.reshape(self.number, -1), dec.reshape(self.number, -1)


def bearing(center: SkyPosition, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Return the position angles of places as seen from the centre, degrees."""
    ra0, dec0 = np.radians(center)
    return _bearing(ra0, dec0, np.radians(ra), np.radians(dec))


def outward(center: SkyPosition, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Return the directions away from the centre, degrees north through east *at the places*.

    Stokes parameters of an event refer to its own north; far from the centre, and near a pole,
    that is not the north of the centre.
    """
    ra0, dec0 = np.radians(center)
    back = _bearing(np.radians(ra), np.radians(dec), ra0, dec0)
    return np.asarray(back + 180)


def _bearing(
    ra1: np.ndarray | float, dec1: np.ndarray | float, ra2: np.ndarray | float,
    dec2: np.ndarray | float,
) -> np.ndarray:  # fmt: skip
    east = np.sin(np.subtract(ra2, ra1)) * np.cos(dec2)
    # 1 - cos from half angles: differences of arcsec do not cancel
    half = np.sin(np.subtract(ra2, ra1) / 2) ** 2
    north = np.sin(np.subtract(dec2, dec1)) + 2 * np.sin(dec1) * np.cos(dec2) * half
    return np.asarray(np.degrees(np.arctan2(east, north)))


def _offset(
    center: SkyPosition, radius: np.ndarray, angle: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the places at distances and position angles (rad) from a centre, degrees."""
    ra0, dec0 = np.radians(center)
    sine = np.sin(dec0) * np.cos(radius) + np.cos(dec0) * np.sin(radius) * np.cos(angle)
    dec = np.arcsin(np.clip(sine, -1, 1))
    ra = ra0 + np.arctan2(
        np.sin(angle) * np.sin(radius) * np.cos(dec0), np.cos(radius) - np.sin(dec0) * sine
    )
    return np.degrees(ra) % 360, np.degrees(dec)


@dataclass(frozen=True)
class Directions:
    """Model angles at places on the sky.

    Attributes
    ----------
    kind : str
        ``radial``, ``tangential``, ``constant`` or ``map``.
    center : SkyPosition
    angle : float
        Of a constant direction, degrees north through east.
    angles : AngleMap or None
        Of a map.
    """

    kind: ModelDirection
    center: SkyPosition
    angle: float = 0.0
    angles: AngleMap | None = None

    def at(self, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
        """Return the angles, degrees; NaN where a map has none."""
        if self.angles is not None:
            return self.angles(ra, dec)
        if self.kind == "constant":
            return np.full(np.shape(ra), self.angle)
        return outward(self.center, ra, dec) + (90 if self.kind == "tangential" else 0)


def placing(
    annuli: Annuli, directions: Directions, wcs: WCS, sky_pixel: float
) -> Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]]:
    """Return what tells the cells and directions of events by their sky pixels.

    Parameters
    ----------
    annuli : Annuli
    directions : Directions
        Events without one are in no cell.
    wcs : astropy.wcs.WCS
        From sky pixels, 1-based, to ICRS.
    sky_pixel : float
        Arcsec.
    """
    centre = np.ravel(wcs.all_world2pix(*annuli.center, 1))
    reach = annuli.edges[-1] / sky_pixel * 1.2 + 2  # projections stretch fields by less

    def place(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
        cell = np.full(len(x), -1)
        q0, u0 = np.zeros(len(x)), np.zeros(len(x))
        near = np.flatnonzero(np.hypot(x - centre[0], y - centre[1]) <= reach)
        if len(near):
            ra, dec = wcs.all_pix2world(x[near], y[near], 1)
            angle = np.radians(directions.at(ra, dec))
            known = np.isfinite(angle)
            cell[near] = np.where(known, annuli.cell_of(ra, dec), -1)
            q0[near] = np.where(known, 2 * np.cos(2 * angle), 0.0)
            u0[near] = np.where(known, 2 * np.sin(2 * angle), 0.0)
        return cell, (q0, u0)

    return place
