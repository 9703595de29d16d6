r"""Brightness of the sky background from several sectors, and how much it varies between them.

Counts of a sector are Poisson with mean

.. math:: \lambda_s = a_s (\mu + \delta_s) + b_s + z \sigma_s,

a its exposed solid angle, :math:`\mu` the mean sky, b the given background (particles) and
:math:`z \sigma` its systematic error, common to all sectors, :math:`z \sim N(0, 1)`. The sky's own
variation :math:`\delta` between sectors is Gaussian with the deviation :math:`\tau`, which for
unresolved sources goes with the solid angle as :math:`\tau_s = \tau \sqrt{\Omega_0 / \Omega_s}`.
The posterior of :math:`\tau` is on a grid, those of :math:`\mu` and z given :math:`\tau` are
described by their moments.

The prior of :math:`\tau` is :math:`1/\sqrt{\tau^2 + s^2}` with the counting error s of a sector:
flat in the logarithm where variation dominates, so that predictions then have the tails of
Student's t with one degree of freedom less than sectors, and flat where it cannot be seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from scipy import special

from xsurvey.errors import InputError, ParameterError
from xsurvey.profiles.psf_mixing import Psf
from xsurvey.profiles.radial_profile import RadialProfile
from xsurvey.profiles.source_blur import kept_variance

Scaling = Literal["area", "none"]
_LEVELS, _SHIFTS, _SCATTERS, _NODES = 21, 17, 40, 7
_LEVEL_RANGE, _SHIFT_RANGE = 6.0, 4.5
_LARGEST_SCATTER = 100.0
"""Of what the sectors scatter themselves."""


@dataclass(frozen=True)
class SkyLevel:
    """Posterior of the sky background; arrays over q values of the scatter.

    Attributes
    ----------
    scatter : ndarray, shape (q,)
        Deviation between regions of ``reference_area``, count/s/arcmin2.
    weight : ndarray, shape (q,)
        Posterior probabilities.
    mean : ndarray, shape (q, 2)
        Of the level (count/s/arcmin2) and of the shift of the given background.
    covariance : ndarray, shape (q, 2, 2)
    third_moment : ndarray, shape (q,)
        Of the level about its mean: few counts make a skew posterior.
    reference_area : float
        arcmin2.
    scaling : {'area', 'none'}
        Whether the scatter of a region goes with 1 / sqrt(solid angle).
    sectors : int
    psf : PointSpreadFunction or ImagePsf, optional
        What spreads the light of sources: narrow regions vary less.
    """

    scatter: np.ndarray
    weight: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray
    third_moment: np.ndarray
    reference_area: float
    scaling: Scaling
    sectors: int
    psf: Psf | None = None

    @property
    def level(self) -> float:
        """Mean brightness of the sky, count/s/arcmin2."""
        return float(self.weight @ self.mean[:, 0])

    @property
    def level_error(self) -> float:
        """Its standard deviation: counts, variation between sectors, and the given background."""
        spread = self.covariance[:, 0, 0] + (self.mean[:, 0] - self.level) ** 2
        return float(np.sqrt(self.weight @ spread))

    def scatter_quantile(self, probability: float) -> float:
        """Return a quantile of the scatter's posterior, count/s/arcmin2."""
        middle = np.cumsum(self.weight) - 0.5 * self.weight
        return float(np.interp(probability, middle, self.scatter))

    def scatter_of(self, area: np.ndarray, width: np.ndarray | None = None) -> np.ndarray:
        """Return the scatter of regions of ``area`` (n,) arcmin2, shape (n, q).

        Those of ``width`` (n,) arcmin keep of it what the PSF leaves; without it, or a PSF, all.
        """
        relative = _relative_scatter(area, self.reference_area, self.scaling)
        if width is not None and self.psf is not None and self.scaling == "area":
            relative = relative * np.sqrt(kept_variance(width, self.psf))
        return self.scatter * relative[:, None]

    def less(self, brightness: float, error: float) -> SkyLevel:
        """Return the level without light that is not the sky's, and with its error.

        Parameters
        ----------
        brightness, error : float
            Mean of that light, the same in all sectors, and its standard deviation,
            count/s/arcmin2.
        """
        mean, covariance = self.mean.copy(), self.covariance.copy()
        mean[:, 0] -= brightness
        covariance[:, 0, 0] += error**2
        return replace(self, mean=mean, covariance=covariance)

    def record(self) -> dict[str, Any]:
        """Return level and scatter as JSON values; the interval of the scatter is of 68.3 %."""
        low, median, high = (self.scatter_quantile(p) for p in (0.1585, 0.5, 0.8415))
        return {
            "level": self.level, "level_error": self.level_error, "sectors": self.sectors,
            "scatter": median, "scatter_lower": low, "scatter_upper": high,
            "scatter_area_arcmin2": self.reference_area, "unit": "count / (s arcmin2)",
        }  # fmt: skip


