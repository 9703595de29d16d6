r"""Is a best fit good: what a statistic should be if the model is true.

cstat has an expectation and a variance that follow from the model alone (Kaastra 2017, A&A 605,
A51): per bin of expectation mu

.. math::

   C_e = \sum_k P_k(\mu)\, c_k, \quad C_v = \sum_k P_k(\mu)\, (c_k - C_e)^2, \quad
   c_k = 2 [\mu - k + k \ln(k/\mu)],

with Poisson probabilities P. The paper fits formulas to these sums. Here the sums themselves are
taken below mu = 50, and above it their expansion in 1/mu, which follows from the central moments
of the Poisson distribution; either way the error is below 1e-8.

W-stat and chi-square have no such expectation (W-stat's depends on the unknown background, that
of chi-square on how the variance is estimated): `simulated_goodness` compares with fits to
spectra simulated from the best fit. That is right for cstat, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from xsurvey.spectra.statistics.cash import CStat

_EXACT_BELOW = 50.0
_BATCH = 256
# of C_e and C_v in powers of 1/mu
_MEAN = (1.0, 1 / 6, 1 / 6, 19 / 60, 9 / 10, 863 / 252, 1375 / 84)
_VARIANCE = (2.0, 2 / 3, 4 / 3, 701 / 180, 449 / 30, 90329 / 1260, 43313 / 105)


@dataclass(frozen=True)
class Goodness:
    """A value of cstat beside what is expected of it.

    Attributes
    ----------
    statistic : float
        C.
    expected, deviation : float
        C_e and the square root of C_v, summed over bins.
    significance : float
        (C - C_e) / sqrt(C_v); NaN where the model predicts nothing, so that C cannot vary.
    p_value : float
        Probability of a C at least as large, of a Gaussian distribution.
    """

    statistic: float
    expected: float
    deviation: float
    significance: float
    p_value: float


@dataclass(frozen=True)
class SimulatedGoodness:
    """A statistic among those of simulated spectra.

    Attributes
    ----------
    statistic : float
        Of the data.
    expected, deviation : float
        Mean and standard deviation of the simulated values.
    p_value : float
        (1 + simulated values at least as large) / (1 + simulated values): never 0.
    simulated : ndarray, shape (t,)
        The values, without those of failed fits.
    failed : int
        Simulations whose fit gave no finite value.
    """

    statistic: float
    expected: float
    deviation: float
    p_value: float
    simulated: np.ndarray
    failed: int


def expected_cstat(model: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return expectation and variance of the term of cstat of each bin.

    Parameters
    ----------
    model : ndarray, any shape
        Expected counts.

    Returns
    -------
    expected, variance : ndarray, of the same shape
        0 where the model is 0; NaN where it is negative, NaN or infinite.
    """
    model = np.asarray(model, float)
    expected, variance = np.full(model.shape, np.nan), np.full(model.shape, np.nan)
    large = (model >= _EXACT_BELOW) & (model < np.inf)
    inverse = 1 / model[large]
    expected[large] = np.polynomial.polynomial.polyval(inverse, _MEAN)
    variance[large] = np.polynomial.polynomial.polyval(inverse, _VARIANCE)
    small = (model > 0) & (model < _EXACT_BELOW)
    expected[small], variance[small] = _exact(model[small])
    expected[model == 0] = variance[model == 0] = 0.0
    return expected, variance


def goodness(counts: np.ndarray, model: np.ndarray, free_parameters: int = 0) -> Goodness:
    """Compare cstat with its expectation under the model.

    Parameters
    ----------
    counts, model : ndarray, shape (m,)
        Counts and expected counts.
    free_parameters : int
        Number of parameters fitted to these counts. A fit lowers C by as much on average, which the
        paper leaves out: C_e is lowered by it and C_v by twice it. 0 compares as the paper does.

    Returns
    -------
    Goodness

    Notes
    -----
    The sum over bins is taken as Gaussian, which holds where tens of counts are expected in all.
    """
    mean, variance = expected_cstat(model)
    value = float(CStat(counts).total(model))
    expected = float(mean.sum()) - free_parameters
    deviation = float(np.sqrt(max(float(variance.sum()) - 2 * free_parameters, 0.0)))
    if not deviation > 0:
        return Goodness(value, expected, deviation, float("nan"), float("nan"))
    significance = (value - expected) / deviation
    return Goodness(value, expected, deviation, significance, float(special.ndtr(-significance)))


def simulated_goodness(
    statistic: float,
    simulate_and_fit: Callable[[np.random.Generator], float],
    trials: int,
    generator: np.random.Generator,
) -> SimulatedGoodness:
    """Compare a statistic with those of spectra simulated from the best fit.

    Parameters
    ----------
    statistic : float
        Of the best fit to the data.
    simulate_and_fit : callable
        Given a generator it draws a spectrum (and a background) from the best fit, fits it as the
        data were fitted and returns the statistic; NaN where the fit failed.
    trials : int
        At least 1. The p-value is good to sqrt(p (1 - p) / trials).
    generator : numpy.random.Generator
        Each trial gets a child of it, so that a trial does not depend on what others drew.

    Raises
    ------
    ValueError
        ``trials`` is less than 1.
    """
    if trials < 1:
        raise ValueError("at least one trial is needed")
    values = np.array([float(simulate_and_fit(child)) for child in generator.spawn(trials)])
    kept = values[np.isfinite(values)]
    if not kept.size or not np.isfinite(statistic):
        nan = float("nan")
        return SimulatedGoodness(statistic, nan, nan, nan, kept, trials - kept.size)
    p = (1 + np.count_nonzero(kept >= statistic)) / (1 + kept.size)
    spread = float(kept.std(ddof=1)) if kept.size > 1 else float("nan")
    return SimulatedGoodness(
        statistic, float(kept.mean()), spread, float(p), kept, trials - kept.size
    )


def _exact(mu: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    expected, variance = np.empty(mu.shape), np.empty(mu.shape)
    order = np.argsort(mu)  # sums of like means are equally long
    for start in range(0, mu.size, _BATCH):
        part = order[start : start + _BATCH]
        m = mu[part, None]
        # counts up to twelve deviations, and thirty, above the mean leave out less than 1e-20
        k = np.arange(int(m[-1, 0] + 12 * np.sqrt(m[-1, 0])) + 30)
        k_log = k * np.log(m)
        probability = np.exp(k_log - m - special.gammaln(k + 1))
        terms = 2 * (m + special.xlogy(k, k) - k - k_log)
        expected[part] = np.sum(probability * terms, axis=1)
        variance[part] = np.sum(probability * (terms - expected[part, None]) ** 2, axis=1)
    return expected, variance
