from collections.abc import Sequence

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.wcs.utils import pixel_to_skycoord, skycoord_to_pixel
from scipy import stats

from xsurvey.detection.detect import find_sources
from xsurvey.detection.fitted import FoundSources
from xsurvey.detection.found_store import read_found, write_found
from xsurvey.detection.parameters import DetectionParameters
from xsurvey.detection.significance import gaussian_significance
from xsurvey.errors import InputError, ParameterError
from xsurvey.imaging.field import Field
from xsurvey.imaging.sky_image import SkyImage
from xsurvey.imaging.stack import Stack, single_stack
from xsurvey.io.fits_image import read_image

from .scenes import expected_image, make_field

SHAPE = (200, 220)
SIGMA = 1.0
Source = tuple[float, float, float, float]


def parameters(**changes: object) -> DetectionParameters:
    return DetectionParameters(
        **{"psf": f"gaussian:{SIGMA}arcsec", "background_scale": "40arcsec", **changes}
    )


def drawn(sources: Sequence[Source], seed: int, level: float = 0.05) -> np.ndarray:
    expected = expected_image(SHAPE, sources, level)
    return np.random.default_rng(seed).poisson(expected).astype(float)


def found_in(data: np.ndarray, **changes: object) -> FoundSources:
    return find_sources(single_stack("one", make_field(data)), parameters(**changes))


def pixels(found: FoundSources, field: Field) -> np.ndarray:
    sky = SkyCoord(found.sources.ra, found.sources.dec, unit="deg")
    x, y = skycoord_to_pixel(sky, field.counts["b"].grid.wcs, origin=0)
    return np.column_stack([x, y])


def test_points_are_found_once_each_where_they_are() -> None:
    places = [(50.3, 50.2, 40, SIGMA), (120.5, 60.5, 100, SIGMA), (150.1, 150.4, 3000, SIGMA)]
    data = drawn(places, seed=1)
    found = found_in(data)
    assert len(found.sources) == len(places)
    where = pixels(found, make_field(data))
    for x, y, counts, _ in places:
        i = int(np.hypot(*(where - [x, y]).T).argmin())
        error = np.sqrt(np.trace(found.sources.covariance[i]) / 2)
        assert np.hypot(*(where[i] - [x, y])) < 4 * error
        assert found.sources.counts[i, 0] == pytest.approx(counts, abs=4 * np.sqrt(counts))
        assert found.sources.rate[i, 0] == pytest.approx(found.sources.counts[i, 0] / 1e5)
        assert found.sources.extent[i] == 0
    assert list(found.classification) == ["TRUE"] * 3
    assert (np.diff(found.sources.likelihood) <= 0).all()


def test_close_pair_is_two_sources() -> None:
    data = drawn([(100, 100, 150, SIGMA), (103.5, 100, 100, SIGMA)], seed=3)
    found = found_in(data)
    assert len(found.sources) == 2
    assert found.sources.group[0] == found.sources.group[1]
    assert found.sources.counts[:, 0] == pytest.approx([150, 100], rel=0.3)


def test_smooth_nebula_is_not_a_flood_of_points() -> None:
    y, x = np.indices(SHAPE)
    level = 0.05 + 2 * np.exp(-((x - 110) ** 2 + (y - 100) ** 2) / (2 * 30.0**2))
    found = found_in(np.random.default_rng(5).poisson(level).astype(float))
    assert (found.sources.extent == 0).sum() <= 1


def test_wide_source_is_one_extended_source() -> None:
    data = drawn([(100, 100, 400, 5 * SIGMA)], seed=12)
    found = found_in(data)
    assert len(found.sources) == 1
    assert found.sources.extent[0] > 3
    assert found.sources.extent_lo[0] < found.sources.extent[0] < found.sources.extent_hi[0]
    assert found.sources.extent_likelihood[0] > 15


def test_edge_of_the_exposure_is_not_a_source() -> None:
    exposure = np.full(SHAPE, 1e5)
    exposure[:, :60] = 0
    data = np.random.default_rng(6).poisson(0.3 * (exposure > 0)).astype(float)
    stack = single_stack("one", make_field(data, exposure))
    assert len(find_sources(stack, parameters(marginal=True)).sources) == 0


