"""Sectors above the others: closed forms, rates of false ones, and what is refused."""

import numpy as np
import pytest
from scipy import stats

from xsurvey.errors import InputError, ParameterError
from xsurvey.profiles.radial_profile import RadialProfile
from xsurvey.profiles.sector_excess import sector_significance
from xsurvey.profiles.sky_level import SkyLevel, sky_level

SECONDS = 1e6


def sector(counts: float, seconds: float = SECONDS, area: float = 1.0) -> RadialProfile:
    """Return a profile of two bins, of which the outer one is looked at."""
    return RadialProfile(
        np.array([0.0, 5.0, 10.0]), np.array([99.0, counts]), np.array([seconds, seconds * area]),
        np.array([1.0, area]), np.ones(2), np.zeros(2), np.zeros(2), np.full((1, 1), -1),
        np.zeros(2, int),
    )  # fmt: skip


def sky(scatter: float, patches: int, area: float = 1.0) -> SkyLevel:
    """Return the sky of patches that scatter by so much, with more counts than matter."""
    quantiles = stats.norm.ppf((np.arange(patches) + 0.5) / patches)
    rate = 1.0 + scatter * quantiles / quantiles.std(ddof=1)
    return sky_level(1e8 * area * rate, np.full(patches, 1e8 * area), np.full(patches, area))


def sigma(counts: list[float], prior: SkyLevel | None = None) -> np.ndarray:
    """Return the significance of sectors with so many counts."""
    return sector_significance([sector(c) for c in counts], 6, 10, prior).sigma


@pytest.mark.parametrize("away", [1.0, 3.0, 8.0])
def test_alone_they_have_the_tails_of_student(away: float) -> None:
    rate = np.array([0.95, 1.02, 1.08, 0.9, 1.05])
    excess = away * rate.std(ddof=1) * np.sqrt(1 + 1 / 5)
    profiles = [sector(1e8 * r, 1e8) for r in (*rate, rate.mean() + excess)]
    found = sector_significance(profiles, 6, 10)
    assert found.sigma[-1] == pytest.approx(stats.norm.isf(stats.t.sf(away, 4)), abs=0.06)
    assert found.expected[-1] == pytest.approx(1e8 * rate.mean(), rel=1e-3)


def test_with_many_patches_of_sky_they_are_gaussian() -> None:
    rate = np.array([0.95, 1.02, 1.08, 0.9, 1.05])
    excess = 5 * 0.08 * np.sqrt(1 + 1 / 5)
    profiles = [sector(1e8 * r, 1e8) for r in (*rate, rate.mean() + excess)]
    alone = sector_significance(profiles, 6, 10).sigma[-1]
    known = sector_significance(profiles, 6, 10, sky(0.08, 250)).sigma[-1]
    assert known == pytest.approx(5.0, abs=0.15)
    assert alone < 3.2
    # patches of a fourth of the area scatter twice as much
    smaller = sector_significance(profiles, 6, 10, sky(0.16, 250, 0.25)).sigma[-1]
    assert smaller == pytest.approx(known, abs=0.05)


def test_sectors_and_patches_are_taken_together() -> None:
    # five deviations with 23 of the patches and 4 of the other sectors
    rate = np.array([0.95, 1.02, 1.08, 0.9, 1.05])
    rate = 1 + 0.08 * (rate - rate.mean()) / rate.std(ddof=1)
    excess = 5 * 0.08 * np.sqrt(1 + 1 / 5)
    profiles = [sector(1e8 * r, 1e8) for r in (*rate, 1 + excess)]
    found = sector_significance(profiles, 6, 10, sky(0.08, 24)).sigma[-1]
    assert found == pytest.approx(stats.norm.isf(stats.t.sf(5, 27)), abs=0.1)


def test_false_ones_are_as_many_as_promised() -> None:
    generator = np.random.default_rng(4)
    scatter, found = 40.0, []
    for _ in range(20):
        mean = 800 + scatter * generator.standard_normal(18)
        counts = generator.poisson(mean).astype(float)
        patches = sky_level(counts[6:], np.full(12, SECONDS), np.ones(12))
        found.append(sigma(counts[:6].tolist(), patches))
    values = np.array(found)
    assert values.std() == pytest.approx(1.0, abs=0.15)
    assert abs(values.mean()) < 0.15
    assert (np.abs(values) > 2).mean() < 0.08


def test_what_was_not_exposed_is_unknown_and_not_compared_with() -> None:
    profiles = [sector(c) for c in (100.0, 110.0, 95.0, 400.0)]
    with_dark = [*profiles, sector(0.0, 0.0, 0.0)]
    found = sector_significance(with_dark, 6, 10).sigma
    assert np.isnan(found[-1])
    np.testing.assert_allclose(found[:-1], sector_significance(profiles, 6, 10).sigma)


def test_what_cannot_be_compared_is_refused() -> None:
    pair = [sector(100.0), sector(120.0)]
    with pytest.raises(InputError, match="are 2 that were exposed"):
        sector_significance(pair, 6, 10)
    assert np.isfinite(sector_significance(pair, 6, 10, sky(0.1, 8)).sigma).all()
    with pytest.raises(InputError, match="cannot be compared"):
        sector_significance(pair[:1], 6, 10, sky(0.1, 8))
    with pytest.raises(InputError, match="are 0 that were exposed"):
        sector_significance([*pair, sector(90.0)], 11, 12)


def test_scatters_of_another_kind_are_refused() -> None:
    ones = np.ones(4)
    fixed = sky_level(50 * ones, ones, ones, scaling="none")
    with pytest.raises(ParameterError, match="scaling"):
        sky_level(50 * ones, ones, ones, scatter=fixed)
    # of the same kind: what the other regions say is all there is to one alone
    found = sky_level(np.array([50.0]), np.ones(1), np.ones(1), scatter=fixed, scaling="none")
    np.testing.assert_allclose(found.scatter, fixed.scatter)
    assert sector_significance([sector(90.0), sector(80.0)], 6, 10, fixed).sigma.shape == (2,)
