"""Stokes parameters measured in energy bins, with their errors."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

import numpy as np

from xsurvey.polarization.significance import significance


class StokesFlag(IntFlag):
    """What is the matter with a bin."""

    NO_EVENTS = 1
    """No event is in it."""
    NO_NET_SIGNAL = 2
    """Not more than the background: no polarization."""
    FEW_EVENTS = 4
    """I is less than five times its error: Q/I and U/I are not Gaussian."""
    NO_ERROR = 8
    """Too few events for errors, or by the rules of the estimator none."""
    ABOVE_ONE = 16
    """The degree is above 1, which no source has."""
    AT_ONE = 32
    """The likelihood is largest where the degree is 1: intervals are not right."""

    @classmethod
    def names(cls, value: int) -> list[str]:
        """Return the names of the flags that are set, in lower case."""
        return [str(flag.name).lower() for flag in cls if value & flag]


@dataclass(frozen=True)
class StokesBins:
    """Stokes parameters of energy bins; arrays have shape (n,), or (b, n).

    What a bin does not have is NaN, and ``flags`` say why.

    Attributes
    ----------
    energy_min, energy_max : ndarray, shape (n,)
        keV, of the bins.
    energy : ndarray
        Mean energy, keV.
    counts : ndarray
        Events, of the source region where there is a background.
    i, q, u : ndarray
        Sums of weights, and of these times q/mu and u/mu, background subtracted; count, or
        count / cm2 with acceptance correction.
    covariance : ndarray, shape (n, 2, 2)
        Of Q/I and U/I.
    i_err, q_err, u_err : ndarray
        1 sigma; those of Q and U are I times those of Q/I and U/I, as polarization cubes have them.
    modulation : ndarray
        Effective modulation factor: its mean over the weights.
    mdp99 : ndarray
        Degree that an unpolarized source exceeds with a probability of 1 %.
    effective_counts : ndarray
        I^2 / sum of squared weights.
    pd_err, pa_err_deg : ndarray
        1 sigma, by propagation of errors.
    chi2 : ndarray
        Against no polarization, 2 degrees of freedom.
    flags : ndarray of int
        Bits of `StokesFlag`.
    estimator : str
    """

    energy_min: np.ndarray
    energy_max: np.ndarray
    energy: np.ndarray
    counts: np.ndarray
    i: np.ndarray
    q: np.ndarray
    u: np.ndarray
    covariance: np.ndarray
    i_err: np.ndarray
    q_err: np.ndarray
    u_err: np.ndarray
    modulation: np.ndarray
    mdp99: np.ndarray
    effective_counts: np.ndarray
    pd_err: np.ndarray
    pa_err_deg: np.ndarray
    chi2: np.ndarray
    flags: np.ndarray
    estimator: str = "empirical"

    @property
    def q_norm(self) -> np.ndarray:
        """Q/I, NaN where there is no net signal."""
        return _over(self.q, self.i)

    @property
    def u_norm(self) -> np.ndarray:
        """U/I, NaN where there is no net signal."""
        return _over(self.u, self.i)

    @property
    def pd(self) -> np.ndarray:
        """Polarization degree, a fraction; not debiased, and not bounded by 1."""
        return np.hypot(self.q_norm, self.u_norm)

    @property
    def pa_deg(self) -> np.ndarray:
        """Polarization angle, degrees north through east in (-90, 90]."""
        return polarization_angle(self.q_norm, self.u_norm)

    @property
    def significance(self) -> np.ndarray:
        """Of the polarization, in sigma."""
        return significance(self.chi2)


def polarization_angle(q: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Return the angle of a polarization, degrees in (-90, 90], north through east."""
    angle = 0.5 * np.degrees(np.arctan2(u, q))
    return np.where(angle <= -90, angle + 180, angle) + 0.0


def _over(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(whole > 0, part / whole, np.nan)
