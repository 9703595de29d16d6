"""Which sources are fitted together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from xsurvey.detection.scene import SceneSource

_LINK = 1.7  # half-energy radii, of both
_ARCSEC = 206264.806
_BLEND = 1.1  # half-energy radii, of both
LARGEST_GROUP = 6


def reach(source: SceneSource) -> float:
    """Return how far a source matters to others, arcsec."""
    return float(_LINK * np.hypot(source.width, source.core))


def directions(sources: Sequence[SceneSource]) -> np.ndarray:
    """Return places as vectors whose distances are arcsec, shape (n, 3)."""
    ra, dec = np.radians(np.array([s.place() for s in sources]).reshape(-1, 2)).T
    return _ARCSEC * np.column_stack(
        [np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)]
    )


def neighbours(sources: Sequence[SceneSource], factor: float = 1.0) -> np.ndarray:
    """Return pairs of sources that overlap, shape (m, 2), first index smaller.

    Parameters
    ----------
    sources : sequence of SceneSource
    factor : float
        Of the distance at which they do.
    """
    if len(sources) < 2:
        return np.empty((0, 2), dtype=int)
    where = directions(sources)
    far = factor * np.array([reach(s) for s in sources])
    tree = cKDTree(where)
    found = []
    # each with those no wider than itself: wide ones are few
    for i, near in enumerate(tree.query_ball_point(where, 2 * far)):
        others = np.array([j for j in near if j != i and (far[j], j) <= (far[i], i)], dtype=int)
        distance = np.linalg.norm(where[others] - where[i], axis=1)
        found += [(min(i, j), max(i, j)) for j in others[distance < far[i] + far[others]]]
    return np.array(sorted(found), dtype=int).reshape(-1, 2)


def make_groups(sources: Sequence[SceneSource], strength: np.ndarray) -> list[list[int]]:
    """Split sources into groups that are fitted jointly.

    Connected ones form a group; of a group of more than six the strongest is fitted with its
    nearest, then the strongest of the rest, and so on: what is near in another part is held fixed,
    and the parts are fitted in turn until they agree.

    Parameters
    ----------
    sources : sequence of SceneSource
    strength : ndarray, shape (n,)

    Returns
    -------
    list of list of int
        Strongest first.
    """
    pairs = neighbours(sources)
    size = len(sources)
    links = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(size, size))
    _, label = connected_components(links, directed=False)
    where = directions(sources)
    order = np.lexsort((where[:, 2], where[:, 0], -strength))
    members: dict[int, list[int]] = {}
    for i in order:
        members.setdefault(int(label[i]), []).append(int(i))
    groups = []
    for inside in members.values():
        left = inside
        while left:
            distance = np.linalg.norm(where[left] - where[left[0]], axis=1)
            nearest = np.argsort(distance, kind="stable")[:LARGEST_GROUP]
            taken = {left[n] for n in nearest}
            groups.append([i for i in left if i in taken])
            left = [i for i in left if i not in taken]
    groups.sort(key=lambda g: -float(strength[g[0]]))
    return groups


def overlap(first: SceneSource, second: SceneSource) -> bool:
    """Tell whether two sources are so near that either's photons may be the other's."""
    where = directions([first, second])
    far = sum(float(np.hypot(s.width, s.core)) for s in (first, second))
    return bool(np.linalg.norm(where[1] - where[0]) < _BLEND * far)
