"""Folders of files below the output folder that a run brings there from the store."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xsurvey.engine import Plan, RunResult, Task
from xsurvey.engine.products import read_products, record_products
from xsurvey.io.atomic import atomic_output, remove_leftovers
from xsurvey.pipelines.spectra.places import folder_name

_NOT_OURS = ("catalog",)


@dataclass(frozen=True)
class PublishedFolder:
    """What a task publishes in a folder of its own, or several together.

    Attributes
    ----------
    name : str
        Below the output folder, two names deep at least, such as ``maps/field``.
    key : str
        Of the task.
    files : mapping of str to path
        Path below the folder, to the file in the store.
    keys_of : mapping of str to str
        Of the tasks of single files, where several tasks have some in the folder.
    """

    name: str
    key: str
    files: Mapping[str, Path]
    keys_of: Mapping[str, str] = field(default_factory=dict)

    def key_of(self, inside: str) -> str:
        """Return the key of the task that made a file."""
        return self.keys_of.get(inside, self.key)

    def is_there(self, output: Path, known: Mapping[str, Mapping[str, Any]]) -> bool:
        """Tell whether the folder holds these files of these tasks, and no others."""
        wanted = {f"{self.name}/{inside}": file for inside, file in self.files.items()}
        keys = {f"{self.name}/{inside}": [self.key_of(inside)] for inside in self.files}
        recorded = {n for n in known if n.startswith(f"{self.name}/")}
        if recorded != set(wanted) or any(known[n].get("keys") != keys[n] for n in recorded):
            return False
        return all(
            (output / n).is_file() and (output / n).stat().st_size == file.stat().st_size
            for n, file in wanted.items()
        )


def stage_folders(
    plan: Plan, result: RunResult, stage: str, output: str
) -> Iterator[PublishedFolder]:
    """Yield ``OUTPUT/STAGE/TARGET`` with an output, file or folder, of each task of a stage."""
    for task in plan.tasks:
        if task.stage.name == stage and result.outcomes[task.id].good:
            path = result.path(task, output)
            name = f"{stage}/{folder_name(task.target)}"
            key = result.outcomes[task.id].key or ""
            yield PublishedFolder(name, key, files_below(path) if path.is_dir() else {output: path})


def shared_folders(
    plan: Plan, result: RunResult, places: Callable[[Task], Iterable[tuple[str, str, str]]]
) -> list[PublishedFolder]:
    """Return the folders of a run in which several tasks may have files.

    Parameters
    ----------
    plan, result
    places : callable
        Where outputs of a task are published: folder, output, and its name there.
    """
    folders: dict[str, PublishedFolder] = {}
    for task in plan.tasks:
        outcome = result.outcomes[task.id]
        for folder, output, name in places(task) if outcome.good else ():
            path = result.path(task, output)
            below = files_below(path) if path.is_dir() else {"": path}
            files = {f"{name}/{inside}" if inside else name: f for inside, f in below.items()}
            key = outcome.key or ""
            before = folders.get(folder, PublishedFolder(folder, key, {}))
            folders[folder] = PublishedFolder(
                folder, before.key, {**before.files, **files},
                {**before.keys_of, **dict.fromkeys(files, key)},
            )  # fmt: skip
    return list(folders.values())


def files_below(folder: Path) -> dict[str, Path]:
    """Return all files of a folder by their paths in it."""
    return {p.relative_to(folder).as_posix(): p for p in sorted(folder.rglob("*")) if p.is_file()}


def publish_folders(result: RunResult, wanted: Iterable[PublishedFolder]) -> None:
    """Bring folders below the output folder; files that earlier runs published go away.

    What an earlier run published of the same task stays as it is.

    Raises
    ------
    OutputError
        A file cannot be written.
    """
    output, known = result.store.root.parent, read_products(result.store)
    wanted = list(wanted)
    record: dict[Path, list[str]] = {}
    for one in wanted:
        if one.is_there(output, known):
            continue
        place = output / one.name
        place.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(place)
        with atomic_output(place) as temporary:
            temporary.mkdir()
            for inside, file in one.files.items():
                (temporary / inside).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, temporary / inside)
        record[place] = [one.key]
        record |= {place / inside: [key] for inside, key in one.keys_of.items()}
    for name in _stale(known, wanted):
        with suppress(OSError):  # what cannot go away is not ours any more
            (output / name).unlink(missing_ok=True)
            _remove_empty((output / name).parent, output)
        record[output / name] = []
    if record:
        record_products(result.store, record)


def are_published(result: RunResult, wanted: Iterable[PublishedFolder]) -> bool:
    """Tell whether all folders are there, and nothing else that an earlier run published."""
    output, known = result.store.root.parent, read_products(result.store)
    wanted = list(wanted)
    return all(one.is_there(output, known) for one in wanted) and not _stale(known, wanted)


def _stale(known: Iterable[str], wanted: Iterable[PublishedFolder]) -> list[str]:
    """Return the files that an earlier run published and this one does not."""
    kept = {one.name for one in wanted}
    return [
        name for name in known
        if "/" in name and name.split("/")[0] not in _NOT_OURS and not _folders_of(name) & kept
    ]  # fmt: skip


def _folders_of(name: str) -> set[str]:
    parts = name.split("/")
    return {"/".join(parts[:n]) for n in range(1, len(parts))}


def _is_own_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()  # links stay: they are the user's


def _remove_empty(folder: Path, output: Path) -> None:
    while folder != output and _is_own_folder(folder) and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
