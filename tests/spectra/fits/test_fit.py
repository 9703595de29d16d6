"""Fits: closed forms, intervals by brute force, limits, degeneracies, data that say little."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from xsurvey.errors import InputError, ParameterError
from xsurvey.inference.held import Held, profile_statistic
from xsurvey.inference.minimise import minimise
from xsurvey.inference.profile import profile_delta
from xsurvey.spectra.fit import Fit, fit_spectra
from xsurvey.spectra.goodness import goodness_record
from xsurvey.spectra.starts import candidates, choose_starts, with_likely_norms

from .conftest import (
    BACKGROUND,
    POWER_LAW,
    assembled,
    drawn,
    expected_counts,
    likelihood_of,
    make_pha,
)


def interval(fit: Fit, name: str) -> tuple[float, float]:
    found = fit.intervals[fit.likelihood.parameters.free_names.index(name)]
    return found.lower, found.upper


@given(st.integers(1, 5000), st.floats(0, 3))
@settings(max_examples=25, deadline=None)
def test_a_norm_alone_is_counts_over_expectation(counts: int, index: float) -> None:
    """With one factor of the model free, cstat is least where it has as many counts as the data."""
    per_norm = expected_counts("powerlaw", (index, 1.0))
    data = np.random.default_rng(counts).multinomial(counts, per_norm / per_norm.sum())
    likelihood = likelihood_of("powerlaw", make_pha(data), freeze=(f"powerlaw.PhoIndex={index}",))
    fit = fit_spectra(likelihood, starts=1)
    best = counts / per_norm.sum()
    assert fit.theta[0] == pytest.approx(best, rel=1e-6)

    # the statistic rises as 2 (m - N ln m): its ends solve that
    def rise(ratio: float) -> float:
        return 2 * counts * (ratio - 1 - np.log(ratio)) - profile_delta(0.6827)

    ends = optimize.brentq(rise, 1e-9, 1), optimize.brentq(rise, 1, 100)
    assert interval(fit, "powerlaw.norm") == pytest.approx(
        (ends[0] * best, ends[1] * best), rel=2e-3
    )


def test_no_counts_give_a_limit() -> None:
    likelihood = likelihood_of("powerlaw", make_pha(np.zeros(120)), freeze=("powerlaw.PhoIndex=2",))
    fit = fit_spectra(likelihood)
    assert fit.theta[0] == pytest.approx(0, abs=1e-12)
    assert fit.statistic == pytest.approx(0, abs=1e-6)
    found = fit.intervals[0]
    assert found.lower_at_limit
    assert not found.upper_at_limit
    # 2 m = 1
    assert found.upper == pytest.approx(0.5 / expected_counts("powerlaw", (2, 1)).sum(), rel=2e-3)


def test_profile_intervals_are_those_of_a_scan() -> None:
    likelihood = likelihood_of("powerlaw", drawn("powerlaw", (1.8, 0.003)))
    fit = fit_spectra(likelihood, confidence=0.9)
    low, high = interval(fit, "powerlaw.PhoIndex")
    assert low < fit.theta[0] < high

    def least(index: float) -> float:
        # for each index the best norm has the counts of the data
        per_norm = expected_counts("powerlaw", (index, 1.0))
        norm = likelihood.members[0].dataset.counts.sum() / per_norm.sum()
        return float(likelihood.statistic(np.array([[index, norm]]))[0])

    assert least(fit.theta[0]) == pytest.approx(fit.statistic, abs=1e-4)
    grid = np.linspace(low - 0.1, high + 0.1, 241)
    scan = np.array([least(index) for index in grid])
    inside = grid[scan <= scan.min() + profile_delta(0.9)]
    assert (low, high) == pytest.approx((inside[0], inside[-1]), abs=2 * (grid[1] - grid[0]))


def test_wider_confidence_is_a_wider_interval() -> None:
    likelihood = likelihood_of("powerlaw", drawn("powerlaw", (1.8, 0.003)))
    narrow, wide = (fit_spectra(likelihood, confidence=c) for c in (0.6827, 0.95))
    for name in likelihood.parameters.free_names:
        a, b = interval(narrow, name), interval(wide, name)
        assert b[0] < a[0] < a[1] < b[1]
    assert fit_spectra(likelihood, intervals=False).intervals == {}


def test_the_truth_is_found_from_afar() -> None:
    source = drawn("powerlaw", POWER_LAW)
    near = fit_spectra(likelihood_of("powerlaw", source, set=("powerlaw.PhoIndex=1.8",)))
    far = fit_spectra(
        likelihood_of("powerlaw", source, set=("powerlaw.PhoIndex=-2.5", "powerlaw.norm=1e4"))
    )
    assert far.theta == pytest.approx(near.theta, rel=1e-3)
    low, high = interval(near, "powerlaw.PhoIndex")
    assert low - 2 * (high - low) < 1.8 < high + 2 * (high - low)


def test_nothing_free_is_the_statistic_of_the_model() -> None:
    source = drawn("powerlaw", POWER_LAW)
    likelihood = likelihood_of(
        "powerlaw", source, freeze=("powerlaw.PhoIndex=1.8", "powerlaw.norm=0.02")
    )
    fit = fit_spectra(likelihood)
    assert fit.statistic == pytest.approx(
        likelihood_of("powerlaw", source).statistic(np.array([POWER_LAW]))[0]
    )
    assert fit.values.tolist() == [1.8, 0.02]
    assert fit.intervals == {}
    impossible = likelihood_of(
        "powerlaw", source, freeze=("powerlaw.PhoIndex=1.8", "powerlaw.norm=0")
    )
    with pytest.raises(InputError, match="predicts no counts"):
        fit_spectra(impossible)


def test_a_parameter_at_its_limit() -> None:
    likelihood = likelihood_of(
        "powerlaw", drawn("powerlaw", POWER_LAW), limits=("powerlaw.PhoIndex=2.2,3",)
    )
    fit = fit_spectra(likelihood)
    assert fit.theta[0] == pytest.approx(2.2)
    assert fit.intervals[0].lower_at_limit
    assert fit.intervals[0].lower == pytest.approx(2.2)
    assert any("the best fit is at a limit: powerlaw.PhoIndex" in note for note in fit.notes)


def test_degenerate_parameters_are_told() -> None:
    likelihood = likelihood_of(
        "constant*powerlaw", drawn("powerlaw", POWER_LAW), thaw=("constant.factor",)
    )
    fit = fit_spectra(likelihood)
    note = next(n for n in fit.notes if "do not determine" in n)
    assert "constant.factor" in note
    assert "powerlaw.norm" in note
    product = fit.theta[0] * fit.theta[2]
    alone = fit_spectra(likelihood_of("powerlaw", drawn("powerlaw", POWER_LAW)))
    assert product == pytest.approx(alone.theta[1], rel=1e-3)
    assert fit.statistic == pytest.approx(alone.statistic, abs=1e-3)


def test_an_empty_background_with_wstat() -> None:
    source = drawn("powerlaw", POWER_LAW)
    empty = make_pha(np.zeros(120), backscal=4.0)
    fit = fit_spectra(assembled("powerlaw", [source], [empty], stat="wstat").likelihood)
    plain = fit_spectra(likelihood_of("powerlaw", source))
    assert np.isfinite(fit.statistic)
    # all but empty bins: the bias is small for a bright source
    assert fit.theta == pytest.approx(plain.theta, rel=0.05)


def test_joint_fits_with_cross_calibration_hold_the_truth() -> None:
    first = drawn("powerlaw", POWER_LAW, 1, exposure=20000.0)
    other = drawn("powerlaw", (1.8, 0.02 * 1.1), 2, exposure=20000.0)
    fit = fit_spectra(assembled(
        "powerlaw", [first, other], instruments=["a", "b"], cross_calibration=True, area_order=0,
    ).likelihood)  # fmt: skip
    low, high = interval(fit, "powerlaw.norm")
    assert low < 0.02 < high
    difference = fit.theta[3] - fit.theta[2]
    assert difference == pytest.approx(np.log(1.1), abs=0.02)


def test_fits_are_reproducible() -> None:
    source, back = drawn("powerlaw", POWER_LAW), drawn("powerlaw", BACKGROUND, backscal=4.0)
    found = [
        fit_spectra(assembled("powerlaw", [source], [back], stat="wstat").likelihood)
        for _ in range(2)
    ]
    assert found[0].theta.tolist() == found[1].theta.tolist()
    assert found[0].intervals == found[1].intervals


def test_starts_have_the_counts_of_the_data() -> None:
    source, back = drawn("powerlaw", POWER_LAW), drawn("powerlaw", BACKGROUND, 2, backscal=4.0)
    for settings_ in ({"stat": "wstat"}, {"background_model": "powerlaw"}):
        likelihood = assembled("powerlaw", [source], [back], **settings_).likelihood  # type: ignore[arg-type]
        start = with_likely_norms(likelihood, likelihood.parameters.start[None, :])
        wanted = source.counts.sum() - back.counts.sum() / 4
        # the likeliest norm of a wrong shape need not give just as many counts
        assert likelihood.source_counts(start) == pytest.approx([wanted], rel=0.3)
    places = candidates(likelihood, start[0], 50)
    low, high = likelihood.parameters.bounds
    assert places.shape == (50, 4)
    assert ((places >= low) & (places <= high)).all()
    assert len(np.unique(places, axis=0)) == 50
    assert len(choose_starts(likelihood, 4)) == 4
    assert choose_starts(likelihood, 4).tolist() == choose_starts(likelihood, 4).tolist()


def test_a_background_brighter_than_the_source_still_starts() -> None:
    source = make_pha(np.ones(120))
    back = make_pha(np.full(120, 50.0))
    fit = fit_spectra(assembled("powerlaw", [source], [back], stat="wstat").likelihood)
    assert fit.theta[1] == pytest.approx(0, abs=1e-3)


def test_held_parameters() -> None:
    likelihood = likelihood_of("powerlaw", drawn("powerlaw", POWER_LAW),
                               prior=("powerlaw.norm=normal:0.02,0.01",))  # fmt: skip
    held = Held(likelihood, 0, 1.5)
    rest = np.array([[0.02], [0.03]])
    whole = np.array([[1.5, 0.02], [1.5, 0.03]])
    assert held.total(held.evaluate(rest)) == pytest.approx(likelihood.statistic(whole))
    value, gradient, curvature = held.penalty(rest)
    assert value == pytest.approx([0, 1])
    assert gradient == pytest.approx(np.array([[0], [200]]))
    assert curvature.shape == (2, 1)
    bounds, scale = likelihood.parameters.bounds, np.array([0.1, 0.02])
    best = minimise(likelihood, np.array([1.8, 0.02]), bounds, scale, likelihood.penalty)
    profile = profile_statistic(likelihood, best, 0, bounds, scale)
    at_best, place = profile(float(best.best[0]))
    assert at_best == pytest.approx(best.statistic, abs=1e-5)
    assert place == pytest.approx(best.best, rel=1e-3)
    assert profile(99.0)[0] == np.inf


def test_goodness() -> None:
    fit = fit_spectra(likelihood_of("powerlaw", drawn("powerlaw", POWER_LAW)))
    record = goodness_record(fit)
    assert record is not None
    assert abs(record["sigma"]) < 3
    poor = fit_spectra(
        likelihood_of("powerlaw", drawn("powerlaw", POWER_LAW), freeze=("powerlaw.PhoIndex=-1",))
    )
    bad = goodness_record(poor)
    assert bad is not None
    assert bad["p_value"] < 1e-6
    source, back = drawn("powerlaw", POWER_LAW), drawn("powerlaw", BACKGROUND, backscal=4.0)
    chi2 = fit_spectra(
        assembled("powerlaw", [source], [back], stat="chi2", rule="min20").likelihood
    )
    record = goodness_record(chi2)
    assert record is not None
    assert record["expected"] == chi2.likelihood.degrees_of_freedom
    wstat = fit_spectra(assembled("powerlaw", [source], [back], stat="wstat").likelihood)
    assert goodness_record(wstat) is None
    few = replace(source, quality=np.where(np.arange(120) < 2, 0, 1))
    none_left = fit_spectra(assembled("powerlaw", [few], [back], stat="chi2").likelihood)
    assert goodness_record(none_left) is None


def test_a_model_that_cannot_give_the_data() -> None:
    with pytest.raises(ParameterError, match="within its limits"):
        likelihood_of("powerlaw", drawn("powerlaw", POWER_LAW), set=("powerlaw.norm=-1",))
