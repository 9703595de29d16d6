"""Sums over electrons and seeds of a tensor [eps_s, gamma, seed], for many of both at once.

The product is in blocks of eps_s, which leave out what cannot contribute, in single precision
unless told otherwise; electrons and seeds are scaled in each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_BLOCK = 12
_SMALL = 1e-30  # of the largest: single precision slows down as it comes near to 1e-38


@dataclass(frozen=True)
class _Block:
    """Scattered energies with what contributes to them; tensor of shape (seed, eps_s * gamma)."""

    scattered: slice
    electrons: slice
    seeds: slice
    tensor: np.ndarray


class ScatteringTensor:
    """A tensor in the blocks that are not zero.

    Parameters
    ----------
    scattered : int
        Energies of scattered photons.
    part : callable
        The tensor of some of them, shape (seeds, rows, electrons), of their slice.
    precision : type
        Of the product. Single precision differs by some 1e-7 from double.
    """

    def __init__(
        self, scattered: int, part: Callable[[slice], np.ndarray], precision: type = np.float32
    ) -> None:
        self.scattered, self._precision = scattered, precision
        starts = range(0, scattered, _BLOCK)
        rows = [slice(i, min(i + _BLOCK, scattered)) for i in starts]
        blocks = [_block(r, part(r), precision) for r in rows]
        self._blocks = [block for block in blocks if block is not None]

    @property
    def size(self) -> int:
        """Elements that are kept."""
        return sum(block.tensor.size for block in self._blocks)

    def product(self, electrons: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        """Return the sum over electrons and seeds.

        Parameters
        ----------
        electrons : ndarray, shape (b, g)
        seeds : ndarray, shape (b, n, e)
            Of n kinds.

        Returns
        -------
        ndarray, shape (b, n, s)
            Of each kind of seeds.
        """
        number, kinds = seeds.shape[:2]
        result = np.zeros((number, kinds, self.scattered))
        for block in self._blocks:
            particles, scale = self._scaled(electrons[:, block.electrons])
            light, light_scale = self._scaled(seeds[:, :, block.seeds])
            flat = light.reshape(number * kinds, -1) @ block.tensor
            by_electron = flat.reshape(number, -1, particles.shape[1])
            total = np.matmul(by_electron, particles[:, :, None])
            result[:, :, block.scattered] = total.reshape(number, kinds, -1) * (
                scale[:, None] * light_scale
            )
        return result

    def _scaled(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return values over their largest, and the largest, of the last axis."""
        scale = np.abs(values).max(axis=-1, keepdims=True)
        scale[scale == 0] = 1
        scaled = (values / scale).astype(self._precision)
        scaled[np.abs(scaled) < _SMALL] = 0
        return scaled, scale


def _block(rows: slice, tensor: np.ndarray, precision: type) -> _Block | None:
    """Return what is not zero of the tensor of some rows; None if nothing is."""
    used = tensor != 0
    if not used.any():
        return None
    seeds = _extent(used.any(axis=(1, 2)))
    electrons = _extent(used.any(axis=(0, 1)))
    part: np.ndarray = tensor[seeds, :, electrons].astype(precision)
    return _Block(rows, electrons, seeds, part.reshape(len(part), -1).copy())


def _extent(used: np.ndarray) -> slice:
    """Return the slice from the first to the last that is true."""
    first, last = np.flatnonzero(used)[[0, -1]]
    return slice(int(first), int(last) + 1)
