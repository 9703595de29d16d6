import gzip
from pathlib import Path

import pytest

from xsurvey.errors import InputError
from xsurvey.io.ogip.companions import companion_file, other_detector
from xsurvey.io.ogip.pha import read_single_pha

from .conftest import pha


@pytest.mark.parametrize("name", ["none", "NONE", "None", "", "  ", "%match%", "%MATCH%", "null"])
def test_no_file_is_named(name: str, tmp_path: Path) -> None:
    spectrum = read_single_pha(pha(tmp_path / "a.pha", BACKFILE=name, RESPFILE=name, ANCRFILE=name))
    for key in ("BACKFILE", "RESPFILE", "ANCRFILE"):
        assert companion_file(spectrum, key) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "there", "found"),
    [
        ("b.pha", "b.pha", "b.pha"), ("b.pha", "b.pha.gz", "b.pha.gz"),
        ("b.pha.gz", "b.pha", "b.pha"), ("b.pha{2}", "b.pha", "b.pha{2}"),
        ("b.pha{2}", "b.pha.gz", "b.pha.gz{2}"), ("b.rmf[MATRIX]", "b.rmf", "b.rmf"),
        ("sub/b.pha", "sub/b.pha", "sub/b.pha"), ("sub/b.pha", "b.pha", "b.pha"),
        ("/made/elsewhere/b.pha", "b.pha", "b.pha"), ("b", "b", "b"),
    ],
)  # fmt: skip
def test_a_file_beside_the_spectrum(name: str, there: str, found: str, tmp_path: Path) -> None:
    (tmp_path / there).parent.mkdir(exist_ok=True)
    (tmp_path / there).write_bytes(gzip.compress(b"x") if there.endswith("gz") else b"x")
    spectrum = read_single_pha(pha(tmp_path / "a.pha", BACKFILE=name))
    assert companion_file(spectrum, "BACKFILE") == tmp_path / found


def test_an_absolute_path(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "b.arf").write_bytes(b"x")
    (tmp_path / "b.arf").write_bytes(b"other")
    spectrum = read_single_pha(pha(tmp_path / "a.pha", ANCRFILE=str(tmp_path / "far" / "b.arf")))
    assert companion_file(spectrum, "ANCRFILE") == tmp_path / "far" / "b.arf"


@pytest.mark.parametrize(
    ("key", "text"),
    [("BACKFILE", "background 'b.fits'.*--background"), ("ANCRFILE", "area 'b.fits'.*--arf"),
     ("RESPFILE", "matrix 'b.fits'.*--rmf")],
)  # fmt: skip
def test_a_file_that_is_not_there(key: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"of the same stem, but another file")
    spectrum = read_single_pha(pha(tmp_path / "a.pha", **{key: "b.fits"}))
    with pytest.raises(InputError, match=text):
        companion_file(spectrum, key)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("own", "its", "told"),
    [
        (("XMM", "EMOS1"), ("XMM", "EMOS2"), "x.rmf is of EMOS2, the spectrum of EMOS1"),
        (("CHANDRA", "ACIS"), ("eROSITA", "ACIS"), "x.rmf is of eROSITA, the spectrum of CHANDRA"),
        (("Chandra", "ACIS "), ("CHANDRA", "acis"), None),
        (("CHANDRA", "ACIS"), ("none", ""), None),
        (("UNKNOWN", None), ("CHANDRA", "ACIS"), None),
    ],
)
def test_companions_of_other_detectors(
    own: tuple[str, str], its: tuple[str, str], told: str | None
) -> None:
    keys = ("TELESCOP", "INSTRUME")
    found = other_detector(
        dict(zip(keys, own, strict=True)), Path("x.rmf"), dict(zip(keys, its, strict=True))
    )
    assert found is None if told is None else found is not None and found.startswith(told)
