r"""Polarization after the events' angles are turned back by a rotation that is given.

With phi the rotation at the time of an event, q + i u becomes :math:`(q + i u)\, e^{-2 i \phi}`:
where the polarization angle of the source is psi0 + phi(t), what is left is the polarization along
the constant angle psi0. Sums by time bin (`binned_sums`) are turned as a
whole, which loses the part :math:`1 - \sin(\Delta) / \Delta \approx \Delta^2 / 6` of the
polarization, Delta being the rotation (of the angle on the sky, radians) in a bin: `widest_bin`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xsurvey.polarization.measurement import angle_of, inverse
from xsurvey.polarization.significance import gaussian_sigma, log_chi2_tail
from xsurvey.polarization.variation.binned_sums import BinnedSums, second_moments

DAY = 86400.0
_AT_ONCE = 1_000_000  # bins times rotations


@dataclass(frozen=True)
class Derotated:
    """Polarization after a rotations were taken out; arrays of shape (a,).

    Attributes
    ----------
    q, u : ndarray
        Normalised; NaN without events.
    covariance : ndarray, shape (a, 2, 2)
        Of q and u, measured on the events.
    chi2 : ndarray
        Of no polarization, 2 degrees of freedom, with the covariance that there is then.
    """

    q: np.ndarray
    u: np.ndarray
    covariance: np.ndarray
    chi2: np.ndarray

    @property
    def pd(self) -> np.ndarray:
        """Polarization degree, a fraction, not debiased."""
        return np.hypot(self.q, self.u)

    @property
    def pa_deg(self) -> np.ndarray:
        """Position angle less the rotation, degrees in (-90, 90]."""
        return angle_of(self.q, self.u)

    @property
    def log_probability(self) -> np.ndarray:
        """Logarithm of the chance of such a chi-squared without polarization, of one rotation."""
        return log_chi2_tail(self.chi2, 2)

    @property
    def significance(self) -> np.ndarray:
        """Of the polarization, standard deviations of a Gaussian; no trials are counted."""
        return gaussian_sigma(self.log_probability)


def widest_bin(rate: float, loss: float = 1e-3) -> float:
    """Return the longest time bin, seconds, for rotations up to a rate.

    Parameters
    ----------
    rate : float
        Degrees a day.
    loss : float
        Part of the polarization that may be lost by rotation within a bin.

    Examples
    --------
    >>> round(widest_bin(360.0))  # 4.4 degrees of rotation
    1065
    """
    if not (np.isfinite(rate) and rate != 0 and 0 < loss < 1):
        raise ValueError("a rate is a finite number and not zero, a loss between 0 and 1")
    return float(np.degrees(np.sqrt(6 * loss)) / abs(rate) * DAY)


def derotated(sums: BinnedSums, angle_deg: np.ndarray) -> Derotated:
    """Return the polarization after rotations were taken out.

    Parameters
    ----------
    sums : BinnedSums
        By time.
    angle_deg : ndarray, shape (a, b) or (b,)
        Rotation at the centre of each bin, degrees: constant rates, an optical angle, or samples
        of one. With the angle itself, not its change, what is left is the angle relative to it.

    Raises
    ------
    ValueError
        Angles of another number of bins, or that are not finite in a bin with events.
    """
    angle = np.atleast_2d(np.asarray(angle_deg, float))
    used = sums.used
    if angle.shape[1:] != used.shape or not np.isfinite(angle[:, used]).all():
        raise ValueError("the rotation is not a finite angle for every bin with events")
    z, z2, square = (np.empty(len(angle), complex) for _ in range(3))
    step = max(1, _AT_ONCE // max(len(used), 1))
    for first in range(0, len(angle), step):
        at = slice(first, first + step)
        turn = np.exp(-2j * np.radians(angle[at][:, used]))
        z[at], z2[at] = turn @ sums.z[used], turn @ sums.z_weight2[used]
        square[at] = turn**2 @ sums.square[used]
    weight, weight2, power = (v.sum() for v in (sums.weight, sums.weight2, sums.power))
    if weight == 0:
        nothing = np.full(len(angle), np.nan)
        return Derotated(nothing, nothing, np.full((len(angle), 2, 2), np.nan), nothing)
    mean = z / weight
    # about the mean, which is the same in no rotation and in the right one
    centred = second_moments(
        power - 2 * (np.conj(mean) * z2).real + np.abs(mean) ** 2 * weight2,
        square - 2 * mean * z2 + mean**2 * weight2,
    )
    x = np.stack([z.real, z.imag], axis=-1)
    null = second_moments(np.broadcast_to(power, mean.shape), square)
    with np.errstate(divide="ignore", invalid="ignore"):  # one event, or events of one angle
        chi2 = np.einsum("ai,aij,aj->a", x, inverse(null), x)
    return Derotated(mean.real, mean.imag, centred / weight**2, chi2)


def marginal(samples: Derotated) -> tuple[float, float, np.ndarray]:
    """Return q, u, and their covariance, over samples of an uncertain rotation.

    The mean over the samples, and the mean covariance plus that between them: what the rotation's
    error adds. That the polarization which is left is lower, by exp(-2 s^2) for an error s radians,
    is not corrected.
    """
    q, u = float(samples.q.mean()), float(samples.u.mean())
    between = np.zeros((2, 2))
    if len(samples.q) > 1:
        between = np.cov(np.stack([samples.q, samples.u]))
    return q, u, samples.covariance.mean(axis=0) + between
