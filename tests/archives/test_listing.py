"""Listings of strangers' servers: only plain names of the folder itself."""

import html
import urllib.parse

import pytest
from fake_archive import ArchiveServer
from hypothesis import given
from hypothesis import strategies as st

from xsurvey.archives.integrity import read_checksums
from xsurvey.archives.listing import list_folder, names_in, safe_name
from xsurvey.archives.web import Page, Web

FOLDER = "https://archive.example.org/data/9/"
# as the download area of the survey's archive writes its pages: scripts, links elsewhere, no sizes
SURVEY_PAGE = """<!DOCTYPE html><html lang="en"><head><script type="text/javascript">
  const regexfn = /<a.*>(.+)<\\/a>/; files.push('<a href="evil.fits">evil.fits</a>');</script>
</head><body><a href="https://elsewhere.example.org/dr1/">Main</a><a href="/dr1/erodat/">home</a>
<h2><a href="../../../">/</a><a href="../../">135/</a><a href="./">EXP_010/</a></h2>
<table><tr class="isdir"><td><a href="../">Parent directory</a></td></tr>
<tr class="isfile"><td><a href="em01_134135_020_EventList_c010.fits.gz" class='matomo_download'>
em01_134135_020_EventList_c010.fits.gz</a></td><td>File</td><td>2022-11-17 05:11:25<td>53391851
</td></tr></table></body></html>"""


def names(text: str) -> list[str]:
    files, folders = names_in(Page(FOLDER, text.encode()))
    return [*files, *(f + "/" for f in folders)]


def test_pages_of_archives() -> None:
    assert names(SURVEY_PAGE) == ["em01_134135_020_EventList_c010.fits.gz"]
    apache = (
        '<a href="?C=M;O=A">Last modified</a><a href="/data/">Parent Directory</a>'
        '<a href="primary/">primary/</a><a href="oif.fits">oif.fits</a>'
        '<A HREF="/data/9/absolute.fits">a</A><a href=" spaced.fits ">b</a>'
    )
    assert names(apache) == ["oif.fits", "absolute.fits", "spaced.fits", "primary/"]


@pytest.mark.parametrize(
    "href",
    ["../up.fits", "/etc/passwd", "%2e%2e/up.fits", "%2e%2e%2fup.fits", "..%2f..%2fup.fits",
     "sub/deep.fits", "sub%2fdeep.fits", "a%00.fits", "a%0ab.fits", "a%1b[2Jb.fits", ".hidden",
     "..", "../9/../../x", "https://elsewhere.example.org/data/9/x.fits", "//elsewhere/data/9/x",
     "file:///data/9/x.fits", "javascript:alert(1)", "ftp://archive.example.org/data/9/x.fits",
     "C:%5Cx.fits", "a%5Cb.fits", "%252e%252e%252fx", "x" * 300, "", "#top", "http://[", "a b.fits",
     "$(reboot).fits", "-rf", "http://archive.example.org/data/9/downgraded.fits"],
)  # fmt: skip
def test_hostile_names_are_left_out(href: str) -> None:
    assert names(f'<a href="{html.escape(href)}">x</a>') == []


@given(st.text(max_size=40))
def test_what_is_taken_is_one_segment_of_the_folder(href: str) -> None:
    for name in names(f'<a href="{html.escape(href)}">x</a>'):
        plain = name.removesuffix("/")
        assert safe_name(plain)
        assert urllib.parse.urljoin(FOLDER, plain) == FOLDER + plain


@given(st.binary(max_size=300))
def test_any_bytes_can_be_read(data: bytes) -> None:
    files, folders = names_in(Page(FOLDER, data))
    assert all(map(safe_name, [*files, *folders]))


def test_folders_after_redirections(web: Web, server: ArchiveServer) -> None:
    server.files = {"/real/a.fits": b"x"}
    server.always["/old/"] = lambda h, _: h.answer(301, b"", {"Location": "/real/"})
    assert list_folder(web, f"{server.url}old/") == (f"{server.url}real/", ["a.fits"], [])


def test_checksum_listings() -> None:
    md5, sha = "0" * 31 + "A", "b" * 64
    text = (
        f"{md5}  a.fits\n{md5} *b.fits\n{md5}  ./c.fits\nMD5 (d.fits) = {md5}\n"
        f"{sha}  a.fits\nSHA256 (d.fits)= {sha}\nMD5 (e.fits) = {sha}\nnot a line\n\n"
    )
    low = md5.lower()
    assert read_checksums(text) == {
        "a.fits": {"md5": low, "sha256": sha}, "b.fits": {"md5": low}, "c.fits": {"md5": low},
        "d.fits": {"md5": low, "sha256": sha},
    }  # fmt: skip
