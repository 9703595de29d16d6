"""Expected counts of regions, against models folded one by one."""

from dataclasses import replace

import numpy as np
import pytest

from xsurvey.errors import MissingDataError, ParameterError, XSurveyError
from xsurvey.profiles.annuli_likelihood import AnnuliLikelihood, AnnuliProblem, make_problem
from xsurvey.profiles.annuli_model import group_shares, region_areas
from xsurvey.profiles.annuli_parameters import SkyParameters, SpectralProfileParameters
from xsurvey.profiles.folded_plasma import TemperatureNodes
from xsurvey.profiles.region_layout import SpectralRegion
from xsurvey.profiles.region_spectrum import RegionSpectra
from xsurvey.simulate.log_n_log_s import LogNLogS

from .annuli_spectra import NH, REDSHIFT, Truth, expected_counts, region_spectra

SKY = SkyParameters(scatter=0.05)
SMALL = Truth(
    kt=(1.3, 4.2), abundance=(1.1, 0.2), norm=(1e-4, 2e-5), edges=(0, 3, 7), sky_sectors=(0, 1),
    deviation=(0.02, -0.05, 0.1, -0.1),
)  # fmt: skip


def true_values(truth: Truth, likelihood: AnnuliLikelihood) -> np.ndarray:
    """All parameters of the truth, by name."""
    values = {
        "lhb.kT": truth.lhb[0], "halo.kT": truth.halo[0], "cxb.norm": truth.cxb,
    }  # fmt: skip
    for i in range(truth.annuli):
        name = f"annulus_{i + 1:02d}"
        values |= {
            f"{name}.kT": truth.kt[i], f"{name}.Z": truth.abundance[i],
            f"{name}.norm": truth.norm[i],
        }  # fmt: skip
    for region, deviation in zip(
        truth.regions, truth.deviation or [0.0] * len(truth.regions), strict=True
    ):
        values[f"sky_scatter.{region.name}"] = deviation
    row = []
    for p in likelihood.parameters.parameters:
        if p.component.startswith("lhb") and p.name.endswith("norm"):
            row.append(truth.lhb[1])
        elif p.component.startswith("halo") and p.name.endswith("norm"):
            row.append(truth.halo[1])
        else:
            row.append(values.get(p.name, p.value))
    return np.array(row)


@pytest.mark.usefixtures("plasma_models")
@pytest.mark.parametrize("of", ["sources", "sky"])
def test_counts_are_those_of_models_folded_one_by_one(of: str) -> None:
    truth = replace(SMALL, deviation_of=of)
    sky = SkyParameters(scatter=0.05, scatter_of=of)  # type: ignore[arg-type]
    likelihood = make_problem(region_spectra(truth), REDSHIFT, NH, sky).likelihood()
    theta = true_values(truth, likelihood)[likelihood.parameters.free]
    np.testing.assert_allclose(
        likelihood.evaluate(theta)[0], np.concatenate(expected_counts(truth)), rtol=1e-9
    )
    full = likelihood.parameters.expand(theta[None])
    alone = [m.expected(full)[0] for m in likelihood.members]
    np.testing.assert_allclose(np.concatenate(alone), likelihood.evaluate(theta)[0])


@pytest.mark.usefixtures("plasma_models")
def test_a_batch_is_its_rows() -> None:
    likelihood = make_problem(region_spectra(SMALL), REDSHIFT, NH, SKY).likelihood({0})
    generator = np.random.default_rng(1)
    low, high = likelihood.parameters.bounds
    start = likelihood.parameters.start
    rows = np.clip(start * generator.uniform(0.5, 1.5, (5, len(start))), low, high)
    together = likelihood.evaluate(rows)
    for row, counts in zip(rows, together, strict=True):
        np.testing.assert_allclose(likelihood.evaluate(row)[0], counts, rtol=1e-12)


@pytest.mark.usefixtures("plasma_models")
def test_a_second_plasma_adds_to_its_annulus() -> None:
    problem = make_problem(region_spectra(SMALL), REDSHIFT, NH, SKY)
    one, two = problem.likelihood(), problem.likelihood({0})
    names, values = two.parameters.free_names, true_values(SMALL, two)[two.parameters.free]
    values[names.index("annulus_01_cool.norm")] = 0.0
    same = true_values(SMALL, one)[one.parameters.free]
    np.testing.assert_allclose(two.evaluate(values), one.evaluate(same), rtol=1e-12)
    # half of the gas as a second plasma of the same temperature is the same gas
    place = names.index("annulus_01.norm")
    values[place] /= 2
    values[names.index("annulus_01_cool.norm")] = values[place]
    values[names.index("annulus_01_cool.kT")] = values[names.index("annulus_01.kT")]
    np.testing.assert_allclose(two.evaluate(values), one.evaluate(same), rtol=1e-12)


