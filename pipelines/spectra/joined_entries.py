"""What the observations of a stack say of one region or source, put together."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from xsurvey.pipelines.spectra.extraction_stage import EXTRACTED, FAILED, INDEX
from xsurvey.pipelines.spectra.targets import PILED_UP


class Extracted(NamedTuple):
    """The line of an index, with the observation and the folder that it is of."""

    observation: str
    folder: Path
    entry: Mapping[str, Any]

    @property
    def path(self) -> Path:
        """The spectrum."""
        return self.folder / self.entry["folder"] / self.entry["spectrum"]


class JoinedEntry(NamedTuple):
    """What is known of a region or source of a stack before it is fitted.

    Attributes
    ----------
    line : dict
        See `joined_entry`.
    paths : list of path
        The spectra to fit together.
    """

    line: dict[str, Any]
    paths: list[Path]


def read_entries(folders: Sequence[Path], missing: Mapping[str, str]) -> list[JoinedEntry]:
    """Return all regions and sources of a stack, in the order in which they are listed.

    Parameters
    ----------
    folders : sequence of path
        What the stage ``spectra`` made of each observation.
    missing : mapping of str to str
        Observations of which nothing is there, and why.
    """
    indices = [(folder, json.loads((folder / INDEX).read_text())) for folder in folders]
    several = len(indices) + len(missing) > 1
    return [JoinedEntry(*joined_entry(own, missing, several)) for own in by_name(indices)]


def by_name(indices: Iterable[tuple[Path, Mapping[str, Any]]]) -> list[list[Extracted]]:
    """Return the lines of each region and source: regions first, then sources by number.

    Parameters
    ----------
    indices : iterable of (path, mapping)
        Folder and index of each observation's extraction.
    """
    found: dict[str, list[Extracted]] = {}
    for folder, index in indices:
        for entry in index["spectra"]:
            one = Extracted(index["observation"], folder, entry)
            found.setdefault(entry["name"], []).append(one)
    return sorted(found.values(), key=lambda own: int(own[0].entry["number"]))


def joined_entry(
    found: Sequence[Extracted], missing: Mapping[str, str], several: bool
) -> tuple[dict[str, Any], list[Path]]:
    """Return what is known of a region or source, and the spectra to fit together.

    Parameters
    ----------
    found : sequence of Extracted
        One an observation that sees it.
    missing : mapping of str to str
        Observations of which nothing is there, and why.
    several : bool
        Whether the stack has several observations: what is said is then said of which.
    """
    used = [one for one in found if one.entry["status"] == EXTRACTED]
    joined = dict((used or found)[0].entry)
    del joined["spectrum"]
    if several:
        joined |= _summed(used) if used else {"status": _status(found), "cause": _causes(found)}
        joined["observations"] = [
            {"observation": one.observation, **{k: v for k, v in one.entry.items() if k in _OWN}}
            for one in found
        ]
    else:
        joined["observations"] = [{"observation": one.observation} for one in found]
    if used:
        left_out = [o for o in found if o not in used]
        joined["notes"] = [
            *joined["notes"],
            *(f"{one.observation} is left out: {one.entry['cause']}" for one in left_out),
            *(f"{target} is left out: {cause}" for target, cause in missing.items()),
        ]
    return joined, [one.path for one in used]


_OWN = (
    "status", "cause", "counts", "net_counts", "exposure_s", "exposed_area_deg2", "stamps",
    "background", "responses", "approximate_responses", "spectrum",
)  # fmt: skip


def _summed(used: Sequence[Extracted]) -> dict[str, Any]:
    entries = [one.entry for one in used]
    net = [entry["net_counts"] for entry in entries if entry["net_counts"] is not None]
    exposure = sum(entry["exposure_s"] for entry in entries)
    area = sum(entry["exposure_s"] * entry["exposed_area_deg2"] for entry in entries)
    return {
        "counts": sum(entry["counts"] for entry in entries),
        "net_counts": sum(net) if net else None,
        "exposure_s": exposure, "exposed_area_deg2": area / exposure,
        "notes": list(dict.fromkeys(
            f"{one.observation}: {note}" for one in used for note in one.entry["notes"]
        )),
        "responses": {
            f"{kind} {one.observation}": line
            for one in used for kind, line in one.entry["responses"].items()
        },
        "approximate_responses": any(entry["approximate_responses"] for entry in entries),
        # of each observation its own
        "stamps": {}, "background": None,
    }  # fmt: skip


def _status(found: Sequence[Extracted]) -> str:
    states = {one.entry["status"] for one in found}
    return PILED_UP if states == {PILED_UP} else FAILED


def _causes(found: Sequence[Extracted]) -> str:
    return "; ".join(f"{one.observation}: {one.entry['cause']}" for one in found)
