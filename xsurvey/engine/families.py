"""Families: a stage done for the parts of a target, by members that are made one after the other.

A member's key is made of its family's and its elements. Those under way are all that is kept in
memory, and 32 bytes of each that is done. A member of several elements that failed is done
again element by element, so that one of them does not take the others along.
"""

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from xsurvey.engine.parts import read_parts
from xsurvey.engine.plan import Task, TaskId
from xsurvey.engine.store import Store

MEMBERS_FILE = "members.txt"
"""Of a family's result: the keys of its members, in the order of their elements."""

_LABEL_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Member:
    """Some elements of a family.

    Attributes
    ----------
    key : str
        Of its result.
    elements : tuple of str
    place : tuple of int
        Where it stands among the members: number of the part, and of the element where the part
        was split.
    """

    key: str
    elements: tuple[str, ...]
    place: tuple[int, int]


@dataclass
class _Split:
    """A part whose elements are done one by one: how many are left, were done, and failed."""

    key: str
    left: int
    done: int = 0
    failed: int = 0


@dataclass
class OpenFamily:
    """A family whose members are being done.

    Parameters
    ----------
    task : Task
        With ``over``.
    key : str
        Of the family.
    parts_file : path
        What the task that divides wrote.
    inputs, missing : mapping
        As those of a task's key.
    seed : int
        Of the run.
    store : Store
        Where split parts are remembered.

    Attributes
    ----------
    size : int
        Number of members, as far as is known: of parts, or elements of those that were split.
    seconds : float
        Work of the members that are done.
    elements : int
        Of the parts that were looked at.
    worked : bool
        Whether a member was done in this run.
    in_line : bool
        Whether the runner will ask for members by itself.
    failures : dict of str to str
        Elements that failed, and why.
    """

    task: Task
    key: str
    parts_file: Path
    inputs: Mapping[str, Any]
    missing: Mapping[str, str]
    seed: int
    store: Store
    size: int = 0
    seconds: float = 0.0
    elements: int = 0
    worked: bool = False
    in_line: bool = True
    failures: dict[str, str] = field(default_factory=dict)
    _under_way: int = 0
    _number: int = 0
    _split: deque[Member] = field(default_factory=deque)
    _splits: dict[int, _Split] = field(default_factory=dict)
    _done: list[tuple[tuple[int, int], bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        with self.parts_file.open("rb") as stream:
            self.size = sum(1 for _ in stream)
        self._parts: Iterator[tuple[str, ...]] = read_parts(self.parts_file)

    def next_member(self) -> Member | None:
        """Return a member to look at, or None where there are no more to begin."""
        if not self._split:
            elements = next(self._parts, None)
            if elements is None:
                return None
            self.elements += len(elements)
            member = Member(member_key(self.key, elements), elements, (self._number, 0))
            self._number += 1
            if len(elements) == 1 or not self.store.is_split(member.key):
                self._under_way += 1
                return member
            self._singles(member)
        self._under_way += 1
        return self._split.popleft()

    @property
    def left(self) -> int:
        """How many members are not done yet, those under way among them."""
        return self.size - len(self._done) - len(self.failures)

    @property
    def ended(self) -> bool:
        """Whether no member is under way; with none left to begin, the family is done."""
        return self._under_way == 0 and not self._split

    def label(self, member: Member) -> TaskId:
        """Return what a member is called in logs."""
        first, *others = member.elements
        more = f" and {len(others)} more" if others else ""
        name = first if len(first) <= _LABEL_LENGTH else f"{first[:_LABEL_LENGTH]}..."
        return TaskId(self.task.stage.name, f"{self.task.target}: {name}{more}")

    def member_done(self, member: Member, seconds: float) -> None:
        """Note that a member's results are there."""
        self._under_way -= 1
        self.seconds += seconds
        self._done.append((member.place, bytes.fromhex(member.key)))
        self._note_single(member, "done")

    def member_failed(self, member: Member, cause: str) -> bool:
        """Note that a member failed; return whether its elements are tried one by one."""
        self._under_way -= 1
        if len(member.elements) == 1:
            self.failures[member.elements[0]] = cause
            self._note_single(member, "failed")
            return False
        self._splits[member.place[0]] = _Split(member.key, len(member.elements))
        self._singles(member)
        return True

    def members(self) -> list[str]:
        """Return the keys of the members that are done, in the order of their elements."""
        return [key.hex() for _, key in sorted(self._done)]

    def record(self) -> dict[str, Any]:
        """Return how many members and elements there were, and how many of these failed."""
        return {
            "members": len(self._done), "elements": self.elements, "failed": len(self.failures),
        }  # fmt: skip

    def provenance(self, member: Member) -> dict[str, Any]:
        """Return what the manifest of a member tells: its family, whose own has the rest."""
        task = self.task
        family = {"stage": task.stage.name, "target": task.target, "task": self.key, "output": ""}
        return {
            "stage": task.stage.name, "version": task.stage.version, "target": task.target,
            "seed": self.seed, "elements": list(member.elements), "inputs": {"family": family},
            "parameters": {}, "uses": {}, "missing": {},
        }  # fmt: skip

    def _note_single(self, member: Member, fate: Literal["done", "failed"]) -> None:
        """Remember for later runs that a part is to be done one by one, where that is of use.

        What fails all its elements, such as a full disk, is not theirs.
        """
        split = self._splits.get(member.place[0])
        if split is None:
            return
        split.left -= 1
        setattr(split, fate, getattr(split, fate) + 1)
        if not split.left:
            del self._splits[member.place[0]]
            if split.done and split.failed:
                self.store.mark_split(split.key)

    def _singles(self, member: Member) -> None:
        number, _ = member.place
        self.size += len(member.elements) - 1
        for i, element in enumerate(member.elements):
            self._split.append(Member(member_key(self.key, (element,)), (element,), (number, i)))


def write_members(path: Path, keys: Sequence[str]) -> None:
    """Write the keys of a family's members."""
    path.write_text("".join(f"{key}\n" for key in keys))


def member_paths(keys: Sequence[str], folder: Callable[[str], Path], output: str) -> list[Path]:
    """Return where an output of each member is."""
    return [folder(key) / output for key in keys]


def read_members(folder: Path) -> list[str]:
    """Return the keys of the members of a family whose result is in a folder."""
    return (folder / MEMBERS_FILE).read_text().split()


def member_key(family: str, elements: Sequence[str]) -> str:
    """Return the key of the member of a family that does some of its elements."""
    return hashlib.sha256(f"{family}\n{json.dumps(list(elements))}".encode()).hexdigest()
