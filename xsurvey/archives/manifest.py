"""What lies in an observation's folder and where it came from: ``fetched.json``."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from xsurvey.archives.download import FileRecord
from xsurvey.archives.integrity import sha256_of
from xsurvey.archives.listing import safe_name
from xsurvey.errors import InputError
from xsurvey.io.atomic import atomic_output

MANIFEST_NAME = "fetched.json"
_FORMAT = 1


@dataclass
class Manifest:
    """The files of one observation.

    Attributes
    ----------
    folder : Path
        The observation's.
    what : str
        ``MISSION:ID``.
    products : set of str
        Kinds that were fetched as far as the archive has them.
    files : dict
        Records by path below the folder.
    kinds : dict
        The product of each file.
    """

    folder: Path
    what: str
    products: set[str] = field(default_factory=set)
    files: dict[str, FileRecord] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path, what: str) -> Manifest:
        """Return a folder's manifest, an empty one if it has none.

        Raises
        ------
        InputError
            It is not one of ours, or of another observation.
        """
        path = folder / MANIFEST_NAME
        try:
            values: Any = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return cls(folder, what)
        except (OSError, ValueError) as error:
            raise _unusable(path, f"cannot be read ({error})") from None
        try:
            if values["format"] != _FORMAT:
                raise _unusable(path, f"has format {values['format']}, not {_FORMAT}")
            if values["observation"] != what:
                raise _unusable(path, f"is of {values['observation']}, not of {what}")
            manifest = cls(folder, what, {str(p) for p in values["products"]})
            for name, entry in values["files"].items():
                _check_path(path, name)
                manifest.kinds[name] = str(entry.pop("product"))
                manifest.files[name] = _record(entry)
        except (KeyError, TypeError, AttributeError) as error:
            raise _unusable(path, f"is not a manifest ({type(error).__name__})") from None
        return manifest

    def write(self) -> None:
        """Write it, whole or not at all.

        Raises
        ------
        OutputError
            The folder cannot be written.
        """
        values = {
            "format": _FORMAT, "observation": self.what, "products": sorted(self.products),
            "files": {
                name: {"product": self.kinds[name], **self.files[name].as_json()}
                for name in sorted(self.files)
            },
        }  # fmt: skip
        with atomic_output(self.folder / MANIFEST_NAME) as temporary:
            temporary.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")

    def is_good(self, name: str) -> bool:
        """Tell whether a file is there as it was fetched."""
        record, path = self.files.get(name), self.folder / name
        return (
            record is not None
            and path.is_file()
            and path.stat().st_size == record.size
            and sha256_of(path) == record.sha256
        )


def _record(entry: dict[str, Any]) -> FileRecord:
    record = FileRecord(**entry)
    if not (isinstance(record.size, int) and isinstance(record.sha256, str)):
        raise TypeError
    return record


def _check_path(path: Path, name: str) -> None:
    if not all(safe_name(part) for part in PurePosixPath(name).parts) or not name:
        raise _unusable(path, f"names a file outside its folder ('{name}')")


def _unusable(path: Path, cause: str) -> InputError:
    return InputError(path, cause, "move it away and fetch again")
