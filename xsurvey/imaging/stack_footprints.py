"""Where event files lie on the sky, from one look at their events: what plans of stacks need."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from astropy.wcs.utils import pixel_to_skycoord, skycoord_to_pixel
from scipy.spatial import ConvexHull, QhullError, cKDTree

from xsurvey.attitude import separations, unit_vectors
from xsurvey.events import EventList
from xsurvey.good_times import GoodTimeIntervals
from xsurvey.missions import get_mission
from xsurvey.units import SkyPosition

_ENOUGH = 200_000  # events of a pointing that show its whole field
_PER_EDGE = 128
_SAMPLES = 48  # on each side, of places inside
_SKETCH = 2048
_FEWEST_SHARED = 3
_SLACK = 1.0  # arcmin: an outline is a polygon of steps


@dataclass(frozen=True)
class Footprint:
    """The convex outline of the events of a file.

    Attributes
    ----------
    centre : SkyPosition
        Optical axis, or centre of the field that a scan covers.
    wcs : astropy.wcs.WCS
        Of the event file's X and Y.
    corners : ndarray, shape (k, 2)
        X, Y of the outline, in order.
    scanning, timed : bool
        Whether it is of a scan; whether its exposure will be known in seconds.
    pixel_size : float
        Of images, as the mission chooses it, arcsec.
    gti : GoodTimeIntervals
        Of any detector.
    sketch : ndarray
        Times of a few events, chosen by their digits alone: of photons that two files share, the
        same ones are chosen from both.
    """

    centre: SkyPosition
    wcs: WCS
    corners: np.ndarray
    scanning: bool
    timed: bool
    pixel_size: float
    gti: GoodTimeIntervals
    sketch: np.ndarray = field(repr=False)

    @cached_property
    def outline(self) -> tuple[np.ndarray, np.ndarray]:
        """ICRS positions (degrees) closely along the outline."""
        closed = np.vstack([self.corners, self.corners[:1]])
        steps = np.linspace(0, 1, _PER_EDGE, endpoint=False)[:, None]
        xy = np.concatenate([a + steps * (b - a) for a, b in itertools.pairwise(closed)])
        return self._to_sky(xy)

    @cached_property
    def reach(self) -> float:
        """The greatest distance of the outline from the centre, arcmin."""
        away = separations(unit_vectors(*self.outline), unit_vectors(*self.centre))
        return float(np.max(away))

    @cached_property
    def inside(self) -> tuple[np.ndarray, np.ndarray]:
        """ICRS positions (degrees) evenly over the field."""
        low, high = self.corners.min(axis=0), self.corners.max(axis=0)
        x, y = (np.linspace(a, b, _SAMPLES) for a, b in zip(low, high, strict=True))
        xy = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        return self._to_sky(xy[self._within(xy)])

    def contains(self, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
        """Tell which ICRS positions (degrees) lie inside."""
        ra, dec = np.asarray(ra, float), np.asarray(dec, float)
        # projections are ambiguous, or undefined, far from their centre
        near = separations(unit_vectors(ra, dec), unit_vectors(*self.centre)) < 60 * 60
        inside = np.zeros(ra.shape, dtype=bool)
        if near.any():
            sky = SkyCoord(ra[near], dec[near], unit="deg", frame="icrs")
            inside[near] = self._within(np.stack(skycoord_to_pixel(sky, self.wcs, 1), axis=-1))
        return inside

    def overlaps(self, other: Footprint) -> bool:
        """Tell whether two fields have some sky in common."""
        for a, b in ((self, other), (other, self)):
            for places in (a.inside, a.outline):
                if b.contains(*places).any():
                    return True
        return False

    def shares_photons(self, other: Footprint) -> bool:
        """Tell whether events of both files are the same photons: good times, and event times."""
        if not self.gti.intersection(other.gti).total:
            return False
        return len(np.intersect1d(self.sketch, other.sketch)) >= _FEWEST_SHARED

    def _to_sky(self, xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        sky = pixel_to_skycoord(xy[:, 0], xy[:, 1], self.wcs, 1).icrs
        return np.asarray(sky.ra.deg), np.asarray(sky.dec.deg)

    def _within(self, xy: np.ndarray) -> np.ndarray:
        ahead = np.roll(self.corners, -1, axis=0) - self.corners
        away = xy[..., None, :] - self.corners
        with np.errstate(invalid="ignore"):
            cross = ahead[:, 0] * away[..., 1] - ahead[:, 1] * away[..., 0]
            return np.asarray((cross >= 0).all(axis=-1))


def footprint_of_events(events: EventList, exposure_given: bool = False) -> Footprint | None:
    """Return the footprint of an event list, None where it has none (fewer than three events).

    Parameters
    ----------
    events : EventList
        Of a scan read once; of a pointing until its field is filled.
    exposure_given : bool
        Whether an exposure map comes with it.
    """
    observation = events.observation
    places, times, count = [], [], 0
    for chunk in events.chunks():
        if len(chunk):
            places.append(_extremes(np.stack([chunk["x"], chunk["y"]], axis=-1).astype(float)))
            times.append(_sketch(np.asarray(chunk["time"], float)))
            count += len(chunk)
        if not observation.scanning and count >= _ENOUGH:
            break
    if not places:
        return None
    corners = _extremes(np.concatenate(places))
    if len(corners) < 3:
        return None
    mission = get_mission(observation.mission)
    known = bool(events.attitude) and mission.field_radius is not None
    gti = GoodTimeIntervals.from_edges(
        np.concatenate([g.start for g in events.gti.values()] or [np.empty(0)]),
        np.concatenate([g.stop for g in events.gti.values()] or [np.empty(0)]),
    )
    return Footprint(
        observation.pointing, events.wcs, corners, observation.scanning,
        exposure_given or known or not observation.scanning, mission.image_pixel, gti,
        _sketch(np.concatenate(times)),
    )  # fmt: skip


def _extremes(xy: np.ndarray) -> np.ndarray:
    """Return the convex hull of points, anticlockwise; of those on a line the points."""
    try:
        return np.asarray(xy[ConvexHull(xy).vertices])
    except (QhullError, ValueError):
        return np.unique(xy, axis=0)[:2]


def _sketch(times: np.ndarray) -> np.ndarray:
    """Return the times whose digits, scrambled, are the smallest numbers."""
    bits = np.unique(times).view(np.uint64)
    scrambled = (bits ^ (bits >> np.uint64(29))) * np.uint64(0x9E3779B97F4A7C15)
    scrambled ^= scrambled >> np.uint64(32)
    return bits[np.argsort(scrambled, kind="stable")[:_SKETCH]].view(float)


def near_pairs(footprints: Sequence[Footprint]) -> list[tuple[int, int]]:
    """Return the pairs of indices, in order, of footprints near enough to overlap."""
    if len(footprints) < 2:
        return []
    centres = np.stack([unit_vectors(*f.centre) for f in footprints])
    reach = np.array([f.reach for f in footprints]) + _SLACK
    pairs = cKDTree(centres).query_pairs(chord(2 * float(reach.max())), output_type="ndarray")
    i, j = np.sort(pairs, axis=1).T
    near = separations(centres[i], centres[j]) < reach[i] + reach[j]
    return sorted(zip(i[near].tolist(), j[near].tolist(), strict=True))


def chord(angle: float) -> float:
    """Return the distance of unit vectors that are an angle (arcmin) apart."""
    return float(2 * np.sin(min(np.radians(angle / 60), np.pi) / 2))


def connected(footprints: Sequence[Footprint]) -> list[list[int]]:
    """Return the indices of footprints in groups that overlap, directly or through others."""
    first = list(range(len(footprints)))  # of the group, found through others of it

    def group_of(i: int) -> int:
        while first[i] != i:
            first[i] = first[first[i]]
            i = first[i]
        return i

    for i, j in near_pairs(footprints):
        a, b = footprints[i], footprints[j]
        one, other = sorted((group_of(i), group_of(j)))
        if one != other and a.timed == b.timed and a.overlaps(b):
            first[other] = one
    groups: dict[int, list[int]] = {}
    for i in range(len(footprints)):
        groups.setdefault(group_of(i), []).append(i)
    return list(groups.values())
