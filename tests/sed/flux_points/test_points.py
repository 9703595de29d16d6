"""Flux points of spectra whose truth is known: of expected counts, and of drawn ones."""

import numpy as np
import pytest

from tests.sed.flux_points.conftest import expectation, points_of
from tests.spectra.fits.conftest import make_pha
from xsurvey.errors import InputError, ParameterError
from xsurvey.sed.flux_points.parameters import FluxPointParameters
from xsurvey.spectra.flux import ERG_PER_KEV

COLUMN, INDEX, NORM = 0.3, 1.8, 0.05
ABSORBED = "phabs*powerlaw"


def power_law(energy: np.ndarray, index: float = INDEX, norm: float = NORM) -> np.ndarray:
    """E^2 dN/dE of a power law, erg / cm2 / s."""
    return np.asarray(norm * energy ** (2 - index) * ERG_PER_KEV)


@pytest.mark.parametrize("choice", [{}, {"significance": 20.0}, {"bins": 7}])
def test_expected_counts_give_the_spectrum_without_absorption(choice: dict[str, float]) -> None:
    """Whatever the response and the column density, and however wide the bins."""
    counts = expectation(ABSORBED, COLUMN, INDEX, NORM)
    found = points_of(counts, ABSORBED, FluxPointParameters(**choice))  # type: ignore[arg-type]
    assert len(found) >= 6
    assert found.of_counts(found.net.value) == pytest.approx(power_law(found.bins.energy), rel=1e-3)
    assert found.bins.counts.sum() == pytest.approx(found.bins.expected.sum(), rel=1e-3)
    assert not found.is_limit.any()


def test_background_is_subtracted() -> None:
    source = expectation(ABSORBED, COLUMN, INDEX, NORM)
    below = np.full(len(source), 2.0)
    background = make_pha(below * 4, backscal=4.0)
    found = points_of(source + below, ABSORBED, None, background, stat="wstat")
    assert found.of_counts(found.net.value) == pytest.approx(power_law(found.bins.energy), rel=1e-3)
    assert np.all(found.net.significance > 4)
    plain = points_of(source, ABSORBED)
    assert len(plain) > len(found)


def test_points_hardly_depend_on_the_slope_that_is_assumed() -> None:
    """At the mean of ln E of the photons; at the middle of the bins they would."""
    counts = expectation("powerlaw", INDEX, NORM)
    wrong = points_of(
        counts, "powerlaw", FluxPointParameters(bins=6), freeze=("powerlaw.PhoIndex=2.3",)
    )
    bins, flux = wrong.bins, wrong.of_counts(wrong.net.value)
    off = np.abs(flux / power_law(bins.energy) - 1)
    assert off.max() < 0.01
    assert np.abs(wrong.model / power_law(bins.energy) - 1).max() > 0.3
    middle = np.sqrt(bins.energy_min * bins.energy_max)
    factor = flux / wrong.model
    there = factor * wrong.model * (middle / bins.energy) ** (2 - 2.3)
    assert np.abs(there / power_law(middle) - 1).max() > 4 * off.max()


def test_drawn_counts() -> None:
    """Points of 30 spectra, each with its own fit of index and norm: pulls, and no bias."""
    generator = np.random.default_rng(11)
    expected = expectation(ABSORBED, COLUMN, INDEX, 0.3 * NORM)
    below = np.full(len(expected), 0.4)
    pulls, ratios = [], []
    for _ in range(30):
        background = make_pha(generator.poisson(below * 4), backscal=4.0)
        found = points_of(
            generator.poisson(expected + below), ABSORBED, None, background, stat="wstat",
            freeze=(f"phabs.nH={COLUMN}",),
        )  # fmt: skip
        truth = power_law(found.bins.energy, norm=0.3 * NORM)
        off = found.of_counts(found.net.value) - truth
        error = np.where(off < 0, found.of_counts(found.net.error_high),
                         found.of_counts(found.net.error_low))  # fmt: skip
        pulls.append(off / error)
        ratios.append(off / truth * found.bins.expected)
    pull = np.concatenate(pulls)
    # of n points the errors of mean and spread
    assert len(pull) > 250
    assert pull.mean() == pytest.approx(0, abs=3.5 / np.sqrt(len(pull)))
    assert pull.std() == pytest.approx(1, abs=3.5 / np.sqrt(2 * len(pull)))
    total = np.concatenate(ratios)
    assert total.mean() == pytest.approx(0, abs=3.5 * total.std() / np.sqrt(len(total)))


def test_what_the_fit_leaves_open_is_told() -> None:
    """A free column density is felt at low energies, a held one in no error."""
    counts = expectation(ABSORBED, COLUMN, INDEX, NORM)
    free = points_of(counts, ABSORBED).model_error
    held = points_of(counts, ABSORBED, freeze=(f"phabs.nH={COLUMN}",)).model_error
    assert free[0] > 2 * free[-1]
    assert free[0] > 0.05
    assert held.max() < 0.01


def test_bins_that_are_not_significant_are_limits() -> None:
    source = expectation(ABSORBED, COLUMN, 3.5, 0.1 * NORM)
    below = np.full(len(source), 5.0)
    generator = np.random.default_rng(3)
    found = points_of(
        generator.poisson(source + below), ABSORBED, FluxPointParameters(bins=10),
        make_pha(generator.poisson(below * 4), backscal=4.0), stat="wstat",
    )  # fmt: skip
    assert found.is_limit[-1]
    assert not found.is_limit[2]
    assert np.array_equal(found.is_limit, ~(found.net.significance >= 2))
    assert np.all(found.net.limit > np.maximum(found.net.value, 0))


def test_what_has_no_points() -> None:
    counts = expectation("powerlaw", INDEX, NORM)
    line = expectation("gaussian", 2.0, 0.0, NORM)
    held = {"freeze": ("gaussian.LineE=2", "gaussian.Sigma=0")}
    with pytest.raises(ParameterError, match="500 are more than the"):
        points_of(counts, "powerlaw", FluxPointParameters(bins=500))
    with pytest.raises(InputError, match="has no net counts at"):
        points_of(counts, "powerlaw", None, make_pha(counts * 4, backscal=2.0), stat="wstat")
    with pytest.raises(InputError, match="has no counts at"):
        points_of(counts * 0, "powerlaw", freeze=("powerlaw.PhoIndex=2", "powerlaw.norm=1"))
    with pytest.raises(InputError, match="is expected to have no counts at"):
        points_of(line, "gaussian", FluxPointParameters(bins=7), **held)
    with pytest.raises(InputError, match="model: has no photons at"):
        points_of(line, "gaussian", FluxPointParameters(bins=1), **held)
