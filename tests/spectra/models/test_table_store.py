import logging
import multiprocessing
import os
import time
from pathlib import Path

import numpy as np
import pytest

from xsurvey.spectra.models import table_store
from xsurvey.spectra.models.table_store import cache_directory, stored_table, table_key

EDGES = np.linspace(1, 2, 5)
ORIGIN = {"model": "toy", "redshift": 0.1}


@pytest.fixture(autouse=True)
def empty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XSURVEY_CACHE", str(tmp_path))
    monkeypatch.setattr(table_store, "_memory", type(table_store._memory)())
    return tmp_path / "models"


class Maker:
    def __init__(self, value: float = 1.0) -> None:
        self.calls = 0
        self.value = value

    def __call__(self) -> dict[str, np.ndarray]:
        self.calls += 1
        return {"a": np.full(3, self.value)}


def forget() -> None:
    table_store._memory.clear()


def test_made_once_and_read_from_disk_by_the_next_process(empty: Path) -> None:
    make = Maker()
    for _ in range(2):
        np.testing.assert_array_equal(stored_table(ORIGIN, EDGES, make)["a"], np.ones(3))
        forget()
    assert make.calls == 1
    assert [p.suffix for p in empty.iterdir()] == [".npz"]


def test_held_in_memory_read_only(empty: Path) -> None:
    make = Maker()
    first = stored_table(ORIGIN, EDGES, make)
    for path in empty.iterdir():
        path.unlink()
    assert stored_table(ORIGIN, EDGES, make) is first
    with pytest.raises(ValueError, match="read-only"):
        first["a"][0] = 2


def test_all_that_decides_the_content_is_in_the_name() -> None:
    keys = {
        table_key(ORIGIN, EDGES),
        table_key({**ORIGIN, "redshift": 0.2}, EDGES),
        table_key({**ORIGIN, "library": "6.36"}, EDGES),
        table_key(ORIGIN, EDGES * (1 + 1e-15)),
        table_key(ORIGIN, EDGES[:-1]),
    }
    assert len(keys) == 5
    assert table_key(dict(reversed(ORIGIN.items())), EDGES) == table_key(ORIGIN, EDGES)


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "pickle", "text"])
def test_a_damaged_file_is_made_anew(
    empty: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    stored_table(ORIGIN, EDGES, Maker())
    (path,) = empty.iterdir()
    data = path.read_bytes()
    middle = data.index(np.ones(3).tobytes())
    if damage == "pickle":
        np.savez(path, a=np.array([{"x": 1}], dtype=object))
    else:
        path.write_bytes({
            "cut": data[: len(data) // 2], "empty": b"", "text": b"hello",
            "flipped": data[:middle] + b"\xff" + data[middle + 1 :],
        }[damage])  # fmt: skip
    forget()
    make = Maker(2.0)
    with caplog.at_level(logging.WARNING):
        assert stored_table(ORIGIN, EDGES, make)["a"][0] == 2
    assert make.calls == 1
    assert "is damaged" in caplog.text
    forget()
    assert stored_table(ORIGIN, EDGES, make)["a"][0] == 2
    assert make.calls == 1


def test_a_folder_that_cannot_be_made_is_no_obstacle(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XSURVEY_CACHE", str(tmp_path / "file"))
    with caplog.at_level(logging.WARNING):
        assert stored_table(ORIGIN, EDGES, Maker())["a"][0] == 1
    assert "set XSURVEY_CACHE" in caplog.text


def test_the_least_recently_used_are_removed(monkeypatch: pytest.MonkeyPatch, empty: Path) -> None:
    monkeypatch.setattr(table_store, "_MOST_BYTES", 1200)
    paths = []
    for i in range(5):
        origin = {"model": i}
        stored_table(origin, EDGES, Maker())
        paths.append(empty / f"{table_key(origin, EDGES)}.npz")
        old = time.time() - 1000 + 10 * i
        if paths[-1].exists():
            os.utime(paths[-1], (old, old))
    kept = [p.exists() for p in paths]
    assert kept[-1]
    assert not kept[0]
    assert sum(p.stat().st_size for p in empty.iterdir()) <= 1200


def _store(number: int) -> float:
    forget()
    return float(stored_table(ORIGIN, EDGES, Maker())["a"].sum())


def test_several_processes_at_once(empty: Path) -> None:
    with multiprocessing.get_context("fork").Pool(4) as pool:
        assert pool.map(_store, range(40)) == [3.0] * 40
    assert len(list(empty.iterdir())) == 1


def test_places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cache_directory() == tmp_path / "models"
    monkeypatch.delenv("XSURVEY_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert cache_directory() == tmp_path / "x" / "xsurvey" / "models"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_directory().parts[-3:] == (".cache", "xsurvey", "models")
