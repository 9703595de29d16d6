"""Detections of one source in several searches, found by their error ellipses."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
from scipy.spatial import cKDTree

LIMIT = 11.829
"""Squared distance in units of the errors that 99.73 % of true pairs do not exceed."""

_AT_ONCE = 20_000
"""Detections whose neighbours are in memory together."""

_RADIUS_68 = float(np.sqrt(-2 * np.log1p(-0.6827)))
"""Radius that holds 68.27 % of a circular Gaussian of unit width."""


def ellipse_covariance(major: np.ndarray, minor: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Return covariance matrices (east, north) of ellipses that hold 68.27 %.

    Parameters
    ----------
    major, minor : ndarray, shape (n,)
        Semi-axes, in any unit.
    angle : ndarray, shape (n,)
        Of the major axis, degrees from north through east.

    Returns
    -------
    ndarray, shape (n, 2, 2)
        In the square of that unit.
    """
    theta = np.radians(angle)
    along = np.stack([np.sin(theta), np.cos(theta)], axis=-1)
    across = np.stack([np.cos(theta), -np.sin(theta)], axis=-1)
    a, b = (np.asarray(v, float)[:, None, None] / _RADIUS_68 for v in (major, minor))
    return np.asarray(
        a**2 * along[:, :, None] * along[:, None, :]
        + b**2 * across[:, :, None] * across[:, None, :]
    )


def link_detections(
    ra: np.ndarray, dec: np.ndarray, covariance: np.ndarray, search: Sequence[object]
) -> np.ndarray:
    """Group detections whose places agree within their errors.

    Parameters
    ----------
    ra, dec : ndarray, shape (n,)
        ICRS degrees.
    covariance : ndarray, shape (n, 2, 2)
        Of the places (east, north), arcsec2.
    search : sequence of n objects
        By what each was found; of one search no two detections are the same source.

    Returns
    -------
    ndarray of int, shape (n,)
        Number of the group; that of its first detection. The nearest pairs, in units of their
        errors, are joined first, so that the result does not depend on the order.
    """
    group = np.arange(len(ra))
    members: dict[int, list[int]] = {}  # of groups of several
    first_of, second_of = _pairs(np.asarray(ra, float), np.asarray(dec, float), covariance)
    for i, j in zip(first_of.tolist(), second_of.tolist(), strict=True):
        first, second = sorted((int(group[i]), int(group[j])))
        if first == second:
            continue
        joined = [*members.get(first, [first]), *members.get(second, [second])]
        searches = [search[k] for k in joined]
        if len(set(searches)) < len(searches):
            continue
        members[first] = joined
        members.pop(second, None)
        group[joined] = first
    return group


def _pairs(
    ra: np.ndarray, dec: np.ndarray, covariance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs within the limit, the nearest first: the lower indices, and the others.

    Each is looked for from the one with the wider error, so that a single wide one does not make
    candidates of all that lie near each other.
    """
    if len(ra) < 2:
        return np.empty(0, int), np.empty(0, int)
    lon, lat = np.radians(ra), np.radians(dec)
    vectors = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)
    width = np.trace(covariance, axis1=1, axis2=2)
    radius = np.sqrt(LIMIT * 2 * width)
    chord = 2 * np.sin(np.minimum(np.radians(radius / 3600), np.pi) / 2) * (1 + 1e-9)
    tree = cKDTree(vectors)
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for start in range(0, len(ra), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        near = tree.query_ball_point(vectors[part], chord[part])
        counts = np.fromiter(map(len, near), int, len(near))
        i = np.repeat(np.arange(start, start + len(near)), counts)
        j = np.fromiter(chain.from_iterable(near), int, int(counts.sum()))
        wider = (width[i] > width[j]) | ((width[i] == width[j]) & (i < j))
        i, j = np.minimum(i, j)[wider], np.maximum(i, j)[wider]
        distance = _distances(ra, dec, lat, covariance, i, j)
        kept = distance <= LIMIT
        found.append((distance[kept], i[kept], j[kept]))
    distance, i, j = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((j, i, distance))
    return i[order], j[order]


def _distances(
    ra: np.ndarray, dec: np.ndarray, lat: np.ndarray, covariance: np.ndarray,
    i: np.ndarray, j: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Return the squared distances of pairs in units of their errors."""
    east = ((ra[j] - ra[i] + 180) % 360 - 180) * np.cos((lat[i] + lat[j]) / 2) * 3600
    offset = np.stack([east, (dec[j] - dec[i]) * 3600], axis=-1)
    inverse = np.linalg.pinv(covariance[i] + covariance[j], hermitian=True)
    return np.asarray(np.einsum("na,nab,nb->n", offset, inverse, offset))
