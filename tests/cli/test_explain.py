"""``xsurvey explain``: from a product to the files it comes from, and what changed since."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from astropy.table import Table

from xsurvey.cli import main as cli
from xsurvey.engine.lineage import read_lineage

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, event_file: Path, run_command: Run) -> Path:
    """A folder with a config, its input and its finished run."""
    folder = tmp_path_factory.mktemp("explained")
    shutil.copy(event_file, folder / "field.fits")
    (folder / "config.yaml").write_text(
        "schema: 1\npipeline: sources\ninputs: [field.fits]\noutput: out\nseed: 3\n"
        "detection: {threshold: 25}\nimage: {pixel_size: 4arcsec}\n"
        "products: {enabled: false, maps: false}\n"
    )
    done = run_command("run", "config.yaml", "--workers", 0, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def finished(made: Path, tmp_path: Path) -> Path:
    """A copy of `made` to spoil; the input that its manifests name is the original's."""
    return Path(shutil.copytree(made, tmp_path / "copy"))


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Return a function that explains a product here: status, output, error text."""

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            cli.main(["explain", *map(str, arguments)])
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return run


@pytest.fixture
def explain(
    call: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> Callable[..., tuple[str, dict]]:
    """Return a function that explains a product: its text and its JSON."""

    def run(*arguments: object) -> tuple[str, dict]:
        status, text, error = call(*arguments, "--json", tmp_path / "e.json")
        assert status == 0, error
        return text, json.loads((tmp_path / "e.json").read_text())

    return run


def test_a_catalog_leads_down_to_its_events(
    made: Path, explain: Callable[..., tuple[str, dict]]
) -> None:
    catalog = made / "out/catalog/sources.fits"
    text, values = explain(catalog)
    digest = hashlib.sha256((made / "field.fits").read_bytes()).hexdigest()
    lines = text.splitlines()
    assert lines[0].startswith(f"{catalog}: unchanged since it was published 20")
    assert lines[1] == "catalog all"
    order = [lines.index(line) for line in (
        "catalog all", "  rows: source_rows field", "    measured: photometry field",
        f"      events: {made / 'field.fits'}", "      fields: image field",
        "      found: detect field", "        fields: image field (above)",
    )]  # fmt: skip
    assert order == sorted(order)
    assert f"        sha256 {digest}, unchanged" in lines
    assert "        detection.threshold = 25.0 (default 12.0)" in lines
    assert any("at their defaults: " in line and "detection.band" in line for line in lines)
    assert lines[-1].startswith("made with python ")
    assert values["state"] == "unchanged"
    assert {t["stage"] for t in values["tasks"]} >= {
        "image", "detect", "photometry", "variability", "catalog",
    }  # fmt: skip
    detect = next(t for t in values["tasks"] if t["stage"] == "detect")
    changed = [p["name"] for p in detect["parameters"] if p["changed"]]
    # what a plan says of a stack has no defaults
    assert [n for n in changed if not n.startswith("stack.")] == ["detection.threshold"]
    assert detect["seed"] == 3
    assert {"path": str(made / "field.fits"), "sha256": digest, "state": "unchanged"}.items() <= (
        next(i for i in detect["inputs"] if i["name"] == "events").items()
    )
    assert {o["state"] for t in values["tasks"] for o in t["outputs"]} == {"unchanged"}


@pytest.mark.parametrize(
    "name", ["catalog", "catalog/hats", "catalog/sources.reg", "report.html", "run.json"]
)
def test_every_product_is_known(made: Path, name: str) -> None:
    lineage = read_lineage(made / "out" / name)
    stages = {manifest["stage"] for manifest in lineage.manifests.values()}
    assert len(stages) == len(lineage.manifests) >= 5 and not lineage.gone
    assert {recorded.state() for recorded in lineage.files} == {"unchanged"}
    root = lineage.manifests[lineage.roots()[0]]
    assert root["stage"] == "catalog"


def test_files_of_the_store_are_known(made: Path) -> None:
    found = {}
    for path in sorted((made / "out/.xsurvey/tasks").rglob("*")):
        if len(path.relative_to(made / "out/.xsurvey/tasks").parts) >= 2:
            lineage = read_lineage(path)
            assert {f.state() for f in lineage.files} == {"unchanged"}
            found[lineage.manifests[lineage.keys[0]]["stage"]] = len(lineage.manifests)
    first = {"image": 1, "detect": 2, "photometry": 3, "variability": 4}
    assert first.items() <= found.items()
    assert found["catalog"] == len(found) >= 5


def test_what_was_altered_is_told(finished: Path, explain: Callable[..., tuple[str, dict]]) -> None:
    catalog = finished / "out/catalog"
    with (catalog / "sources.reg").open("r+") as stream:
        stream.write("!")  # of the same size
    text, values = explain(catalog / "sources.reg")
    assert text.splitlines()[0].startswith(f"{catalog / 'sources.reg'}: CHANGED since it was")
    assert values["state"] == "changed"
    assert explain(catalog / "sources.fits")[1]["state"] == "unchanged"
    text, values = explain(catalog)
    assert f"  {catalog / 'sources.reg'}: changed" in text.splitlines()
    (catalog / "sources.reg").unlink()
    assert "files are MISSING" in explain(catalog)[0].splitlines()[0]
    result = next((finished / "out/.xsurvey/tasks").glob("*/*/measured.json"))
    result.write_text(result.read_text().replace("1", "2", 1))
    assert "  its output measured.json: changed since" in explain(catalog / "sources.fits")[0]


def test_inputs_are_compared_with_what_was_read(
    tmp_path: Path, finished: Path, made: Path, explain: Callable[..., tuple[str, dict]]
) -> None:
    for path in (finished / "out/.xsurvey/tasks").glob("*/*/manifest.json"):
        path.write_text(path.read_text().replace(str(made), str(finished)))

    def states(*options: str) -> set[str]:
        values = explain(finished / "out/run.json", *options)[1]
        return {i["state"] for t in values["tasks"] for i in t["inputs"] if "path" in i}

    assert states() == {"unchanged"}
    with (finished / "field.fits").open("ab") as stream:
        stream.write(b" ")
    assert states() == {"changed"}
    assert states("--no-verify") == {"not verified"}
    (finished / "field.fits").unlink()
    assert states() == states("--no-verify") == {"missing"}


def test_a_copied_catalog_is_explained_by_what_lies_in_it(made: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(made / "out/catalog", tmp_path / "sent to a friend"))
    for name in ("", "sources.fits", "hats"):
        lineage = read_lineage(copy / name)
        assert lineage.manifests.keys() == read_lineage(made / "out/catalog").manifests.keys()
        assert {recorded.state() for recorded in lineage.files} == {"unchanged"}
    with (copy / "sources.fits").open("ab") as stream:
        stream.write(b" ")
    assert [f.state() for f in read_lineage(copy / "sources.fits").files] == ["changed"]


def test_results_that_are_gone_are_told_by_the_catalog(
    finished: Path, explain: Callable[..., tuple[str, dict]]
) -> None:
    before = len(explain(finished / "out/catalog/sources.fits")[1]["tasks"])
    shutil.rmtree(finished / "out/.xsurvey/tasks")
    assert len(explain(finished / "out/catalog/sources.fits")[1]["tasks"]) == before >= 5
    text, values = explain(finished / "out/report.html")
    assert len(values["gone"]) == before and values["tasks"] == []
    assert text.count("are gone from the store") == before


def test_a_source_leads_to_its_observation(
    made: Path,
    call: Callable[..., tuple[int, str, str]],
    explain: Callable[..., tuple[str, dict]],
) -> None:
    catalog = made / "out/catalog/sources.fits"
    row = Table.read(catalog)[0]
    for name in (row["name"], row["source_id"]):
        assert "      fields: image field" in explain(catalog, "--source", name)[0].splitlines()
    status, _, error = call(catalog, "--source", "nobody")
    assert status == 2
    assert "has no source 'nobody'" in error.splitlines()[-1]


def test_other_files_are_refused(
    made: Path, tmp_path: Path, call: Callable[..., tuple[int, str, str]]
) -> None:
    (tmp_path / "x.fits").touch()
    (made / "out" / "notes.txt").touch()
    for path, words in (
        (tmp_path / "x.fits", "is no product of xsurvey: no .xsurvey/products.json of a folder"),
        (made / "out" / "notes.txt", "is no product of xsurvey"),
        (made / "out" / ".xsurvey" / "products.json", "is no result of a task"),
        (tmp_path / "nowhere", "does not exist"),
    ):
        status, _, error = call(path)
        assert status == 2
        assert words in error.splitlines()[-1]
