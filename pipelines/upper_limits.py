"""Upper limits at given positions in event files, or in what a finished run has."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xsurvey.config import Config, load_config
from xsurvey.detection.detect import find_sources, search_bands
from xsurvey.detection.fitted import FoundSources
from xsurvey.detection.fluxes import field_factors
from xsurvey.detection.found_store import read_found
from xsurvey.detection.limit_parameters import UpperLimitParameters
from xsurvey.detection.limits import UpperLimit, as_json, upper_limit
from xsurvey.detection.measure import Responses, measured_bands
from xsurvey.detection.parameters import DetectionParameters, PhotometryParameters
from xsurvey.engine import Task, TaskContext
from xsurvey.engine.plan import OutputOf
from xsurvey.engine.store import STORE_NAME, Store
from xsurvey.errors import InputError, ParameterError, XSurveyError
from xsurvey.imaging.field import band_label, field_from_events
from xsurvey.imaging.parameters import ImageParameters
from xsurvey.imaging.stack import Stack, single_stack
from xsurvey.imaging.stack_parameters import StackGeometry
from xsurvey.imaging.stack_tiles import Core
from xsurvey.missions import get_mission
from xsurvey.missions.selection import SelectionParameters, open_selected
from xsurvey.pipelines import get_pipeline
from xsurvey.pipelines.stack_reading import read_stack
from xsurvey.pipelines.stack_stages import flux_responses
from xsurvey.units import SkyPosition

_RECORD = "run.json"


@dataclass(frozen=True)
class _Search:
    """A stack with its known sources, and how it is measured."""

    stack: Stack
    found: FoundSources
    detection: DetectionParameters
    photometry: PhotometryParameters
    responses: Responses
    seed: int = 0
    core: Core | None = None
    """What of the sky is the tile's alone, where the stack is one."""


def is_run(path: Path) -> bool:
    """Tell whether a path is the output folder of a run."""
    return (path / STORE_NAME).is_dir()


