"""Densities of rates of measured sources, for their files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from scipy import special

from xsurvey.pipelines.products.flux_files import RatePosterior

_POINTS = 401
_TAIL = 1e-7
APERTURE = "aperture counts, background as expected"


def posteriors_of(
    bands: Iterable[str], rows: Iterable[tuple[str, Mapping[str, Any]]]
) -> Iterator[RatePosterior]:
    """Yield the densities of all bands that were measured with an exposure.

    Parameters
    ----------
    bands : iterable of str
    rows : iterable of (str, mapping)
        Observation, empty for all together, and its columns of the source.
    """
    listed = list(rows)
    for band in bands:
        for observation, row in listed:
            found = _posterior(band, observation, row)
            if found is not None:
                yield found


def _posterior(band: str, observation: str, row: Mapping[str, Any]) -> RatePosterior | None:
    counts, background, exposure = (
        _number(row.get(f"{name}_{band}")) for name in ("counts", "background", "exposure")
    )
    fraction = _number(row.get("psf_fraction"))
    known = np.isfinite([counts, background, exposure, fraction]).all()
    if not known or exposure <= 0 or fraction <= 0:
        return None
    source, density = counts_density(counts, background, fraction)
    return RatePosterior(
        band, observation, source / exposure, density * exposure, flux_per_rate(row, band), APERTURE
    )


def counts_density(
    counts: float, background: float, fraction: float
) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the posterior of a source's counts, the expected background being known.

    Parameters
    ----------
    counts : float
        In the aperture.
    background : float
        Expected among them.
    fraction : float
        Of the source's counts that fall into the aperture.

    Returns
    -------
    source, density : ndarray, shape (n,)
        Grid of all counts of the source, and the density, whose trapezoids add up to 1.

    Notes
    -----
    :math:`p(s) \propto (f s + b)^C e^{-f s}`, s >= 0: a gamma density of f s + b cut at b.
    """
    shape = counts + 1
    # only what lies above the background is possible
    least = special.gammainc(shape, background)
    low = max(float(special.gammaincinv(shape, min(least + _TAIL, 1.0))), background)
    high = float(special.gammainccinv(shape, _TAIL * max(1 - least, 1e-290)))
    if not np.isfinite(low) or not high > low:  # far fewer counts than background
        low, high = background, background + 30.0
    low = background if low - background < 0.1 * (high - low) else low
    mean = np.linspace(low, high, _POINTS)
    logarithm = special.xlogy(counts, mean) - mean
    density = np.exp(logarithm - logarithm.max())
    source = (mean - background) / fraction
    area = np.sum(0.5 * (density[1:] + density[:-1]) * np.diff(source))
    return source, density / area


def flux_per_rate(row: Mapping[str, Any], band: str) -> float:
    """Return the flux of a count / s, NaN where the row has no fluxes."""
    for ending in ("_upper", "_hi", ""):
        flux, rate = (_number(row.get(f"{name}_{band}{ending}")) for name in ("flux", "rate"))
        if np.isfinite([flux, rate]).all() and rate > 0:
            return flux / rate
    return float("nan")


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")
