"""What the stages of products read: the observations of a stack, and their background maps."""

from __future__ import annotations

from collections.abc import Mapping

from xsurvey.detection.found_store import read_found
from xsurvey.engine import TaskContext
from xsurvey.imaging.field_store import read_field
from xsurvey.imaging.sky_image import SkyImage
from xsurvey.imaging.stack import Stack, single_stack
from xsurvey.missions.selection import SelectionParameters, open_selected


def read_stack(context: TaskContext) -> Stack:
    """Return the observations of a task."""
    events = open_selected(context.paths("events"), context.section(SelectionParameters))
    return single_stack(context.target, read_field(context.paths("fields")[0], events))


def read_backgrounds(context: TaskContext) -> Mapping[str, Mapping[str, SkyImage]]:
    """Return the background maps of a task by observation and band."""
    return {context.target: read_found(context.path("found")).backgrounds}
