"""Where a product comes from: the tasks behind it, down to the files that were read."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xsurvey.engine.hashes import file_sha256
from xsurvey.engine.products import read_products
from xsurvey.engine.stage import MANIFEST_NAME
from xsurvey.engine.store import STORE_NAME, Store
from xsurvey.errors import InputError

PROVENANCE_NAME = "provenance.json"

Manifest = Mapping[str, Any]


@dataclass(frozen=True)
class RecordedFile:
    """A file as it was recorded when it was written.

    ``sha256`` and ``size`` are None where nothing was recorded.
    """

    path: Path
    sha256: str | None
    size: int | None = None

    def state(self, verify: bool = True) -> str:
        """Return ``unchanged``, ``changed``, ``missing``, or ``not verified``."""
        if not self.path.is_file():
            return "missing"
        if self.size is not None and self.path.stat().st_size != self.size:
            return "changed"
        if not verify or self.sha256 is None:
            return "not verified"
        return "unchanged" if file_sha256(self.path) == self.sha256 else "changed"


@dataclass(frozen=True)
class Lineage:
    """A product and the tasks behind it.

    Attributes
    ----------
    product : path
        What was asked for.
    files : list of RecordedFile
        The product's files.
    published : str or None
        When it was published, UTC; None if it is a result in the store, or a copy.
    keys : list of str
        The tasks whose results went into it.
    manifests : dict of str to mapping
        Their manifests and those of all before them, by key.
    gone : list of str
        Keys of tasks of which no manifest is left.
    folders : callable
        Gives the folder of a task's results by its key, or None if there is no store.
    """

    product: Path
    files: list[RecordedFile]
    published: str | None
    keys: list[str]
    manifests: dict[str, Manifest]
    gone: list[str]
    folders: Callable[[str], Path | None]

    def roots(self) -> list[str]:
        """Return the keys that no other task of the product needs, in their order."""
        needed = {key for m in self.manifests.values() for key in upstream_keys(m)}
        return [key for key in self.keys if key in self.manifests and key not in needed]

    def outputs(self, key: str) -> list[RecordedFile]:
        """Return the files of a task's result, if there is a store."""
        folder = self.folders(key)
        if folder is None:
            return []
        entries = self.manifests[key].get("outputs", ())
        return [RecordedFile(folder / e["name"], e.get("sha256"), e["size"]) for e in entries]

    def related(self, target: str) -> set[str]:
        """Return the keys of tasks of a target, of all before them, and of all that need them."""
        mine = [key for key, m in self.manifests.items() if m["target"] == target]
        needs = {key: set(upstream_keys(m)) for key, m in self.manifests.items()}
        before, after = set(mine), set(mine)
        while new := {k for key in before for k in needs.get(key, ())} - before:
            before |= new
        while new := {key for key, keys in needs.items() if keys & after} - after:
            after |= new
        return before | after


def read_lineage(product: Path) -> Lineage:
    """Return where a product comes from.

    Parameters
    ----------
    product : path
        A file or folder that a run published, such as ``OUTPUT/catalog/sources.fits``, a result
        in its store, or a copy of a catalog folder elsewhere.

    Raises
    ------
    InputError
        It does not exist, or is nothing of these.
    """
    if not product.exists():
        raise InputError(product, "does not exist", "check the path")
    path = product.resolve()
    for folder in path.parents:
        if folder.name == STORE_NAME:
            return _result(product, path, Store(folder.parent))
        if (folder / STORE_NAME).is_dir():
            found = _published(product, path, Store(folder))
            if found is not None:
                return found
    for folder in (path, *path.parents):
        if (folder / PROVENANCE_NAME).is_file():
            return _copy(product, path, folder)
    raise InputError(
        product, f"is no product of xsurvey: no {STORE_NAME}/products.json of a folder above names "
        f"it, and no {PROVENANCE_NAME} is beside it",
        "give a file of a run's output folder, such as OUTPUT/catalog/sources.fits",
    )  # fmt: skip


def upstream_keys(manifest: Manifest) -> list[str]:
    """Return the keys of the tasks whose results a task read."""
    return [e["task"] for _, e in input_entries(manifest) if "task" in e]


