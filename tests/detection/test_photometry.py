import numpy as np
import pytest
from scipy import stats

from xsurvey.apertures.pileup import pileup_fraction
from xsurvey.catalogs import load_schema
from xsurvey.detection.flags import SourceFlag
from xsurvey.inference.poisson_rate import counts_posterior


def posterior(c, b, area=10.0, big=400.0, f=0.9, g=0.02):  # type: ignore[no-untyped-def]
    return counts_posterior(np.atleast_1d(c), np.atleast_1d(b), area, big, f, g)


def test_without_background_it_is_the_gamma_distribution() -> None:
    p = posterior(7, 0, area=1e-9, big=1e6, f=1.0, g=0.0)
    gamma = stats.gamma(8)
    for q in (0.05, 0.5, 0.95):
        assert p.quantile(q)[0] == pytest.approx(gamma.ppf(q), rel=2e-3)
    assert p.mode()[0] == pytest.approx(7, rel=1e-3)


def test_known_background_is_kraft_burrows_nousek() -> None:
    # a background region a million apertures large fixes the mean at 3
    p = posterior(5, 3_000_000, area=1.0, big=1e6, f=1.0, g=0.0)
    s = np.linspace(0, 40, 40_001)
    density = np.exp(-(s + 3)) * (s + 3) ** 5
    cumulative = np.cumsum(density) / density.sum()
    for q in (0.1, 0.5, 0.9):
        assert p.quantile(q)[0] == pytest.approx(np.interp(q, cumulative, s), rel=5e-3)


def test_intervals_cover_truths_drawn_from_the_prior() -> None:
    generator = np.random.default_rng(12)
    n, theta = 7000, 0.03
    truth = generator.uniform(0, 60, n)
    c = generator.poisson(0.9 * truth + theta * 10)
    # the flat prior has no end: keep what the end of the drawn truths cannot touch
    truth, c = truth[c < 25], c[c < 25]
    b = generator.poisson(0.02 * truth + theta * 400)
    p = posterior(c, b)
    low, high = p.shortest_interval()
    # 3 sigma of about 3000 trials
    assert np.mean((low <= truth) & (truth <= high)) == pytest.approx(0.683, abs=0.026)
    assert np.mean(p.quantile(0.95) >= truth) == pytest.approx(0.95, abs=0.012)


@pytest.mark.parametrize("counts", [12.0, 150.0, 5000.0])
def test_intervals_and_limits_cover_one_truth(counts: float) -> None:
    generator = np.random.default_rng(int(counts))
    n, theta = 1500, 0.03
    c = generator.poisson(0.9 * counts + theta * 10, n)
    b = generator.poisson(0.02 * counts + theta * 400, n)
    p = posterior(c, b)
    low, high = p.shortest_interval()
    # 3 sigma of 1500 trials is .036; discreteness adds to it at few counts
    assert np.mean((low <= counts) & (counts <= high)) == pytest.approx(0.683, abs=0.06)
    assert np.mean(p.quantile(0.95) >= counts) == pytest.approx(0.95, abs=0.035)
    assert p.mode().mean() == pytest.approx(counts, rel=0.03, abs=0.3)


def test_no_counts_give_a_limit_from_zero() -> None:
    p = posterior(0, 12)
    low, high = p.shortest_interval()
    assert p.mode()[0] == low[0] == 0
    assert high[0] == pytest.approx(-np.log(1 - 0.6827) / 0.9, rel=0.02)


def test_pileup_fraction_limits() -> None:
    faint = pileup_fraction(np.array([1e-4]), np.array([1.0]), 3.24)
    assert faint[0] == pytest.approx(1e-4 * 3.24 / 2, rel=1e-2)
    # .6 photons a frame: .451 events, and 1 - .6/(e^.6 - 1) of these are piled up
    rate = (1 - np.exp(-0.6)) / 3.24
    assert pileup_fraction(np.array([rate]), np.array([1.0]), 3.24)[0] == pytest.approx(
        1 - 0.6 / np.expm1(0.6)
    )


def test_flags_are_those_of_the_schema() -> None:
    schema = load_schema("sources")
    assert {flag.name.lower(): flag.value for flag in SourceFlag} == schema.flag_bits
