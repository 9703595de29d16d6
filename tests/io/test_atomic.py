"""Outputs: whole or absent, written through links, never in place of a device or pipe."""

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from xsurvey.errors import OutputError
from xsurvey.io.atomic import (
    atomic_output,
    check_folder,
    check_outputs,
    check_writable,
    no_space,
    remove_leftovers,
)

Call = Callable[..., tuple[int, str, str]]


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    # names of sockets are short: bound from within their folder
    back = Path.cwd()
    os.chdir(path.parent)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path.name)
    os.chdir(back)


@pytest.fixture(params=["pipe", "socket", "link to a pipe", "link to a link"])
def special(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The name of something that no file may be put in the place of."""
    real = tmp_path / "real"
    (make_socket if request.param == "socket" else make_pipe)(real)
    if not request.param.startswith("link"):
        return real
    link = tmp_path / "link"
    link.symlink_to("real")
    if request.param == "link to a link":
        (tmp_path / "outer").symlink_to(link)
        return tmp_path / "outer"
    return link


def kinds(folder: Path) -> dict[str, int]:
    return {p.name: stat.S_IFMT(p.lstat().st_mode) for p in folder.iterdir()}


def test_devices_and_pipes_are_refused_before_anything_is_done(
    special: Path, tmp_path: Path
) -> None:
    before = kinds(tmp_path)
    for check in (check_writable, lambda path: check_outputs([path])):
        with pytest.raises(OutputError, match="is a device or pipe, not a file; give the name"):
            check(special)
    reached = []
    with pytest.raises(OutputError, match="device or pipe"), atomic_output(special):
        reached.append(special)
    assert reached == []
    assert kinds(tmp_path) == before


def test_a_character_device_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "null"
    path.write_text("kept")
    real = Path.stat

    def as_device(self: Path, **options: bool) -> os.stat_result:
        found = real(self, **options)
        return os.stat_result((stat.S_IFCHR | 0o666, *found[1:])) if self == path else found

    monkeypatch.setattr(Path, "stat", as_device)
    with pytest.raises(OutputError, match="device"):
        check_writable(path)
    with pytest.raises(OutputError, match="device"), atomic_output(path) as temporary:
        temporary.write_text("new")
    monkeypatch.undo()
    assert path.read_text() == "kept"


def test_commands_leave_pipes_alone(special: Path, tmp_path: Path, call: Call) -> None:
    before = kinds(tmp_path)
    status, out, error = call("simulate", "-o", special, "--exposure", "100s")
    assert status == 2
    assert out == ""
    assert error == (
        f"xsurvey: error: {special}: is a device or pipe, not a file; give the name of a file\n"
    )
    assert kinds(tmp_path) == before


def test_an_open_file_without_a_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "gone"
    with path.open("w") as stream:
        path.unlink()
        link = Path(f"/proc/self/fd/{stream.fileno()}")
        if not link.exists():
            pytest.skip("the system shows no open files")
        with pytest.raises(OutputError, match="not a file"):
            check_writable(link)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def linked(tmp_path: Path) -> tuple[Path, Path]:
    """A relative link in one folder to a place in another, and that place."""
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    link = tmp_path / "here" / "out.fits"
    link.symlink_to("../there/data.bin")
    return link, tmp_path / "there" / "data.bin"


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_its_target_is_replaced(linked: tuple[Path, Path], there: bool) -> None:
    link, target = linked
    if there:
        target.write_text("old")
    check_outputs([link])
    with atomic_output(link) as temporary:
        assert temporary.parent == target.parent  # a rename is atomic in one file system only
        assert temporary.suffix == ".fits"
        temporary.write_text("new")
        assert target.exists() == there
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert [p.name for p in target.parent.iterdir()] == [target.name]
    assert [p.name for p in link.parent.iterdir()] == [link.name]


def test_a_failed_write_through_a_link_changes_nothing(linked: tuple[Path, Path]) -> None:
    link, target = linked
    target.write_text("old")
    with pytest.raises(RuntimeError), atomic_output(link) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert [p.name for p in target.parent.iterdir()] == [target.name]


@pytest.mark.parametrize("full", [True, False])
def test_a_folder_is_replaced_through_a_link(linked: tuple[Path, Path], full: bool) -> None:
    link, target = linked
    target.mkdir()
    if full:
        (target / "old").write_text("old")
    with atomic_output(link) as temporary:
        temporary.mkdir()
        (temporary / "new").write_text("new")
    assert link.is_symlink()
    assert [p.name for p in target.iterdir()] == ["new"]
    assert [p.name for p in target.parent.iterdir()] == [target.name]


def test_leftovers_are_found_where_a_link_leads(linked: tuple[Path, Path]) -> None:
    link, target = linked
    writer = atomic_output(link)
    writer.__enter__().write_text("half")  # as a process that was killed leaves it
    assert len(list(target.parent.iterdir())) == 1
    remove_leftovers(link)
    assert list(target.parent.iterdir()) == []


def test_links_that_lead_nowhere_are_refused(tmp_path: Path) -> None:
    (tmp_path / "lost").symlink_to("no/such/folder/out.fits")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("lost", "loop"):
        with pytest.raises(OutputError, match=name):
            check_writable(tmp_path / name, [tmp_path / "input"])
        assert (tmp_path / name).is_symlink()


def test_two_links_to_one_file_are_one_output(linked: tuple[Path, Path]) -> None:
    link, target = linked
    with pytest.raises(OutputError, match="two outputs"):
        check_outputs([link, target])
    target.write_text("input")
    with pytest.raises(OutputError, match="is an input"):
        check_outputs([link], [target])


def test_a_folder_that_cannot_be_made_is_told_and_nothing_is_made(tmp_path: Path) -> None:
    check_folder(tmp_path)
    check_folder(tmp_path / "a" / "b")
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "a", tmp_path / "file"):
        with pytest.raises(OutputError, match="is no folder"):
            check_folder(path)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_told(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    for path in (closed, closed / "a"):
        with pytest.raises(OutputError, match="permission denied"):
            check_folder(path)


def test_a_write_that_numpy_cut_short_is_no_room(tmp_path: Path) -> None:
    # numpy gives no error number, and by now there may be room again
    assert no_space(OSError("1000000 requested and 307200 written"), tmp_path) is not None
    assert no_space(OSError("something else"), tmp_path) is None
