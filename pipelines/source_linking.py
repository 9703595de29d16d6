"""Which detections of all stacks are one source, from a few numbers of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xsurvey.catalogs.linking import ellipse_covariance, link_detections

_SMALLEST_ERROR = 1e-3  # arcsec


@dataclass(frozen=True)
class Detections:
    """What linking needs of the detections of all stacks; arrays of shape (n,).

    Those of one group of stacks, such as the tiles of the same observations, follow each other, and
    so do those of a stack.

    Attributes
    ----------
    ra, dec : ndarray
        ICRS degrees.
    ellipse : ndarray, shape (n, 3)
        Semi-axes (arcsec) and angle (deg) that hold the place with 68 %.
    likelihood : ndarray
        The greatest of a source stands for all.
    owned : ndarray of bool
        Whether the place is the tile's own.
    mission, group, stack : ndarray of int
        Codes; detections of one stack (or, between groups, of one group) are never one source.
    row : ndarray of int
        In the stack, from 0.
    stacks : sequence of str
        Name of each stack, by its code.
    """

    ra: np.ndarray
    dec: np.ndarray
    ellipse: np.ndarray
    likelihood: np.ndarray
    owned: np.ndarray
    mission: np.ndarray
    group: np.ndarray
    stack: np.ndarray
    row: np.ndarray
    stacks: Sequence[str]

    def __len__(self) -> int:
        return len(self.ra)

    def key(self, number: int) -> str:
        """Return the identifier of a detection."""
        return source_id(self.stacks[int(self.stack[number])], int(self.row[number]) + 1)


@dataclass(frozen=True)
class LinkedSources:
    """Sources, in the order of the detections that stand for them.

    Attributes
    ----------
    members : ndarray of int, shape (m,)
        Detections, source after source, the one that stands for all first.
    starts : ndarray of int, shape (n + 1,)
        Where each source begins in ``members``, and the end.
    """

    members: np.ndarray
    starts: np.ndarray

    @property
    def best(self) -> np.ndarray:
        """The detection that stands for each source, shape (n,)."""
        return self.members[self.starts[:-1]]

    @property
    def sizes(self) -> np.ndarray:
        """Number of detections of each source, shape (n,)."""
        return np.diff(self.starts)


def linked_sources(found: Detections, systematic: float) -> LinkedSources:
    """Return the sources that detections are of.

    Parameters
    ----------
    found : Detections
    systematic : float
        Error of each stack's coordinates on each axis, arcsec, for matches between stacks.
    """
    kept = _of_tiles(found)
    label = kept.copy()
    for mission in np.unique(found.mission[kept]):
        own = np.flatnonzero(found.mission[kept] == mission)
        groups = found.group[kept[own]]
        if len(np.unique(groups)) > 1:
            label[own] = _matched(found, kept[own], systematic, groups)
    return _ordered(found, kept, label)


def _of_tiles(found: Detections) -> np.ndarray:
    """Return the detections that count: each source of tiles of the same observations once.

    A source near the border of two tiles is found in both, at places that may differ a little:
    each may think it is the other's, or its own.
    """
    kept = [np.empty(0, int)]
    for own in np.split(np.arange(len(found)), np.flatnonzero(np.diff(found.group)) + 1):
        if len(np.unique(found.stack[own])) < 2:
            kept.append(own[found.owned[own]])
            continue
        sources = _ordered(found, own, _matched(found, own, 0.0, found.stack[own]))
        certain = (sources.sizes > 1) | found.owned[sources.best]
        kept.append(sources.best[certain])
    return np.concatenate(kept)


def _matched(
    found: Detections, own: np.ndarray, systematic: float, search: np.ndarray
) -> np.ndarray:
    """Return the first detection of the source that each of some is of."""
    ellipse = found.ellipse[own]
    covariance = ellipse_covariance(ellipse[:, 0], ellipse[:, 1], ellipse[:, 2])
    covariance = covariance + max(systematic, _SMALLEST_ERROR) ** 2 * np.eye(2)
    group = link_detections(found.ra[own], found.dec[own], covariance, search.tolist())
    return own[group]


def _ordered(found: Detections, own: np.ndarray, label: np.ndarray) -> LinkedSources:
    """Return sources with their members by rank, in the order of those that stand for them.

    Parameters
    ----------
    found : Detections
    own : ndarray of int, shape (m,)
        Some of them.
    label : ndarray of int, shape (m,)
        Which of these are one source.
    """
    order = np.lexsort((own, -found.likelihood[own], ~found.owned[own], label))
    members, label = _ties_by_name(found, own[order], label[order]), label[order]
    begins = np.flatnonzero(np.append(True, label[1:] != label[:-1])[: len(label)])
    sizes = np.diff(np.append(begins, len(label)))
    by_best = np.argsort(members[begins], kind="stable")
    starts = np.append(0, np.cumsum(sizes[by_best]))
    within = np.arange(len(label)) - np.repeat(starts[:-1], sizes[by_best])
    return LinkedSources(members[np.repeat(begins[by_best], sizes[by_best]) + within], starts)


def _ties_by_name(found: Detections, members: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Return members of sources, of which equally likely ones are in the order of their keys."""
    likelihood, owned = found.likelihood[members], found.owned[members]
    equal = (label[1:] == label[:-1]) & (owned[1:] == owned[:-1])
    equal &= likelihood[1:] == likelihood[:-1]
    if not equal.any():
        return members
    members = members.copy()
    ends = np.append(np.flatnonzero(~equal) + 1, len(members))
    for start, end in zip(np.append(0, ends[:-1]).tolist(), ends.tolist(), strict=True):
        if end - start > 1:
            members[start:end] = sorted(members[start:end].tolist(), key=found.key)
    return members


def source_id(target: str, number: int) -> str:
    """Return the identifier of a source: its stack and its rank there."""
    return f"{target}_{number:04d}"
