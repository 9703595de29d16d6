"""From an expression and several spectra to the parameters of their joint fit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from xsurvey.errors import ParameterError
from xsurvey.spectra.models.definitions import ParameterDefinition
from xsurvey.spectra.models.expression import Expression
from xsurvey.spectra.parameter_set import FitParameter, ParameterSet


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
    rows = [_parameter(p.name, p.definition) for p in expression.parameters]
    columns = [np.arange(len(rows))]
    for number in range(2, spectra + 1):
        own = columns[0].copy()
        for place in dict.fromkeys(loose):
            parameter = expression.parameters[place]
            own[place] = len(rows)
            rows.append(_parameter(f"{number}:{parameter.name}", parameter.definition))
        columns.append(own)
    return ParameterSet(rows), columns


def _parameter(name: str, definition: ParameterDefinition) -> FitParameter:
    return FitParameter(
        name=name, value=definition.default, minimum=definition.hard_min,
        maximum=definition.hard_max, unit=definition.unit,
        frozen=definition.frozen or definition.switch, step=definition.delta,
        is_norm=definition.name == "norm",
    )  # fmt: skip


def component_of(parameter_name: str) -> str:
    """Return the component of ``2:component.parameter``."""
    return parameter_name.rpartition(":")[2].partition(".")[0]


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
