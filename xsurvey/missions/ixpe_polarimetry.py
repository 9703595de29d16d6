"""Modulation factors and effective areas of IXPE's units, by date, unit and weights.

Names are those of HEASARC's CALDB (``ixpe_d1_20170101_mfact_alpha075_01.fits``) or of the
pseudo-CALDB that ixpeobssim ships (``ixpe_d1_obssim20230101_alpha075_mfact_v013.fits``). There are
two flavours of weights, NEFF (``alpha075``) and SIMPLE (``alpha075simple``, of areas only).
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from xsurvey.errors import InputError, MissingDataError, ParameterError, printable
from xsurvey.io.fits_file import open_fits
from xsurvey.io.ogip.arf import read_arf
from xsurvey.missions.ixpe_responses import package_folder
from xsurvey.missions.polarimetry import Modulation, Weighting
from xsurvey.missions.responses import ChannelGrid

_FLAVOURS: dict[Weighting, tuple[str, str]] = {
    "none": ("", ""), "neff": ("alpha075", "alpha075"), "simple": ("alpha075simple", "alpha075"),
}  # fmt: skip
"""Names of weights, of areas and of modulation factors."""

_PLACES = ("", "cpf", "gpd/cpf", "ixpe/gpd/cpf", "data/ixpe/gpd/cpf")
_KINDS = {"arf": "effective area", "mfact": "modulation factor", "rmf": "redistribution matrix"}
_IRF = re.compile(r"ixpe:(?P<set>[a-z]*)(?P<date>\d{8})?(?P<tags>(_[a-z0-9]+)*):v?(?P<version>\d+)")
_REMEDY = "run `pip install ixpeobssim` (GPL-3), or give a CALDB folder (--irf)"
_PSEUDO_VERSION = 13  # whose sets begin to hold at several dates


@dataclass(frozen=True)
class ResponseFile:
    """A file of responses, by what its name says.

    Attributes
    ----------
    kind : {'arf', 'mfact', 'rmf'}
    unit : int
    family : str
        ``obssim`` in the pseudo-CALDB, empty in HEASARC's.
    start : str
        Day from which it holds, ``YYYYMMDD``; empty where the name has none.
    weights : str
        ``alpha075``, ``alpha075simple`` or empty.
    version : int
    """

    path: Path
    kind: str
    unit: int
    family: str
    start: str
    weights: str
    version: int


def response_file(path: Path) -> ResponseFile | None:
    """Return what the name of a file says, None where it is no area, factor or matrix.

    Areas with the grey filter are left out: no event file says that it was in.
    """
    tokens = path.name.removesuffix(".gz").lower().split(".")[0].split("_")
    unit = re.fullmatch(r"d([123])", tokens[1]) if len(tokens) > 3 else None
    version = re.fullmatch(r"v?(\d+)", tokens[-1])
    if tokens[0] != "ixpe" or unit is None or version is None or "gray" in tokens:
        return None
    kind = "mfact" if "mfact" in tokens else path.name.removesuffix(".gz").split(".")[-1]
    named = [m for m in (re.fullmatch(r"([a-z]*?)(\d{8})?", t) for t in tokens[2:-1]) if m]
    first = next((m for m in named if m[2] or m[1] == "obssim"), None)
    if kind not in _KINDS or first is None:
        return None
    weights = next((t for t in tokens if t.startswith("alpha")), "")
    return ResponseFile(
        path, kind, int(unit[1]), first[1], first[2] or "", weights, int(version[1])
    )


def files_in(folder: Path) -> list[ResponseFile]:
    """Return the responses in a CALDB, or in a folder that just holds them."""
    for place in _PLACES:
        parts = [folder / place / name for name in ("arf", "modfact", "rmf")]
        if all(part.is_dir() for part in parts[:2]):
            paths = [path for part in parts if part.is_dir() for path in sorted(part.iterdir())]
            break
    else:
        paths = sorted(folder.iterdir())
    return [found for path in paths if (found := response_file(path)) is not None]


@dataclass(frozen=True)
class _Choice:
    """Which set is taken, and why."""

    family: str
    start: str
    version: int | None
    reason: str
    warnings: tuple[str, ...] = ()


def find_modulation(
    units: Sequence[int], date: str, channels: ChannelGrid, weighting: Weighting = "none",
    irf: str | None = None, simulated: str = "",
) -> Modulation:  # fmt: skip
    """Return modulation factors and areas of units.

    Parameters
    ----------
    units : sequence of int
    date : str
        ISO date of the observation; empty if it is not known.
    channels : ChannelGrid
    weighting : {'none', 'neff', 'simple'}
    irf : str, optional
        Name as ixpeobssim writes it (``ixpe:obssim20230101:v13``), or a CALDB folder.
    simulated : str
        Such a name: of what a simulated file was made with. Goes before the date.

    Raises
    ------
    ParameterError
        ``irf`` is no name and no folder, or there are no such responses.
    InputError
        A file of responses is damaged, or the folder has none.
    MissingDataError
        ixpeobssim is not installed, and no folder is given.
    """
    chosen = choose_responses(date, weighting, irf, simulated)
    areas: list[np.ndarray] = []
    factors: list[np.ndarray] = []
    read: list[str] = []
    for unit in sorted(units):
        for kind, rows in (("arf", areas), ("mfact", factors)):
            path = chosen.path(kind, unit)
            rows.append(_on_channels(path, kind, channels))
            read.append(path.name)
    return Modulation(
        np.array(sorted(units)), (channels.low + channels.high) / 2, np.array(factors),
        np.array(areas), np.asarray(channels.numbers), chosen.name, weighting,
        chosen.choice.reason, tuple(read), chosen.choice.warnings,
    )  # fmt: skip


@dataclass(frozen=True)
class ChosenResponses:
    """A set of responses, with the files of it that are there."""

    files: Sequence[ResponseFile]
    choice: _Choice
    weighting: Weighting
    folder: Path
    where: str | Path

    @property
    def name(self) -> str:
        """Of the set."""
        return _name(self.choice, self.folder)

    def path(self, kind: str, unit: int) -> Path:
        """Return the file of a kind and a unit.

        Raises
        ------
        ParameterError
            There is none.
        """
        # matrices have the weights of modulation factors
        weights = _FLAVOURS[self.weighting][kind != "arf"]
        return _pick(self.files, self.choice, kind, unit, weights, self.where).path


def choose_responses(
    date: str, weighting: Weighting = "none", irf: str | None = None, simulated: str = ""
) -> ChosenResponses:
    """Choose a set of responses; parameters and errors are those of `find_modulation`."""
    folder, name = _source(irf)
    _check_tags(name, weighting)
    files = files_in(folder)
    decisive = [file for file in files if file.kind != "rmf"]
    if not decisive:
        raise InputError(
            folder, "holds no effective areas and modulation factors of IXPE",
            "give a CALDB folder, with ixpe_d1_*.arf and ixpe_d1_*mfact*.fits",
        )  # fmt: skip
    day = date[:10].replace("-", "")
    choice = _choose(decisive, day, name, simulated if irf is None else "", irf)
    if irf is not None and simulated and name != simulated:
        told = f"responses {irf} are asked for, but the file was simulated with {simulated}"
        choice = replace(choice, warnings=(*choice.warnings, told))
    return ChosenResponses(files, choice, weighting, folder, irf or folder)


def _source(irf: str | None) -> tuple[Path, str]:
    """Return the folder to look in and the name to look for, which may be empty."""
    if irf is None:
        try:
            return package_folder(_REMEDY) / "caldb", ""
        except MissingDataError:
            caldb = os.environ.get("CALDB", "")
            if caldb and any((Path(caldb) / p / "modfact").is_dir() for p in _PLACES):
                return Path(caldb), ""
            raise
    if irf.strip() and Path(irf).is_dir():
        return Path(irf), ""
    if not _IRF.fullmatch(irf.strip()):
        raise ParameterError(
            "irf", f"'{printable(irf)}' is neither a folder nor a set of responses",
            "write it as ixpe:obssim20230101:v13, or give a CALDB folder",
        )  # fmt: skip
    return package_folder(_REMEDY) / "caldb", irf.strip()


def _check_tags(name: str, weighting: Weighting) -> None:
    """Raise where a name asks for other weights than the analysis has, or for the grey filter."""
    found = _IRF.fullmatch(name)
    tags = found["tags"].strip("_").split("_") if found else []
    if "gray" in tags:
        raise ParameterError("irf", f"{name} is for the grey filter", "leave _gray out")
    if weighting == "none" and any(tag.startswith("alpha") for tag in tags):
        raise ParameterError(
            "irf", f"{name} is for weighted events, which these are not",
            "weight them, or leave _alpha075 out",
        )  # fmt: skip


def _choose(
    files: Sequence[ResponseFile], day: str, name: str, simulated: str, irf: str | None
) -> _Choice:
    wanted = _IRF.fullmatch(name or simulated)
    by_date = _by_date(files, day)
    if wanted is None:
        odd = (f"the file was simulated with '{printable(simulated)}', which is no name of "
               "responses: chosen by date",) if simulated else ()  # fmt: skip
        if not day:
            return _Choice(*by_date, "the first: the date of the observation is unknown", odd)
        when = f"{day[:4]}-{day[4:6]}-{day[6:]}"
        early = bool(by_date[1]) and by_date[1] > day
        if early:
            odd = (*odd, f"the observation, of {when}, is earlier than all responses: the first")
        return _Choice(*by_date, f"hold at the date of the observation, {when}", odd)
    start, version = wanted["date"] or "", int(wanted["version"])
    if not name:
        return _Choice(wanted["set"], start, version, f"the file was simulated with {simulated}")
    warnings: tuple[str, ...] = ()
    if start and day and start != by_date[1]:
        warnings = (
            f"responses {irf} are asked for, but at the date of the observation "
            f"({day[:4]}-{day[4:6]}-{day[6:]}) those of {by_date[1]} hold",
        )  # fmt: skip
    return _Choice(wanted["set"], start, version, "asked for", warnings)


def _by_date(files: Sequence[ResponseFile], day: str) -> tuple[str, str, int | None]:
    """Return family, first day and version of what holds on a day; the earliest before all."""
    dated = [f for f in files if f.start]
    if any(f.family for f in dated):  # older sets of the pseudo-CALDB hold at all times
        dated = [f for f in dated if f.version == _PSEUDO_VERSION] or dated
    if not dated:
        newest = max(files, key=lambda f: f.version)
        return newest.family, "", newest.version
    starts = sorted({f.start for f in dated})
    start = max([s for s in starts if not day or s <= day], default=starts[0]) if day else starts[0]
    family = next(f.family for f in dated if f.start == start)
    return family, start, _PSEUDO_VERSION if family else None


def _pick(
    files: Sequence[ResponseFile], choice: _Choice, kind: str, unit: int, weights: str,
    where: str | Path,
) -> ResponseFile:  # fmt: skip
    """Return the newest file of a kind; kinds of HEASARC's CALDB have versions of their own."""
    found = [
        f for f in files
        if (f.kind, f.unit, f.weights, f.family) == (kind, unit, weights, choice.family)
        and f.start == choice.start and choice.version in (None, f.version)
    ]  # fmt: skip
    if not found and choice.version is None:  # of that kind, another date may be the right one
        found = [
            f for f in files
            if (f.kind, f.unit, f.weights, f.family) == (kind, unit, weights, choice.family)
            and f.start <= choice.start
        ]  # fmt: skip
    if not found:
        flavour = f" with weights {weights}" if weights else ""
        raise ParameterError(
            "irf", f"{printable(where)} has no {_KINDS[kind]} of DU{unit}{flavour} "
            f"({choice.start or 'no date'}, version {choice.version or 'any'})",
            "give another set of responses, or leave it out",
        )  # fmt: skip
    return max(found, key=lambda f: (f.start, f.version))


