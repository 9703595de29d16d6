"""Blocks of pixels whose size follows the events: a quadtree."""

from __future__ import annotations

import numpy as np

from xsurvey.polarization.bin_sums import BinSums
from xsurvey.polarization.space.cell_sums import effective_number


def quadtree(sums: BinSums, image: tuple[int, int], minimum: float) -> np.ndarray:
    """Return the block that each pixel belongs to.

    A square block is divided into four as long as each quarter that has any events has enough, in
    every energy bin. Where blocks are does not depend on Stokes parameters, so that it makes no
    polarization more probable.

    Parameters
    ----------
    sums : BinSums
        Arrays (p, n), of p = ny nx pixels.
    image : (int, int)
        (ny, nx).
    minimum : float
        Effective number of events.

    Returns
    -------
    ndarray of int, shape (p,)
        From 0; -1 in quarters without events.
    """
    levels = _levels(sums, image)
    side = levels[-1][0].shape[0]
    label = np.full((side, side), -1)
    number = 0
    alive = np.ones((1, 1), bool)
    for depth in range(len(levels)):
        filled = levels[depth][0].sum(axis=-1) > 0
        split = np.zeros_like(alive)
        if depth + 1 < len(levels):
            below, below2 = levels[depth + 1]
            enough = np.all(effective_number(below, below2) >= minimum, axis=-1)
            split = alive & _all_of_four(enough | (below.sum(axis=-1) <= 0))
        whole = alive & ~split & filled
        own = np.full(alive.shape, -1)
        own[whole] = number + np.arange(np.count_nonzero(whole))
        number += int(np.count_nonzero(whole))
        size = side // len(alive)
        label = np.maximum(label, np.kron(own, np.ones((size, size), int)))
        alive = np.kron(split, np.ones((2, 2), bool))
    return label[: image[0], : image[1]].ravel()


def _levels(sums: BinSums, image: tuple[int, int]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return sums of weights and their squares, arrays (s, s, n), of the whole first."""
    side = 1 << int(np.ceil(np.log2(max(*image, 1))))
    padding = ((0, side - image[0]), (0, side - image[1]), (0, 0))
    finest = [np.pad(v.reshape(*image, -1), padding) for v in (sums.i, sums.weight2)]
    levels = [(finest[0], finest[1])]
    while levels[0][0].shape[0] > 1:
        levels.insert(0, (_sum_of_four(levels[0][0]), _sum_of_four(levels[0][1])))
    return levels


def _sum_of_four(values: np.ndarray) -> np.ndarray:
    side, _, bins = values.shape
    return np.asarray(values.reshape(side // 2, 2, side // 2, 2, bins).sum(axis=(1, 3)))


def _all_of_four(values: np.ndarray) -> np.ndarray:
    side = len(values) // 2
    return np.asarray(values.reshape(side, 2, side, 2).all(axis=(1, 3)))
