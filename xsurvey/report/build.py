"""The page: one HTML file that needs nothing else and sends nothing anywhere."""

import base64
import hashlib
import os
from collections.abc import Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from xsurvey import __version__
from xsurvey.io.atomic import atomic_output
from xsurvey.report.data import ReportData
from xsurvey.report.numbers import duration_text
from xsurvey.report.page import (
    TargetPage,
    key_numbers,
    menu_names,
    population,
    relative_link,
    stage_timings,
    target_page,
)
from xsurvey.report.table import glossary

_LISTED = 1000
"""Tasks that a list of the page has at most."""


def write_report(path: str | os.PathLike[str], data: ReportData) -> None:
    """Write the report of a run as one HTML file.

    Parameters
    ----------
    path : path
        The page; replaced when it is complete.
    data : ReportData
        What it shows. Images that cannot be read are named on the page.

    Raises
    ------
    OutputError
        The page cannot be written there.
    """
    page = render_report(data)
    with atomic_output(path) as temporary:
        temporary.write_bytes(page.encode("utf-8", "replace"))


def render_report(data: ReportData) -> str:
    """Return the page as text.

    Everything that comes from ``data`` is escaped. A content security policy allows only the
    page's own script and style, by their hashes, and embedded images: a browser that met other
    code in the page would not run it, nor fetch anything.
    """
    pages = [target_page(t, i, len(data.targets)) for i, t in enumerate(data.targets)]
    return page_text("report.html.j2", data, pages, list(key_numbers(data, pages)))


def page_text(
    template: str, data: ReportData, pages: Sequence[TargetPage],
    keys: Sequence[tuple[str, str, str]], **more: Any,
) -> str:  # fmt: skip
    """Return a page of a run as text.

    Parameters
    ----------
    template : str
        ``report.html.j2``, or one that extends it.
    data : ReportData
    pages : sequence of TargetPage
    keys : sequence of (str, str, str)
        Label, number and remark of what a reader asks first.
    more
        For templates that extend it.
    """
    environment = _environment()
    return environment.get_template(template).render(
        data=data, pages=pages, menu=menu_names(pages), version=__version__,
        style_hash=_hash(environment, "report.css"), script_hash=_hash(environment, "report.js"),
        key_numbers=keys, population=population([t.sources for t in data.targets]),
        stages=stage_timings(data.timings), listed=_LISTED,
        glossary=glossary(data.table) if data.table is not None else [], **more,
    )  # fmt: skip


@cache
def _environment() -> Environment:
    """Return what templates are compiled in, once a process."""
    environment = Environment(
        loader=PackageLoader("xsurvey.report", "templates"), autoescape=True,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_visible,
    )  # fmt: skip
    environment.filters["relative_link"] = relative_link
    environment.filters["duration"] = duration_text
    return environment


def _visible(value: Any) -> Any:
    """Drop control and direction characters, with which text can pass for other text."""
    if hasattr(value, "__html__") or not isinstance(value, str) or value.isprintable():
        return value
    return "".join(c if c.isprintable() or c in "\n\t" else " " for c in value)


def _hash(environment: Environment, name: str) -> str:
    """Return the hash of a file as the page includes it."""
    digest = hashlib.sha256(environment.get_template(name).render().encode()).digest()
    return "sha256-" + base64.b64encode(digest).decode("ascii")
