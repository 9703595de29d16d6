"""How many photons of a source fall together into one event."""

from __future__ import annotations

import numpy as np

PILED_UP = 0.05
"""Fraction above which spectra are distorted: sources are flagged, their spectra warned of."""


def pileup_fraction(
    net_rate: np.ndarray, core_fraction: np.ndarray, frame_time: float
) -> np.ndarray:
    r"""Estimate the fraction of frames with an event in which photons piled up.

    Parameters
    ----------
    net_rate : ndarray, shape (n,)
        Observed source events per second.
    core_fraction : ndarray, shape (n,)
        Part of the PSF on one 3 x 3 island.
    frame_time : float
        Seconds a frame.

    Returns
    -------
    ndarray, shape (n,)
        :math:`1 - \Lambda/(e^\Lambda - 1)` for :math:`\Lambda` photons a frame, found from
        the observed :math:`1 - e^{-\Lambda}` events a frame (Davis 2001, ApJ 562, 575, for
        one island, all grades kept). NaN where the frame time or the rate is unknown.
    """
    observed = np.clip(np.asarray(net_rate) * core_fraction * frame_time, 0, 0.999)
    photons = -np.log1p(-observed)
    safe = np.maximum(photons, 1e-9)
    return np.where(photons > 1e-6, 1 - safe / np.expm1(safe), photons / 2)
