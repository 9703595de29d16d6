"""The command `fetch` against a server with the archives' folders."""

import base64
import hashlib
import json
import os
import signal
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fake_archive import ArchiveServer, drop_after, files_below, status, trickle

from xsurvey.archives import web as web_module

Call = Callable[..., tuple[int, str, str]]
EVT2 = "/byobsid/4/754/primary/acisf00754N004_evt2.fits.gz"
TILE = "/erodat/156/080/EXP_010/em01_080156_020_EventList_c010.fits.gz"


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_module.Web, "_delay", lambda self, failed, wait: wait or 0.01)


def last_line(error: str) -> str:
    line = error.rstrip("\n").splitlines()[-1]
    assert line.startswith("xsurvey: error: ")
    assert line.count(": ") >= 3
    assert "; " in line
    assert "Traceback" not in error
    return line


def test_chandra(archives: ArchiveServer, call: Call, tmp_path: Path) -> None:
    code, out, error = call("fetch", "chandra:754", "-o", tmp_path, "--json", tmp_path / "f.json")
    assert code == 0, error
    folder = tmp_path / "chandra" / "754"
    assert files_below(folder) == {
        "fetched.json", "primary/acisf00754N004_evt2.fits.gz",
        "primary/acisf00754N004_bpix1.fits.gz", "primary/acisf00754_000N004_fov1.fits.gz",
        "primary/pcadf00754_000N001_asol1.fits.gz", "secondary/acisf00754_000N004_msk1.fits.gz",
    }  # fmt: skip
    events = folder / "primary/acisf00754N004_evt2.fits.gz"
    assert events.read_bytes() == archives.files[EVT2]
    assert str(events) in out.splitlines()
    assert "5 of 5 files fetched" in out
    entry = json.loads((tmp_path / "f.json").read_text())["observations"][0]
    record = next(f for f in entry["files"] if f["product"] == "evt2")
    assert record["url"] == archives.url.rstrip("/") + EVT2
    assert record["sha256"] == hashlib.sha256(archives.files[EVT2]).hexdigest()
    assert record["size"] == events.stat().st_size
    assert record["etag"]


def test_a_second_fetch_has_nothing_to_do(
    archives: ArchiveServer, call: Call, tmp_path: Path
) -> None:
    assert call("fetch", "chandra:754", "-o", tmp_path)[0] == 0
    asked = len(archives.asked)
    code, out, _ = call("fetch", "chandra:00754", "-o", tmp_path)
    assert code == 0
    assert "nothing to do, 5 files verified" in out
    assert len(archives.asked) == asked
    # more products: only those; a damaged file: only that
    code, out, _ = call("fetch", "chandra:754", "-o", tmp_path, "--product", "oif")
    assert "1 of 6 files fetched" in out
    assert archives.times_asked(EVT2) == 1
    path = tmp_path / "chandra/754/primary/acisf00754N004_evt2.fits.gz"
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    code, out, error = call("fetch", "chandra:754", "-o", tmp_path)
    assert code == 0
    assert "is not as it was fetched" in error
    assert "1 of 6 files fetched" in out
    assert path.read_bytes() == archives.files[EVT2]


def test_erosita(archives: ArchiveServer, call: Call, tmp_path: Path) -> None:
    for what in ("erosita:em01_080156", "erosita:080156", "EROSITA:080156"):
        code, _, error = call("fetch", what, "-o", tmp_path)
        assert code == 0, error
    folder = tmp_path / "erosita/080156"
    assert files_below(folder) == {"fetched.json", "EXP_010/em01_080156_020_EventList_c010.fits.gz"}
    code, _, error = call("fetch", "erosita:080156", "-o", tmp_path, "--product", "all")
    assert code == 0, error
    assert len(files_below(folder)) == 2 + 14
    assert "no background" in error
    # tiles of both consortia have another letter
    assert call("fetch", "erosita:em01_083066", "-o", tmp_path)[0] == 0
    assert (tmp_path / "erosita/083066/EXP_010/eb01_083066_020_EventList_c010.fits.gz").exists()