@pytest.mark.usefixtures("plasma_models")
def test_groups_of_detectors_have_scales_of_their_own() -> None:
    spectra = region_spectra(SMALL, groups=("TM8", "TM9"), factors=(1.0, 0.4))
    likelihood = make_problem(spectra, REDSHIFT, NH, SKY).likelihood()
    names = likelihood.parameters.free_names
    theta = true_values(SMALL, likelihood)[likelihood.parameters.free]
    before = likelihood.evaluate(theta)[0]
    expected = np.concatenate(expected_counts(SMALL, 1.0) + expected_counts(SMALL, 0.4))
    np.testing.assert_allclose(before, expected, rtol=1e-9)
    theta[names.index("particles.TM9")] = 1.1
    change = likelihood.evaluate(theta)[0] - before
    half = len(change) // 2
    assert np.all(change[:half] == 0)
    particles = np.concatenate([s.particle for s in spectra.spectra if s.group == "TM9"])
    np.testing.assert_allclose(change[half:], 0.1 * particles, rtol=1e-6)


@pytest.mark.usefixtures("plasma_models")
def test_column_densities_may_differ_between_regions() -> None:
    nh = np.full(4, NH)
    nh[2] = 0.3
    whole = make_problem(region_spectra(SMALL), REDSHIFT, NH, SKY).likelihood()
    other = make_problem(region_spectra(SMALL), REDSHIFT, nh, SKY).likelihood()
    theta = true_values(SMALL, whole)[whole.parameters.free]
    change = other.evaluate(theta)[0] / whole.evaluate(theta)[0]
    regions = change.reshape(4, -1)
    assert np.all(regions[[0, 1, 3]] == 1)
    assert regions[2, 5] < 0.95


def test_solid_angles_of_groups_are_shares_of_their_region() -> None:
    spectra = region_spectra(SMALL, groups=("a", "b"), factors=(1.0, 1.0), expected=_flat())
    rows = list(spectra.spectra)
    rows[0] = replace(rows[0], area=0.5 * rows[0].area)
    changed = RegionSpectra(spectra.layout, rows, spectra.mixing, spectra.geometric_area)
    shares = group_shares(changed)
    np.testing.assert_allclose(shares[[0, 4]], [0.5 / 0.75, 1 / 0.75])
    np.testing.assert_allclose(np.delete(shares, [0, 4]), 1.0)
    assert region_areas(changed)[0] == pytest.approx(0.75 * SMALL.area[0])


def test_weights_of_temperatures_are_an_interpolation() -> None:
    nodes = TemperatureNodes(np.array([0.5, 1.0, 2.5, 4.0]))
    kt = np.array([[0.5, 0.7], [2.5, 3.9], [4.0, 1.0]])
    weights = nodes.weights(kt)
    assert weights.shape == (3, 2, 4)
    np.testing.assert_allclose(weights.sum(axis=-1), 1.0)
    np.testing.assert_allclose(weights @ nodes.kt, kt)
    assert np.all(weights >= 0)
    assert np.isnan(nodes.weights(np.array([0.4, 4.1]))).any(axis=-1).all()


def _flat() -> list[np.ndarray]:
    return [np.ones(154)] * 4


def _spectra() -> RegionSpectra:
    return region_spectra(SMALL, expected=_flat())


def _changed(**fields: object) -> RegionSpectra:
    spectra = _spectra()
    rows = list(spectra.spectra)
    rows[1] = replace(rows[1], **fields)  # type: ignore[arg-type]
    return RegionSpectra(spectra.layout, rows, spectra.mixing, spectra.geometric_area)


def _of_kind(kind: str, names: list[str] | None = None) -> RegionSpectra:
    spectra = _spectra()
    regions = [
        SpectralRegion(names[i] if names else r.name, kind or r.kind, r.inner, r.outer)
        for i, r in enumerate(spectra.layout.regions)
    ]
    layout = replace(spectra.layout, regions=regions)
    return RegionSpectra(layout, spectra.spectra, spectra.mixing, spectra.geometric_area)


