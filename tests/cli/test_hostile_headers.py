"""Headers of strangers' files: nothing in them runs, moves a cursor, or names a file."""

import html
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from xsurvey.catalogs import write_fits
from xsurvey.pipelines.source_tables import source_tables

from ..mission_files import edited, write_erosita, write_ixpe

pytestmark = pytest.mark.slow

Call = Callable[..., tuple[int, str, str]]

SCRIPT = "<script>alert(1)</script>"
IMAGE = '"><img src=x onerror=alert(2)>'
PATH = "../../../etc/passwd"
TEMPLATE = "{{7*7}}{% raw %}${8*8}"
FORMULA = "=HYPERLINK(A1)&cmd|calc!A0"
LONG = "A" * 5000
KEYWORDS = ("OBJECT", "OBS_ID", "INSTRUME", "OBS_MODE", "SKYFIELD", "CREATOR", "OBSERVER", "FILTER")

HOSTILE = {"markup": SCRIPT + IMAGE, "path": PATH, "long": TEMPLATE + FORMULA + LONG}


class Page(HTMLParser):
    """Elements, attributes and scripts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.scripts: list[str] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts.append(data)


def assert_harmless(page: str) -> None:
    """Check that no element, handler or address of a page comes from a header."""
    parsed = Page(page)
    assert "table" in parsed.tags
    for text in parsed.scripts:
        assert "alert" not in text
    handlers = [(n, v) for n, v in parsed.attributes if n.startswith("on")]
    assert handlers == []
    for name, value in parsed.attributes:
        if name in ("src", "href"):
            assert not re.match(r"\s*(javascript|vbscript|data:text)", value, re.IGNORECASE)
            assert value != "x"
            assert "passwd" not in value


def assert_printable(text: str) -> None:
    """Check that a terminal would show every character."""
    odd = {c for c in text if not c.isprintable() and c != "\n"}
    assert odd == set()


def tree(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*")}


def spoil(hdus: fits.HDUList, text: str) -> None:
    header = hdus["EVENTS"].header
    for key in KEYWORDS:
        if key in header or key in ("OBJECT", "OBS_ID", "OBSERVER"):
            header[key] = text
    header["OBS_MODE"] = "SURVEY"
    header["COMMENT"] = text[:60]
    header["HISTORY"] = text[:60]
    hdus[0].header["OBJECT"] = text
    hdus.append(fits.BinTableHDU.from_columns([fits.Column("A", "J", array=[1])], name="OTHER"))
    hdus[-1].header["EXTNAME"] = text[:60]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder some levels below the temporary one, where names with dots would end in it."""
    folder = tmp_path / "one" / "two" / "three" / "four"
    folder.mkdir(parents=True)
    return folder


def run_config(folder: Path, inputs: list[Path]) -> Path:
    path = folder / "config.yaml"
    # pixels that make it quick
    lines = ["schema: 1", "pipeline: sources", f"output: {folder / 'out'}",
             "image: {pixel_size: 8arcsec}", "inputs:", *(f"  - {p}" for p in inputs)]  # fmt: skip
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_run_over_a_hostile_tile(
    kind: str, survey_tile: Path, place: Path, tmp_path: Path, call: Call
) -> None:
    path = edited(survey_tile, place / "tile.fits", lambda hdus: spoil(hdus, HOSTILE[kind]))
    config = run_config(place, [path])
    before = tree(tmp_path)
    status, out, error = call("run", config, "--workers", 0)
    assert status == 0, error
    assert_printable(out + error)
    new = tree(tmp_path) - before
    assert new
    assert all(name.startswith("one/two/three/four/out") for name in new)
    page = (place / "out" / "report.html").read_text()
    assert_harmless(page)
    # shown as it is, by a template that does not look into it
    assert HOSTILE[kind] in html.unescape(page)
    table = Table.read(place / "out" / "catalog" / "sources.fits")
    assert len(table) == 2
    assert set(table["target"]) == {HOSTILE[kind]}
    regions = (place / "out" / "catalog" / "sources.reg").read_text().splitlines()
    assert len(regions) == 4


@pytest.mark.parametrize("kind", ["markup", "path"])
def test_a_run_over_hostile_units(kind: str, place: Path, tmp_path: Path, call: Call) -> None:
    # of units the observation names the target of the run
    names = {key: HOSTILE[kind] for key in ("OBJECT", "OBS_ID", "INSTRUME")}
    units = [write_ixpe(place / f"du{n}.fits", n, **names) for n in (1, 2)]
    config = run_config(place, units)
    before = tree(tmp_path)
    status, out, error = call("run", config, "--workers", 0)
    assert status == 0, error
    assert_printable(out + error)
    assert all(n.startswith("one/two/three/four/out") for n in tree(tmp_path) - before)
    assert_harmless((place / "out" / "report.html").read_text())


