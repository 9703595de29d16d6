"""A spectral expression with factors of polarization, taken apart into polarized terms.

``tbabs*(polconst*bbody + polconst*powerlaw + gaussian)`` has three terms: ``tbabs*bbody`` and
``tbabs*powerlaw`` with a polarization each, and ``tbabs*gaussian``, which is not polarized.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xsurvey.errors import ParameterError
from xsurvey.polarization.spectra.polarization_models import POLARIZATION_MODELS
from xsurvey.spectra.models.expression import (
    Component,
    Convolution,
    Expression,
    Leaf,
    Node,
    Product,
    Sum,
    parse_expression,
)
from xsurvey.spectra.models.python_models import known_models

_Parts = dict[int | None, Node | None]
"""What each factor of polarization multiplies, None for none; a node that is None is a factor 1."""


@dataclass(frozen=True)
class Term:
    """A part of an expression, without factors of polarization.

    Attributes
    ----------
    expression : Expression
    columns : ndarray of int, shape (p,)
        Its parameters among those of the whole expression.
    polarization : int or None
        Component of the whole expression that polarizes it; None where nothing does.
    """

    expression: Expression
    columns: np.ndarray
    polarization: int | None = None


@dataclass(frozen=True)
class PolarizedExpression:
    """An expression, taken apart.

    Attributes
    ----------
    expression : Expression
        With all factors.
    whole : Term
        All of it, without polarization: Stokes I.
    terms : tuple of Term
        That are polarized, one for each factor of polarization.
    """

    expression: Expression
    whole: Term
    terms: tuple[Term, ...]


def parse_polarized(text: str) -> PolarizedExpression:
    """Parse an expression with factors of polarization.

    Parameters
    ----------
    text : str
        XSPEC's names; ``polconst``, ``pollin`` and ``polpow`` multiply what they polarize.
        A component that none of them multiplies is not polarized: it has no part in Q and U. (XSPEC
        takes it with its full spectrum in these, so that there it must be multiplied by a
        ``polconst`` of zero.)

    Raises
    ------
    ParameterError
        As `parse_expression`; nothing is polarized, something is twice, or a polarization is added
        or within a convolution.
    """
    own = {name: model.definition for name, model in POLARIZATION_MODELS.items()}
    return polarized(parse_expression(text, {**known_models(), **own}))


def polarized(expression: Expression) -> PolarizedExpression:
    """Take a parsed expression apart, as `parse_polarized` does."""
    subject = f"model '{expression.text}'"
    parts = _split(expression.tree, expression, subject)
    if not any(key is not None for key in parts):
        raise ParameterError(
            subject, "polarizes nothing", "multiply what is polarized by polconst, pollin or polpow"
        )
    terms = tuple(
        _term(node, expression, key)
        for key, node in parts.items() if key is not None and node is not None
    )  # fmt: skip
    whole = _plain(expression.tree, expression)
    assert whole is not None
    return PolarizedExpression(expression, _term(whole, expression, None), terms)


def is_polarization(component: Component) -> bool:
    """Tell whether a component is a factor of polarization."""
    return component.definition.symbol.startswith("polarization:")


def _split(node: Node, expression: Expression, subject: str) -> _Parts:
    if isinstance(node, Leaf):
        if is_polarization(expression.components[node.component]):
            return {node.component: None}
        return {None: node}
    if isinstance(node, Convolution):
        if set(_split(node.argument, expression, subject)) != {None}:
            name = expression.components[node.component].name
            raise ParameterError(
                subject, f"{name} acts on a polarization",
                "write the polarization before the convolution",
            )  # fmt: skip
        return {None: node}
    if isinstance(node, Sum):
        return _split_sum(node, expression, subject)
    parts: _Parts = {None: None}
    for factor in node.factors:
        other = _split(factor, expression, subject)
        joined: _Parts = {}
        for key, left in parts.items():
            for new, right in other.items():
                if key is not None and new is not None:
                    names = [expression.components[c].name for c in (key, new)]
                    raise ParameterError(
                        subject, f"{' and '.join(names)} polarize the same", "leave out one"
                    )
                joined[new if key is None else key] = _times(left, right)
        parts = joined
    return parts


def _split_sum(node: Sum, expression: Expression, subject: str) -> _Parts:
    parts: dict[int | None, list[Node]] = {}
    for term in node.terms:
        for key, part in _split(term, expression, subject).items():
            if part is None:
                raise ParameterError(
                    subject, "adds a polarization", "multiply by it what it polarizes"
                )
            parts.setdefault(key, []).append(part)
    return {k: found[0] if len(found) == 1 else Sum(tuple(found)) for k, found in parts.items()}


def _times(left: Node | None, right: Node | None) -> Node | None:
    if left is None or right is None:
        return right if left is None else left
    factors: list[Node] = []
    for node in (left, right):
        factors.extend(node.factors if isinstance(node, Product) else [node])
    return Product(tuple(factors))


def _plain(node: Node, expression: Expression) -> Node | None:
    """Return a node without factors of polarization."""
    if isinstance(node, Leaf):
        return None if is_polarization(expression.components[node.component]) else node
    if isinstance(node, Convolution):
        return node
    inner = node.terms if isinstance(node, Sum) else node.factors
    kept = [found for part in inner if (found := _plain(part, expression)) is not None]
    if len(kept) < 2:
        return kept[0] if kept else None
    return Sum(tuple(kept)) if isinstance(node, Sum) else Product(tuple(kept))


def _term(node: Node, expression: Expression, polarization: int | None) -> Term:
    """Return a part with the components that it is made of, and their parameters."""
    used = sorted(_components(node))
    places = {old: new for new, old in enumerate(used)}
    components, columns, first = [], [], 0
    for old in used:
        component = expression.components[old]
        number = len(component.definition.parameters)
        components.append(Component(component.name, component.definition, first))
        columns.append(component.first + np.arange(number))
        first += number
    tree = _renumbered(node, places)
    part = Expression(_text(tree, components), tree, tuple(components))
    return Term(part, np.concatenate(columns), polarization)


def _components(node: Node) -> set[int]:
    if isinstance(node, Leaf):
        return {node.component}
    if isinstance(node, Convolution):
        return {node.component} | _components(node.argument)
    inner = node.terms if isinstance(node, Sum) else node.factors
    return set().union(*(_components(part) for part in inner))


def _renumbered(node: Node, places: dict[int, int]) -> Node:
    if isinstance(node, Leaf):
        return Leaf(places[node.component])
    if isinstance(node, Convolution):
        return Convolution(places[node.component], _renumbered(node.argument, places))
    if isinstance(node, Sum):
        return Sum(tuple(_renumbered(part, places) for part in node.terms))
    return Product(tuple(_renumbered(part, places) for part in node.factors))


def _text(node: Node, components: list[Component]) -> str:
    if isinstance(node, Leaf):
        return components[node.component].name
    if isinstance(node, Convolution):
        return f"{components[node.component].name}({_text(node.argument, components)})"
    if isinstance(node, Sum):
        return "+".join(_text(part, components) for part in node.terms)
    return "*".join(
        f"({text})" if isinstance(part, Sum) else text
        for part in node.factors for text in [_text(part, components)]
    )  # fmt: skip
