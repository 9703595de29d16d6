"""Files of sources, found from the catalog."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table

from xsurvey.catalogs import build_table, load_schema, open_catalog, write_fits
from xsurvey.errors import InputError, ParameterError

NAMES = ["XSV J100012.0+021312", "XSV J100000.0+021200", "XSV J095948.0+020900"]
KINDS = ["event list", "image", "psf"]


def product_row(source: str, kind: str, url: str) -> dict[str, Any]:
    numbers = ("access_estsize", "s_xel1", "s_xel2", "t_xel", "em_xel", "pol_xel")
    return {
        **dict.fromkeys(numbers, -1), "source_id": source, "dataproduct_subtype": kind,
        "obs_collection": "XSV", "obs_publisher_did": f"XSV?{url}", "access_url": url,
        "calib_level": 2, "obs_id": "754", "band": "b" if kind == "image" else "",
    }  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder with three sources, of which two have files."""
    folder = tmp_path / "a run" / "catalog"
    folder.mkdir(parents=True)
    table = Table(
        {"name": NAMES, "source_id": ["s_0001", "s_0002", "s_0003"],
         "ra": [150.05, 150.0, 149.95], "dec": [2.22, 2.2, 2.15]}
    )  # fmt: skip
    write_fits(table, folder / "sources.fits")
    rows = [
        product_row(source, kind, f"../products/00/s/{source}/{kind.replace(' ', '%20')}.fits")
        for source in ("s_0001", "s_0002") for kind in KINDS
    ]  # fmt: skip
    rows.append(product_row("", "exposure map", "../maps/s/s_exposure_b.fits"))
    write_fits(build_table(rows, "obscore", {}), folder / "products.fits")
    return folder.parent


@pytest.mark.parametrize(
    "source", ["s_0002", NAMES[1], "150.0,2.2", "10:00:00,+02:12:00", "150.0020,2.2"]
)
def test_files_are_found_by_key_name_and_place(run: Path, source: str) -> None:
    found = open_catalog(run).products(source)
    assert found["dataproduct_subtype"].tolist() == KINDS
    assert set(found["source_id"]) == {"s_0002"}
    # the spaces of the URL are those of the file
    assert found["path"][0] == str(run / "products/00/s/s_0002/event list.fits")


def test_files_are_found_from_a_row(run: Path) -> None:
    catalog = open_catalog(run)
    row = catalog.query(where="dec > 2.21")[0]
    assert set(catalog.products(row)["source_id"]) == {"s_0001"}
    assert set(catalog.products({"source_id": "s_0001"})["source_id"]) == {"s_0001"}
    assert len(catalog.products()) == 7
    with pytest.raises(ParameterError, match="has no source_id"):
        catalog.products(catalog.query(columns="ra,dec")[0])


def test_a_source_without_files_has_an_empty_list(run: Path) -> None:
    found = open_catalog(run).products("s_0003")
    assert len(found) == 0
    assert "path" in found.colnames


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("s_0009", "did you mean 's_0003'|did you mean 's_000"),
        ("", "the catalog has no ''; list them"),
        ("o'brien", "has no 'o'brien'"), ("150.5,2.2", "no source within 10arcsec"),
        ("a,b", "give a name, a source_id or RA,DEC"), ("' OR 1=1 --", "the catalog has no"),
    ],
)  # fmt: skip
def test_sources_that_are_not_there(run: Path, source: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        open_catalog(run).products(source)


def test_a_catalog_without_a_list_says_so(run: Path, tmp_path: Path) -> None:
    (run / "catalog" / "products.fits").unlink()
    with pytest.raises(InputError, match="has no list of products"):
        open_catalog(run).products("s_0001")
    (run / "catalog" / "products.fits").write_bytes(b"SIMPLE  =                    T" + b" " * 3000)
    with pytest.raises(InputError):
        open_catalog(run).products("s_0001")
    write_fits(Table({"a": [1]}), run / "catalog" / "products.fits")
    with pytest.raises(InputError, match="is no list of products"):
        open_catalog(run).products("s_0001")


@pytest.mark.parametrize("url", ["/etc/passwd", "../../elsewhere.fits", "..%2F..%2Felsewhere"])
def test_a_list_that_leads_elsewhere_is_refused(run: Path, url: str) -> None:
    rows = [product_row("s_0001", "psf", url)]
    write_fits(build_table(rows, "obscore", {}), run / "catalog" / "products.fits")
    with pytest.raises(InputError, match="outside of the run"):
        open_catalog(run).products("s_0001")


def test_the_command_lists_them(
    run: Path, tmp_path: Path, call: Callable[..., tuple[int, str, str]]
) -> None:
    output = tmp_path / "o.json"
    status, out, _ = call("catalog", "products", run, "s_0001", "--kind", "image", "--json", output)
    assert status == 0
    assert "image.fits" in out
    assert "event" not in out
    data = json.loads(output.read_text())
    assert data["rows"] == 1
    assert data["data"]["path"] == [str(run / "products/00/s/s_0001/image.fits")]
    status, out, err = call("catalog", "products", run, "s_0003")
    assert (status, out) == (0, "")
    assert "no files" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("s_0001", "--kind", "imag"), "did you mean 'image'"), (("s_1",), "the catalog has no"),
        (("150,95",), "error"),
    ],
)  # fmt: skip
def test_the_command_names_mistakes_in_a_line(
    run: Path, call: Callable[..., tuple[int, str, str]], arguments: tuple[str, ...], message: str
) -> None:
    status, _, err = call("catalog", "products", run, *arguments)
    assert status == 2
    assert message in err
    assert len(err.strip().splitlines()) == 1


def test_the_schema_has_the_mandatory_columns_of_obscore() -> None:
    # IVOA ObsCore 1.1, table 1
    mandatory = [
        "dataproduct_type",
        "calib_level",
        "obs_collection",
        "obs_id",
        "obs_publisher_did",
        "access_url",
        "access_format",
        "access_estsize",
        "target_name",
        "s_ra",
        "s_dec",
        "s_fov",
        "s_region",
        "s_xel1",
        "s_xel2",
        "s_resolution",
        "t_min",
        "t_max",
        "t_exptime",
        "t_resolution",
        "t_xel",
        "em_min",
        "em_max",
        "em_res_power",
        "em_xel",
        "o_ucd",
        "pol_states",
        "pol_xel",
        "facility_name",
        "instrument_name",
    ]
    columns = {column.name: column for column in load_schema("obscore").columns}
    assert set(mandatory) <= set(columns)
    units = {"s_ra": "deg", "s_resolution": "arcsec", "t_min": "d", "t_exptime": "s", "em_min": "m",
             "access_estsize": "kbyte"}  # fmt: skip
    assert {name: columns[name].unit for name in units} == units
    assert np.all([columns[name].ucd for name in mandatory])
