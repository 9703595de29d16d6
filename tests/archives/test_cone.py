"""Observations in cones: what catalog services answer, good, odd and hostile."""

import io
import json
import math
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io.votable import from_table, writeto
from astropy.table import MaskedColumn, Table
from fake_archive import ArchiveServer, files_below, status

from xsurvey.archives import get_archive
from xsurvey.archives.web import Web
from xsurvey.errors import ArchiveError
from xsurvey.units import Cone, parse_cone

Call = Callable[..., tuple[int, str, str]]
CONE = "228.48,-59.14,2arcmin"
RA, DEC = 228.48, -59.14


def votable(table: Table, form: str = "binary") -> bytes:
    stream = io.BytesIO()
    writeto(from_table(table), stream, tabledata_format=form)
    return stream.getvalue()


def chandra_rows() -> Table:
    return Table({
        "obsid": ["754", "11011", "9", "12"],
        "name": ["G320.4-1.2", "PSR B1509\x1b[31m-58", "proprietary", "far"],
        "ra": [RA, RA + 0.1, RA, RA + 1], "dec": [DEC, DEC, DEC, DEC],
        "exposure": MaskedColumn([18940.0, 1000.0, 5.0, 5.0], mask=[False, True, False, False]),
        "status": ["archived", "archived", "observed", "archived"],
        "public_date": MaskedColumn([52000.0, 53000.0, 0.0, 0.0], mask=[False, False, True, True]),
    })  # fmt: skip


def ixpe_rows() -> Table:
    return Table({
        "OBSID": ["02009001", "09999901"], "NAME": ["MSH 15-52", "not public yet"],
        "RA": [RA, RA], "DEC": [DEC + 0.05, DEC], "PUBLIC_DATE": [60000, 99999],
    })  # fmt: skip


TILES = {"tiles": [
    {"srvmap": 83066, "de_sky": True, "dist_deg": 1.5},
    {"srvmap": 80156, "de_sky": True, "dist_deg": 0.5},
    {"srvmap": 77066, "de_sky": False, "dist_deg": 0.1},
]}  # fmt: skip


@pytest.fixture
def services(archives: ArchiveServer) -> ArchiveServer:
    archives.files["/search/chandra"] = votable(chandra_rows())
    archives.files["/search/ixpe"] = votable(ixpe_rows(), "tabledata")
    archives.files["/search/erosita"] = json.dumps(TILES).encode()
    return archives


def test_what_is_near_is_listed(services: ArchiveServer, call: Call, tmp_path: Path) -> None:
    code, out, error = call("fetch", "cone", CONE, "--list", "--json", tmp_path / "c.json")
    assert code == 0, error
    found = json.loads((tmp_path / "c.json").read_text())["found"]
    assert [f["observation"] for f in found] == [
        "chandra:754", "chandra:11011", "erosita:080156", "erosita:083066", "ixpe:02009001"
    ]  # fmt: skip
    assert found[0]["distance_arcmin"] == pytest.approx(0, abs=1e-6)
    expected = 60 * 0.1 * math.cos(math.radians(DEC))
    assert found[1]["distance_arcmin"] == pytest.approx(expected, rel=1e-4)
    assert found[0]["exposure_s"] == 18940
    assert found[1]["exposure_s"] is None
    assert found[4]["distance_arcmin"] == pytest.approx(3.0)
    assert "\x1b" not in out
    assert "5 observations near" in out
    assert files_below(tmp_path) == {"c.json"}


def test_what_is_near_is_fetched(services: ArchiveServer, call: Call, tmp_path: Path) -> None:
    code, out, error = call("fetch", "cone", CONE, "-o", tmp_path, "--mission", "erosita",
                            "--mission", "ixpe")  # fmt: skip
    assert code == 0, error
    assert "chandra" not in out
    for what in ("erosita/080156", "erosita/083066", "ixpe/02009001"):
        assert (tmp_path / what / "fetched.json").exists()


def test_too_many_are_not_fetched(services: ArchiveServer, call: Call, tmp_path: Path) -> None:
    code, _, error = call("fetch", "cone", CONE, "-o", tmp_path, "--max-observations", 4)
    assert code == 2
    assert "finds 5 observations" in error.splitlines()[-1]
    assert files_below(tmp_path) == set()


def test_nothing_near(services: ArchiveServer, call: Call, tmp_path: Path) -> None:
    services.files["/search/ixpe"] = votable(ixpe_rows()[:0])
    services.files["/search/erosita"] = b'{"tiles": []}'
    code, out, _ = call("fetch", "cone", "10,20,1arcmin", "-o", tmp_path)
    assert code == 0
    assert "0 observations near" in out
    assert files_below(tmp_path) == set()


