"""YAML read safely: plain values only, no surprises, errors that name the line.

Values follow YAML 1.2's core schema. PyYAML's own, 1.1, would read ``15:13:55`` as the number
54835, ``0123`` as octal and ``2020-01-01`` as a date.
"""

import os
import re
from pathlib import Path
from typing import Any

import yaml

from xsurvey.errors import InputError

_MAX_BYTES = 32 * 1024 * 1024
_ALIAS_FACTOR, _ALIAS_ALLOWANCE = 10, 10_000
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)


class _Loader(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2 and unique keys."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


def _resolve(tag: str, pattern: str, first: str) -> None:
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), list(first)
    )


_resolve("bool", "true|True|TRUE|false|False|FALSE", "tTfF")
_resolve("int", _INTEGER.pattern, "-+0123456789")
_resolve("float", _FLOAT.pattern, "-+.0123456789")
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]
)
_resolve("merge", "<<", "<")


def _integer(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = loader.construct_scalar(node)
    try:
        return int(text, 10)
    except ValueError:
        raise _problem(node, f"'{text[:40]}' is not a whole number that can be used") from None


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[str, Any]:
    lines: dict[Any, int] = {}
    for key_node, _ in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise _problem(key_node, "a key is not a name")
        if key_node.tag == "tag:yaml.org,2002:merge":
            continue
        key = loader.construct_object(key_node)
        if not isinstance(key, str):
            raise _problem(key_node, f"key '{key_node.value}' is not a name")
        if key in lines:
            raise _problem(key_node, f"key '{key}' is there twice (first on line {lines[key]})")
        lines[key] = line
    loader.flatten_mapping(node)
    return {str(k): v for k, v in loader.construct_mapping(node, deep=True).items()}


_Loader.add_constructor("tag:yaml.org,2002:int", _integer)
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def _problem(node: yaml.Node, text: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=text, problem_mark=node.start_mark)


def parse_yaml(text: str) -> Any:
    """Return the values of one YAML document.

    Raises
    ------
    yaml.YAMLError
        Syntax, duplicate keys, aliases that repeat themselves beyond measure.

    Examples
    --------
    >>> parse_yaml("{center: 15:13:55, obsid: 0754, band: 0.5-7}")
    {'center': '15:13:55', 'obsid': 754, 'band': '0.5-7'}
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _check_aliases(node)
        return loader.construct_document(node)
    except RecursionError:
        raise yaml.YAMLError("is nested too deeply") from None
    finally:
        loader.dispose()


def _check_aliases(root: yaml.Node) -> None:
    """Refuse documents whose aliases, written out, would be far longer than themselves."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(node: yaml.Node) -> int:
        if id(node) in open_nodes:
            raise _problem(node, "an alias contains itself")
        if id(node) not in sizes:
            open_nodes.add(id(node))
            sizes[id(node)] = 1 + sum(size(child) for child in _children(node))
            open_nodes.discard(id(node))
        return sizes[id(node)]

    if size(root) > _ALIAS_FACTOR * len(sizes) + _ALIAS_ALLOWANCE:
        raise _problem(root, "its aliases repeat one another too often")


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return []


def read_yaml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the mapping that a YAML file holds.

    Raises
    ------
    InputError
        The file is missing, not text, not YAML (with the line), or not a mapping.
    """
    file = Path(path)
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise InputError(file, "is too big for a YAML configuration", "give a config file")
        text = file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise InputError(file, "does not exist", "check the path") from None
    except IsADirectoryError:
        raise InputError(file, "is a folder", "give the YAML file itself") from None
    except OSError as error:
        cause = f"cannot be read ({error.strerror or error})"
        raise InputError(file, cause, "check the path and its permissions") from None
    except UnicodeDecodeError:
        raise InputError(file, "is not text in UTF-8", "give a YAML file") from None
    if "\0" in text:
        raise InputError(file, "is no text", "give a YAML file")
    try:
        values = parse_yaml(text)
    except yaml.YAMLError as error:
        raise InputError(file, _described(error), "correct the YAML there") from None
    if not isinstance(values, dict):
        raise InputError(file, "is not a mapping of names to values", "write `name: value` lines")
    return values


def _described(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    problem = problem.replace("\t", "\\t")
    if mark is None:
        return str(problem)
    return f"line {mark.line + 1}: {problem}"
