"""Downloads fail as they should: what is retried, what is final, what is never believed."""

import base64
import errno
import hashlib
from pathlib import Path

import pytest
from fake_archive import (
    ArchiveServer,
    drop_after,
    files_below,
    redirect,
    silent,
    status,
    trickle,
)
from one_file import CONTENT, OTHER, PATH, get

from xsurvey.archives import partial
from xsurvey.archives.download import NoProgress, download
from xsurvey.archives.web import NotThereError, Web
from xsurvey.errors import ArchiveError, OutputError


@pytest.mark.parametrize(
    "fault", [status(503), status(503, Retry_After="0"), status(429, Retry_After="0"), status(500)]
)
def test_passing_failures_are_retried(
    web: Web, server: ArchiveServer, target: Path, fault: object
) -> None:
    server.faults[PATH] = [fault, fault]  # type: ignore[list-item]
    get(web, server, target)
    assert server.times_asked(PATH) == 3


def test_retries_are_bounded(web: Web, server: ArchiveServer, target: Path) -> None:
    server.always[PATH] = status(503)
    with pytest.raises(ArchiveError, match=r"503.*run the same command again"):
        get(web, server, target)
    assert server.times_asked(PATH) == 1 + web.retries


def test_a_server_that_asks_for_hours_is_not_waited_for(
    web: Web, server: ArchiveServer, target: Path
) -> None:
    server.always[PATH] = status(503, Retry_After="7200")
    with pytest.raises(ArchiveError, match="7200 s"):
        get(web, server, target)
    assert server.times_asked(PATH) == 1


@pytest.mark.parametrize("code", [404, 403, 410, 400])
def test_refusals_are_final(web: Web, server: ArchiveServer, target: Path, code: int) -> None:
    server.always[PATH] = status(code)
    with pytest.raises(ArchiveError, match=str(code)) as raised:
        get(web, server, target)
    assert isinstance(raised.value, NotThereError) == (code in (404, 410))
    assert server.url in raised.value.subject
    assert server.times_asked(PATH) == 1
    assert files_below(target.parent) == set()


def test_an_announced_length_that_is_wrong(web: Web, server: ArchiveServer, target: Path) -> None:
    server.ranges = False

    def longer(handler, content):  # type: ignore[no-untyped-def]
        handler.answer(200, content, handler.own_headers(content), length=len(content) + 100)

    server.always[PATH] = longer
    with pytest.raises(ArchiveError, match=f"{len(CONTENT)} of {len(CONTENT) + 100} bytes"):
        get(web, server, target)
    assert not target.exists()

    def shorter(handler, content):  # type: ignore[no-untyped-def]
        handler.answer(200, content, handler.own_headers(content), length=len(content) - 100)

    server.always[PATH] = shorter
    with pytest.raises(ArchiveError, match="not a whole gzip"):
        get(web, server, target)
    assert files_below(target.parent) == set()


def checksum_headers(content: bytes) -> list[dict[str, str]]:
    md5 = base64.b64encode(hashlib.md5(content).digest()).decode()
    sha = base64.b64encode(hashlib.sha256(content).digest()).decode()
    return [
        {"Content-MD5": md5}, {"Digest": f"MD5={md5}"}, {"Digest": f"SHA-256={sha}"},
        {"Repr-Digest": f"sha-256=:{sha}:"}, {"Digest": f"unknown=abc,SHA-256={sha}"},
    ]  # fmt: skip


@pytest.mark.parametrize("number", range(5))
def test_checksums_of_headers(web: Web, server: ArchiveServer, target: Path, number: int) -> None:
    server.extra_headers[PATH] = checksum_headers(CONTENT)[number]
    server.faults[PATH] = [drop_after(5_000)]  # a promise of the first answer holds for the rest
    get(web, server, target)
    server.extra_headers[PATH] = checksum_headers(OTHER)[number]
    target.unlink()
    server.faults[PATH] = [drop_after(5_000)]
    with pytest.raises(ArchiveError, match="checksum is not the archive's"):
        get(web, server, target)
    assert files_below(target.parent) == set()


def test_a_damaged_transfer_is_repeated_once(web: Web, server: ArchiveServer, target: Path) -> None:
    digests = {"md5": hashlib.md5(CONTENT).hexdigest()}

    def flipped(handler, content):  # type: ignore[no-untyped-def]
        bad = bytes([*content[:100], content[100] ^ 1, *content[101:]])
        handler.answer(200, bad, handler.own_headers(content))

    server.faults[PATH] = [flipped]
    get(web, server, target, digests=digests)
    assert target.read_bytes() == CONTENT
    server.always[PATH] = flipped
    with pytest.raises(ArchiveError, match="md5 checksum"):
        get(web, server, target, digests=digests)


