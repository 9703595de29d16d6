"""Priors of single parameters, as users write them and as samplers need them.

A prior is a probability density between two bounds. It is written ``uniform:LOW,HIGH``,
``loguniform:LOW,HIGH``, ``normal:MEAN,SIGMA`` or ``lognormal:MEDIAN,SIGMA``; the last two may
be cut to bounds, ``normal:MEAN,SIGMA,LOW,HIGH``, and are then normalised between them.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from pydantic import BeforeValidator, PlainSerializer, PlainValidator, WithJsonSchema

from xsurvey.errors import nearest
from xsurvey.inference.truncated_normal import TruncatedNormal


@dataclass(frozen=True)
class Prior(ABC):
    """A normalised density of one parameter, zero outside ``low`` to ``high``."""

    kind: ClassVar[str]
    """How its text form begins."""

    low: float
    high: float

    @abstractmethod
    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Return ln of the density at ``x``, shape (b,); -inf outside the bounds and at NaN."""

    @abstractmethod
    def transform(self, u: np.ndarray) -> np.ndarray:
        """Return the quantile of each probability ``u`` in 0 to 1, shape (b,)."""

    @abstractmethod
    def penalty(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return -2 ln of the density, its constant left out, and two derivatives, (b,) each.

        What is to be added to a statistic -2 ln L to find the most probable value. The second
        derivative is never below zero: it is the curvature that a minimiser can use.
        """

    def sample(self, generator: np.random.Generator, n: int) -> np.ndarray:
        """Return ``n`` random values."""
        return self.transform(generator.random(n))

    def truncated(self, low: float = -math.inf, high: float = math.inf) -> Self:
        """Return the same prior cut to narrower bounds and normalised between them.

        Raises
        ------
        ValueError
            Nothing of it is left.
        """
        if not max(self.low, low) < min(self.high, high):
            raise ValueError(f"'{self}' has nothing between {_number(low)} and {_number(high)}")
        return replace(self, low=max(self.low, low), high=min(self.high, high))

    def inside(self, x: np.ndarray) -> np.ndarray:
        """Return where ``x`` is between the bounds, ends included."""
        x = np.asarray(x, float)
        return (x >= self.low) & (x <= self.high)

    def __str__(self) -> str:
        return f"{self.kind}:{_number(self.low)},{_number(self.high)}"


@dataclass(frozen=True)
class Uniform(Prior):
    """The same density everywhere between two finite bounds.

    Examples
    --------
    >>> print(Uniform(0, 5))
    uniform:0,5
    """

    kind: ClassVar[str] = "uniform"

    def __post_init__(self) -> None:
        _as_floats(self)
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"'{self}' needs two finite, increasing bounds")

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Return -ln of the width."""
        return np.where(self.inside(x), -math.log(self.high - self.low), -np.inf)

    def transform(self, u: np.ndarray) -> np.ndarray:
        """Return the quantiles of ``u``."""
        return np.clip(self.low + np.asarray(u, float) * (self.high - self.low), *_ends(self))

    def penalty(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return zeros."""
        zero = np.zeros(np.shape(x))
        return np.where(self.inside(x), 0.0, np.inf), zero, zero


@dataclass(frozen=True)
class LogUniform(Prior):
    """The same density of ln x everywhere between two positive bounds.

    Examples
    --------
    >>> print(LogUniform(1e-5, 1))
    loguniform:1e-05,1
    """

    kind: ClassVar[str] = "loguniform"

    def __post_init__(self) -> None:
        _as_floats(self)
        if not 0 < self.low < self.high < math.inf:
            raise ValueError(f"'{self}' needs two positive, increasing bounds")

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Return -ln(x ln(high / low))."""
        inside = self.inside(x)
        safe = np.where(inside, x, 1.0)
        return np.where(inside, -np.log(safe) - math.log(math.log(self.high / self.low)), -np.inf)

    def transform(self, u: np.ndarray) -> np.ndarray:
        """Return the quantiles of ``u``."""
        ln_low, ln_high = math.log(self.low), math.log(self.high)
        return np.clip(np.exp(ln_low + np.asarray(u, float) * (ln_high - ln_low)), *_ends(self))

    def penalty(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return 2 ln x, 2 / x and, since that is concave, no curvature."""
        inside = self.inside(x)
        safe = np.where(inside, x, 1.0)
        return np.where(inside, 2 * np.log(safe), np.inf), 2 / safe, np.zeros(np.shape(x))


@dataclass(frozen=True)
class Normal(Prior):
    """A Gaussian, by default over all numbers.

    Parameters
    ----------
    mean, sigma : float
        Of the Gaussian before it is cut.
    low, high : float
        Where it is cut.

    Examples
    --------
    >>> print(Normal(1, 0.1).truncated(low=0))
    normal:1,0.1,0,inf
    """

    kind: ClassVar[str] = "normal"

    low: float = -math.inf
    high: float = math.inf
    mean: float = 0.0
    sigma: float = 1.0

    def __init__(
        self, mean: float, sigma: float, low: float = -math.inf, high: float = math.inf
    ) -> None:
        _set(self, mean=mean, sigma=sigma, low=low, high=high)
        if not (math.isfinite(self.mean) and 0 < self.sigma < math.inf and self.low < self.high):
            raise ValueError(f"'{self}' needs a positive sigma and increasing bounds")

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Return ln of the Gaussian over its integral between the bounds."""
        inside = self.inside(x)
        z = (np.where(inside, x, self.mean) - self.mean) / self.sigma
        return np.where(inside, self._unit.log_density(z) - math.log(self.sigma), -np.inf)

    def transform(self, u: np.ndarray) -> np.ndarray:
        """Return the quantiles of ``u``."""
        return np.clip(self.mean + self.sigma * self._unit.quantile(u), *_ends(self))

    def penalty(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return z^2 and its derivatives, z in units of sigma."""
        z = (np.asarray(x, float) - self.mean) / self.sigma
        curvature = np.full(z.shape, 2 / self.sigma**2)
        return np.where(self.inside(x), z**2, np.inf), 2 * z / self.sigma, curvature

    @property
    def _unit(self) -> TruncatedNormal:
        low, high = ((end - self.mean) / self.sigma for end in _ends(self))
        return TruncatedNormal(low, high)

    def __str__(self) -> str:
        return _cut_text(self, self.mean, self.sigma, -math.inf)


@dataclass(frozen=True)
class LogNormal(Prior):
    """A Gaussian of ln x about ln of the median; sigma is in natural logarithms.

    Parameters
    ----------
    median, sigma : float
        Of the distribution before it is cut.
    low, high : float
        Where it is cut, ``low`` not below zero.

    Examples
    --------
    >>> print(LogNormal(2, 0.3))
    lognormal:2,0.3
    """

    kind: ClassVar[str] = "lognormal"

    low: float = 0.0
    high: float = math.inf
    median: float = 1.0
    sigma: float = 1.0

    def __init__(
        self, median: float, sigma: float, low: float = 0.0, high: float = math.inf
    ) -> None:
        _set(self, median=median, sigma=sigma, low=max(low, 0.0), high=high)
        if not (0 < self.median < math.inf and 0 < self.sigma < math.inf and self.low < self.high):
            raise ValueError(f"'{self}' needs a positive median and sigma, and increasing bounds")

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Return ln of the density of x (not of ln x)."""
        inside = self.inside(x) & (np.asarray(x) > 0)
        ln_x = np.log(np.where(inside, x, self.median))
        z = (ln_x - math.log(self.median)) / self.sigma
        density = self._unit.log_density(z) - math.log(self.sigma) - ln_x
        return np.where(inside, density, -np.inf)

    def transform(self, u: np.ndarray) -> np.ndarray:
        """Return the quantiles of ``u``."""
        return np.clip(self.median * np.exp(self.sigma * self._unit.quantile(u)), *_ends(self))

    def penalty(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return z^2 + 2 ln x, z in units of sigma, and its derivatives."""
        inside = self.inside(x) & (np.asarray(x) > 0)
        safe = np.where(inside, x, self.median)
        z = np.log(safe / self.median) / self.sigma
        slope = 2 * (z / self.sigma + 1)
        curvature = np.maximum((2 / self.sigma**2 - slope) / safe**2, 0.0)
        return np.where(inside, z**2 + 2 * np.log(safe), np.inf), slope / safe, curvature

    @property
    def _unit(self) -> TruncatedNormal:
        def unit(end: float) -> float:
            if end in (0.0, math.inf):
                return math.copysign(math.inf, end - 1)
            return math.log(end / self.median) / self.sigma

        return TruncatedNormal(unit(self.low), unit(self.high))

    def __str__(self) -> str:
        return _cut_text(self, self.median, self.sigma, 0.0)


_KINDS: dict[str, type[Prior]] = {k.kind: k for k in (Uniform, LogUniform, Normal, LogNormal)}
_FORMS = {
    "uniform": "uniform:LOW,HIGH",
    "loguniform": "loguniform:LOW,HIGH",
    "normal": "normal:MEAN,SIGMA[,LOW,HIGH]",
    "lognormal": "lognormal:MEDIAN,SIGMA[,LOW,HIGH]",
}


def parse_prior(value: Any) -> Prior:
    """Return a prior from its text form; a prior is returned as it is.

    Raises
    ------
    ValueError
        An unknown kind, a wrong number of numbers, or impossible ones.

    Examples
    --------
    >>> parse_prior("uniform:0,5")
    Uniform(low=0.0, high=5.0)
    >>> str(parse_prior("normal:1,0.1"))
    'normal:1,0.1'
    """
    if isinstance(value, Prior):
        return value
    kind, colon, rest = str(value).partition(":")
    kind = kind.strip().lower()
    if kind not in _KINDS or not colon:
        hint = nearest(kind, _KINDS) if colon else f"write {', '.join(_FORMS.values())}"
        raise ValueError(f"'{value}' is not a prior; {hint}")
    try:
        numbers = [float(text) for text in rest.split(",")]
    except ValueError:
        raise ValueError(f"'{value}' is not {_FORMS[kind]}") from None
    allowed = (2, 4) if "[" in _FORMS[kind] else (2,)
    if len(numbers) not in allowed or any(math.isnan(n) for n in numbers):
        raise ValueError(f"'{value}' is not {_FORMS[kind]}")
    return _KINDS[kind](*numbers)


PriorText = Annotated[
    Prior,
    PlainValidator(parse_prior),
    BeforeValidator(parse_prior),
    PlainSerializer(str, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string"}),
]
"""A prior in parameter models: its text form in YAML and on the command line."""


def _number(value: float) -> str:
    short = f"{value:.12g}"
    return short if float(short) == value else repr(value)


def _cut_text(prior: Prior, centre: float, sigma: float, lowest: float) -> str:
    text = f"{prior.kind}:{_number(centre)},{_number(sigma)}"
    if prior.low == lowest and prior.high == math.inf:
        return text
    return f"{text},{_number(prior.low)},{_number(prior.high)}"


def _ends(prior: Prior) -> tuple[float, float]:
    return prior.low, prior.high


def _set(prior: Prior, **values: float) -> None:
    for name, value in values.items():
        object.__setattr__(prior, name, float(value))


def _as_floats(prior: Prior) -> None:
    _set(prior, **{f.name: getattr(prior, f.name) for f in fields(prior)})
