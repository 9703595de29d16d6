"""The sources of single stacks in a catalog that has been written, read when they are shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.table import Table

from xsurvey.catalogs.fits_rows import FitsRows


class StackRows:
    """The table of sources, by stacks.

    Parameters
    ----------
    path : path
        ``sources.fits``, in which the sources of a stack follow each other.

    Attributes
    ----------
    empty : astropy.table.Table
        Its columns, without rows.
    """

    def __init__(self, path: Path) -> None:
        self._rows = FitsRows(path)
        self.empty = self._rows.table(np.empty(0, self._rows.dtype))
        self._counts: dict[str, np.ndarray] = {}
        first: dict[str, int] = {}
        number = 0
        for records in self._rows.chunks():
            stacks, begins, of = np.unique(
                records["stack"], return_index=True, return_inverse=True
            )  # fmt: skip
            marginal = records["classification"] == b"MARGINAL"
            counts = np.stack([np.bincount(of), np.bincount(of, weights=marginal)], axis=-1)
            for stack, begin, own in zip(stacks.tolist(), begins.tolist(), counts, strict=True):
                name = stack.decode()
                first.setdefault(name, number + begin)
                self._counts[name] = self._counts.get(name, 0) + own.astype(int)
            number += len(records)
        self._first = first

    def counts(self, stack: str) -> tuple[int, int]:
        """Return the number of sources of a stack, and how many of them are MARGINAL."""
        total, marginal = self._counts.get(stack, (0, 0))
        return int(total), int(marginal)

    def of(self, stack: str) -> Table:
        """Return the sources of a stack."""
        first, (total, _) = self._first.get(stack, 0), self.counts(stack)
        return self._rows.table(self._rows.take(np.arange(first, first + total)))
