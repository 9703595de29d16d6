"""Fingerprints of stages and plug-ins: they notice a change that came without a new version.

``python -m xsurvey.engine.fingerprint`` says which changed, ``--update`` records them.
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
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import xsurvey
from xsurvey.engine.stage import Stage
from xsurvey.errors import InputError, XSurveyError, nearest
from xsurvey.io.atomic import atomic_output

DEFAULT_FILE = Path(xsurvey.__file__).resolve().parents[1] / "tests/engine/fingerprints.json"
_UPDATE = "python -m xsurvey.engine.fingerprint --update"
# packages of the house whose modules may be plug-ins: entry-point groups have the same names
_WITH_PLUGINS = ("xsurvey.missions",)

Fingerprints = dict[str, dict[str, str]]


@dataclass(frozen=True)
class PlugIn:
    """A plug-in of the house; its version is in the keys of the tasks that it has a part in.

    Attributes
    ----------
    name, version : str
    modules : tuple of str
        Its module, and those beside it whose names begin with that of its module and ``_``.
    """

    name: str
    version: str
    modules: tuple[str, ...]


def stage_fingerprint(stage: Stage) -> str:
    """Return the SHA-256 of the source that decides what a stage does.

    That is its function, the definitions of the same module that it uses, and the modules that
    the stage declares as ``helpers``; a package stands for all its modules but those of plug-ins,
    which have versions of their own. Comments, docstrings and formatting do not count.
    """
    digest = hashlib.sha256()
    for part in _used_definitions(stage.run):
        digest.update(part.encode())
    _add_modules(digest, helper_modules(stage))
    return digest.hexdigest()


def helper_modules(stage: Stage) -> set[str]:
    """Return the names of the modules whose source a stage declares to decide its results."""
    return set(_modules(stage.helpers)) - _plugin_modules() | set(stage.helpers)


def undeclared_helpers(stage: Stage) -> list[str]:
    """Return the modules of the house that a stage's function uses and that are no helpers.

    Constants count as little as the engine, errors and parameter models do: names of files are
    agreements, and parameters are in the keys.
    """
    module = inspect.getmodule(stage.run)
    assert module is not None
    tree = ast.parse(inspect.getsource(module))
    names = {n.id for part in _used_nodes(stage.run, tree).values() for top in part
             for n in ast.walk(top) if isinstance(n, ast.Name)}  # fmt: skip
    used = {
        str(node.module)
        for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if (alias.asname or alias.name) in names and not alias.name.isupper()
    }  # fmt: skip
    return sorted(m for m in used - helper_modules(stage) if _may_be_a_helper(m))


def _may_be_a_helper(module: str) -> bool:
    package, _, rest = module.partition(".")
    without = ("", "engine", "errors", "config")  # of the package itself there is the version alone
    return (
        package == "xsurvey" and rest.split(".")[0] not in without
        and not rest.endswith("parameters")
    )  # fmt: skip


def fingerprints(stages: Iterable[Stage], plugins: Iterable[PlugIn] = ()) -> Fingerprints:
    """Return version and fingerprint of each stage and plug-in, by name."""
    entries = {s.name: {"version": s.version, "source": stage_fingerprint(s)} for s in stages}
    for plugin in plugins:
        digest = hashlib.sha256()
        _add_modules(digest, plugin.modules)
        entries[plugin.name] = {"version": plugin.version, "source": digest.hexdigest()}
    return dict(sorted(entries.items()))


def _add_modules(digest: Any, names: Iterable[str]) -> None:
    for name in sorted(set(names)):
        digest.update(f"\n{name}\n{_normal_text(_module_source(name))}".encode())


@cache
def _normal_text(source: str) -> str:
    return _normal(ast.parse(source))


def registered_stages() -> list[Stage]:
    """Return the stages of all pipelines, each once; none while there are no pipelines."""
    # by name: the engine must not depend on the pipelines, which depend on it
    pipelines = getattr(importlib.import_module("xsurvey.pipelines"), "PIPELINES", {})
    return list({s.name: s for p in pipelines.values() for s in p.stages}.values())


def registered_plugins() -> list[PlugIn]:
    """Return the missions that are part of the house; those of other packages are not its own."""
    package = importlib.import_module(_WITH_PLUGINS[0])
    return [
        PlugIn(f"mission:{name}", mission.version, modules)
        for name, mission in package.missions().items()
        if (modules := _modules_of_plugin(type(mission).__module__))
    ]


@cache
def _plugin_modules() -> frozenset[str]:
    return frozenset(name for plugin in registered_plugins() for name in plugin.modules)


def _modules_of_plugin(module: str) -> tuple[str, ...]:
    package = module.rpartition(".")[0]
    if package not in _WITH_PLUGINS:
        return ()
    return tuple(n for n in _modules([package]) if n == module or n.startswith(f"{module}_"))


def complaints(current: Fingerprints, recorded: Fingerprints) -> list[str]:
    """Return what is wrong, one line a stage or plug-in, and what to run, in the last one."""
    lines = []
    for name, now in current.items():
        before = recorded.get(name)
        if before is None:
            lines.append(f"{_title(name)} is new")
        elif _changed_alone(now, before):
            lines.append(
                f"{_title(name)} changed but its version is still {now['version']}: results that "
                "users have would be taken for new ones. Raise its version, unless no result can "
                "differ"
            )
        elif now != before:
            lines.append(f"{_title(name)} has a new version")
    lines += [f"{_title(name)} is gone" for name in recorded if name not in current]
    if lines:
        alone = _all_changed_alone(current, recorded)
        same = f" --same-results {' '.join(alone)}" if alone else ""
        why = ", leaving out those whose version you raised" if alone else ""
        lines.append(f"then record them{why}: {_UPDATE}{same}")
    return lines


def update(current: Fingerprints, path: Path, same_results: Iterable[str] = ()) -> None:
    """Record the fingerprints.

    Raises
    ------
    InputError
        A stage or plug-in changed and its version did not, and it is not among ``same_results``;
        or one of these does not exist.
    """
    recorded = read(path)
    same = set(same_results)
    if unknown := sorted(same - set(current)):
        raise InputError(f"'{unknown[0]}'", "is no stage or plug-in", nearest(unknown[0], current))
    if refused := [name for name in _all_changed_alone(current, recorded) if name not in same]:
        versions = ", ".join(f"{name} {current[name]['version']}" for name in refused)
        raise InputError(
            ", ".join(map(_title, refused)), f"changed at the same version ({versions})",
            f"raise it, or give --same-results {' '.join(refused)} if no result can differ",
        )  # fmt: skip
    with atomic_output(path) as temporary:
        temporary.write_text(json.dumps(current, indent=1) + "\n")


def _title(name: str) -> str:
    kind, _, own = name.rpartition(":")
    return f"{kind or 'stage'} '{own}'"


def _all_changed_alone(current: Fingerprints, recorded: Fingerprints) -> list[str]:
    return [
        name for name, now in current.items()
        if name in recorded and _changed_alone(now, recorded[name])
    ]  # fmt: skip


def read(path: Path) -> Fingerprints:
    """Return the recorded fingerprints; empty if there is no file yet."""
    return dict(json.loads(path.read_text())) if path.exists() else {}


def _changed_alone(now: Mapping[str, str], before: Mapping[str, str]) -> bool:
    return now["source"] != before["source"] and now["version"] == before["version"]


def _used_definitions(function: Any) -> Iterator[str]:
    """Yield the normal form of a function and of what it uses of its own module."""
    module = inspect.getmodule(function)
    if module is None:
        yield _normal(ast.parse(textwrap.dedent(inspect.getsource(function))))
        return
    found = _used_nodes(function, ast.parse(inspect.getsource(module)))
    for name in sorted(found):
        yield f"\n{name}\n" + "".join(_normal(node) for node in found[name])


def _used_nodes(function: Any, module: ast.Module) -> dict[str, list[ast.AST]]:
    """Return the definitions of a module that a function of it uses, itself among them."""
    defined = _definitions(module)
    used: dict[str, list[ast.AST]] = {}
    wanted = [function.__name__]
    while wanted:
        name = wanted.pop()
        if name in defined and name not in used:
            used[name] = defined[name]
            nodes = [n for top in defined[name] for n in ast.walk(top)]
            wanted += [n.id for n in nodes if isinstance(n, ast.Name)]
    return used


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
    """Compare what is registered with the file, or write it; 0 when they agree."""
    parser = argparse.ArgumentParser(prog="python -m xsurvey.engine.fingerprint")
    parser.add_argument("--update", action="store_true", help="record stages as they are")
    parser.add_argument(
        "--same-results", nargs="+", action="extend", default=[], metavar="NAME",
        help="these changed, but no result can differ",
    )  # fmt: skip
    parser.add_argument("--file", type=Path, default=DEFAULT_FILE)
    options = parser.parse_args(arguments)
    try:
        if not options.file.parent.is_dir():
            raise InputError(
                options.file, "is not there to compare with", "run it of a checkout, or give --file"
            )
        current = fingerprints(registered_stages(), registered_plugins())
        if options.update:
            update(current, options.file, options.same_results)
    except XSurveyError as error:
        print(f"xsurvey: error: {error}", file=sys.stderr)
        return 2
    found = complaints(current, read(options.file))
    print("\n".join(found) or f"{len(current)} stages and plug-ins as recorded")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
