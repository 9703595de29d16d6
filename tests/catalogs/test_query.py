from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.table import Table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xsurvey.catalogs import open_catalog, write_hats
from xsurvey.catalogs.expression import nearest_column
from xsurvey.catalogs.query import connect
from xsurvey.errors import InputError, ParameterError
from xsurvey.units import Cone

CONE = "228.48,-59.13,3arcmin"


@pytest.fixture(scope="module")
def sky(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SkyCoord]:
    """Points all over the sky, and many at RA 0 and the poles, in many small row groups."""
    rng = np.random.default_rng(5)
    ra = np.concatenate(
        [rng.uniform(0, 360, 2000), rng.normal(0, 0.5, 500), rng.uniform(0, 360, 500)]
    )
    dec = np.concatenate(
        [
            np.degrees(np.arcsin(rng.uniform(-1, 1, 2000))),
            rng.normal(0, 0.5, 500),
            np.sign(rng.normal(size=500)) * (90 - np.abs(rng.normal(0, 0.5, 500))),
        ]
    )
    path = tmp_path_factory.mktemp("sky") / "sky.hats"
    table = Table({"ra": ra % 360, "dec": dec, "number": np.arange(3000)})
    write_hats(table, path, "sky", rows_per_partition=300)
    return path, SkyCoord(table["ra"] * units.deg, table["dec"] * units.deg)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    ra=st.one_of(st.floats(0, 360, exclude_max=True), st.floats(-1, 1)),
    dec=st.one_of(st.floats(-90, 90), st.floats(-1, 1), st.floats(89, 90), st.floats(-90, -89)),
    radius=st.floats(1e-3, 180 * 3600),
)
def test_cone_is_the_great_circle_distance(
    sky: tuple[Path, SkyCoord], ra: float, dec: float, radius: float
) -> None:
    path, points = sky
    found = open_catalog(path).query(cone=Cone(ra % 360, dec, radius))
    centre = SkyCoord(ra * units.deg, dec * units.deg)
    expected = points.separation(centre).to_value("arcsec")
    # the two may differ in the last digits at the rim, nowhere else
    assert set(np.flatnonzero(expected < radius - 1e-6)) <= set(found["number"])
    assert set(found["number"]) <= set(np.flatnonzero(expected < radius + 1e-6))
    np.testing.assert_allclose(found["separation"], expected[found["number"]], atol=1e-6)
    assert np.all(np.diff(found["separation"]) >= 0)


def test_cone_in_memory_and_in_files_agree(hats_path: Path, fits_path: Path) -> None:
    near, again = (open_catalog(path).query(cone=CONE) for path in (hats_path, fits_path))
    assert 0 < len(near) < 200
    assert near["separation"].unit == "arcsec"
    assert near["name"].tolist() == again["name"].tolist()
    assert near["separation"].tolist() == again["separation"].tolist()


def test_columns_order_and_limit(hats_path: Path) -> None:
    catalog = open_catalog(hats_path)
    top = catalog.query(columns="name,RATE_B", order_by="rate_b desc", limit=3)
    assert top.colnames == ["name", "rate_b"]
    assert top["rate_b"].tolist() == [1.99, 1.98, 1.97]
    assert top["rate_b"].unit == "count / s"
    assert top["rate_b"].info.meta["ucd"] == "arith.rate;phot.count;em.X-ray"
    assert catalog.query(columns=["name"], cone=CONE).colnames == ["name", "separation"]
    assert "_healpix_29" not in catalog.query(limit=1).colnames
    assert len(catalog.query(limit=0)) == 0
    last = catalog.query(order_by="hardness_hs desc")["hardness_hs"]
    assert last[0] == 0.99
    assert np.isnan(last[-1])


def test_conditions(hats_path: Path, fits_path: Path) -> None:
    for path in (hats_path, fits_path):
        catalog = open_catalog(path)
        assert len(catalog.query(where="rate_b >= 1 AND flag & 4 = 0")) == 48
        assert len(catalog.query(where="classification = 'MARGINAL'")) == 67
        assert len(catalog.query(where="name LIKE 'XSV J0000%' -- a comment")) == 10
        assert len(catalog.query(where="source_id IN ('754_1', '754_2') OR rate_b > 1.985")) == 3
        assert len(catalog.query(where="separation < 60", cone=CONE)) < len(
            catalog.query(cone=CONE)
        )


def test_missing_numbers_fulfil_no_comparison(hats_path: Path, fits_path: Path) -> None:
    for path in (hats_path, fits_path):
        catalog = open_catalog(path)
        assert len(catalog.query(where="hardness_hs > -9")) == 100
        assert len(catalog.query(where="NOT hardness_hs > -9")) == 0
        assert len(catalog.query(where="hardness_hs IS NULL")) == 100
        assert len(catalog.query(where="sqrt(0.5 - rate_b) > -1")) == 51
        assert len(catalog.query(where="log10(rate_b) > -99")) == 199
        assert len(catalog.query(where="counts_b / counts_s > 0")) == 0
        assert len(catalog.query(where="pow(-counts_b, 0.5) >= 0")) == 1


