"""Optical companions in files: the series that is read, and what derotation needs of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from xsurvey.errors import InputError
from xsurvey.io.atomic import atomic_output
from xsurvey.polarization.optical.ambiguity import ResolvedAngles
from xsurvey.polarization.optical.companion import Companion, measure_companion
from xsurvey.polarization.optical.parameters import OpticalSeriesParameters
from xsurvey.polarization.optical.reading import read_polarization_series
from xsurvey.polarization.optical.series import PolarizationSeries

_SERIES = ("mjd", "pd", "pd_error", "pa_deg", "pa_error")
_RESOLVED = ("angle_deg", "change_rate", "step_probability", "ambiguous")


def companion_of_file(
    path: Path, parameters: OpticalSeriesParameters, seed: int = 0
) -> tuple[Companion, dict[str, Any]]:
    """Read an optical series, and look for its rotations.

    Returns
    -------
    companion : Companion
    record : dict
        For JSON.

    Raises
    ------
    InputError, ParameterError
        As `read_polarization_series` and `measure_companion`.
    """
    found = measure_companion(read_polarization_series(path), parameters, seed)
    return found, {"file": str(path), **found.record()}


def write_resolved(path: Path, resolved: ResolvedAngles) -> None:
    """Write resolved angles (npz)."""
    arrays = {name: getattr(resolved.series, name) for name in _SERIES}
    arrays |= {name: np.asarray(getattr(resolved, name)) for name in _RESOLVED}
    with atomic_output(path) as temporary, temporary.open("wb") as file:
        np.savez(file, name=np.array(resolved.series.name), **arrays)


def read_resolved(path: Path) -> ResolvedAngles:
    """Return what `write_resolved` wrote.

    Raises
    ------
    InputError
        The file is damaged, or another one.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            values = {name: stored[name] for name in (*_SERIES, *_RESOLVED, "name")}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise InputError(
            path, f"does not hold the angles of a series: {error}", "make it again"
        ) from None
    arrays = {n: values[n] for n in _SERIES}
    series = PolarizationSeries(**arrays, name=str(values["name"]))
    return ResolvedAngles(
        series, values["angle_deg"], float(values["change_rate"]), values["step_probability"],
        values["ambiguous"],
    )  # fmt: skip