def sky_level(
    counts: np.ndarray, exposure_area: np.ndarray, area: np.ndarray,
    background: np.ndarray | float = 0.0, background_error: np.ndarray | float = 0.0, *,
    scatter: float | SkyLevel | None = None, scaling: Scaling = "area",
) -> SkyLevel:  # fmt: skip
    """Return the level of the sky, and its scatter, from regions without the source.

    Parameters
    ----------
    counts : ndarray, shape (s,)
        Of the sectors.
    exposure_area : ndarray, shape (s,)
        s arcmin2.
    area : ndarray, shape (s,)
        arcmin2.
    background, background_error : ndarray, shape (s,), or float
        Counts of the given background, and their systematic error, fully correlated.
    scatter : float or SkyLevel, optional
        The sky's variation between regions of the mean area of the sectors, count/s/arcmin2, if
        it is known; or what other regions say of it, which then is the prior here.
    scaling : {'area', 'none'}
        ``area`` for unresolved sources; ``none`` if foregrounds vary on scales above the sectors'.

    Raises
    ------
    InputError
        No exposed sector, negative or no numbers, or a single sector and no given scatter.
    ParameterError
        A negative scatter, or that of other regions goes with the solid angle in another way.
    """
    c, a, omega, b, e = (
        np.broadcast_to(np.asarray(v, float), np.shape(counts))
        for v in (counts, exposure_area, area, background, background_error)
    )
    if not all(np.all(np.isfinite(v) & (v >= 0)) for v in (c, a, omega, e)) or not np.all(
        np.isfinite(b)
    ):
        raise InputError("sky sectors", "have negative values or no numbers", "mask these pixels")
    seen = (a > 0) & (omega > 0)
    c, a, omega, b, e = (v[seen] for v in (c, a, omega, b, e))
    if not len(c) or not c.sum() > 0:
        raise InputError("sky sectors", "have no exposure or no counts", "choose other radii")
    if len(c) < 2 and scatter is None:
        raise InputError(
            "sky sectors", "are one: it says nothing of how the sky varies",
            "cut the sky into sectors, or give the scatter",
        )  # fmt: skip
    _check_scatter(scatter, scaling)
    reference = float(omega.mean())
    relative = _relative_scatter(omega, reference, scaling)
    # a sector without counts is known to about one
    error = np.sqrt(np.maximum(c, 1.0)) / a
    tau, prior = _scatter_grid(scatter, (c - b) / a, error, reference)
    log_evidence, mean, covariance, third = _given_scatter(c, a, b, e, error, tau, relative)
    weight = prior * np.exp(log_evidence - log_evidence[prior > 0].max())
    return SkyLevel(
        tau, weight / weight.sum(), mean, covariance, third, reference, scaling, len(c)
    )  # fmt: skip


def sky_level_of(
    profiles: Sequence[RadialProfile], inner: float, outer: float, *,
    scatter: float | SkyLevel | None = None, scaling: Scaling = "area",
) -> SkyLevel:  # fmt: skip
    """Return the level of the sky from the bins of several sectors' profiles.

    Parameters
    ----------
    profiles : sequence of RadialProfile
    inner, outer : float
        arcmin; bins whose middle lies between them are used.
    scatter, scaling
        As `sky_level`.

    Raises
    ------
    InputError, ParameterError
        As `sky_level`.
    """
    rows = []
    for profile in profiles:
        inside = (profile.radius >= inner) & (profile.radius <= outer)
        fields = (profile.counts, profile.exposure_area, profile.area, profile.background,
                  profile.background_error)  # fmt: skip
        rows.append([float(np.nansum(f[inside])) for f in fields])
    c, a, omega, b, e = np.array(rows, float).reshape(-1, 5).T
    return sky_level(c, a, omega, b, e, scatter=scatter, scaling=scaling)


def _relative_scatter(area: np.ndarray, reference: float, scaling: Scaling) -> np.ndarray:
    """Return the scatter of regions in units of that of the reference, shape (n,)."""
    area = np.asarray(area, float)
    if scaling == "none":
        return np.ones_like(area)
    return np.sqrt(reference / np.where(area > 0, area, np.inf))


def _check_scatter(scatter: float | SkyLevel | None, scaling: Scaling) -> None:
    if isinstance(scatter, SkyLevel):
        if scatter.scaling != scaling:
            raise ParameterError(
                "scatter", f"is of regions with scaling '{scatter.scaling}', not '{scaling}'",
                "give both the same",
            )  # fmt: skip
    elif scatter is not None and not (np.isfinite(scatter) and scatter >= 0):
        raise ParameterError("scatter", f"is {scatter}", "give count/s/arcmin2")


