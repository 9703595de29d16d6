"""Dask's performance report made fit to read: its page holds the figures as JSON."""

import json
import re
from collections.abc import Iterator
from typing import Any

# profiles name source files; where these are is nobody's business
_FOLDERS = re.compile(r"(?:/[\w.+@ -]+)+/(?=[\w.+-]+\.py\b)")
_FIGURES = re.compile(r'(<script type="application/json"[^>]*>)(.*?)(</script>)', re.DOTALL)
_ICON = re.compile(r'<link rel="shortcut icon"[^>]*>\n?')
_SINCE = "time since the first task began"


def readable(page: str) -> str:
    """Return a page that is as wide as its window, and tells times since the first task.

    Dask draws tasks at Unix times on an axis of time spans, which reads ``20783 days``, and gives
    texts a margin beside all of the width. Neither the network nor folders are in it either.
    What another version of Dask draws otherwise stays as it is.
    """
    figures = _FIGURES.search(page)
    if figures is not None:
        document = json.loads(figures[2])
        for item in list(_objects(document)):
            _mend(item.get("name"), item.get("attributes", {}))
        # what is in it stays escaped as it was
        page = page[: figures.start(2)] + json.dumps(document) + page[figures.end(2) :]
    return without_folders(_ICON.sub("", page, count=1))


def without_folders(text: str) -> str:
    """Return a text with the names of Python files alone, without the folders they are in.

    Examples
    --------
    >>> without_folders("/home/me/lib/xsurvey/events.py:12")
    'events.py:12'
    """
    return _FOLDERS.sub("", text)


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Give all objects of Bokeh's that are in a document."""
    if isinstance(value, dict):
        if value.get("type") == "object":
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _objects(one)


def _mend(kind: Any, attributes: dict[str, Any]) -> None:
    if kind == "Div" and "styles" in attributes:
        attributes["margin"] = 0
        attributes["styles"].get("entries", []).append(["box-sizing", "border-box"])
    if kind == "Figure" and attributes.get("name") == "task_stream":
        _from_first_task(attributes)


def _from_first_task(figure: dict[str, Any]) -> None:
    """Let the time of a figure of tasks begin with the first; rectangles tell their middles."""
    for item in _objects(figure.get("renderers", [])):
        columns = dict(item.get("attributes", {}).get("data", {}).get("entries", []))
        middles, lengths = columns.get("start"), columns.get("duration")
        if not (isinstance(middles, list) and isinstance(lengths, list) and middles):
            continue
        first = min(m - length / 2 for m, length in zip(middles, lengths, strict=True))
        middles[:] = [middle - first for middle in middles]
        for axis in figure.get("below", []):
            axis["attributes"]["axis_label"] = _SINCE
            formatter = axis["attributes"].get("formatter", {}).get("attributes", {})
            formatter.pop("context", None)  # a second line with the days
