"""Which observations of a config are searched together: stacks, and tiles of large surveys.

All of it is known before anything is made, from headers and one look at the events.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from xsurvey.attitude import separations, unit_vectors
from xsurvey.config import Config
from xsurvey.errors import InputError
from xsurvey.imaging.parameters import ImageParameters
from xsurvey.imaging.stack_footprints import Footprint, connected, near_pairs
from xsurvey.imaging.stack_parameters import SharedSky, StackGeometry, StackParameters
from xsurvey.imaging.stack_tiles import mean_position, tiles_of
from xsurvey.pipelines.observations import ObservationInput, footprints_of
from xsurvey.units import SkyPosition

logger = logging.getLogger(__name__)

GIVEN = {"backgrounds": "background", "regions": "region", "arfs": "arf", "rmfs": "rmf"}
"""Inputs of tasks of stacks with files of single observations: kind of each file."""

_SAME_CENTRE = 1 / 60  # arcmin


@dataclass(frozen=True)
class StackInput:
    """One target of the stages after the images.

    Attributes
    ----------
    name : str
        Of the observation where it is alone.
    observations : tuple of ObservationInput
    geometry : StackGeometry
        Parameters of its tasks.
    group : str
        Name that it shares with the other tiles of the same observations.
    """

    name: str
    observations: tuple[ObservationInput, ...]
    geometry: StackGeometry
    group: str

    def given(self, *inputs: str) -> dict[str, list[Path]]:
        """Return the files that are given for single observations, for inputs of `GIVEN`."""
        files = {
            name: [o.others[GIVEN[name]] for o in self.observations if GIVEN[name] in o.others]
            for name in inputs
        }
        return {name: paths for name, paths in files.items() if paths}


@dataclass(frozen=True)
class StackPlan:
    """The stacks of a config, and what each observation, by name, shares with others."""

    stacks: tuple[StackInput, ...]
    shared: Mapping[str, SharedSky]


def stacks_of(config: Config, found: Sequence[ObservationInput]) -> StackPlan:
    """Return the stacks that observations make.

    Observations of one mission whose fields overlap are a stack, directly or through others.
    One that cannot be read is a stack of its own: its tasks will complain.

    Raises
    ------
    InputError
        The same pointing, or the same survey file, is given twice.
    """
    stacking, imaging = config.sections["stacking"], config.sections["image"]
    assert isinstance(stacking, StackParameters)
    assert isinstance(imaging, ImageParameters)
    footprints = footprints_of(config, found)
    shared = _shared_sky(found, footprints)
    stacks: list[StackInput] = []
    taken: set[str] = {observation.name for observation in found}
    for group in _groups(found, footprints, stacking.combine):
        members = [found[i] for i in group]
        outlines = [f for f in (footprints[i] for i in group) if f is not None]
        name = members[0].name if len(group) == 1 else _group_name(members, outlines, taken)
        taken.add(name)
        stacks += _tiles(name, members, outlines, stacking, imaging, shared)
    return StackPlan(tuple(stacks), shared)


def _shared_sky(
    found: Sequence[ObservationInput], footprints: Sequence[Footprint | None]
) -> dict[str, SharedSky]:
    """Return what each observation shares with others: photons of theirs that it holds too."""
    others: dict[int, list[int]] = {i: [] for i in range(len(found))}
    known = [(i, f) for i, f in enumerate(footprints) if f is not None]
    for one, other in near_pairs([f for _, f in known]):
        (i, a), (j, b) = known[one], known[other]
        if found[i].mission is not found[j].mission:
            continue
        if not (a.shares_photons(b) and a.overlaps(b)):
            continue
        apart = separations(unit_vectors(*a.centre), unit_vectors(*b.centre))
        if not (a.scanning and b.scanning) or apart < _SAME_CENTRE:
            raise InputError(
                found[j].events[0], f"holds the same photons as {found[i].events[0]}",
                "give each observation once",
            )  # fmt: skip
        logger.info(
            "%s and %s hold the same photons where they overlap: each place is taken from the "
            "file whose centre is nearer", found[i].name, found[j].name,
        )  # fmt: skip
        others[i].append(j)
        others[j].append(i)
    shared = {}
    for i, observation in enumerate(found):
        centres = [_rounded(f.centre) for f in (footprints[j] for j in others[i]) if f]
        own = footprints[i]
        shared[observation.name] = (
            SharedSky(centre=_rounded(own.centre), others=tuple(sorted(centres)))
            if centres and own else SharedSky()
        )  # fmt: skip
    return shared


def _rounded(position: SkyPosition) -> tuple[float, float]:
    return round(position.ra, 9), round(position.dec, 9)


def _groups(
    found: Sequence[ObservationInput], footprints: Sequence[Footprint | None], combine: bool
) -> list[list[int]]:
    """Return the indices of the observations of each stack, in the order of the first ones."""
    alone = [[i] for i, f in enumerate(footprints) if f is None or not combine]
    groups = list(alone)
    by_mission: dict[str, list[int]] = {}
    for i, (observation, footprint) in enumerate(zip(found, footprints, strict=True)):
        if footprint is not None and observation.mission is not None and combine:
            by_mission.setdefault(observation.mission.name, []).append(i)
    for indices in by_mission.values():
        outlines = [f for f in (footprints[i] for i in indices) if f is not None]
        groups += [[indices[i] for i in group] for group in connected(outlines)]
    return sorted(groups)


def _group_name(
    members: Sequence[ObservationInput], outlines: Sequence[Footprint], taken: set[str]
) -> str:
    """Return mission and place: ``chandra_J1513-5908``, with a letter where that is taken."""
    mission = members[0].mission
    assert mission is not None
    place = mean_position([f.centre for f in outlines])
    minutes = int(place.ra * 4)  # truncated, as designations are
    angle = int(abs(place.dec) * 60)
    name = (
        f"{mission.name}_J{minutes // 60:02d}{minutes % 60:02d}"
        f"{'-' if place.dec < 0 else '+'}{angle // 60:02d}{angle % 60:02d}"
    )
    letters = ("", *(chr(code) for code in range(ord("b"), ord("z") + 1)))
    free = (name + letter for letter in letters if name + letter not in taken)
    return next(free, f"{name}_{members[0].name}")


def _tiles(
    name: str, members: Sequence[ObservationInput], outlines: Sequence[Footprint],
    stacking: StackParameters, imaging: ImageParameters, shared: Mapping[str, SharedSky],
) -> list[StackInput]:  # fmt: skip
    if len(members) == 1 and not (outlines and outlines[0].scanning):
        return [_stack(name, name, members, StackGeometry(), shared)]
    pixel_size = imaging.pixel_size or min(f.pixel_size for f in outlines)
    tiles = tiles_of(outlines, pixel_size, stacking)
    if len(tiles) == 1 and len(members) == 1:
        return [_stack(name, name, members, StackGeometry(), shared)]
    digits = max(2, len(str(len(tiles))))
    stacks = []
    for number, (tile, reaching) in enumerate(tiles, start=1):
        chosen = [members[i] for i in reaching]
        geometry = StackGeometry(tile=tile, several=len(chosen) > 1)
        one = name if len(tiles) == 1 else f"{name}_t{number:0{digits}d}"
        stacks.append(_stack(one, name, chosen, geometry, shared))
    return stacks


def _stack(
    name: str, group: str, members: Sequence[ObservationInput], geometry: StackGeometry,
    shared: Mapping[str, SharedSky],
) -> StackInput:  # fmt: skip
    complete = geometry.model_copy(update={
        "observations": tuple(m.name for m in members),
        "files": tuple(len(m.events) for m in members),
        "shared": tuple(shared[m.name] for m in members),
        **{
            several: tuple(m.name for m in members if kind in m.others)
            for several, kind in GIVEN.items()
        },
    })  # fmt: skip
    return StackInput(name, tuple(members), complete, group)
