"""Temperatures that fits with one plasma find, against fits."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xsurvey.errors import InputError, ParameterError
from xsurvey.galaxy_clusters.composition import composition
from xsurvey.profiles.annuli_fit import fit_annuli
from xsurvey.profiles.annuli_gram import annuli_gram, read_gram, write_gram
from xsurvey.profiles.annuli_likelihood import AnnuliProblem, make_problem
from xsurvey.profiles.annuli_parameters import SkyParameters, SpectralProfileParameters
from xsurvey.profiles.mass_model import HydrostaticModel, TemperaturePoints
from xsurvey.profiles.mass_parameters import MassParameters
from xsurvey.profiles.spectral_temperature import OneTemperature, PlasmaGram, plasma_products

from .annuli_spectra import (
    EXPOSURE,
    NH,
    REDSHIFT,
    Truth,
    expected_counts,
    model_flux,
    region_spectra,
    response,
)

NODES = np.geomspace(0.5, 8.0, 13)
ENERGY = np.linspace(0.5, 7.0, 66)


def templates() -> np.ndarray:
    """Spectra in the manner of plasmas: a continuum that bends at kT, and a line of metals."""
    bare = np.exp(-ENERGY / NODES[:, None]) / np.sqrt(NODES[:, None])
    line = 0.5 + 0.3 * np.log(NODES[:, None])
    metals = np.exp(-0.5 * ((ENERGY - line) / 0.2) ** 2) / NODES[:, None]
    return np.concatenate((bare, metals))


def gram(abundance: float = 0.4, free: bool = True) -> PlasmaGram:
    variance = 0.2 + np.exp(-ENERGY / 2)
    products = plasma_products(templates(), variance)
    return PlasmaGram(NODES, products[None], np.array([abundance]), np.array([free]))


def exactly(gas: np.ndarray, abundance: float, free: bool) -> float:
    """Return the temperature that least squares on a dense grid find."""
    variance, n = 0.2 + np.exp(-ENERGY / 2), len(NODES)
    bare, metals = templates()[:n], templates()[n:]
    data = gas @ (bare + abundance * metals) / np.sqrt(variance)
    grid = np.geomspace(NODES[0], NODES[-1], 1500)
    left = []
    for kt in grid:
        weights = [np.interp(kt, NODES, row) for row in np.eye(n)]
        columns = np.stack((weights @ bare, weights @ metals), axis=1)
        if not free:
            columns = columns @ np.array([[1.0], [abundance]])
        columns = columns / np.sqrt(variance)[:, None]
        best = np.linalg.lstsq(columns, data, rcond=None)[0]
        left.append(((data - columns @ best) ** 2).sum())
    return float(grid[np.argmin(left)])


@given(st.floats(0.5, 8.0), st.floats(0.0, 2.0), st.booleans())
def test_gas_of_one_temperature_has_it(kt: float, abundance: float, free: bool) -> None:
    fit = OneTemperature(gram(abundance, free))
    found = fit.fitted(7.0 * fit.shares(np.array([[kt]])))
    assert found.shape == (1, 1)
    assert found[0, 0] == pytest.approx(kt, rel=4e-3)


@pytest.mark.parametrize("free", [True, False])
def test_mixtures_have_what_least_squares_find(free: bool) -> None:
    generator = np.random.default_rng(1)
    fit = OneTemperature(gram(free=free))
    middle = np.exp(generator.uniform(np.log(0.8), np.log(5.0), 8))
    spread = np.exp(0.4 * generator.standard_normal((8, 20)))
    gas = fit.shares(middle[:, None] * spread).sum(axis=1)
    found = fit.fitted(gas[:, None, :])[:, 0]
    exact = [exactly(one, 0.4, free) for one in gas]
    np.testing.assert_allclose(found, exact, rtol=3e-3)


def test_batches_of_any_shape_and_norm() -> None:
    fit = OneTemperature(gram())
    gas = np.random.default_rng(2).random((3, 4, 1, len(NODES)))
    found = fit.fitted(gas)
    assert found.shape == (3, 4, 1)
    np.testing.assert_allclose(fit.fitted(1e-9 * gas), found, rtol=1e-9)
    np.testing.assert_allclose(fit.fitted(gas[1, 2]), found[1, 2], rtol=1e-12)


def test_no_gas_and_gas_beyond_the_table() -> None:
    fit = OneTemperature(gram())
    assert np.isnan(fit.fitted(np.zeros((1, len(NODES))))).all()
    ends = fit.fitted(fit.shares(np.array([[[0.0]], [[80.0]]]))[..., 0, :, :])
    np.testing.assert_allclose(ends[:, 0], [NODES[0], NODES[-1]])


def test_two_tabulated_temperatures_are_enough() -> None:
    one = gram()
    rows = np.array([4, 6, 4 + len(NODES), 6 + len(NODES)])
    few = PlasmaGram(
        NODES[[4, 6]], one.products[:, rows[:, None], rows], one.abundance, one.free_abundance
    )
    fit = OneTemperature(few)
    middle = NODES[[4, 6]].mean()
    assert fit.fitted(fit.shares(np.array([middle])))[0] == pytest.approx(middle, rel=4e-3)


def test_what_cannot_be_is_refused() -> None:
    one = gram()
    for wrong in ({"kt": NODES[::-1]}, {"abundance": np.ones(2)}, {"abundance": np.array([np.nan])},
                  {"kt": NODES[:4]}):  # fmt: skip
        with pytest.raises(InputError, match="products of plasmas"):
            replace(one, **wrong)


def test_products_go_through_a_file(tmp_path: Path) -> None:
    one, path = gram(free=False), tmp_path / "products.fits"
    write_gram(path, one)
    again = read_gram(path)
    for name in ("kt", "products", "abundance", "free_abundance"):
        np.testing.assert_array_equal(getattr(again, name), getattr(one, name))
    with pytest.raises(InputError):
        read_gram(tmp_path / "none.fits")
    path.write_bytes(path.read_bytes()[:2880])
    with pytest.raises(InputError, match="damaged"):
        read_gram(path)


SMALL = Truth(
    kt=(1.7, 3.0, 2.4), abundance=(0.4, 0.4, 0.4), norm=(2e-4, 4e-5, 1e-5), edges=(0, 2, 5, 9),
)  # fmt: skip
WIDE = ((1.6, 1.0), (2.4, 0.5), (4.0, 0.3))
NARROW = ((1.5, 0.3), (1.8, 1.0), (2.2, 0.5))
"""Temperatures, and norms over that of the middle annulus."""


def problem(expected: list[np.ndarray]) -> AnnuliProblem:
    return make_problem(
        region_spectra(SMALL, expected=expected), REDSHIFT, NH, SkyParameters(scatter=0.05),
        SpectralProfileParameters(intervals=False, two_temperatures=False),
    )  # fmt: skip


def with_gas(gas: tuple[tuple[float, float], ...]) -> list[np.ndarray]:
    """Return expected counts with other gas in the middle annulus."""
    truth = replace(SMALL, norm=(SMALL.norm[0], 0.0, SMALL.norm[2]))
    flux = sum(
        norm * SMALL.norm[1] * model_flux("tbabs*apec", NH, kt, 0.4, REDSHIFT, 1.0)
        for kt, norm in gas
    )
    return [
        counts + EXPOSURE * SMALL.mixing[i, 1] * (response().matrix.T @ flux) if i < 3 else counts
        for i, counts in enumerate(expected_counts(truth))
    ]


@pytest.mark.usefixtures("plasma_models")
@pytest.mark.parametrize(
    ("gas", "abundance"), [(WIDE, 0.4), (((1.0, 0.3), (1.6, 1.0)), 0.4), (NARROW, None)]
)
def test_as_joint_fits_of_annuli_find(
    gas: tuple[tuple[float, float], ...], abundance: float | None
) -> None:
    one = problem(with_gas(gas))
    fit = fit_annuli(one)
    products = annuli_gram(one, fit)
    assert products.free_abundance.all()
    if abundance is not None:
        # of wide mixtures fits find too few metals
        assert products.abundance[1] < 0.95 * abundance
        products = replace(products, abundance=np.full(3, abundance))
    finder = OneTemperature(products)
    kt, norm = np.array(gas).T
    found = finder.fitted(np.tile(norm @ finder.shares(kt), (3, 1)))[1]
    names = fit.likelihood.parameters.free_names
    assert found == pytest.approx(fit.theta[names.index("annulus_02.kT")], rel=3e-3)


def test_halos_predict_them() -> None:
    edges = np.array([20.0, 80.0, 200.0, 500.0])
    many = PlasmaGram(NODES, np.tile(gram().products, (3, 1, 1)), np.full(3, 0.4), np.full(3, True))
    points = TemperaturePoints(edges[:-1], edges[1:], np.full(3, 3.0), 0.01 * np.eye(3), gram=many)
    radius = np.geomspace(5, 2000, 40)
    density = 0.01 * (1 + (radius / 60) ** 2) ** -1.0
    theta = np.array([[np.log(3e14), np.log(4.0), 1.0], [np.log(2e14), np.log(6.0), 0.5]])

    def model(weighting: str, given: TemperaturePoints = points) -> HydrostaticModel:
        settings = MassParameters(weighting=weighting, reach=1.5)
        return HydrostaticModel(
            given, radius, np.stack((density, density**1.02)), 140.0, composition().mu, settings
        )

    one = model("spectral")
    found = one.predicted(theta, slice(None))
    assert found.shape == (2, 3, 2)
    np.testing.assert_array_equal(model("auto").predicted(theta, slice(None)), found)
    bare = replace(points, gram=None)
    np.testing.assert_array_equal(
        model("auto", bare).predicted(theta, slice(None)),
        model("spectroscopic_like", bare).predicted(theta, slice(None)),
    )
    # the same of one halo and one density as of all
    np.testing.assert_allclose(one.predicted(theta[1:], [1])[0, :, 0], found[1, :, 1], rtol=1e-9)
    emission = model("emission").predicted(theta, slice(None))
    np.testing.assert_allclose(found, emission, rtol=0.15)
    assert not np.allclose(found, emission, rtol=1e-3)
    # points without a temperature have no products either
    lost = replace(points, temperature=np.array([3.0, 3.0, np.nan]))
    assert points.gram is not None
    with pytest.raises(InputError, match="2 annuli"):
        model("spectral", lost)
    with pytest.raises(ParameterError, match="without responses"):
        model("spectral", replace(points, gram=None))
