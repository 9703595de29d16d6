"""From an expression and several spectra to the likelihood of their joint fit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from xsurvey.errors import ParameterError
from xsurvey.inference.parameter_set import FitParameter, ParameterSet, apply_settings
from xsurvey.inference.priors import Normal
from xsurvey.spectra.dataset import Dataset
from xsurvey.spectra.effective_area_nuisance import EffectiveAreaNuisance
from xsurvey.spectra.fit_parameters import SpectrumFitParameters
from xsurvey.spectra.joint_background import JointBackground, joint_background
from xsurvey.spectra.likelihood import Member, SpectralLikelihood
from xsurvey.spectra.models.definitions import NORM, ParameterDefinition
from xsurvey.spectra.models.evaluator import ModelEvaluator
from xsurvey.spectra.models.expression import Expression
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.spectra.statistic_of import make_statistic

_SET_FLUXES = ("cflux", "cpflux", "clumin", "cglumin")
"""Convolutions that bring what they act on to a flux or luminosity of their own."""
_AREA = "area"


@dataclass(frozen=True)
class Assembly:
    """A joint fit ready to be done.

    Attributes
    ----------
    likelihood : SpectralLikelihood
    columns : list of ndarray of int
        For each spectrum the columns of the expression's parameters.
    notes : tuple of str
    """

    likelihood: SpectralLikelihood
    columns: list[np.ndarray]
    notes: tuple[str, ...]


def assemble(
    expression: Expression, settings: ModelSettings, datasets: Sequence[Dataset],
    parameters: SpectrumFitParameters, instruments: Sequence[str] | None = None,
) -> Assembly:  # fmt: skip
    """Put spectra, model, backgrounds and cross-calibration together.

    Parameters
    ----------
    expression, settings
        The model.
    datasets : sequence of Dataset
    parameters : SpectrumFitParameters
    instruments : sequence of str, optional
        Of each spectrum: those of one share their cross-calibration. Each its own if not given.

    Raises
    ------
    ParameterError
        Unknown parameters, or values that cannot be.
    InputError
        A background is needed and not there.
    """
    rows, columns = model_parameters(expression, len(datasets), parameters.untie)
    extended = list(rows.parameters)
    areas = _areas(datasets, parameters, instruments, extended)
    backgrounds = _backgrounds(datasets, parameters, extended)
    rows = apply_settings(
        ParameterSet(extended), values=parameters.set, freeze=parameters.freeze,
        thaw=parameters.thaw, links=parameters.link, limits=parameters.limits,
        priors=parameters.prior,
    )  # fmt: skip
    models = _evaluators(expression, settings, datasets, columns, rows)
    members = []
    for number, (dataset, model, own) in enumerate(zip(datasets, models, columns, strict=True)):
        area, area_columns = areas[number] if areas else (None, None)
        background, background_columns = backgrounds[number] if backgrounds else (None, None)
        statistic = (
            make_statistic(dataset, parameters.stat, parameters.chi2_variance, parameters.subtract)
            if background is None
            else background.statistic
        )
        members.append(Member(
            dataset, model, own, statistic, area, area_columns,
            None if background is None else background.model, background_columns,
        ))  # fmt: skip
    notes = _degenerate_norms(expression, columns[0], rows) + tuple(b.note for b, _ in backgrounds)
    if areas:
        notes += (
            "cross-calibration: Gaussian priors on ln of each instrument's area, "
            f"{parameters.area_sigma:g} (constant) and {parameters.area_smooth_sigma:g} "
            f"({parameters.area_order} smooth terms)",
        )
    return Assembly(SpectralLikelihood(members, rows), columns, notes)


def _degenerate_norms(
    expression: Expression, columns: np.ndarray, rows: ParameterSet
) -> tuple[str, ...]:
    """Return a note where a convolution sets the flux and norms are free to change nothing."""
    setting = [c.name for c in expression.components if c.definition.name in _SET_FLUXES]
    norms = [rows.parameters[columns[c.norm]] for c in expression.components if c.norm is not None]
    if not setting or not all(p.free for p in norms):
        return ()
    return (
        f"{setting[0]} sets the flux, so that {norms[0].name} changes nothing or is degenerate "
        f"with it: --freeze {norms[0].name}",
    )


def _areas(
    datasets: Sequence[Dataset], parameters: SpectrumFitParameters,
    instruments: Sequence[str] | None, rows: list[FitParameter],
) -> list[tuple[EffectiveAreaNuisance, np.ndarray]]:  # fmt: skip
    """Append the cross-calibration's parameters; return it and its columns of each spectrum."""
    if not parameters.cross_calibration:
        return []
    names = list(instruments or map(str, range(len(datasets))))
    if len(set(names)) < 2:
        raise ParameterError("cross_calibration", "there is only one instrument", "leave it out")
    band = (
        max(min(float(d.energy_low.min()) for d in datasets), 1e-3),
        max(float(d.energy_high.max()) for d in datasets),
    )
    nuisance = EffectiveAreaNuisance(
        band, parameters.area_order, parameters.area_sigma, parameters.area_smooth_sigma
    )
    found: dict[str, np.ndarray] = {}
    result = []
    for number, name in enumerate(names, start=1):
        if name not in found:
            found[name] = len(rows) + np.arange(len(nuisance.names))
            prefix = f"{number}:" if number > 1 else ""
            rows.extend(
                FitParameter(
                    name=f"{prefix}{_AREA}.{label}", value=0.0, minimum=-5.0, maximum=5.0,
                    step=float(sigma), prior=Normal(0.0, float(sigma), -5.0, 5.0),
                )
                for label, sigma in zip(nuisance.names, nuisance.sigmas, strict=True)
            )  # fmt: skip
        result.append((nuisance, found[name]))
    return result