def test_threshold_and_marginal_class() -> None:
    places = [(i * 25 + 20.0, j * 25 + 20.0, 10, SIGMA) for i in range(6) for j in range(6)]
    data = drawn(places, seed=7)
    true, both = found_in(data), found_in(data, marginal=True)
    strict = found_in(data, threshold=30)
    assert len(strict.sources) < len(true.sources) < len(both.sources)
    defaults = DetectionParameters()
    assert (both.sources.likelihood >= defaults.marginal_threshold).all()
    above = both.sources.likelihood >= defaults.threshold
    assert ((both.classification == "TRUE") == above).all()


def test_more_bands_cost_their_trials() -> None:
    field = make_field(drawn([(100, 100, 30, SIGMA)], seed=8))
    alone = find_sources(single_stack("one", field), parameters())
    empty = make_field(drawn([], seed=9))
    both = Field(
        {"b": field.counts["b"], "s": empty.counts["b"]},
        {"b": field.exposure["b"], "s": empty.exposure["b"]}, {}, None, None, None, float("nan"),
        "one", "", "",
    )  # fmt: skip
    found = find_sources(single_stack("one", both), parameters())
    # the second band's few photons move the place a little
    expected = alone.sources.likelihood[0] - np.log(2)
    assert found.sources.likelihood[0] == pytest.approx(expected, abs=1.0)
    assert found.sources.best_band[0] == "b"
    assert found.sources.bands == ("b", "s")


def test_supplied_background_is_used() -> None:
    data = drawn([(100, 100, 20, SIGMA)], seed=10)
    field = make_field(data)
    stack = single_stack("one", field)

    def level(value: float) -> dict[str, SkyImage]:
        return {"one": SkyImage(np.full(SHAPE, value), field.counts["b"].grid, "count")}

    low = find_sources(stack, parameters(), level(0.05))
    assert len(low.sources) == 1
    assert low.backgrounds["one"]["b"].stamps["BKGMAP"] == "SUPPLIED"
    assert len(find_sources(stack, parameters(), level(5.0)).sources) == 0
    with pytest.raises(InputError, match="no positive pixel"):
        find_sources(stack, parameters(), level(0.0))
    with pytest.raises(InputError, match="negative or not numbers"):
        find_sources(stack, parameters(), level(-1.0))


def test_nothing_exposed_is_an_error() -> None:
    stack = single_stack("one", make_field(np.zeros(SHAPE), np.zeros(SHAPE)))
    with pytest.raises(InputError, match="zero everywhere"):
        find_sources(stack, parameters())


def test_narrow_background_is_an_error() -> None:
    with pytest.raises(ParameterError, match="would hold the sources"):
        found_in(np.ones(SHAPE), background_scale="2arcsec")


