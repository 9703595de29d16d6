"""Files come whole or not at all, whatever the server does."""

import io
import json
import tempfile
import threading
import time
from email.utils import formatdate
from pathlib import Path

import numpy as np
import pytest
from fake_archive import (
    ArchiveServer,
    drop_after,
    files_below,
    fits_bytes,
    status,
    trickle,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from one_file import CONTENT, NAME, OTHER, PATH, get
from rich import progress as rich_progress
from rich.console import Console

from xsurvey.archives import download as download_module
from xsurvey.archives import partial
from xsurvey.archives.download import NoProgress, download
from xsurvey.archives.progress import BarProgress
from xsurvey.archives.web import Stopped, Web
from xsurvey.errors import ArchiveError, OutputError


def test_a_good_file(web: Web, server: ArchiveServer, target: Path) -> None:
    assert get(web, server, target).bytes == len(CONTENT)
    assert target.read_bytes() == CONTENT
    assert files_below(target.parent) == {NAME}


def test_dropped_connections_are_continued(web: Web, server: ArchiveServer, target: Path) -> None:
    server.faults[PATH] = [drop_after(10_000)]
    progress = get(web, server, target)
    assert target.read_bytes() == CONTENT
    assert server.ranges_asked(PATH) == [None, "bytes=10000-"]
    assert progress.bytes == len(CONTENT)


def test_a_later_run_continues(web: Web, server: ArchiveServer, target: Path) -> None:
    server.always[PATH] = drop_after(12_000)
    server.etags = True
    with pytest.raises(ArchiveError, match="12000 of"):
        get(Web(5.0, retries=0), server, target)
    assert files_below(target.parent) == {f"{NAME}.part", f"{NAME}.part.json"}
    server.always.clear()
    progress = get(web, server, target)
    assert target.read_bytes() == CONTENT
    assert progress.bytes == len(CONTENT) - 12_000
    assert files_below(target.parent) == {NAME}


@pytest.mark.parametrize("etags", [True, False])
def test_a_file_that_changed_is_never_mixed(
    web: Web, server: ArchiveServer, target: Path, etags: bool
) -> None:
    server.etags = etags
    server.faults[PATH] = [drop_after(9_000)]
    with pytest.raises(ArchiveError):
        get(Web(5.0, retries=0), server, target)
    server.files[PATH] = OTHER
    if not etags:
        server.extra_headers[PATH] = {"Last-Modified": "Thu, 01 Jun 2023 00:00:00 GMT"}
    get(web, server, target)
    assert target.read_bytes() == OTHER


def test_servers_that_ignore_if_range_are_noticed(
    web: Web, server: ArchiveServer, target: Path
) -> None:
    server.faults[PATH] = [drop_after(9_000)]
    with pytest.raises(ArchiveError):
        get(Web(5.0, retries=0), server, target)
    server.files[PATH] = OTHER

    def rest_of_another(handler, content):  # type: ignore[no-untyped-def]
        headers = handler.own_headers(content)
        headers["Content-Range"] = f"bytes 9000-{len(content) - 1}/{len(content)}"
        handler.answer(206, content[9_000:], headers)

    server.faults[PATH] = [rest_of_another]
    get(web, server, target)
    assert target.read_bytes() == OTHER


def test_servers_without_ranges_begin_again(web: Web, server: ArchiveServer, target: Path) -> None:
    server.ranges = False
    server.faults[PATH] = [drop_after(10_000)]
    get(web, server, target)
    assert target.read_bytes() == CONTENT


def test_without_validators_a_part_is_not_trusted(
    web: Web, server: ArchiveServer, target: Path
) -> None:
    server.etags = False
    server.extra_headers[PATH] = {"Last-Modified": ""}
    server.faults[PATH] = [drop_after(10_000)]
    get(web, server, target)
    assert target.read_bytes() == CONTENT
    assert server.ranges_asked(PATH) == [None, None]


def test_a_shrunken_file(web: Web, server: ArchiveServer, target: Path) -> None:
    server.faults[PATH] = [drop_after(len(CONTENT) - 1)]
    with pytest.raises(ArchiveError):
        get(Web(5.0, retries=0), server, target)
    small = fits_bytes(10, 3)
    server.files[PATH] = small
    server.faults[PATH] = [status(416, Content_Range=f"bytes */{len(small)}")]
    get(web, server, target)
    assert target.read_bytes() == small


def test_nonsense_beside_the_part_is_not_believed(
    web: Web, server: ArchiveServer, target: Path
) -> None:
    for text in ("", "[]", '{"url": 3}', "\x00"):
        target.with_name(f"{NAME}.part").write_bytes(b"x" * 500)
        target.with_name(f"{NAME}.part.json").write_text(text)
        get(web, server, target)
        assert target.read_bytes() == CONTENT


def test_a_part_that_was_whole_is_only_verified(
    web: Web, server: ArchiveServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(download_module, "verify", interrupted)
        with pytest.raises(KeyboardInterrupt):
            get(web, server, target)
    assert not target.exists()
    assert get(web, server, target).bytes == 0
    assert target.read_bytes() == CONTENT


def test_two_processes_do_not_write_one_file(web: Web, server: ArchiveServer, target: Path) -> None:
    with partial.partial_file(target), pytest.raises(OutputError, match="another process"):
        get(web, server, target)


def test_an_end_keeps_the_part(server: ArchiveServer, target: Path) -> None:
    web = Web(5.0, retries=3)
    server.always[PATH] = trickle
    raised: list[BaseException] = []

    def run() -> None:
        try:
            get(web, server, target)
        except Stopped as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    part = target.with_name(f"{NAME}.part")
    for _ in range(200):
        if part.exists() and part.stat().st_size > 2:
            break
        time.sleep(0.02)
    web.stop.set()
    thread.join(5)
    assert raised
    kept = part.stat().st_size
    assert json.loads(part.with_name(f"{NAME}.part.json").read_text())["size"] == len(CONTENT)
    server.always.clear()
    assert get(Web(5.0), server, target).bytes == len(CONTENT) - kept
    assert target.read_bytes() == CONTENT


def test_progress_earns_new_retries(server: ArchiveServer, tmp_path: Path) -> None:
    content = np.random.default_rng(1).bytes(5_000_000)
    server.files["/big.dat"] = content

    def a_piece(handler, content):  # type: ignore[no-untyped-def]
        wanted = handler.headers.get("Range")
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        headers = handler.own_headers(content)
        headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        rest = content[start:]
        handler.answer(206 if wanted else 200, rest[:1_200_000], headers, length=len(rest))

    server.always["/big.dat"] = a_piece
    target = tmp_path / "big.dat"
    download(Web(5.0, retries=1, first_delay=0.01), f"{server.url}big.dat", target, NoProgress())
    assert target.read_bytes() == content
    assert server.times_asked("/big.dat") == 5


def test_broken_chunks_are_not_the_end(web: Web, server: ArchiveServer, target: Path) -> None:
    def chunked(handler, content):  # type: ignore[no-untyped-def]
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"1000\r\n" + content[:4096] + b"\r\n800\r\n" + content[4096:5000])

    server.faults[PATH] = [chunked]
    get(web, server, target)
    assert target.read_bytes() == CONTENT


def test_bars(web: Web, server: ArchiveServer, target: Path) -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=100)
    with rich_progress.Progress("{task.description}", console=console) as bars:
        shown = BarProgress(bars)
        server.faults[PATH] = [drop_after(5_000)]
        download(web, server.url.rstrip("/") + PATH, target, shown)
        assert bars.finished
        assert bars.tasks == []
        shown.start("[bold]odd[/]", None, 0)
        shown.advance("[bold]odd[/]", 10)
    assert target.read_bytes() == CONTENT


