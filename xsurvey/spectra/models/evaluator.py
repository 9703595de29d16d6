"""Evaluates a model expression on an energy grid, for many parameter vectors at once."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Literal

import numpy as np

from xsurvey.errors import InputError, ParameterError
from xsurvey.spectra.models.components import (
    BACKENDS,
    ComponentEvaluator,
    LibraryModel,
    component_evaluator,
)
from xsurvey.spectra.models.expression import Convolution, Expression, Leaf, Node, Product
from xsurvey.spectra.models.library import check_parameters
from xsurvey.spectra.models.settings import ModelSettings

Backend = Literal["auto", "library", "tables"]
_Step = Callable[[np.ndarray], np.ndarray]


class ModelEvaluator:
    """A model expression on an energy grid.

    Parameters
    ----------
    expression : Expression
    edges : ndarray, shape (n + 1,)
        Energies in keV, positive and ascending.
    settings : ModelSettings, optional
    backend : {'auto', 'library', 'tables'}
        ``library`` calls XSPEC's library for every component. ``auto`` uses tables and closed
        forms wherever they have the library's numbers, and ``tables`` nothing else.
    free : collection of str, optional
        Parameters that will vary. Tables hold at one redshift: of a component whose
        redshift is free none is made. Otherwise the first redshift that is seen gets a
        table, and others go to the library.

    Attributes
    ----------
    description : dict
        How each component is evaluated, for provenance.

    Raises
    ------
    InputError
        The edges are not energies.
    ParameterError
        Unknown back end, or ``tables`` was asked for and a component has no exact table.
    MissingDataError
        The library or the data of a model are not installed.
    """

    def __init__(
        self,
        expression: Expression,
        edges: np.ndarray,
        settings: ModelSettings | None = None,
        backend: Backend = "auto",
        free: Collection[str] = (),
    ) -> None:
        if backend not in BACKENDS:
            raise ParameterError(
                "backend", f"there is no {backend!r}", f"use one of {', '.join(BACKENDS)}"
            )
        self.expression = expression
        self.edges = _checked_edges(edges)
        self.settings = settings or ModelSettings()
        self._backend, self._free = backend, tuple(free)
        places = {expression.find(name) for name in free}
        self._evaluators: list[ComponentEvaluator] = [
            component_evaluator(
                component.definition, self.edges, self.settings, backend,
                [place - component.first for place in places],
            )
            for component in expression.components
        ]  # fmt: skip
        self._root = self._compile(expression.tree)
        self._low, self._high = _limits(expression)

    def __reduce__(self) -> tuple[Any, ...]:
        # made anew in another process: the library and its functions stay where they are
        arguments = (self.expression, self.edges, self.settings, self._backend, self._free)
        return type(self), arguments

    @property
    def description(self) -> dict[str, str]:
        """How each component is evaluated, by its name."""
        return {
            component.name: evaluator.description
            for component, evaluator in zip(
                self.expression.components, self._evaluators, strict=True
            )
        }

    def __call__(self, parameters: np.ndarray) -> np.ndarray:
        """Evaluate the model.

        Parameters
        ----------
        parameters : ndarray, shape (b, P) or (P,)
            All parameters of the expression, in the order of ``expression.parameters``.

        Returns
        -------
        ndarray, shape (b, n) or (n,)
            Photons/cm2/s in each bin. Rows whose parameters are not finite, are beyond XSPEC's
            hard limits (norms excepted), or give no finite model, are NaN: see `valid`.

        Raises
        ------
        ParameterError
            One vector (P,) was given, and the model is not defined there; or the shape is
            wrong.
        MissingDataError
            Data that a model reads are not installed.
        """
        rows = np.asarray(parameters, dtype=np.float64)
        if rows.ndim == 1:
            return self._one(rows)
        if rows.ndim != 2 or rows.shape[1] != self._low.size:
            raise _wrong_shape(rows, self._low.size)
        good = self.valid(rows)
        if good.all():
            return self._evaluated(rows)
        flux = np.full((len(rows), self.edges.size - 1), np.nan)
        if good.any():
            flux[good] = self._evaluated(rows[good])
        return flux

    def valid(self, parameters: np.ndarray) -> np.ndarray:
        """Tell for which rows (b, P) the model is defined, shape (b,)."""
        inside = (parameters >= self._low) & (parameters <= self._high)
        return np.asarray(inside.all(axis=1))

    def _one(self, row: np.ndarray) -> np.ndarray:
        if row.size != self._low.size:
            raise _wrong_shape(row, self._low.size)
        if not np.isfinite(row).all():
            bad = self.expression.parameters[int(np.argmin(np.isfinite(row)))]
            raise ParameterError(bad.name, "is not finite", "give it a number")
        for component in self.expression.components:
            check_parameters(component.definition, row[component.columns])
        flux = self._evaluated(row[None])[0]
        if not np.isfinite(flux).all():
            failures = [getattr(e, "failure", None) for e in self._evaluators]
            raise next((f for f in failures if f), None) or ParameterError(
                self.expression.text, "is not finite for these parameters", "change them"
            )
        return flux

    def _evaluated(self, rows: np.ndarray) -> np.ndarray:
        flux = self._root(rows)
        shape = (len(rows), self.edges.size - 1)
        return flux if flux.shape == shape else np.array(np.broadcast_to(flux, shape))

    def _compile(self, node: Node) -> _Step:
        """Return a function from rows (b, P) to an array of its own, (b or 1, n or 1)."""
        if isinstance(node, Leaf):
            return self._leaf(node)
        if isinstance(node, Convolution):
            return self._convolution(node)
        joined = np.multiply if isinstance(node, Product) else np.add
        steps = [
            self._compile(part)
            for part in (node.factors if isinstance(node, Product) else node.terms)
        ]

        def join(rows: np.ndarray) -> np.ndarray:
            result = steps[0](rows)
            for step in steps[1:]:
                other = step(rows)
                if result.shape == other.shape or _covers(result, other):
                    joined(result, other, out=result)
                elif _covers(other, result):
                    result = joined(result, other, out=other)
                else:
                    result = joined(result, other)
            return result

        return join

    def _leaf(self, node: Leaf) -> _Step:
        component = self.expression.components[node.component]
        evaluator, columns, norm = (
            self._evaluators[node.component],
            component.columns,
            component.norm,
        )
        if norm is None:
            return lambda rows: evaluator(rows[:, columns], None)
        return lambda rows: evaluator(rows[:, columns], rows[:, norm])

    def _convolution(self, node: Convolution) -> _Step:
        component = self.expression.components[node.component]
        evaluator = self._evaluators[node.component]
        assert isinstance(evaluator, LibraryModel)
        argument = self._compile(node.argument)
        size = self.edges.size - 1

        def convolve(rows: np.ndarray) -> np.ndarray:
            flux = argument(rows)
            full = np.broadcast_to(flux, (len(rows), size))
            return evaluator.convolve(rows[:, component.columns], full)

        return convolve


def _limits(expression: Expression) -> tuple[np.ndarray, np.ndarray]:
    """Return the hard limits; a norm only has to be finite: it multiplies, lines absorb."""
    most = np.finfo(np.float64).max
    low, high = [], []
    for component in expression.components:
        for parameter in component.definition.shape_parameters:
            low.append(parameter.hard_min)
            high.append(parameter.hard_max)
        if component.norm is not None:
            low.append(-most)
            high.append(most)
    return np.array(low), np.array(high)


def _covers(result: np.ndarray, other: np.ndarray) -> bool:
    """Tell whether broadcasting both gives the shape of the first."""
    return all(n in (m, 1) for m, n in zip(result.shape, other.shape, strict=True))


def _checked_edges(edges: np.ndarray) -> np.ndarray:
    edges = np.array(edges, dtype=np.float64)
    if edges.ndim != 1 or edges.size < 2:
        raise InputError("energies", "are not the edges of one bin or more", "check the response")
    if not (np.isfinite(edges).all() and edges[0] > 0 and (np.diff(edges) > 0).all()):
        raise InputError("energies", "are not positive and ascending", "check the response")
    edges.setflags(write=False)
    return edges


def _wrong_shape(rows: np.ndarray, parameters: int) -> ParameterError:
    return ParameterError(
        "parameters", f"have shape {rows.shape}", f"give rows of {parameters} values"
    )
