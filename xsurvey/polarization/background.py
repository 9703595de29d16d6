"""Subtraction of a background from sums of Stokes parameters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from xsurvey.errors import ParameterError
from xsurvey.polarization.bin_sums import POWERS, BinSums


def subtract_background(source: BinSums, background: BinSums, scale: float) -> BinSums:
    """Subtract the events of a background region from those of a source region.

    The ratio of what is left, Q_N = (Q_s - k Q_b) / (I_s - k I_b), varies as
    [(dQ_s - k dQ_b) - Q_N (dI_s - k dI_b)] / I: each event of the source region adds
    [w a (q/mu - Q_N)]^2 to its variance times I^2, each of the background region k^2 times that,
    with the Q_N of the difference. Sums of squares of both regions therefore add up, and variances
    follow from them as without a background.

    Parameters
    ----------
    source, background : BinSums
        Of the same bins.
    scale : float
        k: area times exposure of the source region relative to the background region.

    Returns
    -------
    BinSums
        ``counts`` and ``gross`` are those of the source region.

    Raises
    ------
    ParameterError
        The scale is not positive.
    """
    if not (np.isfinite(scale) and scale > 0):
        raise ParameterError(
            "background_scale", f"is {scale:g}", "give the ratio of the regions' areas, above 0"
        )
    return replace(source, **subtracted(source, background, scale))


def subtracted(
    source: BinSums, background: BinSums, scale: float | np.ndarray
) -> dict[str, np.ndarray]:
    """Return the sums of all powers of weights: linear ones less, others plus the background's."""
    return {
        name: getattr(source, name)
        + (-scale if power == 1 else scale**power) * getattr(background, name)
        for name, power in POWERS.items()
    }
