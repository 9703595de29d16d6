r"""How much emission measure a count stands for, at each radius, from what spectra of annuli found.

An emissivity :math:`\varepsilon = F n_e^2` in counts is a squared density by its factor F, which
temperature and metals change with radius. Spectra say what the gas that is seen in an annulus is
like: all along the line of sight, and more of it at the annulus' inner edge than at its outer one.
With :math:`u = 1 / F` and the volume :math:`V_i` behind annulus i,

.. math:: u_i = \frac{\int n_e^2\,dV_i}{\int F n_e^2\,dV_i}
              = \frac{\int \varepsilon\, u\,dV_i}{\int \varepsilon\,dV_i} :

what a fit has for an annulus is the mean of u by the emissivity, which the deprojection knows. So
the profile of u follows from the annuli by a linear system. Its prior is a Gaussian process in
ln r, as smooth as slopes of emissivities are: without it, differences of annuli would be amplified.
The errors are those of u too, since fits know how bright an annulus is and hardly what part of it
is lines: in its norm, which is the emission measure, they are nearly Gaussian.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from xsurvey.errors import InputError
from xsurvey.galaxy_clusters.composition import Composition
from xsurvey.galaxy_clusters.emission import emission_measure_factor
from xsurvey.galaxy_clusters.shells import projected_volumes

_MODEL_ERROR = 0.005
"""Relative: gas of many temperatures has the norm per count that a fit with one temperature finds
to that (calibration of clusters, docs/deprojection.md)."""
_MEAN_ERROR = 3.0
"""Relative, of the prior of the mean of u over all radii: as good as flat."""
_LEAST = 0.1
"""Of the mean of u: draws below it are none that gas has."""


@dataclass(frozen=True)
class FactorPrior:
    """What the profile of u is like without spectra.

    Attributes
    ----------
    spread : float
        Standard deviation of u about its mean over radii, relative to it.
    length : float
        Correlation length, e-folds of radius.
    """

    spread: float = 0.3
    length: float = 1.0


@dataclass(frozen=True)
class EmissionFactor:
    """What plasmas of n annuli, or shells, emit.

    Attributes
    ----------
    inner, outer : ndarray, shape (n,)
        arcmin.
    value : ndarray, shape (n,)
        Brightness along a line of sight of a squared density: count/s/arcmin2/kpc of 1 cm-6.
    covariance : ndarray, shape (n, n)
        Of its reciprocals, relative to them.
    shells : bool
        The plasmas are those of spherical shells, and not of all that is seen in annuli.
    """

    inner: np.ndarray
    outer: np.ndarray
    value: np.ndarray
    covariance: np.ndarray
    shells: bool = False

    @classmethod
    def read(cls, spectral: dict[str, Any], redshift: float, gas: Composition) -> EmissionFactor:
        """Return the factor of a spectral profile, of the annuli that have one.

        Parameters
        ----------
        spectral : dict
            Its record, with ``brightness_per_norm``.
        redshift : float
        gas : Composition

        Raises
        ------
        InputError
            No annulus has a temperature.
        """
        rows, found = spectral["annuli"], spectral["brightness_per_norm"]
        rate, covariance = (_numbers(found[key]) for key in ("value", "relative_covariance"))
        good = np.isfinite(rate) & (rate > 0)
        if not good.any():
            raise InputError(
                "spectral profile", "has no temperature: densities cannot be had",
                "choose wider annuli",
            )  # fmt: skip
        inner, outer = (
            np.array([row[key] for row in rows], float)[good]
            for key in ("inner_arcmin", "outer_arcmin")
        )
        return cls(
            inner, outer,
            emission_measure_factor(rate[good], redshift, gas.electrons_per_hydrogen),
            np.nan_to_num(covariance[np.ix_(good, good)]), bool(spectral["deprojected"]),
        )  # fmt: skip

    def samples(
        self, radius: np.ndarray, edges: np.ndarray, emissivity: np.ndarray, number: int,
        seed: int = 0, prior: FactorPrior | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        """Return the factor at radii, its median (m,) and draws of its posterior (number, m).

        Parameters
        ----------
        radius : ndarray, shape (m,)
            arcmin.
        edges : ndarray, shape (j + 1,)
            Of thin shells, arcmin: the gas that annuli are of.
        emissivity : ndarray, shape (j,)
            Of these shells in counts, in any unit; what is negative counts as nothing.
        number, seed : int
        prior : FactorPrior, optional
        """
        prior = prior or FactorPrior()
        weight = self._weights(edges, emissivity)
        u = 1 / self.value
        error = self.covariance + _MODEL_ERROR**2 * np.eye(len(u))
        typical = float(np.average(u, weights=1 / np.diag(error)))
        middle = np.log(np.sqrt(edges[1:] * np.maximum(edges[:-1], 0.25 * edges[1:])))
        at, count = np.concatenate((np.log(radius), middle)), len(radius)
        covariance = typical**2 * (_MEAN_ERROR**2 + _smooth(at, prior))
        seen = weight @ covariance[count:]
        inverse = np.linalg.inv(seen[:, count:] @ weight.T + error * np.outer(u, u))
        gain = seen[:, :count].T @ inverse
        mean = typical + gain @ (u - typical)
        spread = covariance[:count, :count] - gain @ seen[:, :count]
        least = _LEAST * typical
        drawn = np.random.default_rng(seed).standard_normal((number, count)) @ _root(spread).T
        return 1 / np.maximum(mean, least), 1 / np.maximum(mean + drawn, least)

    def _weights(self, edges: np.ndarray, emissivity: np.ndarray) -> np.ndarray:
        """Return the shares of shells in the light of each annulus, shape (n, j)."""
        if self.shells:
            low = np.clip(edges[:-1], self.inner[:, None], self.outer[:, None])
            high = np.clip(edges[1:], self.inner[:, None], self.outer[:, None])
            volume = high**3 - low**3
        else:
            rings = zip(self.inner, self.outer, strict=True)
            volume = np.concatenate([projected_volumes(np.array(r), edges) for r in rings])
        light = volume * np.maximum(emissivity, 0.0)
        total = light.sum(axis=1, keepdims=True)
        # of an annulus without light: its own volume
        light = np.where(total > 0, light, volume)
        return np.asarray(light / light.sum(axis=1, keepdims=True))


def _smooth(x: np.ndarray, prior: FactorPrior) -> np.ndarray:
    distance = (x[:, None] - x) / prior.length
    return np.asarray(prior.spread**2 * np.exp(-(distance**2) / 2))


def _root(covariance: np.ndarray) -> np.ndarray:
    """Return a root of a covariance that rounding may have made slightly negative."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))


def _numbers(values: Any) -> np.ndarray:
    return np.array(values, dtype=float)  # None becomes NaN