@pytest.mark.parametrize(
    ("spectra", "message"),
    [
        (lambda: _changed(area=0.0), "no exposed solid angle"),
        (lambda: _changed(particle=np.full(154, np.nan)), "negative or not finite"),
        (lambda: _changed(particle=np.full(154, -1.0)), "negative or not finite"),
        (lambda: _changed(particle=np.ones(3)), "154 groups of channels"),
        (lambda: _changed(particle_variance=np.full(154, np.inf)), "negative or not finite"),
        (lambda: _changed(region=0), "has no spectrum"),
        (lambda: _of_kind("annulus"), "no region of the sky"),
        (lambda: _of_kind("sky"), "there are none"),
        (lambda: _of_kind("", ["a", "b", "c", "c"]), "one name"),
        (lambda: replace(_spectra(), mixing=np.eye(3)), "4 regions"),
        (lambda: replace(_spectra(), mixing=np.full((4, 4), np.nan)), "negative or not finite"),
    ],
)
@pytest.mark.usefixtures("plasma_models")
def test_spectra_that_cannot_be_fitted_are_refused(spectra: object, message: str) -> None:
    with pytest.raises(XSurveyError, match=message) as caught:
        make_problem(spectra(), REDSHIFT, NH, SKY)  # type: ignore[operator]
    if isinstance(caught.value, MissingDataError):
        pytest.skip("XSPEC's models are not installed")


@pytest.mark.parametrize(
    "values",
    [{"redshift": np.nan}, {"nh": -0.1}, {"nh": np.nan}, {"template_error": 1.5}],
    ids=str,
)
def test_numbers_that_cannot_be_are_refused(values: dict[str, float]) -> None:
    given = {"redshift": REDSHIFT, "nh": NH} | values
    with pytest.raises(ParameterError, match=next(iter(values))):
        make_problem(_spectra(), sky=SKY, **given)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def problem(plasma_models: None) -> AnnuliProblem:
    del plasma_models
    return make_problem(_spectra(), REDSHIFT, NH, SKY)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tie_abundance": ("annulus_01,annulus_03",)}, "no annulus 'annulus_03'"),
        ({"set": ("annulus_01.kT=99",)}, "not within its limits"),
        ({"freeze": ("annulus_09.kT",)}, "no parameter"),
    ],
)
def test_settings_that_name_nothing_are_refused(
    problem: AnnuliProblem, settings: dict, message: str
) -> None:
    wrong = replace(problem, parameters=SpectralProfileParameters(**settings))
    with pytest.raises(ParameterError, match=message):
        wrong.likelihood()


def test_abundances_that_are_tied_are_one(problem: AnnuliProblem) -> None:
    tied = replace(
        problem, parameters=SpectralProfileParameters(tie_abundance=("annulus_01,annulus_02",))
    )
    names = tied.likelihood().parameters.free_names
    assert "annulus_01.Z" in names and "annulus_02.Z" not in names


def test_the_templates_own_counts_widen_its_prior(problem: AnnuliProblem) -> None:
    rows = [replace(s, particle_variance=0.04 * s.particle**2) for s in problem.spectra.spectra]
    noisy = RegionSpectra(
        problem.spectra.layout, rows, problem.spectra.mixing, problem.spectra.geometric_area
    )
    folded = make_problem(noisy, REDSHIFT, NH, SKY).likelihood()
    plain = problem.likelihood()

    def sigma(likelihood: AnnuliLikelihood) -> float:
        parameters = likelihood.parameters
        prior = parameters.parameters[parameters.index("particles.TM8")].prior
        return float(prior.sigma)  # type: ignore[union-attr]

    assert sigma(plain) == 0.05
    # 20 % in each of 154 channels, independent of each other: the sum is known better
    assert 0.05 < sigma(folded) < 0.06


def test_particles_that_are_known_are_frozen(problem: AnnuliProblem) -> None:
    exact = replace(problem, template_error=0.0).likelihood()
    assert "particles.TM8" not in exact.parameters.free_names


def test_numbers_of_sources_are_shared_with_the_simulator() -> None:
    from xsurvey.spectra.source_counts import moretti
    from xsurvey.units import EnergyBand

    law = moretti(1e-14, EnergyBand(0.5, 2.0))
    assert isinstance(law, LogNLogS)
    # of a power law of slope g the light above S is S N(>S) g / (g - 1); bright end: g = 1.82
    assert law.brightness(1e-11) == pytest.approx(
        1e-11 * float(law.above(1e-11)) * 1.82 / 0.82, rel=1e-3
    )
