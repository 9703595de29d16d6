"""Good times that a stage found, for the stages after it: times outside of flares."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from xsurvey.events import EventList
from xsurvey.good_times import GoodTimeIntervals

GOOD_TIMES = "good_times.json"
"""Name of the file."""


def write_good_times(
    path: Path, observation: str, kept: GoodTimeIntervals | None, facts: dict[str, Any]
) -> None:
    """Write the times that are kept of an observation.

    Parameters
    ----------
    path : path
    observation : str
        Its name.
    kept : GoodTimeIntervals or None
        Mission seconds; None where nothing is cut out.
    facts : dict
        JSON values: what a report says of it.
    """
    times = None if kept is None else {"start": kept.start.tolist(), "stop": kept.stop.tolist()}
    path.write_text(json.dumps({"observation": observation, "kept": times, **facts}))


def read_good_times(path: Path) -> dict[str, Any]:
    """Return all of what `write_good_times` wrote."""
    return dict(json.loads(path.read_text()))


def in_good_times(events: EventList, path: Path | None) -> EventList:
    """Return the events in the times that are kept; all of them without a file."""
    kept = None if path is None else read_good_times(path)["kept"]
    if kept is None:
        return events
    edges = np.array(kept["start"], float), np.array(kept["stop"], float)
    return events.in_time(GoodTimeIntervals.from_edges(*edges))
