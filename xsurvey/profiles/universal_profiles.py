"""Profiles that clusters are said to share in their outskirts.

Of relaxed clusters as simulations without anything but gravity have them, and of averages of
measurements. Radii are relative to R200.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class UniversalProfile:
    """A curve for all clusters.

    Attributes
    ----------
    name : str
    quantity : {'temperature', 'entropy'}
    scale : str
        What values are relative to: ``mean_temperature`` of the cluster or ``K200``.
    shape : callable
        r / R200 to value / scale, arrays.
    inner, outer : float
        r / R200 between which it holds.
    error : float
        Relative error of its norm; 0 if none is stated.
    reference : str
    """

    name: str
    quantity: str
    scale: str
    shape: Callable[[np.ndarray], np.ndarray]
    inner: float
    outer: float
    error: float
    reference: str

    def __call__(self, radius: np.ndarray, scale: float) -> np.ndarray:
        """Return values at r / R200; NaN where the curve does not hold."""
        radius = np.asarray(radius, float)
        inside = (radius >= self.inner) & (radius <= self.outer)
        return np.where(inside, scale * self.shape(radius), np.nan)

    def slope(self, radius: np.ndarray) -> np.ndarray:
        """Return the logarithmic slope at r / R200, by differences."""
        radius, step = np.asarray(radius, float), 1e-5
        up, down = (np.log(self.shape(radius * np.exp(s))) for s in (step, -step))
        return np.asarray((up - down) / (2 * step))


def _voit(radius: np.ndarray) -> np.ndarray:
    return np.asarray(1.41 * radius**1.1)


def _burns(radius: np.ndarray) -> np.ndarray:
    return np.asarray(1.74 * (1 + 0.64 * radius) ** -3.2)


def _reiprich(radius: np.ndarray) -> np.ndarray:
    return np.asarray(1.19 - 0.84 * radius)


UNIVERSAL: Mapping[str, UniversalProfile] = {
    profile.name: profile
    for profile in (
        UniversalProfile(
            "voit_2005", "entropy", "K200", _voit, 0.2, 1.0, 0.03 / 1.41,
            "Voit, Kay & Bryan (2005, MNRAS 364, 909): clusters simulated with gravity alone, "
            "K / K200 = (1.41 +- 0.03) (r / R200)^1.1",
        ),
        UniversalProfile(
            "burns_2010", "temperature", "mean_temperature", _burns, 0.2, 1.5, 0.03 / 1.74,
            "Burns, Skillman & O'Shea (2010, ApJ 721, 1105): relaxed simulated clusters, "
            "T / <T> = (1.74 +- 0.03) [1 + (0.64 +- 0.10) r / R200]^(-3.2 +- 0.4)",
        ),
        UniversalProfile(
            "reiprich_2013", "temperature", "mean_temperature", _reiprich, 0.3, 1.15, 0.0,
            "Reiprich et al. (2013, Space Sci. Rev. 177, 195): mean of clusters measured with "
            "Suzaku, T / <T> = 1.19 - 0.84 r / R200",
        ),
    )
}  # fmt: skip
"""By name."""
