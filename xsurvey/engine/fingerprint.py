"""Fingerprints of the stages' source: they notice a change that came without a new version.

``python -m xsurvey.engine.fingerprint`` says which stages changed, ``--update`` records them.
"""

import argparse
import ast
import hashlib
import importlib
import importlib.util
import inspect
import json
import pkgutil
import sys
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from xsurvey.engine.stage import Stage
from xsurvey.errors import InputError, XSurveyError
from xsurvey.io.atomic import atomic_output

DEFAULT_FILE = Path("tests/engine/fingerprints.json")
_UPDATE = "python -m xsurvey.engine.fingerprint --update"

Fingerprints = dict[str, dict[str, str]]


def stage_fingerprint(stage: Stage) -> str:
    """Return the SHA-256 of the source that decides what a stage does.

    That is its function, the definitions of the same module that it uses, and the modules that
    the stage declares as ``helpers``; a package stands for all its modules. Comments, docstrings
    and formatting do not count.
    """
    digest = hashlib.sha256()
    for part in _used_definitions(stage.run):
        digest.update(part.encode())
    for name in sorted(set(_modules(stage.helpers))):
        digest.update(f"\n{name}\n{_normal(ast.parse(_module_source(name)))}".encode())
    return digest.hexdigest()


def fingerprints(stages: Iterable[Stage]) -> Fingerprints:
    """Return version and fingerprint of each stage, by name."""
    entries = {s.name: {"version": s.version, "source": stage_fingerprint(s)} for s in stages}
    return dict(sorted(entries.items()))


def registered_stages() -> list[Stage]:
    """Return the stages of all pipelines, each once; none while there are no pipelines."""
    # by name: the engine must not depend on the pipelines, which depend on it
    pipelines = getattr(importlib.import_module("xsurvey.pipelines"), "PIPELINES", {})
    return list({s.name: s for p in pipelines.values() for s in p.stages}.values())


def complaints(current: Fingerprints, recorded: Fingerprints) -> list[str]:
    """Return what is wrong, one line a stage, with what to do about it."""
    lines = []
    for name, now in current.items():
        before = recorded.get(name)
        if before is None:
            lines.append(f"stage '{name}' is new: run `{_UPDATE}`")
        elif _changed_alone(now, before):
            lines.append(
                f"stage '{name}' changed but its version is still {now['version']}: results that "
                f"users have would be taken for new ones. Raise its version and run `{_UPDATE}`; "
                f"if no result can differ, run `{_UPDATE} --same-results {name}`"
            )
        elif now != before:
            lines.append(f"stage '{name}' has a new version: run `{_UPDATE}`")
    lines += [f"stage '{n}' is gone: run `{_UPDATE}`" for n in recorded if n not in current]
    return lines


def update(current: Fingerprints, path: Path, same_results: Iterable[str] = ()) -> None:
    """Record the fingerprints.

    Raises
    ------
    InputError
        A stage changed and its version did not, and it is not among ``same_results``.
    """
    recorded = read(path)
    for name, now in current.items():
        before = recorded.get(name)
        if before and _changed_alone(now, before) and name not in set(same_results):
            raise InputError(
                f"stage '{name}'", f"changed but its version is still {now['version']}",
                f"raise it, or give --same-results {name} if no result can differ",
            )  # fmt: skip
    with atomic_output(path) as temporary:
        temporary.write_text(json.dumps(current, indent=1) + "\n")


def read(path: Path) -> Fingerprints:
    """Return the recorded fingerprints; empty if there is no file yet."""
    return dict(json.loads(path.read_text())) if path.exists() else {}


def _changed_alone(now: dict[str, str], before: dict[str, str]) -> bool:
    return now["source"] != before["source"] and now["version"] == before["version"]


def _used_definitions(function: Any) -> Iterator[str]:
    """Yield the normal form of a function and of what it uses of its own module."""
    module = inspect.getmodule(function)
    if module is None:
        yield _normal(ast.parse(textwrap.dedent(inspect.getsource(function))))
        return
    defined = _definitions(ast.parse(inspect.getsource(module)))
    used: set[str] = set()
    wanted = [function.__name__]
    while wanted:
        name = wanted.pop()
        if name in defined and name not in used:
            used.add(name)
            nodes = [n for top in defined[name] for n in ast.walk(top)]
            wanted += [n.id for n in nodes if isinstance(n, ast.Name)]
    for name in sorted(used):
        yield f"\n{name}\n" + "".join(_normal(node) for node in defined[name])


def _definitions(module: ast.Module) -> dict[str, list[ast.AST]]:
    """Return the top-level functions, classes and assignments by name."""
    found: dict[str, list[ast.AST]] = {}
    for node in module.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.setdefault(node.name, []).append(node)
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                for name in (n.id for n in ast.walk(target) if isinstance(n, ast.Name)):
                    found.setdefault(name, []).append(node)
    return found


def _normal(node: Any) -> str:
    """Return a syntax tree as text that is the same in all versions of Python.

    Empty fields are left out, since newer versions add some; so are docstrings.
    """
    if isinstance(node, list):
        return f"[{','.join(_normal(item) for item in node if not _is_docstring(item))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = [(n, v) for n, v in ast.iter_fields(node) if v not in (None, [])]
    fields = [(n, v) for n, v in fields if n not in ("ctx", "type_comment", "kind")]
    if isinstance(node, ast.Constant):
        fields = [("value", node.value)]
    return f"{type(node).__name__}({','.join(f'{n}={_normal(v)}' for n, v in sorted(fields))})"


def _is_docstring(node: Any) -> bool:
    # a string that is a statement does nothing, wherever it stands
    if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
        return False
    return isinstance(node.value.value, str)


def _modules(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        yield name
        found = importlib.util.find_spec(name)
        places = list(found.submodule_search_locations or []) if found else []
        for module in pkgutil.walk_packages(places, f"{name}."):
            yield module.name


def _module_source(name: str) -> str:
    found = importlib.util.find_spec(name)
    if found is None:
        raise InputError(f"helper module {name}", "does not exist", "correct the stage's helpers")
    # a package without an __init__ has no source of its own
    origin = found.origin
    return Path(origin).read_text() if origin and origin.endswith(".py") else ""


def main(arguments: list[str] | None = None) -> int:
    """Compare the registered stages with the file, or write it; 0 when they agree."""
    parser = argparse.ArgumentParser(prog="python -m xsurvey.engine.fingerprint")
    parser.add_argument("--update", action="store_true", help="record the stages as they are")
    parser.add_argument(
        "--same-results", action="append", default=[], metavar="STAGE",
        help="this stage changed, but no result can differ",
    )  # fmt: skip
    parser.add_argument("--file", type=Path, default=DEFAULT_FILE)
    options = parser.parse_args(arguments)
    current = fingerprints(registered_stages())
    try:
        if options.update:
            update(current, options.file, options.same_results)
    except XSurveyError as error:
        print(f"xsurvey: error: {error}", file=sys.stderr)
        return 2
    found = complaints(current, read(options.file))
    print("\n".join(found) or f"{len(current)} stages as recorded")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
