"""Parameters that follow others: arithmetic on parameter names, nothing else."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from xsurvey.errors import ParameterError

_BINARY: dict[type[ast.operator], Callable] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.Pow: operator.pow,
}  # fmt: skip
_NAME = re.compile(r"(?<![\w.])(?:\d+:)?[A-Za-z]\w*(?:\.\w+)?")
"""Of a parameter, with a component or without; not the e of a number."""
_REST = re.compile(r"[0-9eE.+\-*/()\s]*")
"""What may stand beside names of parameters: nothing that could be taken for our placeholders."""
_LONGEST = 200


@dataclass(frozen=True)
class Link:
    """An expression of other parameters.

    Attributes
    ----------
    text : str
        As the user wrote it.
    sources : tuple of int
        Columns of the parameters that it is made of.
    """

    text: str
    sources: tuple[int, ...]
    _tree: ast.expr

    def evaluate(self, parameters: np.ndarray) -> np.ndarray:
        """Return the value.

        Parameters
        ----------
        parameters : ndarray, shape (b, p)

        Returns
        -------
        ndarray, shape (b,)
        """
        with np.errstate(all="ignore"):  # what is not finite is impossible, as samplers take it
            value = _evaluate(self._tree, parameters)
        return np.broadcast_to(np.asarray(value, float), (len(parameters),))


def parse_link(text: str, find: Callable[[str], int], subject: str) -> Link:
    """Read an expression such as ``2 * apec.kT`` or ``2:powerlaw.norm / 3``.

    Parameters
    ----------
    text : str
        Numbers, names of parameters, ``+ - * / **`` and parentheses.
    find : callable
        Column of a parameter by its name; raises for unknown ones.
    subject : str
        For messages.

    Raises
    ------
    ParameterError
        Anything else.
    """
    columns: list[int] = []

    cause, remedy = f"'{text}' is not arithmetic of parameters", "write for example 2 * NAME + 1"
    error = ParameterError(subject, cause, remedy)

    def placeholder(match: re.Match[str]) -> str:
        try:
            columns.append(find(match[0]))
        except ParameterError:
            if "." in match[0]:
                raise
            # may be exp, or if, or a parameter that is misspelt
            raise ParameterError(subject, f"{cause}: {match[0]} is none", remedy) from None
        return f"p{len(columns) - 1}"

    if len(text) > _LONGEST or not _REST.fullmatch(_NAME.sub("", text)):
        raise error
    try:
        tree = ast.parse(_NAME.sub(placeholder, text.strip()), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise error from None
    if not columns or not _is_allowed(tree):
        raise error
    return Link(text.strip(), tuple(columns), _with_columns(tree, columns))


def _is_allowed(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return type(node.op) in _BINARY and _is_allowed(node.left) and _is_allowed(node.right)
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, (ast.USub, ast.UAdd)) and _is_allowed(node.operand)
    if isinstance(node, ast.Constant):
        return type(node.value) in (int, float)
    return isinstance(node, ast.Name) and re.fullmatch(r"p\d+", node.id) is not None


def _with_columns(tree: ast.expr, columns: Sequence[int]) -> ast.expr:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = str(columns[int(node.id[1:])])
        elif isinstance(node, ast.Constant):
            node.value = float(node.value)  # type: ignore[arg-type]
    return tree


def _evaluate(node: ast.expr, parameters: np.ndarray) -> np.ndarray | np.float64:
    if isinstance(node, ast.BinOp):
        return _BINARY[type(node.op)](
            _evaluate(node.left, parameters), _evaluate(node.right, parameters)
        )
    if isinstance(node, ast.UnaryOp):
        value = _evaluate(node.operand, parameters)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.Name):
        return parameters[:, int(node.id)]
    assert isinstance(node, ast.Constant)
    return np.float64(node.value)  # type: ignore[arg-type]
