"""Whether chains have converged, and what they say about each parameter.

R-hat and effective sample sizes are the rank-normalised ones of Vehtari et al. (2021, Bayesian
Analysis 16, 667), computed by ArviZ. Walkers of one ensemble move along each other and are no
chains of their own: R-hat compares ensembles, whose walkers' positions are strung together step
by step, so that its halves are halves of time. Effective sizes rest on the autocorrelation along
each walker, and take the walkers of an ensemble for independent, as the autocorrelation time of
emcee does (Goodman & Weare 2010).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from arviz_stats.base.array import array_stats
from scipy import fft

from xsurvey.inference.chains import Chains
from xsurvey.inference.intervals import equal_tailed, highest_density

PROBABILITIES = (0.6827, 0.90)
"""Of the intervals in `summary`."""

_FEWEST_STEPS = 8
_TAILS = (0.05, 0.95)
_WINDOW = 5
_FINEST = 20
# ranking costs n log n, and steps this close carry almost the same position


def autocorrelation_time(chain: np.ndarray) -> np.ndarray:
    """Return the integrated autocorrelation time of each parameter, in stored steps.

    As emcee's ``integrated_time``: the autocorrelation functions of all walkers are averaged and
    summed up to five times the result (Sokal 1997); here by real transforms of all walkers
    together, since this is done at each check.

    Parameters
    ----------
    chain : ndarray, shape (step, ensemble, walker, k)

    Returns
    -------
    ndarray, shape (k,)
        NaN where a walker never moved, or where there are fewer than eight steps.
    """
    if len(chain) < _FEWEST_STEPS:
        return np.full(chain.shape[-1], np.nan)
    return np.array([_integrated(x) for x in _along_walkers(chain)])


def _integrated(chains: np.ndarray) -> float:
    """Return the integrated time of chains (n, steps), at least 1; NaN if one never moved."""
    steps = chains.shape[1]
    if np.any(np.ptp(chains, axis=1) == 0):
        return float("nan")
    centred = chains - chains.mean(axis=1, keepdims=True)
    size = fft.next_fast_len(2 * steps, real=True)
    power = np.abs(fft.rfft(centred, size, axis=1)) ** 2
    # chains that begin at zero lag with one; the transform of their mean is the mean of theirs
    variance = (centred**2).sum(axis=1, keepdims=True)
    correlation = fft.irfft((power / variance).mean(axis=0), size)[:steps]
    times = 2 * np.cumsum(correlation) - 1
    enough = np.flatnonzero(np.arange(steps) >= _WINDOW * times)
    return max(float(times[enough[0] if len(enough) else -1]), 1.0)


def r_hat(chain: np.ndarray) -> np.ndarray:
    """Return the rank-normalised split R-hat between ensembles, shape (k,).

    The larger one of bulk and folded (tail) R-hat. NaN where nothing moved.

    Parameters
    ----------
    chain : ndarray, shape (step, ensemble, walker, k)
    """
    return _each(_between_ensembles(_thinned(chain)), lambda x: array_stats.rhat(x, method="rank"))


def effective_sizes(chain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return effective sample sizes in the bulk and in the tails, shape (k,) each.

    Parameters
    ----------
    chain : ndarray, shape (step, ensemble, walker, k)
    """
    walkers = _along_walkers(_thinned(chain))
    return (
        _each(walkers, lambda x: array_stats.ess(x, method="bulk")),
        _each(walkers, lambda x: array_stats.ess(x, method="tail", prob=_TAILS)),
    )


def mean_errors(chain: np.ndarray) -> np.ndarray:
    """Return the Monte Carlo standard error of each parameter's mean, shape (k,)."""
    walkers = _along_walkers(_thinned(chain))
    return _each(walkers, lambda x: array_stats.mcse(x, method="mean"))


def diagnose(chain: np.ndarray) -> dict[str, np.ndarray]:
    """Return R-hat, effective sizes and autocorrelation times (stored steps), (k,) each."""
    bulk, tail = effective_sizes(chain)
    return {
        "r_hat": r_hat(chain), "ess_bulk": bulk, "ess_tail": tail,
        "autocorrelation_time": autocorrelation_time(chain),
    }  # fmt: skip


def summary(chains: Chains) -> dict[str, dict[str, Any]]:
    """Return what the chains say about each parameter, in values that JSON can hold.

    Returns
    -------
    dict
        By name: ``median``, ``mean``, ``sd``, ``mode`` (the most probable position met),
        ``equal_tailed`` and ``highest_density``, dicts from ``"0.6827"`` and ``"0.9"`` to
        [lower, upper]; ``r_hat``, ``ess_bulk``, ``ess_tail``, ``mcse`` (of the mean),
        ``autocorrelation_time`` (steps). None stands for what is not known.
    """
    samples, best = chains.samples, chains.best
    found = diagnose(chains.kept) | {"mcse": mean_errors(chains.kept)}
    found["autocorrelation_time"] = found["autocorrelation_time"] * chains.thin
    result: dict[str, dict[str, Any]] = {}
    for i, name in enumerate(chains.names):
        x = samples[:, i]
        values: dict[str, Any] = {
            "median": _plain(np.median(x)), "mean": _plain(np.mean(x)),
            "sd": _plain(np.std(x, ddof=1)), "mode": _plain(best[i]),
        }  # fmt: skip
        for label, function in (
            ("equal_tailed", equal_tailed), ("highest_density", highest_density),
        ):  # fmt: skip
            values[label] = {
                f"{p:g}": [_plain(end) for end in function(x, p)] for p in PROBABILITIES
            }
        result[name] = values | {key: _plain(value[i]) for key, value in found.items()}
    return result


def _thinned(chain: np.ndarray) -> np.ndarray:
    """Leave out steps that are a twentieth of the autocorrelation time apart, or closer.

    Of a chain that is too short to be judged nothing is left that differs.
    """
    if len(chain) < _FEWEST_STEPS:
        return np.zeros((_FEWEST_STEPS, *chain.shape[1:]))
    times = autocorrelation_time(chain)
    if not np.all(np.isfinite(times)):
        return chain
    return chain[:: max(1, int(times.min() / _FINEST))]


def _between_ensembles(chain: np.ndarray) -> np.ndarray:
    """Return (k, ensemble, draw), the draws of an ensemble in the order of their steps."""
    steps, ensembles, walkers, k = chain.shape
    return chain.transpose(3, 1, 0, 2).reshape(k, ensembles, steps * walkers)


def _along_walkers(chain: np.ndarray) -> np.ndarray:
    """Return (k, chain, draw) with a chain for each walker."""
    steps, ensembles, walkers, k = chain.shape
    return chain.transpose(3, 1, 2, 0).reshape(k, ensembles * walkers, steps)


def _each(chains: np.ndarray, function: Any) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.array([float(function(x)) if np.ptp(x) > 0 else np.nan for x in chains])


def _plain(value: Any) -> float | None:
    number = float(value)
    return number if np.isfinite(number) else None
