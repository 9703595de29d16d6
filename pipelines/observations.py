"""Which input files make one observation: detector units with a file each belong together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from xsurvey.config import Config, InputEntry
from xsurvey.errors import InputError, ParameterError, plain_ascii
from xsurvey.io.fits_file import open_fits
from xsurvey.missions import Mission, mission_of


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
    for number, entry in enumerate(config.inputs):
        groups = _groups(entry)
        if len(groups) > 1 and (groups[0].others or entry.name):
            names = ", ".join(group.name for group in groups[:3])
            raise ParameterError(
                f"{config.path}: inputs.{number}",
                f"gives {len(groups)} observations one {next(iter(groups[0].others), 'name')} "
                f"({names}{', ...' if len(groups) > 3 else ''})",
                "write one entry for each observation",
            )  # fmt: skip
        for group in groups:
            known = next((g for g in found if group.belongs_to(g)), None)
            if known is None:
                found.append(group)
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
    names = [observation.name for observation in found]
    twice = next((name for name in names if names.count(name) > 1), None)
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


def _groups(entry: InputEntry) -> list[_Group]:
    others = {kind: paths[0] for kind, paths in entry.files.items() if kind != "events"}
    groups: list[_Group] = []
    for path in entry.events:
        mission, units_of = _look(path)
        stem = path.name.removesuffix(".gz").removesuffix(".fits")
        name = entry.name or plain_ascii(units_of.partition(" ")[2] if units_of else stem)
        new = _Group(name, [path], mission, units_of, others, entry.name is not None)
        same = next((g for g in groups if units_of is not None and g.units_of == units_of), None)
        if same is None:
            groups.append(new)
        else:
            same.events.append(path)
    return groups


def _look(path: Path) -> tuple[Mission | None, str | None]:
    """Return the mission of a file, and for a unit mission and observation."""
    try:
        file = open_fits(path)
        mission = mission_of(file)
        if mission is None or not mission.units_have_files:
            return mission, None
        return mission, f"{mission.name} {mission.open(file).observation.obs_id}"
    except InputError:
        return None, None
