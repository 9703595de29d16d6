"""Maximum-likelihood polarization: closed forms, another minimiser, bias, coverage, mixtures."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from xsurvey.polarization.channel_sums import ChannelSums
from xsurvey.polarization.significance import polarization_chi2
from xsurvey.polarization.unbinned.likelihood import LikelihoodFit, _Problem, fit_polarization
from xsurvey.polarization.unbinned.polarized_points import (
    SECTORS,
    PolarizedPoints,
    joined,
    sector_of,
)

from .polarized_draws import simulated, stokes_of_events


def truth(degree: float, angle: float = 30.0) -> np.ndarray:
    """Return Q/I and U/I."""
    return degree * np.array([np.cos(2 * np.radians(angle)), np.sin(2 * np.radians(angle))])


def best_of_peer(x: np.ndarray) -> float:
    """Return the largest ln L within a degree of 1: of a fit, or on the circle."""

    def negative(s: np.ndarray) -> float:
        return -float(np.log1p(x @ s).sum())

    made = minimize(
        negative, [0.0, 0.0], method="L-BFGS-B",
        jac=lambda s: -(x / (1 + x @ s)[:, None]).sum(axis=0), bounds=[(-1, 1)] * 2,
        options={"ftol": 1e-15, "gtol": 1e-10},
    )  # fmt: skip
    angle = np.linspace(0, 2 * np.pi, 20_001)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    on_circle = float(np.log1p(circle @ x.T).sum(axis=1).max())
    return max(-made.fun, on_circle) if np.hypot(*made.x) <= 1 else on_circle


@pytest.mark.parametrize(("events", "degree"), [(3, 0.3), (20, 0.9), (300, 1.0), (1000, 0.1)])
def test_agrees_with_another_minimiser(events: int, degree: float) -> None:
    """The maximum within the disk is that of scipy, whether at its edge or not."""
    points = simulated(events, 12, events, degree)
    fit = fit_polarization(points)
    for g in range(12):
        x = points.x[points.group == g]
        value = float(np.log1p(x @ fit.stokes[g]).sum())
        assert value == pytest.approx(best_of_peer(x), abs=2e-6)
        assert fit.chi2[g] == pytest.approx(2 * value, abs=1e-9)
        assert np.hypot(*fit.stokes[g]) <= 1 + 1e-12
        assert fit.at_limit[g] == (np.hypot(*fit.stokes[g]) > 0.9999)


def test_edge_of_the_disk_is_met_and_told() -> None:
    """Few events of a full polarization: many maxima at the edge, others within."""
    fit = fit_polarization(simulated(3, 200, 60, 1.0))
    assert 20 < fit.at_limit.sum() < 180
    np.testing.assert_allclose(np.hypot(*fit.stokes[fit.at_limit].T), 1, rtol=1e-12)


def test_small_polarizations_are_a_ratio_of_sums() -> None:
    """To first order Q/I = sum mu q / sum mu^2, of variance 2 / sum mu^2, MDP99 4.29 of it."""
    points = simulated(4, 1, 400_000, 0.002)
    fit = fit_polarization(points)
    mu2 = (points.x**2).sum()
    np.testing.assert_allclose(fit.stokes[0], 2 * points.x.sum(axis=0) / mu2, rtol=5e-3)
    np.testing.assert_allclose(fit.covariance[0], np.eye(2) * 2 / mu2, rtol=1e-2, atol=2e-7)
    assert np.sqrt(-2 * np.log(0.01)) * fit.sigma0[0] == pytest.approx(4.29 / np.sqrt(mu2), 1e-2)


@pytest.mark.parametrize("degree", [0.0, 0.05, 0.3, 0.7])
def test_bias_and_coverage(degree: float) -> None:
    """Unbiased, and the ellipses of the observed information hold the truth as often as said."""
    events = 40_000 if degree == 0.05 else 3000
    sets = 60 if degree == 0.05 else 600
    fit = fit_polarization(simulated(int(100 * degree) + 7, sets, events, degree))
    off = fit.stokes - truth(degree)
    error = off.std(axis=0) / np.sqrt(sets)
    assert np.all(np.abs(off.mean(axis=0)) < 3.5 * error)
    chi2 = polarization_chi2(*off.T, fit.covariance)
    for level in (0.683, 0.95):
        held = np.mean(chi2 <= -2 * np.log1p(-level))
        assert abs(held - level) < 4 * np.sqrt(level * (1 - level) / sets)


def test_false_alarms_of_the_likelihood_ratio() -> None:
    """Without polarization twice the gain of ln L is chi2 of two degrees of freedom, and the
    degree exceeds MDP99 in one of a hundred: also of four hundred events."""
    for events, sets in ((400, 4000), (1500, 1500)):
        fit = fit_polarization(simulated(events, sets, events, 0.0))
        mdp99 = np.sqrt(-2 * np.log(0.01)) * fit.sigma0
        for p in (0.1, 0.01):
            rate = np.mean(fit.chi2 > -2 * np.log(p))
            assert abs(rate - p) < 4 * np.sqrt(p * (1 - p) / sets) + 0.1 * p
        rate = np.mean(np.hypot(*fit.stokes.T) > mdp99)
        assert abs(rate - 0.01) < 4 * np.sqrt(0.01 / sets) + 1e-3


def test_errors_are_below_those_of_sums() -> None:
    """Of modulation factors that differ, sums of q / mu scatter more, as theory has it."""
    points = simulated(11, 400, 2000, 0.1)
    fit = fit_polarization(points)
    mu2 = (points.x**2).sum(axis=1)
    plain = np.stack([points.total(2 * x / mu2) for x in points.x.T], axis=1) / 2000
    ratio = fit.stokes.std(axis=0) / plain.std(axis=0)
    mu = np.sqrt(mu2)
    expected = 1 / np.sqrt(np.mean(mu**2) * np.mean(mu**-2))
    assert expected < 0.8
    np.testing.assert_allclose(ratio, expected, rtol=0.12)


@pytest.mark.parametrize("degree", [0.0, 0.3, 0.9])
def test_cells_are_exact(degree: float) -> None:
    """Events summed into sectors of a channel have the maximum that they have one by one."""
    generator = np.random.default_rng(8)
    channel = generator.integers(0, 5, 30_000)
    factor = np.array([[0.13, 0.2, 0.3, 0.45, 0.57]])
    q, u = stokes_of_events(generator, factor[0, channel], degree)
    one_by_one = fit_polarization(
        PolarizedPoints.of_events(np.zeros(len(q), int), 1, q, u, factor[0, channel])
    )
    cell = channel * SECTORS + sector_of(q, u)
    sums = ChannelSums.of_events(cell, q, u, None, (1, 5 * SECTORS)).reshaped((1, 5, SECTORS))
    points, of = PolarizedPoints.of_cells(sums, np.zeros(5, int), 1, factor)
    assert len(points.x) <= 5 * SECTORS
    assert set(of) == set(range(5))
    cells = fit_polarization(points)
    np.testing.assert_allclose(cells.stokes, one_by_one.stokes, atol=3e-7)
    np.testing.assert_allclose(cells.covariance, one_by_one.covariance, rtol=1e-6, atol=1e-12)
    assert cells.chi2[0] == pytest.approx(one_by_one.chi2[0], rel=1e-6, abs=1e-9)
    np.testing.assert_allclose(cells.sigma0, one_by_one.sigma0, rtol=1e-9)


def test_derivatives_are_those_of_the_logarithm() -> None:
    """Slope and curvature against differences, with scatter, mixture and prior."""
    generator = np.random.default_rng(5)
    n = 40
    points = PolarizedPoints(
        generator.integers(0, 2, n), 2, generator.integers(1, 9, n).astype(float),
        generator.uniform(-0.3, 0.3, (n, 2)),
        np.stack([np.full(n, 0.02), np.full(n, 0.005), np.full(n, 0.03)], axis=1),
        generator.random(n),
    )  # fmt: skip
    problem = _Problem(points, 4)
    theta = generator.uniform(-0.4, 0.4, (2, 4))
    ridge = np.array([0.7, 2.0])
    _, gradient, information = problem.derivatives(theta, ridge)
    for k in range(4):
        step = 1e-5 * np.eye(4)[k]
        up, down = (problem.log_likelihood(theta + s * step, ridge) for s in (1, -1))
        np.testing.assert_allclose(gradient[:, k], (up - down) / 2e-5, rtol=1e-5, atol=1e-6)
        up, down = (problem.derivatives(theta + s * step, ridge)[1] for s in (1, -1))
        np.testing.assert_allclose(information[:, k], (down - up) / 2e-5, rtol=1e-5, atol=1e-5)


def mixture(seed: int, sets: int, source: int, background: int, polarized: float,
            behind: float) -> PolarizedPoints:  # fmt: skip
    """Return sets with a source of two probabilities, and a background region of 4 times it."""
    generator = np.random.default_rng(seed)
    parts = []
    for share in (0.85, 0.3):
        n = (source + background) // 2
        mu = generator.uniform(0.2, 0.5, sets * n)
        of_source = generator.random(len(mu)) < share
        phase = [stokes_of_events(generator, mu, d, a)
                 for d, a in ((polarized, 30.0), (behind, -20.0))]  # fmt: skip
        q, u = (np.where(of_source, a, b) for a, b in zip(*phase, strict=True))
        made = PolarizedPoints.of_events(np.repeat(np.arange(sets), n), sets, q, u, mu)
        parts.append(made.mixed(np.full(len(mu), share)))
    n = 4 * background
    mu = generator.uniform(0.2, 0.5, sets * n)
    q, u = stokes_of_events(generator, mu, behind, -20.0)
    around = PolarizedPoints.of_events(np.repeat(np.arange(sets), n), sets, q, u, mu)
    return joined([*parts, around.mixed(np.zeros(len(mu)))])


def test_mixture_is_unbiased_where_the_plain_one_is_diluted() -> None:
    """Source and background are both found, with errors that cover, by events that tell more."""
    points = mixture(21, 150, 1000, 800, 0.5, 0.2)
    fit = fit_polarization(points, background=True)
    off = fit.stokes - truth(0.5)
    assert np.all(np.abs(off.mean(axis=0)) < 3.5 * off.std(axis=0) / np.sqrt(150))
    assert fit.background is not None
    np.testing.assert_allclose(fit.background.mean(axis=0), truth(0.2, -20.0), atol=0.01)
    chi2 = polarization_chi2(*off.T, fit.covariance)
    assert abs(np.mean(chi2 < -2 * np.log(1 - 0.683)) - 0.683) < 0.1
    assert points.source is not None
    inside = np.flatnonzero(points.source > 0)
    plain = fit_polarization(
        PolarizedPoints(points.group[inside], 150, points.number[inside], points.x[inside])
    )
    assert np.hypot(*plain.stokes.mean(axis=0)) < 0.35
    # every event with the same, mean probability: as a region that knows no places
    flat = points.mixed(np.where(points.source > 0, 0.575, 0.0))
    without = fit_polarization(flat, background=True)
    area, area_flat = (np.median(np.linalg.det(f.covariance)) ** 0.5 for f in (fit, without))
    assert area < 0.9 * area_flat


def test_errors_of_fractions_add_along_the_polarization() -> None:
    """A probability that is uncertain by a tenth makes the degree so, and leaves the angle."""
    base = simulated(31, 1, 60_000, 0.3, angle=0.0)
    n = len(base.x)
    share = np.full(n, 0.5)
    points = base.mixed(share)
    uncertain = base.mixed(share, np.zeros(n, int), np.ones(n), np.array([0.05**2]))
    known, unknown = (fit_polarization(p) for p in (points, uncertain))
    np.testing.assert_array_equal(known.stokes, unknown.stokes)
    added = unknown.covariance[0] - known.covariance[0]
    assert np.sqrt(added[0, 0]) == pytest.approx(0.1 * known.stokes[0, 0], rel=0.05)
    assert added[1, 1] < 5e-3 * added[0, 0]


def test_wrong_modulations_of_events_need_the_sandwich() -> None:
    """Modulation factors spread by weights that mean nothing: unbiased, and errors cover."""
    sets, events = 400, 3000
    generator = np.random.default_rng(41)
    weight = generator.uniform(0.1, 1.5, sets * events)
    true = np.full(len(weight), 0.45)
    q, u = stokes_of_events(generator, true, 0.6)
    made = true * weight * weight.mean() / np.mean(weight**2)
    points = PolarizedPoints.of_events(np.repeat(np.arange(sets), events), sets, q, u, made)
    robust = fit_polarization(points, robust=True)
    off = robust.stokes - truth(0.6)
    np.testing.assert_allclose(off.mean(axis=0), 0, atol=0.02)  # of the second order in mu
    spread = np.cov(off.T)
    np.testing.assert_allclose(robust.covariance.mean(axis=0), spread, rtol=0.2, atol=2e-4)


@given(st.floats(-90, 90), st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_turns_with_the_sky(angle: float, seed: int) -> None:
    """All events turned by an angle turn the result, and no more."""
    points = simulated(seed, 2, 200, 0.3)
    c, s = np.cos(2 * np.radians(angle)), np.sin(2 * np.radians(angle))
    turn = np.array([[c, -s], [s, c]])
    turned = fit_polarization(replace(points, x=points.x @ turn.T))
    fit = fit_polarization(points)
    np.testing.assert_allclose(turned.stokes, fit.stokes @ turn.T, atol=2e-5)
    np.testing.assert_allclose(turned.chi2, fit.chi2, atol=1e-7)
    np.testing.assert_allclose(turned.covariance, turn @ fit.covariance @ turn.T, atol=2e-5)


@given(st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_order_of_events_and_of_groups_does_not_matter(seed: int) -> None:
    """Points in another order, and groups with others beside them, have the same maximum."""
    points = simulated(seed, 3, 100, 0.2)
    order = np.random.default_rng(seed).permutation(len(points.x))
    other = PolarizedPoints(points.group[order], 3, points.number[order], points.x[order])
    fit, shuffled = fit_polarization(points), fit_polarization(other)
    np.testing.assert_allclose(shuffled.stokes, fit.stokes, atol=1e-5)
    alone = fit_polarization(points.of_groups(np.array([1])))
    np.testing.assert_allclose(alone.stokes[0], fit.stokes[1], atol=1e-5)


def test_groups_without_enough_events_have_no_result() -> None:
    """No event, one, two in line, and no event of the source: NaN, and others are not touched."""
    generator = np.random.default_rng(2)
    q, u = stokes_of_events(generator, np.full(500, 0.4), 0.3)
    group = np.concatenate([[1], [2, 2], np.full(500, 3)])
    points = PolarizedPoints.of_events(
        group, 5, np.concatenate([[2.0], [2.0, -2.0], q]), np.concatenate([[0.0] * 3, u]),
        np.full(503, 0.4),
    )  # fmt: skip
    fit = fit_polarization(points)
    assert isinstance(fit, LikelihoodFit)
    assert np.isnan(fit.stokes[[0, 1, 2, 4]]).all()
    assert np.isnan(fit.chi2[[0, 1, 2, 4]]).all()
    assert np.isfinite(fit.stokes[3]).all()
    assert not fit.at_limit[[0, 1, 2, 4]].any()
    nothing = fit_polarization(points.mixed(np.zeros(503)), background=True)
    assert np.isnan(nothing.stokes).all()
