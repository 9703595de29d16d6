"""Responses of IXPE's units in the pseudo-CALDB that ixpeobssim ships.

The package is found without importing it, which would make folders in the user's home.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path

from xsurvey.errors import MissingDataError
from xsurvey.missions.responses import ResponseFiles

_FOLDER = "caldb/ixpe/gpd/cpf"
_NAME = re.compile(r"ixpe_d1_obssim(\d{8})_v013\.arf")

_NAMED = re.compile(r"obssim(\d{8})")


def package_folder(remedy: str) -> Path:
    """Return where ixpeobssim is installed.

    Raises
    ------
    MissingDataError
        It is not.
    """
    spec = importlib.util.find_spec("ixpeobssim")
    if spec is None or not spec.submodule_search_locations:
        raise MissingDataError("ixpeobssim", "is not installed", remedy)
    return Path(next(iter(spec.submodule_search_locations)))


def package_version() -> str:
    """Return the version of ixpeobssim, empty where it is not installed."""
    try:
        return importlib.metadata.version("ixpeobssim")
    except importlib.metadata.PackageNotFoundError:
        return ""


def response_files(units: Sequence[int], date: str, named: str = "") -> ResponseFiles:
    """Return the responses of units, for spectra of unweighted events.

    Parameters
    ----------
    units : sequence of int
    date : str
        ISO date of the observation: of the responses that begin to hold at several dates, the
        latest that is not after it, or the first.
    named : str
        Which responses a simulation was made with, as ixpeobssim writes it
        (``ixpe:obssim20240101:v13``): goes before the date.

    Raises
    ------
    MissingDataError
        ixpeobssim is not installed, or is without the responses.
    """
    remedy = "run `pip install ixpeobssim` (GPL-3), or give --arf and --rmf"
    folder = package_folder(remedy) / _FOLDER
    dates = sorted(
        match[1] for path in folder.glob("arf/*.arf") if (match := _NAME.fullmatch(path.name))
    )
    if not dates:
        raise MissingDataError("ixpeobssim", "has no responses (v013)", remedy)
    day = date[:10].replace("-", "")
    valid = max([one for one in dates if one <= day], default=dates[0])
    if match := _NAMED.search(named):
        valid = match[1]
        if valid not in dates:
            raise MissingDataError("ixpeobssim", f"has no responses {named}", remedy)
    names = [f"ixpe_d{unit}_obssim{valid}_v013" for unit in sorted(units)]
    # the units' matrices are the same to a few per cent of a line's width
    return ResponseFiles(
        tuple(folder / "arf" / f"{name}.arf" for name in names),
        folder / "rmf" / f"{names[0]}.rmf",
    )


def named_file(name: str) -> Path | None:
    """Return the response of a name in the pseudo-CALDB, None where it is not installed.

    Parameters
    ----------
    name : str
        Without folder: ``ixpe_d1_obssim20220702_v013.mrf``.
    """
    kind = Path(name).suffix.lstrip(".")
    try:
        file = package_folder("") / _FOLDER / kind / Path(name).name
    except MissingDataError:
        return None
    return file if kind and file.is_file() else None