def test_a_login_page_is_no_file(web: Web, server: ArchiveServer, tmp_path: Path) -> None:
    for name in ("a.fits", "a.fits.gz"):
        server.files[f"/{name}"] = b"<html>Please log in to the hotel's network</html>"
        with pytest.raises(ArchiveError, match=r"FITS|gzip"):
            download(web, f"{server.url}{name}", tmp_path / name, NoProgress())
    assert files_below(tmp_path) == set()


def test_silent_and_trickling_servers(server: ArchiveServer, target: Path) -> None:
    for fault in (silent, trickle):
        server.always[PATH] = fault
        with pytest.raises(ArchiveError, match=r"time-out|bytes came in"):
            get(Web(0.3, retries=0), server, target)
    server.always.clear()
    get(Web(5.0), server, target)
    assert target.read_bytes() == CONTENT


def test_redirections(web: Web, server: ArchiveServer, target: Path) -> None:
    server.files["/elsewhere"] = CONTENT
    server.faults[PATH] = [redirect("/elsewhere")]
    get(web, server, target)
    target.unlink()
    server.always[PATH] = redirect(PATH)
    with pytest.raises(ArchiveError, match="redirects in a circle"):
        get(web, server, target)
    for address in ("file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://x/"):
        server.always[PATH] = redirect(address)
        with pytest.raises(ArchiveError, match="redirects"):
            get(web, server, target)
    assert files_below(target.parent) == set()


def test_an_address_where_nobody_listens(web: Web, tmp_path: Path) -> None:
    closed = ArchiveServer()
    url = f"{closed.url}a.fits"
    closed.close()
    with pytest.raises(ArchiveError, match=r"cannot be reached.*go on"):
        download(web, url, tmp_path / "a.fits", NoProgress())


def test_a_full_disk_is_told_before_and_during(
    web: Web, server: ArchiveServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 1000})()
    with monkeypatch.context() as patched:
        patched.setattr(partial.shutil, "disk_usage", lambda _: usage)
        with pytest.raises(OutputError, match=r"needs .* MB, the disk has 0.0 MB"):
            get(web, server, target)

    def endless(handler, content):  # type: ignore[no-untyped-def]
        handler.send_response(200)
        handler.end_headers()
        while not handler.archive.closing.is_set():
            try:
                handler.wfile.write(b"x" * 100_000)
            except OSError:
                return

    server.always["/endless"] = endless
    free = iter([10**9] * 5 + [0] * 1000)
    with monkeypatch.context() as patched:
        patched.setattr(
            partial.shutil, "disk_usage", lambda _: type("Usage", (), {"free": next(free)})()
        )
        with pytest.raises(OutputError, match="the disk has 0"):
            download(web, f"{server.url}endless", target.with_name("endless"), NoProgress())

    class FullDisk:
        def __init__(self, stream: object) -> None:
            self.stream = stream

        def __getattr__(self, name: str) -> object:
            return getattr(self.stream, name)

        def write(self, data: memoryview) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    original = partial.PartialFile.__init__
    with monkeypatch.context() as patched:
        patched.setattr(
            partial.PartialFile, "__init__",
            lambda self, path, stream: original(self, path, FullDisk(stream)),
        )  # fmt: skip
        with pytest.raises(OutputError, match=r"No space left.*make room"):
            get(web, server, target)
    get(web, server, target)
    assert target.read_bytes() == CONTENT


def test_encodings(web: Web, server: ArchiveServer, target: Path, tmp_path: Path) -> None:
    # the label that old servers give to .gz files
    server.extra_headers[PATH] = {"Content-Encoding": "x-gzip"}
    get(web, server, target)
    assert target.read_bytes() == CONTENT
    server.files["/a.txt"] = b"text"
    server.extra_headers["/a.txt"] = {"Content-Encoding": "gzip"}
    with pytest.raises(ArchiveError, match="encoded"):
        download(web, f"{server.url}a.txt", tmp_path / "a.txt", NoProgress())


def test_documents_are_bounded_and_whole(web: Web, server: ArchiveServer) -> None:
    server.files["/page"] = b"x" * 1000
    server.faults["/page"] = [drop_after(500)]
    assert web.read(f"{server.url}page", 1000).data == b"x" * 1000
    with pytest.raises(ArchiveError, match="more than 999 bytes"):
        web.read(f"{server.url}page", 999)
