"""Posterior densities of measured sources on disk, for who needs more than intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits

from xsurvey.errors import plain_ascii
from xsurvey.inference.poisson_rate import CountsPosterior
from xsurvey.io.fits_writer import write_hdus

Posteriors = Mapping[str, Mapping[str, CountsPosterior]]
"""By observation, empty for all together, and band; n rows each."""


@dataclass(frozen=True)
class StoredPosteriors:
    """What `write_posteriors` wrote, by observation and band.

    Attributes
    ----------
    low, high : mapping
        Ends of the grids of counts, shape (n,); NaN where nothing is known.
    density : mapping
        Shape (n, points), on grids of equal steps.
    """

    low: Mapping[tuple[str, str], np.ndarray]
    high: Mapping[tuple[str, str], np.ndarray]
    density: Mapping[tuple[str, str], np.ndarray]

    def of(self, number: int, observation: str, band: str) -> tuple[np.ndarray, np.ndarray] | None:
        """Return grid and normalised density of the counts of a source, or None.

        Parameters
        ----------
        number : int
            Of the source, from 1.
        observation : str
            Empty for all together.
        band : str
        """
        key = observation, band
        if key not in self.density or number > len(self.low[key]):
            return None
        low, high = float(self.low[key][number - 1]), float(self.high[key][number - 1])
        density = np.asarray(self.density[key][number - 1], float)
        if not (np.isfinite([low, high]).all() and high > low and np.isfinite(density).all()):
            return None
        counts = np.linspace(low, high, len(density))
        total = np.sum(0.5 * (density[1:] + density[:-1]) * np.diff(counts))
        return (counts, density / total) if total > 0 else None


def write_posteriors(path: Path, posteriors: Posteriors) -> None:
    """Write densities as single-precision tables, one for each observation and band.

    Parameters
    ----------
    path : path
    posteriors : mapping of str to mapping of str to CountsPosterior
        On grids of equal steps.
    """
    hdus: list[fits.PrimaryHDU | fits.BinTableHDU] = [fits.PrimaryHDU()]
    for observation, bands in posteriors.items():
        for band, found in bands.items():
            counts, density = found.counts, found.density
            points = counts.shape[1]
            table = fits.BinTableHDU.from_columns([
                fits.Column("LOW", "D", "count", array=counts[:, 0]),
                fits.Column("HIGH", "D", "count", array=counts[:, -1]),
                fits.Column("DENSITY", f"{points}E", "1 / count", array=density),
            ], name="POSTERIOR")  # fmt: skip
            table.header["OBSERVAT"] = plain_ascii(observation)
            table.header["BAND"] = band
            hdus.append(table)
    write_hdus(path, hdus)


def read_posteriors(path: Path) -> StoredPosteriors:
    """Read what `write_posteriors` wrote."""
    low, high, density = {}, {}, {}
    with fits.open(path) as hdus:
        for table in hdus[1:]:
            key = str(table.header["OBSERVAT"]).strip(), str(table.header["BAND"]).strip()
            low[key], high[key] = np.array(table.data["LOW"]), np.array(table.data["HIGH"])
            density[key] = np.array(table.data["DENSITY"])
    return StoredPosteriors(low, high, density)
