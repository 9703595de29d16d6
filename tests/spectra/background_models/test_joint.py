import numpy as np
import pytest
from scipy import optimize

from xsurvey.errors import ParameterError
from xsurvey.spectra.background_models import AnalyticBackground, ModelledBackground
from xsurvey.spectra.background_models.shapes import PowerLaw
from xsurvey.spectra.statistics import CStat, WStat

EDGES = np.linspace(0.5, 7, 61)
CHANNELS = 60


def test_is_the_sum_of_two_cstats() -> None:
    rng = np.random.default_rng(20)
    ratio = rng.uniform(0.1, 0.3, CHANNELS)
    model, other = rng.uniform(0.5, 3, (4, CHANNELS)), rng.uniform(2, 8, (4, CHANNELS))
    counts, background = rng.poisson(2, CHANNELS), rng.poisson(5, CHANNELS)
    joint = ModelledBackground(counts, background, ratio)
    expected = joint.expected(model, other)
    np.testing.assert_allclose(
        joint.total(expected),
        CStat(counts).total(model + ratio * other) + CStat(background).total(other),
    )
    np.testing.assert_allclose(
        joint.terms(expected)[:, joint.source], CStat(counts).terms(model + ratio * other)
    )
    np.testing.assert_allclose(
        joint.terms(expected)[:, joint.background], CStat(background).terms(other)
    )
    gradient, curvature = joint.derivatives(expected)
    assert gradient.shape == curvature.shape == (4, joint.bins) == (4, 2 * CHANNELS)
    np.testing.assert_allclose(gradient[:, joint.background], 2 * (1 - background / other))


def test_spectra_may_be_grouped_apart() -> None:
    channel_counts = np.arange(10.0)
    source_groups = np.array([1, 4]), np.array([4, 6])
    background_groups = np.array([0, 5, 7]), np.array([5, 7, 9])
    ratio = np.linspace(0.1, 1, 10)
    joint = ModelledBackground([3, 4], [1, 2, 3], ratio, source_groups, background_groups)
    source, other = np.array([[1.0, 2.0]]), np.stack([channel_counts, 2 * channel_counts])
    expected = joint.expected(source, other)
    scaled = ratio * channel_counts
    np.testing.assert_allclose(
        expected[0], [1 + scaled[1:4].sum(), 2 + scaled[4:6].sum(), 10, 11, 15]
    )
    np.testing.assert_allclose(joint.in_source(other[0]), expected[0, :2] - source[0])
    np.testing.assert_allclose(expected[1, 2:], 2 * expected[0, 2:])


def test_one_background_serves_a_batch_of_sources() -> None:
    joint = ModelledBackground([1, 2], [3, 4], 0.5)
    expected = joint.expected(np.array([[1.0, 1.0], [2.0, 2.0]]), np.array([2.0, 4.0]))
    np.testing.assert_allclose(expected, [[2, 3, 2, 4], [3, 4, 2, 4]])


def test_is_unbiased_where_wstat_is_not() -> None:
    rng = np.random.default_rng(21)
    shape = (EDGES[:-1] ** -1.0) / 20
    background = AnalyticBackground([PowerLaw()], EDGES[:-1], EDGES[1:], 1.0)
    level = background.evaluate(np.array([0.3, 1.5]))[0]
    norms = {"joint": [], "wstat": []}
    for _ in range(60):
        counts = rng.poisson(10 * shape + level)
        back = rng.poisson(level)
        joint, wstat = ModelledBackground(counts, back), WStat(counts, back, 1.0, 1.0)

        def both(p: np.ndarray, joint: ModelledBackground = joint) -> float:
            model = background.evaluate(np.array([0.3, p[1]]))
            return float(joint.total(joint.expected(p[0] * shape, model[0])))

        norms["joint"].append(
            optimize.minimize(both, [9.0, 1.2], bounds=[(0.01, 99)] * 2, method="L-BFGS-B").x[0]
        )
        norms["wstat"].append(
            optimize.minimize_scalar(
                lambda n, w=wstat: float(w.total(n * shape)), bounds=(0, 99), method="bounded"
            ).x
        )
    error = np.std(norms["joint"]) / np.sqrt(60)
    assert np.mean(norms["joint"]) == pytest.approx(10, abs=3 * error)
    assert abs(np.mean(norms["wstat"]) - 10) > 3 * error


@pytest.mark.parametrize("ratio", [-1.0, np.nan, np.inf])
def test_impossible_ratios_are_refused(ratio: float) -> None:
    with pytest.raises(ParameterError, match="ratio"):
        ModelledBackground([1], [1], ratio)


def test_groups_must_fit() -> None:
    with pytest.raises(ValueError, match="groups"):
        ModelledBackground([1, 2], [1], source_groups=(np.array([0]), np.array([2])))
    with pytest.raises(ValueError, match="groups"):
        ModelledBackground([1], [1], source_groups=(np.array([2]), np.array([2])))
    joint = ModelledBackground([1], [1], source_groups=(np.array([0]), np.array([5])))
    with pytest.raises(ValueError, match="channels"):
        joint.expected(np.ones(1), np.ones(1))
