"""Which models read data that come with HEASoft only, or AtomDB's (``model_data.yaml``)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from xsurvey.errors import MissingDataError, ParameterError
from xsurvey.spectra.models.definitions import ModelDefinition
from xsurvey.spectra.models.installation import installation

_SWITCH = "switch"


_ATOMDB = 2  # the value of a switch
Values = np.ndarray | Sequence[float]


def uses_atomdb(definition: ModelDefinition, parameters: Values | None = None) -> bool:
    """Tell whether a model reads AtomDB's files; with a ``switch``, for its parameters."""
    place = _switch_place(definition)
    if place is None:
        return definition.name in _registry()["atomdb"]
    return parameters is not None and int(parameters[place]) == _ATOMDB


def require_data(definition: ModelDefinition, parameters: Values | None = None) -> None:
    """Raise if a model needs a file that is not installed: without it, it may end the process.

    Parameters
    ----------
    definition : ModelDefinition
    parameters : sequence of float, shape (p,), optional
        Those that the library takes. Models with a ``switch`` need other files, or none, at
        other values of it; nothing is said of them without it.

    Raises
    ------
    MissingDataError
        The file is named.
    ParameterError
        The switch has a value that means nothing.
    """
    file = _file_of(definition, parameters)
    if file and not (installation().spectral / "modelData" / file).is_file():
        other = " or switch = 2" if _switch_place(definition) is not None else ""
        raise MissingDataError(
            f"model {definition.name}", f"needs HEASoft's {file}, which is not installed",
            f"install HEASoft and set HEADAS, or use another model{other}",
        )  # fmt: skip


def _file_of(definition: ModelDefinition, parameters: Values | None) -> str:
    place = _switch_place(definition)
    if place is None:
        return str(_registry()["by_model"].get(definition.name, ""))
    if parameters is None:
        return ""
    known = _registry()["switch"]
    if parameters[place] not in known:
        raise ParameterError(
            f"{definition.name}.{_SWITCH}", f"is {parameters[place]:g}",
            f"use one of {', '.join(str(value) for value in known)}",
        )  # fmt: skip
    return str(known[int(parameters[place])])


@cache
def _switch_place(definition: ModelDefinition) -> int | None:
    names = [parameter.name for parameter in definition.shape_parameters]
    return names.index(_SWITCH) if _SWITCH in names else None


@cache
def _registry() -> dict[str, Any]:
    text = Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")
    entries = yaml.safe_load(text)
    return {
        "atomdb": set(entries["atomdb"]),
        "by_model": {m: file for file, models in entries["files"].items() for m in models},
        "switch": entries["switch"],
    }
