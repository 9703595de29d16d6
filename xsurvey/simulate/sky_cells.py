"""Sources drawn for the sky itself, cell by cell: neighbouring fields have the same ones."""

from __future__ import annotations

import numpy as np

from xsurvey.attitude import separations, unit_vectors
from xsurvey.simulate.log_n_log_s import LogNLogS
from xsurvey.units import SkyPosition

_MARGIN = 1.5  # deg, from the middle of a cell to any place in it: cells are a degree high
_ZONES = 180


def sources_about(
    law: LogNLogS, pointing: SkyPosition, radius: float, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return all sources within a distance, and some beyond.

    The sky is cut into zones of declination a degree high, these into cells of about a square
    degree. The sources of each follow from the seed and the cell alone.

    Parameters
    ----------
    law : LogNLogS
    pointing : SkyPosition
    radius : float
        Deg.
    seed : int

    Returns
    -------
    ra, dec : ndarray, shape (n,)
        Deg.
    flux : ndarray, shape (n,)
        erg / s / cm2.
    """
    centre = unit_vectors(*pointing)
    found: list[np.ndarray] = [np.empty((3, 0))]
    for zone in range(_ZONES):
        low = -90.0 + zone
        if abs(low + 0.5 - pointing.dec) > radius + _MARGIN:
            continue
        cells = max(1, round(360 * np.cos(np.radians(low + 0.5))))
        middle = (np.arange(cells) + 0.5) * 360 / cells
        away = separations(centre, unit_vectors(middle, np.full(cells, low + 0.5))) / 60
        found += [
            _cell(law, zone, int(cell), cells, seed)
            for cell in np.flatnonzero(away <= radius + _MARGIN)
        ]
    ra, dec, flux = np.concatenate(found, axis=1)
    return ra, dec, flux


def _cell(law: LogNLogS, zone: int, cell: int, cells: int, seed: int) -> np.ndarray:
    """Return right ascension, declination and flux of a cell's sources, shape (3, n)."""
    generator = np.random.default_rng([seed, zone, cell])
    low, high = np.sin(np.radians([zone - 90, zone - 89]))
    area = 360 / cells * np.degrees(high - low)
    count = int(generator.poisson(law.number() * area))
    ra = (cell + generator.random(count)) * 360 / cells
    sine = low + generator.random(count) * (high - low)
    return np.stack([ra, np.degrees(np.arcsin(sine)), law.draw(count, generator)])
