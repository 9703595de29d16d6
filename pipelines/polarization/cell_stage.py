"""What the stages of maps and of annuli share: their regions, parameters and provenance."""

from __future__ import annotations

from collections.abc import Sequence

from xsurvey.engine import TaskContext
from xsurvey.missions.selection import SelectionParameters
from xsurvey.parameters import StepParameters
from xsurvey.pipelines.polarization.named_regions import NamedRegion
from xsurvey.pipelines.polarization.parameters import PolarizedSource
from xsurvey.pipelines.polarization.provenance import history_of
from xsurvey.pipelines.polarization.source_events import SourceEvents
from xsurvey.polarization.estimators import ESTIMATORS
from xsurvey.polarization.parameters import PolarizationParameters

HELPERS = (
    "xsurvey.imaging.attitude_exposure", "xsurvey.imaging.exposure", "xsurvey.imaging.seen_sky",
    "xsurvey.imaging.sky_image", "xsurvey.io.json_values",
    "xsurvey.pipelines.polarization.cell_stage", "xsurvey.pipelines.polarization.named_regions",
    "xsurvey.pipelines.polarization.provenance", "xsurvey.polarization.background",
    "xsurvey.polarization.bin_sums", "xsurvey.polarization.channel_sums",
    "xsurvey.polarization.estimators", "xsurvey.polarization.event_sums",
    "xsurvey.polarization.modulation", "xsurvey.polarization.random_phases",
    "xsurvey.polarization.significance", "xsurvey.polarization.space",
    "xsurvey.polarization.stokes", "xsurvey.report.plate",
)  # fmt: skip
"""Helpers of both."""


def named_background(context: TaskContext, source: SourceEvents) -> NamedRegion | None:
    """Return the background of a source with its name: that of its file, or its annulus."""
    if source.background is None:
        return None
    file = context.optional_path("background_region")
    section = context.section(PolarizedSource)
    name = f"annulus {section.background} about {section.position}"
    # where files lie does not belong into results
    return NamedRegion(source.background, file.name if file else name, file)


def of_cells(parameters: PolarizationParameters) -> tuple[PolarizationParameters, list[str]]:
    """Return parameters as cells of a source can have them, and notes of what is another.

    The scale of a background is that of one region to another, and not of a pixel to it; the
    likelihood is not one of sums.
    """
    changed: dict[str, object] = {}
    notes = []
    if parameters.background_scale is not None:
        changed["background_scale"] = None
        notes.append("the background is scaled by areas and exposures, not as that of the source")
    if parameters.estimator not in ESTIMATORS:
        changed |= {"estimator": "empirical", "psf_weights": False}
        notes.append(f"measured with the estimator 'empirical', not '{parameters.estimator}'")
    return parameters.model_copy(update=changed), notes


def history(context: TaskContext, parameters: Sequence[StepParameters]) -> list[str]:
    """Return lines of provenance: event files with their hashes, and all parameters."""
    inputs = [*context.paths("events"), context.optional_path("background_region")]
    return history_of(inputs, (*parameters, context.section(SelectionParameters)))
