"""The cluster in regions of the sky: its share, its counts, and what fits make of it."""

from dataclasses import replace

import numpy as np
import pytest

from xsurvey.errors import InputError
from xsurvey.profiles.annuli_fit import fit_annuli
from xsurvey.profiles.annuli_likelihood import make_problem
from xsurvey.profiles.annuli_parameters import SkyParameters, SpectralProfileParameters
from xsurvey.profiles.outskirts import Outskirts, outskirts_of, region_light
from xsurvey.profiles.region_layout import RegionLayout, SpectralRegion
from xsurvey.profiles.region_spectrum import RegionSpectra
from xsurvey.profiles.spectral_profile import profile_of

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
from .images import flat
from .test_annuli_model import true_values

TRUTH = Truth(kt=(3.0, 2.4), abundance=(0.5, 0.3), norm=(4e-5, 1e-5), edges=(0, 5, 10), spill=0.0)
LIGHT = np.array([5.0, 1.0, 0.2, 0.2, 0.3, 0.3])
TIED = SkyParameters(scatter=0.02)
PLAIN = SpectralProfileParameters(intervals=False, two_temperatures=False)


def with_outskirts(factor: float = 1.0) -> list[np.ndarray]:
    """Expected counts with the last annulus' plasma in the sky, its temperature times a factor."""
    flux = model_flux("tbabs*apec", NH, factor * TRUTH.kt[-1], TRUTH.abundance[-1], REDSHIFT, 1.0)
    counts = EXPOSURE * TRUTH.norm[-1] * (response().matrix.T @ flux)
    return [
        c + (LIGHT[i] * TRUTH.area[i] * counts if i >= 2 else 0.0)
        for i, c in enumerate(expected_counts(TRUTH))
    ]


@pytest.mark.usefixtures("plasma_models")
@pytest.mark.parametrize("slope", [0.0, 0.5])
def test_counts_have_the_plasma_of_the_last_annulus_in_the_sky(slope: float) -> None:
    sky = TIED.model_copy(update={"outskirts_kt_slope": slope})
    problem = make_problem(region_spectra(TRUTH), REDSHIFT, NH, sky, PLAIN, light=LIGHT)
    likelihood = problem.likelihood()
    values = true_values(TRUTH, likelihood)
    # the sky is from 10 to 20', the last annulus from 5 to 10'
    expected = np.concatenate(with_outskirts(2.0**-slope))
    found = likelihood.evaluate(values[likelihood.parameters.free])[0]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    # the logarithm of the ratio has its prior and multiplies what is beyond
    names = [p.name for p in likelihood.parameters.parameters]
    place = names.index("outskirts.log_ratio")
    assert likelihood.parameters.parameters[place].prior.sigma == 0.5  # type: ignore[union-attr]
    values[place] = np.log(2)
    twice = likelihood.evaluate(values[likelihood.parameters.free])[0]
    bare = np.concatenate(expected_counts(TRUTH))
    np.testing.assert_allclose(twice - bare, 2 * (expected - bare), atol=1e-7 * expected.max())
    kinks = likelihood.kinks["annulus_02.kT"]
    for kt in problem.folded.gas.kt:
        for bend in (kt, kt * 2.0**slope):
            assert np.abs(kinks / bend - 1).min() < 1e-12
    assert len(likelihood.kinks["annulus_01.kT"]) == len(problem.folded.gas.kt)


@pytest.mark.usefixtures("plasma_models")
def test_a_sky_with_cluster_in_it_is_recovered_only_with_outskirts() -> None:
    spectra = region_spectra(TRUTH, expected=with_outskirts())
    found = {}
    for outskirts in ("tied", "none"):
        sky = TIED.model_copy(update={"outskirts": outskirts})
        problem = make_problem(spectra, REDSHIFT, NH, sky, PLAIN, light=LIGHT)
        fit = fit_annuli(problem, intervals=False)
        found[outskirts] = profile_of(problem, fit, (), np.full(2, np.nan))
    tied, none = found["tied"], found["none"]
    assert tied.kt.value == pytest.approx(TRUTH.kt, rel=2e-3)
    assert tied.norm.value == pytest.approx(TRUTH.norm, rel=5e-3)
    assert tied.background["cxb.norm"]["value"] == pytest.approx(TRUTH.cxb, rel=5e-3)
    assert none.background["cxb.norm"]["value"] > 1.1 * TRUTH.cxb
    assert none.norm.value[1] < 0.9 * TRUTH.norm[1]
    assert tied.stamps["outskirts"]["ratio"]["sky_1"] == pytest.approx(0.2)
    assert "0.2 to 0.3" in tied.notes[-1]
    assert "outskirts.log_ratio" in tied.background
    assert none.stamps["outskirts"] is None
    assert "free of the cluster" in none.notes[-1]


