"""Models of the same data compared by their evidences.

With Z the evidence of a model, B = Z1 / Z2 is the Bayes factor of two, and the probability of a
model among some that are as probable before the data is Z over the sum of all (Kass & Raftery
1995, J. Am. Stat. Assoc. 90, 773). They depend on all priors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

SCALE = ((2.0, "not worth more than a bare mention"), (6.0, "positive"), (10.0, "strong"))
"""Largest 2 ln B of each grade of evidence (Kass & Raftery 1995, section 3.2)."""
BEYOND = "very strong"


class Comparison(NamedTuple):
    """Models by evidence.

    Attributes
    ----------
    order : ndarray of int, shape (m,)
        From the largest evidence to the least.
    ln_bayes, error : ndarray, shape (m,)
        ln Z of each model less that of the first in order, and its statistical error; zero of the
        first itself.
    probability : ndarray, shape (m,)
        Of each model, were they as probable before.
    """

    order: np.ndarray
    ln_bayes: np.ndarray
    error: np.ndarray
    probability: np.ndarray


def compare_evidences(log_evidence: np.ndarray, error: np.ndarray) -> Comparison:
    """Return Bayes factors and probabilities of models.

    Parameters
    ----------
    log_evidence, error : ndarray, shape (m,)
        ln Z of each, and its error.
    """
    log_evidence, error = np.asarray(log_evidence, float), np.asarray(error, float)
    order = np.argsort(-log_evidence, kind="stable")
    best = order[0]
    ln_bayes = log_evidence - log_evidence[best]
    combined = np.hypot(error, error[best])
    combined[best] = 0.0
    weight = np.exp(ln_bayes)
    return Comparison(order, ln_bayes, combined, weight / weight.sum())


def grade(ln_bayes: float) -> str:
    """Return in words how strong evidence is, by its ln B (either sign).

    Examples
    --------
    >>> grade(2.0)
    'positive'
    """
    return next((name for most, name in SCALE if 2 * abs(ln_bayes) <= most), BEYOND)


def grades_within(ln_bayes: float, error: float) -> Sequence[str]:
    """Return the grades that ln B has within one standard deviation, from the weakest on.

    Where the sign changes within it, the weakest is that of no evidence.
    """
    low, high = sorted((abs(ln_bayes) - error, abs(ln_bayes) + error))
    names = [name for _, name in SCALE] + [BEYOND]
    first, last = (names.index(grade(x)) for x in (max(low, 0.0), high))
    return names[first : last + 1]
