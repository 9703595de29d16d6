import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from astropy.table import vstack

from xsurvey.errors import OutputError
from xsurvey.report import ReportData, write_report
from xsurvey.report.build import render_report
from xsurvey.report.data import NotShown, SpectrumReport
from xsurvey.report.page import (
    Detail,
    detail_for,
    key_numbers,
    menu_names,
    relative_link,
    stage_timings,
    target_page,
)

from .conftest import make_sources, source_row

ATTACK = "<script>alert(1)</script>"
QUOTED = "\"'><img src=x onerror=alert(1)>"


class Page(HTMLParser):
    """The elements of a page, each with its attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def attributes(self, tag: str, name: str) -> list[str]:
        return [
            attributes[name] for t, attributes in self.elements if t == tag and name in attributes
        ]


@pytest.fixture(scope="module", autouse=True)
def small_pictures():
    """Draw less than the page has, which is quicker."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xsurvey.report.page.detail_for", lambda *_: Detail(4.0, 3.0, 60))
        yield


@pytest.fixture(scope="module")
def text(run):
    return render_report(run)


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_nothing_is_loaded_from_elsewhere(page):
    assert all(src.startswith("data:image/png;base64,") for src in page.attributes("img", "src"))
    assert [href[:14] for href in page.attributes("link", "href")] == ["data:image/svg"]
    assert not page.attributes("script", "src")
    assert not [e for e in page.elements if e[0] in ("iframe", "object", "embed", "base", "form")]
    assert not re.search(r"@import|url\(", page.text)


def test_links_stay_on_the_page_or_below_its_folder(page):
    links = page.attributes("a", "href")
    anchors = {a["id"] for _, a in page.elements if "id" in a}
    assert {link[1:] for link in links if link.startswith("#")} <= anchors
    assert {link for link in links if not link.startswith("#")} == {"catalog/sources.fits", "a.log"}


def test_ids_are_unique(page):
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))


