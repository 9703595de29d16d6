"""Likelihoods of joint fits: sums of their parts, with backgrounds, areas, links and priors."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm, poisson

from xsurvey.errors import InputError, ParameterError
from xsurvey.inference.priors import Normal
from xsurvey.spectra.background_models.joint import ModelledBackground
from xsurvey.spectra.background_models.pca import train_pca
from xsurvey.spectra.fit import fit_spectra
from xsurvey.spectra.statistic_of import make_statistic, statistic_notes
from xsurvey.spectra.statistics.cash import CStat

from .conftest import (
    BACKGROUND,
    POWER_LAW,
    assembled,
    dataset_of,
    drawn,
    expected_counts,
    likelihood_of,
    make_pha,
)

THETA = np.array([[1.7, 0.021], [2.2, 0.015], [0.3, 0.5]])


def test_statistic_is_that_of_the_folded_model() -> None:
    source = drawn("powerlaw", POWER_LAW)
    likelihood = likelihood_of("powerlaw", source)
    model = np.stack([expected_counts("powerlaw", t) for t in THETA])
    assert likelihood.evaluate(THETA) == pytest.approx(model, rel=1e-10)
    assert likelihood.statistic(THETA) == pytest.approx(CStat(source.counts).total(model))
    # minus twice the logarithm of the Poisson likelihood, up to what the model does not change
    log = poisson.logpmf(source.counts, model).sum(axis=1)
    found = likelihood.statistic(THETA)
    assert found - found[0] == pytest.approx(-2 * (log - log[0]))
    assert likelihood.degrees_of_freedom == len(source.counts) - 2


def test_a_joint_fit_is_the_sum_of_its_parts() -> None:
    first, second = drawn("powerlaw", POWER_LAW), drawn("powerlaw", POWER_LAW, 5, exposure=300.0)
    joint = likelihood_of("powerlaw", first, second)
    parts = [likelihood_of("powerlaw", s).statistic(THETA) for s in (first, second)]
    assert joint.statistic(THETA) == pytest.approx(sum(parts))
    assert joint.bins == 2 * len(first.counts)
    gradient, curvature = joint.derivatives(joint.evaluate(THETA))
    assert gradient.shape == curvature.shape == (3, joint.bins)


def test_untied_parameters_act_on_their_spectrum() -> None:
    first, second = drawn("powerlaw", POWER_LAW), drawn("powerlaw", POWER_LAW, 5)
    joint = likelihood_of("powerlaw", first, second, untie=("powerlaw.norm",))
    assert joint.parameters.free_names == ["powerlaw.PhoIndex", "powerlaw.norm", "2:powerlaw.norm"]
    theta = np.array([[1.7, 0.02, 0.04]])
    model = joint.evaluate(theta)[0]
    assert model[: len(first.counts)] == pytest.approx(expected_counts("powerlaw", (1.7, 0.02)))
    assert model[len(first.counts) :] == pytest.approx(expected_counts("powerlaw", (1.7, 0.04)))


def test_links_outside_of_limits_are_impossible() -> None:
    likelihood = likelihood_of(
        "constant*powerlaw", drawn("powerlaw", POWER_LAW), thaw=("constant.factor",),
        link=("powerlaw.PhoIndex=20*constant.factor-18",),
    )  # fmt: skip
    found = likelihood.statistic(np.array([[0.99, 0.02], [0.2, 0.02]]))
    assert np.isfinite(found).tolist() == [True, False]
    assert likelihood.log_probability(np.array([[0.2, 0.02]])).tolist() == [-np.inf]


def test_parameters_at_which_the_model_has_no_value() -> None:
    likelihood = likelihood_of("powerlaw", drawn("powerlaw", POWER_LAW))
    bad = np.array([[np.nan, 1.0], [20.0, 1.0], [1.7, np.inf]])
    assert likelihood.statistic(bad).tolist() == [np.inf] * 3
    assert likelihood.log_probability(bad[:1]).tolist() == [-np.inf]


def test_modelled_background() -> None:
    below = expected_counts("powerlaw", BACKGROUND)
    rng = np.random.default_rng(4)
    back = make_pha(rng.poisson(below), backscal=4.0)
    source = make_pha(rng.poisson(expected_counts("powerlaw", POWER_LAW) + below / 4))
    likelihood = assembled(
        "powerlaw", [source], [back], background_model="powerlaw", rule="min5"
    ).likelihood
    names = likelihood.parameters.free_names
    assert names == [
        "powerlaw.PhoIndex", "powerlaw.norm", "background.powerlaw_index",
        "background.powerlaw_norm",
    ]  # fmt: skip
    member = likelihood.members[0]
    assert isinstance(member.statistic, ModelledBackground)
    assert member.background is not None
    start = likelihood.parameters.start[None, :]
    model = likelihood.evaluate(start)[0]
    groups = list(zip(member.dataset.grouping.first, member.dataset.grouping.last, strict=True))
    channels = member.background.evaluate(start[:, 2:])[0]
    alone = member.source(likelihood.parameters.expand(start))[0]
    by_hand = [alone[i] + channels[a:b].sum() / 4 for i, (a, b) in enumerate(groups)]
    by_hand += [channels[a:b].sum() for a, b in groups]
    assert model == pytest.approx(by_hand)
    # its start is the best fit of the background alone
    assert channels.sum() == pytest.approx(back.counts.sum(), rel=0.02)
    assert likelihood.source_counts(start) == pytest.approx([alone.sum()])
    assert likelihood.source_by_member(start)[0][0] == pytest.approx(alone)


def test_trained_background(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    shape = expected_counts("powerlaw", BACKGROUND)
    tilt = np.linspace(-1, 1, 120)
    training = [rng.poisson(4 * shape * (1 + s * tilt)) for s in rng.normal(0, 0.2, 30)]
    numbers = np.arange(1, 121)
    path = tmp_path / "trained.fits"
    train_pca(np.array(training), 3, channels=numbers).save(path)
    back = make_pha(rng.poisson(shape), backscal=4.0)
    source = make_pha(rng.poisson(expected_counts("powerlaw", POWER_LAW) + shape / 4))
    assembly = assembled("powerlaw", [source], [back], background_model=f"pca:{path}")
    assert "least AIC" in assembly.notes[0]
    fit = fit_spectra(assembly.likelihood)
    found = fit.intervals[1]
    width = found.upper - found.lower
    assert found.lower - width < POWER_LAW[1] < found.upper + width
    train_pca(np.array(training), 3, channels=numbers - 1).save(path)
    with pytest.raises(InputError, match="other channels than the background components"):
        assembled("powerlaw", [source], [back], background_model=f"pca:{path}")


def test_backgrounds_that_cannot_be_modelled() -> None:
    source = drawn("powerlaw", POWER_LAW)
    with pytest.raises(InputError, match="has no background to model"):
        assembled("powerlaw", [source], background_model="powerlaw")
    empty = make_pha(0 * source.counts)
    with pytest.raises(InputError, match="has no counts in the fitted energies"):
        assembled("powerlaw", [source], [empty], background_model="powerlaw")
    with pytest.raises(ParameterError, match="did you mean 'powerlaw'"):
        assembled("powerlaw", [source], [source], background_model="powerlow")


def test_area_nuisance() -> None:
    spectra = [drawn("powerlaw", POWER_LAW, seed) for seed in (1, 2, 3)]
    likelihood = assembled(
        "powerlaw", spectra, instruments=["a", "b", "a"], cross_calibration=True, area_order=1,
    ).likelihood  # fmt: skip
    names = likelihood.parameters.free_names
    assert names[2:] == ["area.constant", "area.smooth_1", "2:area.constant", "2:area.smooth_1"]
    theta = np.array([[1.8, 0.02, 0.1, 0.0, -0.2, 0.0]])
    model = likelihood.evaluate(theta)[0].reshape(3, -1)
    plain = expected_counts("powerlaw", POWER_LAW)
    assert model[0] == pytest.approx(np.exp(0.1) * plain)
    assert model[1] == pytest.approx(np.exp(-0.2) * plain)
    assert model[2] == pytest.approx(model[0])
    value, gradient, curvature = likelihood.penalty(theta)
    assert value == pytest.approx([(0.1 / 0.1) ** 2 + (0.2 / 0.1) ** 2])
    assert gradient[0, 2] == pytest.approx(2 * 0.1 / 0.01)
    assert curvature[0, 3] == pytest.approx(2 / 0.05**2)
    with pytest.raises(ParameterError, match="only one instrument"):
        assembled("powerlaw", spectra[:2], instruments=["a", "a"], cross_calibration=True)


def test_priors_add_to_the_log_probability() -> None:
    likelihood = likelihood_of(
        "powerlaw", drawn("powerlaw", POWER_LAW), prior=("powerlaw.PhoIndex=normal:1.5,0.2",)
    )
    prior = likelihood.parameters.parameters[0].prior
    assert isinstance(prior, Normal)
    found = likelihood.log_probability(THETA) + likelihood.statistic(THETA) / 2
    expected = norm.logpdf(THETA[:, 0], 1.5, 0.2)
    assert found - found[0] == pytest.approx(expected - expected[0])


def test_statistics_by_name() -> None:
    back, source = drawn("powerlaw", BACKGROUND, backscal=4.0), drawn("powerlaw", POWER_LAW)
    data = dataset_of(source, background=back)
    assert make_statistic(data, "cstat", "data", False).name == "cstat"
    assert make_statistic(data, "wstat", "data", False).name == "wstat"
    model = expected_counts("powerlaw", POWER_LAW)
    net = make_statistic(data, "chi2", "model", True).terms(model[None])
    scaled = back.counts / 4
    by_hand = (source.counts - scaled - model) ** 2 / (model + scaled + scaled / 4)
    assert net[0] == pytest.approx(by_hand)
    without = make_statistic(data, "chi2", "gehrels", False).terms(model[None])[0]
    variance = (1 + np.sqrt(source.counts + 0.75)) ** 2
    assert without == pytest.approx((source.counts - model) ** 2 / variance)
    for name, subtract in (("wstat", False), ("chi2", True)):
        with pytest.raises(InputError, match="has no background"):
            make_statistic(dataset_of(source), name, "data", subtract)


def test_what_a_statistic_says_of_the_data() -> None:
    counts = np.zeros(120)
    counts[:50] = 3
    back = make_pha(np.where(np.arange(120) < 100, 2, 0))

    def notes(name: str, variance: str = "data", **fields: object) -> str:
        data = dataset_of(make_pha(counts, **fields), background=back)
        return " ".join(statistic_notes(data, make_statistic(data, name, variance, False)))

    assert notes("cstat") == ""
    assert "20 of 120 bins have no background counts" in notes("wstat")
    assert "--group bmin1" in notes("wstat")
    assert "70 of 120 bins have no counts" in notes("chi2")
    assert "not used" in notes("chi2", statistical_error=np.ones(120))
    assert "chi2 uses the errors" in notes("chi2", "file", statistical_error=np.ones(120))


@pytest.mark.parametrize("is_poisson", [True, False])
def test_variances_are_those_asked_for_where_counts_are_poisson(is_poisson: bool) -> None:
    data = dataset_of(
        make_pha(np.full(120, 4.0), statistical_error=np.full(120, 3.0), poisson=is_poisson)
    )
    found = {
        v: make_statistic(data, "chi2", v, False).terms(np.full((1, 120), 6.0))[0, 0]
        for v in ("data", "gehrels", "file")
    }
    given = 4 / 9
    assert found["file"] == pytest.approx(given)
    assert found["data"] == pytest.approx(1.0 if is_poisson else given)
    gehrels = 4 / (1 + np.sqrt(4.75)) ** 2
    assert found["gehrels"] == pytest.approx(gehrels if is_poisson else given)


def test_errors_of_a_file_that_has_none() -> None:
    with pytest.raises(InputError, match="gives no errors"):
        make_statistic(dataset_of(make_pha(np.ones(120))), "chi2", "file", False)


def test_errors_of_zero_are_refused_with_the_file_s_name() -> None:
    counts = np.zeros(120)
    counts[:50] = 3
    data = dataset_of(make_pha(counts, statistical_error=np.sqrt(counts)))
    with pytest.raises(InputError, match=r"made.pha: states errors \(STAT_ERR\) of zero in 70 of"):
        make_statistic(data, "chi2", "file", False)
