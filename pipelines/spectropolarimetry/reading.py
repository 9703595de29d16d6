"""Stokes spectra with their backgrounds and responses, read from files for a joint fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from xsurvey.errors import InputError
from xsurvey.io.ogip.arf import read_arf
from xsurvey.io.ogip.companions import CompanionKey, companion_file, other_detector
from xsurvey.io.ogip.pha import read_single_pha
from xsurvey.io.ogip.rmf import read_rmf
from xsurvey.io.ogip.stokes import Stokes, stokes_parameter
from xsurvey.io.ogip.types import AncillaryResponse, PhaSpectrum, RedistributionMatrix
from xsurvey.missions import missions
from xsurvey.polarization.spectra.stokes_units import PolarimeterUnit, StokesSpectrum, sort_units

NONE = "none"
"""As a path: there is no such file, whatever the spectrum's keyword says."""
_WHAT: dict[CompanionKey, tuple[str, str]] = {
    "RESPFILE": ("redistribution matrix (RMF)", "rmf"),
    "ANCRFILE": ("effective area or modulation response", "arf or --mrf"),
    "BACKFILE": ("background", "background"),
}


@dataclass(frozen=True)
class StokesFiles:
    """The files of a joint fit.

    Attributes
    ----------
    spectra : sequence of path
        Of Stokes I, Q and U of each unit, in any order.
    background, arf, mrf, rmf : sequence of path
        In place of what keywords name: none, to look there, or those of all units, which are told
        apart by DETNAM and OBS_ID (responses), or by these and the Stokes parameter (backgrounds).
        ``none`` as the only background: no background.
    """

    spectra: Sequence[Path]
    background: Sequence[Path] = field(default=())
    arf: Sequence[Path] = field(default=())
    mrf: Sequence[Path] = field(default=())
    rmf: Sequence[Path] = field(default=())

    def given(self) -> list[Path]:
        """Return all paths that were given."""
        every = [*self.spectra, *self.background, *self.arf, *self.mrf, *self.rmf]
        return [path for path in every if str(path) != NONE]


def read_units(files: StokesFiles) -> list[PolarimeterUnit]:
    """Read Stokes spectra and what belongs to them, sorted by unit.

    Responses are looked up where the keywords say, beside the spectrum, and, by their names, in the
    calibration files that installed packages ship.

    Parameters
    ----------
    files : StokesFiles

    Raises
    ------
    InputError
        A file is missing or damaged, or they do not belong together, as `sort_units` has it.
    """
    reader = _Reader(files)
    return sort_units([reader.read(path) for path in files.spectra])


