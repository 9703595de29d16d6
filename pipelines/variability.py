"""Stage ``variability``: whether the sources of a stack vary, within and between observations."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field as Option

from xsurvey.config import Config
from xsurvey.detection.parameters import PhotometryParameters
from xsurvey.engine import Stage, Task, TaskContext
from xsurvey.engine.plan import TaskInput
from xsurvey.errors import InputError
from xsurvey.events import EventList
from xsurvey.imaging.field import Field, band_label
from xsurvey.imaging.field_store import read_field
from xsurvey.imaging.sky_image import SkyImage
from xsurvey.missions.selection import SelectionParameters, open_selected
from xsurvey.parameters import StepParameters
from xsurvey.timing.between_observations import BetweenObservations, between_observations
from xsurvey.timing.combine import joint_odds, smallest_of_many
from xsurvey.timing.gregory_loredo import variability_index
from xsurvey.timing.parameters import SourceVariabilityParameters
from xsurvey.timing.source_times import SourceApertures
from xsurvey.timing.within_observation import WithinObservation, chosen_band, vary_within
from xsurvey.timing.write import write_light_curve

_WITHIN = (
    "variability_odds", "variability_probability", "ks_probability", "kuiper_probability",
)  # fmt: skip
UNTESTED: Mapping[str, Any] = {"variability_index": -1}
"""Columns of a source that was not tested; all others are NaN."""


class StackFiles(StepParameters):
    """Which event files are those of which observation of a stack; not a section of configs."""

    names: tuple[str, ...] = Option(default=(), description="Of the observations, in order.")
    files: tuple[int, ...] = Option(default=(), description="How many event files each has.")


@dataclass(frozen=True)
class _Seen:
    """A source in an observation: its row there, and the number of the source."""

    number: int
    radius: float
    fraction: float


def variability_task(
    config: Config, stack: str, names: Sequence[str], events: Sequence[Sequence[Path]],
    fields: Sequence[TaskInput], measured: TaskInput, uses: Mapping[str, str] | None = None,
) -> Task:  # fmt: skip
    """Plan the tests of the sources of a stack.

    Parameters
    ----------
    config : Config
        With the sections ``selection``, ``photometry`` (for the annuli) and ``variability``.
    stack : str
        Its name, the target of the task.
    names : sequence of str
        Of its observations, as in the column ``observation`` of the measured rows.
    events : sequence of sequence of path
        Event files of each observation.
    fields : sequence of OutputOf
        Output ``field`` of each observation's images.
    measured : OutputOf
        The file ``measured.json`` of the stack. It has ``rows``, one a source, with ``ra`` and
        ``dec``, and ``observations``, one a source and observation, with ``number`` (of the
        source, counted from 1), ``observation`` (one of the names), ``psf_radius`` (arcsec) and
        ``psf_fraction``.
    uses : mapping of str to str, optional
        Versions for the key, as of the mission.
    """
    files = StackFiles(names=tuple(names), files=tuple(len(paths) for paths in events))
    return Task(
        VARIABILITY, stack,
        {
            "events": [path for paths in events for path in paths],
            "fields": list(fields),  # type: ignore[arg-type]
            "measured": measured,
        },
        {**config.sections, "stack": files}, uses=dict(uses or {}),
    )  # fmt: skip


def run_variability(context: TaskContext) -> dict[str, Any]:
    """Test every source of a stack, and write light curves of those with counts enough."""
    measured = json.loads(context.path("measured").read_text())
    parameters = context.section(SourceVariabilityParameters)
    stack, paths = context.section(StackFiles), context.paths("events")
    sources = len(measured["rows"])
    table = np.zeros((4, sources, len(stack.names)))
    rows: list[dict[str, Any]] = []
    within: dict[int, list[dict[str, Any]]] = {}
    notes: list[str] = []
    folder = context.folder / "light_curves"
    folder.mkdir()
    begin = 0
    for column, (name, files) in enumerate(zip(stack.names, stack.files, strict=True)):
        events = open_selected(paths[begin : begin + files], context.section(SelectionParameters))
        field = read_field(context.paths("fields")[column], events)
        begin += files
        seen = _seen(measured, name)
        try:
            found = _test(events, field, measured, seen, context)
        except InputError as error:
            notes.append(f"{name}: no tests, since it {error.cause}")
            continue
        for i, one in enumerate(seen):
            table[:, one.number - 1, column] = (
                found.counts[i], found.background_counts[i], found.scale[i], found.exposure[i],
            )  # fmt: skip
            row = {"number": one.number, "observation": name, **_within(found, i)}
            rows.append(row)
            within.setdefault(one.number, []).append(row)
        for i, curve in found.light_curves.items():
            path = folder / f"{seen[i].number:04d}_{name}.fits"
            history = [f"source {seen[i].number} of {context.target}, observation {name}"]
            write_light_curve(path, curve, history=history)
    between = between_observations(
        table[0], table[1], table[2], table[3], trials=parameters.trials, seed=context.seed
    )
    joined = [
        {"number": i + 1, **_over_observations(within.get(i + 1, [])), **_between(between, i)}
        for i in range(sources)
    ]
    result = {"target": context.target, "rows": joined, "observations": rows, "notes": notes}
    (context.folder / "variability.json").write_text(json.dumps(result))
    variable = sum(row["variability_index"] >= 6 for row in joined)
    return {"sources": sources, "variable": variable, "notes": notes[:10]}


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
        return {**UNTESTED, **dict.fromkeys(_WITHIN)}
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
    return {
        "inter_variability_probability": _plain(found.probability[i]),
        "inter_variability_amplitude": _plain(found.amplitude[i]),
        "inter_variability_amplitude_lo": _plain(found.amplitude_lo[i]),
        "inter_variability_amplitude_hi": _plain(found.amplitude_hi[i]),
    }


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


VARIABILITY = Stage(
    "variability", "1", run_variability, outputs=("variability.json", "light_curves"),
    inputs=("events", "fields", "measured"),
    parameters={
        "selection": SelectionParameters, "photometry": PhotometryParameters,
        "variability": SourceVariabilityParameters, "stack": StackFiles,
    },
    helpers=(
        "xsurvey.attitude", "xsurvey.events", "xsurvey.good_times", "xsurvey.io.fits_file",
        "xsurvey.io.table_wcs", "xsurvey.missions", "xsurvey.timing",
        "xsurvey.inference.poisson_rate", "xsurvey.detection.parameters",
    ),
)  # fmt: skip
