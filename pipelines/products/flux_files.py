"""Posterior densities of rates and fluxes as tables: one extension a band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from xsurvey import __version__
from xsurvey.errors import plain_ascii
from xsurvey.io.fits_writer import write_hdus


@dataclass(frozen=True)
class RatePosterior:
    """Posterior of a source's rate in one band.

    Attributes
    ----------
    band : str
        Label.
    observation : str
        Empty for all observations together.
    rate : ndarray, shape (n,)
        Grid, count / s.
    density : ndarray, shape (n,)
        Probability a unit of rate; the trapezoids add up to 1.
    flux_per_rate : float
        erg / cm2 for a count; NaN where no response tells.
    """

    band: str
    observation: str
    rate: np.ndarray
    density: np.ndarray
    flux_per_rate: float


def write_posteriors(
    path: Path, posteriors: Sequence[RatePosterior], header: Mapping[str, Any]
) -> None:
    """Write densities of rates, and of fluxes where a response is known.

    Every extension is called by its band; EXTVER 1 is of all observations together, others of
    the one in ``OBSERVAT``. Columns: RATE, RATE_DENSITY, CUMULATIVE, and FLUX, FLUX_DENSITY.

    Parameters
    ----------
    path : path
    posteriors : sequence of RatePosterior
        At least one.
    header : mapping of str to value
    """
    hdus: list[Any] = [fits.PrimaryHDU()]
    versions: dict[str, int] = {}
    for one in posteriors:
        # 1 is of all observations, also where these are missing
        start = 1 if one.observation else 0
        versions[one.band] = max(versions.get(one.band, 0), start) + 1
        table = fits.BinTableHDU.from_columns(_columns(one), name=f"BAND_{one.band}".upper())
        table.ver = versions[one.band]
        words = {
            **header, "CREATOR": f"xsurvey {__version__}", "BAND": one.band,
            "OBSERVAT": one.observation or "all",
        }  # fmt: skip
        if np.isfinite(one.flux_per_rate):
            words["FLUXRATE"] = (one.flux_per_rate, "[erg / cm2] flux of a count / s")
        for key, value in words.items():
            table.header[key] = plain_ascii(value) if isinstance(value, str) else value
        hdus.append(table)
    write_hdus(path, hdus)


def _columns(one: RatePosterior) -> list[fits.Column]:
    step = np.diff(one.rate)
    steps = 0.5 * (one.density[1:] + one.density[:-1]) * step
    columns = [
        fits.Column("RATE", "D", "count / s", array=one.rate),
        fits.Column("RATE_DENSITY", "D", "s / count", array=one.density),
        fits.Column("CUMULATIVE", "D", array=np.concatenate(([0.0], np.cumsum(steps)))),
    ]
    factor = one.flux_per_rate
    if np.isfinite(factor) and factor > 0:
        columns += [
            fits.Column("FLUX", "D", "erg / (s cm2)", array=one.rate * factor),
            fits.Column("FLUX_DENSITY", "D", "s cm2 / erg", array=one.density / factor),
        ]
    return columns
