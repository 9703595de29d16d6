"""Model clusters: equilibrium, shells and what they emit, files."""

from pathlib import Path

import numpy as np
import pytest

from xsurvey.errors import InputError, ParameterError
from xsurvey.galaxy_clusters import nfw
from xsurvey.galaxy_clusters.hydrostatic import hydrostatic_mass
from xsurvey.galaxy_clusters.model import ClusterModel, read_cluster_model

CONFIG = Path(__file__).resolve().parents[2] / "configs" / "centaurus_like.yaml"
BETA = {"model": "beta", "centre": 0.01, "core_radius": 60.0, "beta": 0.65}


def make(**settings: object) -> ClusterModel:
    values = {"redshift": 0.05, "center": "150,2", "nh": 0.03, "m200": 4e14, "density": BETA}
    return ClusterModel.read(values | settings, "")


def test_masses_and_radii() -> None:
    model = make()
    assert model.mass_in(200) == pytest.approx(4e14)
    assert model.mass_in(500) == pytest.approx(float(nfw.convert(4e14, 4.0, 200, 500)[0]))
    mean = model.mass_in(500) / (4 / 3 * np.pi * model.radius_in(500) ** 3)
    assert mean == pytest.approx(500 * model.critical_density, rel=1e-12)
    seen = model.radius_in(200) / model.kpc_per_arcmin
    again = make(m200=None, r200=f"{seen}arcmin")
    assert again.mass_in(200) == pytest.approx(4e14, rel=1e-9)


def test_gas_is_in_equilibrium() -> None:
    model = make(density=BETA | {"model": "double_beta", "centre2": 0.03, "core_radius2": 15.0})
    radius = np.geomspace(10, 3000, 40)
    step = 1e-3
    kt, n = ([f(radius * np.exp(s)) for s in (-step, 0.0, step)]
             for f in (model.temperature, model.density))  # fmt: skip
    slopes = [(np.log(v[2]) - np.log(v[0])) / (2 * step) for v in (n, kt)]
    mass = hydrostatic_mass(radius, kt[1], *slopes, model.composition.mu)
    np.testing.assert_allclose(mass, model.enclosed_mass(radius), rtol=5e-3)


def test_shells_add_up() -> None:
    model = make()
    edges = np.r_[0.0, np.geomspace(3, 3 * model.radius_in(200), 80)]
    fine = np.sort(np.r_[edges, (edges[1:] + edges[:-1]) / 2])
    coarse, halves = model.shells(edges), model.shells(fine)
    np.testing.assert_allclose(halves.norm.reshape(-1, 2).sum(1), coarse.norm, rtol=1e-7)
    middle = (edges[1:] + edges[:-1])[5:] / 2
    np.testing.assert_allclose(coarse.temperature[5:], model.temperature(middle), rtol=0.01)
    np.testing.assert_allclose(coarse.abundance, 0.3, rtol=1e-12)
    assert not coarse.cool_norm.any()


def test_shells_and_projection_have_the_same_gas() -> None:
    model = make()
    outer = 3 * model.radius_in(200)
    shells = model.shells(np.r_[0.0, np.geomspace(1, outer, 100)])
    x, w = np.polynomial.legendre.leggauss(400)
    t = (x + 1) / 2 * np.log(outer / 1e-3)
    at = outer * np.exp(-t)
    per_area = model.projected_norm(at) * 2 * np.pi * at**2 * w / 2 * np.log(outer / 1e-3)
    assert per_area.sum() / model.kpc_per_arcmin**2 == pytest.approx(shells.norm.sum(), rel=1e-5)


def test_gas_ends() -> None:
    model = make(outer_radius=1.0)
    r200 = model.radius_in(200)
    shells = model.shells(np.array([0.8, 0.9, 1.1, 1.2]) * r200)
    assert shells.norm[1] > 0 and shells.norm[2] == 0
    assert np.isfinite(shells.temperature).all()
    assert model.projected_norm(np.array([1.01 * r200]))[0] == 0


def test_cool_gas_takes_its_share() -> None:
    cool = {"radius": 50.0, "temperature": 1.0, "abundance": 1.5, "share": 0.3}
    edges = np.array([0.0, 25.0, 50.0, 100.0])
    plain, two = make().shells(edges), make(cool_gas=cool).shells(edges)
    np.testing.assert_allclose(two.norm + two.cool_norm, plain.norm, rtol=1e-12)
    np.testing.assert_allclose(two.cool_norm / plain.norm, [0.3, 0.3, 0.0], rtol=1e-12)


def test_the_model_of_the_configs() -> None:
    model = read_cluster_model(CONFIG)
    assert model.radius_in(200) / model.kpc_per_arcmin == pytest.approx(91.0)
    shells = model.shells(np.r_[0.0, np.geomspace(2, 2 * model.radius_in(200), 40)])
    assert (shells.temperature > 0.3).all() and (shells.temperature < 6).all()
    assert model.excess[0].outer_radius == 45 * 60
    assert model.cool_gas is not None and model.cool_gas.abundance == 1.6


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        ({"r200": "91arcmin"}, "one of m200 and r200"),
        ({"m200": None}, "one of m200 and r200"),
        ({"redshift": 0.0}, "redshift"),
        ({"redshift": float("nan")}, "redshift"),
        ({"nH": 0.1}, "nH: unknown key"),
        ({"density": {"model": "king"}}, "density"),
        ({"density": BETA | {"core_radius": 0}}, "core_radius"),
        ({"density": {"model": "beta", "core_radius": 3.0}}, "centre: is required"),
        ({"abundance_table": "sun"}, "abundance_table"),
        ({"cosmology": {"omega_m": 2}}, "cosmology.omega_m"),
        ({"cool_gas": {"radius": 5, "temperature": 1, "share": 1.0}}, "cool_gas.share"),
        ({"excess": [{"sector": [0, 0], "inner_radius": "1arcmin", "outer_radius": "2arcmin",
                      "factor": 2}]}, "sector"),
        ({"excess": [{"sector": [0, 9], "inner_radius": "3arcmin", "outer_radius": "2arcmin",
                      "factor": 2}]}, "inner_radius"),
    ],
)  # fmt: skip
def test_what_is_no_cluster(change: dict, subject: str) -> None:
    with pytest.raises(ParameterError, match=subject) as caught:
        make(**change)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_clusters(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_cluster_model(tmp_path / "none.yaml")
    path = tmp_path / "bad.yaml"
    path.write_text(CONFIG.read_text().replace("redshift: 0.0114", "redshift: -1"))
    with pytest.raises(ParameterError, match=r"bad\.yaml: redshift"):
        read_cluster_model(path)
