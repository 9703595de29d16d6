"""Which input files make one observation: detector units with a file each belong together."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from xsurvey.config import Config
from xsurvey.config_files import InputEntry
from xsurvey.errors import InputError, ParameterError, plain_ascii
from xsurvey.imaging.stack_footprints import Footprint
from xsurvey.missions import Mission
from xsurvey.pipelines.known_inputs import KnownInputs, known_inputs


@dataclass(frozen=True)
class ObservationInput:
    """One observation that a pipeline analyses.

    Attributes
    ----------
    name : str
        In ASCII.
    events : tuple of path
        Its event files.
    others : mapping of str to path
        What else the config gives for it: exposure map, region, ...
    mission : Mission or None
        None where the file cannot be read; the task that does will complain.
    """

    name: str
    events: tuple[Path, ...]
    others: Mapping[str, Path]
    mission: Mission | None

    def only(self, *kinds: str) -> dict[str, Path]:
        """Return the files of some kinds, as far as they are given."""
        return {kind: self.others[kind] for kind in kinds if kind in self.others}


def observations(config: Config) -> list[ObservationInput]:
    """Return the observations among the inputs of a config, in their order.

    Files of detector units are joined by mission and observation, whether they stand in one
    entry or in several; every other file is an observation of its own.

    Raises
    ------
    ParameterError
        One exposure map or region is given for several observations, or a name for units of
        different ones.
    """
    found: list[_Group] = []
    units: dict[str, list[_Group]] = {}
    known_inputs(config.output).looks([path for entry in config.inputs for path in entry.events])
    for number, entry in enumerate(config.inputs):
        groups = _groups(entry, known_inputs(config.output))
        if len(groups) > 1 and (groups[0].others or entry.name):
            names = ", ".join(group.name for group in groups[:3])
            raise ParameterError(
                f"{config.path}: inputs.{number}",
                f"gives {len(groups)} observations one {next(iter(groups[0].others), 'name')} "
                f"({names}{', ...' if len(groups) > 3 else ''})",
                "write one entry for each observation",
            )  # fmt: skip
        for group in groups:
            same = units.setdefault(group.units_of, []) if group.units_of is not None else []
            known = next((g for g in same if group.belongs_to(g)), None)
            if known is None:
                found.append(group)
                same.append(group)
            else:
                known.events += group.events
    return [ObservationInput(g.name, tuple(g.events), g.others, g.mission) for g in found]


def check_names(found: Sequence[ObservationInput]) -> None:
    """Raise where two observations have one name.

    Raises
    ------
    InputError
        Their targets could not be told apart.
    """
    names = Counter(observation.name for observation in found)
    twice = next((name for name, times in names.items() if times > 1), None)
    if twice is not None:
        raise InputError(
            twice, "is the name of two inputs",
            "give each input once, and inputs of the same name different names",
        )  # fmt: skip


@dataclass
class _Group:
    """Files of one entry that belong together; ``units_of`` only where each is a unit."""

    name: str
    events: list[Path]
    mission: Mission | None
    units_of: str | None
    others: Mapping[str, Path]
    named: bool = False

    def belongs_to(self, other: "_Group") -> bool:
        """Tell whether both are units of one observation, and nothing more was said of either."""
        plain = not (self.named or self.others or other.named or other.others)
        return plain and self.units_of is not None and self.units_of == other.units_of


def _groups(entry: InputEntry, known: KnownInputs) -> list[_Group]:
    others = {kind: paths[0] for kind, paths in entry.files.items() if kind != "events"}
    groups: list[_Group] = []
    units: dict[str, _Group] = {}
    for path, look in zip(entry.events, known.looks(entry.events), strict=True):
        mission, units_of = look.mission, look.units_of
        stem = path.name.removesuffix(".gz").removesuffix(".fits")
        name = entry.name or plain_ascii(units_of.partition(" ")[2] if units_of else stem)
        new = _Group(name, [path], mission, units_of, others, entry.name is not None)
        same = units.setdefault(units_of, new) if units_of is not None else new
        if same is new:
            groups.append(new)
        else:
            same.events.append(path)
    return groups


def footprints_of(config: Config, found: Sequence[ObservationInput]) -> list[Footprint | None]:
    """Return the outlines of observations on the sky, None where there is none."""
    known = known_inputs(config.output)
    return [
        known.outline(one.events, "exposure" in one.others) if one.mission is not None else None
        for one in found
    ]  # fmt: skip
