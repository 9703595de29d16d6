"""A source's tables as one: what the stage ``sed_points`` makes and stages after it read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from xsurvey.engine import TaskContext
from xsurvey.errors import InputError, ParameterError
from xsurvey.pipelines.blazar.parameters import BlazarSource
from xsurvey.pipelines.sed.fit_files import SedProblem, sed_problem
from xsurvey.pipelines.sed.measured_polarization import measured_polarization
from xsurvey.sed.fitting.sed_parameters import (
    SedFitParameters,
    SedModelParameters,
    SedPointParameters,
    SedSearchParameters,
    SedSurroundingParameters,
)
from xsurvey.sed.models.polarized import POLARIZATION_PARAMETERS
from xsurvey.sed.on_the_way.background_tables import BACKGROUND_LIGHTS
from xsurvey.sed.polarization.measurements import PolarizationMeasurements, together
from xsurvey.sed.tables.energy_distribution import SpectralEnergyDistribution
from xsurvey.sed.tables.table import read_sed
from xsurvey.sed.tables.writing import seds_together

SED, POLARIZATION, RECORD = "sed.ecsv", "polarization.ecsv", "points.json"
SOURCE_INPUTS = ("sed", "polarization", "points")
AROUND = ("ebl", "host")
"""Optional inputs of stages of a source and a model: files of what is around it."""
READING = (
    "xsurvey.pipelines.blazar.source_files", "xsurvey.pipelines.sed", "xsurvey.sed",
    "xsurvey.io.json_values",
)  # fmt: skip
"""Helpers of stages that build models of sources."""
_OF_PARAMETERS = ("set", "freeze", "thaw", "limits", "link", "prior")
"""Of a model, what begins with the name of a parameter."""


def joined_sed(
    name: str, paths: Sequence[Path], redshift: float | None,
    spectra: Sequence[SpectralEnergyDistribution] = (),
) -> SpectralEnergyDistribution:  # fmt: skip
    """Return the points of all tables and spectra of a source.

    Parameters
    ----------
    name : str
        Of the source.
    paths : sequence of path
        Tables.
    redshift : float or None
        In place of that of the tables.
    spectra : sequence of SpectralEnergyDistribution
        Points of spectra, each with the instrument's name.

    Raises
    ------
    InputError
        A table cannot be used, is given twice, or tells another redshift than the others.
    ParameterError
        There is no redshift, or a table has the instrument of a spectrum too.
    """
    _check_once(paths)
    tables = [read_sed(path) for path in paths]
    _check_instruments(name, tables, [sed.name for sed in spectra])
    sed = seds_together([*tables, *spectra], name, redshift)
    if sed.redshift is None:
        raise ParameterError(
            f"sources.places.{name}.redshift",
            f"is needed, and {'the tables do not tell it' if tables else 'spectra do not tell it'}",
            "give it",
        )  # fmt: skip
    return sed


def _check_instruments(
    name: str, tables: Iterable[SpectralEnergyDistribution], spectra: Sequence[str]
) -> None:
    """Raise where points of a table and of a spectrum have one name: they may be the same ones."""
    by_lower = {one.lower(): one for one in spectra}
    for table in tables:
        for instrument in dict.fromkeys(table.instruments):
            if (own := by_lower.get(instrument.lower())) is not None:
                raise ParameterError(
                    f"sources.places.{name}.spectra.{own}",
                    f"is the name of an instrument of {table.name}, too",
                    "leave the table out if its points are of these spectra, or use another name",
                )  # fmt: skip


def joined_polarization(paths: Sequence[Path]) -> PolarizationMeasurements | None:
    """Return the polarization of all files of a source; None without any.

    Raises
    ------
    InputError
        A file cannot be used, or is given twice.
    """
    _check_once(paths)
    return together([measured_polarization(path) for path in paths]) if paths else None


def _check_once(paths: Sequence[Path]) -> None:
    seen: set[Path] = set()
    for path in paths:
        if path.resolve() in seen:
            raise InputError(path, "is given twice", "give it once")
        seen.add(path.resolve())


def fit_parameters(
    source: BlazarSource, model: SedModelParameters, points: SedPointParameters,
    search: SedSearchParameters, *, instruments: Iterable[str], has_polarization: bool,
    ebl: Path | None = None, host: Path | None = None,
) -> SedFitParameters:  # fmt: skip
    """Return the parameters of the fit of a model to a source, as ``sed fit`` has them.

    Parameters
    ----------
    source, model, points, search
        Sections of the configuration.
    instruments : iterable of str
        Of the source: systematic errors of others are left out.
    has_polarization : bool
        Without, cells and parameters of polarization mean nothing, and are left out.
    ebl, host : path, optional
        Files of what the source names.
    """
    around = {name: getattr(source, name) for name in SedSurroundingParameters.model_fields}
    if ebl is not None and source.ebl not in BACKGROUND_LIGHTS:
        around["ebl"] = str(ebl)
    if host is not None:
        around["host"] = str(host)
    own = model if has_polarization else without_polarization(model)
    chosen = {**dict(own), **around, **dict(own_points(points, instruments)), **dict(search)}
    return SedFitParameters(**chosen | ({} if has_polarization else {"cells": None}))


def without_polarization(model: SedModelParameters) -> SedModelParameters:
    """Return a model without what is said of parameters that polarization adds."""
    return model.model_copy(
        update={
            key: tuple(t for t in getattr(model, key) if not _is_of_polarization(t))
            for key in _OF_PARAMETERS
        }
    )


def polarization_settings(model: SedModelParameters) -> list[tuple[str, str]]:
    """Return what is said of parameters that polarization adds: keys and texts."""
    return [
        (key, text) for key in _OF_PARAMETERS for text in getattr(model, key)
        if _is_of_polarization(text)
    ]  # fmt: skip


def _is_of_polarization(text: str) -> bool:
    return text.partition("=")[0].strip().lower() in POLARIZATION_PARAMETERS


def own_points(points: SedPointParameters, instruments: Iterable[str]) -> SedPointParameters:
    """Return what is said of points, without systematic errors of instruments of other sources."""
    known = {name.lower() for name in instruments}
    own = tuple(t for t in points.systematic if systematic_name(t).lower() in known)
    return points.model_copy(update={"systematic": own})


def systematic_name(text: str) -> str:
    """Return the instrument of ``INSTRUMENT=FRACTION``."""
    return text.rpartition("=")[0].strip()


def read_points(context: TaskContext) -> dict[str, Any]:
    """Return the record of a source's points."""
    return dict(json.loads(context.path("points").read_text()))


def parameters_of(context: TaskContext, record: dict[str, Any]) -> SedFitParameters:
    """Return the parameters of the fit that a task of a source and a model is of."""
    return fit_parameters(
        context.section(BlazarSource), context.section(SedModelParameters),
        context.section(SedPointParameters), context.section(SedSearchParameters),
        instruments=record["instruments"], has_polarization=bool(record["polarization"]),
        ebl=context.optional_path("ebl"), host=context.optional_path("host"),
    )  # fmt: skip


def polarization_files(context: TaskContext, record: dict[str, Any]) -> list[Path]:
    """Return the table of polarization of a source, if it has some."""
    return [context.path("polarization")] if record["polarization"] else []


def problem_in(context: TaskContext) -> SedProblem:
    """Return what a task of a source and a model fits."""
    record = read_points(context)
    return sed_problem(
        context.path("sed"), parameters_of(context, record), polarization_files(context, record)
    )
