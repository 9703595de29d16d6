"""Smooth shapes of instrument background, integrated over channels in closed form.

Each has ``name``, ``parameters`` and ``rate(parameters (b, k), low, high) -> (b, n)``, counts/s in
channels between the energies ``low`` and ``high`` (n,), keV.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from scipy import special


class ShapeParameter(NamedTuple):
    """A parameter of a shape: name, unit, default and bounds."""

    name: str
    unit: str
    default: float
    low: float
    high: float


class Shape(Protocol):
    """See the module."""

    @property
    def name(self) -> str:
        """Of the shape, for names of parameters."""
        ...

    @property
    def parameters(self) -> tuple[ShapeParameter, ...]:
        """In the order of the arrays."""
        ...

    def rate(self, parameters: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Return counts/s in each channel, shape (b, n)."""
        ...


_NORM = ShapeParameter("norm", "count/s/keV", 1e-2, 0.0, 1e6)


class PowerLaw:
    """K E^-index, with K the rate density at 1 keV."""

    name = "powerlaw"
    parameters = (ShapeParameter("index", "", 0.5, -5.0, 10.0), _NORM)

    def rate(self, parameters: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Return counts/s in each channel, shape (b, n)."""
        index, norm = parameters[:, :1], parameters[:, 1:2]
        return norm * _power_integral(index, low, high)


class BrokenPowerLaw:
    """K E^-index1 up to the break and, continuous there, E^-index2 above."""

    name = "brokenpowerlaw"
    parameters = (
        ShapeParameter("index1", "", 1.5, -5.0, 10.0),
        ShapeParameter("break", "keV", 2.0, 1e-2, 1e2),
        ShapeParameter("index2", "", 0.2, -5.0, 10.0),
        _NORM,
    )

    def rate(self, parameters: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Return counts/s in each channel, shape (b, n)."""
        first, edge, second, norm = (parameters[:, i : i + 1] for i in range(4))
        below = _power_integral(first, np.minimum(low, edge), np.minimum(high, edge))
        above = _power_integral(second, np.maximum(low, edge), np.maximum(high, edge))
        return norm * (below + edge ** (second - first) * above)


class Exponential:
    """K exp(-E / scale)."""

    name = "exponential"
    parameters = (ShapeParameter("scale", "keV", 1.0, 1e-2, 1e3), _NORM)

    def rate(self, parameters: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Return counts/s in each channel, shape (b, n)."""
        scale, norm = parameters[:, :1], parameters[:, 1:2]
        return -norm * scale * np.exp(-low / scale) * np.expm1((low - high) / scale)


class GaussianLine:
    """A fluorescence line; ``norm`` is its whole rate, ``sigma`` as seen in the channels."""

    name = "gaussian"
    parameters = (
        ShapeParameter("energy", "keV", 1.5, 1e-2, 1e2),
        ShapeParameter("sigma", "keV", 0.05, 1e-3, 1e1),
        ShapeParameter("norm", "count/s", 1e-3, 0.0, 1e6),
    )

    def rate(self, parameters: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Return counts/s in each channel, shape (b, n)."""
        energy, sigma, norm = (parameters[:, i : i + 1] for i in range(3))
        start, stop = (low - energy) / sigma, (high - energy) / sigma
        # on the upper side differences of probabilities near 1 would lose the wing
        upper = start > 0
        left, right = np.where(upper, -stop, start), np.where(upper, -start, stop)
        return norm * (special.ndtr(right) - special.ndtr(left))


def _power_integral(index: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return the integral of E^-index, smooth through index 1."""
    width, power = np.log(high / low), 1 - index
    return low**power * width * special.exprel(power * width)
