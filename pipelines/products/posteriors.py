"""Densities of rates and fluxes of measured sources, for their files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from xsurvey.detection.posterior_store import StoredPosteriors
from xsurvey.pipelines.products.flux_files import RatePosterior


def posteriors_of(
    number: int, bands: Iterable[str], rows: Iterable[tuple[str, Mapping[str, Any]]],
    stored: StoredPosteriors,
) -> Iterator[RatePosterior]:  # fmt: skip
    """Yield the densities of all bands in which a source was measured, with an exposure in s.

    Parameters
    ----------
    number : int
        Of the source.
    bands : iterable of str
    rows : iterable of (str, mapping)
        Observation, empty for all together, and its columns of the source.
    stored : StoredPosteriors
        Densities of counts.
    """
    listed = list(rows)
    for band in bands:
        for observation, row in listed:
            exposure = _number(row.get(f"exposure_{band}"))
            found = stored.of(number, observation, band)
            if found is None or not exposure > 0:
                continue
            counts, density = found
            yield RatePosterior(
                band, observation, counts / exposure, density * exposure, flux_per_rate(row, band)
            )


def flux_per_rate(row: Mapping[str, Any], band: str) -> float:
    """Return the flux of a count / s, NaN where the row has no fluxes."""
    for ending in ("_upper", "_hi", ""):
        flux, rate = (_number(row.get(f"{name}_{band}{ending}")) for name in ("flux", "rate"))
        if np.isfinite([flux, rate]).all() and rate > 0:
            return flux / rate
    return float("nan")


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")
