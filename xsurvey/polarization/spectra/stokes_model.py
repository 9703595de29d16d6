"""Stokes I, Q and U of a polarized spectral model on an energy grid, batched over parameters."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping
from contextlib import suppress

import numpy as np

from xsurvey.io.ogip.stokes import STOKES, Stokes
from xsurvey.polarization.spectra.polarization_models import POLARIZATION_MODELS, stokes_factors
from xsurvey.polarization.spectra.polarized_terms import PolarizedExpression, Term
from xsurvey.spectra.models.evaluator import ModelEvaluator
from xsurvey.spectra.models.settings import ModelSettings

_REMEMBERED = 4
"""Batches that are kept: the spectra of one unit, and of units of their own, ask for the same."""


class PolarizedSpectrum:
    """The photons of a model by energy, and their Stokes parameters.

    Degree and angle of an energy bin are those at its centre.

    Parameters
    ----------
    expression : PolarizedExpression
    edges : ndarray, shape (n + 1,)
        keV.
    settings : ModelSettings
    free : collection of str
        Parameters that will vary, as `ModelEvaluator` has it.

    Raises
    ------
    InputError, ParameterError, MissingDataError
        As `ModelEvaluator`.
    """

    def __init__(
        self, expression: PolarizedExpression, edges: np.ndarray, settings: ModelSettings,
        free: Collection[str] = (),
    ) -> None:  # fmt: skip
        self.expression = expression
        self.energy = 0.5 * (edges[1:] + edges[:-1])

        def evaluator(term: Term) -> ModelEvaluator:
            own = {p.name for p in term.expression.parameters}
            return ModelEvaluator(
                term.expression, edges, settings, free=[name for name in free if name in own]
            )

        self._whole = evaluator(expression.whole)
        # where everything has one polarization, its spectrum is that of all
        self._terms = [
            self._whole if np.array_equal(t.columns, expression.whole.columns) else evaluator(t)
            for t in expression.terms
        ]
        self._recent: OrderedDict[bytes, np.ndarray] = OrderedDict()

    @property
    def description(self) -> dict[str, str]:
        """How each component is evaluated."""
        polarizing = {
            c.name: f"closed form of {c.definition.name}"
            for t in self.expression.terms if t.polarization is not None
            for c in [self.expression.expression.components[t.polarization]]
        }  # fmt: skip
        return self._whole.description | polarizing

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Return photon / cm2 / s of I, Q and U in each bin, shape (3, b, n).

        Parameters
        ----------
        rows : ndarray, shape (b, P)
            All parameters of the expression. Rows at which the model has no value are NaN.
        """
        key = rows.tobytes()
        found = self._recent.get(key)
        if found is None:
            found = self._recent[key] = self._evaluated(rows)
            found.setflags(write=False)
            while len(self._recent) > _REMEMBERED:
                self._recent.popitem(last=False)
        else:
            with suppress(KeyError):  # another thread may have dropped it
                self._recent.move_to_end(key)
        return found

    def terms(self, rows: np.ndarray) -> list[np.ndarray]:
        """Return the photons of each polarized term, (b, n) each."""
        return [
            evaluator(rows[:, term.columns])
            for term, evaluator in zip(self.expression.terms, self._terms, strict=True)
        ]

    def degree_and_angle(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return degree and angle (degrees, in (-90, 90]) of all photons by energy, (b, n) each."""
        i, q, u = self(rows)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.hypot(q, u) / i, 0.5 * np.degrees(np.arctan2(u, q))

    def _evaluated(self, rows: np.ndarray) -> np.ndarray:
        whole = self._whole(rows[:, self.expression.whole.columns])
        result = np.zeros((len(STOKES), *whole.shape))
        result[0] = whole
        for term, evaluator in zip(self.expression.terms, self._terms, strict=True):
            flux = whole if evaluator is self._whole else evaluator(rows[:, term.columns])
            assert term.polarization is not None
            component = self.expression.expression.components[term.polarization]
            model = POLARIZATION_MODELS[component.definition.name]
            for place, factor in enumerate(
                stokes_factors(model, self.energy, rows[:, component.columns]), start=1
            ):
                result[place] += factor * flux
        return result


class StokesFlux:
    """One Stokes parameter of a `PolarizedSpectrum`: what the response of its spectrum folds."""

    def __init__(self, spectrum: PolarizedSpectrum, stokes: Stokes) -> None:
        self.spectrum, self.stokes = spectrum, stokes
        self._place = STOKES.index(stokes)

    @property
    def description(self) -> Mapping[str, str]:
        """How each component is evaluated."""
        return self.spectrum.description

    def __call__(self, parameters: np.ndarray) -> np.ndarray:
        """Return photon / cm2 / s, shape (b, n), for parameters (b, P)."""
        return np.asarray(self.spectrum(parameters)[self._place])
