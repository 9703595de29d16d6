"""The files that a spectrum names: background, effective area, redistribution matrix."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from xsurvey.errors import InputError
from xsurvey.io.ogip.pha import split_selection
from xsurvey.io.ogip.types import PhaSpectrum

CompanionKey = Literal["BACKFILE", "ANCRFILE", "RESPFILE"]

_WHAT = {
    "BACKFILE": ("background", "give it with --background, or --background none"),
    "ANCRFILE": ("effective area", "give it with --arf"),
    "RESPFILE": ("redistribution matrix", "give it with --rmf"),
}


def companion_file(spectrum: PhaSpectrum, key: CompanionKey) -> Path | None:
    """Find the file that a spectrum names.

    It is looked up beside the spectrum, by the whole path that is named and then by its last part
    (paths of the machine where it was made lead nowhere elsewhere), each also with ``.gz`` added or
    taken away. ``none``, a blank and ``%match%`` name no file.

    Returns
    -------
    path or None
        None where the spectrum names none. The row that a name selects (``b.pha{2}``) stays.

    Raises
    ------
    InputError
        The file that is named is not there.
    """
    names = {
        "BACKFILE": spectrum.background_file, "ANCRFILE": spectrum.ancillary_file,
        "RESPFILE": spectrum.response_file,
    }  # fmt: skip
    named = names[key]
    if named is None:
        return None
    wanted, row = split_selection(named)
    # a name may choose an extension, as in a.rmf[MATRIX]: there is one that fits in a file
    wanted = Path(str(wanted).partition("[")[0].strip())
    folder = spectrum.path.parent
    for place in (folder / wanted, folder / wanted.name):
        for file in (place, Path(f"{place}.gz"), place.with_suffix("")):
            if file.is_file() and (file != place.with_suffix("") or place.suffix in {"", ".gz"}):
                return file if row is None else Path(f"{file}{{{row}}}")
    what, remedy = _WHAT[key]
    raise InputError(
        spectrum.path, f"names the {what} '{named}' ({key}), which is not beside it", remedy
    )


def other_detector(header: Mapping[str, Any], path: Path, other: Mapping[str, Any]) -> str | None:
    """Tell of a companion of another telescope or instrument, by TELESCOP and INSTRUME.

    Parameters
    ----------
    header : mapping
        Of the spectrum.
    path, other : path, mapping
        Of the companion and its header.

    Returns
    -------
    str or None
        None where they agree, or one of them does not say.
    """
    for key in ("TELESCOP", "INSTRUME"):
        own, its = (str(h.get(key) or "").strip() for h in (header, other))
        if {own.lower(), its.lower()} & {"", "none", "unknown"}:
            continue
        if own.lower() != its.lower():
            return f"{path.name} is of {its}, the spectrum of {own}: it may be the wrong file"
    return None
