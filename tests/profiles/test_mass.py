"""Hydrostatic masses of simulated clusters."""

from dataclasses import replace

import numpy as np
import pytest

from xsurvey.errors import InputError, ParameterError
from xsurvey.galaxy_clusters.model import ClusterModel
from xsurvey.inference.chains import Chains
from xsurvey.inference.mcmc_parameters import MCMCParameters
from xsurvey.profiles.mass import MassFit, fit_mass, masses
from xsurvey.profiles.mass_model import (
    NAMES,
    HydrostaticModel,
    TemperaturePoints,
    on_radii,
)
from xsurvey.profiles.mass_parameters import MassParameters
from xsurvey.profiles.thermodynamics import gas_in, halo_mass, of_mass_fit, scaling_entropy

EDGES = np.array([25.0, 80.0, 160.0, 280.0, 450.0, 700.0, 1100.0])
RADIUS = np.geomspace(8.0, 4000.0, 50)
QUICK = MCMCParameters(min_steps=200, max_steps=2000, r_hat_limit=1.05)


@pytest.fixture(scope="module")
def cluster() -> ClusterModel:
    return ClusterModel.read(
        {
            "redshift": 0.05, "center": "0,0", "nh": 0.03, "m200": 6e14, "concentration": 4.0,
            "density": {"model": "beta", "centre": 0.008, "core_radius": 120.0, "beta": 0.65},
            "outer_radius": 8.0,
        },
        "",
    )  # fmt: skip


def halo(cluster: ClusterModel, at: float) -> np.ndarray:
    end = float(cluster.temperature(np.array([at]))[0])
    return np.array([[np.log(cluster.mass_in(200)), np.log(cluster.concentration), end]])


def blank(**settings: object) -> TemperaturePoints:
    points = TemperaturePoints(EDGES[:-1], EDGES[1:], np.full(6, 4.0), 0.01 * np.eye(6))
    return replace(points, **settings)  # type: ignore[arg-type]


def predictions(cluster: ClusterModel, points: TemperaturePoints, **settings: object) -> np.ndarray:
    model = HydrostaticModel(
        points, RADIUS, cluster.density(RADIUS), cluster.critical_density, cluster.composition.mu,
        MassParameters(**settings),  # type: ignore[arg-type]
    )  # fmt: skip
    return model.predicted(halo(cluster, model.radius[-1]), [0])[0, :, 0]


@pytest.fixture(scope="module")
def fit(cluster: ClusterModel) -> MassFit:
    points = blank()
    seen = predictions(cluster, points)
    points = replace(points, temperature=seen, covariance=np.diag((0.03 * seen) ** 2))
    scatter = 0.03 * np.random.default_rng(5).standard_normal((100, 1))
    return fit_mass(
        points, RADIUS, cluster.density(RADIUS) * np.exp(scatter), cluster.redshift,
        cluster.cosmology, cluster.composition, MassParameters(density_draws=8, radii=50), QUICK,
        seed=2,
    )  # fmt: skip


def test_power_laws_between_radii_and_beyond() -> None:
    known, at = np.array([1.0, 10.0, 100.0]), np.array([0.1, 3.0, 50.0, 1000.0])
    density = np.stack([known**-1.5, 2 * known**-2.0])
    np.testing.assert_allclose(on_radii(at, known, density), [at**-1.5, 2 * at**-2.0], rtol=1e-12)


def test_noise_of_the_last_radius_is_not_continued() -> None:
    known = np.geomspace(1, 100, 61)
    density = known**-2.0
    density[-1] *= 0.9
    beyond = on_radii(np.array([300.0]), known, density[None])[0, 0]
    # the mean slope over the last factor of two, from the last density on
    slope = -2 + np.log(0.9) / np.log(2)
    assert beyond == pytest.approx(density[-1] * 3**slope, rel=1e-6)
    assert on_radii(known, known, density[None])[0] == pytest.approx(density, rel=1e-12)


def test_deprojected_points_are_the_temperatures_of_shells(cluster: ClusterModel) -> None:
    got = predictions(cluster, blank(deprojected=True), radii=400, reach=5.0)
    for i in range(6):
        r = np.linspace(EDGES[i], EDGES[i + 1], 2001)
        weight = r**2 * cluster.density(r) ** 2 * cluster.temperature(r) ** -0.75
        exact = (weight * cluster.temperature(r)).sum() / weight.sum()
        assert got[i] == pytest.approx(exact, rel=2e-3)


