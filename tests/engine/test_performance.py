"""The performance report: a service that tells no folders and fails no run."""

import importlib.util
import json
import re
import sys
from pathlib import Path

import pytest
from toy_stages import toy_plan, write_inputs

from xsurvey.engine import Store, run_plan
from xsurvey.engine.watching import performance
from xsurvey.engine.watching.performance_page import _objects, readable, without_folders

needs_bokeh = pytest.mark.skipif(
    importlib.util.find_spec("bokeh") is None, reason="needs the extra hpc"
)


@pytest.fixture
def _without_performance_report() -> None:
    """Take the place of the room's fixture: here there are reports."""


def run(folder: Path, **options: object):
    paths = write_inputs(folder / "in", ["slow1", "b"])
    return run_plan(toy_plan(paths), Store(folder / "out"), workers=1, **options)


@needs_bokeh
def test_a_run_with_workers_leaves_a_report_without_folders(tmp_path):
    assert run(tmp_path).ok
    text = (tmp_path / "out" / "performance.html").read_text()
    assert "noise-" in text and "Task Stream" in text
    folders = [str(tmp_path), str(Path.home()), sys.prefix, str(Path(__file__).parents[2])]
    assert [f for f in folders if f"{f}/" in text] == []
    assert not list((tmp_path / "out").glob(".*performance*"))
    check_page(text)


def check_page(text: str) -> None:
    """Times begin with the first task, and nothing is wider than the page."""
    assert 'rel="shortcut icon"' not in text  # it would be fetched from the network
    (found,) = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', text, re.DOTALL)
    items = list(_objects(json.loads(found)))
    (figure,) = (i for i in items if i.get("attributes", {}).get("name") == "task_stream")
    sources = [i for i in _objects(figure) if i["name"] == "ColumnDataSource"]
    columns = dict(sources[0]["attributes"]["data"]["entries"])
    begun = [m - d / 2 for m, d in zip(columns["start"], columns["duration"], strict=True)]
    assert len(begun) == 5 and abs(min(begun)) < 0.1 and 300 < max(begun) < 600_000
    assert figure["attributes"]["below"][0]["attributes"]["axis_label"].startswith("time since")
    texts = [i["attributes"] for i in items if i["name"] == "Div"]
    assert texts and all(t["margin"] == 0 for t in texts)
    assert all(["box-sizing", "border-box"] in t["styles"]["entries"] for t in texts)


@pytest.mark.parametrize(
    "page",
    [
        "<html>figures as pictures</html>",
        '<script type="application/json" id="x">{"a": {"roots": []}}</script>',
        '<script type="application/json" id="x">{"a": {"type": "object", "name": "Figure", '
        '"attributes": {"name": "task_stream"}}}</script>',
    ],
)
def test_a_page_of_another_kind_is_left_as_it_is(page):
    assert readable(page) == page


@needs_bokeh
def test_a_report_that_cannot_be_made_is_a_warning(tmp_path, monkeypatch, caplog):
    def fails(*_):
        raise TimeoutError("timed out after 15 s.")

    monkeypatch.setattr(performance, "_write", fails)
    assert run(tmp_path).ok
    path = tmp_path / "out" / "performance.html"
    assert not path.exists()
    assert f"{path}: not written (timed out after 15 s.); the run itself is not affected" in (
        caplog.messages
    )


def test_without_bokeh_it_is_told_how_to_get_it(tmp_path, monkeypatch, caplog):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *more: None if name == "bokeh" else find(name)
    )
    with caplog.at_level("INFO", logger="xsurvey"):
        assert run(tmp_path).ok
    assert not (tmp_path / "out" / "performance.html").exists()
    assert "for a dashboard: pip install 'xsurvey[hpc]'" in caplog.messages


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"/home/me/a b/lib/python3.11/site-packages/x/y.py:12"', '"y.py:12"'),
        ("https://example.org/a/b.js /tasks/x", "https://example.org/a/b.js /tasks/x"),
        ("File /opt/x.py, line 3, in /srv/data/z.py", "File x.py, line 3, in z.py"),
    ],
)
def test_folders_of_python_files_are_left_out(text, expected):
    assert without_folders(text) == expected
