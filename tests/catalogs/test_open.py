from collections.abc import Callable
from pathlib import Path

import pytest
from astropy.io import fits
from astropy.table import Table

from xsurvey.catalogs import open_catalog
from xsurvey.errors import InputError, ParameterError


def test_folders_of_a_run(table: Table, hats_path: Path, tmp_path: Path) -> None:
    output = tmp_path / "output"
    (output / "catalog").mkdir(parents=True)
    hats_path.rename(output / "catalog" / "hats")
    for path in (output, output / "catalog", output / "catalog" / "hats"):
        catalog = open_catalog(path)
        assert len(catalog) == len(table)
        assert catalog.path == output / "catalog" / "hats"


@pytest.mark.parametrize("suffix", [".fits", ".csv", ".ecsv", ".parquet", ".hats"])
def test_export_and_open_again(table: Table, fits_path: Path, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"other{suffix}"
    open_catalog(fits_path).export(path)
    back = open_catalog(path).query(order_by="source_id")
    expected = open_catalog(fits_path).query(order_by="source_id")
    assert back.colnames == table.colnames
    assert back["name"].tolist() == expected["name"].tolist()
    assert back["ra"].tolist() == expected["ra"].tolist()
    if suffix != ".csv":
        assert back["rate_b"].unit == expected["rate_b"].unit
        assert back["rate_b"].description == expected["rate_b"].description
        assert back["rate_b"].info.meta == expected["rate_b"].info.meta
        assert back.meta["OBS_ID"] == "754"


def test_info_describes(hats_path: Path) -> None:
    info = open_catalog(hats_path).info()
    assert info["format"] == "HATS"
    assert info["rows"] == 200
    assert info["sky"]["ra"] == pytest.approx(228.48, abs=0.1)
    assert info["sky"]["dec"] == pytest.approx(-59.13, abs=0.1)
    assert 0.1 < info["sky"]["radius"] < 1
    assert info["columns"][0]["name"] == "name"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("ra,dec", ("ra", "dec")),
        ("DEC,RA", ("RA", "DEC")),
        ("RAJ2000,DEJ2000,RAICRS,DEICRS", ("RAICRS", "DEICRS")),
        ("RA_CORR,DEC_CORR", ("RA_CORR", "DEC_CORR")),
        ("glon,glat", None),
    ],
)
def test_positions_of_strangers(
    tmp_path: Path, header: str, expected: tuple[str, str] | None
) -> None:
    path = tmp_path / "strange.csv"
    path.write_text(f"{header}\n{','.join('1' for _ in header.split(','))}\n")
    assert open_catalog(path).position == expected


def test_sexagesimal_and_hour_columns_are_no_degrees(tmp_path: Path) -> None:
    path = tmp_path / "hours.fits"
    columns = [
        fits.Column("ra", "D", unit="hourangle", array=[1.0]),
        fits.Column("dec", "D", unit="deg", array=[1.0]),
    ]
    fits.BinTableHDU.from_columns(columns).writeto(path)
    with pytest.raises(InputError, match="--position"):
        open_catalog(path).query(cone="15,1,1arcsec")


def test_named_positions(tmp_path: Path) -> None:
    path = tmp_path / "named.csv"
    path.write_text("a,b,c\n10,20,x\n")
    assert len(open_catalog(path, "a,b").query(cone="10,20,1arcsec")) == 1
    with pytest.raises(ParameterError, match="not of numbers"):
        open_catalog(path, ("a", "c"))
    with pytest.raises(ParameterError, match="no column 'd'"):
        open_catalog(path, "a,d")


def test_names_that_differ_in_case_only(tmp_path: Path) -> None:
    path = tmp_path / "case.csv"
    path.write_text("ra,dec,Flux,flux\n1,2,3,4\n")
    row = open_catalog(path).query(where="flux_2 = 4")
    assert row["Flux"].tolist() == [3]


def damaged_hats(path: Path) -> None:
    (path / "dataset").mkdir(parents=True)
    (path / "properties").write_text("hats_col_ra=ra\nhats_col_dec=dec\n")


@pytest.mark.parametrize(
    ("name", "write", "complaint"),
    [
        ("missing.fits", lambda path: None, "does not exist"),
        ("text.fits", lambda path: path.write_text("hello"), "not a FITS file"),
        ("image.fits", lambda path: fits.PrimaryHDU().writeto(path), "holds no table"),
        ("empty.csv", lambda path: path.touch(), "is empty"),
        ("ragged.csv", lambda path: path.write_text("a,b\n1,2,3\n"), "cannot be read"),
        ("no.ecsv", lambda path: path.write_text("a,b\n1,2\n"), "cannot be read"),
        ("no.parquet", lambda path: path.write_text("PAR1"), "cannot be read"),
        ("table.xlsx", lambda path: path.write_text("x"), "not a catalog format"),
        ("folder", lambda path: path.mkdir(), "holds no catalog"),
        ("broken.hats", damaged_hats, "cannot be read"),
    ],
)
def test_damaged_and_other_files(
    tmp_path: Path, name: str, write: Callable[[Path], object], complaint: str
) -> None:
    write(tmp_path / name)
    with pytest.raises(InputError, match=complaint) as caught:
        open_catalog(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_truncated_fits(fits_path: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.fits"
    cut.write_bytes(fits_path.read_bytes()[:-40000])
    with pytest.raises(InputError, match="truncated"):
        open_catalog(cut)


def test_collections_stay_in_their_folder(hats_path: Path, tmp_path: Path) -> None:
    for target, fine in ((hats_path.name, True), ("..", False), ("/", False)):
        folder = tmp_path / "collection"
        folder.mkdir(exist_ok=True)
        link = folder / hats_path.name
        if not link.exists():
            hats_path.rename(link)
        (folder / "collection.properties").write_text(f"hats_primary_table_url={target}\n")
        if fine:
            assert len(open_catalog(folder)) == 200
        else:
            with pytest.raises(InputError, match="holds no catalog"):
                open_catalog(folder)
