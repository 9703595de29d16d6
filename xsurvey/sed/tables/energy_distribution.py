"""Spectral energy distributions: points of nu F_nu at frequencies, and upper limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class SpectralEnergyDistribution:
    """Measured points, in the order of their frequencies.

    Attributes
    ----------
    name : str
        Of the file.
    frequency : ndarray, shape (n,)
        As observed, Hz.
    flux : ndarray, shape (n,)
        nu F_nu, erg / cm2 / s; of limits the limit.
    error_low, error_high : ndarray, shape (n,)
        One standard deviation downwards and upwards; NaN of limits.
    is_limit : ndarray of bool, shape (n,)
        Upper limits.
    limit_confidence : ndarray, shape (n,)
        Probability that the flux is below the limit (one-sided); NaN of points, and where the
        table does not tell.
    instruments : tuple of str
    redshift : float or None
        Of the table.
    source : str
        The object's name, empty where the table does not tell.
    notes : tuple of str
        What a reader of results must know.
    """

    name: str
    frequency: np.ndarray
    flux: np.ndarray
    error_low: np.ndarray
    error_high: np.ndarray
    is_limit: np.ndarray
    limit_confidence: np.ndarray
    instruments: tuple[str, ...]
    redshift: float | None = None
    source: str = ""
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.frequency)