def made(annuli: list[SpectralRegion], skies: list[SpectralRegion]) -> RegionSpectra:
    regions = annuli + skies
    area = np.arange(1.0, len(regions) + 1)
    label = np.zeros((1, 1), int)
    layout = RegionLayout(None, regions, label, label)  # type: ignore[arg-type]
    return RegionSpectra(layout, [], np.diag(area), area)


def of(spectra: RegionSpectra, light: np.ndarray | None, **settings: object) -> Outskirts | None:
    annuli = [i for i, r in enumerate(spectra.layout.regions) if r.kind == "annulus"]
    return outskirts_of(spectra, annuli, light, SkyParameters(**settings))  # type: ignore[arg-type]


def test_sectors_of_the_sky_have_annuli_of_their_own() -> None:
    spectra = made(
        [SpectralRegion("a", "annulus", 0, 2, (0, 180), 0),
         SpectralRegion("b", "annulus", 0, 2, (180, 360), 1),
         SpectralRegion("c", "annulus", 2, 4, (180, 360), 1)],
        [SpectralRegion("s", "sky", 6, 8, (0, 180), 0),
         SpectralRegion("t", "sky", 6, 8, (180, 360), 1)],
    )  # fmt: skip
    found = of(spectra, np.array([4.0, 4.0, 2.0, 1.0, 1.0]), outskirts_kt_slope=1.0)
    assert found is not None
    expected = np.zeros((5, 3))
    expected[3, 0], expected[4, 2] = 4 * 0.25, 5 * 0.5
    np.testing.assert_allclose(found.mixing, expected)
    np.testing.assert_allclose(found.ratio, [0, 0, 0, 0.25, 0.5])
    np.testing.assert_allclose(found.kt_factor, [1 / 7, 1, 3 / 7])


def test_parts_of_the_last_annulus_share_the_sky() -> None:
    spectra = made(
        [SpectralRegion("a", "annulus", 0, 2, (0, 180)),
         SpectralRegion("b", "annulus", 0, 2, (180, 360))],
        [SpectralRegion("s", "sky", 6, 8)],
    )  # fmt: skip
    found = of(spectra, np.array([3.0, 6.0, 1.0]))
    assert found is not None
    # mean light by solid angles of 1 and 2: 5
    np.testing.assert_allclose(found.mixing[2], 3 * 0.2 * np.array([1, 2]) / 3)
    assert not found.mixing[:2].any()


@pytest.mark.usefixtures("plasma_models")
def test_nothing_is_tied_without_a_model_that_falls() -> None:
    spectra = region_spectra(TRUTH)
    assert of(spectra, None) is None
    assert of(spectra, LIGHT, outskirts="none") is None
    assert of(spectra, np.ones(6)) is None
    assert of(spectra, np.array([1.0, 1.0, 0, 0, 0, 0])) is None
    held = of(spectra, LIGHT, outskirts_error=0.0)
    assert held is not None
    assert held.parameter().frozen


@pytest.mark.parametrize("light", [np.ones(3), np.full(6, np.nan), -np.ones(6)])
@pytest.mark.usefixtures("plasma_models")
def test_bad_light_is_refused(light: np.ndarray) -> None:
    with pytest.raises(InputError, match="light"):
        of(region_spectra(TRUTH), light)


@pytest.mark.usefixtures("plasma_models")
def test_shells_are_as_bright_beyond_as_the_annulus_they_are_seen_in() -> None:
    settings = PLAIN.model_copy(update={"deproject": True})
    problem = make_problem(region_spectra(TRUTH), REDSHIFT, NH, TIED, settings, light=LIGHT)
    assert problem.outskirts is not None
    # per solid angle, what a region of the sky has of any shell over what the last annulus has
    beyond = problem.outskirts.mixing[2:] / TRUTH.area[2:, None]
    seen = problem.mixing[1] / TRUTH.area[1]
    np.testing.assert_allclose(beyond, LIGHT[2:, None] * seen, atol=1e-12)


def test_light_of_regions_is_the_mean_of_their_pixels() -> None:
    sky = flat(1.0, 30).grid
    label = np.full(sky.shape, -1)
    label[:5], label[10:] = 0, 1
    regions = [SpectralRegion("a", "annulus", 0, 1), SpectralRegion("s", "sky", 2, 3)]
    layout = RegionLayout(sky, regions, label, np.full_like(label, -1))
    light = np.where(label == 0, 4.0, 0.5)
    light[5:10] = np.nan
    np.testing.assert_allclose(region_light(layout, light), [4.0, 0.5])
    with pytest.raises(InputError, match="grid"):
        region_light(layout, light[1:])
    with pytest.raises(InputError, match="no number"):
        region_light(replace(layout, emitted=np.zeros_like(label)), light)
