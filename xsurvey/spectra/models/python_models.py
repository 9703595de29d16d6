"""Models of the user's own: a Python function and its parameters, used as XSPEC's are.

A package offers one through an entry point of the group ``xsurvey.models``, a script with
`register_model`. Processes other than the script's, such as Dask workers, know those of entry
points only.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Literal

import numpy as np

from xsurvey.errors import ParameterError, printable
from xsurvey.spectra.models.definitions import (
    NORM,
    ModelDefinition,
    ParameterDefinition,
    model_definitions,
)

logger = logging.getLogger(__name__)

_GROUP = "xsurvey.models"
_NAME = re.compile(r"[A-Za-z]\w*", re.ASCII)


def parameter(
    name: str, default: float, low: float, high: float, unit: str = "", frozen: bool = False
) -> ParameterDefinition:
    """Return the definition of a parameter that is defined from ``low`` to ``high``."""
    delta = 0.01 * abs(default) or 0.01
    return ParameterDefinition(name, unit, default, low, low, high, high, frozen, delta)


@dataclass(frozen=True)
class PythonModel:
    """A model made of a Python function.

    Attributes
    ----------
    name : str
        As in expressions, where it is written in full; no name of XSPEC's. The entry point should
        have the same name, which is all that is known of a plug-in that cannot be loaded.
    parameters : tuple of ParameterDefinition
        Without the norm, which every additive model gets; see `parameter`.
    function : callable
        From energy edges (n + 1,) in keV, ascending, and values of the parameters (b, p), within
        their limits, to an array (b, n): photons/cm2/s in each bin for a norm of 1, or of a
        multiplicative model factors. NaN where it has no value.
    kind : {'add', 'mul'}
    version : str
        In results and the key of chains: change it with the function.

    Raises
    ------
    ParameterError
        Names that expressions cannot have, parameters of one name, or limits out of order.
    """

    name: str
    parameters: tuple[ParameterDefinition, ...]
    function: Callable[[np.ndarray, np.ndarray], np.ndarray]
    kind: Literal["add", "mul"] = "add"
    version: str = "1"

    def __post_init__(self) -> None:
        """Check names and limits."""
        subject = f"model '{self.name}'"
        if self.kind not in ("add", "mul"):
            raise ParameterError(subject, f"is of no kind '{self.kind}'", "use add or mul")
        names = [p.name.lower() for p in self.parameters]
        if self.kind == "add":
            names.append(NORM.name)
        for name in (self.name, *names):
            if not _NAME.fullmatch(name):
                raise ParameterError(
                    subject, f"'{name}' is no name", "use letters, digits and underscores"
                )
        if len(set(names)) < len(names):
            raise ParameterError(
                subject, "has two parameters of one name (norm is given)", "rename one"
            )
        for p in self.parameters:
            if not p.hard_min <= p.default <= p.hard_max:
                raise ParameterError(
                    f"{self.name}.{p.name}", f"{p.default:g} is not within its limits "
                    f"{p.hard_min:g} to {p.hard_max:g}", "correct its definition",
                )  # fmt: skip

    @property
    def definition(self) -> ModelDefinition:
        """What expressions see of it."""
        own = tuple(self.parameters)
        place = f"{self.function.__module__}.{getattr(self.function, '__qualname__', '?')}"
        return ModelDefinition(
            self.name, self.kind, f"{PYTHON}{place}", (*own, NORM) if self.kind == "add" else own
        )


PYTHON = "python:"
"""Begins the symbols of Python models."""

_REGISTERED: dict[str, PythonModel] = {}


def register_model(model: PythonModel) -> None:
    """Make a model known to the expressions of this process; one of its name is replaced.

    Raises
    ------
    ParameterError
        XSPEC, or a package, has a model of that name.
    """
    _check_new(model, _installed())
    _REGISTERED[model.name.lower()] = model


def python_models() -> Mapping[str, PythonModel]:
    """Return the models of packages and scripts, by their names in lower case."""
    return {**_installed(), **_REGISTERED}


def known_models() -> Mapping[str, ModelDefinition]:
    """Return the definitions of all models: XSPEC's, packages' and scripts'.

    Raises
    ------
    MissingDataError
        XSPEC's models are not installed.
    """
    own = {model.name: model.definition for model in python_models().values()}
    return {**model_definitions(), **own} if own else model_definitions()


def broken_models() -> Mapping[str, str]:
    """Return why plug-ins cannot be used, by the names of their entry points in lower case."""
    return _loaded()[1]


def _installed() -> dict[str, PythonModel]:
    return _loaded()[0]


@cache
def _loaded() -> tuple[dict[str, PythonModel], dict[str, str]]:
    """Return the models of packages, and why others cannot be loaded, which is warned of."""
    found: dict[str, PythonModel] = {}
    broken: dict[str, str] = {}
    for point in entry_points(group=_GROUP):
        try:
            model = point.load()
            if not isinstance(model, PythonModel):
                raise TypeError("it is no PythonModel")
            _check_new(model, found)
            found[model.name.lower()] = model
        except Exception as error:  # a stranger's plug-in must not take the others down
            broken[point.name.lower()] = printable(error)
            logger.warning(
                "model plug-in '%s' (%s) is left out, since it cannot be loaded: %s; "
                "reinstall or remove its package", point.name, point.value, printable(error),
            )  # fmt: skip
    return found, broken


def _check_new(model: PythonModel, others: Mapping[str, PythonModel]) -> None:
    name = model.name.lower()
    for whose, names in (("XSPEC", model_definitions()), ("an installed package", others)):
        if name in {known.lower() for known in names}:
            raise ParameterError(
                f"model '{model.name}'", f"{whose} has a model of that name", "choose another"
            )


class PythonEvaluator:
    """A component that a Python function evaluates."""

    def __init__(self, definition: ModelDefinition, edges: np.ndarray) -> None:
        self._model = python_models()[definition.name.lower()]
        self._edges = edges
        self.description = (
            f"Python, {definition.symbol.removeprefix(PYTHON)}, version {self._model.version}"
        )

    def __call__(self, rows: np.ndarray, norms: np.ndarray | None) -> np.ndarray:
        """Evaluate rows (b, p)."""
        subject, remedy = f"model '{self._model.name}'", "correct its function"
        try:
            # a copy: what the function keeps for itself must not be written over
            flux = np.array(self._model.function(self._edges, rows), dtype=np.float64)
        except Exception as error:
            cause = f"its function fails ({type(error).__name__}: {error})"
            raise ParameterError(subject, cause, remedy) from error
        wanted = (len(rows), self._edges.size - 1)
        if flux.shape != wanted:
            raise ParameterError(
                subject, f"its function returns an array of shape {flux.shape}, not {wanted}",
                remedy,
            )  # fmt: skip
        if norms is not None:
            flux *= norms[:, None]
        return flux
