"""Fits of profiles: known parameters come back, with intervals; the PSF; bad input."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.profiles.images import CENTRE, flat
from tests.profiles.synthetic import EDGES, profile_of
from xsurvey.errors import InputError, ParameterError
from xsurvey.inference.mcmc_parameters import MCMCParameters
from xsurvey.profiles.brightness_models import BetaModel
from xsurvey.profiles.extraction import extract_profile
from xsurvey.profiles.geometry import RadialGeometry
from xsurvey.profiles.profile_fit import fit_profile
from xsurvey.profiles.profile_likelihood import ProfileLikelihood
from xsurvey.profiles.profile_mixing import profile_mixing
from xsurvey.psf import GaussianPsf

ROWS = {
    "beta": [2e-2, 1.3, 0.6, 1e-3],
    "double_beta": [5e-2, 0.5, 1e-2, 3, 0.7, 1e-3],
    "power_law": [2e-2, 1.4, 1e-3],
    "broken_power_law": [2e-2, 0.4, 1.3, 4.0, 1.8, 1e-3],
}


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("stat", ["cstat", "chi2"])
def test_expected_counts_give_the_truth_back(name: str, stat: str) -> None:
    profile = profile_of(name, ROWS[name], particles=1e-3)
    fit = fit_profile(profile, name, stat=stat, intervals=False)  # type: ignore[arg-type]
    assert fit.theta == pytest.approx(ROWS[name], rel=2e-3)
    assert fit.value == pytest.approx(0, abs=1e-3)
    assert fit.dof == len(EDGES) - 1 - len(ROWS[name])
    assert fit.expected == pytest.approx(profile.counts, rel=1e-3)
    assert fit.notes == ()


def test_vikhlinin_with_its_outskirts_known() -> None:
    row = [2e-2, 1.3, 0.7, 0.6, 6.0, 2.0, 1e-3]
    fit = fit_profile(profile_of("vikhlinin", row), "vikhlinin", intervals=False,
                      frozen={"rs": 6.0, "epsilon": 2.0})  # fmt: skip
    assert fit.theta == pytest.approx(row, rel=5e-3)


def test_intervals_are_where_the_statistic_has_risen() -> None:
    profile = profile_of("beta", ROWS["beta"], seed=1)
    fit = fit_profile(profile, "beta")
    for parameter in fit.parameters:
        for end in (parameter.lower, parameter.upper):
            held = fit_profile(profile, "beta", intervals=False, frozen={parameter.name: end})
            assert held.value - fit.value == pytest.approx(1.0, abs=0.01)
    # Gaussian limit: half widths are standard deviations
    half = [(p.upper - p.lower) / 2 for p in fit.parameters]
    assert half == pytest.approx(np.sqrt(np.diag(fit.covariance)), rel=0.1)
    wide = fit_profile(profile, "beta", confidence=0.9)
    assert wide["rc"].lower < fit["rc"].lower < fit["rc"].value < fit["rc"].upper
    assert wide["rc"].confidence == 0.9


def test_background_that_is_off_is_shifted() -> None:
    # beyond the cluster sky and particles cannot be told apart: a known sky shows the shift
    row = ROWS["beta"]
    profile = profile_of("beta", row, particles=2e-3, error=0.1, shift=1.5, exposure=2e5)
    fit = fit_profile(profile, "beta", frozen={"background": 1e-3}, intervals=False)
    assert fit.background_shift == pytest.approx(1.5, abs=0.05)
    assert fit.theta == pytest.approx(row, rel=0.01)
    # and with a free sky the shift stays at its prior, the error is in the sky's interval
    free = fit_profile(profile, "beta")
    assert free.background_shift == pytest.approx(0.0, abs=0.05)
    assert free["background"].value == pytest.approx(1.3e-3, rel=0.02)
    assert free["background"].lower < 1.12e-3
    certain = fit_profile(replace(profile, background_error=np.zeros(30)), "beta")
    narrow = certain["background"].upper - certain["background"].lower
    assert free["background"].upper - free["background"].lower > 5 * narrow


def test_psf_is_undone() -> None:
    row = [0.2, 0.6, 0.7, 1e-3]
    exposure = flat(2e4, 121)
    geometry = RadialGeometry(CENTRE)
    edges = np.linspace(0, 5.5, 23)
    empty = extract_profile(flat(0.0, 121), exposure, geometry, edges)
    mixing = profile_mixing(empty, geometry, exposure, GaussianPsf(18.0))
    blurred = profile_of("beta", row, edges=edges, matrix=mixing.matrix, matrix_edges=mixing.edges)
    profile = replace(empty, counts=blurred.counts)
    fit = fit_profile(profile, "beta", mixing=mixing, intervals=False)
    assert fit.theta == pytest.approx(row, rel=5e-3)
    without = fit_profile(profile, "beta", intervals=False)
    assert without["rc"].value > 0.7


def test_bins_without_exposure_are_left_out() -> None:
    profile = profile_of("beta", ROWS["beta"])
    exposure_area = profile.exposure_area.copy()
    exposure_area[[3, 7]] = 0.0
    counts = profile.counts.copy()
    counts[[3, 7]] = 0.0
    fit = fit_profile(replace(profile, exposure_area=exposure_area, counts=counts), "beta",
                      intervals=False)  # fmt: skip
    assert fit.theta == pytest.approx(ROWS["beta"], rel=2e-3)
    assert np.flatnonzero(np.isnan(fit.expected)).tolist() == [3, 7]
    assert fit.dof == 24


def test_posterior_agrees_with_the_profile_likelihood() -> None:
    profile = profile_of("beta", ROWS["beta"], exposure=1e5, seed=2)
    short = MCMCParameters(max_steps=1500, min_steps=500, r_hat_limit=1.05, min_ess=200)
    fit = fit_profile(profile, "beta", mcmc=short, seed=3)
    posterior = fit.posterior()
    assert posterior is not None
    for parameter in fit.parameters:
        width = parameter.upper - parameter.lower
        found = posterior[parameter.name]
        assert found["upper"] - found["lower"] == pytest.approx(width, rel=0.2)
        assert found["value"] == pytest.approx(parameter.value, abs=0.2 * width)
    assert json.dumps(fit.record(), allow_nan=False)


def test_record() -> None:
    fit = fit_profile(profile_of("beta", ROWS["beta"], seed=1), "beta", frozen={"beta": 0.6})
    record = json.loads(json.dumps(fit.record(), allow_nan=False))
    assert record["statistic"]["name"] == "cstat"
    assert record["statistic"]["dof"] == 27
    assert list(record["parameters"]) == ["norm", "rc", "beta", "background"]
    assert record["parameters"]["beta"] == {
        "value": 0.6, "lower": None, "upper": None, "confidence": 0.683, "unit": "",
        "frozen": True, "lower_at_limit": False, "upper_at_limit": False,
    }  # fmt: skip
    assert record["parameters"]["rc"]["unit"] == "arcmin"
    assert record["parameters"]["norm"]["unit"] == "count / (s arcmin2)"
    assert 0 < record["goodness"]["p_value"] < 1


def test_brightness_of_a_fit_is_that_of_the_model() -> None:
    fit = fit_profile(profile_of("beta", ROWS["beta"]), "beta", intervals=False)
    image = fit.brightness(np.array([[0.0, 1.3], [2.6, 1e4]]))
    assert image[0, 0] == pytest.approx(2.1e-2, rel=1e-3)
    assert image[1, 1] == pytest.approx(1e-3, rel=1e-2)


def test_an_empty_field_has_no_norm() -> None:
    flat_sky = profile_of("beta", [0.0, 1.3, 0.6, 1e-3], seed=5)
    fit = fit_profile(flat_sky, "beta", frozen={"rc": 1.3, "beta": 0.6})
    assert fit["norm"].lower < 3e-4
    assert fit["background"].lower < 1e-3 < fit["background"].upper


def test_bad_input() -> None:
    profile = profile_of("beta", ROWS["beta"])
    none = np.zeros(30)
    with pytest.raises(InputError, match="no exposed bin"):
        fit_profile(replace(profile, exposure_area=none), "beta")
    with pytest.raises(InputError, match="no counts"):
        fit_profile(replace(profile, counts=none), "beta")
    with pytest.raises(InputError, match="3 exposed bins"):
        fit_profile(profile_of("beta", ROWS["beta"], edges=np.linspace(0, 5, 4)), "beta")
    with pytest.raises(InputError, match="no number"):
        fit_profile(replace(profile, background=none + np.nan), "beta")
    with pytest.raises(InputError, match="does not fit"):
        fit_profile(profile, "beta", mixing=np.eye(4))
    with pytest.raises(ParameterError, match="is unknown"):
        fit_profile(profile, "beta", frozen={"r_c": 1.0})
    with pytest.raises(ParameterError, match="is not between"):
        fit_profile(profile, "beta", frozen={"beta": 0.01})
    with pytest.raises(ParameterError, match="stat"):
        fit_profile(profile, "beta", stat="wstat")  # type: ignore[arg-type]


def test_limits_of_the_background_follow_what_was_given() -> None:
    without = ProfileLikelihood(profile_of("beta", ROWS["beta"]), BetaModel())
    assert without.bounds[0][-1] == 0
    given = ProfileLikelihood(profile_of("beta", ROWS["beta"], particles=2e-3), BetaModel())
    assert given.bounds[0][-1] == pytest.approx(-2e-3)
