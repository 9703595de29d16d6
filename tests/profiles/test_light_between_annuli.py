"""Light that the PSF moves, of gas between annuli."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from xsurvey.profiles.annuli_likelihood import AnnuliLikelihood, AnnuliProblem, make_problem
from xsurvey.profiles.annuli_parameters import SkyParameters, SpectralProfileParameters
from xsurvey.profiles.light_between_annuli import LightRadii, light_between
from xsurvey.profiles.region_layout import SpectralRegion
from xsurvey.profiles.region_spectrum import RegionSpectra

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

EDGES = np.array([0.0, 1, 3, 7, 12])
REGIONS = [
    SpectralRegion(f"annulus_{i + 1:02d}", "annulus", a, b)
    for i, (a, b) in enumerate(pairwise(EDGES))
]
MEAN = np.log([0.6, 1.9, 4.5, 9.0])


def moved(seed: int) -> tuple[np.ndarray, LightRadii]:
    """A mixing matrix whose light is displaced to its neighbours, and where it comes from."""
    generator = np.random.default_rng(seed)
    away = np.subtract.outer(np.arange(4), np.arange(4))
    mixing = np.where(np.abs(away) <= 1, generator.uniform(0.5, 2, (4, 4)), 0.0)
    offset = 0.25 * np.sign(away) * generator.uniform(0.2, 1, (4, 4))
    return mixing, LightRadii(MEAN, MEAN + offset)


@pytest.mark.parametrize("seed", range(3))
def test_spectra_that_are_linear_in_ln_r_are_exact(seed: int) -> None:
    mixing, radii = moved(seed)
    found = light_between(mixing, radii, REGIONS, range(4))
    assert found.mixing.sum(axis=1) == pytest.approx(mixing)
    norm = np.random.default_rng(seed).uniform(1, 5, (3, 4))
    line = np.stack((MEAN, 2 - 0.3 * MEAN), axis=1)
    plasma = np.broadcast_to(line, (3, 4, 2))
    for region in range(4):
        at = radii.counted[region]
        light = norm * mixing[region]
        expected = np.stack((light @ at, light @ (2 - 0.3 * at)), axis=1)
        assert found.weights(norm, plasma, region) == pytest.approx(expected)


def test_light_that_is_not_moved_is_that_of_its_annulus() -> None:
    mixing, radii = moved(0)
    still = LightRadii(radii.emitted, np.tile(radii.emitted, (4, 1)))
    found = light_between(mixing, still, REGIONS, range(4)).mixing
    assert found == pytest.approx(mixing[:, :, None] * np.eye(4))


def test_no_farther_than_the_neighbour() -> None:
    mixing = np.ones((4, 4))
    far = LightRadii(MEAN, np.tile(MEAN, (4, 1)) + np.array([0, 9, -9, 0])[:, None])
    found = light_between(mixing, far, REGIONS, range(4)).mixing
    assert found[1, :, 1] == pytest.approx([0, 0, 1, 0])
    assert found[2, :, 1] == pytest.approx([1, 0, 0, 0])
    # beyond the first and the last the line goes on, a little
    assert found[2, :, 0] == pytest.approx([1.2, -0.2, 0, 0])
    assert found[1, :, 3] == pytest.approx([0, 0, -0.2, 1.2])


def test_sectors_have_neighbours_of_their_own() -> None:
    sectors = ((0.0, 90.0), (90.0, 360.0))
    regions = [replace(r, sector=s) for r in REGIONS[:2] for s in sectors]
    mean = np.repeat(MEAN[:2], 2)
    radii = LightRadii(mean, np.tile(mean, (4, 1)) + 0.1)
    found = light_between(np.ones((4, 4)), radii, regions, range(4)).mixing
    share = 0.1 / (MEAN[1] - MEAN[0])
    assert found[0, :, 0] == pytest.approx([1 - share, 0, share, 0])
    assert found[0, :, 1] == pytest.approx([0, 1 - share, 0, share])


def test_one_annulus_has_no_neighbour() -> None:
    found = light_between(
        np.ones((1, 1)), LightRadii(MEAN[:1], MEAN[:1, None] + 0.3), REGIONS[:1], [0]
    )
    assert found.mixing.ravel() == pytest.approx([1.0])


TRUTH = Truth(
    kt=(1.2, 2.4, 3.4), abundance=(1.0, 0.6, 0.3), norm=(2e-4, 5e-5, 1e-5), edges=(0, 2, 5, 10),
    spill=0.15, sky_sectors=(0, 0),
)  # fmt: skip
AWAY = 0.35
"""Of the distance between means, where the light comes from that is spilt."""


def blended(with_radii: bool = True) -> RegionSpectra:
    """Exactly expected spectra, whose spilt light is AWAY between two annuli."""
    n, size = TRUTH.annuli, len(TRUTH.area)
    mean = np.append(np.log([1.2, 3.3, 7.2]), [3.0, 3.0])
    counted = np.tile(mean, (size, 1))
    gas = [
        model_flux("tbabs*apec", NH, kt, z, REDSHIFT, 1.0)
        for kt, z in zip(TRUTH.kt, TRUTH.abundance, strict=True)
    ]
    rows = expected_counts(TRUTH)
    for j in range(n):
        for i in (j - 1, j + 1):
            if not 0 <= i < n:
                continue
            counted[i, j] += AWAY * (mean[i] - mean[j])
            change = AWAY * TRUTH.mixing[i, j] * TRUTH.norm[j] * (gas[i] - gas[j])
            rows[i] = rows[i] + EXPOSURE * (response().matrix.T @ change)
    spectra = region_spectra(TRUTH, expected=rows)
    return replace(spectra, light_radii=LightRadii(mean, counted) if with_radii else None)


def theta_of(problem: AnnuliProblem) -> tuple[np.ndarray, AnnuliLikelihood]:
    likelihood = problem.likelihood()
    theta = likelihood.parameters.start.copy()
    names = likelihood.parameters.free_names
    for i in range(TRUTH.annuli):
        for key, value in (("kT", TRUTH.kt), ("Z", TRUTH.abundance), ("norm", TRUTH.norm)):
            theta[names.index(f"annulus_{i + 1:02d}.{key}")] = value[i]
    for key, value in (
        ("lhb.kT", TRUTH.lhb[0]), ("lhb.norm", TRUTH.lhb[1]), ("halo.kT", TRUTH.halo[0]),
        ("halo.norm", TRUTH.halo[1]), ("cxb.norm", TRUTH.cxb),
    ):  # fmt: skip
        theta[names.index(key)] = value
    return theta, likelihood


@pytest.mark.usefixtures("plasma_models")
def test_spectra_of_annuli_are_those_of_gas_between_them() -> None:
    sky = SkyParameters(scatter=0.01)
    spectra = blended()
    theta, likelihood = theta_of(make_problem(spectra, REDSHIFT, NH, sky))
    counts = np.concatenate([s.dataset.counts for s in spectra.spectra])
    assert likelihood.evaluate(theta)[0] == pytest.approx(counts, rel=1e-9)
    theta, without = theta_of(make_problem(blended(False), REDSHIFT, NH, sky))
    assert without.statistic(theta[None])[0] > likelihood.statistic(theta[None])[0] + 50


@pytest.mark.usefixtures("plasma_models")
def test_annuli_without_gas_have_finite_counts() -> None:
    theta, likelihood = theta_of(make_problem(blended(), REDSHIFT, NH, SkyParameters(scatter=0.01)))
    names = likelihood.parameters.free_names
    for i in (1, 2):
        theta[names.index(f"annulus_{i:02d}.norm")] = 0.0
        assert np.isfinite(likelihood.evaluate(theta)).all()


@pytest.mark.usefixtures("plasma_models")
def test_shells_are_projected_before_they_are_moved() -> None:
    sky, own = SkyParameters(scatter=0.01), SpectralProfileParameters(deproject=True)
    _, annuli = theta_of(make_problem(blended(), REDSHIFT, NH, sky))
    problem = make_problem(blended(), REDSHIFT, NH, sky, own)
    theta, shells = theta_of(problem)
    names = shells.parameters.free_names
    columns = [
        [names.index(f"annulus_{i:02d}.{k}") for i in (1, 2, 3)] for k in ("kT", "Z", "norm")
    ]
    # shells of one gas are annuli of that gas, as bright as they are in projection
    assert problem.between is not None
    theta[columns[0]], theta[columns[1]] = 2.2, 0.5
    theta[columns[2]] = [0.01, 0.02, 0.03]
    same = theta.copy()
    same[columns[2]] = problem.between.projection @ theta[columns[2]]
    found, expected = shells.evaluate(theta), annuli.evaluate(same)
    assert found == pytest.approx(expected, rel=1e-9)
