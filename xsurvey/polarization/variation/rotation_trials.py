"""What the best rate of a rotation scan is worth, by simulation.

Two questions, each with its own simulated observations in the time bins of the data, of Gaussian
sums with the variance that the events have:

- is there polarization at all? Of unpolarized ones the largest chi-squared in the scan is compared
  (`rotation.RotationScan.log_probability` is the analytic estimate);
- does it rotate? Of ones with the constant polarization that is measured without rotation
  the gain is compared: the largest chi-squared less that without rotation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xsurvey.polarization.variation.binned_sums import BinnedSums
from xsurvey.polarization.variation.derotation import DAY
from xsurvey.polarization.variation.rotation import RotationScan

_AT_ONCE = 2_000_000  # complex numbers


@dataclass(frozen=True)
class RotationTrials:
    """Probabilities of a rotation scan from simulated observations.

    Attributes
    ----------
    polarized : float
        Chance of such a largest chi-squared, anywhere in the scan, without polarization.
    rotating : float
        Chance of such a gain by rotation of a constant polarization.
    trials : int
        Of each; probabilities are (1 + those that reach it) / (1 + trials).
    largest_chi2, largest_gain : ndarray, shape (trials,)
        Of the simulations, sorted.
    """

    polarized: float
    rotating: float
    trials: int
    largest_chi2: np.ndarray
    largest_gain: np.ndarray


def rotation_trials(
    sums: BinnedSums, scan: RotationScan, trials: int = 999, seed: int = 0
) -> RotationTrials:
    """Simulate observations without rotation, and search them as the data were.

    Parameters
    ----------
    sums : BinnedSums
        What the scan is of.
    scan : RotationScan
    trials, seed : int

    Raises
    ------
    ValueError
        No trials.
    """
    if trials < 1:
        raise ValueError("there are no trials")
    used = sums.used
    since = (sums.centre[used] * 1.0 - scan.reference_time) / DAY
    # zero rotation is compared with in each trial
    turn = np.exp(-2j * np.radians(np.append(scan.rate, 0.0)[:, None] * since)).T
    variance = sums.power.sum() / sums.weight2.sum() * sums.weight2[used] / 2
    constant = sums.weight[used] * (sums.z.sum() / sums.weight.sum())
    generator = np.random.default_rng(seed)
    largest, gains = np.empty(trials), np.empty(trials)
    step = max(1, _AT_ONCE // max(turn.shape))
    for first in range(0, trials, step):
        at = slice(first, min(first + step, trials))
        shape = (at.stop - at.start, len(since))
        noise = np.sqrt(variance) * (
            generator.standard_normal(shape) + 1j * generator.standard_normal(shape)
        )
        largest[at] = (np.abs(noise @ turn) ** 2).max(axis=1) / variance.sum()
        chi2 = np.abs((noise + constant) @ turn) ** 2 / variance.sum()
        gains[at] = chi2.max(axis=1) - chi2[:, -1]
    largest.sort()
    gains.sort()
    # of the same rates: the refined maximum has no counterpart in the trials
    top = float(scan.derotated.chi2.max())
    gain = top - float(scan.at_rest.chi2[0])
    return RotationTrials(
        _share(largest, top), _share(gains, max(gain, 0.0)), trials, largest, gains
    )


def _share(values: np.ndarray, observed: float) -> float:
    reached = int((values >= observed * (1 - 1e-12)).sum())
    return (1 + reached) / (1 + len(values))
