"""The one file that the tests of downloads are about."""

import hashlib
from pathlib import Path

from fake_archive import (
    ArchiveServer,
    fits_bytes,
)

from xsurvey.archives.download import CountedProgress, NoProgress, download
from xsurvey.archives.web import Web

NAME = "events.fits.gz"
PATH = f"/data/{NAME}"
CONTENT = fits_bytes(3000, 1)
OTHER = fits_bytes(3000, 2)


def get(web: Web, server: ArchiveServer, target: Path, **more: object) -> CountedProgress:
    progress = CountedProgress(NoProgress())
    record = download(web, server.url.rstrip("/") + PATH, target, progress, **more)  # type: ignore[arg-type]
    assert record.size == target.stat().st_size
    assert record.sha256 == hashlib.sha256(target.read_bytes()).hexdigest()
    return progress
