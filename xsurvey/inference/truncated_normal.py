"""The unit Gaussian between two bounds, exact far out in its tails.

Everything is done in logarithms of the cumulative distribution, on the side of the peak where
they do not cancel, so that bounds at 30 sigma are no different from bounds at 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

_LN_SQRT_2PI = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True)
class TruncatedNormal:
    """A Gaussian of mean 0 and sigma 1, zero outside ``low`` to ``high``."""

    low: float
    high: float

    def log_density(self, z: np.ndarray) -> np.ndarray:
        """Return ln of the density at ``z`` between the bounds, shape (b,)."""
        return -0.5 * np.asarray(z, float) ** 2 - _LN_SQRT_2PI - self.log_integral

    @property
    def log_integral(self) -> float:
        """Ln of the uncut Gaussian's integral between the bounds."""
        low, high = (-self.high, -self.low) if self.low > 0 else (self.low, self.high)
        upper = float(special.log_ndtr(high))
        return upper + math.log1p(-math.exp(float(special.log_ndtr(low)) - upper))

    def quantile(self, u: np.ndarray) -> np.ndarray:
        """Return the values below which the probabilities ``u`` lie, shape (b,)."""
        u = np.asarray(u, float)
        with np.errstate(divide="ignore"):
            ln_u, ln_rest = np.log(u), np.log1p(-u)
        below = np.logaddexp(
            ln_rest + special.log_ndtr(self.low), ln_u + special.log_ndtr(self.high)
        )
        above = np.logaddexp(
            ln_rest + special.log_ndtr(-self.low), ln_u + special.log_ndtr(-self.high)
        )
        z = np.where(below < above, special.ndtri_exp(below), -special.ndtri_exp(above))
        return np.clip(z, self.low, self.high)
