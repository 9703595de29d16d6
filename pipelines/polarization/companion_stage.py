"""The stage ``companion``: the optical series, its half turns resolved and its rotations found."""

from __future__ import annotations

from typing import Any

from xsurvey.engine import Stage, TaskContext
from xsurvey.io.json_values import write_json_values
from xsurvey.pipelines.polarization.companion_files import companion_of_file, write_resolved
from xsurvey.polarization.optical.parameters import CompanionParameters

COMPANION_FILE = "companion.json"
COMPANION_ANGLES = "companion.npz"
"""What `behaviour` derotates by: its input ``companion``."""


def run_companion(context: TaskContext) -> dict[str, Any]:
    """Resolve the angles of the series, and look for rotations."""
    companion, record = companion_of_file(
        context.path("series"), context.section(CompanionParameters), context.seed
    )
    record["file"] = context.path("series").name
    write_json_values(context.folder / COMPANION_FILE, record)
    write_resolved(context.folder / COMPANION_ANGLES, companion.resolved)
    return {
        "measurements": len(companion.resolved.series), "rotations": len(companion.episodes),
        "path_probability": companion.resolved.path_probability,
    }  # fmt: skip


COMPANION = Stage(
    "companion", "2", run_companion, outputs=(COMPANION_FILE, COMPANION_ANGLES),
    inputs=("series",), parameters={"companion": CompanionParameters},
    helpers=(
        "xsurvey.io.json_values", "xsurvey.pipelines.polarization.companion_files",
        "xsurvey.polarization.measurement", "xsurvey.polarization.optical",
        "xsurvey.polarization.significance", "xsurvey.polarization.variation",
    ),
)  # fmt: skip
