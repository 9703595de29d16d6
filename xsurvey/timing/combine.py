"""Tests of several observations of a source as one."""

from __future__ import annotations

import numpy as np


def joint_odds(log_odds: np.ndarray) -> float:
    """Return log10 of the odds that a source varies in one of its observations.

    Each of them has the same chance to be the one, so that the odds are the mean of theirs: more
    observations do not make a constant source more variable.

    Parameters
    ----------
    log_odds : ndarray, shape (n,)
        log10; NaN where the source was not tested. NaN if it nowhere was.
    """
    tested = np.asarray(log_odds, float)
    tested = tested[np.isfinite(tested)]
    if not len(tested):
        return float("nan")
    natural = tested * np.log(10)
    return float((np.logaddexp.reduce(natural) - np.log(len(tested))) / np.log(10))


def smallest_of_many(probability: np.ndarray) -> float:
    """Return the chance that the smallest of n probabilities is as small as the smallest one.

    1 - (1 - p)**n, of independent ones (Sidak 1967, J. Am. Stat. Assoc. 62, 626).

    Parameters
    ----------
    probability : ndarray, shape (n,)
        NaN where the source was not tested. NaN if it nowhere was.
    """
    tested = np.asarray(probability, float)
    tested = tested[np.isfinite(tested)]
    if not len(tested):
        return float("nan")
    with np.errstate(divide="ignore"):  # of a probability of 1
        return float(-np.expm1(len(tested) * np.log1p(-tested.min())))
