"""How one component of an expression is evaluated: library, table or closed form."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from typing import Protocol

import numpy as np

from xsurvey.errors import ParameterError
from xsurvey.spectra.models.atomdb import find_atomdb
from xsurvey.spectra.models.closed_forms import CLOSED_FORMS, ClosedForm
from xsurvey.spectra.models.definitions import ModelDefinition
from xsurvey.spectra.models.library import xspec_library
from xsurvey.spectra.models.python_models import PYTHON, PythonEvaluator
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.spectra.models.tables import (
    ABSORPTION,
    PLASMAS,
    SINGLE_PRECISION,
    AbsorptionTable,
    PlasmaTable,
)

BACKENDS = ("auto", "library", "tables")
_REMEMBERED = 128  # vectors of a component that are kept


class ComponentEvaluator(Protocol):
    """What evaluates a component."""

    @property
    def description(self) -> str:
        """How, for provenance."""

    def __call__(self, rows: np.ndarray, norms: np.ndarray | None) -> np.ndarray:
        """Return an array that the caller may overwrite, (b or 1, n or 1), of rows (b, p).

        ``norms``, shape (b,), multiply the rows of an additive model.
        """


class LibraryModel:
    """A component that XSPEC's library evaluates, each distinct parameter vector once.

    ``failure`` is why the last vector that is NaN is so.
    """

    def __init__(
        self, definition: ModelDefinition, edges: np.ndarray, settings: ModelSettings
    ) -> None:
        self._definition = definition
        self._edges = edges
        self._settings = settings
        self._recent: OrderedDict[bytes, np.ndarray] = OrderedDict()
        self.failure: ParameterError | None = None
        self._library = xspec_library()
        self._library.check(definition, settings)

    @property
    def description(self) -> str:
        """Names the function."""
        return f"XSPEC library, {self._definition.symbol}"

    def __call__(self, rows: np.ndarray, norms: np.ndarray | None) -> np.ndarray:
        """Evaluate rows (b, p); a row at which the library fails is NaN."""
        if len(rows) == 1 or (rows == rows[0]).all():
            flux = self._vector(rows[0])[None]
        else:
            unique, places = np.unique(rows, axis=0, return_inverse=True)
            flux = np.stack([self._vector(row) for row in unique])[places.reshape(-1)]
        return flux.copy() if norms is None else flux * norms[:, None]

    def convolve(self, rows: np.ndarray, flux: np.ndarray) -> np.ndarray:
        """Convolve each row of ``flux`` (b, n) with the parameters of ``rows`` (b, p)."""
        return np.stack([self._tried(*pair) for pair in zip(rows, flux, strict=True)])

    def _vector(self, row: np.ndarray) -> np.ndarray:
        key = row.tobytes()
        found = self._recent.get(key)
        if found is None:
            found = self._recent[key] = self._tried(row, None)
            if len(self._recent) > _REMEMBERED:
                with suppress(KeyError):
                    self._recent.popitem(last=False)
        else:
            with suppress(KeyError):  # another thread may have dropped it
                self._recent.move_to_end(key)
        return found

    def _tried(self, row: np.ndarray, argument: np.ndarray | None) -> np.ndarray:
        try:
            return self._library.evaluate(
                self._definition, self._edges, row, self._settings, argument
            )
        except ParameterError as error:
            self.failure = error
            return np.full(self._edges.size - 1, np.nan)


class ClosedFormModel:
    """A component with a closed form."""

    def __init__(self, definition: ModelDefinition, form: ClosedForm) -> None:
        self._form = form
        self.description = f"closed form of {definition.symbol}"

    def __call__(self, rows: np.ndarray, norms: np.ndarray | None) -> np.ndarray:
        """Evaluate rows (b, p)."""
        flux = self._form(rows)
        if norms is not None:
            flux *= norms[:, None]
        return flux


class TableModel:
    """A component with a table at one redshift; at others the library is called.

    Parameters
    ----------
    kind : type
        `PlasmaTable` or `AbsorptionTable`.
    fallback : callable, optional
        Makes the model for other redshifts; without it they are errors.
    """

    def __init__(
        self,
        kind: type[PlasmaTable] | type[AbsorptionTable],
        definition: ModelDefinition,
        edges: np.ndarray,
        settings: ModelSettings,
        fallback: Callable[[], LibraryModel] | None,
    ) -> None:
        names = [parameter.name.lower() for parameter in definition.shape_parameters]
        self._column = names.index("redshift") if "redshift" in names else None
        self._make = partial(kind, definition, edges, settings=settings)
        self._definition = definition
        self._fallback = fallback
        self._library: LibraryModel | None = None
        self._redshift = 0.0
        self._table = self._make(redshift=0.0) if self._column is None else None

    @property
    def description(self) -> str:
        """Names the function whose values the table has, and its redshift."""
        text = f"table of {self._definition.symbol}"
        if self._column is None:
            return text
        other = "an error" if self._fallback is None else "XSPEC library"
        at = "the first redshift" if self._table is None else f"redshift {self._redshift:g}"
        return f"{text} at {at}, at others {other}"

    def __call__(self, rows: np.ndarray, norms: np.ndarray | None) -> np.ndarray:
        """Evaluate rows (b, p)."""
        if self._column is None:
            assert self._table is not None
            return self._table(rows, norms)
        redshifts = rows[:, self._column]
        if self._table is None and (redshifts == redshifts[0]).all():
            self._redshift = float(redshifts[0])
            self._table = self._make(redshift=self._redshift)
        if self._table is not None and (redshifts == self._redshift).all():
            return self._table(rows, norms)
        if self._fallback is None:
            raise ParameterError(
                f"{self._definition.name}.Redshift",
                f"varies, and tables hold at one redshift ({self._redshift:g})",
                "freeze it, or use the back end auto",
            )  # fmt: skip
        if self._library is None:
            self._library = self._fallback()
        return self._library(rows, norms)


def _has_table(name: str, settings: ModelSettings) -> bool:
    exact = name not in SINGLE_PRECISION or settings.smooth_phabs
    return exact and (name in PLASMAS or name in ABSORPTION)


def component_evaluator(
    definition: ModelDefinition,
    edges: np.ndarray,
    settings: ModelSettings,
    backend: str,
    free: Collection[int] = (),
) -> ComponentEvaluator:
    """Return what evaluates a model with a back end.

    Parameters
    ----------
    free : collection of int
        Places of its parameters that will vary.

    Raises
    ------
    ParameterError
        The back end is ``tables``, and there is neither table nor closed form.
    MissingDataError
        The library or data of the model are not installed.
    """
    if definition.symbol.startswith(PYTHON):
        return PythonEvaluator(definition, edges)
    places = [place for place in free if 0 <= place < len(definition.parameters)]
    if backend != "library" and definition.name in CLOSED_FORMS:
        return ClosedFormModel(definition, CLOSED_FORMS[definition.name](edges))
    table = PlasmaTable if definition.name in PLASMAS else AbsorptionTable
    if backend != "library" and _has_table(definition.name, settings):
        names = [definition.parameters[place].name.lower() for place in places]
        if "redshift" not in names:
            if table is PlasmaTable:
                find_atomdb(settings)  # better now than at the first evaluation
            library = partial(LibraryModel, definition, edges, settings)
            fallback = None if backend == "tables" else library
            return TableModel(table, definition, edges, settings, fallback)
    if backend == "tables":
        raise ParameterError(
            f"model {definition.name!r}", "has no exact table", "use the back end auto or library"
        )
    return LibraryModel(definition, edges, settings)
