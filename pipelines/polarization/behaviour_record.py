"""Tests of polarization as a record: what ``behaviour.json`` and ``--json`` hold."""

from __future__ import annotations

from typing import Any

from xsurvey.events import EventList
from xsurvey.pipelines.polarization.provenance import record_of
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.polarization.variation.behaviour import Behaviour


def behaviour_record(
    events: EventList, found: Behaviour, parameters: PolarizationParameters
) -> dict[str, Any]:
    """Return the tests with what they rest on, for JSON."""
    record = found.record()
    record["notes"] = [*events.observation.warnings, *record["notes"]]
    scale = found.sums.scale
    return record_of(events, found.modulation, parameters) | {
        "background_scale": scale, "energy_edges": found.sums.energy_edges.tolist(), **record,
    }  # fmt: skip