@pytest.mark.parametrize("kind", HOSTILE)
def test_commands_over_hostile_files(
    kind: str, survey_tile: Path, place: Path, tmp_path: Path, call: Call
) -> None:
    path = edited(survey_tile, place / "tile.fits", lambda hdus: spoil(hdus, HOSTILE[kind]))
    before = tree(tmp_path)
    made = set()
    for command, options in (
        ("info", []), ("image", ["-o", place / "i.fits"]), ("detect", ["-o", place / "d.fits"]),
        ("lightcurve", ["-o", place / "l.fits", "--plot", place / "l.png"]),
    ):  # fmt: skip
        result = place / f"{command}.json"
        status, out, error = call(command, path, *options, "--json", result)
        assert status == 0, error
        assert_printable(out + error)
        json.loads(result.read_text())
        made |= {result.name} | {Path(o).name for o in options if isinstance(o, Path)}
    assert {Path(n).name for n in tree(tmp_path) - before} == made
    for name in ("i.fits", "d.fits", "l.fits"):
        with fits.open(place / name) as hdus:
            hdus.verify("exception")


BYTES = [b"\x1b[31mred\x1b[2J", b"one\nxsurvey: done", b"\x07\x08\x00bell", b"\xff\xfe\xe9t"]


@pytest.mark.parametrize("raw", BYTES)
@pytest.mark.parametrize("write", [write_erosita, write_ixpe])
def test_bytes_that_no_header_may_hold(
    raw: bytes, write: Callable[..., Path], place: Path, tmp_path: Path, call: Call
) -> None:
    mark = "MARK" + "x" * (len(raw) - 4)
    path = write(place / "e.fits", OBJECT=mark, OBS_ID=mark, TIMESYS=mark[:8], FILTER=mark)
    data = path.read_bytes()
    assert data.count(mark.encode()) >= 2
    path.write_bytes(data.replace(mark.encode(), raw))
    before = tree(tmp_path)
    for command, options in (
        ("info", []), ("image", ["-o", place / "o.fits"]), ("detect", ["-o", place / "o.fits"]),
        ("lightcurve", ["-o", place / "o.fits"]),
    ):  # fmt: skip
        status, out, error = call(command, path, *options)
        assert status in (0, 2), error
        assert_printable(out + error)
        assert "Traceback" not in error
        if status == 2:
            last = error.rstrip("\n").splitlines()[-1]
            assert last.startswith("xsurvey: error: ")
    assert tree(tmp_path) - before <= {"one/two/three/four/o.fits"}


def test_a_name_that_is_not_ascii(survey_tile: Path, place: Path, call: Call) -> None:
    path = place / "é ☃.fits"
    path.write_bytes(survey_tile.read_bytes())
    for command in ("detect", "image", "lightcurve"):
        status, _, error = call(command, path, "-o", place / f"{command} ü.fits")
        assert status == 0, error
    status, _, error = call("run", run_config(place, [place / "é*.fits"]), "--workers", 0)
    assert status == 0, error
    for made in (place / "detect ü.fits", place / "out" / "catalog" / "sources.fits"):
        assert sorted(Table.read(made)["source_id"]) == ["_ __0001", "_ __0002"]


def test_texts_of_rows_are_ascii_whoever_read_them(tmp_path: Path) -> None:
    # astropy reads headers as ASCII; a plug-in may have its texts from elsewhere
    texts = {"target": "Sgr A★", "obs_id": "1\n2", "instrument": "é", "mission": "other"}
    row = {"ra": 1.0, "dec": 2.0, "detection_likelihood": 20.0, "flag": 0, **texts}
    table = source_tables(
        [{"target": "t", "rows": [row], "bands": {}, "hardness": {}}], "XSV"
    ).sources
    write_fits(table, tmp_path / "t.fits")
    (back,) = Table.read(tmp_path / "t.fits")
    assert [back[k] for k in ("target", "obs_id", "instrument")] == ["Sgr A_", "1_2", "_"]


def test_a_hostile_name_of_a_file(survey_tile: Path, place: Path, call: Call) -> None:
    path = place / "<img src=x onerror=alert(1)>\x1b[31m.fits"
    path.write_bytes(survey_tile.read_bytes())
    for command, options in (("info", []), ("detect", ["-o", place / "d.fits"])):
        status, out, error = call(command, path, *options)
        assert status == 0, error
        assert_printable(out + error)
    (place / "d.fits").unlink()
    config = run_config(place, [place / "*.fits"])
    status, out, error = call("run", config, "--workers", 0)
    assert status == 0, error
    assert_printable(out + error)
    assert_harmless((place / "out" / "report.html").read_text())
    table = Table.read(place / "out" / "catalog" / "sources.fits")
    assert len(np.unique(table["source_id"])) == len(table) == 2
