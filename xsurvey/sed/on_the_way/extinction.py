"""Extinction of optical and ultraviolet light by dust of our Galaxy.

The mean law of Fitzpatrick (1999, PASP 111, 63) for a ratio R_V: in the ultraviolet the formula of
Fitzpatrick & Massa (1990, ApJS 72, 163), else a natural cubic spline over 1/wavelength through
the anchors of its tables 3 and 4.
"""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicSpline

from xsurvey.sed.constants import LIGHT

LYMAN_LIMIT = LIGHT / 911.75e-8
"""Hz. Above, and as far as X-rays, hydrogen absorbs and not dust."""
_PER_CM = 1e-4  # of a micron
_X0, _GAMMA, _C3, _C4 = 4.596, 0.99, 3.23, 0.41  # 2175 A bump and far-ultraviolet rise
_ULTRAVIOLET = 1e4 / 2700  # per micron
_FAR = 5.9
_OPTICAL = 1e4 / np.array([26500.0, 12200.0, 6000.0, 5470.0, 4670.0, 4110.0])
_INFRARED_DEPTHS = np.array([0.265, 0.829]) / 3.1  # of R_V
_SPLINED_ULTRAVIOLET = 1e4 / np.array([2700.0, 2600.0])


def extinction_law(frequency: np.ndarray, r_v: float = 3.1) -> np.ndarray:
    """Return A / E(B-V), in magnitudes.

    Parameters
    ----------
    frequency : ndarray
        Hz. Below those of the infrared anchors the spline goes to zero with 1/wavelength. From
        8.7 per micron (1150 A), where the law ends, to `LYMAN_LIMIT` the formula is extrapolated;
        above that there is none.
    r_v : float
        A_V / E(B-V).

    Returns
    -------
    ndarray
        As `frequency`.

    Examples
    --------
    >>> extinction_law(np.array([LIGHT / 5470e-8, LIGHT / 26500e-8])).round(3)
    array([3.055, 0.265])
    """
    x = np.asarray(frequency, float) / LIGHT * _PER_CM
    spline = _spline(r_v)
    with np.errstate(over="ignore"):
        law = np.where(x < _ULTRAVIOLET, spline(np.minimum(x, _ULTRAVIOLET)), _ultraviolet(x, r_v))
    return np.where(frequency > LYMAN_LIMIT, 0.0, law)


def _ultraviolet(x: np.ndarray, r_v: float) -> np.ndarray:
    """Return A / E(B-V) by 1/wavelength in 1/micron, of the ultraviolet formula."""
    c2 = -0.824 + 4.717 / r_v
    c1 = 2.030 - 3.007 * c2
    x = np.clip(x, _ULTRAVIOLET - 0.5, 2 * _FAR)
    bump = x**2 / ((x**2 - _X0**2) ** 2 + (x * _GAMMA) ** 2)
    beyond = np.maximum(x - _FAR, 0)
    rise = 0.5392 * beyond**2 + 0.05644 * beyond**3
    return np.asarray(r_v + c1 + c2 * x + _C3 * bump + _C4 * rise)


def _spline(r_v: float) -> CubicSpline:
    """Return A / E(B-V) by 1/wavelength in 1/micron, to where the ultraviolet formula begins."""
    powers = r_v ** np.arange(5)
    optical = [
        np.dot(coefficients, powers[: len(coefficients)])
        for coefficients in (
            (-0.422809, 1.00270, 2.13572e-4),
            (-5.13540e-2, 1.00216, -7.35778e-5),
            (0.700127, 1.00184, -3.32598e-5),
            (1.19456, 1.01707, -5.46959e-3, 7.97809e-4, -4.45636e-5),
        )
    ]
    x = np.concatenate([[0.0], _OPTICAL, _SPLINED_ULTRAVIOLET])
    values = np.concatenate(
        [[0.0], r_v * _INFRARED_DEPTHS, optical, _ultraviolet(_SPLINED_ULTRAVIOLET, r_v)]
    )
    return CubicSpline(x, values, bc_type="natural")


class GalacticDust:
    """What dust of our Galaxy leaves of a source's light.

    Parameters
    ----------
    reddening : float
        E(B-V) in magnitudes, on the scale of Fitzpatrick's law (Schlafly & Finkbeiner 2011).
    r_v : float
    """

    def __init__(self, reddening: float, r_v: float = 3.1) -> None:
        self.reddening, self.r_v = reddening, r_v

    def transmission(self, frequencies: np.ndarray) -> np.ndarray:
        """Return 10^(-0.4 A), shape (f,)."""
        return 10 ** (-0.4 * self.reddening * extinction_law(frequencies, self.r_v))

    def notes(self, frequencies: np.ndarray) -> list[str]:
        """Return what a reader of results must know, for points at frequencies in Hz."""
        dimmest = (1 - self.transmission(frequencies)).max()
        return [
            f"light up to the Lyman limit is dimmed by dust of our Galaxy, E(B-V) = "
            f"{self.reddening:g} and R_V = {self.r_v:g} (Fitzpatrick 1999), by {100 * dimmest:.3g} "
            "% at most: fluxes of the table are taken to be as observed, those of X-rays without "
            "absorption"
        ]

    def record(self) -> dict[str, str | float]:
        """Return what was taken, for results."""
        return {"law": "Fitzpatrick 1999", "reddening": self.reddening, "r_v": self.r_v}
