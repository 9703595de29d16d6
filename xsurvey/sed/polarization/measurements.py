"""Measured polarization of a source by frequency."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from xsurvey.sed.polarization.likelihood import (
    DegreeLimits,
    MeasuredDegrees,
    MeasuredStokes,
    PolarizationDatum,
    PolarizationLikelihood,
    UndetectedDegrees,
)


class Kind(Enum):
    """What a row of measurements is; values as in records."""

    STOKES = "stokes"
    """Q/I and U/I, or a degree and an angle."""
    DEGREE = "degree"
    """A degree without an angle."""
    LIMIT = "limit"
    """An upper limit of the true degree."""
    UNDETECTED = "undetected"
    """A limit that what was measured is below."""


@dataclass(frozen=True)
class PolarizationMeasurements:
    """Rows in the order of their frequencies; what a row does not have is NaN.

    Attributes
    ----------
    name : str
        Of the file.
    frequency : ndarray, shape (n,)
        As observed, Hz.
    kinds : tuple of Kind
    q, u : ndarray, shape (n,)
        Q/I and U/I.
    covariance : ndarray, shape (n, 2, 2)
        Of these.
    degree, degree_error : ndarray, shape (n,)
        Of degrees without angles.
    limit, confidence : ndarray, shape (n,)
        Of limits, and their probabilities.
    instruments : tuple of str
        Empty where the table does not tell.
    source : str
    notes : tuple of str
        What a reader of results must know.
    """

    name: str
    frequency: np.ndarray
    kinds: tuple[Kind, ...]
    q: np.ndarray
    u: np.ndarray
    covariance: np.ndarray
    degree: np.ndarray
    degree_error: np.ndarray
    limit: np.ndarray
    confidence: np.ndarray
    instruments: tuple[str, ...]
    source: str = ""
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.frequency)

    def rows(self, kind: Kind) -> np.ndarray:
        """Return the numbers of rows of a kind."""
        return np.array([i for i, k in enumerate(self.kinds) if k is kind], int)

    def likelihood(self) -> PolarizationLikelihood:
        """Return the likelihood of all rows, those of a kind together, in the order of `Kind`."""
        parts = []
        for kind in Kind:
            rows = self.rows(kind)
            if len(rows):
                parts.append((self.frequency[rows], self._data(kind, rows)))
        return PolarizationLikelihood(parts)

    def _data(self, kind: Kind, rows: np.ndarray) -> PolarizationDatum:
        if kind is Kind.STOKES:
            return MeasuredStokes(self.q[rows], self.u[rows], self.covariance[rows])
        if kind is Kind.DEGREE:
            return MeasuredDegrees(self.degree[rows], self.degree_error[rows])
        limits = DegreeLimits if kind is Kind.LIMIT else UndetectedDegrees
        return limits(self.limit[rows], self.confidence[rows])