_FAULTS = st.one_of(
    st.integers(0, len(CONTENT)).map(lambda n: ("drop", n)),
    st.sampled_from([("change", 0), ("ranges", 0), ("etags", 0), ("refuse", 503)]),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(_FAULTS, max_size=6))
def test_whatever_happens_the_file_is_the_archives(faults: list[tuple[str, int]]) -> None:
    server = ArchiveServer()
    server.files[PATH] = CONTENT
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / NAME
        for kind, number in faults:
            if kind == "change":
                server.files[PATH] = OTHER if server.files[PATH] == CONTENT else CONTENT
                # within one second dates tell nothing, and a server without ETags has only those
                server.extra_headers[PATH] = {"Last-Modified": formatdate(len(server.asked))}
                continue
            if kind in ("ranges", "etags"):
                setattr(server, kind, not getattr(server, kind))
                continue
            server.faults[PATH] = [drop_after(number) if kind == "drop" else status(number)]
            try:
                download(Web(5.0, retries=0), server.url.rstrip("/") + PATH, target, NoProgress())
            except ArchiveError:
                assert not target.exists()
            else:
                target.unlink()
        server.faults.clear()
        download(Web(5.0, 3, 0.01), server.url.rstrip("/") + PATH, target, NoProgress())
        assert target.read_bytes() == server.files[PATH]
        assert files_below(target.parent) == {NAME}
    server.close()
