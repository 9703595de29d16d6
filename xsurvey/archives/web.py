"""HTTP as archives need it: proxies and TLS of the environment, time-outs, retries.

The standard library's urllib carries it: the plain installation has no HTTP library, and what
is asked here (GET, ranges, proxies with CONNECT, verified TLS) is all in it.
"""

from __future__ import annotations

import email.utils
import http.client
import logging
import random
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from xsurvey.errors import ArchiveError, ParameterError

logger = logging.getLogger(__name__)

_CHUNK = 256 * 1024
_PROGRESS = 1024 * 1024  # a connection that brought this much was worth another full try
_SLOWEST = 256.0  # byte / s over a time-out; less is a server that only keeps the line open
_LONGEST_DELAY, _LONGEST_WAIT = 60.0, 300.0  # s: our own back-off, and what a server may ask
_RETRIED = {408, 425, 429, 500, 502, 503, 504}
_GO_ON = "run the same command again to go on where it stopped"

Result = TypeVar("Result")


class Transient(Exception):
    """A failure that may pass: the cause, and the seconds to wait if the server said so."""

    def __init__(self, cause: str, wait: float | None = None) -> None:
        super().__init__(cause)
        self.cause = cause
        self.wait = wait


class Stopped(Exception):
    """The user or a failure elsewhere asked for an end."""


class Page(NamedTuple):
    """A document, and the address that it came from after redirections."""

    url: str
    data: bytes


@dataclass
class Web:
    """How requests are made.

    Attributes
    ----------
    timeout : float
        Seconds without (noteworthy) data after which a connection is given up.
    retries : int
        How often a failed request is repeated.
    first_delay : float
        Seconds before the first repetition; doubled each time, with a random factor so that
        many clients do not come back together.
    stop : threading.Event
        Set to end all requests.
    """

    timeout: float = 60.0
    retries: int = 5
    first_delay: float = 1.0
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._opener = _opener()

    def read(self, url: str, limit: int) -> Page:
        """Return a document of at most ``limit`` bytes.

        Raises
        ------
        ArchiveError
            It cannot be had, or is longer.
        """

        def attempt() -> Page:
            with self.open(url, {}) as response, failures(url):
                data = response.read(limit + 1)
                # http.client gives what came before the line broke, and says nothing
                if response.length and len(data) <= limit:
                    raise Transient("the connection ended early")
                return Page(response.url, data)

        page = self.retrying(url, attempt)
        if len(page.data) > limit:
            raise ArchiveError(shown(url), f"sends more than {limit} bytes", "check the address")
        return page

    def open(self, url: str, headers: Mapping[str, str], accept: tuple[int, ...] = ()) -> Any:
        """Return the open response to a GET; the status is 200, 206 or one of ``accept``.

        Raises
        ------
        Transient
            What may go better next time.
        ArchiveError
            What will not.
        """
        from xsurvey import __version__  # noqa: PLC0415 - the package imports this room

        if self.stop.is_set():
            raise Stopped
        check_address(url)
        given = {"User-Agent": f"xsurvey/{__version__}", "Accept-Encoding": "identity", **headers}
        request = urllib.request.Request(url, headers=given)  # noqa: S310 - scheme checked
        with failures(url):
            try:
                return self._opener.open(request, timeout=self.timeout)
            except urllib.error.HTTPError as error:
                if error.code in accept:
                    return error
                raise

    def chunks(self, response: Any, url: str) -> Iterator[bytes]:
        """Yield the body as it comes, until it or the connection ends.

        Raises
        ------
        Transient
            Nothing, or next to nothing, came within the time-out.
        Stopped
            An end was asked for.
        """
        since, received = time.monotonic(), 0
        while True:
            if self.stop.is_set():
                raise Stopped
            with failures(url):
                chunk = response.read1(_CHUNK)
            if not chunk:
                return
            yield chunk
            received += len(chunk)
            passed = time.monotonic() - since
            if passed > self.timeout:
                if received < _SLOWEST * passed:
                    raise Transient(f"only {received} bytes came in {passed:.0f} s")
                since, received = time.monotonic(), 0

    def retrying(
        self, url: str, attempt: Callable[[], Result], reached: Callable[[], int] = lambda: 0
    ) -> Result:
        """Call ``attempt`` until it does not raise `Transient`, a bounded number of times.

        Parameters
        ----------
        url : str
            For messages.
        attempt : callable
            Does the request.
        reached : callable
            Bytes had so far; after good progress the count of retries starts anew.

        Raises
        ------
        ArchiveError
            All attempts failed.
        """
        failed, before = 0, reached()
        while True:
            try:
                return attempt()
            except Transient as error:
                failure = error
            if reached() - before >= _PROGRESS:
                failed = 0
            failed, before = failed + 1, reached()
            if failed > self.retries:
                raise ArchiveError(shown(url), failure.cause, _GO_ON)
            delay = self._delay(failed, failure.wait)
            if delay > _LONGEST_WAIT:
                raise ArchiveError(
                    shown(url),
                    f"{failure.cause} and asks to wait {delay:.0f} s",
                    "run again after that",
                )
            logger.info("%s: %s; again in %.1f s", shown(url), failure.cause, delay)
            if self.stop.wait(delay):
                raise Stopped

    def _delay(self, failed: int, wait: float | None) -> float:
        if wait is not None:
            return wait
        jitter = random.uniform(0.5, 1.0)  # noqa: S311 - politeness, not secrecy
        return float(min(self.first_delay * 2 ** (failed - 1), _LONGEST_DELAY) * jitter)


