"""Shells in projection against closed forms."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from xsurvey.galaxy_clusters.shells import outer_emission, projected_volumes, shell_volumes


def test_a_sphere_in_a_cylinder() -> None:
    (volume,) = projected_volumes([0, 1], [0, 2]).ravel()
    assert volume == pytest.approx(4 * np.pi / 3 * (8 - 3**1.5))


@given(st.lists(st.floats(0.01, 5), min_size=1, max_size=8))
def test_columns_add_up_to_the_shells(widths: list[float]) -> None:
    edges = np.concatenate(([0.0], np.cumsum(widths)))
    volumes = projected_volumes(edges, edges)
    assert np.all(volumes >= -1e-9 * edges[-1] ** 3)
    assert np.allclose(volumes.sum(axis=0), shell_volumes(edges), rtol=1e-9)
    assert np.allclose(np.tril(volumes, -1), 0, atol=1e-9 * edges[-1] ** 3)


def test_fine_shells_give_the_beta_model() -> None:
    # emissivity (1 + r^2)^-2 (beta = 2/3) projects to pi/2 (1 + s^2)^-1.5
    edges_3d = np.concatenate((np.linspace(0, 20, 4001), np.geomspace(20, 4000, 2001)[1:]))
    middle = (edges_3d[1:] + edges_3d[:-1]) / 2
    edges = np.linspace(0, 5, 11)
    found = projected_volumes(edges, edges_3d) @ (1 + middle**2) ** -2.0
    exact = np.pi**2 * np.diff(-((1 + edges**2) ** -0.5))
    assert np.allclose(found, exact, rtol=1e-4)


@pytest.mark.parametrize("slope", [1.5, 3.0, 6.0])
def test_what_lies_beyond(slope: float) -> None:
    edges = np.array([0.0, 0.5, 1.5, 2.0])
    found = outer_emission(edges, 2.0, slope)
    for i, (low, high) in enumerate(itertools.pairwise(edges)):

        def shell(t: float, low: float = low, high: float = high) -> float:
            r = 2 * np.exp(t)
            # a difference of roots without cancellation
            roots = np.sqrt(r**2 - low**2) + np.sqrt(r**2 - high**2)
            return 4 * np.pi * r**2 * (high**2 - low**2) / roots * (r / 2) ** -slope

        exact, _ = quad(shell, 0, 16 / (slope - 1), limit=400)
        assert found[i] == pytest.approx(exact, rel=1e-3)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="converge"):
        outer_emission(np.array([0.0, 1.0]), 1.0, 1.0)
    with pytest.raises(ValueError, match="beyond"):
        outer_emission(np.array([0.0, 1.1]), 1.0, 3.0)
