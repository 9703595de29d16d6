r"""How much a PSF smooths the variation that unresolved sources give to narrow regions.

Counts of Poisson sources in a region vary by :math:`\sum N^2` of the sources in it. A PSF spreads
each of them over regions beside: a strip of width w keeps of this variance

.. math:: \kappa = \frac{1}{w} \int (L \otimes 1_w)^2 dx
    = \left\langle \max(0, 1 - |x_1 - x_2| / w) \right\rangle

with the PSF's line spread L, from which :math:`x_1` and :math:`x_2` are drawn independently. What
neighbours then have in common is not followed.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import qmc

from xsurvey.profiles.psf_mixing import Psf, displacement_of

_LOG2_PAIRS = 13


def kept_variance(width: np.ndarray, psf: Psf) -> np.ndarray:
    """Return the part of the variance of unresolved sources that strips keep.

    Parameters
    ----------
    width : ndarray, shape (n,)
        Of the strips, arcmin.
    psf : PointSpreadFunction or ImagePsf
        Taken on the axis, where it is narrowest and most is kept.

    Returns
    -------
    ndarray, shape (n,)
        1 for wide strips, near 0 for those much narrower than the PSF.
    """
    width = np.asarray(width, float)
    displacement = displacement_of(psf)
    points = qmc.Sobol(4, scramble=False).random_base2(_LOG2_PAIRS) + 0.5 / 2**_LOG2_PAIRS
    zero = np.zeros(len(points))
    first, second = (
        displacement.displace(points[:, i], points[:, i + 1], zero, None) for i in (0, 2)
    )
    # images of a PSF need not be round
    apart = np.sort(np.abs(np.concatenate([a - b for a, b in zip(first, second, strict=True)])))
    within = np.searchsorted(apart, width)
    total = np.concatenate(([0.0], np.cumsum(apart)))[within]
    kept = (within - total / np.maximum(width, 1e-300)) / len(apart)
    return np.asarray(np.clip(kept, 0.0, 1.0))