def _name(choice: _Choice, folder: Path) -> str:
    if choice.family:
        return f"ixpe:{choice.family}{choice.start}:v{choice.version}"
    return f"{folder.name}:{choice.start}"


def _on_channels(path: Path, kind: str, channels: ChannelGrid) -> np.ndarray:
    """Return a response at the middles of the channels, NaN outside of its energies."""
    low, high, values = _read(path, kind, path.stat().st_mtime_ns)
    energy = (channels.low + channels.high) / 2
    # middles of channels are middles of the energies of responses, to rounding
    found = np.interp(energy, (low + high) / 2, values)
    return np.where((energy > low[0]) & (energy < high[-1]), found, np.nan)


@lru_cache(maxsize=64)
def _read(path: Path, kind: str, modified: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return energies, keV, and a response between them; read again where the file changed."""
    if kind == "arf":
        arf = read_arf(path)
        return arf.energy_low, arf.energy_high, arf.effective_area
    return modulation_factor(path)


def modulation_factor(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return energies, keV, and the modulation factor between them."""
    for table in open_fits(path).tables:
        column = next((n for n in ("specresp", "modfresp") if n in table.names), None)
        if column is None or not {"energ_lo", "energ_hi"} <= set(table.names):
            continue
        raw = table.read()
        low, high, values = (
            table.values(raw, n).astype(np.float64) for n in ("energ_lo", "energ_hi", column)
        )
        sound = (
            len(low) > 1 and np.all(np.isfinite([low, high, values])) and np.all(np.diff(low) > 0)
        )
        if not sound or np.any(values < 0) or np.any(values > 1):
            raise InputError(
                path, "has modulation factors that are not between 0 and 1, or energies that do "
                "not rise", "fetch it again",
            )  # fmt: skip
        return low, high, values
    raise InputError(
        path, "holds no modulation factor (a table with ENERG_LO, ENERG_HI and SPECRESP)",
        "give a CALDB folder",
    )  # fmt: skip
