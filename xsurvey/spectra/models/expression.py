"""Model expressions as XSPEC writes them: ``tbabs*(apec+powerlaw)``.

Grammar::

    sum     = product { "+" product }
    product = factor { "*" factor | factor in parentheses }
    factor  = name | "(" sum ")"

A convolution acts on all that stands right of it in its product, or on its parentheses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from xsurvey.errors import ParameterError, nearest
from xsurvey.spectra.models.definitions import (
    ModelDefinition,
    ParameterDefinition,
    find_model,
)
from xsurvey.spectra.models.python_models import broken_models, known_models

_TOKEN = re.compile(r"\s*(?:(?P<name>[A-Za-z_]\w*)|(?P<number>[\d.]+)|(?P<sign>\S))", re.ASCII)


@dataclass(frozen=True)
class Leaf:
    """A component, by its place in `Expression.components`."""

    component: int


@dataclass(frozen=True)
class Product:
    """Factors, of which at most one is additive."""

    factors: tuple[Node, ...]


@dataclass(frozen=True)
class Sum:
    """Terms of one kind."""

    terms: tuple[Node, ...]


@dataclass(frozen=True)
class Convolution:
    """A convolution and what it acts on."""

    component: int
    argument: Node


Node = Leaf | Product | Sum | Convolution


@dataclass(frozen=True)
class Component:
    """A model in an expression.

    Attributes
    ----------
    name : str
        As written; the second of a name is ``name_2``.
    definition : ModelDefinition
    first : int
        Place of its first parameter in `Expression.parameters`.
    """

    name: str
    definition: ModelDefinition
    first: int

    @property
    def columns(self) -> slice:
        """Places of its parameters, without the norm."""
        return slice(self.first, self.first + len(self.definition.shape_parameters))

    @property
    def norm(self) -> int | None:
        """Place of its norm, of an additive one."""
        return self.columns.stop if self.definition.kind == "add" else None


@dataclass(frozen=True)
class ModelParameter:
    """A parameter of a component in an expression; ``name`` is ``component.parameter``."""

    name: str
    definition: ParameterDefinition


@dataclass(frozen=True)
class Expression:
    """A parsed model expression.

    Attributes
    ----------
    text : str
        As written, without spaces.
    tree : Leaf or Product or Sum or Convolution
    components : tuple of Component
        In the order they are written.
    """

    text: str
    tree: Node
    components: tuple[Component, ...]
    _places: dict[str, int] = field(init=False, repr=False, compare=False, default_factory=dict)

    @cached_property
    def parameters(self) -> tuple[ModelParameter, ...]:
        """All parameters, component after component, as the rows of a batch have them."""
        return tuple(
            ModelParameter(f"{component.name}.{parameter.name}", parameter)
            for component in self.components
            for parameter in component.definition.parameters
        )

    def find(self, name: str) -> int:
        """Return the place of a parameter in `parameters`; case does not matter.

        The component may be named as it is written in the expression or, where that is
        unique, with the full name of its model.

        Parameters
        ----------
        name : str
            ``component.parameter``, such as ``tbabs.nh``.

        Raises
        ------
        ParameterError
            There is no such parameter.
        """
        if not self._places:
            self._places.update(self._names())
        place = self._places.get(name.strip().lower())
        if place is None:
            known = [parameter.name for parameter in self.parameters]
            raise ParameterError(name, f"is no parameter of {self.text}", nearest(name, known))
        return place

    def _names(self) -> dict[str, int]:
        models = [c.definition.name.lower() for c in self.components]
        names = {}
        for component in self.components:
            model = component.definition.name.lower()
            for i, parameter in enumerate(component.definition.parameters):
                if models.count(model) == 1:
                    names[f"{model}.{parameter.name.lower()}"] = component.first + i
        own = {p.name.lower(): i for i, p in enumerate(self.parameters)}
        return names | own


def parse_expression(
    text: str, definitions: Mapping[str, ModelDefinition] | None = None
) -> Expression:
    """Parse a model expression.

    Parameters
    ----------
    text : str
    definitions : mapping, optional
        The models that are known; those of the installed XSPEC, and Python ones, if not given.

    Raises
    ------
    ParameterError
        Unknown or ambiguous model, a number, a parenthesis too many, kinds of models that
        do not go together; the place in the text is named.
    MissingDataError
        XSPEC's models are not installed.
    """
    if definitions is not None:
        return _Parser(text, definitions, {}).parse()
    return _Parser(text, known_models(), broken_models()).parse()


@dataclass(frozen=True)
class _Token:
    text: str
    kind: str
    place: int


class _Parser:
    """Recursive descent; each method returns a node and its kind, 'add' or 'mul'."""

    def __init__(
        self, text: str, definitions: Mapping[str, ModelDefinition], broken: Mapping[str, str]
    ) -> None:
        self._text = text
        self._definitions = definitions
        exact = {name.lower() for name in definitions}
        self._broken = {name: cause for name, cause in broken.items() if name not in exact}
        self._tokens = [
            _Token(str(match[match.lastgroup]), match.lastgroup, match.start(match.lastgroup) + 1)
            for match in _TOKEN.finditer(text)
            if match.lastgroup
        ]
        self._tokens.append(_Token("", "end", len(text) + 1))
        self._next = 0
        self._depth = 0
        self._components: list[Component] = []

    def parse(self) -> Expression:
        """Parse all of it."""
        if len(self._tokens) == 1:
            raise ParameterError("model", "is empty", "write one, such as tbabs*powerlaw")
        tree, kind = self._sum()
        if self._peek.kind != "end":
            raise self._error(self._peek, self._cause_of(self._peek))
        if kind != "add":
            raise ParameterError(
                f"model '{self._text}'", "has no additive component",
                "multiply a source of photons, such as powerlaw",
            )  # fmt: skip
        return Expression("".join(self._text.split()), tree, tuple(self._components))

    @property
    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._peek
        self._next += 1
        return token

    def _sum(self) -> tuple[Node, str]:
        node, kind = self._product()
        terms = [node]
        while self._peek.text == "+":
            sign = self._take()
            node, other = self._product()
            if other != kind:
                raise self._error(
                    sign, "adds photons to a factor",
                    "add components of one kind, and multiply by the others",
                )  # fmt: skip
            terms.append(node)
        return (terms[0] if len(terms) == 1 else Sum(tuple(terms))), kind

    def _product(self) -> tuple[Node, str]:
        factors: list[Node] = []
        kinds: list[str] = []
        while True:
            start = self._peek
            node, kind, whole = self._factor()
            if kind == "add" and "add" in kinds:
                raise self._error(start, "multiplies two sources of photons", "add them, with +")
            factors.append(node)
            kinds.append(kind)
            if self._peek.text == "*":
                sign = self._take()
            elif self._peek.text == "(":
                sign = self._peek
            else:
                break
            if whole:
                raise self._error(
                    sign, "follows the parentheses of a convolution: what that acts on is open",
                    "write the factor before the convolution, or put parentheses around both",
                )  # fmt: skip
        kind = "add" if "add" in kinds else "mul"
        return (factors[0] if len(factors) == 1 else Product(tuple(factors))), kind

    def _factor(self) -> tuple[Node, str, bool]:
        """Return a node, its kind, and whether it is a convolution of parentheses."""
        token = self._take()
        if token.text == "(":
            node, kind = self._parentheses(token)
            return node, kind, False
        if token.kind != "name":
            raise self._error(token, self._cause_of(token), _REMEDIES.get(token.kind))
        component = self._component(token)
        if component.definition.kind != "con":
            return Leaf(len(self._components) - 1), component.definition.kind, False
        return self._convolution(token, len(self._components) - 1)

    def _convolution(self, token: _Token, component: int) -> tuple[Node, str, bool]:
        if self._peek.text == "*":
            self._take()
        elif self._peek.text != "(":
            raise self._error(
                token,
                "is a convolution of nothing",
                f"write {token.text}*(...) or {token.text}(...)",
            )
        whole = self._peek.text == "("
        if whole:
            node, kind = self._parentheses(self._take())
        else:
            node, kind = self._product()
        return Convolution(component, node), kind, whole

    def _parentheses(self, opening: _Token) -> tuple[Node, str]:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._error(opening, "is nested too deep", "write it with fewer parentheses")
        node, kind = self._sum()
        self._depth -= 1
        if self._peek.text != ")":
            if self._peek.kind == "end":
                raise self._error(opening, "is not closed", "add ')'")
            raise self._error(self._peek, self._cause_of(self._peek))
        self._take()
        return node, kind

    def _component(self, token: _Token) -> Component:
        if token.text.lower() in self._broken:  # never XSPEC's model of a longer name instead
            raise self._error(
                token, "is a plug-in that cannot be loaded: " + self._broken[token.text.lower()],
                "reinstall or remove its package",
            )  # fmt: skip
        try:
            definition = find_model(token.text, self._definitions)
        except ParameterError as error:
            raise self._error(token, error.cause, error.remedy) from None
        if definition.kind == "acn":
            raise self._error(
                token, "needs the response while it is evaluated, which is not supported",
                "leave it out, and bright sources too",
            )  # fmt: skip
        names = [component.name.lower() for component in self._components]
        name, number = token.text, 1
        while name.lower() in names:
            number += 1
            name = f"{token.text}_{number}"
        first = sum(len(component.definition.parameters) for component in self._components)
        component = Component(name, definition, first)
        self._components.append(component)
        return component

    def _cause_of(self, token: _Token) -> str:
        if token.kind == "end":
            return "a model is missing here"
        if token.text in "{}":
            return "table models are not supported"
        return "is a number" if token.kind == "number" else "is not expected here"

    def _error(self, token: _Token, cause: str, remedy: str | None = None) -> ParameterError:
        where = f"character {token.place}" + (f", '{token.text}'" if token.text else "")
        return ParameterError(
            f"model '{self._text}'", f"{where}: {cause}",
            remedy or "write an expression such as tbabs*(apec+powerlaw)",
        )  # fmt: skip


_DEEPEST = 50
_REMEDIES = {"number": "use the model constant, and set constant.factor"}
