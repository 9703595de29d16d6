r"""Depolarization by cells whose fields have random directions.

Light of N cells, of the same brightness and degree each, has the degree of one cell times the
length d of the mean of N unit vectors of random directions: the same d and the same angle in all
bands whose light comes from all cells. d^2 has the mean 1/N; of many cells d is Rayleigh
distributed with the mean :math:`\sqrt{\pi / 4N}`. Of few it is a random walk in the plane (Kluyver
1905, Proc. KNAW 8, 341), as a series over the zeros j_k of J_0 (Greenwood & Durand 1955, Ann. Math.
Stat. 26, 233)

.. math:: P(d) = 2d \sum_k \frac{J_0(j_k / N)^N}{J_1(j_k)^2} J_0(j_k d),

and its saddle point far in the tail. Of two and three cells there are closed forms (Borwein et al.
2012, Can. J. Math. 64, 961).
"""

from __future__ import annotations

import math
from functools import cached_property, lru_cache

import numpy as np
from scipy import interpolate, special

_POINTS = 400  # in d
_MOST_TERMS = 3000
_REACH = 7.0  # of d sqrt(N): e^-49 is beyond
_EXACT = 12.0  # N d^2, above which rounding may matter in the series
_BISECTIONS = 60


def mean_depolarization(cells: np.ndarray) -> np.ndarray:
    """Return the mean of d of many cells, sqrt(pi / 4N); that of five is 1.3 % higher."""
    return np.sqrt(np.pi / (4 * np.asarray(cells, float)))


def rms_depolarization(cells: np.ndarray) -> np.ndarray:
    """Return the root of the mean of d^2, 1 / sqrt(N), of any number of cells."""
    return 1 / np.sqrt(np.asarray(cells, float))


class RandomCells:
    """How light of cells with random directions is depolarized.

    Parameters
    ----------
    cells : int
        Two or more: one is not depolarized.
    """

    def __init__(self, cells: int) -> None:
        if cells < 2:
            raise ValueError(f"{cells} cells have no distribution of depolarization")
        self.cells = cells

    def log_density(self, d: np.ndarray) -> np.ndarray:
        """Return the logarithm of the probability density of d; -inf outside of 0 to 1."""
        d = np.asarray(d, float)
        inside = (d > 0) & (d < 1)
        safe = np.where(inside, d, 0.5)
        return np.where(inside, np.log(safe) + self._log_over_d(safe), -np.inf)

    def quantile(self, probability: np.ndarray) -> np.ndarray:
        """Return what d is below with some probability."""
        angle, cumulative = self._by_angle
        return np.sin(np.interp(probability, cumulative, angle))

    def cumulative(self, d: np.ndarray) -> np.ndarray:
        """Return the probability to be below d."""
        angle, cumulative = self._by_angle
        return np.interp(np.arcsin(np.clip(d, 0, 1)), angle, cumulative, left=0.0, right=1.0)

    @cached_property
    def _by_angle(self) -> tuple[np.ndarray, np.ndarray]:
        """Angles of the sine d, and the probability to be below."""
        # in an angle, whose density is finite at either end, as far as there is any
        last = math.asin(min(1.0, _REACH / math.sqrt(self.cells)))
        angle = np.linspace(0, last, 4 * _POINTS)[1:-1]
        density = np.exp(self.log_density(np.sin(angle))) * np.cos(angle)
        step = angle[1] - angle[0]
        cumulative = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
        cumulative = (cumulative + density[0] / 2) * step
        return angle, cumulative / (cumulative[-1] + density[-1] / 2 * step)

    def _log_over_d(self, d: np.ndarray) -> np.ndarray:
        """Return ln P(d) / d of d between 0 and 1."""
        if self.cells == 2:
            return math.log(2 / math.pi) - 0.5 * np.log1p(-(d**2)) - np.log(d)
        if self.cells == 3:
            return _of_three(d)
        return np.asarray(_table(self.cells)(d))


def _of_three(d: np.ndarray) -> np.ndarray:
    r = 3 * d
    argument = r**2 * (9 - r**2) ** 2 / (3 + r**2) ** 3
    value = special.hyp2f1(1 / 3, 2 / 3, 1, np.minimum(argument, 1 - 1e-15))
    return np.log(18 * math.sqrt(3) / (math.pi * (3 + r**2)) * value)


@lru_cache(maxsize=64)
def _table(cells: int) -> interpolate.CubicSpline:
    """Return ln P(d) / d of four cells and more."""
    d = (np.arange(_POINTS) + 0.5) / _POINTS
    near = d**2 * cells < _EXACT
    result = np.empty(_POINTS)
    if cells > _EXACT:
        far = _saddle_point(cells, d[~near])
        match = math.sqrt(_EXACT / cells)
        one = np.array([match])
        far += np.log(_series(cells, one)[0]) - _saddle_point(cells, one)[0]
        result[~near] = far
    result[near] = np.log(_series(cells, d[near]))
    return interpolate.CubicSpline(d, result)


def _series(cells: int, d: np.ndarray) -> np.ndarray:
    # terms fall as exp(-j^2 / 4N), and as j^((1 - N) / 2) further out; j is about pi k
    terms = _MOST_TERMS if cells <= _EXACT else 500 + int(math.sqrt(160 * cells) / math.pi)
    zeros = special.jn_zeros(0, terms)
    weight = special.j0(zeros / cells) ** cells / special.j1(zeros) ** 2
    return 2 * special.j0(zeros * d[:, None]) @ weight


def _saddle_point(cells: int, d: np.ndarray) -> np.ndarray:
    """Return ln P(d) / d but for a constant; lambda has I_1 / I_0 = d."""
    low, high = np.full_like(d, -40.0), np.full_like(d, 40.0)  # of ln lambda
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        above = special.i1e(np.exp(middle)) > d * special.i0e(np.exp(middle))
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    slope = np.exp(low)
    exponent = np.log(special.i0e(slope)) + slope * (1 - d)
    bend = 1 - d / slope - d**2  # of A = I_1 / I_0
    return cells * exponent - 0.5 * np.log(bend * d / slope)