def input_entries(manifest: Manifest) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield name and description of every input, one by one."""
    for name, value in manifest.get("inputs", {}).items():
        for entry in value if isinstance(value, list) else [value]:
            yield name, entry


def _result(product: Path, path: Path, store: Store) -> Lineage:
    """Return the lineage of a result in the store."""
    parts = path.relative_to(store.root).parts
    key = parts[2] if len(parts) > 2 and parts[0] == "tasks" else ""
    manifest = _manifest(store.folder(key)) if key else None
    if manifest is None:
        raise InputError(
            product, f"is no result of a task: these are below {STORE_NAME}/tasks, in a folder "
            f"with a {MANIFEST_NAME}",
            "name one of them, or a product such as OUTPUT/catalog/sources.fits",
        )  # fmt: skip
    inside = "/".join(parts[3:])
    files = [
        RecordedFile(store.folder(key) / e["name"], e.get("sha256"), e["size"])
        for e in manifest["outputs"]
        if _is_within(e["name"], inside)
    ]
    return _lineage(product, files, None, [key], store, {})


def _published(product: Path, path: Path, store: Store) -> Lineage | None:
    """Return the lineage of a product, or None if the store knows of none of that name."""
    inside = path.relative_to(store.root.parent).as_posix()
    entries = {n: e for n, e in read_products(store).items() if _is_within(n, inside)}
    if not entries:
        return None
    files = [
        RecordedFile(store.root.parent / n, e["sha256"], e["size"]) for n, e in entries.items()
    ]
    keys = list(dict.fromkeys(key for e in entries.values() for key in e["keys"]))
    catalog = _provenance(path)
    published = max(e["published"] for e in entries.values())
    return _lineage(product, files, published, keys, store, catalog)


def _copy(product: Path, path: Path, folder: Path) -> Lineage:
    """Return the lineage of a file by the manifests that lie beside it."""
    manifests = _provenance(folder / PROVENANCE_NAME)
    inside = path.relative_to(folder).as_posix() if path != folder else ""
    # the last task that wrote such files: those before it do not publish
    for key, manifest in reversed(manifests.items()):
        files = [
            RecordedFile(folder / e["name"], e.get("sha256"), e["size"])
            for e in manifest["outputs"]
            if _is_within(e["name"], inside)
        ]
        if files:
            return _lineage(product, files, None, [key], None, manifests)
    raise InputError(
        product, f"is not named in {PROVENANCE_NAME} beside it",
        "give a file that xsurvey wrote, such as sources.fits",
    )  # fmt: skip


def _lineage(
    product: Path, files: list[RecordedFile], published: str | None, keys: list[str],
    store: Store | None, told: Mapping[str, Manifest],
) -> Lineage:  # fmt: skip
    """Collect the manifests of tasks and of all before them."""
    manifests: dict[str, Manifest] = {}
    gone: list[str] = []
    wanted = list(reversed(keys))
    while wanted:
        key = wanted.pop()
        if key in manifests or key in gone:
            continue
        manifest = (_manifest(store.folder(key)) if store else None) or told.get(key)
        if manifest is None:
            gone.append(key)
            continue
        manifests[key] = manifest
        wanted += upstream_keys(manifest)

    def folders(key: str) -> Path | None:
        return store.folder(key) if store else None

    return Lineage(product, files, published, keys, manifests, gone, folders)


def _is_within(name: str, folder: str) -> bool:
    return folder in ("", name, MANIFEST_NAME) or name.startswith(f"{folder}/")


def _manifest(folder: Path) -> Manifest | None:
    """Return a task's manifest, also where its outputs were altered since."""
    found = _read(folder / MANIFEST_NAME)
    return found if {"key", "inputs", "outputs"} <= set(found) else None


def _provenance(near: Path) -> dict[str, Manifest]:
    """Return the manifests that lie beside a catalog file, by key."""
    for folder in (near, *near.parents):
        found = _read(folder / PROVENANCE_NAME if folder.is_dir() else folder)
        if isinstance(found.get("tasks"), list):
            return {m["key"]: m for m in found["tasks"] if isinstance(m, dict) and "key" in m}
        if (folder / STORE_NAME).is_dir():
            break
    return {}


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