def test_ixpe(archives: ArchiveServer, call: Call, tmp_path: Path) -> None:
    code, _, error = call("fetch", "ixpe:02009001", "-o", tmp_path)
    assert code == 0, error
    assert files_below(tmp_path / "ixpe/02009001") == {
        "fetched.json", "README", *(f"event_l2/ixpe02009001_det{u}_evt2_v02.fits.gz" for u in "123")
    }  # fmt: skip


def test_list_fetches_nothing(archives: ArchiveServer, call: Call, tmp_path: Path) -> None:
    code, out, _ = call("fetch", "chandra:754", "ixpe:02009001", "-o", tmp_path, "--list",
                        "--json", tmp_path / "l.json")  # fmt: skip
    assert code == 0
    assert EVT2 in out
    assert files_below(tmp_path) == {"l.json"}
    assert len(json.loads((tmp_path / "l.json").read_text())["files"]) == 5 + 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["chandra:abc"], ["chandra:abc", "no ObsID"]),
        (["chandra:0"], ["chandra:0"]),
        (["chandra:-1"], ["chandra:-1"]),
        (["chandra:123456"], ["123456"]),
        (["chandra:../../etc"], ["no ObsID"]),
        (["chandra:\u0661"], ["no ObsID"]),
        (["nosuch:1"], ["nosuch:1", "use one of"]),
        (["chandr:1"], ["did you mean 'chandra'"]),
        (["erosita:em01_999999"], ["not on the sky"]),
        (["erosita:em01_080181"], ["not on the sky"]),
        (["erosita:em02_080156"], ["no sky tile"]),
        (["ixpe:2009001"], ["eight digits"]),
        ([""], ["MISSION:ID"]),
        (["754"], ["MISSION:ID"]),
        (["cone"], ["RA,DEC,RADIUS"]),
        (["cone", "10,20,30"], ["unit"]),
        (["cone", "10,95,3arcmin"], ["not on the sky"]),
        (["cone", "10,20,1arcmin", "--mission", "nosuch"], ["--mission", "nosuch"]),
        (["cone", "10,20,1arcmin", "--base-url", "http://127.0.0.1/"], ["--base-url"]),
        (["chandra:754", "--product", "evt"], ["--product", "evt1"]),
        (["chandra:754", "--base-url", "file:///etc/"], ["--base-url", "http"]),
        (["chandra:754", "--base-url", "ftp://x/"], ["--base-url"]),
        (["chandra:754", "--base-url", "http://me:secret@127.0.0.1/"], ["--base-url"]),
        (["cone", "1,2,1arcmin", "--mission", "ixpe", "--search-url", "data:x"], ["--search-url"]),
        (["chandra:754", "ixpe:02009001", "--base-url", "http://127.0.0.1/"], ["one archive"]),
        (["chandra:754", "--mission", "chandra"], ["--mission"]),
        (["chandra:754", "--parallel", "9"], ["--parallel"]),
        (["chandra:754", "--timeout", "5"], ["--timeout", "unit"]),
    ],
)
def test_bad_input(
    arguments: list[str], words: list[str], archives: ArchiveServer, call: Call, tmp_path: Path
) -> None:
    code, _, error = call("fetch", *arguments, "-o", tmp_path / "out")
    assert code == 2
    line = last_line(error)
    assert all(word in line for word in words), line
    assert not (tmp_path / "out").exists()
    assert archives.asked == []


def test_no_such_observation(archives: ArchiveServer, call: Call, tmp_path: Path) -> None:
    code, _, error = call("fetch", "chandra:99999", "-o", tmp_path)
    assert code == 2
    line = last_line(error)
    assert "chandra:99999" in line
    assert "404" in line
    assert files_below(tmp_path) == set()
    archives.always["/byobsid/4/754/primary/"] = status(403)
    code, _, error = call("fetch", "chandra:754", "-o", tmp_path)
    assert code == 2
    assert "403" in last_line(error)


