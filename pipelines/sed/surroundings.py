"""What stands before a source and beside it: files and options made into a model around a model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xsurvey.errors import ParameterError
from xsurvey.sed.constants import TEV
from xsurvey.sed.fitting.sed_parameters import SedFitParameters
from xsurvey.sed.models.base import RadiativeModel
from xsurvey.sed.on_the_way.background_light import BackgroundLight
from xsurvey.sed.on_the_way.background_tables import background_light_file, read_background_light
from xsurvey.sed.on_the_way.extinction import GalacticDust
from xsurvey.sed.on_the_way.seen_through import SeenThrough, WithHost
from xsurvey.sed.tables.points import SedPoints
from xsurvey.sed.tables.table import read_template

_ABSORBED_FROM = 0.01 * TEV
"""Hz; below, no model of the background light absorbs a per cent of a source's light."""


def other_inputs(parameters: SedFitParameters) -> list[Path]:
    """Return the files besides the table that a fit reads.

    Raises
    ------
    ParameterError
        No such model of the background light.
    MissingDataError
        Its tables are not installed.
    """
    files = [] if parameters.ebl is None else [background_light_file(parameters.ebl)]
    return files if parameters.host is None else [*files, Path(parameters.host)]


@dataclass(frozen=True)
class Surroundings:
    """A model with what is around it.

    Attributes
    ----------
    model : RadiativeModel
    record : dict
        ``background_light``, ``extinction`` and ``host``, None of what there is not.
    notes : tuple of str
        What a reader of results must know.
    """

    model: RadiativeModel
    record: dict[str, Any]
    notes: tuple[str, ...]


def surround(
    model: RadiativeModel, points: SedPoints, parameters: SedFitParameters
) -> Surroundings:
    """Put a host galaxy beside a model, and dust and background light in front of both.

    Raises
    ------
    ParameterError
        No such model of the background light, or the source is beyond it.
    MissingDataError
        Its tables are not installed.
    InputError
        A file cannot be used, points are beyond it, or the host has no light at any point.
    """
    nu = points.frequency
    record: dict[str, Any] = {"background_light": None, "extinction": None, "host": None}
    notes: list[str] = []
    screens: list[BackgroundLight | GalacticDust] = []
    if parameters.host is not None:
        model = _with_host(model, points, parameters.host)
        record["host"] = {"template": Path(parameters.host).name}
    if parameters.ebl is not None:
        light = read_background_light(parameters.ebl).towards(model.redshift)
        light.check(points.name, nu)
        record["background_light"] = light.record(nu)
        screens.append(light)
    elif nu.max() > _ABSORBED_FROM:
        notes.append("gamma rays are not absorbed on the way (--ebl)")
    if parameters.ebv is not None:
        dust = GalacticDust(parameters.ebv, parameters.r_v)
        record["extinction"] = dust.record()
        screens.append(dust)
    for screen in screens:
        notes += screen.notes(nu)
    if screens:
        model = SeenThrough(model, screens)
    return Surroundings(model, record, tuple(notes))


def _with_host(model: RadiativeModel, points: SedPoints, file: str) -> WithHost:
    path = Path(file)
    both = WithHost(model, *read_template(path))
    if not np.any(both.template(points.frequency) > 0):
        raise ParameterError(
            "host", f"{path.name} has no light at the frequencies of the points",
            "give a template of theirs, or none",
        )  # fmt: skip
    return both
