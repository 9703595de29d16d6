"""Subtraction of a background from sums of Stokes parameters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from xsurvey.errors import ParameterError
from xsurvey.polarization.bin_sums import BinSums

_LINEAR = ("i", "q", "u", "modulation", "energy")
_QUADRATIC = ("weight2", "q_weight2", "u_weight2", "qq", "qu", "uu")


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
    changed = {n: getattr(source, n) - scale * getattr(background, n) for n in _LINEAR}
    changed |= {n: getattr(source, n) + scale**2 * getattr(background, n) for n in _QUADRATIC}
    return replace(source, **changed)