def test_an_observation_without_its_events(
    archives: ArchiveServer, call: Call, tmp_path: Path
) -> None:
    del archives.files[EVT2]
    code, _, error = call("fetch", "chandra:754", "-o", tmp_path)
    assert code == 2
    assert "evt2" in last_line(error)


def test_one_of_several_that_fails(archives: ArchiveServer, call: Call, tmp_path: Path) -> None:
    code, _, error = call("fetch", "chandra:1", "chandra:2", "ixpe:02009001", "-o", tmp_path,
                          "--json", tmp_path / "f.json")  # fmt: skip
    assert code == 2
    assert "chandra:1" in last_line(error)
    assert "note: chandra:2" in error
    result = json.loads((tmp_path / "f.json").read_text())
    assert [f["subject"] for f in result["failed"]] == ["chandra:1", "chandra:2"]
    assert [o["observation"] for o in result["observations"]] == ["ixpe:02009001"]
    assert (tmp_path / "ixpe/02009001/fetched.json").exists()


def test_an_interrupted_fetch_goes_on(archives: ArchiveServer, call: Call, tmp_path: Path) -> None:
    archives.always[TILE] = drop_after(5_000)
    code, _, error = call("fetch", "erosita:080156", "-o", tmp_path, "--retries", 0)
    assert code == 2
    line = last_line(error)
    assert TILE in line
    assert "go on" in line
    archives.always.clear()
    assert call("fetch", "erosita:080156", "-o", tmp_path)[0] == 0
    assert archives.ranges_asked(TILE)[-1] == "bytes=5000-"
    path = tmp_path / "erosita/080156/EXP_010" / Path(TILE).name
    assert path.read_bytes() == archives.files[TILE]


def test_checksums_of_the_folder(archives: ArchiveServer, call: Call, tmp_path: Path) -> None:
    listing = "/byobsid/4/754/primary/md5sums.txt"
    good = hashlib.md5(archives.files[EVT2]).hexdigest()
    archives.files[listing] = f"{good}  {Path(EVT2).name}\n".encode()
    assert call("fetch", "chandra:754", "-o", tmp_path / "a")[0] == 0
    archives.files[listing] = f"{'0' * 32}  {Path(EVT2).name}\n".encode()
    code, _, error = call("fetch", "chandra:754", "-o", tmp_path / "b")
    assert code == 2
    assert "md5" in last_line(error)
    assert not list((tmp_path / "b").rglob("*evt2*"))


def test_hostile_listings(archives: ArchiveServer, call: Call, tmp_path: Path) -> None:
    archives.pages["/byobsid/4/754/primary/"] = (
        "<script>document.location='file:///etc/passwd'</script>"
        '<a href="../../../../acisf00754N004_evt2.fits.gz">up</a>'
        '<a href="%2e%2e%2facisf00754N005_evt2.fits.gz">up</a>'
        '<a href="http://elsewhere.invalid/acisf00754N006_evt2.fits.gz">elsewhere</a>'
        f'<a href="{Path(EVT2).name}">good</a><a href="acisf007540N004_evt2.fits.gz">other id</a>'
    )
    code, _, error = call("fetch", "chandra:754", "-o", tmp_path, "--product", "evt2")
    assert code == 0, error
    assert files_below(tmp_path) == {
        "chandra/754/fetched.json",
        "chandra/754/primary/acisf00754N004_evt2.fits.gz",
    }


