"""Estimates of the polarization degree that noise does not push up."""

from __future__ import annotations

from typing import Literal

import numpy as np

DebiasMethod = Literal["mas", "classical", "none"]


def debiased(pd: np.ndarray, error: np.ndarray, method: DebiasMethod = "mas") -> np.ndarray:
    r"""Return debiased polarization degrees.

    Parameters
    ----------
    pd, error : ndarray
        Measured degrees and the standard deviation of q and of u, in the same unit.
    method : {"mas", "classical", "none"}
        ``mas``, the modified asymptotic estimator of Plaszczynski et al. (2014, MNRAS 439,
        4048; the formula from memory), :math:`p - \sigma^2 (1 - e^{-p^2/\sigma^2}) / (2 p)`: never
        negative, continuous, nearly without bias above 2 sigma. ``classical`` is
        :math:`\sqrt{p^2 - \sigma^2}`, zero below sigma (Wardle & Kronberg 1974, from memory).

    Raises
    ------
    ValueError
        Negative degrees or errors, or an unknown method.
    """
    pd, error = np.asarray(pd, float), np.asarray(error, float)
    if np.any(pd < 0) or np.any(error < 0):
        raise ValueError("polarization degrees and their errors are not negative")
    if method == "none":
        return pd + 0 * error
    if method == "classical":
        return np.sqrt(np.maximum(pd**2 - error**2, 0.0))
    if method != "mas":
        raise ValueError(f"no estimator '{method}'; use mas, classical or none")
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        lower = -(error**2) * np.expm1(-((pd / error) ** 2)) / (2 * pd)
    # without error there is no bias; without polarization the limit of the formula is zero
    return np.where((error == 0) | (pd == 0), pd, pd - lower)
