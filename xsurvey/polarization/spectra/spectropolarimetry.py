"""Joint fits of Stokes I, Q and U: starts, angles, tests against no polarization."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from xsurvey.inference.parameter_set import FitParameter, ParameterSet
from xsurvey.polarization.significance import gaussian_sigma, log_chi2_tail
from xsurvey.polarization.spectra.linear_stokes import solve_terms, term_templates
from xsurvey.polarization.spectra.polarization_models import (
    POLARIZATION_MODELS,
    PolarizationModel,
    folded_angle,
)
from xsurvey.polarization.spectra.stokes_likelihood import StokesAssembly, members_of
from xsurvey.spectra.fit import Fit, fit_spectra
from xsurvey.spectra.likelihood import SpectralLikelihood
from xsurvey.spectra.models.expression import Component

_LEAST_DEGREE = 1e-3
"""A start at zero has no angle, and none of its derivatives."""
_QUARTER = 90.0


@dataclass(frozen=True)
class Comparison:
    """A fit against one that has less in it.

    Attributes
    ----------
    statistic : float
        Of the lesser fit.
    delta : float
        By how much it is higher.
    dof : int
        Parameters that it has less.
    log_p : float
        Logarithm of the probability of as high a delta by chance, if delta is distributed as
        chi-square. It is for a constant polarization; where slopes mean nothing without one, about.
    """

    statistic: float
    delta: float
    dof: int
    log_p: float

    @property
    def significance(self) -> float:
        """The probability in Gaussian sigma, two-sided."""
        return float(gaussian_sigma(self.log_p))


@dataclass(frozen=True)
class PolarizationPlace:
    """A factor of polarization of one unit, and where its parameters are.

    Attributes
    ----------
    name : str
        Of the component; of another unit than the first, where it is untied, with its number.
    model : PolarizationModel
    columns : ndarray of int, shape (p,)
        Among all parameters.
    """

    name: str
    model: PolarizationModel
    columns: np.ndarray


def fit_polarization(
    assembly: StokesAssembly, *, confidence: float = 0.6827, intervals: bool = True,
    starts: int = 6,
) -> Fit:  # fmt: skip
    """Find the best parameters and their intervals.

    Stokes I is fitted first, from several places; degrees and angles start where Q and U are
    fitted best with that spectrum, which is linear (`solve_terms`). Angles end in (-90, 90]
    degrees, and may differ from the best one by 90 degrees at most, since beyond they are the same
    again: an interval that reaches these limits says that the angle is not determined.

    Parameters
    ----------
    assembly : StokesAssembly
    confidence : float
        Of the intervals, by profile likelihood.
    intervals : bool
    starts : int
        From how many places the fit of Stokes I starts.

    Raises
    ------
    InputError
        The model has no value at any start.
    """
    likelihood = assembly.likelihood
    begin = _with_polarization(assembly, _spectrum_first(assembly, starts))
    best = fit_spectra(
        SpectralLikelihood(likelihood.members, begin), intervals=False, starts=1
    )  # fmt: skip
    turned = _around_best_angles(assembly, begin.with_values(best.theta))
    return fit_spectra(
        SpectralLikelihood(likelihood.members, turned), confidence=confidence,
        intervals=intervals, starts=1,
    )  # fmt: skip


def without_polarization(assembly: StokesAssembly, fit: Fit) -> Comparison | None:
    """Compare a fit with one without any polarization; None where nothing of it was fitted."""
    places = list(polarization_places(assembly))
    columns = {int(c) for p in places for c in p.columns}
    zero = {int(p.columns[k]) for p in places for k in p.model.degrees}
    return _compared(fit, columns, zero)


def without_energy_dependence(assembly: StokesAssembly, fit: Fit) -> Comparison | None:
    """Compare a fit with one of constant degrees and angles; None where no slope was fitted."""
    slopes = {int(p.columns[k]) for p in polarization_places(assembly) for k in p.model.slopes}
    return _compared(fit, slopes, slopes)


def polarization_places(assembly: StokesAssembly) -> Iterator[PolarizationPlace]:
    """Yield the factors of polarization, those of further units where they have their own."""
    seen: set[tuple[int, ...]] = set()
    for number, own in enumerate(assembly.columns, start=1):
        for component in polarizing(assembly):
            columns = own[component.columns]
            key = tuple(int(c) for c in columns)
            if key not in seen:
                seen.add(key)
                name = component.name if number == 1 else f"{number}:{component.name}"
                model = POLARIZATION_MODELS[component.definition.name]
                yield PolarizationPlace(name, model, columns)


def polarizing(assembly: StokesAssembly) -> list[Component]:
    """Return the components that polarize, in the order of the terms."""
    components = assembly.expression.expression.components
    return [
        components[t.polarization]
        for t in assembly.expression.terms
        if t.polarization is not None
    ]  # fmt: skip


def _compared(fit: Fit, columns: set[int], zero: set[int]) -> Comparison | None:
    """Fit again with columns held, some of them at zero."""
    rows = fit.likelihood.parameters
    free = [c for c in columns if rows.parameters[c].free]
    if not free:
        return None
    held = rows.with_values(fit.theta)
    parameters = list(held.parameters)
    for column in columns:
        parameter = parameters[column]
        value = 0.0 if column in zero else parameter.value
        parameters[column] = replace(
            parameter, value=value, frozen=True, link=None, prior=None,
            minimum=min(parameter.minimum, value), maximum=max(parameter.maximum, value),
        )  # fmt: skip
    likelihood = SpectralLikelihood(fit.likelihood.members, ParameterSet(parameters))
    lesser = fit_spectra(likelihood, intervals=False, starts=1)
    delta = max(lesser.statistic - fit.statistic, 0.0)
    return Comparison(lesser.statistic, delta, len(free), float(log_chi2_tail(delta, len(free))))


def _spectrum_first(assembly: StokesAssembly, starts: int) -> ParameterSet:
    """Return the parameters with those of the spectrum at the best fit of Stokes I alone."""
    rows = assembly.likelihood.parameters
    polarizing_columns = {int(c) for p in polarization_places(assembly) for c in p.columns}
    held = ParameterSet(
        replace(p, frozen=True) if c in polarizing_columns and p.link is None else p
        for c, p in enumerate(rows.parameters)
    )
    members = members_of(assembly.likelihood, "I")
    found = fit_spectra(SpectralLikelihood(members, held), intervals=False, starts=starts)
    return _with(rows, enumerate(found.values), held.free)


def _with(
    rows: ParameterSet, values: Iterable[tuple[int, float]], columns: Iterable[int]
) -> ParameterSet:
    """Return parameters with other values in some columns, cut to their limits."""
    wanted = set(columns)
    parameters = list(rows.parameters)
    for column, value in values:
        if column in wanted:
            low, high = parameters[column].limits
            parameters[column] = replace(
                parameters[column], value=float(np.clip(value, low, high))
            )  # fmt: skip
    return ParameterSet(parameters)


def _with_polarization(assembly: StokesAssembly, rows: ParameterSet) -> ParameterSet:
    """Return parameters with degrees and angles that are linear least squares at the spectrum."""
    full = rows.expand(rows.start[None, :])
    solved = []
    for stokes in ("Q", "U"):
        members = members_of(assembly.likelihood, stokes)
        solved.append(solve_terms(members, term_templates(members, full)))
    starts: dict[int, float] = {}
    for own in assembly.columns:
        for component, q, u in zip(polarizing(assembly), *solved, strict=True):
            model = POLARIZATION_MODELS[component.definition.name]
            columns = own[component.columns]
            starts[int(columns[model.degrees[0]])] = max(float(np.hypot(q, u)), _LEAST_DEGREE)
            starts[int(columns[model.reference])] = 0.5 * float(np.degrees(np.arctan2(u, q)))
    ours = [c for c in starts if c not in assembly.set_by_user and rows.parameters[c].free]
    return _with(rows, starts.items(), ours)


def _around_best_angles(assembly: StokesAssembly, rows: ParameterSet) -> ParameterSet:
    """Return parameters with angles in (-90, 90], and limits a quarter turn to both sides."""
    parameters = list(rows.parameters)
    for place in polarization_places(assembly):
        column = int(place.columns[place.model.reference])
        slopes = [parameters[int(place.columns[k])] for k in place.model.slopes]
        periodic = place.model.linear or all(p.value == 0 and not p.free for p in slopes)
        if periodic and column not in assembly.bounded_by_user and parameters[column].free:
            parameters[column] = _turned(parameters[column])
    return ParameterSet(parameters)


def _turned(parameter: FitParameter) -> FitParameter:
    angle = folded_angle(parameter.value)
    return replace(
        parameter, value=angle, minimum=angle - _QUARTER, maximum=angle + _QUARTER
    )  # fmt: skip
