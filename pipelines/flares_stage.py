"""The stage ``flares``: times of high background of an observation, cut out of what follows."""

from __future__ import annotations

from typing import Any

import numpy as np

from xsurvey.engine import Stage, TaskContext
from xsurvey.events import EventList
from xsurvey.good_times import GoodTimeIntervals
from xsurvey.missions.selection import SelectionParameters, open_selected
from xsurvey.pipelines.good_times_file import GOOD_TIMES, write_good_times
from xsurvey.pipelines.stack_reading import READING
from xsurvey.timing.flares import FlareFilter, FlareParameters, without_flares


def run_flares(context: TaskContext) -> dict[str, Any]:
    """Find the flares of an observation."""
    events = open_selected(context.paths("events"), context.section(SelectionParameters))
    _, found = without_flares(events, context.section(FlareParameters))
    facts: dict[str, Any] = {"filtered": found is not None, "lost": 0.0, "flares": 0}
    if found is not None:
        facts |= {
            "lost": found.lost, "flares": len(found.flares.start), "rate": found.rate,
            "band": list(found.curve.band),
        }  # fmt: skip
    write_good_times(context.folder / GOOD_TIMES, context.target, _kept(events, found), facts)
    return facts


def _kept(events: EventList, found: FlareFilter | None) -> GoodTimeIntervals | None:
    """Return the times between flares, None where there is none."""
    if found is None or not found.flare.any():
        return None
    every = [g for g in events.gti.values() if len(g.start)]
    first, last = min(g.start[0] for g in every), max(g.stop[-1] for g in every)
    flares = found.flares
    return GoodTimeIntervals.from_edges(
        np.append(first, flares.stop), np.append(flares.start, last)
    )


FLARES = Stage(
    "flares", "1", run_flares, outputs=(GOOD_TIMES,), inputs=("events",),
    parameters={"selection": SelectionParameters, "filtering": FlareParameters},
    helpers=(*READING, "xsurvey.timing.flares", "xsurvey.timing.visibility"),
)  # fmt: skip
