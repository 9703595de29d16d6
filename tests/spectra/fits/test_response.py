"""Folding against brute force: gaps, scales, layouts, energies that do not matter."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from xsurvey.errors import InputError
from xsurvey.spectra.grouping import Grouping
from xsurvey.spectra.response import FoldingMatrix, build_response

from .conftest import AREA, CHANNELS, ENERGIES, make_arf, make_rmf

NUMBER = len(CHANNELS) - 1


def folded(width: float, grouping: Grouping, positions: np.ndarray, scale: np.ndarray,
           flux: np.ndarray, whole: bool = False) -> tuple[FoldingMatrix, np.ndarray]:  # fmt: skip
    """Fold with the matrix, and sum by hand."""
    response = build_response(make_rmf(width), make_arf())
    matrix = FoldingMatrix(response, positions, grouping, scale, whole)
    first = int(np.searchsorted(response.edges, matrix.edges[0]))
    part = flux[:, first : first + len(matrix.edges) - 1]
    return matrix, matrix.fold(part)


def by_hand(width: float, grouping: Grouping, positions: np.ndarray, scale: np.ndarray,
            flux: np.ndarray) -> np.ndarray:  # fmt: skip
    counts = (flux * AREA) @ make_rmf(width).matrix.toarray()[:, positions] * scale
    return np.stack(
        [counts[:, a:b].sum(axis=1) for a, b in zip(grouping.first, grouping.last, strict=True)],
        axis=1,
    )


@st.composite
def groupings(draw: st.DrawFn) -> Grouping:
    """Some runs of channels, with gaps between some."""
    edges = draw(st.lists(st.integers(0, NUMBER), min_size=2, max_size=24, unique=True))
    pairs = np.array(sorted(edges)[: len(edges) // 2 * 2]).reshape(-1, 2)
    return Grouping(pairs[:, 0], pairs[:, 1])


@given(groupings(), st.sampled_from([0.03, 1.5]), st.integers(1, 5), st.booleans())
def test_folding_is_area_times_matrix_summed_over_groups(
    grouping: Grouping, width: float, batch: int, whole: bool
) -> None:
    generator = np.random.default_rng(batch)
    flux = generator.uniform(0, 1, (batch, len(ENERGIES) - 1))
    positions = np.arange(NUMBER)
    scale = generator.uniform(0.5, 2, NUMBER)
    matrix, found = folded(width, grouping, positions, scale, flux, whole)
    assert found.shape == (batch, len(grouping.first)) == (batch, matrix.groups)
    assert found == pytest.approx(by_hand(width, grouping, positions, scale, flux), rel=1e-12)
    if whole:
        assert matrix.edges.tolist() == ENERGIES.tolist()


def test_both_layouts_are_used() -> None:
    response = build_response(make_rmf(0.03), make_arf())
    every = Grouping(np.arange(NUMBER), np.arange(NUMBER) + 1)
    assert not FoldingMatrix(response, np.arange(NUMBER), every).is_dense
    wide = build_response(make_rmf(1.5), make_arf())
    assert FoldingMatrix(wide, np.arange(NUMBER), every).is_dense


def test_only_energies_that_reach_the_groups_are_kept() -> None:
    response = build_response(make_rmf(0.03), make_arf())
    group = Grouping(np.array([60]), np.array([62]))
    matrix = FoldingMatrix(response, np.arange(NUMBER), group)
    low, high = CHANNELS[60], CHANNELS[62]
    assert low - 0.3 < matrix.edges[0] < low < high < matrix.edges[-1] < high + 0.3


def test_channels_in_another_order() -> None:
    flux = np.random.default_rng(1).uniform(0, 1, (2, len(ENERGIES) - 1))
    positions = np.arange(NUMBER)[::-1].copy()
    grouping = Grouping(np.array([3, 20]), np.array([9, 21]))
    scale = np.linspace(1, 2, NUMBER)
    _, found = folded(0.06, grouping, positions, scale, flux)
    assert found == pytest.approx(by_hand(0.06, grouping, positions, scale, flux), rel=1e-12)


def test_channels_without_response_or_area_are_an_error() -> None:
    rmf = make_rmf()
    empty = replace(rmf, matrix=csr_array(rmf.matrix.shape))
    one = Grouping(np.array([5]), np.array([6]))
    for response in (
        build_response(empty, make_arf()), build_response(rmf, make_arf(0.0)),
    ):  # fmt: skip
        with pytest.raises(InputError, match="no photon reaches"):
            FoldingMatrix(response, np.arange(NUMBER), one)
    with pytest.raises(InputError, match="no photon reaches"):
        FoldingMatrix(build_response(rmf, make_arf()), np.arange(NUMBER), one, scale=0.0)


def test_area_once_and_once_only() -> None:
    rmf, arf = make_rmf(), make_arf()
    assert build_response(rmf, arf).matrix.toarray() == pytest.approx(rmf.matrix.toarray() * AREA)
    with pytest.raises(InputError, match="needs an effective area"):
        build_response(rmf, None)
    whole = replace(rmf, matrix=csr_array(rmf.matrix * AREA), includes_area=True)
    response = build_response(whole, None)
    assert response.area[80] == pytest.approx(AREA, rel=1e-4)
    with pytest.raises(InputError, match="would be applied twice"):
        build_response(whole, arf)


def test_grids_of_arf_and_rmf_must_agree() -> None:
    arf = make_arf()
    other = replace(arf, energy_high=arf.energy_high * 1.001)
    with pytest.raises(InputError, match="other energy bins"):
        build_response(make_rmf(), other)
