r"""The statistic of upper limits, -2 ln Phi(s), where s is by how many sigma a model is below.

A flux that was not detected, with a Gaussian error, is below a limit L with the probability
:math:`\Phi((L - m) / \sigma)` where the model is m (Isobe, Feigelson & Nelson 1986, ApJ 306, 490;
Sawicki 2012, PASP 124, 1208).
"""

from __future__ import annotations

import numpy as np
from scipy import special

_FAR = -1e3
"""Where two terms of a derivative cancel to rounding, and an expansion is exact."""


def limit_terms(s: np.ndarray) -> np.ndarray:
    """Return -2 ln Phi(s), which is never below zero; about s^2 far above a limit."""
    return np.asarray(-2 * special.log_ndtr(s))


def limit_derivatives(s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and second derivative of `limit_terms` by s; the second is positive.

    With r = phi(s) / Phi(s) they are -2 r and 2 r (r + s).
    """
    s = np.asarray(s, float)
    with np.errstate(over="ignore"):
        ratio = np.sqrt(2 / np.pi) / special.erfcx(-s / np.sqrt(2))
    near = np.maximum(ratio * (ratio + s), 0.0)
    far = 1 - 1 / np.minimum(s, _FAR) ** 2
    return -2 * ratio, 2 * np.where(s < _FAR, far, near)
