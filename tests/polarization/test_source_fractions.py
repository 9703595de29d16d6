"""Probabilities that events are of a source: closed forms, simulations, empty groups."""

import numpy as np
import pytest
from scipy.integrate import quad

from xsurvey.polarization.unbinned.source_fractions import (
    channel_groups,
    fractions_of_counts,
    fractions_of_places,
    relative_density,
)
from xsurvey.psf import GaussianPsf, KingPsf, random_displacements

RADIUS = 60.0
PSF = KingPsf(3.2, 30.4)
EVENLY = RADIUS * np.sqrt((np.arange(20_000) + 0.5) / 20_000)


def test_channels_are_grouped_within_bins() -> None:
    """Adjacent channels until there are enough; the rest joins the last; a poor bin is one."""
    counts = np.array([5, 10, 10, 10, 10, 3, 1, 1, 99, 0])
    bins = np.array([-1, 0, 0, 0, 0, 0, 1, 1, 3, 3])
    found = channel_groups(counts, bins, least=20)
    np.testing.assert_array_equal(found, [-1, 0, 0, 1, 1, 1, 2, 2, 3, 3])
    assert channel_groups(counts, np.full(10, -1)).max() == -1


def test_counts_are_subtracted() -> None:
    """Net counts, and the variance of the ratio against simulations."""
    found = fractions_of_counts(np.array([1000.0, 100.0, 0.0]), np.array([2000.0, 900.0, 5.0]), 0.2)
    np.testing.assert_allclose(found.source, [600, 0, 0])
    probability, slope = found.probability(np.array([0, 1, 2]))
    np.testing.assert_allclose(probability, [0.6, 0, 0])
    np.testing.assert_allclose(slope, [-0.36, 0, 0])
    generator = np.random.default_rng(1)
    behind = 0.2 * generator.poisson(2000, 20_000)
    ratio = behind / (generator.poisson(1000, 20_000) - behind)
    assert found.variance[0] == pytest.approx(ratio.var(), rel=0.05)
    assert np.isfinite(found.variance).all()


def test_no_background_is_all_source() -> None:
    """Nothing in the background region: every event is the source's, without an error."""
    found = fractions_of_counts(np.array([50.0]), np.array([0.0]), 0.2)
    probability, _ = found.probability(np.array([0]))
    assert probability[0] == 1
    assert found.variance[0] == 0


@pytest.mark.parametrize("psf", [GaussianPsf(12.0), PSF])
def test_density_is_that_of_the_psf(psf: GaussianPsf | KingPsf) -> None:
    """The mean over the region is one, and rings hold what the PSF says."""
    inside = relative_density(psf, EVENLY, EVENLY, 0.0)
    assert inside.mean() == pytest.approx(1, rel=1e-12)
    share, _ = quad(
        lambda r: 2 * r / RADIUS**2 * relative_density(psf, np.array([r]), EVENLY, 0.0)[0], 0, 15
    )
    expected = psf.encircled_fraction(np.array(15.0), 0.0) / psf.encircled_fraction(
        np.array(RADIUS), 0.0
    )
    assert share == pytest.approx(expected, rel=3e-3)


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize(("source", "background"), [(400, 400), (60, 1500)])
def test_places_tell_source_from_background(known: bool, source: int, background: int) -> None:
    """Counts are found without bias, with the scatter that is said; a background region helps."""
    generator = np.random.default_rng(source)
    sets = 200
    numbers = [generator.poisson(mean, sets) for mean in (source, background)]
    places = np.concatenate([
        np.hypot(*random_displacements(PSF, np.zeros(numbers[0].sum()), generator)),
        RADIUS * np.sqrt(generator.random(numbers[1].sum())),
    ])  # fmt: skip
    group = np.concatenate([np.repeat(np.arange(sets), n) for n in numbers])
    places, group = places[places < RADIUS], group[places < RADIUS]
    density = relative_density(PSF, places, EVENLY, 0.0)
    around = generator.poisson(background / 0.2, sets) if known else None
    found = fractions_of_places(density, group, sets, around, 0.2)
    inside = source * PSF.encircled_fraction(np.array(RADIUS), 0.0)
    error = found.source.std() / np.sqrt(sets)
    assert abs(found.source.mean() - inside) < 4 * error
    assert abs(found.background.mean() - background) < 4 * found.background.std() / np.sqrt(sets)
    said = np.sqrt(np.median(found.variance)) if source == 400 else None
    if said is not None:
        assert (found.background / found.source).std() == pytest.approx(said, rel=0.2)
    if not known:
        total = found.source + found.background
        np.testing.assert_allclose(total, np.bincount(group), rtol=1e-5)


def test_places_without_a_source_or_without_events() -> None:
    """No events, events at the edge only: no source, and nothing that is not a number."""
    density = relative_density(PSF, np.full(300, 59.0), EVENLY, 0.0)
    found = fractions_of_places(density, np.zeros(300, int), 2)
    np.testing.assert_allclose(found.source, [0, 0], atol=0.1)
    assert found.background[0] == pytest.approx(300, rel=1e-3)
    probability, slope = found.probability(np.array([0, 1]), np.array([2.0, 3.0]))
    assert np.isfinite([probability, slope]).all()
    assert probability[0] < 0.01
