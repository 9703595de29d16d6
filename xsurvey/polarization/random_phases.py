r"""What few events without polarization add up to: vectors of known lengths and random phases.

Given how much each event counts, c = 2 w a / mu, the sum Z of such vectors has the variances
sigma^2 = sum c^2 / 2, and is Gaussian for many events: x = |Z|^2 / (2 sigma^2) exceeds some value
with the probability :math:`e^{-x}`. For few it is a random walk in the plane (Kluyver 1905, Proc.
KNAW 8, 341): a vector has the characteristic function J0(c k), whose logarithm is
:math:`-c^2 k^2/4 - c^4 k^4/64 - c^6 k^6/576 - ...`. With :math:`\beta = \sum c^4 / (\sum c^2)^2`,
1/N of N events that count alike, and :math:`\gamma = \sum c^6 / (\sum c^2)^3`, powers of k being
Laguerre polynomials of x,

.. math:: \ln P(> x) = -x - \beta \left(\frac{x^2}{4} - \frac{x}{2}\right)
    - \beta^2 \left(\frac{x^3}{4} - x^2 + \frac{3 x}{4}\right)
    + \gamma \left(\frac{x^3}{9} - \frac{2 x^2}{3} + \frac{2 x}{3}\right) + O(\beta^3).

:math:`\gamma \le \beta^{3/2}`, which is taken for it: next to nothing at 1 %, and cautious far out,
where terms of second order only count as far as they make the tail smaller. Of 40 events in
6-8 keV, whose 1/area differ by factors, a Gaussian would have false-alarm rates of 0.6 %.
"""

from __future__ import annotations

import numpy as np

from xsurvey.polarization.bin_sums import BinSums

_FARTHEST = 60.0  # x, of a probability of 1e-26
_BISECTIONS = 50


def unevenness(sums: BinSums) -> np.ndarray:
    """Return beta of sums over events, from 0 to 1: 1/N where N events count alike."""
    power = sums.qq + sums.uu
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(power > 0, np.clip(sums.quartic / power**2, 0.0, 1.0), 0.0)


def log_tail(x: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """Return the logarithm of the chance that |Z|^2 / (2 sigma^2) exceeds x.

    Parameters
    ----------
    x : ndarray
        Not negative; NaN gives NaN.
    beta : ndarray
        `unevenness`; broadcasts with x.
    """
    first = beta * (x**2 / 4 - x / 2)
    second = beta**2 * (x**3 / 4 - x**2 + 3 * x / 4)
    second = second - beta**1.5 * (x**3 / 9 - 2 * x**2 / 3 + 2 * x / 3)
    return np.minimum(-(x + first + np.maximum(second, 0.0)), 0.0)


def as_chi2(chi2: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """Return the chi2 of 2 degrees of freedom that is as improbable as one of few events.

    Parameters
    ----------
    chi2 : ndarray
        (Q^2 + U^2) over the variance of either without polarization.
    beta : ndarray
        `unevenness`.
    """
    return -2 * log_tail(np.asarray(chi2, float) / 2, beta)


def threshold(probability: float, beta: np.ndarray) -> np.ndarray:
    """Return what |Z| / sigma exceeds with a probability, where there is no polarization.

    Examples
    --------
    >>> float(threshold(0.01, np.array(0.0)).round(3))
    3.035
    """
    beta = np.asarray(beta, float)
    low, high = np.zeros(beta.shape), np.full(beta.shape, _FARTHEST)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        above = log_tail(middle, beta) > np.log(probability)
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.sqrt(low + high)
