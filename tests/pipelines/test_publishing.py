"""Folders of files that come from the store below the output folder, and go when stale."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from xsurvey.engine import Plan, RunResult, Stage, Task, TaskContext
from xsurvey.engine.products import read_products, record_products
from xsurvey.engine.store import Store
from xsurvey.pipelines.publishing import (
    PublishedFolder,
    are_published,
    files_below,
    publish_folders,
    stage_folders,
)


def run_level(context: TaskContext) -> dict[str, Any]:
    return {}


LEVEL = Stage("level", "1", run_level, outputs=("level.json", "maps"))


@pytest.fixture
def result(tmp_path: Path) -> Any:
    """As much of a run as publishing looks at."""
    (tmp_path / "out" / ".xsurvey").mkdir(parents=True)
    return SimpleNamespace(store=Store(tmp_path / "out"))


def folder(tmp_path: Path, name: str, key: str = "k", **texts: str) -> PublishedFolder:
    made = tmp_path / "made" / key / name
    (made / "deep").mkdir(parents=True, exist_ok=True)
    for file, text in texts.items():
        (made / "deep" / file).write_text(text)
    return PublishedFolder(name, key, files_below(made))


def test_folders_come_and_stale_files_go(tmp_path: Path, result: RunResult) -> None:
    out = tmp_path / "out"
    first, second = folder(tmp_path, "levels/a", x="1", y="2"), folder(tmp_path, "levels/b", x="1")
    assert not are_published(result, [first])
    publish_folders(result, [first, second])
    assert are_published(result, [first, second])
    assert not are_published(result, [first]), "the second is stale then"
    assert (out / "levels/a/deep/y").read_text() == "2"
    assert read_products(result.store)["levels/a/deep/x"]["keys"] == ["k"]

    # what nothing changed stays as it is, strangers' files in it too
    (out / "levels/b/mine").write_text("m")
    before = (out / "levels/a/deep/x").stat().st_ino
    publish_folders(result, [first])
    assert (out / "levels/a/deep/x").stat().st_ino == before
    assert not (out / "levels/b/deep").exists()
    assert (out / "levels/b/mine").read_text() == "m"
    assert set(read_products(result.store)) == {"levels/a/deep/x", "levels/a/deep/y"}
    publish_folders(result, [])
    assert not (out / "levels/a").exists()


def test_links_of_the_user_stay(tmp_path: Path, result: RunResult) -> None:
    out = tmp_path / "out"
    (tmp_path / "disk").mkdir()
    (out / "levels").symlink_to(tmp_path / "disk")
    publish_folders(result, [folder(tmp_path, "levels/a", x="1")])
    assert (tmp_path / "disk/a/deep/x").is_file()
    publish_folders(result, [])
    assert (out / "levels").is_symlink()
    assert list((tmp_path / "disk").iterdir()) == []


def test_a_folder_is_made_again_where_it_is_another_or_damaged(
    tmp_path: Path, result: RunResult
) -> None:
    out = tmp_path / "out"
    publish_folders(result, [folder(tmp_path, "levels/a", x="1", y="2")])
    newer = folder(tmp_path, "levels/a", "newer", x="1")
    assert not are_published(result, [newer])
    publish_folders(result, [newer])
    assert list(files_below(out / "levels/a")) == ["deep/x"]
    (out / "levels/a/deep/x").unlink()
    assert not are_published(result, [newer])
    publish_folders(result, [newer])
    assert are_published(result, [newer])


def test_the_catalog_and_single_files_are_not_stale(tmp_path: Path, result: RunResult) -> None:
    out = tmp_path / "out"
    for name in ("catalog/hats/x", "report.html"):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text("x")
        record_products(result.store, {out / name: ["k"]})
    assert are_published(result, [])
    publish_folders(result, [])
    assert (out / "catalog/hats/x").is_file()
    assert (out / "report.html").is_file()


def test_outputs_of_a_stage(tmp_path: Path) -> None:
    good, bad = Task(LEVEL, "../a field"), Task(LEVEL, "b")
    outcomes = {good.id: SimpleNamespace(good=True, key="k"), bad.id: SimpleNamespace(good=False)}
    made = tmp_path / "store"
    (made / "maps").mkdir(parents=True)
    (made / "maps" / "m.fits").write_text("m")
    (made / "level.json").write_text("{}")
    result: Any = SimpleNamespace(outcomes=outcomes, path=lambda task, name: made / name)
    plan = Plan([good, bad])
    (file,) = stage_folders(plan, result, "level", "level.json")
    assert file.files == {"level.json": made / "level.json"}
    # names are strangers' texts
    assert file.name.count("/") == 1
    assert ".." not in file.name.split("/")[1][:2]
    (maps,) = stage_folders(plan, result, "level", "maps")
    assert maps.files == {"m.fits": made / "maps/m.fits"}
    assert list(stage_folders(plan, result, "other", "maps")) == []