@pytest.mark.parametrize(
    "where",
    [
        "1=1; DROP TABLE source",
        "1=1) UNION SELECT 1",
        "1=1 UNION SELECT 1",
        "1=1) OR (1=1",
        "1=1 ORDER BY ra",
        "1=1 LIMIT 1",
        "1=1;",
        "",
        "(SELECT count(*) FROM read_csv('/etc/passwd')) > 0",
        "(SELECT count(*) FROM '/etc/passwd') > 0",
        "EXISTS (FROM duckdb_settings())",
        "ra IN (FROM source)",
        "ra = ANY (SELECT 1)",
        "COPY source TO '/tmp/stolen'",
        "read_text('/etc/passwd') <> ''",
        "getenv('HOME') <> ''",
        "current_setting('threads') <> ''",
        "system.main.abs(ra) > 1",
        "sum(ra) > 1",
        "row_number() OVER () > 1",
        "list_filter([1], x -> x > 1) IS NULL",
        "COLUMNS(*) > 1",
        "ra > $ra",
        "ra > ?",
        "ra > 1 /* open",
        "((((" * 2000,
        "(" * 199 + "ra",
        "ra + " * 900 + "1 > 0",
        "ra +" + "1 +" * 3000 + "1 > 0",
        "regexp_matches(name, '(')",
        "ra > 'north'",
        "CAST(name AS nonsense) = 1",
        "name",
    ],
)
def test_anything_but_a_condition_is_refused(hats_path: Path, where: str) -> None:
    with pytest.raises(ParameterError, match=r"^where: "):
        open_catalog(hats_path).query(where=where)


def test_connection_itself_is_closed() -> None:
    secret = pa.table({"ra": [1.0]})
    assert len(secret) == 1
    for sql in (
        "SELECT * FROM secret",
        "SELECT * FROM read_text('/etc/hostname')",
        "COPY (SELECT 1) TO '/tmp/xsurvey_stolen'",
        "ATTACH '/tmp/xsurvey_stolen'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
    ):
        with pytest.raises(duckdb.Error):
            connect().execute(sql)


def test_helpful_answers(hats_path: Path) -> None:
    catalog = open_catalog(hats_path)
    with pytest.raises(ParameterError, match="where: no column 'rateb'; did you mean 'rate_b'"):
        catalog.query(where="rateb > 1")
    with pytest.raises(ParameterError, match="'TRUE' in single quotes"):
        catalog.query(where='classification = "TRUE"')
    with pytest.raises(ParameterError, match="IS NULL"):
        catalog.query(where="isnan(rate_b)")
    with pytest.raises(ParameterError, match=r"pow\(x, y\)"):
        catalog.query(where="rate_b ** 2 > 1")
    with pytest.raises(ParameterError, match="columns: no column 'nmae'; did you mean 'name'"):
        catalog.query(columns="nmae")
    with pytest.raises(ParameterError, match="order_by"):
        catalog.query(order_by="brightness")
    with pytest.raises(ParameterError, match=r"cone.*such as"):
        catalog.query(cone="228,-59")
    with pytest.raises(ParameterError, match="limit"):
        catalog.query(limit=-1)
    with pytest.raises(ParameterError, match="names no column"):
        catalog.query(columns="")


def test_own_separation_column_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text('ra,dec,separation,"S/N"\n10,20,7,1\n')
    catalog = open_catalog(path)
    assert catalog.query()["separation"][0] == 7
    found = catalog.query(cone="10,20,1arcsec", where='"S/N" = 1 AND separation_1 = 7')
    assert found["separation"].tolist() == [0.0]
    assert found["separation_1"].tolist() == [7]


def test_damaged_data_are_said_to_be(hats_path: Path) -> None:
    (file,) = (hats_path / "dataset").rglob("*.parquet")
    data = bytearray(file.read_bytes())
    data[100:20000:3] = b"\x55" * len(data[100:20000:3])
    file.write_bytes(data)
    with pytest.raises(InputError, match="cannot be read"):
        open_catalog(hats_path).query(where="rate_b > 0")


def test_positions_in_other_turns(make_table: Callable[..., Table], tmp_path: Path) -> None:
    path = tmp_path / "turn.csv"
    path.write_text("ra,dec\n-0.001,0\n359.999,0\n0.001,0\n")
    assert len(open_catalog(path).query(cone="0,0,4arcsec")) == 3


def test_columns_may_be_patterns(hats_path: Path) -> None:
    catalog = open_catalog(hats_path)
    every = catalog.query(limit=1).colnames
    rates = [name for name in every if name.startswith("rate_")]
    assert catalog.query(columns="name,RATE_*", limit=1).colnames == ["name", *rates]
    assert catalog.query(columns="*", limit=1).colnames == every
    with pytest.raises(ParameterError, match="columns: no column matches 'x_\\*'"):
        catalog.query(columns="x_*")


def test_the_hint_of_a_quantity_names_its_first_bands() -> None:
    known = ["name", "rate_b", "rate_b_lo", "ml_rate_b", "rate_s", "rate_m", "rate_h"]
    hint = nearest_column("rate", known)
    assert hint == "did you mean 'rate_b' or 'rate_s' or 'rate_m'?"
