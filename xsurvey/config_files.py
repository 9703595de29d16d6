"""Files that a config names: found here or beside the config, or told of."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xsurvey.errors import InputError, ParameterError, nearest

if TYPE_CHECKING:
    from xsurvey.config import Config

DATA_PREFIX = "data:"
"""What an input starts with that names an installed dataset instead of a file."""

EVENTS, NAME = "events", "name"


@dataclass(frozen=True)
class InputEntry:
    """One thing to analyse: its event files, and what else belongs to them.

    Attributes
    ----------
    files : mapping of str to tuple of path
        By kind: ``events``, and what the pipeline knows beside, such as ``exposure``. A path
        that starts with ``data:`` names a dataset.
    name : str or None
        The target's name if the user gave one.
    """

    files: Mapping[str, tuple[Path, ...]]
    name: str | None = None

    @property
    def events(self) -> tuple[Path, ...]:
        """The event files."""
        return self.files[EVENTS]


@dataclass(frozen=True)
class InputFinder:
    """Turns what stands under ``inputs`` into files that exist."""

    file: Path
    kinds: Collection[str] | None
    resolve_data: Callable[[str], Iterable[Path]] | None

    def entries(self, value: Any) -> tuple[InputEntry, ...]:
        """Return what stands there, each file once.

        Raises
        ------
        InputError
            A file does not exist.
        ParameterError
            Something else than files and mappings of them stands there.
        """
        items = value if isinstance(value, list) else [value]
        if value is None or not items:
            raise ParameterError(
                f"{self.file}: inputs", "is required", "list event files, or globs of them"
            )
        found: list[InputEntry] = []
        seen: set[str] = set()
        for i, item in enumerate(items):
            subject = f"{self.file}: inputs.{i}"
            if isinstance(item, dict):
                found.append(self._described(item, subject))
                continue
            # the same file may match more than one glob
            for path in self._paths(item, subject):
                if os.path.realpath(path) not in seen:
                    seen.add(os.path.realpath(path))
                    found.append(InputEntry({EVENTS: (path,)}))
        return tuple(found)

    def _described(self, item: dict[str, Any], subject: str) -> InputEntry:
        if EVENTS not in item:
            raise ParameterError(f"{subject}.{EVENTS}", "is required", "give the event file")
        name = item.get(NAME)
        if name is not None and (not isinstance(name, str) or not name.strip()):
            raise ParameterError(f"{subject}.{NAME}", f"is not a name but {name!r}", "quote it")
        if name is not None and not (name.isascii() and name.isprintable()):
            raise ParameterError(
                f"{subject}.{NAME}", f"'{name}' is not printable ASCII, and FITS tables hold no "
                "other text", "write it in letters without accents, digits and punctuation",
            )  # fmt: skip
        files: dict[str, tuple[Path, ...]] = {}
        for kind, value in item.items():
            if kind == NAME:
                continue
            known = [EVENTS, NAME, *(self.kinds or ())]
            if self.kinds is not None and kind not in known:
                raise ParameterError(f"{subject}.{kind}", "unknown key", nearest(kind, known))
            several = value if isinstance(value, list) and value else [value]
            files[kind] = tuple(p for v in several for p in self._paths(v, f"{subject}.{kind}"))
        return InputEntry(files, name)

    def _paths(self, value: Any, subject: str) -> list[Path]:
        if not isinstance(value, str):
            raise ParameterError(subject, f"is not a path but {value!r}", "give the path of a file")
        text = checked_path(value, subject)
        if text.startswith(DATA_PREFIX):
            if self.resolve_data is None:
                return [Path(text)]
            return list(self.resolve_data(text.removeprefix(DATA_PREFIX)))
        wanted = Path(os.path.expanduser(text))
        for folder in (Path(), self.file.parent):
            found = _existing(folder, wanted)
            if found:
                return found
        raise _absent(wanted, subject, self.file, several=True)


def _existing(folder: Path, wanted: Path) -> list[Path]:
    """Return the file, or those that match when there is none of that very name."""
    if (folder / wanted).is_file():
        return [folder / wanted]
    pattern = str(wanted)
    if not glob.has_magic(pattern):
        return []
    matches = glob.glob(pattern, root_dir=folder, recursive=True)
    return sorted(folder / match for match in matches if (folder / match).is_file())


def find_file(config: Config, key: str, text: str) -> Path:
    """Return a file, from the working directory or from the folder of the config.

    Parameters
    ----------
    config : Config
    key : str
        The dotted path of the key that names it, for complaints.
    text : str
        Its path as the config has it.

    Raises
    ------
    InputError
        It is in neither.
    ParameterError
        The text is no path.
    """
    subject = f"{config.path}: {key}"
    wanted = Path(os.path.expanduser(checked_path(text, subject)))
    for folder in (Path(), config.path.parent):
        if (folder / wanted).is_file():
            return folder / wanted
    raise _absent(wanted, subject, config.path, several=False)


def checked_path(text: str, subject: str) -> str:
    """Return what can be a path.

    Raises
    ------
    ParameterError
        It cannot.
    """
    if not text or "\0" in text:
        raise ParameterError(subject, f"{text!r} is not a path", "give the path of a file")
    return text


def _absent(wanted: Path, subject: str, file: Path, *, several: bool) -> InputError:
    if wanted.is_dir():
        instead = f"name files: {wanted}/*.fits" if several else "name a file"
        return InputError(subject, f"{wanted} is a folder", instead)
    where = "" if wanted.is_absolute() else " here, nor in the folder of the config"
    # configs of examples say on top what makes their inputs
    made = f"or make the files: the head of {file.name} may say how"
    if several and glob.has_magic(str(wanted)):
        return InputError(
            subject, f"no file matches {wanted}{where}", f"correct the pattern, {made}"
        )
    return InputError(subject, f"{wanted} does not exist{where}", f"correct the path, {made}")
