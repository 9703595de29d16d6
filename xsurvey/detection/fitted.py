"""Sources as the fits leave them: places, rates, extents, likelihoods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from xsurvey.imaging.sky_image import SkyImage


@dataclass(frozen=True)
class FittedSources:
    """Sources fitted on all observations of a stack; n sources first, b searched bands.

    Attributes
    ----------
    bands : tuple of str
        Labels of the searched bands.
    ra, dec : ndarray, shape (n,)
        ICRS, degrees.
    covariance : ndarray, shape (n, 2, 2)
        Of the place, (east, north), arcsec2.
    rate, rate_error : ndarray, shape (n, b)
        count / s where exposure is known in seconds; the error is one sigma.
    counts : ndarray, shape (n, b)
        Expected counts of the source, all observations together.
    likelihood : ndarray, shape (n,)
        -ln P of the best band, corrected for the number of bands.
    band_likelihood : ndarray, shape (n, b)
        -ln P in each band.
    best_band : ndarray of str, shape (n,)
    extent, extent_lo, extent_hi : ndarray, shape (n,)
        Core radius of a beta model (beta = 2/3) in arcsec with its 68 % interval; 0 for points.
    extent_likelihood : ndarray, shape (n,)
        Half the gain in C of a free core radius.
    group : ndarray of int, shape (n,)
        Sources of one number were fitted together.
    converged : ndarray of bool, shape (n,)
    scale : ndarray, shape (n,)
        Wavelet scale of the candidate, arcsec.
    """

    bands: tuple[str, ...]
    ra: np.ndarray
    dec: np.ndarray
    covariance: np.ndarray
    rate: np.ndarray
    rate_error: np.ndarray
    counts: np.ndarray
    likelihood: np.ndarray
    band_likelihood: np.ndarray
    best_band: np.ndarray
    extent: np.ndarray
    extent_lo: np.ndarray
    extent_hi: np.ndarray
    extent_likelihood: np.ndarray
    group: np.ndarray
    converged: np.ndarray
    scale: np.ndarray

    def __len__(self) -> int:
        return len(self.ra)


def take(sources: FittedSources, index: np.ndarray) -> FittedSources:
    """Return some of the sources, shape (k,) of indices, in that order."""
    parts = {f.name: getattr(sources, f.name)[index] for f in fields(sources) if f.name != "bands"}
    return FittedSources(sources.bands, **parts)


@dataclass(frozen=True)
class FoundSources:
    """What the search of a stack found.

    Attributes
    ----------
    sources : FittedSources
        Most significant first.
    classification : ndarray of str, shape (n,)
        TRUE or MARGINAL.
    backgrounds : mapping of str to mapping of str to SkyImage
        By observation and band: expected background counts a pixel, on the observation's grid.
    masks : mapping of str to ndarray of bool
        By observation: pixels of sources, left out of the background maps.
    expected_false : tuple of float
        How many sources the background alone is expected to make above the threshold of TRUE
        ones, and above that of MARGINAL ones, where sources are kept; NaN where unknown.
    """

    sources: FittedSources
    classification: np.ndarray
    backgrounds: Mapping[str, Mapping[str, SkyImage]]
    masks: Mapping[str, np.ndarray]
    expected_false: tuple[float, float] = (np.nan, np.nan)
