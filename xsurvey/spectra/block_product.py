"""Products with a dense matrix of which a good part is zero in blocks.

Photons of a CCD end up in channels below their energy: a response is a triangle, and a product
with all of it multiplies zeros for nearly half of the time. Channels are cut into strips, and of
each strip only the run of energies is kept that reaches it; what a few energies have elsewhere is
kept as rows of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

_STRIP = 75
"""Channels of a strip: narrower ones save more zeros, wider ones are multiplied faster."""


@dataclass(frozen=True)
class _Strip:
    rows: slice
    block: np.ndarray


class BlockProduct:
    """The product of vectors with a matrix, zeros left out where they lie together.

    Parameters
    ----------
    matrix : ndarray, shape (n, m)
    """

    def __init__(self, matrix: np.ndarray) -> None:
        cuts = np.linspace(0, matrix.shape[1], max(matrix.shape[1] // _STRIP, 1) + 1).astype(int)
        rest = np.array(matrix, float)
        self._strips: list[_Strip] = []
        for start, stop in pairwise(cuts):
            first, last = _longest_run(np.any(matrix[:, start:stop] != 0, axis=1))
            block = np.ascontiguousarray(matrix[first:last, start:stop])
            self._strips.append(_Strip(slice(first, last), block))
            rest[first:last, start:stop] = 0
        self._odd_rows = np.flatnonzero(np.any(rest != 0, axis=1))
        self._odd = np.ascontiguousarray(rest[self._odd_rows])

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """Return ``vectors @ matrix``, shape (b, m), for vectors of shape (b, n)."""
        parts = [vectors[:, strip.rows] @ strip.block for strip in self._strips]
        result = np.concatenate(parts, axis=1)
        if len(self._odd_rows):
            result += vectors[:, self._odd_rows] @ self._odd
        return result


def _longest_run(flags: np.ndarray) -> tuple[int, int]:
    """Return begin and end (exclusive) of the longest run of true flags; (0, 0) without one."""
    step = np.diff(np.concatenate([[0], flags.astype(np.int8), [0]]))
    begins, ends = np.flatnonzero(step > 0), np.flatnonzero(step < 0)
    if not len(begins):
        return 0, 0
    longest = int(np.argmax(ends - begins))
    return int(begins[longest]), int(ends[longest])
