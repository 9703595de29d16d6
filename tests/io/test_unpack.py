"""Archives of strangers: inside their folder or not at all."""

import gzip
import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xsurvey.errors import InputError, OutputError, XSurveyError
from xsurvey.io import unpack
from xsurvey.io.unpack import is_archive, unpack_archive, unpacked_name

Entry = tuple[str, object]  # a name, and content, or a (type, link) pair of tarfile


def make_tar(path: Path, entries: list[Entry], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, content in entries:
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
            else:
                info.type, info.linkname = content  # type: ignore[misc]
                tar.addfile(info)
    return path


def make_zip(path: Path, entries: list[Entry]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            if isinstance(content, bytes):
                archive.writestr(info, content)
            else:
                kind, link = content  # type: ignore[misc]
                info.external_attr = (
                    {tarfile.SYMTYPE: stat.S_IFLNK, tarfile.CHRTYPE: stat.S_IFCHR}[kind] | 0o777
                ) << 16
                archive.writestr(info, link)
    return path


MAKERS: dict[str, Callable[[Path, list[Entry]], Path]] = {
    "a.tar": lambda p, e: make_tar(p, e, "w"),
    "a.tar.gz": make_tar,
    "a.tar.bz2": lambda p, e: make_tar(p, e, "w:bz2"),
    "a.tar.xz": lambda p, e: make_tar(p, e, "w:xz"),
    "a.zip": make_zip,
}
GOOD: list[Entry] = [("d/a.txt", b"first"), ("b.txt", b""), ("./c.txt", b"third" * 1000)]


def everything(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*")}


@pytest.mark.parametrize("name", MAKERS)
def test_good_archives(name: str, tmp_path: Path) -> None:
    archive = MAKERS[name](tmp_path / name, GOOD)
    files = unpack_archive(archive, tmp_path / "out")
    assert [str(f.relative_to(tmp_path / "out")) for f in files] == ["b.txt", "c.txt", "d/a.txt"]
    assert (tmp_path / "out/d/a.txt").read_bytes() == b"first"
    assert (tmp_path / "out/c.txt").read_bytes() == b"third" * 1000
    assert is_archive(name)
    assert unpacked_name(name) == "a"


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize(
    "bad",
    ["../x", "/x", "d/../../x", "..", "C:\\x", "d\\..\\x", "a\nb", "\x1b[2Jx", "x" * 300],
)
def test_members_that_leave_are_named_and_nothing_is_left(
    name: str, bad: str, tmp_path: Path
) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    archive = MAKERS[name](folder / name, [*GOOD, (bad, b"evil")])
    with pytest.raises(InputError, match="member '"):
        unpack_archive(archive, folder / "out")
    assert everything(folder) == {name}
    assert everything(tmp_path) == {"work", f"work/{name}"}


@pytest.mark.parametrize(
    ("entries", "word"),
    [
        ([("l", (tarfile.SYMTYPE, "../secret"))], "link"),
        ([("l", (tarfile.SYMTYPE, "/etc/passwd"))], "absolute"),
        ([("d/l", (tarfile.SYMTYPE, "../../secret"))], "link"),
        ([("one", (tarfile.SYMTYPE, ".")), ("two", (tarfile.SYMTYPE, "one/../.."))], "link"),
        ([("l", (tarfile.SYMTYPE, "..")), ("l/x", b"evil")], "no folder"),
        ([("l", (tarfile.SYMTYPE, "d")), ("d/x", b"a"), ("l/y", b"evil")], "no folder"),
        ([("x", b"a"), ("x", b"b")], "twice"),
        ([("x/y", b"a"), ("x", b"b")], "twice"),
        ([("x", b"a"), ("x/y", b"b")], "no folder"),
        ([("h", (tarfile.LNKTYPE, "../../secret"))], "leaves"),
        ([("h", (tarfile.LNKTYPE, "/etc/passwd"))], "absolute"),
        ([("h", (tarfile.LNKTYPE, "missing"))], "no file before"),
        ([("s", (tarfile.SYMTYPE, "x")), ("h", (tarfile.LNKTYPE, "s"))], "no file before"),
        ([("dev", (tarfile.CHRTYPE, ""))], "device"),
        ([("dev", (tarfile.BLKTYPE, ""))], "device"),
        ([("pipe", (tarfile.FIFOTYPE, ""))], "pipe"),
    ],
)
def test_links_and_devices(entries: list[Entry], word: str, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    (tmp_path / "secret").write_text("secret")
    archive = make_tar(folder / "a.tar.gz", [*GOOD, *entries])
    with pytest.raises(InputError, match=word):
        unpack_archive(archive, folder / "out")
    assert everything(folder) == {"a.tar.gz"}
    assert (tmp_path / "secret").read_text() == "secret"


@pytest.mark.parametrize(
    ("entry", "word"),
    [(("l", (tarfile.SYMTYPE, "../secret")), "link"), (("d", (tarfile.CHRTYPE, "")), "device")],
)
def test_links_and_devices_in_zip(entry: Entry, word: str, tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", [*GOOD, entry])
    with pytest.raises(InputError, match=word):
        unpack_archive(archive, tmp_path / "out")
    assert everything(tmp_path) == {"a.zip"}


def test_links_that_stay_inside(tmp_path: Path) -> None:
    archive = make_tar(
        tmp_path / "a.tar",
        [("d/a", b"x"), ("l", (tarfile.SYMTYPE, "d/a")), ("h", (tarfile.LNKTYPE, "d/a")),
         ("d/back", (tarfile.SYMTYPE, "../h"))],
        "w",
    )  # fmt: skip
    unpack_archive(archive, tmp_path / "out")
    assert (tmp_path / "out/l").read_bytes() == b"x"
    assert (tmp_path / "out/h").read_bytes() == b"x"
    assert (tmp_path / "out/d/back").read_bytes() == b"x"
    assert not (tmp_path / "out/h").is_symlink()


def test_permissions_are_the_users(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        info = tarfile.TarInfo("x")
        info.mode, info.uid = 0o6777, 0
        tar.addfile(info, io.BytesIO())
    unpack_archive(path, tmp_path / "out")
    assert not (tmp_path / "out/x").stat().st_mode & 0o7111


@pytest.mark.parametrize("name", ["a.tar.gz", "a.zip"])
def test_bombs_are_bounded(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = MAKERS[name](tmp_path / name, [("zeros", b"\0" * 3_000_000)])
    with pytest.raises(InputError, match="too much"):
        unpack_archive(archive, tmp_path / "out", max_bytes=2_000_000)
    monkeypatch.setattr(unpack, "_RATIO_FROM", 1_000_000)
    with pytest.raises(InputError, match="too much"):
        unpack_archive(archive, tmp_path / "out")
    monkeypatch.setattr(unpack, "_MAX_MEMBERS", 2)
    many = MAKERS[name](tmp_path / f"many.{name}", GOOD)
    with pytest.raises(InputError, match="more than 2 members"):
        unpack_archive(many, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_headers_are_bounded(tmp_path: Path) -> None:
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 200_000_000
    path = tmp_path / "a.tar.gz"
    with gzip.open(path, "wb") as stream:
        stream.write(info.tobuf(tarfile.USTAR_FORMAT) + b"\0" * 1_000_000)
    with pytest.raises(InputError, match="header"):
        unpack_archive(path, tmp_path / "out")


def test_encrypted_and_damaged(tmp_path: Path) -> None:
    good = make_tar(tmp_path / "good.tar.gz", GOOD).read_bytes()
    zipped = make_zip(tmp_path / "good.zip", GOOD).read_bytes()
    for number, data in enumerate([b"", b"text", good[: len(good) // 2], zipped[:-30], b"PK\3\4"]):
        path = tmp_path / f"{number}.tar.gz"
        path.write_bytes(data)
        with pytest.raises(InputError):
            unpack_archive(path, tmp_path / "out")
    place = zipped.index(b"PK\1\2")
    locked = bytearray(zipped)
    locked[place + 8] |= 1
    (tmp_path / "locked.zip").write_bytes(locked)
    with pytest.raises(InputError, match="encrypted"):
        unpack_archive(tmp_path / "locked.zip", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    archive = make_tar(tmp_path / "a.tar.gz", GOOD)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        unpack_archive(archive, tmp_path / "out")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="exists already"):
        unpack_archive(archive, tmp_path / "link")
    with pytest.raises(OutputError):
        unpack_archive(archive, tmp_path / "no/such/folder")
    with pytest.raises(InputError, match="does not exist"):
        unpack_archive(tmp_path / "no.tar", tmp_path / "new")
    assert (tmp_path / "out/mine").read_text() == "mine"


_SEGMENT = st.sampled_from(["a", "b", "..", ".", "", "/", "c\\d", "l"])
_NAMES = st.lists(_SEGMENT, min_size=1, max_size=4).map("/".join)
_CONTENT = st.one_of(
    st.binary(max_size=20),
    st.tuples(st.sampled_from([tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE]), _NAMES),
)
_SHORT = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@_SHORT
@given(entries=st.lists(st.tuples(_NAMES, _CONTENT), max_size=6))
def test_nothing_ever_leaves_the_folder(entries: list[Entry], tmp_path: Path) -> None:
    folder = tmp_path / os.urandom(6).hex()
    folder.mkdir()
    archive = make_tar(folder / "a.tar", entries, "w")
    try:
        unpack_archive(archive, folder / "out")
    except InputError:
        assert everything(folder) == {"a.tar"}
        return
    root = folder / "out"
    assert {p for p in everything(folder) if not p.startswith("out")} == {"a.tar"}
    for path in root.rglob("*"):
        assert root.resolve() in [path.resolve(), *path.resolve().parents]
    written = sum(p.stat().st_size for p in root.rglob("*") if p.is_file() and not p.is_symlink())
    assert written <= 20 * len(entries)


@_SHORT
@given(place=st.integers(0, 2000), value=st.integers(0, 255), zipped=st.booleans())
def test_damage_is_an_error_for_users(place: int, value: int, zipped: bool, tmp_path: Path) -> None:
    folder = tmp_path / os.urandom(6).hex()
    folder.mkdir()
    maker = make_zip if zipped else make_tar
    data = bytearray(maker(folder / "good", GOOD).read_bytes())
    data[place % len(data)] = value
    (folder / "bad").write_bytes(data)
    try:
        unpack_archive(folder / "bad", folder / "out")
    except XSurveyError:
        assert everything(folder) == {"good", "bad"}