def _backgrounds(
    datasets: Sequence[Dataset], parameters: SpectrumFitParameters, rows: list[FitParameter]
) -> list[tuple[JointBackground, np.ndarray]]:
    """Append the parameters of modelled backgrounds; return these with their columns."""
    if parameters.background_model is None:
        return []
    result = []
    for number, dataset in enumerate(datasets, start=1):
        background = joint_background(dataset, parameters.background_model, number)
        result.append((background, len(rows) + np.arange(len(background.parameters))))
        rows.extend(background.parameters)
    return result


def _evaluators(
    expression: Expression, settings: ModelSettings, datasets: Sequence[Dataset],
    columns: Sequence[np.ndarray], rows: ParameterSet,
) -> list[ModelEvaluator]:  # fmt: skip
    """Return the model on the energies of each spectrum; the same energies share one."""
    varying = {i for i, p in enumerate(rows.parameters) if p.free or p.link is not None}
    free = {
        p.name
        for own in columns
        for p, column in zip(expression.parameters, own, strict=True)
        if column in varying
    }
    made: dict[bytes, ModelEvaluator] = {}
    result = []
    for dataset in datasets:
        edges = dataset.folding.edges
        if edges.tobytes() not in made:
            made[edges.tobytes()] = ModelEvaluator(expression, edges, settings, free=free)
        result.append(made[edges.tobytes()])
    return result


def model_parameters(
    expression: Expression, spectra: int, untie: Iterable[str] = ()
) -> tuple[ParameterSet, list[np.ndarray]]:
    """Return the parameters of several spectra under one model.

    Parameters
    ----------
    expression : Expression
    spectra : int
        How many spectra are fitted.
    untie : iterable of str
        Parameters that each spectrum has for itself.

    Returns
    -------
    parameters : ParameterSet
        Those of the first spectrum, then ``2:component.parameter``, ...
    columns : list of ndarray of int
        For each spectrum the columns of the expression's parameters.

    Raises
    ------
    ParameterError
        A parameter to untie is unknown, or there is only one spectrum.
    """
    loose = [expression.find(name) for name in untie]
    if loose and spectra < 2:
        raise ParameterError(
            "untie", "there is only one spectrum", "leave it out or give several spectra"
        )
    aliases = _aliases(expression)
    rows = [
        _parameter(p.name, p.definition, alias)
        for p, alias in zip(expression.parameters, aliases, strict=True)
    ]
    columns = [np.arange(len(rows))]
    for number in range(2, spectra + 1):
        own = columns[0].copy()
        for place in dict.fromkeys(loose):
            parameter = expression.parameters[place]
            own[place] = len(rows)
            alias = f"{number}:{aliases[place]}" if aliases[place] else ""
            rows.append(_parameter(f"{number}:{parameter.name}", parameter.definition, alias))
        columns.append(own)
    return ParameterSet(rows), columns


def _aliases(expression: Expression) -> list[str]:
    """Return the parameters' names with the whole name of their model, which may be shortened.

    Empty where a model is there twice.
    """
    models = [component.definition.name for component in expression.components]
    return [
        f"{component.definition.name}.{parameter.name}"
        if models.count(component.definition.name) == 1
        else ""
        for component in expression.components
        for parameter in component.definition.parameters
    ]


def _parameter(name: str, definition: ParameterDefinition, alias: str) -> FitParameter:
    return FitParameter(
        name=name, value=definition.default, minimum=definition.hard_min,
        maximum=definition.hard_max, unit=definition.unit,
        frozen=definition.frozen or definition.switch, step=definition.delta,
        is_norm=definition == NORM, fittable=not definition.switch, alias=alias,
    )  # fmt: skip


def absorbing_columns(expression: Expression) -> Sequence[int]:
    """Return the columns of the column densities: ``nH`` of multiplicative components.

    With them at zero the model is that of the source before absorption.
    """
    return [
        component.first + number
        for component in expression.components
        if component.definition.kind == "mul"
        for number, parameter in enumerate(component.definition.parameters)
        if parameter.name.lower() == "nh"
    ]
