"""The benchmark of large catalogs joins what it made: stacks that share a tenth of their sky."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import catalog_pieces
from benchmarks.catalog_scale import files_of, join, query
from xsurvey.catalogs import open_catalog


def test_sources_of_the_shared_sky_are_linked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog_pieces, "PER_STACK", 60)
    paths = catalog_pieces.write_pieces(tmp_path / "pieces", 300, 1)
    assert len(paths) == 5
    (tmp_path / "catalog").mkdir()
    lengths = join(tmp_path / "catalog", paths)
    assert (lengths["detections"], lengths["observations"]) == (300, 600)
    # a tenth of the sources of all but the last stack are found in the next one too
    assert 300 - lengths["sources"] == pytest.approx(0.1 * 4 * 60, abs=15)
    table = open_catalog(tmp_path / "catalog", table="sources").query()
    assert len(table) == lengths["sources"]
    assert set(np.unique(table["n_detections"])) == {1, 2}
    assert (table["n_observations"] == 2 * table["n_detections"]).all()
    assert files_of(tmp_path / "pieces")["files"] == 15
    assert query(tmp_path / "catalog", paths)["condition_rows"] <= lengths["sources"]
