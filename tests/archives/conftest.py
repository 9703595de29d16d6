"""Fixtures of the archives' tests: the fake archive."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fake_archive import (
    ArchiveServer,
    chandra_files,
    erosita_files,
    ixpe_files,
)
from one_file import CONTENT, NAME, PATH

from xsurvey.archives.web import Web


@pytest.fixture
def server() -> Iterator[ArchiveServer]:
    """A server without files."""
    running = ArchiveServer()
    yield running
    running.close()


@pytest.fixture
def target(tmp_path: Path, server: ArchiveServer) -> Path:
    """The place for the one file, which the server has."""
    server.files[PATH] = CONTENT
    return tmp_path / NAME


@pytest.fixture
def web() -> Web:
    """Requests with short waits."""
    return Web(timeout=5.0, retries=3, first_delay=0.01)


@pytest.fixture
def archives(server: ArchiveServer, monkeypatch: pytest.MonkeyPatch) -> ArchiveServer:
    """The server with observations of all archives, which the environment names."""
    server.files = chandra_files() | erosita_files() | ixpe_files()
    for name, folder in (("CHANDRA", "byobsid"), ("EROSITA", "erodat"), ("IXPE", "ixpe")):
        monkeypatch.setenv(f"XSURVEY_ARCHIVE_{name}", f"{server.url}{folder}/")
        monkeypatch.setenv(f"XSURVEY_ARCHIVE_{name}_SEARCH", f"{server.url}search/{name.lower()}")
    for variable in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "no_proxy",
                     "NO_PROXY", "all_proxy", "ALL_PROXY"):  # fmt: skip
        monkeypatch.delenv(variable, raising=False)
    return server