def test_an_archive_that_moved(archives: ArchiveServer, call: Call, tmp_path: Path,
                               monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    from xsurvey.archives import get_archive

    monkeypatch.delenv("XSURVEY_ARCHIVE_EROSITA")
    bases = (f"{archives.url}gone/", f"{archives.url}erodat/")
    monkeypatch.setattr(type(get_archive("erosita", "")), "bases", bases)
    code, _, error = call("fetch", "erosita:080156", "-o", tmp_path)
    assert code == 0
    assert "is not at" in error
    # the address given alone is asked where one is given
    code, _, error = call("fetch", "erosita:083066", "-o", tmp_path, "--base-url", bases[0])
    assert code == 2


def test_folders_that_cannot_be_written(
    archives: ArchiveServer, call: Call, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a folder")
    code, _, error = call("fetch", "ixpe:02009001", "-o", tmp_path / "file")
    assert code == 2
    assert "cannot be made" in last_line(error)
    assert archives.asked == []
    folder = tmp_path / "ixpe" / "02009001"
    folder.mkdir(parents=True)
    for text in ("no json", "[]", '{"format": 99}', json.dumps({
        "format": 1, "observation": "ixpe:02009001", "products": [],
        "files": {"../../evil": {"product": "x"}},
    }), json.dumps({
        "format": 1, "observation": "ixpe:02009001", "products": [],
        "files": {"README": {"product": "readme", "url": "", "size": "3", "sha256": "", "date": "",
                             "etag": None, "last_modified": None}},
    }), json.dumps({"format": 1, "observation": "ixpe:1", "products": [],
                     "files": {}})):  # fmt: skip
        (folder / "fetched.json").write_text(text)
        code, _, error = call("fetch", "ixpe:02009001", "-o", tmp_path)
        assert code == 2
        assert "fetched.json" in last_line(error)


def test_archives_that_hold_tar_files_are_unpacked(
    archives: ArchiveServer, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io
    import tarfile

    from xsurvey.archives import get_archive
    from xsurvey.archives.base import Product

    def packed(name: str) -> bytes:
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w:gz") as tar:
            info = tarfile.TarInfo(name)
            info.size = 3
            tar.addfile(info, io.BytesIO(b"abc"))
        return stream.getvalue()

    products = (Product("pack", "", r"pack\.tar\.gz", "everything", required=True),)
    monkeypatch.setattr(type(get_archive("ixpe", "")), "products", products)
    archives.files["/ixpe/02/02009001/pack.tar.gz"] = packed("inner/a.txt")
    assert call("fetch", "ixpe:02009001", "-o", tmp_path)[0] == 0
    assert (tmp_path / "ixpe/02009001/pack/inner/a.txt").read_text() == "abc"
    archives.files["/ixpe/02/02009001/pack.tar.gz"] = packed("../../evil.txt")
    code, _, error = call("fetch", "ixpe:02009001", "-o", tmp_path / "b")
    assert code == 2
    assert "evil.txt" in last_line(error)
    assert not list(tmp_path.rglob("evil*"))
    assert files_below(tmp_path / "b") == set()


class Proxy(socketserver.StreamRequestHandler):
    """Forwards GET requests, and records them and their credentials."""

    def handle(self) -> None:
        import urllib.request

        _, url, _ = self.rfile.readline().decode().split(" ")
        while (line := self.rfile.readline().decode().strip()) != "":
            if line.lower().startswith("proxy-authorization"):
                self.server.credentials.append(line.split(" ")[-1])  # type: ignore[attr-defined]
        self.server.urls.append(url)  # type: ignore[attr-defined]
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url) as response:
            body = response.read()
        self.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


@pytest.fixture
def proxy() -> Iterator[socketserver.TCPServer]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Proxy) as running:
        running.daemon_threads = True
        running.urls, running.credentials = [], []  # type: ignore[attr-defined]
        threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
        yield running
        running.shutdown()


def test_proxies_are_honoured(
    archives: ArchiveServer, proxy: socketserver.TCPServer, call: Call, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("HTTP_PROXY", f"http://me:secret@127.0.0.1:{proxy.server_address[1]}")
    code, _, error = call("fetch", "erosita:080156", "-o", tmp_path / "a")
    assert code == 0, error
    assert f"{archives.url.rstrip('/')}{TILE}" in proxy.urls  # type: ignore[attr-defined]
    sent = base64.b64decode(proxy.credentials[0])  # type: ignore[attr-defined]
    assert sent == b"me:secret"
    seen = len(proxy.urls)  # type: ignore[attr-defined]
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert call("fetch", "erosita:080156", "-o", tmp_path / "b")[0] == 0
    assert len(proxy.urls) == seen  # type: ignore[attr-defined]
    monkeypatch.delenv("NO_PROXY")
    code, out, _ = call("doctor", "--json", tmp_path / "d.json")
    assert code == 0
    assert "secret" not in out + (tmp_path / "d.json").read_text()
    assert "127.0.0.1" in json.loads((tmp_path / "d.json").read_text())["proxies"]["http"]


def test_certificates_are_verified(
    archives: ArchiveServer, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil
    import ssl

    if shutil.which("openssl") is None:
        pytest.skip("no openssl program to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    archives.httpd.socket = context.wrap_socket(archives.httpd.socket, server_side=True)
    base = archives.url.replace("http:", "https:") + "erodat/"
    arguments = ["fetch", "erosita:080156", "-o", tmp_path / "out", "--base-url", base]
    code, _, error = call(*arguments)
    assert code == 2
    assert "certificate cannot be verified" in last_line(error)
    assert archives.asked == []
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    code, _, error = call(*arguments)
    assert code == 0, error


def test_ctrl_c_keeps_the_part(archives: ArchiveServer, tmp_path: Path) -> None:
    archives.always[TILE] = trickle
    process = subprocess.Popen(
        [sys.executable, "-c", "from xsurvey.cli.main import main; main()", "fetch",
         "erosita:080156", "-o", str(tmp_path)],
        stderr=subprocess.PIPE, text=True, env=os.environ,
    )  # fmt: skip
    part = tmp_path / "erosita/080156/EXP_010" / f"{Path(TILE).name}.part"
    for _ in range(1500):
        if part.exists() and part.stat().st_size > 3:
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert error.splitlines()[-1].startswith("xsurvey: error: interrupted")
    assert part.stat().st_size > 3
    assert not part.with_suffix("").exists()


def test_doctor_says_what_is_public(archives: ArchiveServer, call: Call, tmp_path: Path) -> None:
    code, out, _ = call("doctor", "--json", tmp_path / "d.json")
    assert code == 0
    assert archives.asked == []
    assert "xsurvey fetch chandra:754" in out
    assert f"{archives.url}erodat/" in out
    entries = {e["name"]: e for e in json.loads((tmp_path / "d.json").read_text())["archives"]}
    assert entries["ixpe"]["base_urls"] == [f"{archives.url}ixpe/"]
    assert entries["ixpe"]["answers"] is None
    assert not entries["ixpe"]["own_address"]
    archives.always["/ixpe/"] = status(500)
    code, out, _ = call("doctor", "--online", "--json", tmp_path / "d.json")
    assert code == 0
    entries = {e["name"]: e for e in json.loads((tmp_path / "d.json").read_text())["archives"]}
    assert entries["chandra"]["answers"] is True
    assert entries["ixpe"]["answers"] is False
    assert "answers 500" in out


def test_progress_is_lines_in_a_log_and_nothing_when_quiet(
    archives: ArchiveServer,
    call: Call,
    run_command: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
) -> None:
    done = run_command("fetch", "ixpe:02009001", "-o", tmp_path / "b")
    assert done.returncode == 0
    lines = done.stderr.splitlines()
    assert "xsurvey: INFO: README: whole and verified" in lines
    assert len(done.stdout.splitlines()) == 4 + 1
    assert not [line for line in lines if "\x1b" in line]
    _, _, error = call("-q", "fetch", "ixpe:02009001", "-o", tmp_path / "a")
    assert error == ""