def limits_in_events(
    paths: Sequence[Path], parameters: UpperLimitParameters, selection: SelectionParameters,
    exposure: Path | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """Find the sources of an observation and return upper limits at positions.

    Parameters
    ----------
    paths : sequence of path
        The event files of one observation.
    parameters : UpperLimitParameters
    selection : SelectionParameters
    exposure : path, optional
        Exposure map.

    Returns
    -------
    list of dict
        JSON values of each position and band.

    Raises
    ------
    InputError
        The files cannot be read.
    """
    events = open_selected(paths, selection)
    mission = get_mission(events.observation.mission)
    detection = DetectionParameters()
    photometry = PhotometryParameters(measure_band=parameters.band)
    bands = [*search_bands(detection, mission), *measured_bands(photometry, detection, mission)]
    field = field_from_events(events, list(dict.fromkeys(bands)), ImageParameters(), exposure)
    stack = single_stack(field.obs_id, field)
    search = _Search(
        stack, find_sources(stack, detection), detection, photometry, field_factors(photometry)
    )
    return _joined([_limits(search, parameters.position, parameters)], parameters.position)


def limits_in_run(folder: Path, parameters: UpperLimitParameters) -> list[dict[str, Any]]:
    """Return upper limits at positions in the stacks of a finished run.

    Parameters
    ----------
    folder : path
        The run's output folder.
    parameters : UpperLimitParameters

    Raises
    ------
    InputError
        It is no such folder, its inputs are gone or have changed, or nothing of it is finished.
    ParameterError
        A band that the run made no images of.
    """
    config = _config_of(folder)
    found, unknown, there = [], [], False
    for search in _searches(config, folder):
        there = True
        missing = _not_imaged(search, parameters)
        if missing is None:
            found.append(_limits(search, parameters.position, parameters))
        else:  # other missions may have the band
            unknown.append(missing)
    if not there:
        raise InputError(folder, "holds no finished search", "run it again")
    if not found:
        raise unknown[0]
    return _joined(found, parameters.position)


def _not_imaged(search: _Search, parameters: UpperLimitParameters) -> ParameterError | None:
    """Return the error that tells of a band that a stack has no images of, if any."""
    field = search.stack.fields[0]
    for band in parameters.band:
        label = band_label(band, field.mission)
        if any(label not in one.counts for one in search.stack.fields):
            known = ", ".join(str(one) for one in field.bands.values())
            return ParameterError("band", f"{band} keV was not imaged", f"give one of {known}")
    return None


def _limits(
    search: _Search, positions: Sequence[SkyPosition], parameters: UpperLimitParameters
) -> list[dict[str, Any]]:
    photometry = search.photometry
    if parameters.band:
        photometry = photometry.model_copy(update={"measure_band": parameters.band})
    positions = list(dict.fromkeys(positions))
    ra, dec = np.array(positions, float).T
    owned = np.ones(len(ra), bool) if search.core is None else search.core(ra, dec)
    chosen = [p for p, own in zip(positions, owned, strict=True) if own]
    if not chosen:
        return []
    limits = upper_limit(
        search.stack, chosen, search.found, search.detection, photometry, search.responses,
        parameters.confidence, search.seed,
    )  # fmt: skip
    return [_values(search, limit) for limit in limits]


def _values(search: _Search, limit: UpperLimit) -> dict[str, Any]:
    bands = dict(search.stack.fields[0].bands)
    return {"stack": search.stack.name, **as_json(limit, bands)}


def _joined(
    found: Sequence[Sequence[Mapping[str, Any]]], positions: Sequence[SkyPosition]
) -> list[dict[str, Any]]:
    """Return for each position the limits of the stacks that saw it; else of one, to say so."""
    result: list[dict[str, Any]] = []
    for position in dict.fromkeys(positions):
        of = [
            [dict(row) for row in rows if (row["ra"], row["dec"]) == tuple(position)]
            for rows in found
        ]
        seen = [rows for rows in of if any(np.isfinite(row["counts_upper"]) for row in rows)]
        result += [row for rows in seen or [r for r in of if r][:1] for row in rows]
    return result


def _config_of(folder: Path) -> Config:
    """Return the configuration that a run was made with."""
    path = folder / _RECORD
    try:
        text = json.dumps({**json.loads(path.read_text())["config"], "output": str(folder)})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            path, "cannot be read", "give the output folder of a finished run"
        ) from error
    with tempfile.TemporaryDirectory() as place:
        # what is JSON is YAML
        written = Path(place) / "run.yaml"
        written.write_text(text)
        try:
            return load_config(
                written,
                lambda name: get_pipeline(name).sections,
                kinds_of=lambda name: get_pipeline(name).kinds,
                takes_inputs=lambda name: get_pipeline(name).takes_inputs,
            )
        except XSurveyError as error:
            # the user has never seen the file that was written here
            subject = error.subject.replace(str(written), str(path))
            raise type(error)(subject, error.cause, error.remedy) from error


def _searches(config: Config, folder: Path) -> Iterator[_Search]:
    store = Store(folder)
    plan = get_pipeline(config.pipeline).plan(config)
    store.hashes.prepare(plan.input_files())
    keys = plan.keys(store.hashes.sha256)

    def path(reference: Path | OutputOf) -> Path | None:
        if isinstance(reference, Path):
            return reference
        if store.manifest(keys[reference.task.id]) is None:
            return None
        return store.folder(keys[reference.task.id]) / reference.name

    for task in plan.tasks:
        if task.stage.name == "photometry":
            inputs = _inputs(task, path)
            if inputs is not None:
                search = _search_of(
                    TaskContext(task.target, inputs, task.parameters, folder, config.seed)
                )
                if search.stack.fields:  # else a corner of a survey that no observation exposed
                    yield search


def _inputs(task: Task, path: Any) -> dict[str, Path | list[Path]] | None:
    """Return the files that a task reads; None where what it cannot do without is not there."""
    inputs: dict[str, Path | list[Path]] = {}
    for name, value in task.inputs.items():
        if isinstance(value, (Path, OutputOf)):
            one = path(value)
            if one is None:
                return None
            inputs[name] = one
        else:
            inputs[name] = [p for p in map(path, value) if p is not None]
    return inputs


def _search_of(context: TaskContext) -> _Search:
    stack = read_stack(context)
    tile = context.section(StackGeometry).tile
    return _Search(
        stack, read_found(context.path("found")), context.section(DetectionParameters),
        context.section(PhotometryParameters), flux_responses(context, stack), context.seed,
        None if tile is None else Core(tile),
    )  # fmt: skip
