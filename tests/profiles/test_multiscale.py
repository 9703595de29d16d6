"""Deprojection with a posterior against spheres whose emissivity is known."""

import numpy as np
import pytest

from xsurvey.errors import InputError, ParameterError
from xsurvey.galaxy_clusters.composition import composition
from xsurvey.galaxy_clusters.constants import KPC, PROTON_MASS
from xsurvey.galaxy_clusters.shells import projected_volumes
from xsurvey.inference.hamiltonian_parameters import HamiltonianParameters
from xsurvey.profiles.density_posterior import DensityPosterior
from xsurvey.profiles.deprojection_data import profile_data
from xsurvey.profiles.multiscale import deproject
from xsurvey.profiles.multiscale_emissivity import MultiscaleEmissivity, SlopePrior
from xsurvey.profiles.multiscale_posterior import MultiscalePosterior
from xsurvey.profiles.profile_mixing import ProfileMixing
from xsurvey.profiles.sky_level import sky_level
from xsurvey.profiles.sky_prior import SkyPrior

from .spheres import beta_counts, profile_of

EDGES = np.linspace(0, 20, 41)
EXPOSURE, SKY, PARTICLES = 1e4, 2e-4, 1e-4
QUICK = HamiltonianParameters(chains=8, warmup=120, min_steps=200, max_steps=800)
FEW = HamiltonianParameters(chains=8, warmup=80, min_steps=100, max_steps=100)
RADII = np.array([0.5, 2.0, 5.0, 10.0])


def expected(edges: np.ndarray = EDGES, shift: float = 0.0) -> np.ndarray:
    area = np.pi * np.diff(edges**2)
    return EXPOSURE * (beta_counts(edges) + (SKY + PARTICLES * (1 + shift)) * area)


def truth(radius: np.ndarray) -> np.ndarray:
    return np.log(1e-2 * (1 + (radius / 2) ** 2) ** -2)


def posterior_of(sky: SkyPrior, particle_error: float = 0.05) -> MultiscalePosterior:
    shells = np.concatenate(([0.0], np.geomspace(0.2, 60, 60)))
    data = profile_data(
        profile_of(EDGES, expected(), EXPOSURE, PARTICLES, particle_error, 4), None, shells
    )
    emissivity = MultiscaleEmissivity(np.geomspace(0.3, 30, 9), 3.0, SlopePrior())
    return MultiscalePosterior(data, emissivity, np.sqrt(shells[1:] * (shells[:-1] + 0.1)), sky)


@pytest.mark.parametrize("sky", [
    SkyPrior(), SkyPrior(SKY, 0.1 * SKY, 0.3, 0.9, -0.6), SkyPrior(SKY, 1e-7),
    SkyPrior(SKY, 1e-5, scatter=np.where(np.arange(40) % 2, 2e-5, 0.0)),
])  # fmt: skip
def test_gradients(sky: SkyPrior) -> None:
    posterior = posterior_of(sky)
    theta = 0.3 * np.random.default_rng(1).standard_normal((2, len(posterior.names)))
    gradient = posterior(theta)[1]
    for i in range(theta.shape[1]):
        step = np.zeros(theta.shape[1])
        step[i] = 1e-5
        numeric = (posterior(theta + step)[0] - posterior(theta - step)[0]) / 2e-5
        assert gradient[:, i] == pytest.approx(numeric, rel=1e-4, abs=1e-2)


def test_the_functions_are_those_of_the_covariance() -> None:
    emissivity = MultiscaleEmissivity(np.geomspace(0.1, 10, 17), 1.0, SlopePrior(length=1.0))
    x = np.log(emissivity.knots)
    found = emissivity.functions @ emissivity.functions.T
    assert np.allclose(found, 1.25**2 * np.exp(-((x[:, None] - x) ** 2) / 2), atol=3e-6)
    # the last function but the ends' and the middle's is zero at all knots placed before it
    assert np.allclose(emissivity.functions[[0, 16, 8], 3:], 0, atol=1e-9)


def test_slopes_stay_within_their_limits_and_integrate() -> None:
    emissivity = MultiscaleEmissivity(np.geomspace(0.1, 10, 9), 1.0, SlopePrior())
    z = 3 * np.random.default_rng(2).standard_normal((50, 9))
    slopes, _ = emissivity.slopes(z)
    assert np.all((slopes >= -1) & (slopes <= 10))
    r = np.geomspace(0.12, 40, 4000)
    logs = -slopes @ emissivity.integrals(r).T
    numeric = np.gradient(logs, np.log(r), axis=1)[:, 1:-1]
    exact = -(slopes @ emissivity.interpolation(r[1:-1]).T)
    assert np.abs(numeric - exact).max() < 0.05
    assert np.allclose(slopes @ emissivity.integrals(np.array([1.0])).T, 0)


