"""Which cells can be measured, and how improbable they are without polarization."""

from __future__ import annotations

import numpy as np

from xsurvey.polarization.bin_sums import BinSums
from xsurvey.polarization.random_phases import as_chi2, unevenness
from xsurvey.polarization.stokes import StokesBins, StokesFlag

_UNUSABLE = int(
    StokesFlag.NO_EVENTS | StokesFlag.NO_NET_SIGNAL | StokesFlag.FEW_EVENTS | StokesFlag.NO_ERROR
)


def null_error(sums: BinSums) -> np.ndarray:
    """Return the standard deviation of Q, and of U, without polarization; NaN where it is zero."""
    variance = (sums.qq + sums.uu) / 2
    return np.sqrt(np.where(variance > 0, variance, np.nan))


def null_chi2(sums: BinSums) -> np.ndarray:
    """Return chi2 against no polarization, 2 degrees of freedom, as `empirical` has it."""
    error = null_error(sums)
    return as_chi2((sums.q / error) ** 2 + (sums.u / error) ** 2, unevenness(sums))


def usable_cells(sums: BinSums, bins: StokesBins, minimum: float) -> np.ndarray:
    """Tell which cells have enough events for Q/I and U/I to be Gaussian, shape (p, n).

    Parameters
    ----------
    sums : BinSums
    bins : StokesBins
        Of these.
    minimum : float
        Effective number of events, before a background was subtracted. What is left must also be
        five times its error. In a smoothed map half as many must be there by their weights, as in
        an even field under a Gaussian: its wings alone are no measurement of a place.
    """
    enough = (sums.gross >= minimum) & (sums.counts >= minimum / 2)
    return np.asarray(enough & ((bins.flags & _UNUSABLE) == 0))
