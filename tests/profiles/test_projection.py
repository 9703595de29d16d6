"""Shells in projection, against closed forms."""

from itertools import pairwise

import numpy as np
import pytest

from xsurvey.errors import InputError
from xsurvey.galaxy_clusters.shells import projected_volumes
from xsurvey.profiles.projection import shell_mixing, shell_shares
from xsurvey.profiles.region_layout import SpectralRegion


def regions(edges: list[float], sector: tuple[float, float] | None = None) -> list[SpectralRegion]:
    return [
        SpectralRegion(f"annulus_{i}", "annulus", a, b, sector)
        for i, (a, b) in enumerate(pairwise(edges))
    ]


def test_every_shell_but_the_last_is_seen_whole() -> None:
    edges = np.array([0.0, 1, 2, 4, 7, 10])
    shares = shell_shares(edges, 4.0)
    np.testing.assert_allclose(shares.sum(axis=0)[:-1], 1.0)
    assert shares.sum(axis=0)[-1] > 1
    assert np.all(np.tril(shares, -1) == 0)  # a shell is not seen beyond its radius


def test_a_beta_model_comes_out_as_its_projection() -> None:
    # emissivity (1 + r^2)^-2 is beta = 2/3, and pi/2 (1 + R^2)^-1.5 in projection
    edges = np.concatenate((np.linspace(0, 6, 121), np.linspace(6.1, 20, 140)))
    middle = np.sqrt((edges[1:] ** 2 + edges[:-1] ** 2) / 2)
    shell = 4 / 3 * np.pi * np.diff(edges**3)
    norms = shell * (1 + middle**2) ** -2
    area = np.pi * np.diff(edges**2)
    mixing = shell_mixing(np.diag(area), regions(list(edges)), 4.0)
    expected = np.pi / 2 * (1 + middle**2) ** -1.5 * area
    np.testing.assert_allclose(mixing @ norms, expected, rtol=0.02)


def test_without_what_lies_beyond_the_outermost_annulus_would_be_off() -> None:
    edges = np.array([0.0, 2, 4, 6, 8, 10])
    with_it = shell_shares(edges, 4.0)[-1, -1]
    steep = shell_shares(edges, 12.0)[-1, -1]
    assert (
        with_it > steep > projected_volumes(edges, edges)[-1, -1] / (4 / 3 * np.pi * (1000 - 512))
    )


def test_a_sector_sees_its_part_of_whole_shells() -> None:
    edges = [0.0, 2, 4, 8]
    area = np.pi * np.diff(np.array(edges) ** 2)
    whole = shell_mixing(np.diag(area), regions(edges), 4.0)
    quarter = shell_mixing(np.diag(area / 4), regions(edges, (0, 90)), 4.0)
    np.testing.assert_allclose(quarter, whole / 4)


def test_sectors_are_deprojected_apart() -> None:
    edges = [0.0, 2, 4]
    both = regions(edges, (0, 180)) + regions(edges, (180, 360))
    mixing = shell_mixing(np.eye(4), both, 4.0)
    assert np.all(mixing[:2, 2:] == 0) and np.all(mixing[2:, :2] == 0)
    assert mixing[0, 1] > 0


def test_gaps_between_annuli_are_refused() -> None:
    apart = [SpectralRegion("a", "annulus", 0, 2), SpectralRegion("b", "annulus", 3, 4)]
    with pytest.raises(InputError, match="follow on each other"):
        shell_mixing(np.eye(2), apart, 4.0)