def test_the_policy_allows_only_the_pages_own_script_and_style(text):
    policy = next(
        a["content"] for tag, a in Page(text).elements
        if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy"
    )  # fmt: skip
    assert "default-src 'none'" in policy and "unsafe" not in policy
    for tag in ("script", "style"):
        bodies = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert len(bodies) == 1
        digest = base64.b64encode(hashlib.sha256(bodies[0].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


@pytest.mark.parametrize("attack", [ATTACK, QUOTED])
def test_text_of_strangers_is_only_text(run, attack):
    rows = make_sources(
        source_row(1, name=attack, source_id=f"{attack}_1", classification=attack, target=attack),
        source_row(2, flag=1 << 9),
    )
    rows["ra"].info.description = attack
    target = replace(
        run.targets[0], name=attack, title=attack, facts=[(attack, attack)], warnings=[attack],
        sources=rows, counts=Path(f"{attack.replace('/', '')}.fits"),
    )  # fmt: skip
    hostile = ReportData(
        attack, attack, [target, target], rows, attack, {attack: attack},
        [{"stage": attack, "target": attack, "status": attack, "seconds": attack}],
        [{"target": attack, "stage": attack, "cause": attack, "log": attack}],
        [(attack, attack)], {attack: attack},
    )  # fmt: skip
    text = render_report(hostile)
    page = Page(text)
    assert attack not in text
    assert [tag for tag, _ in page.elements].count("script") == 1
    assert all(src.startswith("data:image/png") for src in page.attributes("img", "src"))
    assert not [a for _, a in page.elements if any(name.startswith("on") for name in a)]
    assert page.text.count("alert(1)") > 20


def test_control_and_direction_characters_are_not_shown(without_pictures):
    disguised = "evt\u202egnp.fits\x1b[2J"
    text = render_report(replace(without_pictures, title=disguised, config_text="a: 1\n\tb\x00"))
    assert "\u202e" not in text and "\x1b" not in text and "\x00" not in text
    assert "a: 1\n\tb" in text


@pytest.mark.parametrize(
    ("path", "link"),
    [
        ("catalog/a b.fits", "catalog/a%20b.fits"),
        ("javascript:alert(1)", "javascript%3Aalert%281%29"),
        ("//elsewhere.org/x", ""), ("/etc/passwd", ""), ("../up", ""), ("a\\b", ""), ("", ""),
    ],
)  # fmt: skip
def test_links_from_paths(path, link):
    assert relative_link(path) == link


def test_the_page_says_what_was_found_and_what_is_approximate(page):
    for text in ("A field", "4 true, 1 marginal", "12.35 ks", "the clock was slow",
                 "0.5\N{EN DASH}7 keV", "No exposure map was given"):  # fmt: skip
        assert text in page.text


def test_failures_come_before_the_targets(text):
    assert text.index("12.fits: is empty; copy it") < text.index('id="t1"')


def test_rows_lead_to_their_cut_outs_and_back(page):
    links = page.attributes("a", "href")
    assert all(f"#t1-c{n}" in links and f"#t1-s{n}" in links for n in range(1, 6))


def test_numbers_are_sorted_as_numbers(page):
    heads = {a["data-key"]: a for tag, a in page.elements if tag == "th" and "data-key" in a}
    assert "data-numeric" in heads["likelihood"] and "data-numeric" not in heads["name"]
    assert heads["likelihood"]["aria-sort"] == "descending"
    values = [float(v) for v in page.attributes("td", "data-v") if v]
    assert 100.0 in values and 20.0 in values


def test_no_sources(run):
    target = replace(run.targets[0], sources=run.targets[0].sources[:0])
    text = render_report(replace(run, targets=[target], table=target.sources))
    assert "No sources above the threshold" in text
    assert "0 true, 0 marginal" in text


def test_all_targets_failed(run):
    page = Page(render_report(replace(run, targets=[], table=None, catalog_paths=[])))
    assert "No target was finished" in page.text and "12.fits: is empty" in page.text
    assert "of 1" in page.text


def test_images_that_cannot_be_read_are_named_and_the_table_stays(without_pictures):
    page = Page(render_report(without_pictures))
    assert "gone.fits: does not exist" in page.text
    assert "XSV J1" in page.text


def test_many_sources_make_a_page_of_bearable_size(run, tmp_path):
    sources = vstack([run.targets[0].sources] * 400)
    rng = np.random.default_rng(1)
    sources["ra"] += rng.uniform(-0.02, 0.02, len(sources))
    sources["source_id"] = [f"11_{n:04d}" for n in range(len(sources))]
    target = replace(run.targets[0], sources=sources)
    write_report(tmp_path / "r.html", replace(run, targets=[target], table=sources))
    text = (tmp_path / "r.html").read_text()
    assert len(text) < 9e6
    assert len(re.findall(r'<tr id="t1-s', text)) == 2000
    assert len(re.findall(r'<li id="t1-c', text)) == 60


def test_more_targets_have_smaller_pictures():
    widths = [detail_for(n, 0).field_width for n in (1, 8, 100)]
    assert widths == sorted(widths, reverse=True) and widths[-1] > 0
    assert detail_for(100, 99).field_width == 0


def test_tasks_are_summed_by_stage():
    timings = [
        {"stage": "image", "target": "1", "status": "done", "seconds": 3.0},
        {"stage": "image", "target": "2", "status": "failed", "seconds": None},
        {"stage": "detect", "target": "1", "status": "done", "seconds": 1.0},
    ]
    image, detect = stage_timings(timings)
    assert (image.tasks, image.statuses, image.seconds) == (2, "1 done, 1 failed", 3.0)
    assert image.share + detect.share == pytest.approx(1.0)


def test_a_page_is_whole_or_absent(without_pictures, tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    write_report(path, without_pictures)
    first = path.read_bytes()
    write_report(path, without_pictures)
    assert path.read_bytes() == first
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]
    with pytest.raises(OutputError):
        write_report(tmp_path / "no" / "report.html", without_pictures)


def test_failed_spectra_are_among_the_failures(run):
    spectra = [
        SpectrumReport("source_0001", 1, "powerlaw", status, "too few counts")
        for status in ("failed", "fitted", "piled_up", "failed")
    ]
    one = replace(run, targets=[replace(run.targets[0], spectra=spectra)], failures=[])
    numbers = {label: rest for label, *rest in key_numbers(one, [])}
    assert numbers["Failures"] == ["2", "0 tasks, 2 spectra"]
    whole = replace(run, failures=[])
    assert {a: r for a, *r in key_numbers(whole, [])}["Failures"] == ["0", "none"]


def test_the_menu_tells_targets_of_one_object_apart(run):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xsurvey.report.page.detail_for", lambda *_: Detail(0, 0, 0))
        titles = ("A", "SIMULATED", "SIMULATED", "")
        targets = [
            replace(run.targets[0], name=f"n{i}", title=title) for i, title in enumerate(titles)
        ]
        pages = [target_page(target, i, 4) for i, target in enumerate(targets)]
    assert menu_names(pages) == ["A", "n1", "n2", "n3"]


def test_what_is_not_shown_is_counted_and_named(run, without_pictures):
    left = NotShown(["field <b>", "field c"], 700_000, 200_000)
    large = replace(without_pictures, not_shown=left)
    page = Page(render_report(large))
    assert "This page shows 1 of 3 targets" in page.text
    assert "The other 2, with 700000 sources, are in the catalog" in page.text
    assert "They begin with field <b>;" in page.text
    assert "#targets" in page.attributes("a", "href")
    numbers = {label: (number, remark) for label, number, remark in key_numbers(
        large, [target_page(run.targets[0], 0, 1)]
    )}  # fmt: skip
    assert numbers["Sources"] == ("700005", "500004 true, 200001 marginal")
    assert numbers["Targets"] == ("3", "of 4")
    assert numbers["Livetime"][1] == "of 1 of the 1 targets shown"


def test_long_lists_of_tasks_say_where_the_rest_is(without_pictures, monkeypatch):
    monkeypatch.setattr("xsurvey.report.build._LISTED", 1)
    failures = [
        {"target": name, "stage": "image", "cause": "is empty", "log": ""} for name in ("x", "y")
    ]
    page = Page(render_report(replace(without_pictures, failures=failures)))
    assert "2 tasks failed" in page.text
    assert page.text.count("These are the first 1; run.json lists all 2.") == 2
    assert page.text.count("is empty") == 1
