"""Events of one source in one observation, as stages of polarization read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import astropy.units as u
from astropy.coordinates import SkyCoord
from regions import CircleAnnulusSkyRegion, CircleSkyRegion

from xsurvey.engine import TaskContext
from xsurvey.events import EventList
from xsurvey.missions.selection import SelectionParameters, open_selected
from xsurvey.parameters import StepParameters
from xsurvey.pipelines.good_times_file import in_good_times
from xsurvey.pipelines.polarization.parameters import PolarizedSource
from xsurvey.regions import RegionSet, read_region_file, region_set

SOURCE_INPUTS = ("events", "good_times")
OPTIONAL_INPUTS = ("region", "background_region")
SOURCE_SECTIONS: Mapping[str, type[StepParameters]] = {
    "selection": SelectionParameters, "source": PolarizedSource,
}  # fmt: skip
READING = (
    "xsurvey.events", "xsurvey.missions.joining", "xsurvey.missions.selection",
    "xsurvey.pipelines.good_times_file", "xsurvey.pipelines.polarization.source_events",
    "xsurvey.regions",
)  # fmt: skip
"""Helpers of every stage that calls `read_source`."""


@dataclass(frozen=True)
class SourceEvents:
    """An observation outside of flares, and the regions of a source in it.

    Attributes
    ----------
    events : EventList
        Of all the field.
    region, background : RegionSet
        In the list's sky pixels; no background where none is given.
    """

    events: EventList
    region: RegionSet
    background: RegionSet | None


def target_of(source: str, observation: str) -> str:
    """Return the target of a task of a source and an observation."""
    return f"{source} {observation}"


def names_of(target: str) -> tuple[str, str]:
    """Return the source and the observation of a target; sources have no spaces in their names."""
    source, _, observation = target.partition(" ")
    return source, observation


def read_source(context: TaskContext) -> SourceEvents:
    """Open what a task of a source and an observation is given.

    Raises
    ------
    InputError
        Files cannot be read, or do not belong together.
    ParameterError
        Detectors that the mission has not.
    """
    events = open_selected(context.paths("events"), context.section(SelectionParameters))
    events = in_good_times(events, context.path("good_times"))
    source = context.section(PolarizedSource)
    files = {name: context.optional_path(name) for name in OPTIONAL_INPUTS}
    return SourceEvents(
        events, source_region(source, events, files["region"]),
        background_region(source, events, files["background_region"]),
    )  # fmt: skip


def source_region(source: PolarizedSource, events: EventList, file: Path | None) -> RegionSet:
    """Return the region of the source: that of a file, or its circle."""
    if file is not None:
        return read_region_file(file, events.wcs)
    circle = CircleSkyRegion(_coordinate(source), source.radius * u.arcsec)
    return region_set([circle], events.wcs, "source")


def background_region(
    source: PolarizedSource, events: EventList, file: Path | None
) -> RegionSet | None:
    """Return the region of the background: that of a file, or an annulus, or none."""
    if file is not None:
        return read_region_file(file, events.wcs)
    if source.annulus is None:
        return None
    inner, outer = source.annulus
    annulus = CircleAnnulusSkyRegion(_coordinate(source), inner * u.arcsec, outer * u.arcsec)
    return region_set([annulus], events.wcs, "background")


def _coordinate(source: PolarizedSource) -> SkyCoord:
    return SkyCoord(source.position.ra, source.position.dec, unit="deg", frame="icrs")
