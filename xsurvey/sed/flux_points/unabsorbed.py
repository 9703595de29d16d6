"""Models without the absorption on the way: which components that is, and the model's nu F_nu."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from xsurvey.errors import ParameterError, nearest
from xsurvey.spectra.assembly import absorbing_columns
from xsurvey.spectra.flux import ERG_PER_KEV
from xsurvey.spectra.models.evaluator import ModelEvaluator
from xsurvey.spectra.models.expression import (
    Component,
    Convolution,
    Expression,
    Leaf,
    Node,
    Product,
    Sum,
)
from xsurvey.spectra.models.settings import ModelSettings

_OF_THE_SOURCE = frozenset((
    "constant", "logconst", "log10con", "expabs", "expfac", "highecut", "zhighect", "hrefl",
    "plabs", "polconst", "pollin", "polpow", "spexpcut", "spline",
))  # fmt: skip
"""Factors of XSPEC's without a column density that are no absorption."""
_NONE = "none"
_STEP = 1e-3
"""Of ln E, of the grid that models are evaluated on: power laws between its nodes are exact to
a millionth."""
_SMOOTH, _MARGIN = 30, 1.05
"""Steps to both sides over which a model is averaged, to see whether it is smooth, and how far
beyond the energies it is known."""


def absorption_of(expression: Expression, named: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the names of the components that absorb on the way.

    Parameters
    ----------
    expression : Expression
    named : sequence of str
        What the user says: names of components, or ``none``. Without it those with a column
        density ``nH``.

    Raises
    ------
    ParameterError
        A name is that of no factor of the expression; or without names there is a factor that may
        be absorption or a part of the source.
    """
    factors = [c for c in expression.components if c.definition.kind == "mul"]
    if named:
        if [name.strip().lower() for name in named] == [_NONE]:
            return ()
        return tuple(dict.fromkeys(_factor(name, factors, expression) for name in named))
    columns = set(absorbing_columns(expression))
    found = [
        c.name for c in factors
        if columns & set(range(c.first, c.first + len(c.definition.parameters)))
    ]  # fmt: skip
    for component in factors:
        name = component.definition.name.lower()
        if component.name not in found and name not in _OF_THE_SOURCE:
            raise ParameterError(
                "absorption", f"{component.name} of {expression.text} may be on the way or a part "
                "of the source", "name all components that are to be taken away, or 'none'",
            )  # fmt: skip
    return tuple(found)


def _factor(name: str, factors: Sequence[Component], expression: Expression) -> str:
    """Return the name of a factor, which the user may write in any case, or as its model's."""
    wanted = name.strip().lower()
    for component in factors:
        if component.name.lower() == wanted:
            return component.name
    whole = [c.name for c in factors if c.definition.name.lower() == wanted]
    if len(whole) == 1:
        return whole[0]
    raise ParameterError(
        "absorption", f"'{name.strip()}' is no factor of {expression.text}",
        nearest(name.strip(), [c.name for c in factors]),
    )  # fmt: skip


def without_components(expression: Expression, names: Sequence[str]) -> Expression:
    """Return an expression of the same parameters in which some factors are one.

    Raises
    ------
    ParameterError
        A factor is a term of a sum, which is not the same as without it.
    """
    removed = {i for i, c in enumerate(expression.components) if c.name in names}
    tree = _pruned(expression.tree, removed, expression)
    assert tree is not None  # an expression has photons in it, which are no factor
    return replace(expression, tree=tree)


def _pruned(node: Node, removed: set[int], expression: Expression) -> Node | None:
    """Return a node without some components; None where nothing is left of it."""
    if isinstance(node, Leaf):
        return None if node.component in removed else node
    if isinstance(node, Convolution):
        argument = _pruned(node.argument, removed, expression)
        return None if argument is None else Convolution(node.component, argument)
    if isinstance(node, Product):
        kept = [p for f in node.factors if (p := _pruned(f, removed, expression)) is not None]
        if len(kept) < 2:
            return kept[0] if kept else None
        return Product(tuple(kept))
    terms = [_pruned(term, removed, expression) for term in node.terms]
    if any(term is None for term in terms):
        names = " and ".join(expression.components[i].name for i in sorted(removed))
        raise ParameterError(
            "absorption", f"{names} of {expression.text} is a term of a sum of factors",
            "write it as a factor of its own, or multiply the term by a constant",
        )  # fmt: skip
    return Sum(tuple(term for term in terms if term is not None))


class UnabsorbedSpectrum:
    """nu F_nu of a model without absorption, as a function of its parameters.

    Attributes
    ----------
    expression : Expression
        Without the components that were taken away.
    """

    def __init__(
        self, expression: Expression, removed: Sequence[str], settings: ModelSettings,
        energies: tuple[float, float], span: tuple[float, float] | None = None,
    ) -> None:  # fmt: skip
        """Prepare a model.

        Parameters
        ----------
        expression : Expression
        removed : sequence of str
            Components that are taken away.
        settings : ModelSettings
        energies : (float, float)
            Least and largest energy at which it will be asked for, keV.
        span : (float, float), optional
            Energies over which the model is made, where it mixes energies (convolutions).

        Raises
        ------
        ParameterError
            As `without_components`.
        """
        self.expression = without_components(expression, removed)
        low, high = energies[0] / _MARGIN, energies[1] * _MARGIN
        if span is not None:
            low, high = min(low, span[0]), max(high, span[1])
        edges = np.geomspace(low, high, int(np.log(high / low) / _STEP) + 2)
        self._width = np.diff(edges)
        self._energy = np.sqrt(edges[1:] * edges[:-1])
        self._model = ModelEvaluator(self.expression, edges, settings)

    def __call__(self, parameters: np.ndarray, energy: np.ndarray) -> np.ndarray:
        """Return E^2 dN/dE, erg / cm2 / s.

        Parameters
        ----------
        parameters : ndarray, shape (b, p)
            Of the expression with its absorption.
        energy : ndarray, shape (k,)
            keV.

        Returns
        -------
        ndarray, shape (b, k)
            NaN where the model has no photons.
        """
        return self._at(self._spectrum(parameters), energy)

    def roughness(self, parameters: np.ndarray, energy: np.ndarray) -> np.ndarray:
        """Return the spectrum over its mean about each energy (3 % to both sides), less one.

        Parameters
        ----------
        parameters : ndarray, shape (p,)
        energy : ndarray, shape (k,)

        Returns
        -------
        ndarray, shape (k,)
            Almost zero of continua, large at lines.
        """
        spectrum = self._spectrum(parameters[None, :])
        box = np.ones(2 * _SMOOTH + 1)
        mean = np.convolve(spectrum[0], box, "same") / np.convolve(np.ones_like(self._energy), box,
                                                                  "same")  # fmt: skip
        return (self._at(spectrum, energy) / self._at(mean[None, :], energy) - 1)[0]

    def _spectrum(self, parameters: np.ndarray) -> np.ndarray:
        photons = self._model(parameters)
        return np.asarray(photons / self._width * self._energy**2 * ERG_PER_KEV)

    def _at(self, spectrum: np.ndarray, energy: np.ndarray) -> np.ndarray:
        """Interpolate as power laws."""
        with np.errstate(divide="ignore", invalid="ignore"):
            logarithm = np.log(np.where(spectrum > 0, spectrum, np.nan))
        nodes, wanted = np.log(self._energy), np.log(energy)
        return np.exp(np.array([np.interp(wanted, nodes, row) for row in logarithm]))
