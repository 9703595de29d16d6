"""Detections of one source are linked by their error ellipses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xsurvey.catalogs import linking
from xsurvey.catalogs.linking import ellipse_covariance, link_detections

CIRCLE = np.eye(2) * 0.25  # half an arcsec


def link(ra: list[float], dec: list[float], search: str, covariance: np.ndarray = CIRCLE):
    matrices = np.broadcast_to(covariance, (len(ra), 2, 2))
    return link_detections(np.array(ra), np.array(dec), matrices, list(search)).tolist()


def test_an_ellipse_becomes_its_covariance() -> None:
    factor = np.sqrt(-2 * np.log(1 - 0.6827))
    north = ellipse_covariance(np.array([2 * factor]), np.array([factor]), np.array([0.0]))[0]
    assert north == pytest.approx(np.diag([1.0, 4.0]))
    east = ellipse_covariance(np.array([2 * factor]), np.array([factor]), np.array([90.0]))[0]
    assert east == pytest.approx(np.diag([4.0, 1.0]))
    # north-east: east and north errors go together
    between = ellipse_covariance(np.array([2 * factor]), np.array([factor]), np.array([45.0]))[0]
    assert between[0, 1] > 0
    assert np.linalg.eigvalsh(between) == pytest.approx([1, 4])


def test_ellipses_hold_what_they_say() -> None:
    generator = np.random.default_rng(2)
    covariance = ellipse_covariance(np.array([3.0]), np.array([1.0]), np.array([30.0]))[0]
    offsets = generator.multivariate_normal([0, 0], covariance, 40_000)
    theta = np.radians(30.0)
    along = offsets @ [np.sin(theta), np.cos(theta)]
    across = offsets @ [np.cos(theta), -np.sin(theta)]
    inside = (along / 3) ** 2 + across**2 <= 1
    assert inside.mean() == pytest.approx(0.6827, abs=0.01)


def test_true_pairs_are_linked_and_neighbours_are_not() -> None:
    generator = np.random.default_rng(3)
    n = 3000
    ra, dec = generator.uniform(0, 360, n), np.degrees(np.arcsin(generator.uniform(-1, 1, n)))
    moved = generator.normal(0, 0.5, (2, 2, n)) / 3600
    cos = np.cos(np.radians(dec))
    both_ra = np.concatenate([ra + moved[0, 0] / cos, ra + moved[1, 0] / cos]) % 360
    both_dec = np.concatenate([dec + moved[0, 1], dec + moved[1, 1]])
    group = link(both_ra.tolist(), both_dec.tolist(), "a" * n + "b" * n)
    linked = np.array(group[n:]) == np.arange(n)
    assert linked.mean() == pytest.approx(0.9973, abs=0.004)
    assert group[:n] == list(range(n))


def test_the_nearest_are_linked_whatever_the_order() -> None:
    ra = [10.0, 10.0 + 1.2 / 3600, 10.0 + 0.9 / 3600]
    dec = [0.0, 0.0, 0.0]
    assert link(ra, dec, "abb") == [0, 1, 0]
    assert link(ra[::-1], dec, "bba") == [0, 1, 0]
    # of one search no two are the same source, even at the same place
    assert link([10.0, 10.0], [0.0, 0.0], "aa") == [0, 1]


def test_three_searches_may_see_one_source() -> None:
    assert link([10.0, 10.0001, 9.9999, 11.0], [0.0] * 4, "abca") == [0, 0, 0, 3]


def test_over_the_origin_of_right_ascension_and_near_the_pole() -> None:
    assert link([359.99995, 0.00005], [20.0, 20.0], "ab") == [0, 0]
    # 90 deg of right ascension apart, but two arcsec on the sky
    assert link([0.0, 90.0], [90 - 1 / 3600] * 2, "ab", np.eye(2)) == [0, 0]


def test_without_detections_there_is_nothing_to_link() -> None:
    assert link_detections(np.empty(0), np.empty(0), np.empty((0, 2, 2)), []).tolist() == []


@given(seed=st.integers(0, 2**32 - 1), detections=st.integers(0, 60), at_once=st.integers(1, 70))
@settings(max_examples=60, deadline=None)
def test_pairs_are_those_of_all_comparisons(seed: int, detections: int, at_once: int) -> None:
    generator = np.random.default_rng(seed)
    centre = generator.choice([0.0, 60.0, -89.99])
    ra = generator.normal(0, 5 / 3600, detections) % 360
    dec = centre + generator.normal(0, 5 / 3600, detections)
    major, minor = generator.lognormal(0, 1.5, detections), generator.lognormal(-1, 1, detections)
    covariance = ellipse_covariance(major, minor, generator.uniform(0, 180, detections))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(linking, "_AT_ONCE", at_once)
        i, j = linking._pairs(ra, dec, covariance)
    first, second = np.triu_indices(detections, 1)
    east = ((ra[second] - ra[first] + 180) % 360 - 180) * 3600
    east *= np.cos(np.radians((dec[first] + dec[second]) / 2))
    offset = np.stack([east, (dec[second] - dec[first]) * 3600], axis=-1)
    inverse = np.linalg.inv(covariance[first] + covariance[second])
    distance = np.einsum("na,nab,nb->n", offset, inverse, offset)
    # what lies on the limit may fall to either side
    certain = {
        pair for pair, d in zip(zip(first, second, strict=True), distance, strict=True)
        if d < linking.LIMIT * (1 - 1e-6)
    }  # fmt: skip
    possible = {
        pair for pair, d in zip(zip(first, second, strict=True), distance, strict=True)
        if d < linking.LIMIT * (1 + 1e-6)
    }  # fmt: skip
    found = list(zip(i, j, strict=True))
    assert len(set(found)) == len(found)
    assert certain <= set(found) <= possible
