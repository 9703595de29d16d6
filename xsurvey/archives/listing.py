"""Directory listings of web servers: which files a folder has.

Listings come from strangers. A name is taken only if it is one plain path segment directly
in the folder, and addresses are built from the folder's and that name, never from the page.
"""

from __future__ import annotations

import re
import urllib.parse
from html.parser import HTMLParser

from xsurvey.archives.web import Page, Web

_LIMIT = 4 * 1024 * 1024
_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+\-]{0,199}")


def safe_name(name: str) -> bool:
    """Tell whether a decoded name is one harmless path segment.

    Examples
    --------
    >>> safe_name("acisf00754N004_evt2.fits.gz"), safe_name("../evt2.fits"), safe_name("a/b")
    (True, False, False)
    """
    return _SAFE.fullmatch(name) is not None


def names_in(page: Page) -> tuple[list[str], list[str]]:
    """Return the names of the files and of the folders that a listing links to.

    Parameters
    ----------
    page : Page
        HTML of the listing; the address ends with a slash or with an index page.

    Returns
    -------
    tuple of list of str
        Files and folders, in the order of the page, each once. Links that leave the folder,
        and names that are no plain path segment, are left out.
    """
    links = _Links()
    links.feed(page.data.decode("utf-8", errors="replace"))
    links.close()
    base = urllib.parse.urlsplit(page.url)
    folder = base.path[: base.path.rfind("/") + 1]
    files: dict[str, None] = {}
    folders: dict[str, None] = {}
    for href in links.found:
        try:
            target = urllib.parse.urlsplit(urllib.parse.urljoin(page.url, href.strip()))
        except ValueError:
            continue
        if (target.scheme, target.netloc) != (base.scheme, base.netloc) or target.query:
            continue
        if not target.path.startswith(folder):
            continue
        name = urllib.parse.unquote(target.path[len(folder) :], errors="replace")
        kind = folders if name.endswith("/") else files
        if safe_name(name.removesuffix("/")):
            kind[name.removesuffix("/")] = None
    return list(files), list(folders)


def list_folder(web: Web, url: str) -> tuple[str, list[str], list[str]]:
    """Return a folder's address after redirections, its files and its folders.

    Parameters
    ----------
    web : Web
    url : str
        Address of the folder, ending with a slash.

    Raises
    ------
    ArchiveError
        There is no such folder, or no answer.
    """
    page = web.read(url, _LIMIT)
    files, folders = names_in(page)
    place = urllib.parse.urlsplit(page.url)
    parent = place._replace(path=place.path[: place.path.rfind("/") + 1], query="", fragment="")
    return parent.geturl(), files, folders


class _Links(HTMLParser):
    """Collects the targets of links."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an anchor's href."""
        if tag == "a":
            self.found += [value for name, value in attrs if name == "href" and value]
