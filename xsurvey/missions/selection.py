"""Which events of an observation are analysed."""

from __future__ import annotations

import os
from collections.abc import Sequence

from pydantic import Field

from xsurvey.events import EventList
from xsurvey.missions import open_events, select_detectors
from xsurvey.parameters import StepParameters


class SelectionParameters(StepParameters):
    """Which events of an observation are used, beside the mission's standard filter."""

    detectors: str | None = Field(
        default=None,
        description="Detectors to use, by the names that the mission gives them or groups of them, "
        "several with commas; all if not given.",
    )


def open_selected(
    paths: Sequence[str | os.PathLike[str]], selection: SelectionParameters
) -> EventList:
    """Open the files of one observation and keep what was selected.

    Raises
    ------
    InputError
        As `open_events`, or the observation has none of the detectors.
    ParameterError
        The mission has no detectors of that name.
    """
    return select_detectors(open_events(paths), selection.detectors)
