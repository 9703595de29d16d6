"""What stacks measured becomes three tables whose keys join."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from xsurvey.catalogs import open_catalog
from xsurvey.errors import InputError, ParameterError
from xsurvey.pipelines.source_pieces import piece_of
from xsurvey.pipelines.source_products import CATALOG_FILES, write_catalog
from xsurvey.pipelines.source_tables import source_tables

ARCSEC = 1 / 3600


def row(
    ra: float, dec: float = 2.0, likelihood: float = 30.0, error: float = 0.5
) -> dict[str, Any]:
    return {
        "ra": ra, "dec": dec, "detection_likelihood": likelihood, "classification": "TRUE",
        "position_error": error, "mission": "chandra", "psf_radius": 2.0, "flag": 0,
        "counts_b": 10.0, "n_observations": 99,
    }  # fmt: skip


def seen(number: int, observation: str, start: float, counts: float = 5.0) -> dict[str, Any]:
    return {
        "number": number, "observation": observation, "obs_id": observation, "start": start,
        "stop": start + 0.1, "ra": 150.0, "dec": 2.0, "counts_b": counts, "flag": 0,
        "mission": "chandra",
    }  # fmt: skip


def stack(
    name: str, rows: Sequence[dict[str, Any]], observations: Sequence[dict[str, Any]] = (),
    **more: Any,
) -> dict[str, Any]:  # fmt: skip
    return {
        "target": name, "rows": list(rows), "observations": list(observations),
        "bands": {"b": "0.5-7 keV"}, "hardness": {}, **more,
    }  # fmt: skip


def test_a_stack_has_one_detection_of_each_source_and_a_row_for_each_observation() -> None:
    measured = stack(
        "field", [row(150.0), row(150.1)],
        [seen(1, "late", 55000.0), seen(1, "early", 54000.0), seen(2, "late", 55000.0)],
    )  # fmt: skip
    tables = source_tables([measured], "XSV")
    assert tables.sources["source_id"].tolist() == ["field_0001", "field_0002"]
    assert tables.sources["n_observations"].tolist() == [2, 1]
    assert tables.sources["n_detections"].tolist() == [1, 1]
    assert tables.sources["stack"].tolist() == ["field", "field"]
    assert tables.detections["detection_id"].tolist() == ["field_0001", "field_0002"]
    of_first = tables.observations[tables.observations["source_id"] == "field_0001"]
    # in order of time
    assert of_first["observation"].tolist() == ["early", "late"]
    assert of_first["epoch"].tolist() == [1, 2]
    keys = {(r["detection_id"], r["observation"]) for r in tables.observations}
    assert len(keys) == len(tables.observations)
    assert set(tables.observations["source_id"]) <= set(tables.sources["source_id"])
    assert set(tables.observations["detection_id"]) <= set(tables.detections["detection_id"])


def test_detections_of_two_stacks_that_agree_are_one_source() -> None:
    first = stack("a", [row(150.0), row(150.2, likelihood=50.0)], [seen(1, "a", 55000.0)])
    second = stack(
        "b", [row(150.0 + ARCSEC, likelihood=80.0), row(150.3)],
        [seen(1, "b", 54000.0), seen(2, "b", 54000.0)],
    )  # fmt: skip
    tables = source_tables([first, second], "XSV")
    by_id = {r["source_id"]: r for r in tables.sources}
    # the more likely one stands for both
    assert list(by_id) == ["a_0002", "b_0001", "b_0002"]
    both = by_id["b_0001"]
    assert (both["n_detections"], both["n_observations"], both["stack"]) == (2, 2, "b")
    linked = tables.detections[tables.detections["source_id"] == "b_0001"]
    assert sorted(linked["detection_id"]) == ["a_0001", "b_0001"]
    epochs = tables.observations[tables.observations["source_id"] == "b_0001"]
    assert epochs["observation"].tolist() == ["b", "a"]
    assert epochs["epoch"].tolist() == [1, 2]
    assert epochs["detection_id"].tolist() == ["b_0001", "a_0001"]
    # with the stacks the other way round the sources are the same
    again = source_tables([second, first], "XSV")
    assert sorted(again.sources["source_id"]) == sorted(by_id)


def test_detections_of_other_missions_or_far_away_are_not_linked() -> None:
    other = {**row(150.0), "mission": "erosita"}
    tables = source_tables([stack("a", [row(150.0)]), stack("b", [other])], "XSV")
    assert len(tables.sources) == 2
    apart = source_tables([stack("a", [row(150.0)]), stack("b", [row(150.0 + 4 * ARCSEC)])], "XSV")
    assert len(apart.sources) == 2
    # which the errors of the two stacks' coordinates may explain
    systematic = source_tables(
        [stack("a", [row(150.0)]), stack("b", [row(150.0 + 4 * ARCSEC)])], "XSV", systematic=2.0
    )
    assert len(systematic.sources) == 1


@pytest.mark.parametrize(
    ("owned", "kept"),
    [
        ((True, False), "t_t01_0001"),  # as it should be
        ((False, True), "t_t02_0001"),
        ((True, True), "t_t02_0001"),  # each finds it in its own core: the more likely one
        ((False, False), "t_t02_0001"),  # each finds it in the other's
    ],
)
def test_a_source_at_the_border_of_tiles_is_there_once(owned: tuple[bool, bool], kept: str) -> None:
    tiles = [
        stack(
            f"t_t0{i}", [row(150.0 + 0.01 * i * ARCSEC, likelihood=30.0 + i)],
            [seen(1, "t", 55000.0)], group="t", owned=[owned[i - 1]],
        )
        for i in (1, 2)
    ]  # fmt: skip
    tables = source_tables(tiles, "XSV")
    assert tables.sources["source_id"].tolist() == [kept]
    assert tables.sources["n_detections"].tolist() == [1]
    assert len(tables.detections) == len(tables.observations) == 1


def test_what_only_the_neighbour_found_beyond_its_border_is_not_a_source() -> None:
    tiles = [
        stack("t_t01", [row(150.0)], group="t", owned=[False]),
        stack("t_t02", [row(150.1)], group="t", owned=[True]),
    ]
    assert source_tables(tiles, "XSV").sources["source_id"].tolist() == ["t_t02_0001"]


def test_without_sources_there_are_columns() -> None:
    tables = source_tables([stack("a", [])], "XSV")
    for table in (tables.sources, tables.detections, tables.observations):
        assert len(table) == 0
        assert "source_id" in table.colnames


def test_texts_of_headers_fit_into_fits() -> None:
    tables = source_tables([stack("a", [{**row(150.0), "target": "Circinus é"}])], "XSV")
    assert str(tables.sources["target"][0]).isascii()


def test_two_meanings_of_a_band_are_refused() -> None:
    other = {**stack("b", [row(150.0)]), "bands": {"b": "0.5-8 keV"}}
    with pytest.raises(InputError, match="cannot hold both"):
        source_tables([stack("a", [row(150.0)]), other], "XSV")


def test_all_tables_are_written_and_opened(tmp_path: Path) -> None:
    measured = stack("f", [row(150.0), row(150.1)], [seen(1, "o", 55000.0), seen(2, "o", 55000.0)])
    (tmp_path / "catalog").mkdir()
    write_catalog(tmp_path / "catalog", [piece_of(measured)], "XSV")
    assert sorted(p.name for p in (tmp_path / "catalog").iterdir()) == sorted(CATALOG_FILES)
    for folder in (tmp_path, tmp_path / "catalog"):
        for name, key in (("detections", "detection_id"), ("observations", "epoch")):
            catalog = open_catalog(folder, table=name)
            assert len(catalog) == 2
            assert catalog.position == ("ra", "dec")
            assert key in catalog.query().colnames
            by_path = open_catalog(tmp_path / "catalog" / f"{name}.fits")
            assert sorted(by_path.query()["ra"]) == sorted(catalog.query()["ra"])
        assert "name" in open_catalog(folder, table="sources").query().colnames
    column = next(c for c in open_catalog(tmp_path, table="observations").columns
                  if c.name == "start")  # fmt: skip
    assert (column.unit, column.ucd) == ("d", "time.start;obs")
    with pytest.raises(ParameterError, match="did you mean 'observations'"):
        open_catalog(tmp_path, table="observation")
    with pytest.raises(ParameterError, match="is one table"):
        open_catalog(tmp_path / "catalog" / "sources.fits", table="observations")
    with pytest.raises(InputError, match="holds no table of detections"):
        open_catalog(tmp_path / "catalog" / "hats", table="detections")


def test_the_command_reads_other_tables(tmp_path: Path, call: Any) -> None:
    (tmp_path / "catalog").mkdir()
    measured = stack("f", [row(150.0)], [seen(1, "mine", 55000.0)])
    write_catalog(tmp_path / "catalog", [piece_of(measured)], "XSV")
    status, out, _ = call("catalog", "query", tmp_path, "--table", "observations",
                          "--columns", "observation,epoch")  # fmt: skip
    assert status == 0
    assert "mine" in out
    status, out, _ = call("catalog", "info", tmp_path, "--table", "detections")
    assert status == 0
    assert "detection_id" in out
    status, _, err = call("catalog", "query", tmp_path, "--table", "spectra")
    assert status == 2
    assert "--table" in err.splitlines()[-1]
