r"""Likelihoods of measured polarization, for Q/I and U/I of a model.

Statistics are -2 ln L, less what it is for the polarization that fits a datum best: never below
zero, and chi-square where errors are Gaussian. Four kinds of data:

- Q/I and U/I with a covariance (`MeasuredStokes`); degrees and angles with their errors are that,
  too (`stokes_of_degrees`);
- a degree and its error without an angle (`MeasuredDegrees`): Rice's distribution. The degree is as
  measured; one that was corrected for its bias is taken for that, which matters below three
  times the error;
- an upper limit that the true degree is below with a probability (`DegreeLimits`). What was
  measured is not told by a limit alone; it is taken to be nothing, so that the likelihood is
  exp(-P^2 / 2 sigma^2), and sigma that of which P is below the limit with this probability, where
  all degrees are as probable before. Give Q/I and U/I instead where they are known;
- a degree that was not detected (`UndetectedDegrees`): what was measured is below a limit that an
  unpolarized source stays below with a probability, as the minimum detectable polarization of
  X-ray polarimeters. The likelihood is the lower tail of Rice's distribution.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
from scipy import special

from xsurvey.sed.polarization import rice


class Derivatives(NamedTuple):
    """Of a statistic, shape (b, n) each.

    Attributes
    ----------
    q, u : ndarray
        First derivatives by Q/I and U/I.
    qq, uu : ndarray
        Second ones, or positive numbers that are not less.
    """

    q: np.ndarray
    u: np.ndarray
    qq: np.ndarray
    uu: np.ndarray


class PolarizationDatum(Protocol):
    """Data of one kind."""

    def __len__(self) -> int: ...

    @property
    def bins(self) -> int:
        """Gaussian numbers that they are."""
        ...

    def statistic(self, q: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Return the statistic of each datum, (b, n), of models (b, n)."""
        ...

    def derivatives(self, q: np.ndarray, u: np.ndarray) -> Derivatives:
        """Return its derivatives."""
        ...


