"""Priors of what polarization depends on: directions of fields, and random cells."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from xsurvey.inference.priors import Prior
from xsurvey.sed.polarization.cells import RandomCells

_STEP = 1e-3
"""For derivatives, of the distance to the nearer end of 0 to 1."""


@dataclass(frozen=True)
class Isotropic(Prior):
    """Angles of random directions to the line of sight: sin i di, in degrees.

    Examples
    --------
    >>> print(Isotropic(1, 90))
    isotropic:1,90
    """

    kind: ClassVar[str] = "isotropic"

    low: float = 0.0
    high: float = 90.0

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high <= 90:
            raise ValueError(f"'{self}' needs increasing bounds from 0 to 90 degrees")

    @property
    def _cosines(self) -> tuple[float, float]:
        return math.cos(math.radians(self.low)), math.cos(math.radians(self.high))

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Return ln of the density per degree."""
        inside = self.inside(x)
        sine = np.sin(np.radians(np.where(inside, x, 90.0)))
        first, last = self._cosines
        with np.errstate(divide="ignore"):
            value = np.log(sine) + math.log(math.radians(1.0) / (first - last))
        return np.where(inside, value, -np.inf)

    def transform(self, u: np.ndarray) -> np.ndarray:
        """Return the quantiles of ``u``."""
        first, last = self._cosines
        cosine = first + np.asarray(u, float) * (last - first)
        return np.clip(np.degrees(np.arccos(cosine)), self.low, self.high)

    def penalty(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return -2 ln sin i and its derivatives."""
        inside = self.inside(x) & (np.asarray(x) > 0)
        angle = np.radians(np.where(inside, x, 90.0))
        sine, unit = np.sin(angle), math.radians(1.0)
        value = np.where(inside, -2 * np.log(sine), np.inf)
        return value, -2 * unit * np.cos(angle) / sine, 2 * unit**2 / sine**2


@dataclass(frozen=True)
class OfRandomCells(Prior):
    """Depolarization by some number of cells, `xsurvey.sed.polarization.cells`.

    Examples
    --------
    >>> print(OfRandomCells(0.001, 0.999, 20))
    random-cells:20,0.001,0.999
    """

    kind: ClassVar[str] = "random-cells"

    cells: int

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high < 1:
            raise ValueError(f"'{self}' needs increasing bounds between 0 and 1")

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Return ln of the density between the bounds."""
        inside = self.inside(x)
        value = _cells(self.cells).log_density(np.where(inside, x, self.high))
        return np.where(inside, value - math.log(self._mass), -np.inf)

    def transform(self, u: np.ndarray) -> np.ndarray:
        """Return the quantiles of ``u``."""
        below = float(_cells(self.cells).cumulative(np.array(self.low)))
        d = _cells(self.cells).quantile(below + np.asarray(u, float) * self._mass)
        return np.clip(d, self.low, self.high)

    def penalty(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return -2 ln of the density and derivatives by differences."""
        inside = self.inside(x)
        safe = np.where(inside, x, 0.5 * (self.low + self.high))
        step = _STEP * np.minimum(safe, 1 - safe)
        left, here, right = (
            -2 * _cells(self.cells).log_density(safe + k * step) for k in (-1, 0, 1)
        )
        curvature = np.maximum((left - 2 * here + right) / step**2, 0.0)
        return np.where(inside, here, np.inf), (right - left) / (2 * step), curvature

    @property
    def _mass(self) -> float:
        low, high = _cells(self.cells).cumulative(np.array([self.low, self.high]))
        return max(float(high - low), 1e-300)

    def __str__(self) -> str:
        return f"{self.kind}:{self.cells},{self.low:g},{self.high:g}"


@lru_cache(maxsize=16)
def _cells(cells: int) -> RandomCells:
    return RandomCells(cells)
