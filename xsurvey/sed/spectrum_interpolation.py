"""Spectra on logarithmic grids, interpolated as logarithms."""

from __future__ import annotations

import numpy as np

from xsurvey.sed.grids import LogGrid

_STEEPEST = 3.0  # of ln of a spectrum from one node to the next
_LEAST = 1e-280  # stands for nothing
_END_POWER = 1.5


def log_values(values: np.ndarray) -> np.ndarray:
    """Return logarithms of spectra, shape (b, n), finite where these are zero.

    Beyond their cutoffs spectra are zero, or too small for a number. There, and where they fall by
    more than e^3 from node to node, they go on falling by that.
    """
    logs = np.log(np.maximum(values, _LEAST))
    fall = _STEEPEST * np.arange(values.shape[1])
    for direction in (slice(None), slice(None, None, -1)):
        rows = logs[:, direction]
        logs = (np.maximum.accumulate(rows + fall, axis=1) - fall)[:, direction]
    return logs


class LogSpectra:
    """Positive functions of a logarithm, such as emission by frequency.

    Parameters
    ----------
    grid : LogGrid
    values : ndarray, shape (b, n)
        At the nodes; zeros are as `log_values` has them.
    """

    def __init__(self, grid: LogGrid, values: np.ndarray) -> None:
        self.grid = grid
        self._logs = log_values(values)

    def __call__(self, ln_x: np.ndarray) -> np.ndarray:
        """Return the functions at ln_x, shape (b, f)."""
        return np.exp(self.grid.interpolate(self._logs, ln_x))


class EndedSpectra:
    """Positive functions that are zero from some place on, and fall to it as (1 - x/end)^1.5.

    So do spectra of scattered photons, nearly, where all of an electron's energy is taken: what is
    interpolated is the ratio.

    Parameters
    ----------
    grid : LogGrid
    values : ndarray, shape (b, n)
        At the nodes of the grid, times e^shift.
    ln_end : ndarray, shape (b,)
        ln of the end.
    shift : ndarray, shape (b,)
        Of ln of nodes; the end is one of these then, if it is in the grid.
    """

    def __init__(
        self, grid: LogGrid, values: np.ndarray, ln_end: np.ndarray, shift: np.ndarray
    ) -> None:
        self.grid, self._ln_end, self._shift = grid, ln_end[:, None], shift[:, None]
        self._logs = log_values(values) - self._ln_fall(grid.ln + self._shift)
        # from the end on the ratio goes on as before it
        before = np.sum(grid.ln + self._shift < self._ln_end - 0.5 * grid.step, axis=1)[:, None] - 1
        beyond = np.maximum(np.arange(len(grid)) - before, 0)
        inner = np.clip(before, 1, len(grid) - 1)
        slope = np.diff(np.take_along_axis(self._logs, inner + np.array([-1, 0]), axis=1), axis=1)
        straight = np.take_along_axis(self._logs, inner, axis=1) + slope * beyond
        self._logs = np.where(beyond > 0, straight, self._logs)

    def _ln_fall(self, ln_x: np.ndarray) -> np.ndarray:
        left = -np.expm1(np.minimum(ln_x - self._ln_end, 0))
        return _END_POWER * np.log(np.maximum(left, 1e-12))

    def __call__(self, ln_x: np.ndarray) -> np.ndarray:
        """Return the functions at ln_x, shape (b, f)."""
        ratio = self.grid.interpolate(self._logs, ln_x - self._shift)
        return np.where(ln_x < self._ln_end, np.exp(ratio + self._ln_fall(ln_x)), 0.0)
