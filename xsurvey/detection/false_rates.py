"""How many false sources to expect: a table of simulations, `benchmarks.false_rates`."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from xsurvey.detection.search import SearchImage
from xsurvey.io.yaml_file import read_yaml

_TABLE = Path(__file__).with_name("false_rates.yaml")
_HALF_ENERGY = float(np.sqrt(2 * np.log(2)))
"""Half-energy radius of a Gaussian in its sigma."""
_PIXEL = 1 / 12
"""Variance of a place within a pixel: no beam is smaller than that."""
BEAM = 12.566370614359172
"""Area of a beam in squared sigmas of a Gaussian: 4 pi, what its noise is averaged over."""


def expected_false(threshold: float, background: np.ndarray, beams: np.ndarray) -> float:
    r"""Return the number of false sources that are expected above a detection likelihood.

    Parameters
    ----------
    threshold : float
        -ln P.
    background : ndarray, shape (n,)
        Expected background counts in a beam: the area that a Gaussian of the PSF's half-energy
        radius averages noise over, :math:`4 \pi \sigma^2`.
    beams : ndarray, shape (n,)
        How many beams have that background.

    Returns
    -------
    float
        Of one searched band; of several with likelihoods that are corrected for their number, it
        is an upper limit for all of them together.

    Notes
    -----
    Blank images simulated with flat backgrounds; the number above L falls as exp(-s L). Between
    backgrounds of the table amplitudes and slopes are interpolated in ln b, beyond them they stay.
    """
    levels, amplitude, slope, reference = _table()
    where = np.log(np.clip(np.asarray(background, float), levels[0], levels[-1]))
    height = np.interp(where, np.log(levels), np.log(amplitude))
    fall = np.interp(where, np.log(levels), slope)
    return float(np.sum(np.asarray(beams) * np.exp(height - fall * (threshold - reference))))


def false_sources(
    images: Sequence[SearchImage], threshold: float, own: np.ndarray | None = None
) -> float:
    """Return how many sources the background alone makes in what is searched.

    Parameters
    ----------
    images : sequence of SearchImage
        One a band.
    threshold : float
        -ln P, corrected for the number of bands.
    own : ndarray of bool, shape (ny, nx) or (), optional
        Pixels that count.

    Returns
    -------
    float
        Of bands that share photons, as a band and its parts do, an upper limit.
    """
    total = 0.0
    for image in images:
        seen = (image.background > 0) & np.isfinite(image.half_energy)
        seen = seen if own is None else seen & own
        sigma = image.half_energy[seen] / _HALF_ENERGY
        area = BEAM * (sigma**2 + _PIXEL)
        level = image.background[seen] * area
        total += expected_false(threshold + float(np.log(len(images))), level, 1 / area)
    return total


@functools.cache
def _table() -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    content = read_yaml(_TABLE)
    rows = content["rows"]
    levels, amplitude, slope = (
        np.array([float(row[key]) for row in rows]) for key in ("background", "rate", "slope")
    )
    return levels, amplitude, slope, float(content["reference"])
