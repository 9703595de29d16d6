"""Detections of one source in several searches, found by their error ellipses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

LIMIT = 11.829
"""Squared distance in units of the errors that 99.73 % of true pairs do not exceed."""

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
    members: dict[int, list[int]] = {i: [i] for i in range(len(ra))}
    for _, i, j in _pairs(np.asarray(ra, float), np.asarray(dec, float), covariance):
        first, second = sorted((int(group[i]), int(group[j])))
        if first == second:
            continue
        searches = [search[k] for k in (*members[first], *members[second])]
        if len(set(searches)) < len(searches):
            continue
        members[first] += members.pop(second)
        group[members[first]] = first
    return group


def _pairs(ra: np.ndarray, dec: np.ndarray, covariance: np.ndarray) -> list[tuple[float, int, int]]:
    """Return pairs within the limit with their squared distances, the nearest first."""
    if len(ra) < 2:
        return []
    lon, lat = np.radians(ra), np.radians(dec)
    vectors = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)
    widest = float(np.sqrt(LIMIT * 2 * np.trace(covariance, axis1=1, axis2=2).max()))
    chord = 2 * np.sin(min(np.radians(widest / 3600), np.pi) / 2)
    close = cKDTree(vectors).query_pairs(chord, output_type="ndarray")
    if not len(close):
        return []
    i, j = close.T
    east = ((ra[j] - ra[i] + 180) % 360 - 180) * np.cos((lat[i] + lat[j]) / 2) * 3600
    offset = np.stack([east, (dec[j] - dec[i]) * 3600], axis=-1)
    total = covariance[i] + covariance[j]
    distance = np.einsum("na,nab,nb->n", offset, np.linalg.pinv(total, hermitian=True), offset)
    kept = distance <= LIMIT
    return sorted(
        (float(d), int(a), int(b)) for d, a, b in zip(distance[kept], i[kept], j[kept], strict=True)
    )
