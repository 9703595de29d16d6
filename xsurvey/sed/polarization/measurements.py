"""Measured polarization of a source by frequency."""

from __future__ import annotations

from collections.abc import Sequence
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
        Of the file, or of the files.
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

    def angle_deg(self) -> float | None:
        """Return the angle of all Q/I and U/I together, weighted by their errors; None of none."""
        rows = self.rows(Kind.STOKES)
        if not len(rows):
            return None
        weight = 1 / np.trace(self.covariance[rows], axis1=1, axis2=2)
        q, u = np.sum(weight * self.q[rows]), np.sum(weight * self.u[rows])
        return float(np.degrees(0.5 * np.arctan2(u, q)))

    def degrees_and_angles(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return degrees and angles of Q/I and U/I with their errors, (n,) each, to be shown.

        Degrees, their errors, angles and theirs in degrees. Not corrected for bias, NaN of other
        rows; angles have an error of 90 degrees at most.
        """
        degree = np.hypot(self.q, self.u)
        double = np.arctan2(self.u, self.q)
        along = np.stack([np.cos(double), np.sin(double)], -1)
        across = np.stack([-along[:, 1], along[:, 0]], -1)
        errors = [
            np.sqrt(np.einsum("ni,nij,nj->n", x, self.covariance, x)) for x in (along, across)
        ]
        with np.errstate(divide="ignore", invalid="ignore"):
            angle_error = np.degrees(errors[1] / (2 * degree))
        return degree, errors[0], np.degrees(double) / 2, np.minimum(angle_error, 90.0)

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


def together(measurements: Sequence[PolarizationMeasurements]) -> PolarizationMeasurements:
    """Return the rows of several tables as those of one, in the order of frequency.

    Raises
    ------
    ValueError
        There is no table.
    """
    if not measurements:
        raise ValueError("no table to put together")
    order = np.argsort(np.concatenate([m.frequency for m in measurements]), kind="stable")

    def joined(name: str) -> np.ndarray:
        return np.concatenate([getattr(m, name) for m in measurements])[order]

    kinds = [kind for m in measurements for kind in m.kinds]
    instruments = [name for m in measurements for name in m.instruments]
    return PolarizationMeasurements(
        name=", ".join(m.name for m in measurements), frequency=joined("frequency"),
        kinds=tuple(kinds[i] for i in order), q=joined("q"), u=joined("u"),
        covariance=joined("covariance"), degree=joined("degree"),
        degree_error=joined("degree_error"), limit=joined("limit"),
        confidence=joined("confidence"), instruments=tuple(instruments[i] for i in order),
        source=next((m.source for m in measurements if m.source), ""),
        notes=tuple(dict.fromkeys(note for m in measurements for note in m.notes)),
    )  # fmt: skip
