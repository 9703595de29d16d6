"""Joint fits of annuli and sky: what was put in comes out, with intervals that are profiles."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from xsurvey.errors import InputError
from xsurvey.inference.best_fit import typical_changes
from xsurvey.inference.mcmc_parameters import MCMCParameters
from xsurvey.inference.minimise import minimise
from xsurvey.inference.posterior import sample_posterior
from xsurvey.profiles import spectral_profile
from xsurvey.profiles.annuli_fit import fit_annuli, settle_scatter
from xsurvey.profiles.annuli_likelihood import AnnuliProblem, make_problem
from xsurvey.profiles.annuli_parameters import SkyParameters, SpectralProfileParameters
from xsurvey.profiles.bin_flags import BinFlag
from xsurvey.profiles.projection import shell_shares
from xsurvey.profiles.region_layout import SpectralRegion
from xsurvey.profiles.region_spectrum import RegionSpectra
from xsurvey.profiles.spectral_profile import measure_spectral_profile, profile_of
from xsurvey.profiles.spectral_profile_table import read_spectral_profile, write_spectral_profile
from xsurvey.profiles.two_temperatures import choose_temperatures
from xsurvey.spectra.simulated_goodness import simulate_goodness
from xsurvey.units import EnergyBand

from .annuli_spectra import (
    NH,
    REDSHIFT,
    Truth,
    expected_counts,
    model_flux,
    region_spectra,
    response,
)

pytestmark = pytest.mark.usefixtures("plasma_models")

SKY = SkyParameters(scatter=0.05)
SMALL = Truth(
    kt=(1.7, 3.0, 2.4), abundance=(0.9, 0.5, 0.3), norm=(2e-4, 4e-5, 1e-5), edges=(0, 2, 5, 9),
)  # fmt: skip
PLAIN = SpectralProfileParameters(intervals=False, two_temperatures=False)
ENDS = ("lower", "upper")


def problem(spectra: RegionSpectra, sky: SkyParameters = SKY, **settings: object) -> AnnuliProblem:
    parameters = PLAIN.model_copy(update=settings)
    return make_problem(spectra, REDSHIFT, NH, sky, parameters)


def test_what_was_put_in_comes_out() -> None:
    profile, fit = measure_spectral_profile(problem(region_spectra(SMALL)))
    np.testing.assert_allclose(profile.kt.value, SMALL.kt, rtol=1e-3)
    np.testing.assert_allclose(profile.abundance.value, SMALL.abundance, rtol=5e-3)
    np.testing.assert_allclose(profile.norm.value, SMALL.norm, rtol=2e-3)
    found = profile.background
    assert found["lhb.norm"]["value"] == pytest.approx(SMALL.lhb[1], rel=5e-3)
    assert found["halo.kT"]["value"] == pytest.approx(SMALL.halo[0], rel=5e-3)
    assert found["cxb.norm"]["value"] == pytest.approx(SMALL.cxb, rel=5e-3)
    assert fit.statistic < 1e-3
    assert not profile.flags.any()
    assert np.isnan(profile.kt.lower).all()  # intervals were not asked for
    assert np.all(np.diag(profile.kt_covariance) > 0)


def test_without_the_mixing_matrix_temperatures_would_be_wrong() -> None:
    bright = replace(SMALL, kt=(1.0, 4.0, 4.0), spill=0.25)
    spectra = region_spectra(bright)
    apart = RegionSpectra(
        spectra.layout, spectra.spectra, np.diag(bright.area), spectra.geometric_area
    )
    mixed = fit_annuli(problem(spectra)).values[3]
    alone = fit_annuli(problem(apart)).values[3]
    assert mixed == pytest.approx(4.0, rel=1e-2)
    assert alone < 3.0


def test_templates_that_are_off_are_scaled() -> None:
    fit = fit_annuli(problem(region_spectra(SMALL, template=1 / 1.06)))
    names = fit.likelihood.parameters.free_names
    assert fit.theta[names.index("particles.TM8")] == pytest.approx(1.06, abs=0.004)
    assert fit.theta[names.index("annulus_03.kT")] == pytest.approx(2.4, rel=0.02)


def test_a_sky_that_varies_is_followed() -> None:
    uneven = replace(SMALL, deviation=(0, 0, 0.06, 0.1, -0.1, 0.05, -0.05))
    fit = fit_annuli(problem(region_spectra(uneven), SkyParameters(scatter=0.5)))
    names = fit.likelihood.parameters.free_names
    found = [fit.theta[names.index(f"sky_scatter.sky_{i}")] for i in (1, 2, 3, 4)]
    # all of them together are the sky's brightness itself
    np.testing.assert_allclose(found - np.mean(found), uneven.deviation[3:], atol=0.005)
    assert fit.theta[names.index("annulus_03.norm")] == pytest.approx(SMALL.norm[2], rel=0.03)


def test_the_scatter_is_estimated_from_the_regions_of_the_sky() -> None:
    even = replace(SMALL, sky_area=1600.0)
    uneven = replace(even, deviation=(0, 0, 0, 0.1, -0.1, 0.05, -0.05))
    spectra = region_spectra(uneven, 4)
    settled, first = settle_scatter(problem(spectra, SkyParameters()))
    assert first is not None
    assert 0.06 < settled.sky.scatter < 0.2  # type: ignore[operator]
    none, _ = settle_scatter(problem(region_spectra(even, 4), SkyParameters()))
    assert none.sky.scatter < 0.5 * settled.sky.scatter  # type: ignore[operator]
    given, nothing = settle_scatter(problem(spectra))
    assert given.sky.scatter == 0.05 and nothing is None


def test_two_regions_of_the_sky_need_a_scatter_that_is_given() -> None:
    few = replace(SMALL, sky_sectors=(0, 0))
    with pytest.raises(InputError, match=r"give sky\.scatter"):
        settle_scatter(problem(region_spectra(few), SkyParameters()))


def test_intervals_are_profiles_of_the_statistic() -> None:
    own = problem(region_spectra(SMALL, 3))
    fit = fit_annuli(own, intervals=True)
    likelihood, best = fit.likelihood, fit.minimum
    names = likelihood.parameters.free_names
    assert len(fit.intervals) == sum(not n.startswith(("sky_", "particles")) for n in names)
    bounds = likelihood.parameters.bounds
    rises = []
    for name in ("annulus_03.kT", "annulus_03.Z", "annulus_03.norm"):
        index = names.index(name)
        for side in ENDS:
            end = getattr(fit.intervals[index], side)
            start = best.best.copy()
            start[index] = end
            low, high = bounds[0].copy(), bounds[1].copy()
            low[index] = high[index] = end
            # by the general minimiser, held by its bounds
            found = minimise(
                likelihood, start, (low, high), typical_changes(likelihood, start),
                likelihood.penalty, probe=False, polish=False,
            )  # fmt: skip
            rises.append(found.statistic - best.statistic)
    # it may stop at a bend, above the lowest point, and never finds a lower one
    assert min(rises) > 0.97
    assert np.median(rises) == pytest.approx(1.0, abs=0.03)


def test_nothing_is_lower_than_the_best_fit() -> None:
    own = problem(region_spectra(SMALL, 8))
    fit = fit_annuli(own)
    likelihood = fit.likelihood
    found = minimise(
        likelihood, fit.theta, likelihood.parameters.bounds,
        typical_changes(likelihood, fit.theta), likelihood.penalty, polish=False,
    )  # fmt: skip
    assert found.statistic > fit.minimum.statistic - 1e-3


def test_tied_abundances_share_value_and_interval() -> None:
    own = problem(
        region_spectra(SMALL, 3), tie_abundance=("annulus_02,annulus_03",), intervals=True
    )
    profile, _ = measure_spectral_profile(own)
    for measured in (profile.abundance.value, profile.abundance.lower, profile.abundance.upper):
        assert measured[1] == measured[2] != measured[0]
    assert profile.abundance.lower[1] < profile.abundance.value[1] < profile.abundance.upper[1]


def test_frozen_parameters_stay() -> None:
    own = problem(region_spectra(SMALL, 3), freeze=("annulus_03.Z=0.4", "lhb.kT=0.11"))
    profile, _ = measure_spectral_profile(own)
    assert profile.abundance.value[2] == 0.4
    assert (
        profile.background["lhb.kT"] | {"value": 0.11, "frozen": True}
        == (profile.background["lhb.kT"])
    )


def test_two_temperatures_are_found_where_they_are() -> None:
    mixed = _with_cool_core(seed=5)
    profile, _ = measure_spectral_profile(problem(mixed, two_temperatures=True))
    assert (profile.flags & BinFlag.TWO_TEMPERATURES).astype(bool).tolist() == [True, False, False]
    assert profile.kt_cool.value[0] == pytest.approx(0.8, abs=0.1)
    assert profile.kt.value[0] == pytest.approx(2.5, abs=0.4)
    assert np.isnan(profile.kt_cool.value[1:]).all()
    assert profile.two_temperature_gain[0] > 20 > profile.two_temperature_gain[1:].max()
    one = choose_temperatures(
        problem(mixed, two_temperature_margin=1e6), fit_annuli(problem(mixed))
    )
    assert one.annuli == () and one.gain[0] == pytest.approx(
        profile.two_temperature_gain[0], abs=0.5
    )


def test_a_second_plasma_that_ends_at_a_limit_is_taken_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mixed = _with_cool_core(5)
    own = problem(mixed, intervals=True, two_temperatures=True)
    kept, fit = measure_spectral_profile(own)
    assert kept.flags[0] == BinFlag.TWO_TEMPERATURES
    # as if intervals had found a better fit there, with a plasma at its limit
    monkeypatch.setattr(spectral_profile, "both_known", lambda *_: False)
    profile, single = measure_spectral_profile(own)
    assert profile.flags.tolist() == [0, 0, 0]
    assert "annulus_01 has one" in profile.notes[0]
    assert single.statistic > fit.statistic + 10
    alone = fit_annuli(own, intervals=False)
    assert single.statistic == pytest.approx(alone.statistic, abs=1e-2)
    assert np.isfinite(profile.norm.value).all() and np.isfinite(profile.kt.lower).all()


def _with_cool_core(seed: int) -> RegionSpectra:
    """Gas of 0.8 keV beside gas of 2.5 keV in the core."""
    base = replace(SMALL, kt=(2.5, 3.0, 2.4))
    expected = expected_counts(base)
    cool = 4e-5 * model_flux("tbabs*apec", NH, 0.8, 0.9, REDSHIFT, 1.0)
    for i in range(3):
        expected[i] = expected[i] + 2e4 * base.mixing[i, 0] * (response().matrix.T @ cool)
    return region_spectra(base, seed, expected=expected)


def test_shells_are_recovered_through_projection() -> None:
    edges = np.array(SMALL.edges, float)
    shell_norm = np.array([3e-3, 2.5e-3, 2e-3])
    shares = shell_shares(edges, 4.0) / (np.pi * np.diff(edges**2))[:, None]
    expected = expected_counts(replace(SMALL, norm=(0.0, 0.0, 0.0)))
    for i in range(3):
        for k in range(3):
            flux = model_flux("tbabs*apec", NH, SMALL.kt[k], SMALL.abundance[k], REDSHIFT, 1.0)
            seen = (SMALL.mixing[i, :3] @ shares[:, k]) * shell_norm[k]
            expected[i] = expected[i] + 2e4 * seen * (response().matrix.T @ flux)
    own = problem(region_spectra(SMALL, expected=expected), deproject=True)
    profile, _ = measure_spectral_profile(own)
    assert profile.deprojected and profile.norm_unit == "10**14 cm-5"
    np.testing.assert_allclose(profile.norm.value, shell_norm, rtol=5e-3)
    np.testing.assert_allclose(profile.kt.value, SMALL.kt, rtol=5e-3)


def test_fluxes_are_those_of_the_plasma() -> None:
    profile, _ = measure_spectral_profile(problem(region_spectra(SMALL)))
    edges = np.geomspace(0.5, 2.0, 4001)
    from xsurvey.spectra.models.evaluator import ModelEvaluator
    from xsurvey.spectra.models.expression import parse_expression

    photons = ModelEvaluator(parse_expression("apec"), edges)(np.array([1.7, 0.9, REDSHIFT, 2e-4]))
    energy = 0.5 * (edges[1:] + edges[:-1]) * 1.602176634e-9
    assert profile.flux.value[0] == pytest.approx(float(photons @ energy), rel=5e-3)
    assert profile.flux.lower[0] < profile.flux.value[0] < profile.flux.upper[0]


def test_an_annulus_without_gas_has_a_limit_and_no_temperature() -> None:
    empty = replace(SMALL, norm=(2e-4, 4e-5, 0.0), spill=0.0)
    counts = expected_counts(empty)
    counts[2] = 0.97 * counts[2]  # less than the sky: the norm ends at zero
    own = problem(region_spectra(empty, expected=counts), SkyParameters(scatter=0.005))
    own = replace(own, template_error=0.01)
    fit = fit_annuli(own)
    profile = profile_of(own, fit, (), np.zeros(3))
    assert profile.flags.tolist() == [0, 0, BinFlag.NOT_CONVERGED]
    assert profile.norm.value[2] == 0
    assert np.isnan(profile.kt.value[2]) and np.isfinite(profile.kt.value[:2]).all()
    assert np.isnan(profile.kt_covariance[2]).all()


def test_errors_of_temperatures_on_a_bend_are_those_of_their_intervals() -> None:
    # AtomDB tabulates 10**0.4 * 0.8617 keV: the statistic bends there, and has no curvature
    bend = 0.861733 * 10**0.4
    own = problem(
        region_spectra(replace(SMALL, kt=(1.7, bend, 2.4))), intervals=True, confidence=0.9
    )
    fit = fit_annuli(own)
    profile = profile_of(own, fit, (), np.zeros(3))
    assert profile.kt.value[1] == pytest.approx(bend, rel=1e-3)
    half = (profile.kt.upper - profile.kt.lower) / 2 / 1.6449
    np.testing.assert_allclose(np.sqrt(np.diag(profile.kt_covariance)), half, rtol=1e-3)
    column = fit.likelihood.parameters.free_names.index("annulus_02.kT")
    curved = np.sqrt(fit.minimum.covariance[column, column])
    assert abs(curved / half[1] - 1) > 0.05
    eigenvalues = np.linalg.eigvalsh(profile.kt_covariance)
    assert np.all(eigenvalues > 0)


def test_counts_where_the_model_has_none_are_refused() -> None:
    spectra = region_spectra(SMALL, 1)
    dark = make_problem(spectra, REDSHIFT, 99.0, SKY, PLAIN)
    rows = [replace(s, particle=0 * s.particle) for s in spectra.spectra]
    nothing = RegionSpectra(spectra.layout, rows, spectra.mixing, spectra.geometric_area)
    hidden = replace(
        dark, folded=make_problem(nothing, REDSHIFT, 99.0, SKY, PLAIN).folded,
    )  # fmt: skip
    for templates in hidden.folded.templates:
        templates[:] = 0.0
    with pytest.raises(InputError, match="counts where the model gives none"):
        fit_annuli(hidden)


def test_tables_are_read_back_as_they_were(tmp_path: Path) -> None:
    own = problem(region_spectra(SMALL, 3), intervals=True)
    profile, _ = measure_spectral_profile(own)
    sector = SpectralRegion("annulus_02_east", "annulus", 2.0, 5.0, (350.0, 20.0), 1)
    profile = replace(
        profile, regions=(profile.regions[0], sector, profile.regions[2]), notes=("a note",)
    )
    path = tmp_path / "profile.fits"
    write_spectral_profile(path, profile, {"OBJECT": ("Abell 1", "the cluster")})
    again = read_spectral_profile(path)
    assert again.to_record() == profile.to_record()
    assert again.regions == profile.regions
    assert again.flux_band == EnergyBand(0.5, 2.0)
    text = json.dumps(profile.to_record(), allow_nan=False)
    assert json.loads(text)["annuli"][0]["kt_cool"]["value"] is None


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "profile.fits"
    with pytest.raises(InputError):
        read_spectral_profile(path)
    from astropy.io import fits

    table = fits.BinTableHDU.from_columns([fits.Column("a", "D", array=[1.0])], name="OTHER")
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path)
    with pytest.raises(InputError, match="has no table SPECTRAL_PROFILE"):
        read_spectral_profile(path)


def test_posterior_and_simulated_goodness_take_the_fit() -> None:
    own = problem(region_spectra(SMALL, 3))
    fit = fit_annuli(own)
    sampling = MCMCParameters(
        walkers=64, ensembles=4, min_steps=10, max_steps=10, check_every=10, thin=1
    )
    chains = sample_posterior(fit, sampling, seed=1)
    assert np.isfinite(chains.log_probability).all()
    assert chains.names == tuple(fit.likelihood.parameters.free_names)
    # the general minimiser is quick where no temperature is free
    held = ("lhb.kT", "halo.kT", *(f"annulus_0{i}.kT" for i in (1, 2, 3)))
    found = simulate_goodness(fit_annuli(replace(own, parameters=PLAIN.model_copy(
        update={"freeze": held}
    ))), 3, seed=2)  # fmt: skip
    assert found["failed"] == 0
    assert abs(found["expected"] - fit.likelihood.degrees_of_freedom) < 400


def test_real_responses_give_what_was_put_in(shared_data: Path) -> None:
    from xsurvey.io.ogip.arf import read_arf
    from xsurvey.io.ogip.rmf import read_rmf
    from xsurvey.io.ogip.types import PhaSpectrum
    from xsurvey.profiles.region_spectrum import RegionSpectrum
    from xsurvey.spectra.dataset import make_dataset
    from xsurvey.spectra.models.evaluator import ModelEvaluator
    from xsurvey.spectra.models.expression import parse_expression
    from xsurvey.spectra.response import build_response

    folder = shared_data / "erosita" / "responses"
    if not folder.is_dir():
        pytest.skip("no real responses in shared/data")
    real = build_response(
        read_rmf(next(folder.glob("*rmf*"))), read_arf(next(folder.glob("*arf*")))
    )
    gas = parse_expression("tbabs*apec")
    truth = Truth(
        kt=(2.2, 3.1), abundance=(0.6, 0.3), norm=(1e-4, 2e-5), edges=(0, 3, 8),
        sky_sectors=(0, 0, 0),
    )  # fmt: skip
    sky = 1.7e-6 * ModelEvaluator(parse_expression("apec"), real.edges)(
        np.array([0.1, 1.0, 0.0, 1.0])
    )
    evaluate = ModelEvaluator(gas, real.edges)
    sky += 1e-6 * evaluate(np.array([NH, 0.22, 1.0, 0.0, 1.0]))
    sky += ModelEvaluator(parse_expression("tbabs*powerlaw"), real.edges)(
        np.array([NH, 1.45, 7e-7])
    )
    rings = np.array([
        evaluate(np.array([NH, kt, z, REDSHIFT, n]))
        for kt, z, n in zip(truth.kt, truth.abundance, truth.norm, strict=True)
    ])  # fmt: skip
    rows = []
    for i, area in enumerate(truth.area):
        n = real.matrix.shape[1]
        particle = np.full(n, 0.002 * area)
        mean = 1e4 * (real.matrix.T @ (truth.mixing[i, :2] @ rings + area * sky)) + particle
        pha = PhaSpectrum(
            path=Path("made.pha"), channels=real.redistribution.channels,
            first_channel=int(real.redistribution.channels[0]), detector_channels=n, counts=mean,
            exposure=1e4, backscal=np.ones(n), areascal=np.ones(n),
        )  # fmt: skip
        data = make_dataset(pha, real, bands=[EnergyBand(0.3, 6.0)])
        inside = particle[: len(data.counts)]
        rows.append(RegionSpectrum(i, "all", data, float(area), inside, 0 * inside))
    layout = region_spectra(truth, expected=[np.ones(154)] * 5).layout
    spectra = RegionSpectra(layout, rows, truth.mixing, truth.area)
    fit = fit_annuli(problem(spectra))
    np.testing.assert_allclose(fit.values[[0, 3]], truth.kt, rtol=2e-3)
    np.testing.assert_allclose(fit.values[[2, 5]], truth.norm, rtol=2e-3)
