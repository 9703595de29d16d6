"""Random walks, and rotations that are compared with them."""

import numpy as np
import pytest

from xsurvey.polarization.optical.random_walks import number_of_cells, random_walks
from xsurvey.polarization.optical.series import PolarizationSeries, polarization_series
from xsurvey.polarization.optical.walk_test import compare_with_walks, library_of_walks

MJD = np.sort(np.random.default_rng(5).uniform(0, 60, 30))


def noisy(z: np.ndarray, seed: int, error: float = 0.01) -> PolarizationSeries:
    generator = np.random.default_rng(seed)
    z = z + error * (generator.normal(size=z.shape) + 1j * generator.normal(size=z.shape))
    angle = 0.5 * np.degrees(np.angle(z))
    return polarization_series(MJD, np.abs(z), np.full(len(z), error), angle)


def test_walks_have_the_correlation_of_their_cells() -> None:
    mjd = np.arange(100.0) * 3
    walks = random_walks(mjd, 30, 1000, seed=1, lifetime=(5.0, 5.0))
    assert np.all(walks.lifetime == pytest.approx(5.0))
    z = walks.stokes
    assert (np.abs(z) ** 2).mean(axis=1) == pytest.approx(np.ones(1000))
    for lag in (1, 3):
        found = (z[:, lag:] * np.conj(z[:, :-lag])).real.mean()
        # of walks that are each scaled to one mean square it is a little less
        assert found == pytest.approx(np.exp(-3 * lag / 5), abs=0.02)
    assert abs(z.mean()) < 0.01


def test_cells_of_a_mean_degree() -> None:
    generator = np.random.default_rng(3)
    for pd in (0.12, 0.2):
        cells = number_of_cells(pd)
        z = np.exp(2j * np.pi * generator.random((20_000, cells))).mean(axis=1)
        assert 0.72 * np.abs(z).mean() == pytest.approx(pd, rel=0.05)
    assert number_of_cells(1e-9) == 64
    assert number_of_cells(0.9) == 3
    with pytest.raises(ValueError, match="above zero"):
        number_of_cells(0.0)


def test_the_same_seed_gives_the_same_walks() -> None:
    one, two, other = (random_walks(MJD, 20, 50, seed=s).stokes for s in (1, 1, 2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_rotations_are_found_and_walks_are_not() -> None:
    steady = 0.12 * np.exp(2j * np.radians(4.0 * MJD))
    library = library_of_walks(noisy(steady, 1), 4000, seed=2)
    found = compare_with_walks(noisy(steady, 1), library)
    assert found.walks == 400
    assert found.swing == pytest.approx(240, rel=0.15)
    assert found.swing_first <= 2
    assert found.swing_last >= 27
    assert found.swing_probability < 0.02
    assert found.rate_probability < 0.02
    backwards = compare_with_walks(noisy(np.conj(steady), 1), library)
    assert backwards.swing < -200
    assert backwards.rate_ratio < 0
    still = compare_with_walks(noisy(0.12 + 0j * MJD, 1), library)
    assert still.swing_probability > 0.05
    walks = random_walks(MJD, 20, 120, seed=9).stokes
    p = [compare_with_walks(noisy(0.12 * z, i), library, seed=i) for i, z in enumerate(walks)]
    for values in ([t.swing_probability for t in p], [t.rate_probability for t in p]):
        for level in (0.05, 0.2, 0.5):
            error = np.sqrt(level * (1 - level) / 120)
            assert np.mean(np.array(values) <= level) == pytest.approx(level, abs=4 * error)


def test_a_common_rotation_changes_no_probability() -> None:
    z = 0.12 * random_walks(MJD, 20, 1, seed=4).stokes[0]
    series = noisy(z, 3)
    turned = polarization_series(MJD, series.pd, series.pd_error, series.pa_deg + 37.0)
    library = library_of_walks(series, 1000, seed=1)
    one, two = compare_with_walks(series, library), compare_with_walks(turned, library)
    assert two.swing_probability == one.swing_probability
    assert two.rate_probability == one.rate_probability
    assert two.scatter == pytest.approx(one.scatter)


def test_the_walks_that_are_kept_are_like_the_series() -> None:
    z = 0.12 * random_walks(MJD, 20, 1, seed=6, lifetime=(8.0, 8.0)).stokes[0]
    series = noisy(z, 3)
    found = compare_with_walks(series, library_of_walks(series, 4000, seed=1))
    assert found.walk_scatter[0] - 0.1 < found.scatter < found.walk_scatter[1] + 0.1
    assert found.walk_roughness[0] * 0.7 < found.roughness < found.walk_roughness[1] / 0.7
    assert found.lifetime[0] < 16
    assert found.lifetime[1] > 4


def test_what_cannot_be_compared_is_refused() -> None:
    series = noisy(0.12 + 0j * MJD, 1)
    with pytest.raises(ValueError, match="within its noise"):
        library_of_walks(noisy(0.001 + 0j * MJD, 1), 500)
    library = library_of_walks(series, 500)
    with pytest.raises(ValueError, match="times of the series"):
        compare_with_walks(series.between(0, 30), library)
    with pytest.raises(ValueError, match="too few walks"):
        compare_with_walks(series, library_of_walks(series, 50))
    for arguments in (
        (MJD[::-1], 5, 5, 1), (MJD[:1], 5, 5, 1), (MJD, 0, 5, 1), (MJD, 5, 0, 1),
        (MJD, 5, 5, 1, (3.0, 1.0)), (MJD, 5, 5, 1, (0.0, 1.0)),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"times|cells|lifetimes"):
            random_walks(*arguments)
