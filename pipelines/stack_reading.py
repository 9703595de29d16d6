"""What stages of stacks read: the images and events of all observations.

A stage of stacks declares the inputs `STACK_INPUTS`, the sections `STACK_SECTIONS` and, among its
helpers, `READING`; it has ``needs_all=False``, so that a bad observation does not stop the others.
Its tasks are given `stack_inputs` and `stack_sections`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs.utils import skycoord_to_pixel

from xsurvey.config import Config
from xsurvey.engine import Task, TaskContext
from xsurvey.engine.plan import OutputOf
from xsurvey.events import EventList
from xsurvey.imaging.field import Field
from xsurvey.imaging.field_store import read_field
from xsurvey.imaging.sky_image import SkyImage, read_map_of
from xsurvey.imaging.stack import Stack
from xsurvey.imaging.stack_parameters import StackGeometry
from xsurvey.imaging.stack_shared import own_events
from xsurvey.imaging.stack_tiles import make_stack
from xsurvey.imaging.stack_window import cut_to
from xsurvey.missions.selection import SelectionParameters, open_selected
from xsurvey.parameters import StepParameters
from xsurvey.pipelines.good_times_file import in_good_times, read_good_times
from xsurvey.pipelines.spectra.parameters import SpectraParameters
from xsurvey.pipelines.stacks import StackInput
from xsurvey.regions import RegionSet, read_region_file

OBSERVATION = "observation.json"
"""File in the folder of a field with the name of its observation."""

STACK_INPUTS = ("events", "fields")
STACK_SECTIONS: Mapping[str, type[StepParameters]] = {
    "selection": SelectionParameters, "stack": StackGeometry,
}  # fmt: skip
READING = (
    "xsurvey.attitude", "xsurvey.events", "xsurvey.good_times", "xsurvey.imaging.field",
    "xsurvey.imaging.field_store", "xsurvey.imaging.sky_image", "xsurvey.imaging.stack",
    "xsurvey.imaging.stack_shared", "xsurvey.imaging.stack_tiles", "xsurvey.imaging.stack_window",
    "xsurvey.io.fits_file", "xsurvey.io.table_wcs", "xsurvey.missions",
    "xsurvey.pipelines.good_times_file", "xsurvey.pipelines.stack_reading", "xsurvey.regions",
)  # fmt: skip
"""Helpers of all stages that read stacks."""


def stack_inputs(stack: StackInput, images: Mapping[str, Task]) -> dict[str, list[Path | OutputOf]]:
    """Return the inputs that tasks of a stack need, given the image task of each observation."""
    return {
        "events": [path for o in stack.observations for path in o.events],
        "fields": [images[o.name].output("field") for o in stack.observations],
    }


def stack_sections(config: Config, stack: StackInput) -> dict[str, StepParameters]:
    """Return the sections of a config with that of the stack."""
    spectra = config.sections["spectra"]
    assert isinstance(spectra, SpectraParameters)
    # what an area includes has no part in tasks that are given none
    chosen = {"area_includes": spectra.area_includes} if stack.geometry.arfs else {}
    return {**config.sections, "stack": stack.geometry.model_copy(update=chosen)}


@dataclass(frozen=True)
class _Member:
    """An observation of a stack whose images were made."""

    name: str
    field: Field


def read_stack(context: TaskContext) -> Stack:
    """Return the stack of a task, of the observations whose images could be made.

    It has no fields where none of them is exposed in its tile.
    """
    members = list(_members(context))
    geometry = context.section(StackGeometry)
    return make_stack(
        context.target, geometry, [m.name for m in members], [m.field for m in members]
    )


def _members(context: TaskContext) -> Iterator[_Member]:
    folders = {field_name(folder): folder for folder in context.paths("fields")}
    for name, events in stack_events(context):
        if name in folders:
            yield _Member(name, read_field(folders[name], events))


def field_name(folder: Path) -> str:
    """Return the observation that a folder of images is of."""
    return str(json.loads((folder / OBSERVATION).read_text()))


def stack_events(context: TaskContext) -> Iterator[tuple[str, EventList]]:
    """Yield name and events of each observation of a stack whose images were made."""
    geometry, selection = context.section(StackGeometry), context.section(SelectionParameters)
    there = {field_name(folder) for folder in context.paths("fields")}
    paths = context.paths("events")
    kept = good_times_of(context)
    for name, number, shared in zip(
        geometry.observations, geometry.files, geometry.shared, strict=True
    ):
        own, paths = paths[:number], paths[number:]
        if name in there:
            events = in_good_times(open_selected(own, selection), kept.get(name))
            yield name, own_events(events, shared)


def good_times_of(context: TaskContext) -> dict[str, Path]:
    """Return the files with good times, by observation; empty for tasks without."""
    paths = context.paths("good_times") if "good_times" in context.inputs else []
    return {str(read_good_times(path)["observation"]): path for path in paths}


def given_backgrounds(context: TaskContext, stack: Stack) -> dict[str, SkyImage]:
    """Return the background maps that were given, by observation, on the pixels of its images.

    Raises
    ------
    InputError
        A map lies on other pixels than the images of its observation.
    """
    files = dict(given_files(context, "backgrounds"))
    folders = {field_name(folder): folder for folder in context.paths("fields")}
    found = {}
    for name, field in zip(stack.names, stack.fields, strict=True):
        if name in files:
            whole = next(iter(read_field(folders[name], None).counts.values()))
            image = read_map_of(files[name], whole)
            found[name] = cut_to(image, field.grid)
    return found


def given_files(context: TaskContext, kind: str) -> Iterator[tuple[str, Path]]:
    """Yield observation and file of what is given for some observations of a stack."""
    if kind in context.inputs:
        names: Sequence[str] = getattr(context.section(StackGeometry), kind)
        yield from zip(names, context.paths(kind), strict=True)


def given_region(context: TaskContext, stack: Stack) -> Any:
    """Return where sources are kept, None for everywhere.

    Of one observation the region as it is, in the sky pixels of its events; of several, and of
    tiles, what tells whether ICRS positions are inside of the region of any observation, or in
    the field of one that has none.

    Raises
    ------
    InputError
        A region file cannot be read.
    """
    files = dict(given_files(context, "regions"))
    regions: dict[str, RegionSet] = {}
    for name, field in zip(stack.names, stack.fields, strict=True):
        if name in files and field.events is not None:
            regions[name] = read_region_file(files[name], field.events.wcs)
    if not regions:
        return None
    if len(stack.fields) == 1 and stack.owns is None:
        return regions[stack.names[0]]
    return _AnyRegion(stack, regions)


@dataclass(frozen=True)
class _AnyRegion:
    """The regions of several observations together."""

    stack: Stack
    regions: Mapping[str, RegionSet]

    def __call__(self, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
        """Tell which ICRS positions (degrees) are inside."""
        sky = SkyCoord(ra, dec, unit="deg", frame="icrs")
        inside = np.zeros(np.shape(ra), dtype=bool)
        for name, field in zip(self.stack.names, self.stack.fields, strict=True):
            image = next(iter(field.exposure.values()))
            x, y = skycoord_to_pixel(sky, image.grid.wcs, origin=0)
            column, row = np.rint(x).astype(int), np.rint(y).astype(int)
            ny, nx = image.grid.shape
            there = (column >= 0) & (column < nx) & (row >= 0) & (row < ny)
            there[there] = image.data[row[there], column[there]] > 0
            if name in self.regions:
                there &= self.regions[name].contains(*image.grid.to_sky_pixels(x, y))
            inside |= there
        return inside