def check_address(url: str, subject: str | None = None) -> str:
    """Return an address if it is one of http or https with a host.

    Raises
    ------
    ParameterError
        It is not.
    """
    try:
        parts = urllib.parse.urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        good = good and parts.username is None  # it would be shown, kept and sent in the clear
    except ValueError:
        good = False
    if not good or any(c.isspace() or not c.isprintable() for c in url):
        raise ParameterError(
            subject or "address", f"'{url}' is not an http or https address",
            "give one such as https://archive.example.org/data/",
        )  # fmt: skip
    return url


def shown(url: str) -> str:
    """Return an address for messages: a query to a service can be longer than a line."""
    return url.partition("?")[0]


@contextmanager
def failures(url: str) -> Iterator[None]:
    """Turn what urllib and the sockets raise into `Transient` or `ArchiveError`."""
    url = shown(url)
    try:
        yield
    except urllib.error.HTTPError as error:
        with error:
            raise _status_failure(url, error) from None
    except urllib.error.URLError as error:
        raise _connection_failure(url, error.reason) from None
    except http.client.InvalidURL as error:
        raise ArchiveError(url, f"is not an address ({error})", "check the address") from None
    except (http.client.HTTPException, OSError) as error:
        raise _connection_failure(url, error) from None


def _status_failure(url: str, error: urllib.error.HTTPError) -> Exception:
    said = f"answers {error.code} {http.client.responses.get(error.code, '')}".strip()
    if error.code in _RETRIED:
        return Transient(f"the server {said}", _retry_after(error.headers.get("Retry-After")))
    if error.code in (404, 410):
        return NotThereError(url, f"is not there ({said})", "check the name and the address")
    if error.code in (401, 403):
        return ArchiveError(
            url, f"the server refuses it ({said})", "check that the observation is public"
        )
    if error.code == 407:
        return ArchiveError(url, f"the proxy {said}", "put user and password into the proxy's URL")
    if 300 <= error.code < 400:
        cause = "redirects in a circle, or to something that is not http or https"
        return ArchiveError(url, cause, "check the address, or give a mirror with --base-url")
    return ArchiveError(url, f"the server {said}", "check the address")


class NotThereError(ArchiveError):
    """The archive answers that it has no such file or folder."""


def _connection_failure(url: str, reason: object) -> Exception:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return ArchiveError(
            url, f"its certificate cannot be verified ({reason.verify_message})",
            "check the clock and the certificates; SSL_CERT_FILE names a file of trusted ones",
        )  # fmt: skip
    if isinstance(reason, TimeoutError):
        return Transient("no answer within the time-out")
    if isinstance(reason, http.client.HTTPException):
        return Transient(f"the connection broke ({type(reason).__name__})")
    text = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    return Transient(f"cannot be reached ({text})")


def _retry_after(value: str | None) -> float | None:
    """Return the seconds of a Retry-After header (RFC 9110, 10.2.3), None if it has none."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        date = email.utils.parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    return max(0.0, date.timestamp() - time.time())


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follow a bounded number of redirections, never out of http(s) nor from https to http."""

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """Check the new address."""
        old, new = urllib.parse.urlsplit(req.full_url), urllib.parse.urlsplit(newurl)
        if new.scheme not in ("http", "https") or (old.scheme, new.scheme) == ("https", "http"):
            raise ArchiveError(
                req.full_url, f"redirects to {newurl}, which is not safe",
                "check the address, or give a mirror with --base-url",
            )  # fmt: skip
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    # built by hand: build_opener would also open files, data: and ftp addresses
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


def answers(url: str, timeout: float = 10.0) -> str:
    """Return why an address does not answer, an empty text if it does."""
    try:
        with Web(timeout, retries=0).open(url, {}):
            return ""
    except Transient as error:
        return error.cause
    except ArchiveError as error:
        return error.cause


def proxies_seen() -> dict[str, str]:
    """Return the proxies that the environment names, without user names and passwords."""
    seen = {}
    for scheme, address in urllib.request.getproxies_environment().items():
        head, at, tail = address.rpartition("@")
        scheme_part = head.partition("://")[0] + "://" if "://" in head else ""
        seen[scheme] = f"{scheme_part}...@{tail}" if at else address
    return seen
