r"""The Eddington bias of faint sources, and rates without it.

Sources near the limit are more often faint ones raised by noise than bright ones lowered by
it, since there are more faint ones (Eddington 1913, MNRAS 73, 359). Given what was measured, the
counts of a source have the posterior of a flat prior times the number counts,
:math:`dN/ds \propto s^{-\alpha-1}` (Laird et al. 2009, ApJS 180, 102): that a source was found
follows from the same photons and adds nothing.
"""

from __future__ import annotations

import numpy as np

from xsurvey.errors import ParameterError
from xsurvey.inference.poisson_rate import CountsPosterior

EUCLIDEAN = 1.5
"""Slope of N(> S) of sources that are everywhere alike."""
_FAINTEST = 0.1
"""Of the most probable counts, below which the likelihood of a detection leaves nothing."""


def debiased(
    posterior: CountsPosterior, slope: float = EUCLIDEAN, faintest: np.ndarray | float = 0.0
) -> CountsPosterior:
    r"""Return posteriors with the number counts as a prior.

    Parameters
    ----------
    posterior : CountsPosterior
        With a flat prior, of n detected sources.
    slope : float
        :math:`\alpha` of N(> S) near the limit.
    faintest : float or ndarray, shape (n,)
        Counts below which there are no sources; without it the likelihood must tell that.

    Returns
    -------
    CountsPosterior
        On the same grids. Of sources that may as well have no counts it tells nothing.

    Raises
    ------
    ParameterError
        The slope is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from xsurvey.inference.poisson_rate import counts_posterior
    >>> p = counts_posterior(np.array([30]), np.array([0]), 0.0, 1.0, 1.0, 0.0)
    >>> debiased(p, 1.5).mode().round(1)  # s^30 e^-s times s^-2.5
    array([27.5])
    """
    if not slope > 0:
        raise ParameterError("slope", f"is {slope:g}", "give a positive slope of N(> S)")
    counts = posterior.counts
    end = np.broadcast_to(np.asarray(faintest, float), len(counts))
    least = np.maximum(_FAINTEST * posterior.mode(), end)[:, None]
    usable = (counts >= least) & (counts > 0)
    prior = np.where(usable, counts, 1.0) ** (-slope - 1) * usable
    density = posterior.density * prior
    cumulative = np.zeros_like(density)
    steps = 0.5 * (density[:, 1:] + density[:, :-1]) * np.diff(counts, axis=1)
    cumulative[:, 1:] = np.cumsum(steps, axis=1)
    norm = cumulative[:, -1:]
    return CountsPosterior(counts, density / norm, cumulative / norm)


def bias_factor(
    posterior: CountsPosterior, slope: float = EUCLIDEAN, faintest: np.ndarray | float = 0.0
) -> np.ndarray:
    """Return by what measured counts are too high in the mean, shape (n,).

    The most probable counts of the flat prior over the mean of `debiased`.
    """
    return np.asarray(posterior.mode() / mean_counts(debiased(posterior, slope, faintest)))


def mean_counts(posterior: CountsPosterior) -> np.ndarray:
    """Return the mean of each posterior, shape (n,)."""
    return np.asarray(np.trapezoid(posterior.counts * posterior.density, posterior.counts, axis=1))
