"""Posterior-predictive check: do spectra that the posterior predicts look like the data.

Gelman, Meng & Stern (1996, Statistica Sinica 6, 733), with cstat as the discrepancy. Its p-value is
conservative: the data were used for the posterior, so that it crowds about 0.5. Small values still
tell of a bad model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xsurvey.spectra.statistics.cash import CStat

QUANTILES = (0.025, 0.16, 0.5, 0.84, 0.975)


@dataclass(frozen=True)
class PosteriorPredictive:
    """What the posterior predicts, beside the data.

    Attributes
    ----------
    p_value : float
        Fraction of draws in which a simulated spectrum has at least the cstat of the data.
    observed, simulated : ndarray, shape (d,)
        cstat of the data and of a simulated spectrum under each draw.
    quantiles : ndarray, shape (q,)
        Probabilities of the bands.
    bands : ndarray, shape (q, m)
        Quantiles of the simulated counts, bin by bin.
    """

    p_value: float
    observed: np.ndarray
    simulated: np.ndarray
    quantiles: np.ndarray
    bands: np.ndarray


def posterior_predictive(
    model_draws: np.ndarray,
    counts: np.ndarray,
    generator: np.random.Generator,
    quantiles: Sequence[float] = QUANTILES,
) -> PosteriorPredictive:
    """Simulate a spectrum from each draw of the posterior and compare with the data.

    Parameters
    ----------
    model_draws : ndarray, shape (d, m)
        Expected counts under each draw, background included.
    counts : ndarray, shape (m,)
        The data.
    generator : numpy.random.Generator
    quantiles : sequence of float
        Probabilities of the bands.

    Raises
    ------
    ValueError
        There is no draw, or one is negative or not finite.
    """
    model = np.asarray(model_draws, float)
    statistic = CStat(counts)
    if model.ndim != 2 or model.shape[0] == 0:
        raise ValueError("draws of the model must have the shape (draws, bins), one or more")
    if not np.all((model >= 0) & (model < np.inf)):
        raise ValueError("draws of the model must be finite and not negative")
    simulated_counts = generator.poisson(model)
    observed = statistic.total(model)
    simulated = np.array([
        float(CStat(row).total(m)) for row, m in zip(simulated_counts, model, strict=True)
    ])  # fmt: skip
    bands = np.quantile(simulated_counts, quantiles, axis=0)
    p_value = float(np.mean(simulated >= observed))
    return PosteriorPredictive(p_value, observed, simulated, np.array(quantiles, float), bands)
