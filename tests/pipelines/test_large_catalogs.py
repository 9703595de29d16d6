"""What large catalogs leave is read in parts; columns of stages are joined stack by stack."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from xsurvey.detection.photometry import SourceFlag
from xsurvey.engine import TaskContext
from xsurvey.engine.provenance import json_value
from xsurvey.imaging.stack_parameters import StackParameters
from xsurvey.pipelines import source_report
from xsurvey.pipelines.catalog_rows import StackRows
from xsurvey.pipelines.catalog_stage import CATALOG, CatalogParameters, TileGroups
from xsurvey.pipelines.columns import write_columns
from xsurvey.pipelines.products.detected import DetectedSources
from xsurvey.pipelines.products.obscore import SourceOfFiles
from xsurvey.pipelines.run_facts import write_provenance
from xsurvey.pipelines.source_pieces import open_piece, piece_of
from xsurvey.pipelines.source_products import write_catalog
from xsurvey.pipelines.source_rows_stage import ROWS, SOURCE_ROWS
from xsurvey.pipelines.spectra.parameters import SpectraParameters

from .test_source_tables import row, seen, stack

ARCSEC = 1 / 3600


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three stacks: the first two see one source, the third has none."""
    folder = tmp_path_factory.mktemp("catalog")
    marginal = {**row(150.4), "classification": "MARGINAL"}
    measured = [
        stack("a", [row(150.0), row(150.2), marginal], [seen(1, "o", 55000.0)]),
        stack("b", [row(150.0 + ARCSEC, likelihood=80.0), row(150.3)]), stack("c", []),
    ]  # fmt: skip
    write_catalog(folder, [piece_of(one) for one in measured], "XSV")
    return folder


