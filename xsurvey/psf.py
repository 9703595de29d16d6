"""Shapes of point spread functions: encircled fractions and random displacements.

A mission's plug-in says how the width changes over its field; the shapes are here.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import special

from xsurvey.units import parse_angle

_COMPONENTS = 14


@dataclass(frozen=True)
class GaussianMixture:
    """A circular profile as a sum of concentric Gaussians: folding and pixels are then exact.

    Attributes
    ----------
    weights : ndarray, shape (m,)
        Fractions of the counts; they add up to 1.
    sigma : ndarray, shape (m,)
        Arcsec.
    """

    weights: np.ndarray
    sigma: np.ndarray

    def encircled_fraction(self, radius: np.ndarray) -> np.ndarray:
        """Return the fraction within radii in arcsec, in their shape."""
        scaled = np.asarray(radius, float)[..., None] / self.sigma
        return np.asarray(-np.expm1(-(scaled**2) / 2) @ self.weights)


class PointSpreadFunction(Protocol):
    """A circular PSF whose width may depend on the off-axis angle.

    Off-axis angles are arcmin, radii arcsec; all arguments broadcast.
    """

    @property
    def approximate(self) -> bool:
        """Whether it is known to be no more than an approximation."""

    def encircled_fraction(self, radius: np.ndarray, off_axis: np.ndarray) -> np.ndarray:
        """Return the fraction of counts within ``radius``."""

    def radius(self, fraction: float, off_axis: np.ndarray) -> np.ndarray:
        """Return the radius that encircles ``fraction`` of the counts."""

    def mixture(self, off_axis: float) -> GaussianMixture:
        """Return the PSF at an off-axis angle as a sum of Gaussians."""


@dataclass(frozen=True)
class GaussianPsf:
    """The same circular Gaussian everywhere; ``sigma`` in arcsec."""

    sigma: float
    approximate: bool = False

    def encircled_fraction(self, radius: np.ndarray, off_axis: np.ndarray) -> np.ndarray:
        """Return ``1 - exp(-r^2 / 2 sigma^2)``."""
        radius, _ = np.broadcast_arrays(np.asarray(radius, float), off_axis)
        return -np.expm1(-(radius**2) / (2 * self.sigma**2))

    def radius(self, fraction: float, off_axis: np.ndarray) -> np.ndarray:
        """Return the inverse of `encircled_fraction`."""
        return np.full(np.shape(off_axis), self.sigma * np.sqrt(-2 * np.log1p(-fraction)))

    def mixture(self, off_axis: float) -> GaussianMixture:
        """Return the one Gaussian."""
        return GaussianMixture(np.ones(1), np.full(1, self.sigma))


@dataclass(frozen=True)
class KingPsf:
    r"""A King profile whose 90 % radius grows off axis.

    The encircled fraction is :math:`1 - (1 + (r/r_c)^2)^{1-\eta}` and
    :math:`r_{90}(\theta) = \sqrt{r_{90,0}^2 + (k\,\theta^p)^2}`.

    Attributes
    ----------
    slope : float
        :math:`\eta > 1`.
    on_axis_r90 : float
        :math:`r_{90,0}` in arcsec.
    growth, exponent : float
        ``k`` in arcsec at 1 arcmin, and ``p``.
    """

    slope: float
    on_axis_r90: float
    growth: float = 0.0
    exponent: float = 1.0
    approximate: bool = False

    def encircled_fraction(self, radius: np.ndarray, off_axis: np.ndarray) -> np.ndarray:
        """Return the fraction of counts within ``radius`` arcsec."""
        scaled = np.asarray(radius, float) / self._core_radius(off_axis)
        return -np.expm1((1 - self.slope) * np.log1p(scaled**2))

    def radius(self, fraction: float, off_axis: np.ndarray) -> np.ndarray:
        """Return the radius in arcsec that encircles ``fraction``."""
        return self._core_radius(off_axis) * self._unit_radius(fraction)

    def mixture(self, off_axis: float) -> GaussianMixture:
        """Return the profile as Gaussians; of slopes from 2 up true to .1 % within any radius."""
        weights, sigma = king_mixture(self.slope)
        return GaussianMixture(weights, sigma * float(self._core_radius(np.array(off_axis))))

    def _unit_radius(self, fraction: float) -> float:
        return float(np.sqrt(np.expm1(np.log1p(-fraction) / (1 - self.slope))))

    def _core_radius(self, off_axis: np.ndarray) -> np.ndarray:
        growth = self.growth * np.asarray(off_axis, float) ** self.exponent
        return np.hypot(self.on_axis_r90, growth) / self._unit_radius(0.9)


@functools.cache
def king_mixture(slope: float) -> tuple[np.ndarray, np.ndarray]:
    r"""Return weights and sigmas of Gaussians that add up to a King profile of unit core radius.

    :math:`(1 + r^2)^{-\eta} = \Gamma(\eta)^{-1} \int_0^\infty t^{\eta-1} e^{-t (1 + r^2)} dt` is
    a mixture of Gaussians of variance 1/2t; the integral over ln t is a sum on a regular grid.
    """
    shape = slope - 1
    smallest = special.gammaincinv(shape, 1e-3) if shape > 0.5 else 1e-3
    largest = special.gammainccinv(shape, 1e-4)
    log_t = np.linspace(np.log(smallest), np.log(largest), _COMPONENTS)
    t = np.exp(log_t)
    weights = t**shape * np.exp(-t)
    return weights / weights.sum(), 1 / np.sqrt(2 * t)


def random_displacements(
    psf: PointSpreadFunction, off_axis: np.ndarray, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw photon displacements from a PSF.

    Parameters
    ----------
    psf : PointSpreadFunction
    off_axis : ndarray, shape (n,)
        Off-axis angle of each photon's source, arcmin.
    generator : numpy.random.Generator

    Returns
    -------
    dx, dy : ndarray, shape (n,)
        Displacements in arcsec.
    """
    off_axis = np.asarray(off_axis, float)
    fraction = generator.random(len(off_axis))
    angle = generator.uniform(0, 2 * np.pi, len(off_axis))
    # both shapes scale with one width, so one inverse at unit scale serves all photons
    reference = psf.radius(0.9, np.zeros(1))[0]
    scale = psf.radius(0.9, off_axis) / reference
    table = np.concatenate((np.linspace(0, 0.999, 2000), 1 - np.logspace(-3, -6, 200)))
    radii = np.array([psf.radius(f, np.zeros(1))[0] for f in table])
    radius = np.interp(fraction, table, radii) * scale
    return radius * np.cos(angle), radius * np.sin(angle)


