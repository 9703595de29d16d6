"""Temperatures that a halo and the density of its gas predict, and how well they fit.

Everything is in batches: b halos, d densities drawn from their posterior, n radii, m points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from xsurvey.errors import InputError, ParameterError
from xsurvey.galaxy_clusters import nfw
from xsurvey.galaxy_clusters.constants import GRAVITY
from xsurvey.galaxy_clusters.hydrostatic import inward_weights
from xsurvey.galaxy_clusters.shells import projected_volumes
from xsurvey.profiles.mass_parameters import MassParameters
from xsurvey.profiles.spectral_temperature import OneTemperature, PlasmaGram

MAZZOTTA = 0.75
"""Exponent of the spectroscopic-like temperature (Mazzotta et al. 2004, MNRAS 354, 10)."""

NAMES = ("ln_m200", "ln_c200", "outer_kt")
_INNERMOST = 0.2  # of the smallest outer radius of a point
_FEWEST = 3
_PER_BLOCK = 2_000_000
_OUTER = float(np.log(2))
"""e-folds of radius, whose mean slope densities beyond their last radius go on with."""
_COLDEST = 0.5  # keV; the weight of colder gas does not grow on: it hardly shines in X-rays


@dataclass(frozen=True)
class TemperaturePoints:
    """Temperatures in annuli or shells.

    Attributes
    ----------
    inner, outer : ndarray, shape (m,)
        kpc.
    temperature : ndarray, shape (m,)
        keV; NaN where none was measured.
    covariance : ndarray, shape (m, m)
        keV2.
    deprojected : bool
        Of the gas in spherical shells, not of all that is seen in annuli.
    mixing : ndarray, shape (m, m), optional
        Of annuli that were fitted each by itself: arcmin2 of annulus j whose light is counted in
        i. Fits of all annuli together have taken the PSF out.
    gram : PlasmaGram, optional
        Of m annuli: what tells which temperature a fit finds in gas of many.
    """

    inner: np.ndarray
    outer: np.ndarray
    temperature: np.ndarray
    covariance: np.ndarray
    deprojected: bool = False
    mixing: np.ndarray | None = None
    gram: PlasmaGram | None = None

    def usable(self) -> TemperaturePoints:
        """Return the points with a temperature and an error.

        Raises
        ------
        InputError
            They are fewer than three, radii do not ascend, or the covariance is none.
        """
        variance = np.diag(self.covariance)
        good = np.isfinite(self.temperature) & (self.temperature > 0)
        good &= np.isfinite(variance) & (variance > 0)
        if good.sum() < _FEWEST:
            raise InputError(
                "temperatures", f"are of {int(good.sum())} annuli, and a halo needs three",
                "divide the cluster into more annuli",
            )  # fmt: skip
        inner, outer = np.asarray(self.inner)[good], np.asarray(self.outer)[good]
        if not (np.all(inner < outer) and np.all(np.diff(outer) > 0) and inner[0] >= 0):
            raise InputError("temperatures", "have radii that do not ascend", "sort them")
        covariance = np.asarray(self.covariance)[np.ix_(good, good)]
        symmetric = np.allclose(covariance, covariance.T)
        if not (symmetric and np.all(np.linalg.eigvalsh(covariance) > 0)):
            raise InputError(
                "temperatures", "have a covariance that is not positive", "give their variances"
            )
        mixing = None if self.mixing is None else np.asarray(self.mixing)[np.ix_(good, good)]
        return TemperaturePoints(
            inner, outer, np.asarray(self.temperature)[good], covariance, self.deprojected, mixing,
            None if self.gram is None else self.gram.of(good),
        )  # fmt: skip


class HydrostaticModel:
    """The likelihood of temperatures, averaged over densities.

    Parameters
    ----------
    points : TemperaturePoints
    radius : ndarray, shape (k,)
        kpc, ascending.
    density : ndarray, shape (s, k)
        Draws of the density of electrons, cm-3. Beyond its radii it goes on as a power law.
    critical_density : float
        Solar masses / kpc3.
    mu : float
        Mass per particle, proton masses.
    parameters : MassParameters

    Attributes
    ----------
    radius : ndarray, shape (n,)
        kpc, at which equilibrium is computed.
    density : ndarray, shape (d, n)

    Raises
    ------
    InputError
        Densities that are not positive, or points that cannot be used.
    ParameterError
        The weighting needs responses, and the points have none.
    """

    def __init__(
        self, points: TemperaturePoints, radius: np.ndarray, density: np.ndarray,
        critical_density: float, mu: float, parameters: MassParameters,
    ) -> None:  # fmt: skip
        self.points = points.usable()
        self.parameters, self.critical_density, self.mu = parameters, critical_density, mu
        outer = self.points.outer
        edges = np.geomspace(
            _INNERMOST * outer[0], max(parameters.reach, 1.02) * outer[-1], parameters.radii + 1
        )
        self.radius = np.sqrt(edges[1:] * edges[:-1])
        self.density = on_radii(self.radius, radius, density)[: parameters.density_draws]
        edges[0] = 0.0
        weight = self._seen(edges)
        self._measure = weight * self.density[:, None, :] ** 2  # (d, m, n)
        self._inward = inward_weights(self.radius)
        self._exponent = 0.0 if parameters.weighting == "emission" else MAZZOTTA
        self._fit = _one_temperature(self.points, parameters)
        temperature, covariance = self.points.temperature, self.points.covariance
        if parameters.logarithmic:
            temperature, covariance = (
                np.log(temperature), covariance / np.outer(temperature, temperature)
            )  # fmt: skip
        self._observed = temperature
        self._inverse_root = np.linalg.inv(np.linalg.cholesky(covariance))

    def _seen(self, edges: np.ndarray) -> np.ndarray:
        """Return volumes of the shells in what each point is of, shape (m, n)."""
        inner, outer = self.points.inner, self.points.outer
        if self.points.deprojected:
            low = np.maximum(inner[:, None], edges[:-1])
            high = np.minimum(outer[:, None], edges[1:])
            return np.where(high > low, 4 * np.pi / 3 * (high**3 - low**3), 0.0)
        # of each annulus by itself, since there may be gaps between them
        volume = np.concatenate(
            [projected_volumes(np.array(ring), edges) for ring in zip(inner, outer, strict=True)]
        )
        if self.points.mixing is None:
            return volume
        area = np.pi * (outer**2 - inner**2)
        return np.asarray(self.points.mixing @ (volume / area[:, None]))

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper limits of ln M200, ln c200 and the temperature where the gas ends."""
        p = self.parameters
        hottest = p.hottest_end * float(self.points.temperature[-1])
        low = (np.log(p.lowest_mass), np.log(p.lowest_concentration), 0.0)
        high = (np.log(p.highest_mass), np.log(p.highest_concentration), hottest)
        return np.array(low), np.array(high)

    def temperature(self, theta: np.ndarray, draws: Sequence[int] | slice) -> np.ndarray:
        """Return temperatures at the radii for all pairs of halos and densities, (d, n, b)."""
        mass, concentration = np.exp(theta[:, 0]), np.exp(theta[:, 1])
        inside = nfw.enclosed_mass(
            self.radius[:, None], mass, concentration, 200, self.critical_density
        )
        density = self.density[draws][:, :, None]
        force = self.mu * GRAVITY * density * (inside / self.radius[:, None])
        return np.asarray((self._inward @ force + density[:, -1:] * theta[:, 2]) / density)

    def predicted(self, theta: np.ndarray, draws: Sequence[int] | slice) -> np.ndarray:
        """Return what would be measured, (d, m, b)."""
        kt = self.temperature(theta, draws)
        if self._fit is not None:
            return self._fitted(self._fit, kt, self._measure[draws])
        weight = np.maximum(kt, _COLDEST) ** -self._exponent
        measure = self._measure[draws]
        return np.asarray((measure @ (weight * kt)) / (measure @ weight))

    def _fitted(self, fit: OneTemperature, kt: np.ndarray, measure: np.ndarray) -> np.ndarray:
        """Return what fits with one temperature find, (d, m, b), in gas of kt (d, n, b)."""
        draws, radii, halos = kt.shape
        gas = measure @ fit.shares(kt).reshape(draws, radii, -1)
        gas = gas.reshape(draws, measure.shape[1], halos, -1)
        return fit.fitted(gas.swapaxes(1, 2)).swapaxes(1, 2)

    def chi2(self, theta: np.ndarray, draws: Sequence[int] | slice = slice(None)) -> np.ndarray:
        """Return chi2 of all pairs of halos and densities, (d, b)."""
        model = self.predicted(theta, draws)
        if self.parameters.logarithmic:
            model = np.log(model)
        return np.asarray(((self._inverse_root @ (model - self._observed[:, None])) ** 2).sum(1))

    def log_prior(self, theta: np.ndarray) -> np.ndarray:
        """Return ln of the prior, -inf out of its bounds, (b,)."""
        low, high = self.bounds
        inside = np.all((theta >= low) & (theta <= high), axis=1)
        p = self.parameters
        value = np.zeros(len(theta))
        if p.concentration is not None:
            value -= ((theta[:, 1] - np.log(p.concentration)) / p.concentration_scatter) ** 2 / 2
        return np.where(inside, value, -np.inf)

    def log_probability(self, theta: np.ndarray) -> np.ndarray:
        """Return ln of the posterior up to a constant, (b,)."""
        theta = np.atleast_2d(theta)
        value = self.log_prior(theta)
        good = np.flatnonzero(np.isfinite(value))
        size = self.density.size * (1 if self._fit is None else len(self._fit.kt))
        block = max(1, _PER_BLOCK // size)
        for begin in range(0, len(good), block):
            rows = good[begin : begin + block]
            value[rows] += logsumexp(-self.chi2(theta[rows]) / 2, axis=0)
        return value


def weighting_of(points: TemperaturePoints, parameters: MassParameters) -> str:
    """Return how temperatures are averaged: what ``auto`` is for these points."""
    if parameters.weighting != "auto":
        return parameters.weighting
    return "spectroscopic_like" if points.gram is None else "spectral"


def _one_temperature(
    points: TemperaturePoints, parameters: MassParameters
) -> OneTemperature | None:
    """Return what finds temperatures as fits do; None for weights that stand for it."""
    if weighting_of(points, parameters) != "spectral":
        return None
    if points.gram is None:
        raise ParameterError(
            "weighting", "is spectral, and the temperatures come without responses",
            "use spectroscopic_like",
        )  # fmt: skip
    return OneTemperature(points.gram)


def on_radii(radius: np.ndarray, known: np.ndarray, density: np.ndarray) -> np.ndarray:
    """Return densities at other radii: power laws between those known, and beyond them.

    Beyond the last radius the slope is the mean one over the last factor of two in radius: that of
    the last two radii alone is hardly known, and would be continued far out.

    Parameters
    ----------
    radius : ndarray, shape (n,)
    known : ndarray, shape (k,)
        Ascending, positive; at least two.
    density : ndarray, shape (s, k)

    Raises
    ------
    InputError
        Densities or radii that are not positive numbers.
    """
    known, density = np.asarray(known, float), np.atleast_2d(np.asarray(density, float))
    if len(known) < 2 or density.shape[1] != len(known) or not len(density):
        raise InputError("density", "is not known at two radii or more", "give its profile")
    if not (np.all(known > 0) and np.all(np.diff(known) > 0)):
        raise InputError("density", "has radii that do not ascend from above zero", "sort them")
    if not (np.all(np.isfinite(density)) and np.all(density > 0)):
        raise InputError(
            "density", "is not a positive number everywhere", "leave out the radii without gas"
        )
    x, y = np.log(known), np.log(density)
    at = np.log(radius)
    place = np.clip(np.searchsorted(x, at) - 1, 0, len(x) - 2)
    slope = np.diff(y, axis=1) / np.diff(x)
    found = y[:, place] + slope[:, place] * (at - x[place])
    beyond = at > x[-1]
    begin = max(x[-1] - _OUTER, x[0])
    place = min(int(np.searchsorted(x, begin, side="right")) - 1, len(x) - 2)
    begun = y[:, place] + slope[:, place] * (begin - x[place])
    mean = (y[:, -1] - begun) / (x[-1] - begin)
    found[:, beyond] = y[:, -1:] + mean[:, None] * (at[beyond] - x[-1])
    return np.asarray(np.exp(found))
