"""Stokes parameters of energy bins: against sums over the events, and what must not change them."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xsurvey.errors import InputError, ParameterError
from xsurvey.polarization.background import subtract_background
from xsurvey.polarization.bin_sums import bin_sums
from xsurvey.polarization.channel_sums import ChannelSums
from xsurvey.polarization.estimators import empirical, pcube
from xsurvey.polarization.random_phases import as_chi2, threshold
from xsurvey.polarization.stokes import StokesFlag

from .events import draw, sums_of, toy_modulation

MODULATION = toy_modulation()
EDGES = np.array([2.0, 4.0, 8.0])
seeds = st.integers(0, 2**31)
few = settings(max_examples=25)


def by_events(events, low, high, acceptance):
    """Return the weights, q/mu and u/mu of the events of a bin."""
    energy = np.tile(MODULATION.energy, len(MODULATION.detectors))[events["place"]]
    inside = (energy > low) & (energy <= high)
    place = events["place"][inside]
    w = events["weight"][inside]
    if acceptance:
        w = w / MODULATION.effective_area.ravel()[place]
    mu = MODULATION.factor.ravel()[place]
    return w, events["q"][inside] / mu, events["u"][inside] / mu, mu


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("acceptance", [False, True])
def test_sums_are_those_over_the_events(weighted: bool, acceptance: bool) -> None:
    events = draw(3000, MODULATION, 0.5, 20.0, weighted=weighted)
    bins = empirical(bin_sums(sums_of(events, MODULATION), MODULATION, EDGES, acceptance))
    for k, (low, high) in enumerate(itertools.pairwise(EDGES)):
        w, q, u, mu = by_events(events, low, high, acceptance)
        i = w.sum()
        assert bins.counts[k] == len(w)
        assert bins.i[k] == pytest.approx(i)
        assert bins.q[k] == pytest.approx((w * q).sum())
        assert bins.u[k] == pytest.approx((w * u).sum())
        assert bins.modulation[k] == pytest.approx((w * mu).sum() / i)
        residuals = np.stack([w * (q - bins.q_norm[k]), w * (u - bins.u_norm[k])])
        effective = i**2 / (w**2).sum()
        expected = residuals @ residuals.T / i**2 * effective / (effective - 1)
        assert bins.covariance[k] == pytest.approx(expected)
        sigma0 = np.sqrt((w**2 * 2 / mu**2).sum()) / i
        beta = ((w / mu) ** 4).sum() / ((w / mu) ** 2).sum() ** 2
        assert bins.mdp99[k] == pytest.approx(threshold(0.01, beta) * sigma0)
        assert bins.mdp99[k] == pytest.approx(np.sqrt(2 * np.log(100)) * sigma0, rel=0.01)
        assert bins.effective_counts[k] == pytest.approx(effective)
        assert bins.chi2[k] == pytest.approx(as_chi2((bins.pd[k] / sigma0) ** 2, beta))


def test_variances_are_those_of_simulations() -> None:
    """Numbers of events Poissonian, strongly polarized, so that I and Q are correlated."""
    generator = np.random.default_rng(4)
    found, said = [], []
    for seed in range(600):
        number = int(generator.poisson(400))
        events = draw(number, MODULATION, 0.9, 15.0, seed=seed, weighted=True)
        bins = empirical(bin_sums(sums_of(events, MODULATION), MODULATION, np.array([1.0, 11.0])))
        found.append([bins.q_norm[0], bins.u_norm[0]])
        said.append(bins.covariance[0])
    actual, mean = np.cov(np.array(found).T), np.mean(said, axis=0)
    # the error of a variance of 600 values is 6 %
    assert np.diag(actual) == pytest.approx(np.diag(mean), rel=0.18)
    assert actual[0, 1] == pytest.approx(mean[0, 1], abs=0.18 * mean[0, 0])
    pull = (np.mean(found, axis=0) - 0.9 * np.array([np.cos(np.pi / 6), 0.5])) / np.sqrt(
        np.diag(mean) / 600
    )
    assert np.all(np.abs(pull) < 4)


@few
@given(seeds, st.booleans())
def test_units_add_up(seed: int, acceptance: bool) -> None:
    events = draw(500, MODULATION, 0.3, seed=seed, weighted=True)
    sums = sums_of(events, MODULATION)
    total = bin_sums(sums, MODULATION, EDGES, acceptance)
    parts = [
        bin_sums(
            sums.of_detectors(np.array([k])),
            MODULATION.of_detectors(np.array([k + 1])), EDGES, acceptance,
        )
        for k in range(2)
    ]  # fmt: skip
    for name in ("counts", "i", "q", "u", "weight2", "qq", "qu", "uu", "modulation"):
        assert getattr(total, name) == pytest.approx(sum(getattr(p, name) for p in parts))


@few
@given(seeds, st.booleans())
def test_events_add_up(seed: int, weighted: bool) -> None:
    events = draw(300, MODULATION, 0.3, seed=seed, weighted=weighted)
    first = {n: v[:100] for n, v in events.items()}
    rest = {n: v[100:] for n, v in events.items()}
    whole, joined = (
        sums_of(events, MODULATION),
        sums_of(first, MODULATION) + sums_of(rest, MODULATION),
    )
    for name in ("counts", "weight", "weight2", "q", "u", "q_weight2", "qq", "qu", "uu", "weight4"):
        assert getattr(whole, name) == pytest.approx(getattr(joined, name))


@few
@given(seeds, st.floats(-180, 180))
def test_a_rotation_turns_angles_only(seed: int, angle: float) -> None:
    sums = sums_of(draw(500, MODULATION, 0.6, 10.0, seed=seed, weighted=True), MODULATION)
    for estimate in (empirical, pcube):
        before = estimate(bin_sums(sums, MODULATION, EDGES))
        after = estimate(bin_sums(sums.rotated(angle), MODULATION, EDGES))
        assert after.pd == pytest.approx(before.pd)
        turned = (after.pa_deg - before.pa_deg - angle + 90) % 180 - 90
        assert np.minimum(np.abs(turned), 180 - np.abs(turned)) == pytest.approx(0, abs=1e-6)
        assert np.all((after.pa_deg > -90) & (after.pa_deg <= 90))
        for name in ("pd_err", "mdp99"):
            assert getattr(after, name) == pytest.approx(getattr(before, name))
    both = empirical(bin_sums(sums.rotated(angle), MODULATION, EDGES))
    once = empirical(bin_sums(sums, MODULATION, EDGES))
    assert both.pa_err_deg == pytest.approx(once.pa_err_deg)


@few
@given(seeds, st.floats(1e-3, 1e3))
def test_a_factor_of_all_weights_changes_nothing_normalised(seed: int, factor: float) -> None:
    events = draw(500, MODULATION, 0.3, seed=seed, weighted=True)
    scaled = {**events, "weight": factor * events["weight"]}
    one, other = (
        empirical(bin_sums(sums_of(e, MODULATION), MODULATION, EDGES)) for e in (events, scaled)
    )
    assert other.i == pytest.approx(factor * one.i)
    for name in ("q_norm", "u_norm", "covariance", "mdp99", "modulation", "chi2", "pd_err"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-9, abs=1e-12)


@few
@given(seeds)
def test_energy_bins_add_up(seed: int) -> None:
    sums = sums_of(draw(500, MODULATION, 0.3, seed=seed), MODULATION)
    fine = bin_sums(sums, MODULATION, np.array([2.0, 3.0, 4.0, 5.5, 8.0]))
    whole = bin_sums(sums, MODULATION, np.array([2.0, 8.0]))
    for name in ("counts", "i", "q", "u", "weight2", "qq", "qu", "uu", "energy"):
        assert getattr(fine, name).sum() == pytest.approx(getattr(whole, name)[0])


def test_edges_belong_to_the_bin_below() -> None:
    counts = np.zeros((2, 20))
    counts[0, 4] = 1  # at 3.25 keV
    one = ChannelSums(*([counts] * 11))
    assert bin_sums(one, MODULATION, np.array([2.0, 3.25, 5.0])).counts == pytest.approx([1, 0])


def test_batches_are_their_members() -> None:
    sets = [sums_of(draw(300, MODULATION, 0.4, seed=s), MODULATION) for s in (1, 2, 3)]
    names = list(ChannelSums.__dataclass_fields__)
    batch = ChannelSums(*(np.stack([getattr(s, n) for s in sets]) for n in names))
    for estimate in (empirical, pcube):
        together = estimate(bin_sums(batch, MODULATION, EDGES))
        for k, one in enumerate(sets):
            alone = estimate(bin_sums(one, MODULATION, EDGES))
            for name in ("pd", "pd_err", "pa_deg", "mdp99", "covariance", "significance", "flags"):
                assert getattr(together, name)[k] == pytest.approx(getattr(alone, name))


def test_cubes_formulas() -> None:
    """Kislat et al. (2015), A.4 and A.8 to A.10, written out for one bin."""
    sums = sums_of(draw(2000, MODULATION, 0.6, 25.0), MODULATION)
    bins = pcube(bin_sums(sums, MODULATION, np.array([2.0, 8.0]), acceptance=False))
    n, mu = bins.counts[0], bins.modulation[0]
    q, u = bins.q_norm[0], bins.u_norm[0]
    m = mu * np.hypot(q, u)
    assert bins.pd_err[0] == pytest.approx(np.sqrt((2 - m**2) / ((n - 1) * mu**2)))
    assert bins.pa_err_deg[0] == pytest.approx(np.degrees(1 / (m * np.sqrt(2 * (n - 1)))))
    assert bins.covariance[0, 0, 0] == pytest.approx((2 / mu**2 - q**2) / n)
    assert bins.covariance[0, 0, 1] == pytest.approx(-q * u / n)
    assert bins.mdp99[0] == pytest.approx(4.29 / (mu * np.sqrt(n)))


def test_a_background_is_subtracted_with_its_variance() -> None:
    source = draw(2000, MODULATION, 0.5, 20.0, seed=1, weighted=True)
    behind = draw(3000, MODULATION, 0.2, -40.0, seed=2, weighted=True)
    scale, edges = 0.2, np.array([2.0, 8.0])
    binned = [bin_sums(sums_of(e, MODULATION), MODULATION, edges) for e in (source, behind)]
    bins = empirical(subtract_background(binned[0], binned[1], scale))
    parts = [by_events(e, 2.0, 8.0, True) for e in (source, behind)]
    factors = (1.0, -scale)
    i, q, u = (
        sum(k * f(p) for k, p in zip(factors, parts, strict=True))
        for f in (
            lambda p: p[0].sum(), lambda p: (p[0] * p[1]).sum(), lambda p: (p[0] * p[2]).sum()
        )
    )  # fmt: skip
    assert (bins.i[0], bins.q[0], bins.u[0]) == pytest.approx((i, q, u))
    residuals = [np.stack([w * (a - q / i), w * (b - u / i)]) for w, a, b, _ in parts]
    gross = parts[0][0].sum() ** 2 / (parts[0][0] ** 2).sum()
    expected = sum(
        k**2 * r @ r.T for k, r in zip(factors, residuals, strict=True)
    ) / i**2 * gross / (gross - 1)  # fmt: skip
    assert bins.covariance[0] == pytest.approx(expected)
    assert bins.i_err[0] == pytest.approx(
        np.sqrt(sum(k**2 * (p[0] ** 2).sum() for k, p in zip(factors, parts, strict=True)))
    )
    assert bins.mdp99[0] > empirical(binned[0]).mdp99[0]


@pytest.mark.parametrize("estimate", [empirical, pcube])
def test_bins_without_a_net_signal_have_no_polarization(estimate) -> None:
    few, many = (
        bin_sums(sums_of(draw(n, MODULATION, seed=n), MODULATION), MODULATION, EDGES)
        for n in (20, 4000)
    )
    bins = estimate(subtract_background(few, many, 0.5))
    assert np.all(bins.i < 0)
    assert np.all(bins.flags == StokesFlag.NO_NET_SIGNAL)
    for name in ("pd", "pd_err", "pa_deg", "pa_err_deg", "mdp99", "significance", "modulation"):
        assert np.all(np.isnan(getattr(bins, name)))
    assert np.all(np.isfinite(bins.i_err))


@pytest.mark.parametrize("estimate", [empirical, pcube])
def test_empty_bins_and_single_events(estimate) -> None:
    nothing = bin_sums(ChannelSums.zeros(2, 20), MODULATION, EDGES)
    bins = estimate(nothing)
    assert np.all(bins.flags == StokesFlag.NO_EVENTS)
    assert np.all(np.isnan(bins.pd))
    assert np.all(bins.i == 0)
    one = {n: v[:1] for n, v in draw(1, MODULATION).items()}
    one["place"] = np.array([5])
    single = estimate(bin_sums(sums_of(one, MODULATION), MODULATION, EDGES, acceptance=False))
    assert single.counts[0] == 1
    assert np.isnan(single.pd_err[0])
    assert single.flags[0] & StokesFlag.NO_ERROR
    assert single.flags[0] & StokesFlag.FEW_EVENTS


def test_edges_and_scales_that_are_wrong() -> None:
    sums = sums_of(draw(100, MODULATION), MODULATION)
    for edges in ([2.0], [4.0, 2.0], [2.0, 2.0], [0.1, 5.0], [2.0, 30.0], [np.nan, 5.0]):
        with pytest.raises(ParameterError, match="ebins"):
            bin_sums(sums, MODULATION, np.array(edges))
    binned = bin_sums(sums, MODULATION, EDGES)
    for scale in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ParameterError, match="background_scale"):
            subtract_background(binned, binned, scale)


def test_events_without_a_modulation_factor_are_not_dropped_in_silence() -> None:
    holes = MODULATION.factor.copy()
    holes[:, 6] = np.nan
    modulation = toy_modulation().__class__(
        MODULATION.detectors, MODULATION.energy, holes, MODULATION.effective_area,
        MODULATION.channels,
    )  # fmt: skip
    with pytest.raises(InputError, match="no modulation factor for"):
        bin_sums(sums_of(draw(500, MODULATION), MODULATION), modulation, EDGES)
    with pytest.raises(InputError, match="no detector 3"):
        MODULATION.of_detectors(np.array([1, 3]))