def test_rows_of_a_stack_are_read_alone(catalog: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for size in (1, 2, 100):  # a stack may be in several parts of the file
        monkeypatch.setattr("xsurvey.catalogs.fits_rows.FitsRows.chunks.__defaults__", (size,))
        rows = StackRows(catalog / "sources.fits")
        assert rows.of("a")["source_id"].tolist() == ["a_0002", "a_0003"]
        assert rows.of("b")["source_id"].tolist() == ["b_0001", "b_0002"]
        assert (rows.counts("a"), rows.counts("b")) == ((2, 1), (2, 0))
        for name in ("c", "nothing"):
            assert rows.counts(name) == (0, 0)
            assert len(rows.of(name)) == 0
    assert rows.empty["ra"].unit == "deg"
    assert rows.of("a").colnames == rows.empty.colnames


def test_detections_lead_to_their_sources(catalog: Path) -> None:
    sources = DetectedSources(catalog)
    assert sorted(sources) == ["a_0001", "a_0002", "a_0003", "b_0001", "b_0002"]
    assert len(sources) == 5
    # the more likely one of the other stack stands for it
    assert sources["a_0001"] == sources["b_0001"]
    found = sources["a_0001"]
    assert isinstance(found, SourceOfFiles)
    assert (found.source_id, found.name[:5], found.dec) == ("b_0001", "XSV J", 2.0)
    assert "c_0001" not in sources
    assert sources.get("c_0001") is None
    with pytest.raises(KeyError):
        sources["zzz"]


def test_a_catalog_without_detections_has_its_sources(catalog: Path, tmp_path: Path) -> None:
    (tmp_path / "sources.fits").write_bytes((catalog / "sources.fits").read_bytes())
    assert sorted(DetectedSources(tmp_path)) == ["a_0002", "a_0003", "b_0001", "b_0002"]


@pytest.mark.parametrize("tasks", [0, 1, 3])
def test_provenance_is_one_json_value(tasks: int, tmp_path: Path) -> None:
    manifests = {f"k{n}": {"key": f"k{n}", "text": "two\nlines", "list": [n]} for n in range(tasks)}
    store = SimpleNamespace(manifest=manifests.get)
    result: Any = SimpleNamespace(seed=7, store=store, good_keys=lambda: list(manifests))
    write_provenance(tmp_path / "p.json", result)
    content = {"seed": 7, "tasks": list(manifests.values())}
    assert (tmp_path / "p.json").read_text() == json.dumps(content, indent=1) + "\n"


def context(
    folder: Path, inputs: dict[str, Any], spectra: SpectraParameters | None = None
) -> TaskContext:
    folder.mkdir()
    sections = {
        "spectra": spectra or SpectraParameters(), "catalog": CatalogParameters(),
        "stacking": StackParameters(), "tiles": TileGroups(),
    }  # fmt: skip
    return TaskContext("f", inputs, sections, folder, 1)


def write_measured(folder: Path, name: str, **columns: Any) -> Path:
    rows = [{**row(150.0), **columns}, {**row(150.1), "net_counts_b": 0.0}]
    measured = stack(name, rows, [seen(1, "o", 55000.0)])
    path = folder / f"{name}.json"
    path.write_text(json.dumps(json_value(measured)))
    return path


def test_a_stack_gives_the_columns_of_all_stages(tmp_path: Path) -> None:
    measured = write_measured(tmp_path, "f")
    write_columns(tmp_path / "more.json", "f", [{"number": 2, "flag": 4, "extent": 3.0}])
    (tmp_path / "index.json").write_text('{"entries": [{"number": 1}]}')
    inputs = {"measured": measured, "columns": [tmp_path / "more.json"],
              "products": [tmp_path / "index.json"]}  # fmt: skip
    record = SOURCE_ROWS.run(context(tmp_path / "one", inputs))
    assert record == {"sources": 2}
    piece = open_piece(tmp_path / "one" / ROWS)
    table = piece.read("sources", None)
    assert table["flag"].to_pylist() == [0, 4]
    assert table["extent"].to_pylist() == [None, 3.0]
    assert [text != "" for text in table["products"].to_pylist()] == [True, False]
    assert "spectral_model" not in table.column_names


def test_stages_that_failed_leave_their_columns_empty(tmp_path: Path) -> None:
    measured = write_measured(tmp_path, "f", net_counts_b=1e4)
    spectra = SpectraParameters(sources=True, min_counts=100)
    SOURCE_ROWS.run(context(tmp_path / "one", {"measured": measured, "fits": []}, spectra))
    table = open_piece(tmp_path / "one" / ROWS).read("sources", None)
    # the source that should have a spectrum is flagged
    assert table["flag"].to_pylist() == [int(SourceFlag.SPECTRUM_FAILED), 0]
    assert table["spectral_model"].to_pylist() == ["", ""]
    pieces = {ROWS: [tmp_path / "one" / ROWS]}
    record = CATALOG.run(context(tmp_path / "all", pieces))
    assert record == {"sources": 2, "detections": 2, "observations": 1}
    rows = StackRows(tmp_path / "all" / "sources.fits").of("f")
    assert np.isnan(rows["photon_index"]).all()


@pytest.mark.parametrize(
    ("targets", "sources", "shown"), [(9, 99, 3), (2, 99, 2), (9, 3, 3), (9, 2, 2)]
)
def test_a_report_shows_the_first_targets_and_counts_the_others(
    catalog: Path, monkeypatch: pytest.MonkeyPatch, targets: int, sources: int, shown: int
) -> None:
    rows = StackRows(catalog / "sources.fits")
    monkeypatch.setattr(source_report, "_MOST_TARGETS", targets)
    monkeypatch.setattr(source_report, "_MOST_SOURCES", sources)
    monkeypatch.setattr(source_report, "run_facts", lambda *_: {"title": "t", "pipeline": "p"})
    monkeypatch.setattr(source_report, "_lists", lambda *_: [])
    monkeypatch.setattr(
        source_report, "_target_report",
        lambda task, plan, result, rows: SimpleNamespace(
            name=task.target, sources=rows.of(task.target)
        ),
    )  # fmt: skip
    tasks = [
        SimpleNamespace(stage=SimpleNamespace(name="photometry"), target=name, id=name)
        for name in "cab"
    ]
    result: Any = SimpleNamespace(outcomes={n: SimpleNamespace(good=True) for n in "abc"})
    data = source_report._report_data(
        SimpleNamespace(),
        SimpleNamespace(tasks=tasks),
        result,
        rows,  # type: ignore[arg-type]
    )
    named = [target.name for target in data.targets]
    left = data.not_shown
    assert sorted([*named, *left.targets]) == ["a", "b", "c"]
    assert len(named) == shown
    counts = [rows.counts(name) for name in left.targets]
    assert (left.sources, left.marginal) == tuple(sum(c[i] for c in counts) for i in (0, 1))
    assert data.table is not None
    assert len(data.table) == 0
