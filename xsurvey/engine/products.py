"""The files that a run leaves for people: what they held, and which tasks they come from."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from xsurvey.engine.hashes import file_sha256
from xsurvey.engine.provenance import timestamp
from xsurvey.engine.store import PRODUCTS_NAME, Store
from xsurvey.io.atomic import atomic_output

_SCHEMA = 1


def record_products(store: Store, made: Mapping[Path, Iterable[str]]) -> None:
    """Record products just written, so that others can tell later whether they are those still.

    Parameters
    ----------
    store : Store
        The store of the run that made them.
    made : mapping of path to iterable of str
        For each file, or folder of files, below the output folder the keys of the tasks whose
        results went into it. What was recorded of it before is replaced.

    Raises
    ------
    OutputError
        The record cannot be written.
    """
    output = store.root.parent
    names = {path.absolute().relative_to(output).as_posix(): keys for path, keys in made.items()}
    known = read_products(store)
    kept = {n: v for n, v in known.items() if not any(_is_within(n, name) for name in names)}
    for name, keys in names.items():
        about = {"keys": list(keys), "published": timestamp()}
        for file in _files(output / name):
            kept[file.relative_to(output).as_posix()] = {
                **about, "size": file.stat().st_size, "sha256": file_sha256(file),
            }  # fmt: skip
    with atomic_output(store.root / PRODUCTS_NAME) as temporary:
        content = {"schema": _SCHEMA, "products": kept}
        temporary.write_text(json.dumps(content, indent=1) + "\n")


def read_products(store: Store) -> dict[str, dict[str, Any]]:
    """Return what is recorded, by path relative to the output folder; empty if there is nothing."""
    try:
        found = json.loads((store.root / PRODUCTS_NAME).read_text())["products"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return dict(found) if isinstance(found, dict) else {}


def _is_within(name: str, folder: str) -> bool:
    return name == folder or name.startswith(f"{folder}/")


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(p for p in path.rglob("*") if p.is_file())
    return [path] if path.is_file() else []
