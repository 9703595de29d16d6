"""Sums of Stokes parameters: closed forms and invariants."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from xsurvey.sed.polarization.stokes import (
    Component,
    angle_across_field,
    depolarized,
    stokes_sum,
    unpolarized,
)


def one(flux: float, degree: float, angle: float) -> Component:
    return Component(np.array([[flux]]), np.array([[degree]]), np.array([angle]))


def test_crossed_components_cancel() -> None:
    total = stokes_sum([one(2.0, 0.3, 20.0), one(3.0, 0.2, 110.0)])
    assert total.degree[0, 0] == pytest.approx(0, abs=1e-15)
    assert total.i[0, 0] == 5


def test_a_component_across_its_angle() -> None:
    total = stokes_sum([one(2.0, -0.3, 20.0)])
    assert total.degree[0, 0] == pytest.approx(0.3)
    assert total.angle_deg[0, 0] == pytest.approx(-70)


def test_two_components_by_the_cosine_rule() -> None:
    a, b, between = 0.4, 0.9, 35.0
    total = stokes_sum([one(1.0, a, 10.0), one(1.0, b, 10.0 + between)])
    squared = a**2 + b**2 + 2 * a * b * np.cos(2 * np.radians(between))
    assert total.degree[0, 0] == pytest.approx(np.sqrt(squared) / 2)


def test_light_of_the_host_dilutes() -> None:
    total = stokes_sum([one(1.0, 0.4, -80.0), unpolarized(np.array([[3.0]]))])
    assert total.degree[0, 0] == pytest.approx(0.1)
    assert total.angle_deg[0, 0] == pytest.approx(-80)


def test_no_light_has_no_degree_and_a_component_without_any_does_not_matter() -> None:
    dark = Component(np.zeros((1, 1)), np.full((1, 1), np.nan), np.zeros(1))
    assert stokes_sum([dark, one(1.0, 0.2, 5.0)]).degree[0, 0] == pytest.approx(0.2)
    assert np.isnan(stokes_sum([dark]).degree).all()


def test_what_has_no_model_has_no_sum() -> None:
    nothing = Component(np.full((1, 1), np.nan), np.zeros((1, 1)), np.zeros(1))
    assert np.isnan(stokes_sum([nothing, one(1.0, 0.1, 0.0)]).degree).all()


def test_no_component_is_an_error() -> None:
    with pytest.raises(ValueError, match="no component"):
        stokes_sum([])


def test_angles_by_band_and_depolarization_of_all_bands() -> None:
    flux, degree = np.ones((2, 3)), np.full((2, 3), 0.6)
    angle = np.array([[0.0, 45.0, 90.0], [10.0, 20.0, 30.0]])
    total = stokes_sum([depolarized(Component(flux, degree, angle), np.array([0.5, 0.1]))])
    np.testing.assert_allclose(total.degree, [[0.3] * 3, [0.06] * 3])
    np.testing.assert_allclose(total.angle_deg, angle)
    assert angle_across_field(np.array(30.0)) == 120


FEW = settings(max_examples=25, deadline=None)
FLUXES = arrays.arrays(float, (2, 3), elements=st.floats(1e-3, 1e3))
DEGREES = arrays.arrays(float, (2, 3), elements=st.floats(0, 1))
ANGLES = arrays.arrays(float, 2, elements=st.floats(-180, 180))
COMPONENTS = st.lists(st.builds(Component, FLUXES, DEGREES, ANGLES), min_size=1, max_size=4)


@FEW
@given(COMPONENTS)
def test_no_degree_is_above_the_highest(components: list[Component]) -> None:
    highest = np.max([c.degree for c in components], axis=0)
    assert np.all(stokes_sum(components).degree <= highest + 1e-12)


@FEW
@given(COMPONENTS, st.floats(-90, 90))
def test_turning_all_angles_turns_the_sum(components: list[Component], turn: float) -> None:
    before = stokes_sum(components)
    after = stokes_sum([c._replace(angle_deg=c.angle_deg + turn) for c in components])
    np.testing.assert_allclose(after.degree, before.degree, atol=1e-12)
    spin = np.exp(2j * np.radians(turn))
    np.testing.assert_allclose(
        after.q + 1j * after.u, (before.q + 1j * before.u) * spin, atol=1e-10
    )
    assert np.all((after.angle_deg > -90) & (after.angle_deg <= 90))


@FEW
@given(COMPONENTS)
def test_rows_of_a_batch_are_what_they_are_alone(components: list[Component]) -> None:
    together = stokes_sum(components)
    alone = stokes_sum([Component(*(x[1:] for x in c)) for c in components])
    for whole, part in zip(together, alone, strict=True):
        np.testing.assert_array_equal(whole[1:], part)