def _scatter_grid(
    scatter: float | SkyLevel | None, rate: np.ndarray, error: np.ndarray, reference: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return scatters of regions of ``reference`` arcmin2, and their prior, shapes (q,)."""
    if isinstance(scatter, SkyLevel):
        return scatter.scatter_of(np.array([reference]))[0], scatter.weight
    if scatter is not None:
        return np.array([float(scatter)]), np.ones(1)
    tau = _scatters(rate, error)
    # the grid is even where the prior is flat
    prior = np.ones(len(tau))
    prior[[0, -1]] = 0.5
    return tau, prior


def _scatters(rate: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Return a grid of scatters s sinh(x), even in x: the prior is flat in it."""
    s = float(np.median(error))
    largest = _LARGEST_SCATTER * max(float(rate.std(ddof=1)), s)
    return s * np.sinh(np.linspace(0, np.arcsinh(largest / s), _SCATTERS))


def _given_scatter(
    c: np.ndarray, a: np.ndarray, b: np.ndarray, e: np.ndarray, error: np.ndarray,
    tau: np.ndarray, relative: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Return ln of the evidence (q,), means and covariances, and the level's third moment."""
    z = np.linspace(-_SHIFT_RANGE, _SHIFT_RANGE, _SHIFTS) if np.any(e > 0) else np.zeros(1)
    inverse = 1 / (error**2 + (tau[:, None] * relative) ** 2)  # (q, s)
    width = 1 / np.sqrt(inverse.sum(axis=1))  # (q,)
    rate = (c - b - z[:, None] * e) / a  # (z, s)
    centre = (inverse @ rate.T) * width[:, None] ** 2  # (q, z)
    step = np.linspace(-_LEVEL_RANGE, _LEVEL_RANGE, _LEVELS)
    level = centre[:, :, None] + width[:, None, None] * step  # (q, z, l)
    log_p = np.broadcast_to(-0.5 * z[:, None] ** 2, level.shape).copy()
    for i in range(len(c)):
        expected = a[i] * level + b[i] + (z * e[i])[:, None]
        spread = (a[i] * tau * relative[i])[:, None, None]
        log_p += _log_poisson_of_gaussian(c[i], expected, spread)
    log_p += np.log(width)[:, None, None]
    top = log_p.max(axis=(1, 2), keepdims=True)
    p = np.exp(log_p - np.where(np.isfinite(top), top, 0.0))
    total = p.sum(axis=(1, 2))
    log_evidence = np.where(total > 0, np.log(np.maximum(total, 1e-300)) + top[:, 0, 0], -np.inf)
    p /= np.maximum(total, 1e-300)[:, None, None]
    shift = np.broadcast_to(z[:, None], level.shape)
    mean = np.stack([(p * level).sum(axis=(1, 2)), (p * shift).sum(axis=(1, 2))], axis=1)
    away = (level - mean[:, 0, None, None], shift - mean[:, 1, None, None])
    covariance = np.array([[(p * x * y).sum(axis=(1, 2)) for x in away] for y in away])
    third = (p * away[0] ** 3).sum(axis=(1, 2))
    return log_evidence, mean, np.moveaxis(covariance, -1, 0), third


def _log_poisson_of_gaussian(count: float, expected: np.ndarray, spread: np.ndarray) -> np.ndarray:
    r"""Return ln of a Poisson probability averaged over a Gaussian mean, up to a constant.

    Gauss-Hermite nodes lie around the most probable deviation, a root of
    :math:`B(n/(A + B\delta) - 1) = \delta`.
    """
    node, weight = special.roots_hermite(_NODES)
    b2 = spread**2
    root = np.sqrt((expected - b2) ** 2 + 4 * b2 * count)
    mode = 2 * spread * (count - expected) / np.maximum(expected + b2 + root, 1e-300)
    at_mode = np.maximum(expected + spread * mode, 1e-100)
    sigma = 1 / np.sqrt(b2 * count / at_mode**2 + 1)
    logs = []
    for x, w in zip(node, weight, strict=True):
        delta = mode + np.sqrt(2) * sigma * x
        mean = expected + spread * delta
        positive = mean > 0
        log = special.xlogy(count, np.where(positive, mean, 1.0)) - mean - delta**2 / 2
        logs.append(np.where(positive, log + x**2 + np.log(w), -np.inf))
    with np.errstate(divide="ignore"):
        return special.logsumexp(logs, axis=0) + np.log(sigma)
