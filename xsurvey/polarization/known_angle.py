r"""Polarization along an angle that is known beforehand.

With the angle psi0 known what is measured is the projection

.. math:: p = q \cos 2\psi_0 + u \sin 2\psi_0, \qquad
          \sigma^2 = e^T C e, \quad e = (\cos 2\psi_0, \sin 2\psi_0),

of one Gaussian error: unlike the polarization degree of a free angle it has no bias, may be
negative, and its limits are lower. Intervals and limits are of the posterior of the true degree
P for a prior that is flat in P >= 0 (and has no upper end: a limit above 1 says that there is
none). That the source is polarized along psi0 is an assumption, which `consistency` checks: the
component at 45 degrees to it should be zero.

Limits cover the true degree at their level or more often. Intervals are of probability, not of
coverage: at 68.3 % they cover 76 % at no polarization, 61 % at 1.5 standard deviations, 68 % from
three on (of two-sided intervals of a quantity with a boundary no choice is uniform).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr, ndtri, ndtri_exp

from xsurvey.polarization.measurement import checked


@dataclass(frozen=True)
class KnownAngle:
    """Projections of n measurements on known angles; arrays of shape (n,).

    Attributes
    ----------
    angle_deg : ndarray
    pd : ndarray
        The projection, a fraction; negative where the polarization is rather perpendicular.
    error : ndarray
        Its standard deviation.
    across, across_error : ndarray
        Likewise at 45 degrees to the angle.
    across_chi2 : ndarray
        Of the component across, given the one along where both are correlated: 1 degree of
        freedom.
    """

    angle_deg: np.ndarray
    pd: np.ndarray
    error: np.ndarray
    across: np.ndarray
    across_error: np.ndarray
    across_chi2: np.ndarray

    @property
    def significance(self) -> np.ndarray:
        """Standard deviations above zero; the test is one-sided."""
        return self.pd / self.error

    @property
    def log_probability(self) -> np.ndarray:
        """Logarithm of the chance of this projection or more without polarization."""
        return np.asarray(log_ndtr(-self.significance))

    @property
    def consistency(self) -> np.ndarray:
        """Chance of as large a component across as this one if the assumed angle is right."""
        return np.asarray(2 * np.exp(log_ndtr(-np.sqrt(self.across_chi2))))

    def upper_limit(self, level: float) -> np.ndarray:
        """Return the degrees below which the true ones are with a probability.

        Raises
        ------
        ValueError
            A level that is not between 0 and 1.
        """
        check_level(level)
        # 1 - F(limit) = (1 - level), in logarithms of the tails of a Gaussian cut at zero
        log_tail = np.log1p(-level) + log_ndtr(self.pd / self.error)
        return self.pd - self.error * np.asarray(ndtri_exp(log_tail))

    def interval(self, level: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the ends of the intervals of highest posterior density at a level.

        Where zero is in it, it is from zero to the upper limit of this level.

        Raises
        ------
        ValueError
            A level that is not between 0 and 1.
        """
        check_level(level)
        # the part `level` of what lies above zero, about the peak
        mass = level * np.exp(log_ndtr(self.pd / self.error))
        half = self.error * ndtri(0.5 + mass / 2)
        cut = self.pd - half < 0
        low = np.where(cut, 0.0, self.pd - half)
        high = np.where(cut, self.upper_limit(level), self.pd + half)
        return np.where(np.isnan(half), np.nan, low), high


def known_angle(
    q: np.ndarray, u: np.ndarray, covariance: np.ndarray, angle_deg: np.ndarray | float
) -> KnownAngle:
    """Project measurements on a known position angle.

    Parameters
    ----------
    q, u : ndarray, shape (n,)
        Normalised; NaN gives NaN.
    covariance : ndarray, shape (n, 2, 2)
    angle_deg : float or ndarray, shape (n,)
        Degrees, north through east.

    Raises
    ------
    ValueError
        An angle that is not finite; measurements as in
        `xsurvey.polarization.measurement.checked`.
    """
    q, u, covariance = checked(q, u, covariance)
    angle = np.broadcast_to(np.asarray(angle_deg, float), q.shape)
    if not np.isfinite(angle).all():
        raise ValueError("a known angle is not a finite number of degrees")
    cos, sin = np.cos(np.radians(2 * angle)), np.sin(np.radians(2 * angle))
    a, b, c = covariance[..., 0, 0], covariance[..., 0, 1], covariance[..., 1, 1]
    along = a * cos**2 + 2 * b * cos * sin + c * sin**2
    across = a * sin**2 - 2 * b * cos * sin + c * cos**2
    both = (c - a) * cos * sin + b * (cos**2 - sin**2)
    pd, away = q * cos + u * sin, u * cos - q * sin
    left = away - both / along * pd
    return KnownAngle(
        angle, pd, np.sqrt(along), away, np.sqrt(across),
        left**2 / (across - both**2 / along),
    )  # fmt: skip


def check_level(level: float) -> None:
    """Raise ValueError where a level is not between 0 and 1."""
    if not 0 < level < 1:
        raise ValueError(f"a level of {level:g} is not between 0 and 1")