_WIDEST = 600.0  # arcsec
_SLOPES = 1.1, 100.0
"""Of King profiles: of smaller ones half of the light is far away, larger ones are Gaussians."""


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def parse_psf(text: str) -> PointSpreadFunction:
    """Return the PSF that ``gaussian:SIGMA`` or ``king:R90,SLOPE`` names.

    Raises
    ------
    ValueError
        The text has another form, or a width or slope beyond what can be worked with.

    Examples
    --------
    >>> parse_psf("gaussian:0.7arcsec").radius(0.393, 0.0).round(2)
    array(0.7)
    """
    kind, _, rest = text.partition(":")
    match = re.fullmatch(r"([^,]+)(?:,([^,]+))?", rest)
    if kind == "gaussian" and match and match[2] is None:
        sigma = parse_angle(match[1])
        if 0 < sigma <= _WIDEST:
            return GaussianPsf(sigma)
    if kind == "king" and match and match[2] is not None:
        r90, slope = parse_angle(match[1]), _number(match[2])
        if 0 < r90 <= _WIDEST and _SLOPES[0] <= slope <= _SLOPES[1]:
            return KingPsf(slope, r90)
    raise ValueError(
        f"'{text}' is not a PSF: gaussian:SIGMA (gaussian:0.7arcsec) or "
        f"king:R90,SLOPE with SLOPE from {_SLOPES[0]:g} to {_SLOPES[1]:g} (king:1.2arcsec,4); "
        "no width is above 10arcmin"
    )
