"""Entropy, pressure, masses and powers of gas; the cooling function."""

from pathlib import Path

import numpy as np
import pytest

from xsurvey.errors import MissingDataError
from xsurvey.galaxy_clusters import thermodynamics
from xsurvey.galaxy_clusters.composition import composition
from xsurvey.galaxy_clusters.constants import GIGAYEAR, KEV, KPC
from xsurvey.galaxy_clusters.cooling import CoolingFunction, cooling_time
from xsurvey.galaxy_clusters.gas_density import beta_density
from xsurvey.spectra.models.atomdb import find_atomdb
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.units import EnergyBand

GAS = composition("angr", 0.3)


@pytest.fixture(scope="module")
def cooling(tmp_path_factory: pytest.TempPathFactory) -> CoolingFunction:
    try:
        find_atomdb(ModelSettings())
    except MissingDataError:
        pytest.skip("AtomDB is not installed (xsurvey data install atomdb)")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XSURVEY_CACHE", str(tmp_path_factory.mktemp("cache")))
        return CoolingFunction()


def test_entropy_and_pressure() -> None:
    assert float(thermodynamics.entropy(np.array(1e-3), np.array(4.0))) == pytest.approx(400.0)
    assert float(thermodynamics.pressure(np.array(1e-3), np.array(4.0))) == pytest.approx(4e-3)


def test_uniform_gas() -> None:
    radius = np.geomspace(1.0, 100.0, 40)
    mass = thermodynamics.gas_mass(radius, np.full((2, 40), 1e-2), GAS)
    # 1e-2 electrons per cm3 of a kpc3, times 1.165 proton masses
    per_volume = 1e-2 * KPC**3 * GAS.mu_e * 1.67262192e-24 / 1.98841e33
    np.testing.assert_allclose(
        mass, np.tile(per_volume * 4 / 3 * np.pi * radius**3, (2, 1)), rtol=1e-5
    )


def test_mass_of_a_beta_model() -> None:
    radius = np.geomspace(1.0, 3000.0, 200)
    core = 100.0
    density = beta_density(radius, 0.01, core, 2 / 3)
    got = thermodynamics.volume_integral(radius, density)
    exact = 4 * np.pi * 0.01 * core**3 * (radius / core - np.arctan(radius / core))
    np.testing.assert_allclose(got, exact, rtol=2e-4)


def test_volumes_of_power_laws_and_of_nothing() -> None:
    radius = np.array([1.0, 3.0, 50.0])
    got = thermodynamics.volume_integral(radius, np.stack([radius**-3.0, radius * 0]))
    np.testing.assert_allclose(got[0], 4 * np.pi * (1 / 3 + np.log(radius)), rtol=1e-12)
    np.testing.assert_array_equal(got[1], 0.0)


def test_power_of_uniform_gas() -> None:
    radius = np.geomspace(1.0, 100.0, 40)
    power = thermodynamics.luminosity(radius, np.full(40, 1e-2), np.full(40, 2e-23), GAS)
    exact = 1e-4 / GAS.electrons_per_hydrogen * 2e-23 * 4 / 3 * np.pi * (100 * KPC) ** 3
    assert power[-1] == pytest.approx(exact, rel=1e-5)


@pytest.mark.parametrize("radius", [[1.0, 2.0], [0.0, 1.0, 2.0], [1.0, 1.0, 2.0]])
def test_radii_without_integral(radius: list[float]) -> None:
    with pytest.raises(ValueError, match="radii"):
        thermodynamics.volume_integral(np.array(radius), np.ones(len(radius)))


def test_virial_scales() -> None:
    # Voit et al. (2005): k T200 of 1e15 / h solar masses is about 5.8 keV / h^0
    mass, critical = 1e15 / 0.7, 277.5 * 0.49
    radius = (3 * mass / (4 * np.pi * 200 * critical)) ** (1 / 3)
    kt = thermodynamics.virial_temperature(mass, radius, 0.6)
    assert float(kt) == pytest.approx(0.6 * 4.491e-11 * mass / radius / 2, rel=1e-3)
    k200 = thermodynamics.virial_entropy(mass, radius, 200, critical, 0.15, GAS)
    electrons = 200 * critical * 0.15 * 1.98841e33 / KPC**3 / (GAS.mu_e * 1.67262192e-24)
    expected = thermodynamics.virial_temperature(mass, radius, GAS.mu) * electrons ** (-2 / 3)
    assert float(k200) == pytest.approx(float(expected), rel=1e-5)


def test_cooling_time_is_heat_over_power() -> None:
    density, kt, power = np.array([0.1, 0.01]), np.array([2.0, 4.0]), np.array([1.5e-23, 2e-23])
    hydrogen = density / GAS.electrons_per_hydrogen
    particles = density * GAS.mu_e / GAS.mu
    exact = 1.5 * particles * kt * KEV / (density * hydrogen * power) / GIGAYEAR
    np.testing.assert_allclose(cooling_time(density, kt, power, GAS), exact, rtol=1e-12)
    np.testing.assert_allclose(
        cooling_time(density, kt, power, GAS, isobaric=True), exact * 5 / 3, rtol=1e-12
    )


def test_hot_gas_radiates_bremsstrahlung(cooling: CoolingFunction) -> None:
    # Rybicki & Lightman (1979), 5.15b, with a Gaunt factor of 1.1 to 1.3
    for kt in (6.0, 10.0):
        free = 1.426e-27 * np.sqrt(kt * 1.160452e7) * (1 + 4 * 9.77e-2)
        assert 1.1 < float(cooling(kt, 0.0)) / free < 1.3


def test_power_is_linear_in_abundance(cooling: CoolingFunction) -> None:
    plain, third, solar = (float(cooling(1.0, z)) for z in (0.0, 1 / 3, 1.0))
    assert third == pytest.approx(plain + (solar - plain) / 3, rel=1e-9)
    assert solar > 2 * plain


def test_power_out_of_range(cooling: CoolingFunction) -> None:
    assert np.isnan(cooling(np.array([0.05, 80.0, -1.0, np.nan]), 0.3)).all()
    assert np.isfinite(cooling(np.array([0.1, 50.0]), 0.3)).all()


def test_bands_add_up(cooling: CoolingFunction) -> None:
    parts = [CoolingFunction(EnergyBand(*b))(3.0, 0.3) for b in ((0.01, 0.5), (0.5, 2), (2, 100))]
    assert float(sum(parts)) == pytest.approx(float(cooling(3.0, 0.3)), rel=2e-3)


def test_without_data_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATOMDB", str(tmp_path))
    monkeypatch.setattr("xsurvey.spectra.models.atomdb._folders", lambda: iter([tmp_path]))
    with pytest.raises(MissingDataError):
        CoolingFunction(EnergyBand(0.31, 1.7))
