from pathlib import Path

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord
from hypothesis import given, settings
from hypothesis import strategies as st

from xsurvey.catalogs import crossmatch, open_catalog
from xsurvey.catalogs.matching import match_positions
from xsurvey.errors import InputError, ParameterError

COORDINATES = st.lists(
    st.tuples(
        st.one_of(st.floats(0, 360), st.floats(-0.01, 0.01)),
        st.one_of(st.floats(-90, 90), st.floats(-0.01, 0.01), st.floats(89.99, 90)),
    ),
    min_size=1,
    max_size=20,
)


@settings(max_examples=60, deadline=None)
@given(left=COORDINATES, right=COORDINATES, radius=st.floats(0.01, 36000))
def test_pairs_are_those_of_all_distances(
    left: list[tuple[float, float]], right: list[tuple[float, float]], radius: float
) -> None:
    positions = [np.array(points).T for points in (left, right)]
    first, second = (SkyCoord(*p, unit="deg") for p in positions)
    distances = first[:, None].separation(second[None, :]).to_value(units.arcsec)
    arguments = [tuple(p) for p in positions]
    a, b, separation = match_positions(*arguments, radius, every=True)
    pairs = set(zip(a.tolist(), b.tolist(), strict=True))
    assert set(map(tuple, np.argwhere(distances < radius - 1e-6).tolist())) <= pairs
    assert pairs <= set(map(tuple, np.argwhere(distances < radius + 1e-6).tolist()))
    np.testing.assert_allclose(separation, distances[a, b], atol=1e-6)
    a, b, separation = match_positions(*arguments, radius, every=False)
    assert len(set(a.tolist())) == len(a)
    np.testing.assert_allclose(separation, distances[a].min(axis=1), atol=1e-6)


def test_missing_positions_match_nothing() -> None:
    one = np.array([1.0, np.nan, 1.0])
    a, b, _ = match_positions((one, one), (one, one), 1.0, every=True)
    assert set(zip(a.tolist(), b.tolist(), strict=True)) == {(0, 0), (0, 2), (2, 0), (2, 2)}


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    left, right = tmp_path / "left.csv", tmp_path / "right.csv"
    left.write_text("ra,dec,name,separation\n10,20,near,1\n50,20,alone,2\n0,0,edge,3\n")
    right.write_text("RA,DEC,Name,z\n10,20.0005,far,1\n10,20.0001,close,2\n359.9999,0,edge,3\n")
    return left, right


def test_tables_are_joined(two: tuple[Path, Path]) -> None:
    left, right = map(open_catalog, two)
    table = crossmatch(left, right, "3arcsec")
    assert table.colnames == [
        "ra", "dec", "name", "separation_1", "RA_2", "DEC_2", "Name_2", "z", "separation",
    ]  # fmt: skip
    assert table["Name_2"].tolist() == ["close", "edge"]
    np.testing.assert_allclose(table["separation"], 0.36, atol=1e-6)
    assert table["separation"].unit == "arcsec"
    every = crossmatch(left, right, "3arcsec", all=True)
    assert every["Name_2"].tolist() == ["close", "far", "edge"]


def test_no_pairs_keep_the_columns(two: tuple[Path, Path]) -> None:
    left, right = map(open_catalog, two)
    table = crossmatch(left, right, "0.01arcsec")
    assert len(table) == 0
    assert "z" in table.colnames


def test_wrong_questions(two: tuple[Path, Path], tmp_path: Path) -> None:
    left, right = map(open_catalog, two)
    for radius in ("3", "-1arcsec", "0arcsec", "11deg", float("nan")):
        with pytest.raises(ParameterError, match=r"^radius"):
            crossmatch(left, right, radius)
    nowhere = tmp_path / "nowhere.csv"
    nowhere.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="positions"):
        crossmatch(left, open_catalog(nowhere), "3arcsec")
