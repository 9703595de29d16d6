"""Redistribution matrices where a mission's own is not at hand: Gaussian lines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.sparse import csr_array
from scipy.special import ndtr

from xsurvey.io.ogip.types import RedistributionMatrix
from xsurvey.missions.responses import ChannelGrid

_SIGMAS = 6.0
_FWHM = 2 * np.sqrt(2 * np.log(2))


def gaussian_matrix(
    energy_low: np.ndarray, energy_high: np.ndarray, channels: ChannelGrid, fwhm: np.ndarray
) -> RedistributionMatrix:
    """Make a redistribution matrix of Gaussian lines without tails, escape peaks or continua.

    Parameters
    ----------
    energy_low, energy_high : ndarray, shape (n,)
        Of photons, keV.
    channels : ChannelGrid
        Of m channels.
    fwhm : ndarray, shape (n,)
        Full width at half maximum, keV, at the middle of each energy bin; the bin's own width is
        added as that of a uniform distribution.

    Returns
    -------
    RedistributionMatrix
        Rows add up to 1, except where all of a line lies outside of the channels: these are 0.
    """
    middle = (energy_low + energy_high) / 2
    sigma = np.sqrt((fwhm / _FWHM) ** 2 + (energy_high - energy_low) ** 2 / 12)[:, None]
    # channels are contiguous: their limits are those of the cumulative distribution
    edges = np.append(channels.low, channels.high[-1])
    below = ndtr(np.clip((edges[None, :] - middle[:, None]) / sigma, -_SIGMAS, _SIGMAS))
    rows = np.diff(below, axis=1)
    total = rows.sum(axis=1, keepdims=True)
    rows = np.divide(rows, total, out=np.zeros_like(rows), where=total > 1e-6)
    return RedistributionMatrix(
        Path(), np.asarray(energy_low, float), np.asarray(energy_high, float), csr_array(rows),
        channels.numbers, channels.low, channels.high,
    )  # fmt: skip