def test_region_and_owner_drop_sources() -> None:
    field = make_field(drawn([(50, 100, 80, SIGMA), (150, 100, 80, SIGMA)], seed=13))
    grid = field.counts["b"].grid

    def left(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
        x, _ = skycoord_to_pixel(SkyCoord(ra, dec, unit="deg"), grid.wcs, origin=0)
        return x < 100

    assert len(find_sources(single_stack("one", field), parameters()).sources) == 2
    found = find_sources(single_stack("one", field), parameters(), region=left)
    assert len(found.sources) == 1
    everywhere = find_sources(single_stack("one", field), parameters())
    # no false source is expected where none is kept
    assert 0 < found.expected_false[0] < 0.7 * everywhere.expected_false[0]
    owned = Stack("one", ("one",), (field,), grid, owns=lambda r, d: ~left(r, d))
    (ra,) = find_sources(owned, parameters()).sources.ra
    assert not left(np.array([ra]), np.array([30.0]))


def test_turned_observations_add_up() -> None:
    place = SkyCoord(150.002, 30.003, unit="deg")
    fields, alone = [], []
    for angle, seed in ((0.0, 21), (30.0, 22), (200.0, 23)):
        grid = make_field(np.zeros(SHAPE), angle=angle).counts["b"].grid
        x, y = (float(v) for v in skycoord_to_pixel(place, grid.wcs, origin=0))
        field = make_field(drawn([(x, y, 15, SIGMA)], seed), angle=angle)
        fields.append(field)
        one = find_sources(single_stack("a", field), parameters(threshold=12)).sources
        alone.append(float(one.likelihood[0]))
    stack = Stack("all", ("1", "2", "3"), tuple(fields), fields[0].counts["b"].grid)
    found = find_sources(stack, parameters())
    assert len(found.sources) == 1
    # likelihoods of independent photons add, but for the trials that a place costs
    assert found.sources.likelihood[0] > sum(alone) * 0.7
    assert found.sources.counts[0, 0] == pytest.approx(45, abs=4 * np.sqrt(45))
    assert found.sources.rate[0, 0] == pytest.approx(found.sources.counts[0, 0] / 3e5)
    sky = SkyCoord(found.sources.ra, found.sources.dec, unit="deg")
    assert sky.separation(place).arcsec[0] < 1.0
    assert set(found.backgrounds) == set(found.masks) == {"1", "2", "3"}


def test_an_empty_observation_changes_nothing() -> None:
    field = make_field(drawn([(100, 100, 40, SIGMA)], seed=14))
    blind = make_field(np.zeros(SHAPE), np.zeros(SHAPE))
    grid = field.counts["b"].grid
    one = find_sources(single_stack("one", field), parameters()).sources
    both = find_sources(Stack("s", ("1", "2"), (field, blind), grid), parameters()).sources
    assert both.ra == pytest.approx(one.ra, abs=1e-9)
    assert both.likelihood == pytest.approx(one.likelihood)
    assert both.rate == pytest.approx(one.rate)


def test_psf_is_estimated_where_none_is_known() -> None:
    data = drawn([(40 + 40 * i, 100, 300, 2.0) for i in range(4)], seed=15)
    found = found_in(data, psf=None)
    assert len(found.sources) == 4
    assert (found.sources.extent == 0).all()
    assert found.sources.counts[:, 0] == pytest.approx(np.full(4, 300), rel=0.3)


def test_found_sources_are_read_as_written(tmp_path) -> None:  # type: ignore[no-untyped-def]
    found = found_in(drawn([(50, 50, 60, SIGMA), (120, 90, 300, 4)], seed=16), marginal=True)
    write_found(tmp_path / "found", found)
    again = read_found(tmp_path / "found")
    for name, value in vars(found.sources).items():
        stored = getattr(again.sources, name)
        assert np.array_equal(np.asarray(stored), np.asarray(value)), name
    assert again.sources.bands == ("b",)
    assert list(again.classification) == list(found.classification)
    assert np.array_equal(again.masks["one"], found.masks["one"])
    kept = again.backgrounds["one"]["b"]
    assert kept.data == pytest.approx(found.backgrounds["one"]["b"].data, rel=1e-6)
    assert read_image(tmp_path / "found" / "0" / "mask.fits")[0].any()
    (tmp_path / "found" / "sources.npz").write_bytes(b"nonsense")
    with pytest.raises(InputError, match="no found sources"):
        read_found(tmp_path / "found")


def test_nothing_found_is_stored_too(tmp_path) -> None:  # type: ignore[no-untyped-def]
    found = found_in(np.zeros(SHAPE))
    assert len(found.sources) == 0
    write_found(tmp_path, found)
    assert len(read_found(tmp_path).sources) == 0


def test_significance_is_the_gaussian_of_the_tail() -> None:
    sigma = np.array([1.0, 3.0, 5.0, 8.0])
    assert gaussian_significance(-stats.norm.logsf(sigma)) == pytest.approx(sigma)
    assert gaussian_significance(np.array([1e5]))[0] == pytest.approx(np.sqrt(2e5), rel=1e-3)


def test_image_centre_is_where_the_sky_says() -> None:
    grid = make_field(np.zeros(SHAPE)).counts["b"].grid
    sky = pixel_to_skycoord((SHAPE[1] - 1) / 2, (SHAPE[0] - 1) / 2, grid.wcs, origin=0)
    assert sky.ra.deg == pytest.approx(150.0)


def test_true_sources_do_not_depend_on_whether_marginal_ones_are_listed() -> None:
    """Faint knots beside bright ones: what is below the threshold has its share of the photons."""
    rng = np.random.default_rng(5)
    knots = [(*rng.uniform(80, 120, 2), counts, SIGMA) for counts in (12, 14, 16, 18, 25, 60) * 4]
    data = drawn(knots, seed=6, level=0.1)
    with_marginal, without = (
        found_in(data, marginal=m, threshold=30, scales=3) for m in (True, False)
    )
    true = np.flatnonzero(np.asarray(with_marginal.classification) == "TRUE")
    assert 3 < len(true) < len(with_marginal.sources) - 3
    assert len(without.sources) == len(true)
    for name in ("ra", "dec", "counts", "likelihood", "extent"):
        expected = getattr(with_marginal.sources, name)[true]
        assert np.array_equal(getattr(without.sources, name), expected, equal_nan=True)
