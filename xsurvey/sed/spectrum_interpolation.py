"""Spectra on logarithmic grids, interpolated as logarithms."""

from __future__ import annotations

import numpy as np

from xsurvey.sed.grids import LogGrid

_STEEPEST = 3.0  # of ln of a spectrum from one node to the next
_LEAST = 1e-280  # stands for nothing


class LogSpectra:
    """Positive functions of a logarithm, such as emission by frequency.

    Beyond their cutoffs spectra are zero, or too small for a number. There, and where they fall by
    more than e^3 from node to node, they go on falling by that: logarithms stay finite, and what is
    interpolated is still nothing beside the rest.

    Parameters
    ----------
    grid : LogGrid
    values : ndarray, shape (b, n)
        At the nodes.
    """

    def __init__(self, grid: LogGrid, values: np.ndarray) -> None:
        self.grid = grid
        logs = np.log(np.maximum(values, _LEAST))
        fall = _STEEPEST * np.arange(values.shape[1])
        for direction in (slice(None), slice(None, None, -1)):
            rows = logs[:, direction]
            logs = (np.maximum.accumulate(rows + fall, axis=1) - fall)[:, direction]
        self._logs = logs

    def __call__(self, ln_x: np.ndarray) -> np.ndarray:
        """Return the functions at ln_x, shape (b, f)."""
        return np.exp(self.grid.interpolate(self._logs, ln_x))