class _Reader:
    """Reads the files of a fit, each response once."""

    def __init__(self, files: StokesFiles) -> None:
        self._areas: dict[Path, AncillaryResponse] = {}
        self._matrices: dict[Path, RedistributionMatrix] = {}
        self._without_background = [str(p) for p in files.background] == [NONE]
        given = () if self._without_background else files.background
        self._backgrounds = [read_single_pha(p) for p in given]
        self._given_areas: dict[bool, list[AncillaryResponse]] = {
            modulated: [self._area(p) for p in paths]
            for modulated, paths in ((False, files.arf), (True, files.mrf))
        }
        self._given_matrices = [self._matrix(p) for p in files.rmf]

    def read(self, path: Path) -> StokesSpectrum:
        """Read a spectrum and its companions."""
        spectrum = read_single_pha(path)
        stokes = stokes_parameter(spectrum)
        matrix = _chosen(self._given_matrices, spectrum, "RMF") or self._matrix(
            _companion(spectrum, "RESPFILE")
        )
        modulated = stokes in ("Q", "U")
        area = _chosen(
            self._given_areas[modulated], spectrum, "MRF" if modulated else "ARF"
        ) or self._area(_companion(spectrum, "ANCRFILE"))  # fmt: skip
        background = self._background(spectrum, stokes)
        notes = [f"{f.path.name}: {w}" for f in (matrix, area) for w in f.warnings]
        for file in (matrix, area, background):
            if file and (told := other_detector(spectrum.header, file.path, file.header)):
                notes.append(f"{spectrum.path.name}: {told}")
            if file and (own := _unit(spectrum)) and (its := _unit(file)) and own != its:
                notes.append(f"{spectrum.path.name}: {file.path.name} is of {its}, not of {own}")
        paths = [path, matrix.path, area.path, *([background.path] if background else [])]
        return StokesSpectrum(spectrum, background, area, matrix, tuple(paths), tuple(notes))

    def _area(self, path: Path) -> AncillaryResponse:
        if path not in self._areas:
            self._areas[path] = read_arf(path)
        return self._areas[path]

    def _matrix(self, path: Path) -> RedistributionMatrix:
        if path not in self._matrices:
            self._matrices[path] = read_rmf(path)
        return self._matrices[path]

    def _background(self, spectrum: PhaSpectrum, stokes: Stokes | None) -> PhaSpectrum | None:
        if self._without_background:
            return None
        if self._backgrounds:
            own = [b for b in self._backgrounds if stokes_parameter(b) == stokes]
            found = _chosen(own, spectrum, f"background of Stokes {stokes}")
            if found is None:
                raise InputError(
                    spectrum.path, f"has no background of Stokes {stokes} among those given",
                    "give one of each spectrum with --background",
                )  # fmt: skip
            return found
        if spectrum.background_file is None:
            return None
        path = companion_file(spectrum, "BACKFILE")
        assert path is not None
        background = read_single_pha(path)
        its = stokes_parameter(background)
        if None not in (its, stokes) and its != stokes:
            raise InputError(
                background.path, f"is the background of Stokes {its}, and {spectrum.path.name} is "
                f"Stokes {stokes}", "correct BACKFILE, or give it with --background",
            )  # fmt: skip
        return background


_File = PhaSpectrum | AncillaryResponse | RedistributionMatrix
_F = TypeVar("_F", PhaSpectrum, AncillaryResponse, RedistributionMatrix)


def _unit(file: _File) -> str:
    return str(file.header.get("DETNAM") or "").strip()


def _chosen(given: Sequence[_F], spectrum: PhaSpectrum, what: str) -> _F | None:
    """Return the one of a spectrum's unit; the only one, where one is given for all."""
    if not given:
        return None
    if len(given) == 1:
        return given[0]
    own = [file for file in given if _unit(file) and _unit(file) == _unit(spectrum)]
    if len(own) > 1:  # of several observations
        told = str(spectrum.header.get("OBS_ID") or "")
        own = [f for f in own if told and str(f.header.get("OBS_ID") or "") == told] or own
    if len(own) != 1:
        raise InputError(
            spectrum.path, f"has {len(own) or 'no'} {what} of its unit {_unit(spectrum)} among "
            f"the {len(given)} given", "give one of each unit (DETNAM) and observation (OBS_ID)",
        )  # fmt: skip
    return own[0]


def _companion(spectrum: PhaSpectrum, key: CompanionKey) -> Path:
    """Return a response that a spectrum names, installed ones among them."""
    what, option = _WHAT[key]
    named = spectrum.response_file if key == "RESPFILE" else spectrum.ancillary_file
    if named is None:
        raise InputError(spectrum.path, f"names no {what} ({key})", f"give it with --{option}")
    try:
        path = companion_file(spectrum, key)
    except InputError:
        path = _installed(Path(named.partition("[")[0].strip()).name)
    if path is None:
        raise InputError(
            spectrum.path, f"names the {what} '{named}' ({key}), which is neither beside it nor "
            "installed", f"give it with --{option}",
        )  # fmt: skip
    return path


def _installed(name: str) -> Path | None:
    found = (mission.calibration_file(name) for mission in missions().values())
    return next((path for path in found if path is not None), None)