def test_a_beta_model_is_recovered_with_its_sky_and_background() -> None:
    profile = profile_of(EDGES, expected(shift=0.05), EXPOSURE, PARTICLES, 0.05, seed=11)
    found = deproject(profile, None, SkyPrior(SKY, 0.05 * SKY), None, QUICK, seed=1)
    logs = found.log_emissivity(RADII)
    pull = (logs.mean(axis=0) - truth(RADII)) / logs.std(axis=0)
    assert np.all(np.abs(pull) < 3)
    assert np.all(logs.std(axis=0) < [0.2, 0.06, 0.06, 0.1])
    assert abs(found.sky.mean() - SKY) < 4 * found.sky.std()
    assert found.statistic < 41 + 4 * np.sqrt(80)
    slopes = found.log_slopes(np.array([2.0]))
    assert abs(slopes.mean() + 2.0) < 4 * slopes.std()
    record = found.record()
    assert record["r_hat"] < 1.05
    assert record["ess_bulk"] > 100


def test_the_skys_uncertainty_widens_the_outskirts() -> None:
    profile = profile_of(EDGES, expected(), EXPOSURE, PARTICLES, 0.0, seed=12)
    known, unknown = (
        deproject(profile, None, SkyPrior(SKY, error * SKY), None, FEW, seed=1)
        for error in (0.01, 0.3)
    )
    at = np.array([1.0, 18.0])
    narrow, wide = (p.log_emissivity(at).std(axis=0) for p in (known, unknown))
    assert wide[1] > 1.3 * narrow[1]
    assert wide[0] == pytest.approx(narrow[0], rel=0.3)


def test_scatter_of_the_sky_widens_too() -> None:
    profile = profile_of(EDGES, expected(), 100 * EXPOSURE, PARTICLES, 0.0)
    profile.counts[:] *= 100
    quiet, patchy = (
        deproject(
            profile, None, SkyPrior(SKY, 0.01 * SKY, scatter=np.full(40, s * SKY)), None, FEW, 1
        ).log_emissivity(np.array([12.0])).std()
        for s in (1e-9, 0.3)
    )  # fmt: skip
    assert patchy > 2 * quiet


def test_the_psf_is_taken_out() -> None:
    # a third of each ring's light goes to its neighbours
    n = len(EDGES) - 1
    area = EXPOSURE * np.pi * np.diff(EDGES**2)
    share = np.diag(np.full(n, 2 / 3)) + np.diag(np.full(n - 1, 1 / 6), 1)
    share += np.diag(np.full(n - 1, 1 / 6), -1)
    share[0, 0] = share[-1, -1] = 5 / 6
    counts = share @ (EXPOSURE * beta_counts(EDGES)) + area * (SKY + PARTICLES)
    profile = profile_of(EDGES, counts, EXPOSURE, PARTICLES, 0.0)
    mixing = ProfileMixing(share * area, EDGES)
    with_psf, without = (
        deproject(profile, m, SkyPrior(SKY, 0.01 * SKY), None, FEW, 1) for m in (mixing, None)
    )
    inner = np.array([0.5])
    assert abs(with_psf.log_emissivity(inner).mean() - truth(inner)[0]) < 0.1
    assert abs(without.log_emissivity(inner).mean() - truth(inner)[0]) > 0.2


def test_density_of_a_factor_that_changes() -> None:
    profile = profile_of(EDGES, expected(), EXPOSURE, PARTICLES, 0.0, seed=3)
    found = deproject(profile, None, SkyPrior(SKY, 1e-5), None, FEW, 1)
    radius = np.geomspace(0.5, 15, 20)
    factor = 1e-3 * radius**0.4
    density = found.density(factor, 10.0, radius)
    assert np.allclose(density.radii, 10 * radius)
    assert np.allclose(density.samples**2 * factor * 10, np.exp(found.log_emissivity(radius)))
    assert np.allclose(density.log_slopes, (found.log_slopes(radius) - 0.4) / 2)
    median, lower, upper = density.interval()
    assert np.all((lower < median) & (median < upper))
    with pytest.raises(InputError, match="shape"):
        found.density(factor[:3], 10.0, radius)
    with pytest.raises(InputError, match="positive"):
        found.density(0.0, 10.0)


def test_density_of_a_factor_of_each_sample() -> None:
    profile = profile_of(EDGES, expected(), EXPOSURE, PARTICLES, 0.0, seed=3)
    found = deproject(profile, None, SkyPrior(SKY, 1e-5), None, FEW, 1)
    radius = found.density_radii()
    drawn = 1e-3 * np.random.default_rng(4).uniform(0.5, 2, (len(found.level), 1)) * radius**0.2
    density = found.density(drawn, 10.0)
    assert np.allclose(density.samples**2 * drawn * 10, np.exp(found.log_emissivity(radius)))
    assert np.allclose(density.log_slopes, (found.log_slopes(radius) - 0.2) / 2)
    with pytest.raises(InputError, match="shape"):
        found.density(drawn[1:], 10.0)


