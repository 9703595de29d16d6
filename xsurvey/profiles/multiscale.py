"""Deprojection with a posterior: emissivity and density of a cluster's gas out to its last bin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from xsurvey.errors import InputError
from xsurvey.inference.chains import Chains
from xsurvey.inference.hamiltonian import sample_hamiltonian
from xsurvey.inference.hamiltonian_parameters import HamiltonianParameters
from xsurvey.profiles.density_posterior import DensityPosterior
from xsurvey.profiles.deprojection_data import profile_data
from xsurvey.profiles.deprojection_parameters import DeprojectionParameters
from xsurvey.profiles.multiscale_emissivity import MultiscaleEmissivity, SlopePrior
from xsurvey.profiles.multiscale_posterior import MultiscalePosterior
from xsurvey.profiles.profile_mixing import ProfileMixing
from xsurvey.profiles.radial_profile import RadialProfile
from xsurvey.profiles.sky_prior import SkyPrior
from xsurvey.spectra.statistics import CStat
from xsurvey.spectra.statistics.goodness import goodness

_INNERMOST = 0.5  # radius of the first knot, in outer radii of the first bin
_LAST_KNOT, _LAST_SHELL = 1.5, 3.0  # in radii of the profile
_SHELLS_A_DECADE = 50
_RADII_A_DECADE = 30
_JUDGED = 12
_BAD_FIT = 1e-3


@dataclass(frozen=True)
class EmissivityPosterior:
    """Samples of the emissivity of a sphere and of what lies before it.

    Attributes
    ----------
    emissivity : MultiscaleEmissivity
    level : ndarray, shape (s,)
        Ln of the emissivity at its pivot, count/s/arcmin3.
    slopes : ndarray, shape (s, K)
        Minus d ln / d ln r at its knots.
    sky : ndarray, shape (s,)
        count/s/arcmin2.
    background_shift : ndarray, shape (s,)
        By how many of its systematic errors the given background is off.
    expected : ndarray, shape (n,)
        Counts in the exposed bins, mean of the samples.
    statistic : float
        C-stat of that.
    p_value : float
        Of a statistic as large for these expected counts; small ones say that no smooth sphere
        looks like this.
    inner, outer : float
        Radii that the profile has light of, arcmin: half the first bin, and its end.
    chains : Chains
    """

    emissivity: MultiscaleEmissivity
    level: np.ndarray
    slopes: np.ndarray
    sky: np.ndarray
    background_shift: np.ndarray
    expected: np.ndarray
    statistic: float
    p_value: float
    inner: float
    outer: float
    chains: Chains

    @property
    def warnings(self) -> list[str]:
        """What a reader must know."""
        notes = list(self.chains.warnings)
        if self.p_value < _BAD_FIT:
            notes.append(
                f"the profile is not that of a smooth sphere and a sky (p = {self.p_value:.1e})"
            )
        return notes

    def log_emissivity(self, radius: np.ndarray) -> np.ndarray:
        """Return ln of the emissivity, count/s/arcmin3, at radii (m,) arcmin, shape (s, m)."""
        return np.asarray(self.level[:, None] - self.slopes @ self.emissivity.integrals(radius).T)

    def log_slopes(self, radius: np.ndarray) -> np.ndarray:
        """Return d ln emissivity / d ln r at radii (m,) arcmin, shape (s, m)."""
        return np.asarray(-self.slopes @ self.emissivity.interpolation(radius).T)

    def density(
        self, factor: np.ndarray | float, kpc_per_arcmin: float, radius: np.ndarray | None = None
    ) -> DensityPosterior:
        """Return the density of electrons.

        Parameters
        ----------
        factor : ndarray, shape (s, m) or (m,), or float
            Count/s/arcmin2/kpc of a squared density of 1 cm-6
            (`xsurvey.galaxy_clusters.emission.emission_measure_factor`), at the radii where
            temperature or abundance change it, and of each sample where these are uncertain
            (`xsurvey.profiles.emission_factor`).
        kpc_per_arcmin : float
        radius : ndarray, shape (m,), optional
            Arcmin; 30 a decade within the profile if not given (`density_radii`).

        Raises
        ------
        InputError
            Factors that are not positive numbers, or not one a radius.
        """
        radius = self.density_radii() if radius is None else np.asarray(radius, float)
        factor = np.asarray(factor, float)
        every = (len(self.level), len(radius))
        if factor.shape not in ((), radius.shape, every):
            raise InputError(
                "emission factor", f"has shape {factor.shape} for {len(radius)} radii",
                "give one number, or one a radius, or one a radius of each sample",
            )  # fmt: skip
        if not (np.all(np.isfinite(factor) & (factor > 0)) and kpc_per_arcmin > 0):
            raise InputError(
                "emission factor", "is not a positive number", "give count/s of the gas in the band"
            )
        factor = np.broadcast_to(factor, factor.shape if factor.ndim else radius.shape)
        log_squared = self.log_emissivity(radius) - np.log(kpc_per_arcmin * factor)
        change: np.ndarray | float = 0.0
        if len(radius) > 1:
            change = np.gradient(np.log(factor), np.log(radius), axis=-1)
        return DensityPosterior(
            radius * kpc_per_arcmin, np.exp(log_squared / 2),
            (self.log_slopes(radius) - change) / 2,
        )  # fmt: skip

    def shells(self) -> tuple[np.ndarray, np.ndarray]:
        """Return edges of thin shells (j + 1,), arcmin, and medians of their emissivities (j,)."""
        edges = _shells(2 * self.inner, self.outer)
        return edges, np.exp(np.median(self.log_emissivity(_middles(edges)), axis=0))

    def density_radii(self) -> np.ndarray:
        """Return the radii of `density`, arcmin."""
        number = int(np.ceil(np.log10(self.outer / self.inner) * _RADII_A_DECADE)) + 1
        return np.geomspace(self.inner, self.outer, max(number, 4))

    def record(self) -> dict[str, Any]:
        """Return sky, shift, statistic and convergence as JSON values."""
        found = self.chains.diagnostics
        return {
            "sky": float(self.sky.mean()), "sky_error": float(self.sky.std()),
            "background_shift": float(self.background_shift.mean()),
            "background_shift_error": float(self.background_shift.std()),
            "statistic": {"name": "cstat", "value": self.statistic, "bins": len(self.expected),
                          "p_value": self.p_value},
            "samples": len(self.level), "converged": self.chains.converged,
            "r_hat": _largest(found["r_hat"], max), "ess_bulk": _largest(found["ess_bulk"], min),
            "ess_tail": _largest(found["ess_tail"], min), "warnings": self.warnings,
        }  # fmt: skip


def deproject(
    profile: RadialProfile, mixing: ProfileMixing | np.ndarray | None = None,
    sky: SkyPrior | None = None, parameters: DeprojectionParameters | None = None,
    sampling: HamiltonianParameters | None = None, seed: int = 0,
) -> EmissivityPosterior:  # fmt: skip
    """Sample the emissivity of the sphere that a profile is the projection of.

    Parameters
    ----------
    profile : RadialProfile
    mixing : ProfileMixing or ndarray of shape (n, n), optional
        What the PSF moves between rings, s arcmin2; nothing without it.
    sky : SkyPrior, optional
        Of regions outside the profile. Without it the profile itself must tell what the sky is: it
        should reach far beyond the cluster then.
    parameters : DeprojectionParameters, optional
    sampling : HamiltonianParameters, optional
    seed : int

    Raises
    ------
    InputError
        A profile that cannot be deprojected, see `profile_data`; a sky for other bins.
    """
    parameters, sky = parameters or DeprojectionParameters(), sky or SkyPrior()
    first, last = float(profile.edges[1]), float(profile.edges[-1])
    shells = _shells(first, last)
    data = profile_data(profile, mixing, shells)
    emissivity = MultiscaleEmissivity(
        _even(_INNERMOST * first, _LAST_KNOT * last, parameters.knots_per_decade),
        float(np.sqrt(first * last)), _slope_prior(parameters),
    )  # fmt: skip
    posterior = MultiscalePosterior(data, emissivity, _middles(shells), sky.of_bins(data.used))
    start, covariance = posterior.mode()
    radius = np.geomspace(_INNERMOST * first, last, _JUDGED)
    integrals = emissivity.integrals(radius)

    def judged(theta: np.ndarray) -> np.ndarray:
        rows = theta.reshape(-1, theta.shape[-1])
        level, slopes = posterior.profile(rows)
        values = np.column_stack(
            (level[:, None] - slopes @ integrals.T, posterior.background(rows)[0])
        )
        return values.reshape(*theta.shape[:-1], -1)

    chains = sample_hamiltonian(
        posterior, start, covariance, posterior.names, sampling, seed, judged
    )
    samples = chains.samples
    level, slopes = posterior.profile(samples)
    background, shift = posterior.background(samples)
    expected = posterior.expected(samples).mean(axis=0)
    found = goodness(data.counts, expected, 0)
    return EmissivityPosterior(
        emissivity, level, slopes, background, shift, expected,
        float(CStat(data.counts).total(expected[None])[0]), found.p_value, _INNERMOST * first, last,
        chains,
    )  # fmt: skip


def _slope_prior(parameters: DeprojectionParameters) -> SlopePrior:
    return SlopePrior(
        parameters.shallowest_slope, parameters.steepest_slope, parameters.median_slope,
        parameters.slope_spread, parameters.smoothness,
    )  # fmt: skip


def _even(first: float, last: float, per_decade: float) -> np.ndarray:
    return np.geomspace(first, last, int(np.ceil(np.log10(last / first) * per_decade)) + 1)


def _shells(first: float, last: float) -> np.ndarray:
    return np.concatenate(
        ([0.0], _even(_INNERMOST / 2 * first, _LAST_SHELL * last, _SHELLS_A_DECADE))
    )


def _middles(shells: np.ndarray) -> np.ndarray:
    """Return the radii whose emissivity shells have."""
    middles = np.sqrt(shells[1:] * shells[:-1])
    middles[0] = 0.75 * shells[1]
    return np.asarray(middles)


def _largest(values: list[float | None], which: Any) -> float | None:
    known = [v for v in values if v is not None]
    return float(which(known)) if known else None
