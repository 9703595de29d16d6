r"""Random walks of Stokes parameters: polarization of a turbulent source.

The source is N cells of equal flux, each polarized along a random direction, independent of the
others; each is replaced by a new one, of a new direction, at a rate per unit time (the picture of
Kiehlmann et al. 2016, A&A 590, A10, from memory; simpler here: directions are uniform on the sky).
The autocorrelation of Q + iU is exp(-dt / lifetime), and for many cells the degree is Rayleigh
distributed, about 0.89 p_cell / sqrt(N) in the mean. The angle performs rotations of any length
that nothing has caused: these are what a rotation is compared with.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CELL_POLARIZATION = 0.72
"""Of a uniform field: (s + 1) / (s + 7/3) of electrons with index s, 0.70 to 0.75 for 2 to 3."""
MOST_CELLS = 64
"""More make no difference to angles, or to degrees in units of their mean."""
_SHORTEST, _LONGEST = 0.05, 10.0
_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class RandomWalks:
    """Walks of m sources at n times.

    Attributes
    ----------
    mjd : ndarray, shape (n,)
    stokes : ndarray of complex, shape (m, n)
        Q + iU without noise, scaled to a root mean square of 1 over the times of each walk.
    lifetime : ndarray, shape (m,)
        Of cells, days.
    cells : int
    """

    mjd: np.ndarray
    stokes: np.ndarray
    lifetime: np.ndarray
    cells: int


def number_of_cells(pd: float, cell_polarization: float = CELL_POLARIZATION) -> int:
    """Return how many cells have a mean degree, at least 3 and at most `MOST_CELLS`.

    Raises
    ------
    ValueError
        Degrees that are not above zero.
    """
    if not (pd > 0 and 0 < cell_polarization <= 1):
        raise ValueError("polarization degrees of a source and its cells are above zero")
    number = np.pi / 4 * (cell_polarization / pd) ** 2
    return int(np.clip(round(min(number, 1e6)), 3, MOST_CELLS))


def random_walks(
    mjd: np.ndarray, cells: int, number: int, seed: int,
    lifetime: tuple[float, float] | None = None,
) -> RandomWalks:  # fmt: skip
    """Simulate random walks.

    Parameters
    ----------
    mjd : ndarray, shape (n,)
        Increasing, two or more.
    cells, number, seed : int
        Cells of a source, and sources.
    lifetime : (float, float), optional
        Shortest and longest lifetime of cells, days; of each source it is drawn between these,
        uniform in its logarithm. If not given, from a twentieth of the median time between
        measurements, where all of them are independent, to ten times the length of the series.

    Raises
    ------
    ValueError
        Times that do not increase, impossible numbers or lifetimes.
    """
    mjd = np.asarray(mjd, float)
    elapsed = np.diff(mjd)
    if len(mjd) < 2 or not np.all(elapsed > 0):
        raise ValueError("a walk needs two times or more, increasing")
    if cells < 1 or number < 1:
        raise ValueError("there are no cells or no walks")
    low, high = lifetime or (_SHORTEST * np.median(elapsed), _LONGEST * (mjd[-1] - mjd[0]))
    if not 0 < low <= high < np.inf:
        raise ValueError(f"lifetimes from {low:g} to {high:g} days")
    generator = np.random.default_rng(seed)
    life = np.exp(generator.uniform(np.log(low), np.log(high), number))
    stokes = np.empty((number, len(mjd)), complex)
    step = max(1, _AT_ONCE // cells)
    for first in range(0, number, step):
        at = slice(first, first + step)
        stokes[at] = _walks(elapsed, cells, life[at], generator)
    rms = np.sqrt((np.abs(stokes) ** 2).mean(axis=1, keepdims=True))
    return RandomWalks(mjd, stokes / rms, life, cells)


def _walks(
    elapsed: np.ndarray, cells: int, life: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    shape = (len(life), cells)
    cell = np.exp(2j * np.pi * generator.random(shape))
    result = [cell.mean(axis=1)]
    for dt in elapsed:
        replaced = generator.random(shape) < -np.expm1(-dt / life)[:, None]
        cell[replaced] = np.exp(2j * np.pi * generator.random(int(replaced.sum())))
        result.append(cell.mean(axis=1))
    return np.stack(result, axis=1)