def test_projection_against_sums_along_sight(cluster: ClusterModel) -> None:
    got = predictions(cluster, blank(), radii=400, reach=5.0, weighting="emission")
    for i in range(6):
        b = np.linspace(EDGES[i], EDGES[i + 1], 41)
        l_ = np.linspace(0, 5500, 6001)
        r = np.hypot(b[:, None], l_)
        weight = b[:, None] * cluster.density(r) ** 2 * (r < 5500)
        exact = (weight * cluster.temperature(r)).sum() / weight.sum()
        assert got[i] == pytest.approx(exact, rel=3e-3)


def test_spectroscopic_like_is_cooler(cluster: ClusterModel) -> None:
    cool = predictions(cluster, blank())
    assert np.all(cool < predictions(cluster, blank(), weighting="emission"))


def test_mixing_brings_neighbours(cluster: ClusterModel) -> None:
    area = np.pi * np.diff(EDGES**2)
    alone = predictions(cluster, blank(mixing=np.diag(area)))
    np.testing.assert_allclose(alone, predictions(cluster, blank()), rtol=1e-12)
    moved = np.diag(0.8 * area) + np.diag(0.2 * area[:-1], -1)
    mixed = predictions(cluster, blank(mixing=moved))
    assert np.all((mixed[1:] - alone[1:]) * (alone[:-1] - alone[1:]) > 0)
    assert mixed[0] == pytest.approx(alone[0], rel=1e-12)


def test_the_halo_comes_back(cluster: ClusterModel, fit: MassFit) -> None:
    assert fit.chains.converged
    assert fit.statistic < 0.5
    assert (fit.dof, fit.p_value > 0.9) == (3, True)
    for delta in (500, 200):
        mass = fit.quantities[f"m{delta}"]
        assert mass.lower < cluster.mass_in(delta) < mass.upper
        assert fit.quantities[f"r{delta}"].value == pytest.approx(
            cluster.radius_in(delta), rel=0.03
        )
    assert fit.quantities["m500"].unit == "solMass"
    near = (fit.radius > 50) & (fit.radius < 1000)
    np.testing.assert_allclose(
        np.median(fit.temperature, 0)[near], cluster.temperature(fit.radius[near]), rtol=0.03
    )


def test_what_follows_from_the_fit(cluster: ClusterModel, fit: MassFit) -> None:
    critical = cluster.critical_density
    gas = gas_in(fit, 500, critical, cluster.composition)
    r = np.linspace(0, cluster.radius_in(500), 20001)[1:]
    volume = np.sum(4 * np.pi * r**2 * cluster.density(r)) * (r[1] - r[0])
    exact = volume * (3.0856776e21**3 * cluster.composition.mu_e * 1.67262192e-24 / 1.98841e33)
    assert gas["gas_mass"].value == pytest.approx(exact, rel=0.05)
    fraction = gas["gas_fraction"]
    assert fraction.lower < exact / cluster.mass_in(500) < fraction.upper
    inside = halo_mass(fit, critical, 0.683)
    at = fit.radius > 300
    np.testing.assert_allclose(inside.value[at], cluster.enclosed_mass(fit.radius[at]), rtol=0.07)
    profile = of_mass_fit(fit, cluster.composition)
    assert {"entropy", "pressure", "gas_mass"} <= set(profile.quantities)
    assert "cooling_time" not in profile.quantities
    assert 500 < scaling_entropy(fit, critical, 0.15, cluster.composition) < 3000


def test_seeds_repeat(cluster: ClusterModel) -> None:
    points = blank(temperature=predictions(cluster, blank()), covariance=0.05 * np.eye(6))

    def once(seed: int) -> float:
        found = fit_mass(
            points, RADIUS, cluster.density(RADIUS), cluster.redshift,
            parameters=MassParameters(radii=30),
            mcmc=MCMCParameters(min_steps=50, max_steps=50, check_every=10), seed=seed,
        )  # fmt: skip
        assert any("not converged" in note for note in found.notes)
        return found.quantities["m500"].value

    assert once(3) == once(3) != once(4)


