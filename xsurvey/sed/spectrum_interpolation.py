"""Spectra on logarithmic grids, interpolated as logarithms."""

from __future__ import annotations

import numpy as np

from xsurvey.sed.grids import LogGrid

_STEEPEST = 3.0  # of ln of a spectrum from one node to the next
_LEAST = 1e-280  # stands for nothing
_END_POWERS = (0.5, 10.0)


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
    """Positive functions that are zero from some place on, and fall to it as (1 - x/end)^a.

    So do spectra of scattered photons, nearly, where all of an electron's energy is taken. What is
    interpolated is the ratio; a is that of which it is a power law over the last three nodes before
    the end, and it goes on as one.

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
        ln_nodes = grid.ln + self._shift
        logs, fall = log_values(values), self._ln_fall(ln_nodes)
        before = np.sum(ln_nodes < self._ln_end - 0.5 * grid.step, axis=1)[:, None] - 1
        three = np.clip(before, 2, len(grid) - 1) + np.arange(-2, 1)
        curvature, of_fall = (
            np.diff(np.take_along_axis(rows, three, axis=1), n=2, axis=1) for rows in (logs, fall)
        )
        self._power = np.clip(curvature / np.minimum(of_fall, -1e-9), *_END_POWERS)
        logs -= self._power * fall
        last = np.take_along_axis(logs, three, axis=1)
        beyond = np.arange(len(grid)) - before
        straight = last[:, 2:] + (last[:, 2:] - last[:, 1:2]) * beyond
        self._logs = np.where(beyond > 0, straight, logs)

    def _ln_fall(self, ln_x: np.ndarray) -> np.ndarray:
        left = -np.expm1(np.minimum(ln_x - self._ln_end, 0))
        return np.log(np.maximum(left, 1e-12))

    def __call__(self, ln_x: np.ndarray) -> np.ndarray:
        """Return the functions at ln_x, shape (b, f)."""
        ratio = self.grid.interpolate(self._logs, ln_x - self._shift)
        logs = ratio + self._power * self._ln_fall(ln_x)
        return np.where(ln_x < self._ln_end, np.exp(logs), 0.0)