@dataclass(frozen=True)
class MeasuredStokes:
    """Gaussian Q/I and U/I.

    Attributes
    ----------
    q, u : ndarray, shape (n,)
    covariance : ndarray, shape (n, 2, 2)
        Positive definite.
    """

    q: np.ndarray
    u: np.ndarray
    covariance: np.ndarray

    def __len__(self) -> int:
        return len(self.q)

    @property
    def bins(self) -> int:
        """Two a datum."""
        return 2 * len(self)

    @cached_property
    def _inverse(self) -> np.ndarray:
        return np.linalg.inv(self.covariance)

    def statistic(self, q: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Return chi-square, shape (b, n)."""
        z = np.stack([q - self.q, u - self.u], axis=-1)
        return np.einsum("bni,nij,bnj->bn", z, self._inverse, z)

    def derivatives(self, q: np.ndarray, u: np.ndarray) -> Derivatives:
        """Return the derivatives of `statistic`."""
        z = np.stack([q - self.q, u - self.u], axis=-1)
        first = 2 * np.einsum("nij,bnj->ibn", self._inverse, z)
        second = (2 * self._inverse[:, i, i] * np.ones_like(q) for i in range(2))
        return Derivatives(first[0], first[1], *second)


@dataclass(frozen=True)
class MeasuredDegrees:
    """Degrees without angles.

    Attributes
    ----------
    degree, error : ndarray, shape (n,)
        Fractions, positive; the error is that of Q/I and U/I.
    """

    degree: np.ndarray
    error: np.ndarray

    def __len__(self) -> int:
        return len(self.degree)

    @property
    def bins(self) -> int:
        """One a datum."""
        return len(self)

    @cached_property
    def _highest(self) -> np.ndarray:
        r = self.degree / self.error
        return rice.log_density(r, rice.most_likely(r))

    def statistic(self, q: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Return -2 ln of Rice's density over its highest, shape (b, n)."""
        r, a = self.degree / self.error, np.hypot(q, u) / self.error
        return np.maximum(2 * (self._highest - rice.log_density(r, a)), 0.0)

    def derivatives(self, q: np.ndarray, u: np.ndarray) -> Derivatives:
        """Return the derivatives of `statistic`."""
        true = np.hypot(q, u)
        slope = -2 * rice.density_slope(self.degree / self.error, true / self.error) / self.error
        return _radial(q, u, true, slope, self.error)


@dataclass(frozen=True)
class DegreeLimits:
    """Upper limits of true degrees, of which nothing else is known.

    Attributes
    ----------
    limit, confidence : ndarray, shape (n,)
        Fraction, and the probability that the degree is below.
    """

    limit: np.ndarray
    confidence: np.ndarray

    def __len__(self) -> int:
        return len(self.limit)

    @property
    def bins(self) -> int:
        """None."""
        return 0

    @property
    def error(self) -> np.ndarray:
        """Sigma that limits are taken to be of, where nothing was measured."""
        return self.limit / special.ndtri((1 + self.confidence) / 2)

    def statistic(self, q: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Return (P / sigma)^2, shape (b, n)."""
        return (q**2 + u**2) / self.error**2

    def derivatives(self, q: np.ndarray, u: np.ndarray) -> Derivatives:
        """Return the derivatives of `statistic`."""
        second = 2 / self.error**2
        flat = second * np.ones_like(q)
        return Derivatives(second * q, second * u, flat, flat)


@dataclass(frozen=True)
class UndetectedDegrees:
    """Degrees that were measured to be below what an unpolarized source has by chance.

    Attributes
    ----------
    limit, confidence : ndarray, shape (n,)
        Fraction, and the probability that an unpolarized source is measured below.
    """

    limit: np.ndarray
    confidence: np.ndarray

    def __len__(self) -> int:
        return len(self.limit)

    @property
    def bins(self) -> int:
        """None."""
        return 0

    @property
    def error(self) -> np.ndarray:
        """Sigma of Q/I and U/I."""
        return rice.noise_of_limit(self.limit, self.confidence)

    def statistic(self, q: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Return -2 ln of the chance to be below, over that without polarization, (b, n)."""
        a = np.hypot(q, u) / self.error
        return 2 * (np.log(self.confidence) - rice.log_below(self.limit / self.error, a))

    def derivatives(self, q: np.ndarray, u: np.ndarray) -> Derivatives:
        """Return the derivatives of `statistic`."""
        true = np.hypot(q, u)
        slope = -2 * rice.below_slope(self.limit / self.error, true / self.error) / self.error
        return _radial(q, u, true, slope, self.error)


class PolarizationLikelihood:
    """All data of the polarization of a source.

    Parameters
    ----------
    parts : sequence of (frequency, data)
        Frequencies in Hz, observed, shape (n,), and as many data.

    Attributes
    ----------
    frequency : ndarray, shape (n,)
        Of all data, in the order of the parts.
    bins : int
        Gaussian numbers among the data, for degrees of freedom.

    Raises
    ------
    ValueError
        A part has not as many frequencies as data.
    """

    def __init__(self, parts: Sequence[tuple[np.ndarray, PolarizationDatum]]) -> None:
        for frequency, data in parts:
            if len(frequency) != len(data):
                raise ValueError(f"{len(frequency)} frequencies of {len(data)} data")
        self.frequency = np.concatenate([np.zeros(0), *(np.asarray(f, float) for f, _ in parts)])
        self._data = [data for _, data in parts]
        ends = np.cumsum([0, *(len(data) for data in self._data)])
        self._rows = [slice(*pair) for pair in itertools.pairwise(ends.tolist())]
        self.bins = sum(data.bins for data in self._data)

    def terms(self, q: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Return the statistic of each datum, shape (b, n).

        Parameters
        ----------
        q, u : ndarray, shape (b, n)
            Q/I and U/I of models at `frequency`; NaN where there is no model.
        """
        result = np.zeros(np.shape(q))
        for rows, data in zip(self._rows, self._data, strict=True):
            result[:, rows] = data.statistic(q[:, rows], u[:, rows])
        return result

    def total(self, q: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Return the statistic, shape (b,), infinite where there is no model."""
        total = self.terms(q, u).sum(axis=1)
        return np.where(np.isnan(total), np.inf, total)

    def derivatives(self, q: np.ndarray, u: np.ndarray) -> Derivatives:
        """Return derivatives of `terms`."""
        result = Derivatives(*(np.zeros(np.shape(q)) for _ in range(4)))
        for rows, data in zip(self._rows, self._data, strict=True):
            found = data.derivatives(q[:, rows], u[:, rows])
            for whole, part in zip(result, found, strict=True):
                whole[:, rows] = part
        return result


def stokes_of_degrees(
    degree: np.ndarray, error: np.ndarray, angle_deg: np.ndarray, angle_error_deg: np.ndarray
) -> MeasuredStokes:
    """Return Q/I and U/I of degrees and angles.

    Parameters
    ----------
    degree, error : ndarray, shape (n,)
        Fractions, positive.
    angle_deg, angle_error_deg : ndarray, shape (n,)

    Returns
    -------
    MeasuredStokes
        With the error of the degree along the polarization, and 2 P times that of the angle
        across: the same where errors follow from those of Q/I and U/I.
    """
    degree, error = np.asarray(degree, float), np.asarray(error, float)
    angle = 2 * np.radians(np.asarray(angle_deg, float))
    across = 2 * degree * np.radians(np.asarray(angle_error_deg, float))
    cos, sin = np.cos(angle), np.sin(angle)
    qq = (error * cos) ** 2 + (across * sin) ** 2
    uu = (error * sin) ** 2 + (across * cos) ** 2
    qu = (error**2 - across**2) * cos * sin
    covariance = np.stack([np.stack([qq, qu], -1), np.stack([qu, uu], -1)], -2)
    return MeasuredStokes(degree * cos, degree * sin, covariance)


def _radial(
    q: np.ndarray, u: np.ndarray, degree: np.ndarray, slope: np.ndarray, error: np.ndarray
) -> Derivatives:
    """Return derivatives of what depends on the degree alone, of its slope by that."""
    safe = np.where(degree > 0, degree, 1.0)
    # no statistic here bends upwards more than chi-square does
    second = 2 / error**2 * np.ones_like(q)
    return Derivatives(slope * q / safe, slope * u / safe, second, second)
