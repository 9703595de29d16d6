"""A web server with the archives' folders, on the loopback, that can be told to misbehave."""

import gzip
import hashlib
import io
import threading
import time
import urllib.parse
from collections.abc import Callable
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from astropy.io import fits

MODIFIED = formatdate(1_500_000_000, usegmt=True)
Fault = Callable[["Handler", bytes], None]


def fits_bytes(rows: int = 2000, seed: int = 0) -> bytes:
    """Return a small FITS table, gzipped."""
    generator = np.random.default_rng(seed)
    column = fits.Column("TIME", "D", array=generator.random(rows))
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns([column])]).writeto(stream)
    return gzip.compress(stream.getvalue(), mtime=0)


class ArchiveServer:
    """Files by path, faults by path, and what was asked."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.pages: dict[str, str] = {}
        self.extra_headers: dict[str, dict[str, str]] = {}
        self.faults: dict[str, list[Fault]] = {}
        self.always: dict[str, Fault] = {}
        self.etags = True
        self.ranges = True
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.closing = threading.Event()
        self.httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.httpd.daemon_threads = True
        self.httpd.archive = self  # type: ignore[attr-defined]
        self.thread = threading.Thread(target=self.httpd.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.httpd.server_address[1]}/"

    def close(self) -> None:
        self.closing.set()
        self.httpd.shutdown()
        self.httpd.server_close()

    def ranges_asked(self, path: str) -> list[str | None]:
        return [headers.get("Range") for asked, headers in self.asked if asked == path]

    def times_asked(self, path: str) -> int:
        return len(self.ranges_asked(path))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    @property
    def archive(self) -> ArchiveServer:
        return self.server.archive  # type: ignore[attr-defined]

    def do_GET(self) -> None:
        path = urllib.parse.urlsplit(self.path).path
        archive = self.archive
        archive.asked.append((path, dict(self.headers)))
        self.close_connection = True
        content = archive.files.get(path, b"")
        if archive.faults.get(path):
            archive.faults[path].pop(0)(self, content)
        elif path in archive.always:
            archive.always[path](self, content)
        elif path in archive.pages:
            self.answer(200, archive.pages[path].encode(), {"Content-Type": "text/html"})
        elif path in archive.files:
            self.give(content)
        elif any(name.startswith(path) for name in archive.files) and path.endswith("/"):
            self.answer(200, self.listing(path).encode(), {"Content-Type": "text/html"})
        else:
            self.answer(404, b"no such file", {})

    def listing(self, folder: str) -> str:
        below = {name[len(folder) :] for name in self.archive.files if name.startswith(folder)}
        names = sorted({b.split("/")[0] + ("/" if "/" in b else "") for b in below})
        rows = "".join(f'<tr><td><a href="{n}">{n}</a></td></tr>\n' for n in names)
        return (
            f"<html><body><h1>Index of {folder}</h1><table>"
            '<tr><th><a href="?C=N;O=D">Name</a></th></tr>'
            f'<tr><td><a href="../">Parent Directory</a></td></tr>{rows}</table></body></html>'
        )

    def own_headers(self, content: bytes) -> dict[str, str]:
        path = urllib.parse.urlsplit(self.path).path
        headers = {"Last-Modified": MODIFIED}
        if self.archive.etags:
            headers["ETag"] = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        return headers | self.archive.extra_headers.get(path, {})

    def give(self, content: bytes) -> None:
        """Answer as a good server does, with ranges."""
        headers = self.own_headers(content)
        wanted, condition = self.headers.get("Range"), self.headers.get("If-Range")
        same = condition in (None, headers.get("ETag"), headers["Last-Modified"])
        if not wanted or not self.archive.ranges or not same:
            self.answer(200, content, headers)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-"))
        if start >= len(content):
            self.answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
            return
        headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self.answer(206, content[start:], headers)

    def answer(
        self, status: int, body: bytes, headers: dict[str, str], length: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body) if length is None else length)}
                            | headers).items():  # fmt: skip
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def drop_after(size: int) -> Fault:
    """Close the connection after so many bytes of a full answer."""

    def fault(handler: Handler, content: bytes) -> None:
        headers = handler.own_headers(content)
        handler.answer(200, content[:size], headers, length=len(content))

    return fault


def status(code: int, **headers: str) -> Fault:
    def fault(handler: Handler, content: bytes) -> None:
        handler.answer(code, b"sorry", {k.replace("_", "-"): v for k, v in headers.items()})

    return fault


def redirect(address: str) -> Fault:
    return status(302, Location=address)


def trickle(handler: Handler, content: bytes) -> None:
    """Send a byte now and then."""
    handler.send_response(200)
    for name, value in {**handler.own_headers(content), "Content-Length": len(content)}.items():
        handler.send_header(name, str(value))
    handler.end_headers()
    for place in range(len(content)):
        if handler.archive.closing.is_set():
            return
        try:
            handler.wfile.write(content[place : place + 1])
        except OSError:
            return
        time.sleep(0.05)


def silent(handler: Handler, content: bytes) -> None:
    handler.archive.closing.wait(20)


def chandra_files(seed: int = 0) -> dict[str, bytes]:
    root = "/byobsid/4/754"
    names = {
        f"{root}/primary/acisf00754N004_evt2.fits.gz": fits_bytes(2000, seed),
        f"{root}/primary/acisf00754N004_bpix1.fits.gz": fits_bytes(10, seed + 1),
        f"{root}/primary/acisf00754_000N004_fov1.fits.gz": fits_bytes(11, seed + 2),
        f"{root}/primary/pcadf00754_000N001_asol1.fits.gz": fits_bytes(500, seed + 3),
        f"{root}/primary/acisf00754N004_cntr_img2.jpg": b"a picture",
        f"{root}/secondary/acisf00754_000N004_msk1.fits.gz": fits_bytes(12, seed + 4),
        f"{root}/secondary/acisf00754_000N004_evt1.fits.gz": fits_bytes(3000, seed + 5),
        f"{root}/oif.fits": gzip.decompress(fits_bytes(5, seed + 6)),
    }
    return names


def erosita_files() -> dict[str, bytes]:
    root = "/erodat/156/080"
    files = {f"{root}/EXP_010/em01_080156_020_EventList_c010.fits.gz": fits_bytes(900, 20)}
    for band in "1234567":
        files[f"{root}/EXP_010/em01_080156_02{band}_Image_c010.fits.gz"] = fits_bytes(5, 21)
        files[f"{root}/DET_010/em01_080156_02{band}_ExposureMap_c010.fits.gz"] = fits_bytes(5, 22)
    files["/erodat/066/083/EXP_010/eb01_083066_020_EventList_c010.fits.gz"] = fits_bytes(800, 23)
    return files


def ixpe_files() -> dict[str, bytes]:
    root = "/ixpe/02/02009001"
    files = {f"{root}/README": b"Known issues: none.\n"}
    for unit in "123":
        files[f"{root}/event_l2/ixpe02009001_det{unit}_evt2_v02.fits.gz"] = fits_bytes(300, 30)
    files[f"{root}/event_l2/ixpe02009001_det1_evt2_v01.fits.gz"] = fits_bytes(300, 31)
    files[f"{root}/hk/ixpe02009001_all_orb_v07.fits.gz"] = fits_bytes(40, 32)
    return files


def files_below(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir()}
