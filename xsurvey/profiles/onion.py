r"""Onion peeling: the emissivity of each shell from the brightness of the rings, outside in.

Counts are linear in the emissivities of shells (Fabian et al. 1981, ApJ 248, 47; Kriss, Cioffi &
Canizares 1983, ApJ 272, 439), through the volumes that rings and shells share and through the PSF.
Without a PSF the system is triangular, and its solution peels shell after shell; a weight of the
curvature of the emissivity (Bouchet 1995, A&AS 113, 167) damps the noise that the solution
amplifies. Errors are those of simulated counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xsurvey.errors import InputError
from xsurvey.galaxy_clusters.shells import outer_emission
from xsurvey.profiles.deprojection_data import ProfileData, profile_data, ring_edges
from xsurvey.profiles.deprojection_parameters import DeprojectionParameters
from xsurvey.profiles.profile_mixing import ProfileMixing
from xsurvey.profiles.radial_profile import RadialProfile
from xsurvey.profiles.sky_prior import SkyPrior

_WEIGHTS = np.geomspace(1e-4, 1e6, 41)


@dataclass(frozen=True)
class OnionPeeling:
    """Emissivities of n shells.

    Attributes
    ----------
    edges : ndarray, shape (n + 1,)
        arcmin.
    emissivity : ndarray, shape (n,)
        count/s/arcmin3; negative where noise wants it so.
    samples : ndarray, shape (s, n)
        Of simulated counts, skies and backgrounds.
    lower, upper : ndarray, shape (n,)
        Quantiles of these.
    regularisation : float
        Weight of the curvature.
    """

    edges: np.ndarray
    emissivity: np.ndarray
    samples: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    regularisation: float

    def density(
        self, factor: np.ndarray | float, kpc_per_arcmin: float, drawn: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return densities of electrons (n,), and those of the samples (s, n), cm-3.

        Zero where the emissivity is negative.

        Parameters
        ----------
        factor : ndarray, shape (n,), or float
            Count/s/arcmin2/kpc of a squared density of 1 cm-6.
        kpc_per_arcmin : float
        drawn : ndarray, shape (s, n), optional
            The factor of each sample, where it is uncertain.
        """
        scales = (np.asarray(f, float) * kpc_per_arcmin
                  for f in (factor, factor if drawn is None else drawn))  # fmt: skip
        values = (self.emissivity, self.samples)
        found, samples = (
            np.sqrt(np.maximum(v, 0.0) / scale) for v, scale in zip(values, scales, strict=True)
        )
        return found, samples


def peel(
    profile: RadialProfile, sky: SkyPrior, mixing: ProfileMixing | np.ndarray | None = None,
    parameters: DeprojectionParameters | None = None, seed: int = 0,
) -> OnionPeeling:  # fmt: skip
    """Return the emissivities of the shells whose edges are those of the bins.

    Parameters
    ----------
    profile : RadialProfile
        All bins exposed.
    sky : SkyPrior
        Its level is subtracted.
    mixing : ProfileMixing or ndarray of shape (n, n), optional
        s arcmin2. Light of rings beyond the last bin is that of the power law there.
    parameters : DeprojectionParameters, optional
    seed : int
        Of simulated counts.

    Raises
    ------
    InputError
        A sky without a level, bins without exposure, or what `profile_data` says.
    """
    parameters = parameters or DeprojectionParameters()
    if sky.free:
        raise InputError(
            "sky", "has no level, and onion peeling needs one", "measure it, or take multiscale"
        )
    data = _linear(profile, mixing, parameters.outer_slope)
    sky = sky.of_bins(data.used)
    expected = data.background + sky.shift * data.background_error + sky.level * data.exposure_area
    net = data.counts - expected
    variance = np.maximum(data.counts, 1.0)
    weight = parameters.regularisation
    if weight is None:
        weight = _discrepancy(data.matrix, net, variance)
    solve = _solver(data.matrix, variance, weight)
    generator = np.random.default_rng(seed)
    samples = (_drawn(data, expected, sky, parameters.draws, generator) - expected) @ solve.T
    tail = (1 - parameters.confidence) / 2
    lower, upper = np.quantile(samples, [tail, 1 - tail], axis=0)
    return OnionPeeling(
        np.asarray(profile.edges, float), solve @ net, samples, lower, upper, float(weight)
    )


def _linear(
    profile: RadialProfile, mixing: ProfileMixing | np.ndarray | None, slope: float
) -> ProfileData:
    """Return the data with a column for each shell, what is beyond the last one in its column."""
    edges, rings = np.asarray(profile.edges, float), ring_edges(profile, mixing)
    n = len(edges) - 1
    # rings beyond the last bin have shells of their own, whose emissivity follows from the last's
    data = profile_data(profile, mixing, rings, outer_emission(rings, rings[-1], slope))
    if not data.used.all():
        raise InputError(
            "profile", f"has {int((~data.used).sum())} bins without exposure",
            "onion peeling needs all of them: make larger bins",
        )  # fmt: skip
    middle = np.sqrt((rings[1:] ** 2 + rings[:-1] ** 2) / 2)
    matrix = data.matrix[:, :n].copy()
    matrix[:, -1] += data.matrix[:, n:] @ (middle[n:] / middle[n - 1]) ** -slope
    return ProfileData(
        data.counts, matrix, data.exposure_area, data.background, data.background_error, data.used
    )


def _solver(matrix: np.ndarray, variance: np.ndarray, weight: float) -> np.ndarray:
    """Return the matrix from net counts to emissivities, (n, n)."""
    if weight == 0:
        return np.linalg.pinv(matrix)
    scaled = matrix / np.sqrt(variance)[:, None]
    curvature = np.diff(np.eye(len(matrix)), 2, axis=0)
    # in units of what the counts know of each shell, so that weights have no unit
    curvature = curvature * np.sqrt((scaled**2).sum(axis=0))
    normal = scaled.T @ scaled + weight * curvature.T @ curvature
    return np.asarray(np.linalg.solve(normal, scaled.T) / np.sqrt(variance))


def _discrepancy(matrix: np.ndarray, net: np.ndarray, variance: np.ndarray) -> float:
    """Return the largest weight that fits to the errors: chi2 of the number of bins (Morozov)."""
    best = 0.0
    for weight in _WEIGHTS:
        fitted = matrix @ (_solver(matrix, variance, float(weight)) @ net)
        if ((net - fitted) ** 2 / variance).sum() <= len(net):
            best = float(weight)
    return best


def _drawn(
    data: ProfileData, expected: np.ndarray, sky: SkyPrior, number: int,
    generator: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """Return simulated counts less the errors of sky and background, shape (s, n)."""
    counts = generator.poisson(data.counts, (number, len(data.counts))).astype(float)
    # a bin without counts may have had some
    counts += np.where(data.counts == 0, generator.exponential(size=counts.shape), 0.0)
    z = generator.standard_normal((number, 2))
    level = sky.level_error * z[:, :1]
    shift = sky.correlation * z[:, :1] + np.sqrt(1 - sky.correlation**2) * z[:, 1:]
    counts -= level * data.exposure_area + sky.shift_error * shift * data.background_error
    if sky.scatter.size:
        scattered = generator.standard_normal(counts.shape) * sky.scatter * data.exposure_area
        counts -= scattered
    return np.asarray(counts)