def test_queries(services: ArchiveServer, web: Web) -> None:
    seen: list[str] = []
    services.always["/search/chandra"] = lambda h, content: (seen.append(h.path), h.give(content))[
        1
    ]
    services.always["/search/erosita"] = services.always["/search/chandra"]
    cone = parse_cone("83.5,-70,30arcmin")
    for name in ("chandra", "erosita"):
        archive = get_archive(name, "")
        archive.search(web, archive.search_address(None), cone)
    asked = [urllib.parse.parse_qs(urllib.parse.urlsplit(path).query) for path in seen]
    query = asked[0]["QUERY"][0]
    assert "FROM chanmaster" in query
    assert "CIRCLE('ICRS', 83.500000, -70.000000, 0.750000)" in query  # 15 arcmin of field
    assert asked[1] == {"RA": ["83.500000"], "DEC": ["-70.000000"], "RAD": ["0.500000"]}


@pytest.mark.parametrize(("name", "answer"), [
    ("chandra", b""), ("chandra", b"<html>down for maintenance</html>"), ("chandra", b"\x00\xff"),
    ("chandra", b"<VOTABLE><RESOURCE/></VOTABLE>"),
    ("chandra", votable(Table({"obsid": ["1"], "ra": [1.0]}))),
    ("chandra", votable(Table({"obsid": ["../1"], "ra": [RA], "dec": [DEC],
                               "status": ["archived"]}))),
    ("chandra", b'<VOTABLE><RESOURCE type="results"><INFO name="QUERY_STATUS" value="ERROR">'
                b"no such table</INFO></RESOURCE></VOTABLE>"),
    ("erosita", b""), ("erosita", b"[]"), ("erosita", b'{"tiles": 3}'),
    ("erosita", b'{"tiles": [3]}'), ("erosita", b'{"tiles": [{"srvmap": "../x"}]}'),
    ("erosita", b'{"tiles": [{"srvmap": 999999}]}'), ("erosita", b"[" * 100_000),
])  # fmt: skip
def test_answers_that_are_none(services: ArchiveServer, web: Web, name: str, answer: bytes) -> None:
    services.files[f"/search/{name}"] = answer
    archive = get_archive(name, "")
    with pytest.raises(ArchiveError, match="does not answer with"):
        archive.search(web, archive.search_address(None), Cone(RA, DEC, 60.0))


def test_tables_cannot_make_us_read_elsewhere(
    services: ArchiveServer, web: Web, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"\0" * 100)
    head = '<VOTABLE version="1.3"><RESOURCE><TABLE><FIELD name="obsid" datatype="int"/><DATA>'
    tail = "</DATA></TABLE></RESOURCE></VOTABLE>"
    hostile = [
        f'{head}<BINARY><STREAM href="file://{secret}"/></BINARY>{tail}',
        f'{head}<BINARY><STREAM href="{services.url}elsewhere"/></BINARY>{tail}',
        f'{head}<FITS><STREAM href="file://{secret}"/></FITS>{tail}',
        f'<!DOCTYPE x [<!ENTITY a SYSTEM "file://{secret}">]>{head}<TABLEDATA><TR><TD>&a;</TD></TR>'
        f"</TABLEDATA>{tail}",
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
        f"{head}<TABLEDATA><TR><TD>&b;</TD></TR></TABLEDATA>{tail}",
    ]
    archive = get_archive("chandra", "")
    for text in hostile:
        services.files["/search/chandra"] = text.encode()
        with pytest.raises(ArchiveError, match=r"elsewhere|entities"):
            archive.search(web, archive.search_address(None), Cone(RA, DEC, 60.0))
    assert services.times_asked("/elsewhere") == 0


def test_poles_and_the_origin(services: ArchiveServer, web: Web) -> None:
    rows = Table({
        "obsid": np.array([1, 2, 3]), "ra": [359.99, 180.0, 0.02], "dec": [0.0, 89.9, 0.0],
        "status": ["archived"] * 3,
    })  # fmt: skip
    services.files["/search/chandra"] = votable(rows)
    archive = get_archive("chandra", "")
    address = archive.search_address(None)
    near = archive.search(web, address, Cone(0.0, 0.0, 60.0))
    assert [o.identifier for o in near] == ["1", "3"]
    assert near[0].distance == pytest.approx(0.6, rel=1e-3)
    pole = archive.search(web, address, Cone(0.0, 89.9, 60.0))
    assert [(o.identifier, round(o.distance, 3)) for o in pole] == [("2", 12.0)]


def test_a_silent_service_does_not_hide_the_others(
    services: ArchiveServer, call: Call, tmp_path: Path
) -> None:
    services.always["/search/erosita"] = status(500)
    code, out, error = call("fetch", "cone", CONE, "--list", "--retries", 0,
                            "--json", tmp_path / "c.json")  # fmt: skip
    assert code == 2
    assert "/search/erosita: the server answers 500" in error.splitlines()[-1]
    assert "3 observations near" in out
    assert len(json.loads((tmp_path / "c.json").read_text())["found"]) == 3