def test_shells_have_the_light_of_the_profile() -> None:
    profile = profile_of(EDGES, expected(), EXPOSURE, PARTICLES, 0.0)
    edges, emissivity = deproject(profile, None, SkyPrior(SKY, 1e-5), None, FEW, 1).shells()
    light = projected_volumes(EDGES, edges) @ emissivity
    exact = beta_counts(EDGES)
    assert light[:20].sum() == pytest.approx(exact[:20].sum(), rel=0.03)
    assert light[2] == pytest.approx(exact[2], rel=0.05)


def test_gas_mass_and_luminosity_of_a_power_law() -> None:
    radius = np.geomspace(1, 1000, 91)
    norm = np.array([[1e-3], [2e-3]])
    density = DensityPosterior(radius, norm * radius**-1.0, np.full((2, 91), -1.0))
    gas = composition()
    # inside the first radius the density is constant: 4/3 pi r1^3 n(r1) + 2 pi (r^2 - r1^2) n r
    exact = norm[:, 0] * (4 * np.pi / 3 + 2 * np.pi * (500**2 - 1))
    found = density.gas_mass(np.array([500.0]), gas)[:, 0]
    assert found == pytest.approx(exact * KPC**3 * gas.mu_e * PROTON_MASS, rel=1e-3)
    light = density.luminosity(np.array([500.0]), np.full(91, 1e-23), gas)[:, 0]
    exact = norm[:, 0] ** 2 * 4 * np.pi * (1 / 3 + 499) * KPC**3 * 1e-23
    assert light == pytest.approx(exact / gas.electrons_per_hydrogen, rel=1e-3)
    with pytest.raises(InputError, match="asked for"):
        density.gas_mass(np.array([2000.0]))


def test_a_measured_sky_becomes_a_prior() -> None:
    sky = sky_level(
        np.array([400.0, 440.0, 380.0, 410.0]), np.full(4, 1e6), np.full(4, 100.0),
        np.full(4, 200.0), np.full(4, 10.0),
    )  # fmt: skip
    prior = SkyPrior.of_level(sky, np.array([50.0, 100.0]))
    assert prior.level == pytest.approx(sky.level)
    assert prior.level_error == pytest.approx(sky.level_error)
    assert prior.correlation < -0.1
    assert prior.scatter[0] == pytest.approx(np.sqrt(2) * prior.scatter[1])


def test_an_empty_field_has_an_upper_limit_only() -> None:
    area = np.pi * np.diff(EDGES**2)
    profile = profile_of(EDGES, EXPOSURE * (SKY + PARTICLES) * area, EXPOSURE, PARTICLES, 0.0, 8)
    found = deproject(profile, None, SkyPrior(SKY, 0.05 * SKY), None, FEW, 1)
    cluster = np.exp(found.log_emissivity(np.array([5.0])))
    assert np.quantile(cluster, 0.05) < 0.2 * np.quantile(cluster, 0.95)
    assert np.median(cluster) < np.exp(truth(np.array([5.0])))[0] / 10


def test_a_ring_is_no_smooth_sphere() -> None:
    area = np.pi * np.diff(EDGES**2)
    ring = 20 * np.exp(-0.5 * (EDGES[1:] - 8) ** 2) * area
    found = deproject(profile_of(EDGES, ring + area, EXPOSURE, seed=1), None, None, None, FEW)
    assert found.p_value < 1e-6
    assert "smooth sphere" in found.warnings[-1]


def test_refusals() -> None:
    good = profile_of(EDGES, expected(), EXPOSURE)
    with pytest.raises(InputError, match="no counts"):
        deproject(profile_of(EDGES, np.zeros(40), EXPOSURE))
    with pytest.raises(InputError, match="exposed bins"):
        deproject(profile_of(EDGES, expected(), 0.0))
    with pytest.raises(InputError, match="mixing matrix"):
        deproject(good, np.eye(3))
    with pytest.raises(InputError, match="scatters in"):
        deproject(good, None, SkyPrior(SKY, 1e-5, scatter=np.ones(3)))
    bad = profile_of(EDGES, expected(), EXPOSURE)
    bad.background[3] = np.nan
    with pytest.raises(InputError, match="no number"):
        deproject(bad)
    for wrong in ({"level": np.nan}, {"level_error": 0.0}, {"correlation": 1.0}):
        with pytest.raises(ParameterError, match="sky"):
            SkyPrior(**wrong)
