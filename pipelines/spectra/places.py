"""Where the spectra of a stack lie: names of tasks, folders and files."""

from __future__ import annotations

import hashlib
import re
from pathlib import PurePosixPath

_SHARD = 100
"""Sources in a folder: many entries make folders slow, on shared disks above all."""


def extraction_target(stack: str, observation: str) -> str:
    """Return the target of the extraction from one observation of a stack.

    Examples
    --------
    >>> extraction_target("acis_754", "acis_754"), extraction_target("field", "acis_754")
    ('acis_754', 'field/acis_754')
    """
    return observation if stack == observation else f"{stack}/{observation}"


def observation_of(target: str, stack: str) -> str:
    """Return the observation of which a task extracts spectra, from its target."""
    return target if target == stack else target.removeprefix(f"{stack}/")


def source_name(number: int) -> str:
    """Return the name of a source's spectrum, from its number in the stack.

    Examples
    --------
    >>> source_name(8)
    'source_0008'
    """
    return f"source_{number:04d}"


def spectrum_folder(name: str, number: int = 0) -> PurePosixPath:
    """Return where the files of a region or source lie, below the folder of their stack.

    Parameters
    ----------
    name : str
    number : int
        Of a source in its stack, from 1; 0 for regions.

    Examples
    --------
    >>> str(spectrum_folder("source_0108", 108)), str(spectrum_folder("nebula"))
    ('sources_0100/source_0108', 'nebula')
    """
    if not number:
        return PurePosixPath(name)
    return PurePosixPath(f"sources_{number // _SHARD * _SHARD:04d}") / name


def spectrum_stem(name: str, stack: str, observation: str) -> str:
    """Return the name of a spectrum's files, without their endings.

    Those of several observations of a stack are told by the observation's name.

    Examples
    --------
    >>> spectrum_stem("nebula", "field", "acis_754"), spectrum_stem("nebula", "field", "field")
    ('nebula_acis_754', 'nebula')
    """
    return name if observation == stack else f"{name}_{folder_name(observation)}"


def folder_name(target: str) -> str:
    """Return the name of a target's folder, a hash in it where the target is no plain name.

    Examples
    --------
    >>> folder_name("acis_754"), folder_name("../a b")
    ('acis_754', 'a_b-2a8ed1')
    """
    plain = re.sub(r"[^A-Za-z0-9._+-]+", "_", target).strip("._-")
    if plain == target and len(plain) <= 100:
        return plain
    return f"{plain[:80] or 'target'}-{hashlib.sha256(target.encode()).hexdigest()[:6]}"
