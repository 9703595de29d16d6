"""How many false sources to expect: a table of simulations, `benchmarks.false_rates`."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from xsurvey.io.yaml_file import read_yaml

_TABLE = Path(__file__).with_name("false_rates.yaml")
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


@functools.cache
def _table() -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    content = read_yaml(_TABLE)
    rows = content["rows"]
    levels, amplitude, slope = (
        np.array([float(row[key]) for row in rows]) for key in ("background", "rate", "slope")
    )
    return levels, amplitude, slope, float(content["reference"])
