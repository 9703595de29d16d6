"""Filter expressions of users: what they may say, and nothing else.

An expression is parsed by DuckDB itself, and its syntax tree may hold only columns,
constants, comparisons and the functions named here. A stranger's expression can so neither
read a file, nor ask about the machine, nor be more than one expression.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import duckdb

from xsurvey.errors import ParameterError, nearest

_LONGEST = 100_000
_MOST_BRACKETS = 200  # parsers take a time that grows much faster than the depth
_FRAME = "SELECT 1 FROM catalog WHERE "
_CLASSES = {
    "COLUMN_REF", "CONSTANT", "COMPARISON", "CONJUNCTION", "OPERATOR", "FUNCTION", "BETWEEN",
    "CASE", "CAST", "TYPE",
}  # fmt: skip
_OPERATORS = {
    "OPERATOR_NOT", "OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL", "OPERATOR_COALESCE",
    "OPERATOR_NULLIF", "COMPARE_IN", "COMPARE_NOT_IN",
}  # fmt: skip
_SYMBOLS = {
    "+", "-", "*", "/", "//", "%", "&", "|", "~", "<<", ">>", "||", "~~", "!~~", "~~*",
    "!~~*",
}  # fmt: skip
_FUNCTIONS = {
    "abs", "acos", "asin", "atan", "atan2", "cbrt", "ceil", "ceiling", "cos", "cot", "degrees",
    "exp", "floor", "greatest", "least", "ln", "log", "log10", "log2", "mod", "pi", "pow",
    "power", "radians", "round", "sign", "sin", "sqrt", "tan", "trunc", "isfinite", "isinf",
    "contains", "ends_with", "length", "lower", "prefix", "regexp_matches", "replace",
    "starts_with", "strip_accents", "substr", "substring", "suffix", "trim", "upper", "concat",
    "bit_count", "xor", "like_escape", "not_like_escape", "ilike_escape", "not_ilike_escape",
    "nullif",
}  # fmt: skip


def check_expression(
    connection: duckdb.DuckDBPyConnection, text: str, known: Iterable[str]
) -> None:
    """Raise unless ``text`` is one harmless condition on known columns.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Its parser is used; nothing is run.
    text : str
        Such as ``detection_likelihood > 15 AND flag & 4 = 0``.
    known : iterable of str
        Column names; case does not matter.

    Raises
    ------
    ParameterError
        It cannot be parsed, holds more than one condition, a subquery or a function that is
        not allowed, or an unknown column.
    """
    if len(text) > _LONGEST or sum(map(text.count, "([{")) > _MOST_BRACKETS or "\0" in text:
        raise _error("is too long, or has too many brackets", "shorten it")
    try:
        _parse(connection, f"{_FRAME}({text}\n)")  # as it will stand in the query
        node = _parse(connection, f"{_FRAME}{text}\n")
        frame = _parse(connection, f"{_FRAME}TRUE")
        where = node.pop("where_clause", None)
        frame.pop("where_clause")
        if where is None or _without_places(node) != _without_places(frame):
            raise _error("is more than one condition", "give a single condition, without ORDER BY")
        names = {name.lower() for name in known}
        for part in _parts(where):
            _check_part(part, names, text, known)
    except RecursionError:
        raise _error("is nested too deeply", "shorten it") from None


def _parse(connection: duckdb.DuckDBPyConnection, query: str) -> dict[str, Any]:
    try:
        ((answer,),) = connection.execute(
            "SELECT json_serialize_sql(?::VARCHAR)", [query]
        ).fetchall()
    except duckdb.Error as error:
        raise _error(f"cannot be parsed ({first_line(error)})", "correct the expression") from error
    tree = json.loads(answer)
    if tree.get("error"):
        raise _error(f"cannot be parsed ({tree.get('error_message')})", "correct the expression")
    if len(tree["statements"]) != 1:
        raise _error("is more than one statement", "give a single condition")
    node: dict[str, Any] = tree["statements"][0]["node"]
    return node


def _parts(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield every node of a syntax tree that has a class."""
    if isinstance(tree, dict):
        if "class" in tree:
            yield tree
        for value in tree.values():
            yield from _parts(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _parts(value)


def _check_part(part: dict[str, Any], names: set[str], text: str, known: Iterable[str]) -> None:
    kind = part["class"]
    if kind not in _CLASSES or (kind == "OPERATOR" and part.get("type") not in _OPERATORS):
        what = "a subquery" if kind == "SUBQUERY" else f"{kind.lower().replace('_', ' ')} syntax"
        raise _error(f"holds {what}", "use columns, numbers, texts, comparisons, AND, OR and NOT")
    if kind == "FUNCTION":
        _check_function(part)
    if kind == "COLUMN_REF":
        _check_column(part["column_names"], names, text, known)


def _check_function(part: dict[str, Any]) -> None:
    name = str(part["function_name"]).lower()
    if name in ("^", "**"):
        raise _error(f"uses {name}", "write pow(x, y)")
    qualified = part.get("schema") or part.get("catalog")
    if name == "isnan":
        raise _error("asks isnan()", "missing numbers are null here: write IS NULL or IS NOT NULL")
    if qualified or name not in (_SYMBOLS if part.get("is_operator") else _FUNCTIONS | _SYMBOLS):
        raise _error(f"function '{name}' is not allowed", nearest(name, _FUNCTIONS))


def nearest_column(name: str, known: Iterable[str]) -> str:
    """Return a hint naming the nearest columns, without listing a hundred others.

    Of what has a column a band those of the first bands, which are the most important.
    """
    known = list(known)
    begins = [other for other in known if other.lower().startswith(f"{name.lower()}_")]
    if begins:
        fewest = min(other.count("_") for other in begins)
        first = [repr(other) for other in begins if other.count("_") == fewest][:3]
        return f"did you mean {' or '.join(first)}?"
    hint = nearest(name, known)
    return hint if hint.startswith("did") else "`xsurvey catalog info` lists the columns"


def _check_column(path: list[str], names: set[str], text: str, known: Iterable[str]) -> None:
    name = ".".join(path)
    if len(path) == 1 and name.lower() in names:
        return
    remedy = nearest_column(name, known)
    if f'"{name}"' in text:
        remedy += f" If it is meant as text, write '{name}' in single quotes"
    raise _error(f"no column '{name}'", remedy)


def _without_places(tree: Any) -> Any:
    """Drop where in the text things stood, and so compare what they are."""
    if isinstance(tree, dict):
        return {
            k: _without_places(v) for k, v in tree.items() if not k.startswith("query_location")
        }
    if isinstance(tree, list):
        return [_without_places(v) for v in tree]
    return tree


def first_line(error: Exception) -> str:
    """Return the first line of an error of DuckDB, which goes on to quote the query."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def _error(cause: str, remedy: str) -> ParameterError:
    return ParameterError("where", cause, remedy)
