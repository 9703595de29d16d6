"""Stage ``variability``: whether the sources of a stack vary, within and between observations."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xsurvey.config import Config
from xsurvey.detection.parameters import PhotometryParameters
from xsurvey.engine import Stage, Task, TaskContext
from xsurvey.engine.plan import OutputOf
from xsurvey.errors import InputError
from xsurvey.events import EventList
from xsurvey.imaging.field import Field, band_label
from xsurvey.imaging.field_store import read_field
from xsurvey.imaging.sky_image import SkyImage
from xsurvey.imaging.stack_parameters import StackGeometry
from xsurvey.pipelines.columns import write_columns
from xsurvey.pipelines.spectra.places import folder_name
from xsurvey.pipelines.stack_reading import (
    OBSERVATION,
    READING,
    STACK_INPUTS,
    STACK_SECTIONS,
    stack_events,
    stack_inputs,
    stack_sections,
)
from xsurvey.pipelines.stacks import StackInput
from xsurvey.timing.between_observations import BetweenObservations, between_observations
from xsurvey.timing.combine import joint_odds, smallest_of_many
from xsurvey.timing.gregory_loredo import variability_index
from xsurvey.timing.parameters import SourceVariabilityParameters
from xsurvey.timing.source_times import SourceApertures
from xsurvey.timing.within_observation import WithinObservation, chosen_band, vary_within
from xsurvey.timing.write import write_light_curve

logger = logging.getLogger(__name__)

LIGHT_CURVES = "light_curves"
COLUMNS_FILE = "variability.json"
DEFINITELY = 6
"""Variability index from which on a source is definitely variable."""

_WITHIN = (
    "variability_odds", "variability_probability", "ks_probability", "kuiper_probability",
)  # fmt: skip
_BETWEEN = (
    "inter_variability_probability", "inter_variability_amplitude",
    "inter_variability_amplitude_lo", "inter_variability_amplitude_hi",
)  # fmt: skip
COLUMNS = ("variability_index", *_WITHIN, *_BETWEEN)
"""Of the table of sources; that of observations has those that do not begin with ``inter_``."""

_UNTESTED = -1


@dataclass(frozen=True)
class _Seen:
    """A source in an observation: its row there, and the number of the source."""

    number: int
    radius: float
    fraction: float


def variability_task(
    config: Config, stack: StackInput, images: Mapping[str, Task], measured: OutputOf
) -> Task:
    """Plan the tests of the sources of a stack.

    Parameters
    ----------
    config : Config
        With the sections ``selection``, ``photometry`` (for the annuli) and ``variability``.
    stack : StackInput
    images : mapping of str to Task
        The image task of each observation, by name.
    measured : OutputOf
        The file ``measured.json`` of the stack. It has ``rows``, one a source, with ``ra`` and
        ``dec``, and ``observations``, one a source and observation, with ``number`` (of the
        source, counted from 1), ``observation``, ``psf_radius`` (arcsec) and ``psf_fraction``.
    """
    return Task(
        VARIABILITY, stack.name, {**stack_inputs(stack, images), "measured": measured},
        stack_sections(config, stack),
    )  # fmt: skip


def run_variability(context: TaskContext) -> dict[str, Any]:
    """Test every source of a stack, and write light curves of those with counts enough."""
    measured = json.loads(context.path("measured").read_text())
    parameters = context.section(SourceVariabilityParameters)
    names = context.section(StackGeometry).observations
    sources = len(measured["rows"])
    table = np.zeros((4, sources, len(names)))
    rows: list[dict[str, Any]] = []
    notes: list[str] = []
    folder = context.folder / LIGHT_CURVES
    folder.mkdir()
    for name, events, field in stack_observations(context):
        seen = _seen(measured, name)
        try:
            found = _test(events, field, measured, seen, context)
        except InputError as error:
            notes.append(f"{name}: variability is not tested: {error}")
            logger.warning("%s", notes[-1])
            continue
        for i, one in enumerate(seen):
            table[:, one.number - 1, names.index(name)] = (
                found.counts[i], found.background_counts[i], found.scale[i], found.exposure[i],
            )  # fmt: skip
            rows.append({"number": one.number, "observation": name, **_within(found, i)})
        for i, curve in found.light_curves.items():
            path = folder / light_curve_name(seen[i].number, name)
            history = [f"source {seen[i].number} of {context.target}, observation {name}"]
            write_light_curve(path, curve, history=history)
    between = between_observations(
        table[0], table[1], table[2], table[3], trials=parameters.trials, seed=context.seed
    )
    rows.sort(key=lambda row: int(row["number"]))
    of_source: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        of_source.setdefault(row["number"], []).append(row)
    joined = [
        {"number": i + 1, **_over_observations(of_source.get(i + 1, [])), **_between(between, i)}
        for i in range(sources)
    ]
    write_columns(
        context.folder / COLUMNS_FILE, context.target, joined, [_columns(r) for r in rows],
        notes=notes,
    )  # fmt: skip
    variable = sum(row["variability_index"] >= DEFINITELY for row in joined)
    return {"sources": sources, "variable": variable}


def light_curve_name(number: int, observation: str) -> str:
    """Return the file name of a light curve in the folder ``light_curves`` of the stage."""
    return f"{number:04d}_{folder_name(observation)}.fits"


def stack_observations(context: TaskContext) -> Iterator[tuple[str, EventList, Field]]:
    """Yield name, events and images of each observation whose images could be made."""
    folders = {
        str(json.loads((folder / OBSERVATION).read_text())): folder
        for folder in context.paths("fields")
    }
    for name, events in stack_events(context):
        yield name, events, read_field(folders[name], events)


def _columns(row: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in row.items() if k in ("number", "observation", *COLUMNS)}


def _seen(measured: Mapping[str, Any], name: str) -> list[_Seen]:
    return [
        _Seen(int(r["number"]), float(r["psf_radius"]), float(r["psf_fraction"]))
        for r in measured["observations"]
        if r["observation"] == name
        and _positive(r.get("psf_radius")) and _positive(r.get("psf_fraction"))
    ]  # fmt: skip


def _positive(value: Any) -> bool:
    return value is not None and bool(np.isfinite(value)) and value > 0


def _test(
    events: EventList, field: Field, measured: Mapping[str, Any], seen: Sequence[_Seen],
    context: TaskContext,
) -> WithinObservation:  # fmt: skip
    parameters = context.section(SourceVariabilityParameters)
    band = chosen_band(parameters, events.observation.mission)
    radius = np.array([s.radius for s in seen])
    inner, outer = context.section(PhotometryParameters).annulus(radius)
    apertures = SourceApertures(
        np.array([measured["rows"][s.number - 1]["ra"] for s in seen]),
        np.array([measured["rows"][s.number - 1]["dec"] for s in seen]),
        radius, inner, outer, np.array([s.fraction for s in seen]),
    )  # fmt: skip
    label = band_label(band, field.mission)
    image = field.exposure[label if label in field.exposure else next(iter(field.exposure))]
    return vary_within(events, apertures, band, parameters, exposure_of(image), field.timed)


def exposure_of(image: SkyImage) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return a function of sky pixels (x, y arrays, 1-based) that gives the exposure there."""
    grid, data = image.grid, image.data

    def exposed(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        column = np.floor((x - grid.x_edge) / grid.sky_pixels)
        row = np.floor((y - grid.y_edge) / grid.sky_pixels)
        on = (row >= 0) & (row < grid.shape[0]) & (column >= 0) & (column < grid.shape[1])
        found = np.zeros(len(x))
        found[on] = np.nan_to_num(data[row[on].astype(int), column[on].astype(int)])
        return found

    return exposed


def _within(found: WithinObservation, i: int) -> dict[str, Any]:
    """Return the columns of one source in one observation; None where it was not tested."""
    odds, tests = found.odds, found.tests
    values = (
        odds.log_odds[i], odds.probability[i], tests.ks_probability[i], tests.kuiper_probability[i],
    )  # fmt: skip
    return {
        "variability_index": int(odds.index[i]),
        **{n: _plain(v) for n, v in zip(_WITHIN, values, strict=True)},
        "variability_within_3_sigma": _plain(odds.within_3_sigma[i]),
        "variability_within_5_sigma": _plain(odds.within_5_sigma[i]),
    }


def _over_observations(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the columns of a source from those of its observations."""
    tested = [row for row in rows if row["variability_odds"] is not None]
    if not tested:
        return {"variability_index": _UNTESTED, **dict.fromkeys(_WITHIN)}
    log_odds = np.array([row["variability_odds"] for row in tested])
    joint = joint_odds(log_odds)
    best = tested[int(np.argmax(log_odds))]
    index = variability_index(
        np.array([joint]), np.array([best["variability_within_3_sigma"]]),
        np.array([best["variability_within_5_sigma"]]),
    )  # fmt: skip
    return {
        "variability_index": int(index[0]),
        "variability_odds": joint,
        "variability_probability": float(1 / (1 + 10**-joint)),
        **{
            name: _plain(smallest_of_many(np.array([_number(r[name]) for r in tested])))
            for name in ("ks_probability", "kuiper_probability")
        },
    }


def _between(found: BetweenObservations, i: int) -> dict[str, Any]:
    values = (
        found.probability[i], found.amplitude[i], found.amplitude_lo[i], found.amplitude_hi[i],
    )  # fmt: skip
    return {n: _plain(v) for n, v in zip(_BETWEEN, values, strict=True)}


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


VARIABILITY = Stage(
    "variability", "2", run_variability, outputs=(COLUMNS_FILE, LIGHT_CURVES),
    inputs=(*STACK_INPUTS, "measured"),
    parameters={
        **STACK_SECTIONS, "photometry": PhotometryParameters,
        "variability": SourceVariabilityParameters,
    },
    helpers=(
        *READING, "xsurvey.timing", "xsurvey.inference.poisson_rate",
        "xsurvey.detection.parameters", "xsurvey.pipelines.columns",
        "xsurvey.pipelines.spectra.places",
    ),
    needs_all=False,
)  # fmt: skip
