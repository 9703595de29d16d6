r"""Photons of the sky in the hard band: what of it is not particles.

No mirror's area is zero there. The cosmic X-ray background is

.. math:: 11.6\,(E/\mathrm{keV})^{-1.41}\ \mathrm{photon/cm^2/s/sr/keV}

(De Luca & Molendi 2004, A&A 419, 837, of 2-8 keV), all sources included: masked sources make it
less, which matters as little as the correction does.
"""

from __future__ import annotations

import numpy as np

from xsurvey.io.ogip.types import RedistributionMatrix

CXB_NORM = 11.6
"""photon / cm2 / s / sr / keV at 1 keV."""
CXB_INDEX = 1.41
STERADIAN = np.radians(1 / 60) ** 2
"""Of a square arcminute."""


def cxb_photons(edges: np.ndarray) -> np.ndarray:
    """Return photons / cm2 / s / arcmin2 of the cosmic X-ray background between edges in keV."""
    power = 1 - CXB_INDEX
    return np.asarray(CXB_NORM * STERADIAN * np.diff(edges**power) / power)


def sky_rate(area: np.ndarray, rmf: RedistributionMatrix, hard: np.ndarray) -> np.ndarray:
    """Return the rate of the cosmic X-ray background in the channels of the hard band.

    Parameters
    ----------
    area : ndarray, shape (..., n)
        Effective area, vignetting included, cm2, on the energies of the matrix.
    rmf : RedistributionMatrix
    hard : ndarray of bool, shape (c,)
        Channels of the matrix.

    Returns
    -------
    ndarray, shape (...,)
        count / s / arcmin2.
    """
    edges = np.append(rmf.energy_low, rmf.energy_high[-1])
    fraction = np.asarray(rmf.matrix[:, np.flatnonzero(hard)].sum(axis=1)).ravel()
    return np.asarray(area @ (cxb_photons(edges) * fraction))
