r"""Whether polarization is the same in all bins of time, phase or energy.

.. math:: \chi^2 = \sum_i (x_i - \bar x)^T C_i^{-1} (x_i - \bar x), \quad
          \bar x = \Big(\sum_i C_i^{-1}\Big)^{-1} \sum_i C_i^{-1} x_i, \quad x = (q, u)

has 2 (n - 1) degrees of freedom where the polarization is constant and errors are Gaussian. q and u
are tested, never degree and angle: these are biased, and the angle of an unpolarized bin is no
measurement. With less than some 30 events a bin errors are not Gaussian, and covariances that are
measured on them not known: `constancy_trials` is for these.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xsurvey.polarization.measurement import checked, inverse, measured
from xsurvey.polarization.significance import gaussian_sigma, log_chi2_tail


@dataclass(frozen=True)
class Constancy:
    """Tests of constancy; arrays of shape (...), the shape of the measurements without bins.

    Attributes
    ----------
    statistic : ndarray
        Chi-squared.
    dof : ndarray of int
        2 (bins - 1); 0 with less than two bins, and then there is no probability.
    log_probability : ndarray
        Logarithm of the chance that a constant polarization gives it or more.
    bins : ndarray of int
        That were measured.
    q, u : ndarray
        The mean, weighted with the inverse covariances; NaN without any bin.
    covariance : ndarray, shape (..., 2, 2)
        Of the mean.
    contribution : ndarray, shape (..., n)
        Of each bin to the statistic; NaN of bins that were not measured.
    """

    statistic: np.ndarray
    dof: np.ndarray
    log_probability: np.ndarray
    bins: np.ndarray
    q: np.ndarray
    u: np.ndarray
    covariance: np.ndarray
    contribution: np.ndarray

    @property
    def significance(self) -> np.ndarray:
        """Of the variation, in standard deviations of a Gaussian (both sides)."""
        return gaussian_sigma(self.log_probability)


def weighted_mean(
    q: np.ndarray, u: np.ndarray, covariance: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the mean over the last axis of measurements, weighted with inverse covariances.

    Returns
    -------
    q, u : ndarray, shape (...)
    covariance : ndarray, shape (..., 2, 2)
        NaN where nothing was measured.

    Raises
    ------
    ValueError
        As `xsurvey.polarization.measurement.checked`.
    """
    q, u, covariance = checked(q, u, covariance)
    is_measured = measured(q, u, covariance)
    weights = np.where(is_measured[..., None, None], inverse(covariance), 0.0)
    x = np.where(is_measured[..., None], np.stack([q, u], axis=-1), 0.0)
    total = weights.sum(axis=-3)
    total[~is_measured.any(axis=-1)] = np.nan
    spread = inverse(total)
    mean = np.einsum("...ij,...njk,...nk->...i", spread, weights, x)
    return mean[..., 0], mean[..., 1], spread


def constancy(q: np.ndarray, u: np.ndarray, covariance: np.ndarray) -> Constancy:
    """Test whether measurements are of one polarization.

    Parameters
    ----------
    q, u : ndarray, shape (..., n)
        Normalised, of n bins; NaN in bins that were not measured.
    covariance : ndarray, shape (..., n, 2, 2)

    Raises
    ------
    ValueError
        As `xsurvey.polarization.measurement.checked`.
    """
    q, u, covariance = checked(q, u, covariance)
    is_measured = measured(q, u, covariance)
    mean_q, mean_u, spread = weighted_mean(q, u, covariance)
    away = np.stack([q - mean_q[..., None], u - mean_u[..., None]], axis=-1)
    contribution = np.einsum("...ni,...nij,...nj->...n", away, inverse(covariance), away)
    bins = is_measured.sum(axis=-1)
    dof = 2 * np.maximum(bins - 1, 0)
    contribution = np.where(is_measured, contribution, np.nan)
    statistic = np.where(dof > 0, np.nansum(contribution, axis=-1), np.nan)
    return Constancy(
        statistic, dof, log_chi2_tail(statistic, dof), bins, mean_q, mean_u, spread, contribution
    )