def test_chains_without_samples(cluster: ClusterModel, monkeypatch: pytest.MonkeyPatch) -> None:
    burnt = Chains(NAMES, np.zeros((2, 4, 16, 3)), np.zeros((2, 4, 16)), np.zeros((4, 16)), 2, 1, 0)
    monkeypatch.setattr("xsurvey.profiles.mass.sample_ensembles", lambda *a, **k: burnt)
    with pytest.raises(ParameterError, match="max_steps"):
        fit_mass(blank(), RADIUS, cluster.density(RADIUS), 0.05)


def test_density_errors_widen_masses(cluster: ClusterModel) -> None:
    seen = predictions(cluster, blank())
    points = blank(temperature=seen, covariance=np.diag((0.02 * seen) ** 2))
    tilt = 0.15 * np.random.default_rng(1).standard_normal((300, 1)) * np.log(RADIUS / 300)
    widths = []
    for density in (cluster.density(RADIUS)[None], cluster.density(RADIUS) * np.exp(tilt)):
        model = HydrostaticModel(
            points, RADIUS, density, cluster.critical_density, 0.6,
            MassParameters(density_draws=200, radii=40, reach=2.0),
        )  # fmt: skip
        at = halo(cluster, model.radius[-1])
        grid = np.repeat(at, 41, axis=0)
        grid[:, 0] += np.linspace(-0.3, 0.3, 41)
        weight = np.exp(model.log_probability(grid) - model.log_probability(grid).max())
        x = grid[:, 0]
        mean = weight @ x / weight.sum()
        widths.append(np.sqrt(weight @ (x - mean) ** 2 / weight.sum()))
    assert widths[1] > 1.5 * widths[0]


def test_priors() -> None:
    model = HydrostaticModel(
        blank(), RADIUS, RADIUS**-2.0, 140.0, 0.6,
        MassParameters(concentration=4.0, concentration_scatter=0.2),
    )  # fmt: skip
    theta = np.array([[33.0, np.log(4.0), 1.0], [33.0, np.log(4.0) + 0.2, 1.0],
                      [20.0, 1.0, 1.0], [33.0, 1.0, -0.1], [33.0, 1.0, 9.0]])  # fmt: skip
    prior = model.log_prior(theta)
    assert prior[0] - prior[1] == pytest.approx(0.5)
    assert np.all(prior[2:] == -np.inf)
    assert model.log_probability(theta)[3] == -np.inf


def test_gaps_are_left_out(cluster: ClusterModel) -> None:
    temperature = np.array([4.0, np.nan, 5.0, 4.5, -1.0, 3.0])
    usable = blank(temperature=temperature).usable()
    np.testing.assert_array_equal(usable.inner, EDGES[:-1][[0, 2, 3, 5]])
    assert usable.covariance.shape == (4, 4)


def test_masses_of_halos() -> None:
    mass, radius = masses(np.array([[np.log(1e14), np.log(4.0), 1.0]]), 200, 140.0)
    assert mass[0] == pytest.approx(1e14)
    assert radius[0] == pytest.approx((3e14 / (4 * np.pi * 200 * 140)) ** (1 / 3))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"temperature": np.array([4.0, 5.0, np.nan, np.nan, np.nan, np.nan])}, "of 2 annuli"),
        ({"covariance": np.full((6, 6), 0.01)}, "covariance"),
        ({"inner": EDGES[1:]}, "ascend"),
        ({"outer": EDGES[1:][::-1]}, "ascend"),
    ],
)
def test_points_that_are_none(change: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        blank(**change).usable()


@pytest.mark.parametrize(
    ("radius", "density"),
    [
        (RADIUS, np.zeros(50)),
        (RADIUS, np.full(50, np.nan)),
        (RADIUS[::-1], np.ones(50)),
        (RADIUS[:1], np.ones(1)),
        (RADIUS, np.ones(49)),
    ],
)
def test_densities_that_are_none(radius: np.ndarray, density: np.ndarray) -> None:
    with pytest.raises(InputError, match="density"):
        on_radii(EDGES, radius, density)


@pytest.mark.parametrize(
    "bad",
    [{"lowest_mass": 1e17}, {"lowest_concentration": 30}, {"reach": 0.5}, {"confidence": 1.0},
     {"density_draws": 0}],
)  # fmt: skip
def test_parameters_that_are_none(bad: dict) -> None:
    with pytest.raises(ParameterError, match=f"mass|{next(iter(bad))}"):
        MassParameters.read(bad, "mass")
