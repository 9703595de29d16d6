import numpy as np
import pytest
from scipy import stats
from xsurvey.detection.position import fit_position

from xsurvey.detection.parameters import DetectionParameters
from xsurvey.detection.search import gaussian_significance, merge_bands, search_band
from xsurvey.errors import InputError
from xsurvey.imaging.sky_image import ImageGrid, SkyImage
from xsurvey.missions import get_mission
from xsurvey.simulate.observation import sky_pixels
from xsurvey.units import SkyPosition

SHAPE = (400, 420)
DEFAULT = DetectionParameters()


def image(data: np.ndarray) -> SkyImage:
    wcs = sky_pixels(SkyPosition(10, 10), get_mission("chandra"))
    return SkyImage(data, ImageGrid(wcs, data.shape, 0.5, 0.5, 2.0, 0.984), "count")


def field(level: float, sources: list[tuple[float, float, float, float]], seed: int) -> np.ndarray:
    """Poisson noise with Gaussian sources (x, y, counts, sigma)."""
    generator = np.random.default_rng(seed)
    data = generator.poisson(level, SHAPE).astype(float)
    for x, y, counts, sigma in sources:
        number = generator.poisson(counts)
        columns = np.round(generator.normal(x, sigma, number)).astype(int)
        rows = np.round(generator.normal(y, sigma, number)).astype(int)
        np.add.at(data, (rows, columns), 1)
    return data


def found(data: np.ndarray, parameters: DetectionParameters = DEFAULT) -> list:
    exposure = image(np.full(data.shape, 1e5))
    return merge_bands([search_band("b", image(data), exposure, parameters)], parameters)


def test_sources_of_all_sizes_are_found_once_each() -> None:
    places = [(100, 100, 60, 0.7), (200, 120, 100, 2), (300, 300, 250, 5), (60, 320, 3000, 1)]
    sources = found(field(0.05, places, seed=1))
    assert len(sources) == len(places)
    for x, y, counts, sigma in places:
        nearest = min(sources, key=lambda s: np.hypot(s.position.x - x, s.position.y - y))
        distance = np.hypot(nearest.position.x - x, nearest.position.y - y)
        assert distance < 4 * sigma / np.sqrt(counts) + 0.3
        assert nearest.position.counts == pytest.approx(counts, rel=0.35)
        assert nearest.likelihood > DEFAULT.threshold


def test_close_pair_is_two_sources() -> None:
    assert len(found(field(0.05, [(200, 200, 150, 0.8), (208, 200, 100, 0.8)], seed=3))) == 2


def test_wings_of_a_bright_source_are_not_sources() -> None:
    data = field(0.02, [(200, 200, 3000, 0.8), (200, 200, 600, 5)], seed=4)
    assert len(found(data)) == 1


def test_smooth_nebula_is_not_a_flood() -> None:
    y, x = np.indices(SHAPE)
    level = 0.05 + 2 * np.exp(-((x - 200) ** 2 + (y - 200) ** 2) / (2 * 40.0**2))
    data = np.random.default_rng(5).poisson(level).astype(float)
    assert len(found(data)) <= 3


def test_edge_of_the_exposure_is_not_a_source() -> None:
    exposure = np.full(SHAPE, 1e5)
    exposure[:, :100] = 0
    data = np.random.default_rng(6).poisson(0.3 * (exposure > 0)).astype(float)
    search = search_band("b", image(data), image(exposure), DEFAULT)
    assert merge_bands([search], DEFAULT) == []


def test_threshold_and_marginal_class() -> None:
    data = field(
        0.05, [(i * 40 + 20.0, j * 40 + 20.0, 9, 0.8) for i in range(9) for j in range(9)], 7
    )
    true = found(data)
    both = found(data, DetectionParameters(marginal=True))
    strict = found(data, DetectionParameters(threshold=40))
    assert len(strict) < len(true) < len(both)
    assert all(s.likelihood >= DEFAULT.marginal_threshold for s in both)


def test_more_bands_cost_their_trials() -> None:
    data = field(0.05, [(200, 200, 30, 0.8)], seed=8)
    one = search_band("b", image(data), image(np.full(SHAPE, 1e5)), DEFAULT)
    empty = search_band("s", image(field(0.05, [], 9)), image(np.full(SHAPE, 1e5)), DEFAULT)
    alone = merge_bands([one], DEFAULT)[0].likelihood
    assert merge_bands([one, empty], DEFAULT)[0].likelihood == pytest.approx(alone - np.log(2))


def test_supplied_background_is_used() -> None:
    data = field(0.05, [(200, 200, 20, 0.8)], seed=10)
    exposure = image(np.full(SHAPE, 1e5))
    assert len(
        search_band("b", image(data), exposure, DEFAULT, image(np.full(SHAPE, 0.05))).candidates
    )
    high = search_band("b", image(data), exposure, DEFAULT, image(np.full(SHAPE, 5.0)))
    assert len(high.candidates) == 0
    with pytest.raises(InputError, match="no positive pixel"):
        search_band("b", image(data), exposure, DEFAULT, image(np.zeros(SHAPE)))


def test_nothing_exposed_is_an_error() -> None:
    with pytest.raises(InputError, match="zero everywhere"):
        search_band("b", image(field(0.1, [], 1)), image(np.zeros(SHAPE)), DEFAULT)


def test_position_error_is_a_68_percent_radius() -> None:
    generator = np.random.default_rng(11)
    inside, trials = 0, 300
    for _ in range(trials):
        x, y = 40 + generator.uniform(-0.5, 0.5, 2)
        data = generator.poisson(0.05, (81, 81)).astype(float)
        number = generator.poisson(25)
        columns = np.round(generator.normal(x, 1.0, number)).astype(int)
        rows = np.round(generator.normal(y, 1.0, number)).astype(int)
        np.add.at(data, (rows, columns), 1)
        fit = fit_position(data, np.full((81, 81), 0.05), 40, 40, 1.6)
        inside += np.hypot(fit.x - x, fit.y - y) <= fit.error
    # binomial 3 sigma of 300 trials is .08
    assert inside / trials == pytest.approx(0.683, abs=0.1)


def test_significance_is_the_gaussian_of_the_tail() -> None:
    sigma = np.array([1.0, 3.0, 5.0, 8.0])
    assert gaussian_significance(-stats.norm.logsf(sigma)) == pytest.approx(sigma)
    assert gaussian_significance(np.array([1e5]))[0] == pytest.approx(np.sqrt(2e5), rel=1e-3)
