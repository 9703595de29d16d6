r"""Fixed nodes in logarithms, on which integrals are sums and functions are interpolated.

Between two nodes a function is the cubic that has the values at both, and slopes there of fourth
order, from two further nodes on either side. It is continuous with its first derivative, and linear
in the values at the nodes: integrals between any two limits are sums over nodes, with weights that
are continuous with two derivatives in the limits.
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np

MARGIN = 3
"""Nodes at either end of a grid beyond what was asked for: interpolation needs them."""
TAPS = 6
"""Nodes of which an interpolated value is made: the ends of a cell, and two on either side."""

# values at both ends of a cell, and slopes times its width: (f_-2 - 8 f_-1 + 8 f_1 - f_2) / 12
_ENDS = np.array(
    [
        [0, 0, 1, 0, 0, 0],
        [1 / 12, -8 / 12, 0, 8 / 12, -1 / 12, 0],
        [0, 0, 0, 1, 0, 0],
        [0, 1 / 12, -8 / 12, 0, 8 / 12, -1 / 12],
    ]
)
# powers t^0 to t^3 of Hermite's cubics of these four, t from 0 to 1 through the cell
_HERMITE = np.array([[1, 0, -3, 2], [0, 1, -2, 1], [0, 0, 3, -2], [0, 0, -1, 1]])
_CUBICS = _ENDS.T @ _HERMITE
_INTEGRALS = np.hstack([np.zeros((TAPS, 1)), _CUBICS / np.arange(1, 5)])


def tap_values(fraction: np.ndarray) -> np.ndarray:
    """Return what six nodes about a cell contribute to the value in it.

    Parameters
    ----------
    fraction : ndarray, shape (...)
        Where in the cell, 0 to 1.

    Returns
    -------
    ndarray, shape (..., 6)
        Of the nodes from two before the cell's lower end to two after its upper end.
    """
    fraction = np.asarray(fraction)
    powers = np.empty((*fraction.shape, 4))
    powers[..., 0], powers[..., 1] = 1.0, fraction
    np.multiply(fraction, fraction, out=powers[..., 2])
    np.multiply(powers[..., 2], fraction, out=powers[..., 3])
    values: np.ndarray = powers @ _CUBICS.T
    return values


class LogGrid:
    """Nodes at the powers 10^(i / per_decade), with some to spare at both ends.

    Nodes of grids with the same number a decade are products of one another.

    Parameters
    ----------
    first, last : float
        What lies between them can be interpolated and integrated.
    per_decade : int
        Nodes a decade.

    Attributes
    ----------
    start : int
        i of the first node.
    nodes, ln : ndarray, shape (n,)
        The nodes and their natural logarithms.
    step : float
        Between logarithms.
    """

    def __init__(self, first: float, last: float, per_decade: int) -> None:
        if not (0 < first < last < math.inf and per_decade >= 1):
            raise ValueError(f"no grid from {first} to {last} with {per_decade} nodes a decade")
        tiny = 1e-9  # a limit on a node needs no further one
        self.per_decade = per_decade
        self.start = math.floor(math.log10(first) * per_decade + tiny) - MARGIN
        stop = math.ceil(math.log10(last) * per_decade - tiny) + MARGIN
        self.exponents = np.arange(self.start, stop + 1) / per_decade
        self.step = math.log(10) / per_decade
        self.ln = self.exponents * math.log(10)
        self.nodes = 10.0**self.exponents

    def __len__(self) -> int:
        return len(self.nodes)

    @cached_property
    def limits(self) -> tuple[float, float]:
        """Between which the grid interpolates and integrates."""
        return float(self.nodes[MARGIN]), float(self.nodes[-1 - MARGIN])

    @cached_property
    def _cumulative(self) -> np.ndarray:
        """Weights of integrals from the third node to each cell's lower end, (n - 5, n)."""
        cells = len(self) - TAPS + 1
        weights = np.zeros((cells + 1, len(self)))
        for cell in range(cells):
            weights[cell + 1] = weights[cell]
            weights[cell + 1, cell : cell + TAPS] += _INTEGRALS.sum(axis=1)
        return weights * self.step

    def weights(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Return weights of integrals over ln x of a smooth function between two limits.

        Parameters
        ----------
        low, high : ndarray, shape (b,)
            Limits that are outside the grid are moved to its ends.

        Returns
        -------
        ndarray, shape (b, n)
            ``(weights * f(grid.nodes)).sum(axis=1)`` is the integral of f d(ln x), with an error of
            the fourth order of the step. Zero where ``high`` is not above ``low``. Up to three
            nodes outside of the limits have weights, some of them negative.
        """
        low, high = np.broadcast_arrays(np.asarray(low, float), np.asarray(high, float))
        return self._up_to(np.maximum(low, high)) - self._up_to(low)

    def _up_to(self, limit: np.ndarray) -> np.ndarray:
        cell, fraction = self._place(np.log(np.clip(limit, *self.limits)))
        weights = self._cumulative[cell]
        part = self.step * (fraction[:, None] ** np.arange(5) @ _INTEGRALS.T)
        np.put_along_axis(
            weights, cell[:, None] + np.arange(TAPS),
            np.take_along_axis(weights, cell[:, None] + np.arange(TAPS), axis=1) + part, axis=1,
        )  # fmt: skip
        return weights

    def nearest(self, ln_x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return which nodes are the nearest, and by how much ln_x is above them, (b,) each."""
        node = np.rint(ln_x / self.step).astype(int) - self.start
        return node, ln_x - self.ln[node]

    def from_finer(self, finer: LogGrid) -> np.ndarray:
        """Return the matrix of numbers at the nodes of a finer grid to numbers at those of this.

        Sums of functions that this grid interpolates stay the same.

        Parameters
        ----------
        finer : LogGrid
            Within this grid, but for its margins, which are left out.

        Returns
        -------
        ndarray, shape (n of finer, n)
        """
        inside = (finer.ln >= self.ln[2]) & (finer.ln <= self.ln[-3])
        cell, fraction = self._place(finer.ln)
        matrix = np.zeros((len(finer), len(self)))
        columns = cell[:, None] + np.arange(TAPS)
        np.put_along_axis(matrix, columns, tap_values(fraction) * inside[:, None], axis=1)
        return matrix

    def _place(self, ln_x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the first of the six nodes about each value, and the fraction of the cell."""
        place = ln_x / self.step - self.start - 2
        cell = np.clip(np.floor(place).astype(int), 0, len(self) - TAPS)
        return cell, place - cell

    def interpolate(self, values: np.ndarray, ln_x: np.ndarray) -> np.ndarray:
        """Return functions between the nodes.

        Parameters
        ----------
        values : ndarray, shape (b, n)
            At the nodes.
        ln_x : ndarray, shape (b, f)
            Natural logarithms of where; beyond the ends of the grid, where a function goes on as
            the straight line of its last cell.

        Returns
        -------
        ndarray, shape (b, f)
        """
        inside = np.clip(ln_x, self.ln[2], self.ln[-3])
        cell, fraction = self._place(inside)
        taps = tap_values(fraction)
        rows = np.arange(len(values))[:, None] * len(self)
        flat = np.ascontiguousarray(values).ravel()
        result = taps[..., 0] * flat[rows + cell]
        for tap in range(1, TAPS):
            result += taps[..., tap] * flat[rows + cell + tap]
        beyond = ln_x - inside
        if beyond.any():
            low = (values[:, 3] - values[:, 2]) / self.step
            high = (values[:, -3] - values[:, -4]) / self.step
            result += beyond * np.where(beyond < 0, low[:, None], high[:, None])
        return result
