"""What files and records of polarization say of where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xsurvey.engine.hashes import file_sha256
from xsurvey.events import EventList
from xsurvey.parameters import StepParameters
from xsurvey.polarization.modulation import Modulation
from xsurvey.polarization.parameters import PolarizationParameters


def header_of(
    events: EventList, modulation: Modulation, parameters: PolarizationParameters
) -> dict[str, Any]:
    """Return header keywords: observation, livetime, responses."""
    observation = events.observation
    return {
        "TELESCOP": observation.telescope, "INSTRUME": observation.instrument,
        "OBJECT": observation.target, "OBS_ID": observation.obs_id,
        "LIVETIME": (events.livetime, "[s] mean of the units"),
        "WEIGHTED": (parameters.weighted, "events weighted"),
        "ACCEPTC": (parameters.acceptance_correction, "weighted by 1 / effective area"),
        "IRFNAME": (modulation.name, "responses"), "IRFWHY": (modulation.reason, "why these"),
    }  # fmt: skip


def history_of(inputs: Sequence[Path | None], parameters: Sequence[StepParameters]) -> list[str]:
    """Return lines of provenance: inputs with their hashes, and all parameters."""
    lines = [f"input {p.name} sha256 {file_sha256(p)}" for p in inputs if p is not None]
    return lines + [
        f"{key} = {value}" for section in parameters for key, value in section.normalised().items()
    ]


def record_of(
    events: EventList, modulation: Modulation, parameters: PolarizationParameters
) -> dict[str, Any]:
    """Return the same for JSON."""
    observation = events.observation
    return {
        "files": [str(source.path) for source in events.sources],
        "telescope": observation.telescope, "instrument": observation.instrument,
        "target": observation.target, "obs_id": observation.obs_id,
        "livetime_s": events.livetime, "estimator": parameters.estimator,
        "weighted": parameters.weighted,
        "acceptance_correction": parameters.acceptance_correction,
        "unit": "count / cm2" if parameters.acceptance_correction else "count",
        "responses": {
            "name": modulation.name, "weighting": modulation.weighting,
            "reason": modulation.reason, "files": list(modulation.files),
        },
    }  # fmt: skip
