"""Layouts of annuli and sectors: geometry, edges from counts, what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from xsurvey.errors import InputError, ParameterError
from xsurvey.profiles.layout_making import edges_by_counts, make_layout
from xsurvey.profiles.layout_parameters import AnnuliParameters, parse_ellipse, parse_sectors
from xsurvey.units import SkyPosition

from .images import CENTRE, flat, image

GRID = flat(1.0, 201).grid  # pixels of 6", 20' wide
RINGS = ("0arcmin", "2arcmin", "4arcmin")


def test_labels_are_rings_and_sky() -> None:
    parameters = AnnuliParameters(edges=RINGS, sky_inner="6arcmin", sky_outer="9arcmin")
    layout = make_layout(GRID, CENTRE, parameters)
    assert [r.name for r in layout.regions] == ["annulus_01", "annulus_02", "sky"]
    assert [r.kind for r in layout.regions] == ["annulus", "annulus", "sky"]
    radius = GRID.off_axis(CENTRE)
    expected = np.select(
        [radius < 2, radius < 4, (radius >= 6) & (radius < 9)], [0, 1, 2], default=-1
    )
    assert np.array_equal(layout.emitted, expected)
    assert np.array_equal(layout.detected, layout.emitted)


def test_sectors_run_north_through_east() -> None:
    parameters = AnnuliParameters(edges=RINGS, sectors=("east=45,135", "north=315,45"))
    layout = make_layout(GRID, CENTRE, parameters)
    names = [r.name for r in layout.regions]
    assert names[:3] == ["annulus_01_east", "annulus_01_north", "annulus_01_rest_1"]
    x, y = np.array([100.0 - 15, 100, 100 + 15]), np.array([100.0, 115, 100])
    # east is at the left, north above, west at the right
    found = layout.emitted[y.astype(int), x.astype(int)]
    assert [names[n] for n in found] == names[:3]
    # nothing of the annuli is in no sector
    whole = make_layout(GRID, CENTRE, AnnuliParameters(edges=RINGS))
    assert np.array_equal(whole.emitted >= 0, layout.emitted >= 0)


def test_foregrounds_apart() -> None:
    parameters = AnnuliParameters(
        edges=RINGS, sectors=("east=80,100",), sky_inner="6arcmin", sky_outer="9arcmin",
        sky_sectors=("bubble=60,120", "a=120,200"), separate_foregrounds=("bubble",),
    )  # fmt: skip
    regions = {r.name: r.sky_sector for r in make_layout(GRID, CENTRE, parameters).regions}
    assert regions["annulus_01_east"] == regions["sky_bubble"] == 1
    assert regions["annulus_01_rest_1"] == regions["sky_a"] == regions["sky_rest_1"] == 0


def test_ellipses_are_along_their_axis() -> None:
    parameters = AnnuliParameters(edges=("0arcmin", "6arcmin"), ellipse="2,90")
    inside = make_layout(GRID, CENTRE, parameters).emitted == 0
    area = inside.sum() * (6 / 60) ** 2
    assert area == pytest.approx(np.pi * 6 * 3, rel=0.01)
    assert inside[100, 45]  # 5.5' east
    assert not inside[155, 100]
    assert parse_ellipse("0.5,90") == (2.0, 90.0)


@given(st.lists(st.integers(0, 359), min_size=2, max_size=8, unique=True))
def test_sectors_fill_the_circle(angles: list[int]) -> None:
    angles = sorted(angles)[: len(angles) // 2 * 2]
    texts = [f"{a},{b}" for a, b in zip(angles[::2], angles[1::2], strict=True)]
    found = parse_sectors(texts)
    assert sum(s.width for s in found) == pytest.approx(360)
    middles = np.array([s.middle for s in found])
    inside = [[(m - s.first) % 360 < s.width for m in middles] for s in found]
    assert np.array_equal(inside, np.eye(len(found), dtype=bool))


@given(st.integers(0, 1000), st.floats(1, 400), st.floats(0.1, 3))
def test_edges_hold_enough_counts(seed: int, least: float, narrowest: float) -> None:
    generator = np.random.default_rng(seed)
    radius = np.sort(generator.uniform(0, 10, 400))
    net = generator.poisson(3, 400).astype(float)
    edges = edges_by_counts(radius, net, least, narrowest, 10.0)
    if not len(edges):
        assert net[radius >= narrowest].sum() < least or net.sum() < least
        return
    assert edges[0] == 0
    assert edges[-1] == 10
    assert np.all(np.diff(edges) >= narrowest * (1 - 1e-12))
    rings = np.histogram(radius, edges, weights=net)[0]
    assert np.all(rings >= least)


def test_edges_from_an_image() -> None:
    counts = flat(2.0, 201)
    background = flat(1.0, 201)
    parameters = AnnuliParameters(
        maximum_radius="8arcmin", minimum_counts=3000, minimum_width="30arcsec"
    )
    layout = make_layout(GRID, CENTRE, parameters, None, counts, background)
    number = np.bincount(layout.emitted[layout.emitted >= 0])
    assert np.all(number >= 3000)
    assert len(number) == 6  # of 20 106 pixels, the last ring the rest
    with pytest.raises(ParameterError, match="fewer than 30000 net counts"):
        make_layout(
            GRID, CENTRE, parameters.model_copy(update={"minimum_counts": 30000}), None, counts,
            background,
        )  # fmt: skip
    with pytest.raises(ParameterError, match="nor an image"):
        make_layout(GRID, CENTRE, parameters)
    with pytest.raises(InputError, match="shape"):
        make_layout(GRID, CENTRE, parameters, None, flat(1.0, 101))


def test_masked_pixels_emit_and_are_not_counted() -> None:
    mask = np.ones(GRID.shape, dtype=bool)
    mask[100:] = False
    layout = make_layout(GRID, CENTRE, AnnuliParameters(edges=RINGS), mask)
    assert (layout.emitted[100:] >= 0).any()
    assert not (layout.detected[100:] >= 0).any()
    assert np.array_equal(layout.detected[:100], layout.emitted[:100])


def test_bad_input_is_refused() -> None:
    parameters = AnnuliParameters(edges=RINGS)
    with pytest.raises(InputError, match="outside of the image"):
        make_layout(GRID, SkyPosition(151.0, 2.2), parameters)
    with pytest.raises(InputError, match="mask: has shape"):
        make_layout(GRID, CENTRE, parameters, np.ones((3, 3), bool))
    with pytest.raises(InputError, match="hides all of annulus_01"):
        make_layout(GRID, CENTRE, parameters, GRID.off_axis(CENTRE) > 3)
    with pytest.raises(ParameterError, match=r"annulus_01 .* has no pixel"):
        make_layout(GRID, CENTRE, AnnuliParameters(edges=("20arcmin", "21arcmin")))
    with pytest.raises(InputError, match="other sky coordinates"):
        shifted = replace(flat(2.0, 201), grid=flat(1.0, 201).grid)
        wcs = shifted.grid.wcs.deepcopy()
        wcs.wcs.crval = [150.1, 2.2]
        other = image(np.full((201, 201), 2.0), wcs)
        make_layout(GRID, CENTRE, AnnuliParameters(maximum_radius="8arcmin"), None, other)


@pytest.mark.parametrize("values", [
    {"edges": ("1arcmin",)}, {"edges": ("2arcmin", "1arcmin")},
    {"edges": RINGS, "sectors": ("east=45",)}, {"edges": RINGS, "sectors": ("10,50", "40,60")},
    {"edges": RINGS, "sectors": ("a=10,20", "a=30,40")}, {"edges": RINGS, "sectors": ("10,370",)},
    {"edges": RINGS, "sectors": ("0",)}, {"edges": RINGS, "ellipse": "0,3"},
    {"edges": RINGS, "sky_inner": "5arcmin"}, {"edges": RINGS, "sky_sectors": ("4",)},
    {"edges": RINGS, "sky_inner": "3arcmin", "sky_outer": "5arcmin"},
    {"edges": RINGS, "sky_inner": "6arcmin", "sky_outer": "5arcmin"},
    {"edges": RINGS, "sky_inner": "5arcmin", "sky_outer": "6arcmin",
     "separate_foregrounds": ("x",)},
])  # fmt: skip
def test_impossible_parameters(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AnnuliParameters(**values)


def test_annuli_need_edges_or_a_largest_radius() -> None:
    with pytest.raises(ParameterError, match="is required"):
        make_layout(GRID, CENTRE, AnnuliParameters(), None, flat(2.0, 201))
