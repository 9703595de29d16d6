import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xsurvey.detection.group_fit import (
    counts_errors,
    fisher_inverse,
    fit_group,
    make_blocks,
    statistic_and_slopes,
)
from xsurvey.detection.scene import Scene, SceneSource
from xsurvey.psf import GaussianPsf

from .scenes import band_image, expected_image

SHAPE = (61, 61)
PSF = GaussianPsf(1.5)


def scene_of(*images: np.ndarray, level: float = 0.1) -> Scene:
    return Scene([band_image(i, level, PSF, name=str(n)) for n, i in enumerate(images)])


def source_at(scene: Scene, x: float, y: float, counts: float, core: float = 0.0) -> SceneSource:
    ra, dec = scene.planes[0].grid.to_icrs(np.array([x]), np.array([y]))
    (source,) = scene.make_sources(ra, dec, np.ones(1))
    source.counts, source.core = np.full(len(scene.bands), counts), core
    return source


def test_exact_expectation_is_fitted_exactly() -> None:
    truth = (30.3, 29.6, 250.0, 1.5)
    scene = scene_of(expected_image(SHAPE, [truth], 0.1))
    source = source_at(scene, 31, 30, 100.0)
    assert fit_group(scene, [source]).converged
    assert source.views[0].at(source.offset) == pytest.approx(truth[:2], abs=1e-3)
    assert source.counts[0] == pytest.approx(250, rel=1e-3)


def test_without_background_counts_are_those_within() -> None:
    # the likelihood's stationary point: the model's counts in the window are the observed ones
    data = np.random.default_rng(3).poisson(expected_image(SHAPE, [(30, 30, 400, 1.5)], 0)) * 1.0
    scene = scene_of(data, level=0.0)
    source = source_at(scene, 30, 30, 300.0)
    blocks = make_blocks(scene, [source])
    fit_group(scene, [source], blocks)
    view = source.views[0]
    share = scene.fractions(source, view, scene.shape(source, view), blocks[0].where).sum() / 1000
    assert source.counts[0] * share == pytest.approx(blocks[0].counts.sum(), rel=1e-4)


def test_errors_are_those_of_cramer_and_rao() -> None:
    # bright on an empty sky: sigma / sqrt(n) in each axis (pixels add 1/12 of variance), sqrt(n)
    scene = scene_of(expected_image(SHAPE, [(30, 30, 1e4, 1.5)], 0), level=0.0)
    source = source_at(scene, 30, 30, 1e4)
    fit_group(scene, [source])
    inverse = fisher_inverse(scene, source)
    assert np.sqrt(inverse[0, 0]) == pytest.approx(np.hypot(1.5, 0.29) / 100, rel=0.02)
    assert inverse[0, 1] == pytest.approx(0, abs=1e-3 * inverse[0, 0])
    assert counts_errors(scene, source)[0] == pytest.approx(100, rel=0.01)


def test_gradient_is_that_of_the_statistic() -> None:
    data = np.random.default_rng(4).poisson(
        expected_image(SHAPE, [(28, 30, 80, 1.5), (34, 31, 60, 2.5)], 0.1)
    )
    scene = scene_of(data * 1.0)
    sources = [source_at(scene, 28.2, 30.4, 70.0), source_at(scene, 34, 31, 50.0, core=2.0)]
    blocks = make_blocks(scene, sources)
    _, gradient, fisher = statistic_and_slopes(scene, sources, blocks)
    assert fisher == pytest.approx(fisher.T)
    moves = [(0, 0, "offset"), (1, 0, "offset"), (0, 1, "counts"), (0, 1, "core")]
    for axis, which, name in moves:
        ends = []
        for step in (1e-5, -1e-5):
            source = sources[which]
            old = getattr(source, name)
            if name == "core":
                source.core = old * np.exp(step)
            else:
                setattr(source, name, old + step * (np.arange(len(old)) == axis))
            ends.append(statistic_and_slopes(scene, sources, blocks)[0])
            setattr(source, name, old)
        index = {"offset": axis, "counts": 3, "core": 2}[name] + 4 * which
        assert gradient[index] == pytest.approx(-(ends[0] - ends[1]) / 4e-5, rel=1e-4, abs=1e-4)


def test_neighbours_share_their_photons() -> None:
    pair = [(28.0, 30.0, 300.0, 1.5), (33.0, 30.5, 120.0, 1.5)]
    scene = scene_of(expected_image(SHAPE, pair, 0.1))
    sources = [source_at(scene, 28, 30, 100.0), source_at(scene, 33, 30, 100.0)]
    fit_group(scene, sources)
    assert [s.counts[0] for s in sources] == pytest.approx([300, 120], rel=2e-3)
    alone = source_at(scene, 33, 30, 100.0)
    fit_group(scene, [alone])
    assert alone.counts[0] > 130  # takes its neighbour's wings for its own


def test_counts_are_never_negative() -> None:
    scene = scene_of(np.zeros(SHAPE))
    source = source_at(scene, 30, 30, 10.0)
    fit_group(scene, [source])
    assert source.counts[0] == pytest.approx(0, abs=1e-6)


def test_observations_are_fitted_together() -> None:
    # half as long: a third of the counts; the joint rate is that of all photons
    first, second = (expected_image(SHAPE, [(30.3, 30, n, 1.5)], 0.1) for n in (200.0, 100.0))
    images = [
        band_image(first, 0.1, PSF, name="1"),
        band_image(second, 0.1, PSF, name="2", seconds=500.0),
    ]
    scene = Scene(images)
    source = source_at(scene, 30, 30, 50.0)
    fit_group(scene, [source])
    assert source.counts[0] == pytest.approx(300, rel=1e-3)
    assert source.seconds[0] == 1500


@settings(max_examples=15, deadline=None)
@given(st.floats(-180, 180))
def test_rotation_of_the_image_changes_nothing(angle: float) -> None:
    from astropy.wcs.utils import pixel_to_skycoord, skycoord_to_pixel

    upright = band_image(np.zeros(SHAPE), 0.1, PSF)
    sky = pixel_to_skycoord(33.3, 28.2, upright.counts.grid.wcs, origin=0)
    turned = band_image(np.zeros(SHAPE), 0.1, PSF, angle=angle)
    x, y = (float(v) for v in skycoord_to_pixel(sky, turned.counts.grid.wcs, origin=0))
    scene = Scene(
        [band_image(expected_image(SHAPE, [(x, y, 90, 1.5)], 0.1), 0.1, PSF, angle=angle)]
    )
    source = source_at(scene, round(x), round(y), 50.0)
    fit_group(scene, [source])
    ra, dec = source.place()
    assert (ra - sky.ra.deg) * np.cos(np.radians(dec)) * 3600 == pytest.approx(0, abs=3e-3)
    assert (dec - sky.dec.deg) * 3600 == pytest.approx(0, abs=3e-3)
    covariance = fisher_inverse(scene, source)[:2, :2]
    assert covariance[0, 0] == pytest.approx(covariance[1, 1], rel=0.03)
