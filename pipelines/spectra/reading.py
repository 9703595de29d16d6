"""Spectra with their backgrounds and responses, read from files for a fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from xsurvey.errors import InputError, ParameterError, XSurveyError
from xsurvey.io.ogip.arf import read_arf
from xsurvey.io.ogip.companions import CompanionKey, companion_file, other_detector
from xsurvey.io.ogip.pha import read_single_pha, split_selection
from xsurvey.io.ogip.rmf import read_rmf
from xsurvey.io.ogip.types import PhaSpectrum
from xsurvey.spectra.dataset import Dataset, make_dataset
from xsurvey.spectra.fit_parameters import SpectrumFitParameters
from xsurvey.spectra.response import Response, build_response

NONE = "none"
"""As a path: there is no such file, whatever the spectrum's keyword says."""


@dataclass(frozen=True)
class SpectrumFiles:
    """The files of a fit.

    Attributes
    ----------
    spectra : sequence of path
        ``file.pha`` or ``file.pha{3}``.
    background, arf, rmf : sequence of path
        None to look where the spectrum's keywords say, one for all spectra, or one each.
    """

    spectra: Sequence[Path]
    background: Sequence[Path] = field(default=())
    arf: Sequence[Path] = field(default=())
    rmf: Sequence[Path] = field(default=())

    def given(self) -> list[Path]:
        """Return all paths that were given."""
        every = [*self.spectra, *self.background, *self.arf, *self.rmf]
        return [path for path in every if str(path) != NONE]


@dataclass(frozen=True)
class ReadSpectrum:
    """A spectrum and what belongs to it.

    Attributes
    ----------
    paths : tuple of path
        All files that were read for it.
    notes : tuple of str
    """

    spectrum: PhaSpectrum
    background: PhaSpectrum | None
    response: Response
    paths: tuple[Path, ...]
    notes: tuple[str, ...]


def read_spectra(files: SpectrumFiles, parameters: SpectrumFitParameters) -> list[ReadSpectrum]:
    """Read spectra, their responses and, where the statistic uses them, their backgrounds.

    Parameters
    ----------
    files : SpectrumFiles
    parameters : SpectrumFitParameters

    Raises
    ------
    InputError
        A file is missing or damaged, or a statistic needs a background that there is not.
    ParameterError
        Another number of companions than of spectra.
    """
    wants = uses_background(parameters)
    return [_read(*row, parameters, wants, files.spectra) for row in _with_companions(files)]


def named_companions(files: SpectrumFiles, parameters: SpectrumFitParameters) -> list[Path]:
    """Return the files that headers of spectra name and a fit may read, without rows, each once.

    Spectra that cannot be read name none.

    Raises
    ------
    InputError
        A file that is named, and needed, is not there.
    ParameterError
        Another number of companions than of spectra.
    """
    wants = uses_background(parameters)
    found: list[Path] = []
    for path, background, arf, rmf in _with_companions(files):
        try:
            spectrum = read_single_pha(path)
        except XSurveyError:
            continue  # what is wrong with it is told by who reads it
        matrix = companion_file(spectrum, "RESPFILE") if rmf is None else None
        area = _named_area(spectrum, matrix if rmf is None else rmf) if arf is None else None
        other = companion_file(spectrum, "BACKFILE") if wants and background is None else None
        found += [split_selection(p)[0] for p in (matrix, area, other) if p is not None]
    return list(dict.fromkeys(found))


def _named_area(spectrum: PhaSpectrum, matrix: Path | None) -> Path | None:
    """Return the effective area that a spectrum names; one that is not needed may be missing."""
    try:
        return companion_file(spectrum, "ANCRFILE")
    except InputError:
        if matrix is None or str(matrix) == NONE or not read_rmf(matrix).includes_area:
            raise
        return None


def uses_background(parameters: SpectrumFitParameters) -> bool:
    """Tell whether a fit uses the background's counts."""
    return (
        parameters.stat == "wstat"
        or parameters.subtract
        or parameters.background_model is not None
        or parameters.group.startswith("bmin")
    )


def datasets_of(
    spectra: Sequence[ReadSpectrum], parameters: SpectrumFitParameters, whole_range: bool
) -> list[Dataset]:
    """Return what a fit sees of the spectra."""
    return [
        make_dataset(
            s.spectrum, s.response, rule=parameters.group, bands=parameters.energy,
            background=s.background, whole_range=whole_range,
        )
        for s in spectra
    ]  # fmt: skip


_Companions = tuple[Path, Path | None, Path | None, Path | None]


def _with_companions(files: SpectrumFiles) -> Iterator[_Companions]:
    """Return spectra with the background, area and matrix that the user gives them."""
    count = len(files.spectra)
    return zip(
        files.spectra, _each(files.background, count, "background"),
        _each(files.arf, count, "arf"), _each(files.rmf, count, "rmf"), strict=True,
    )  # fmt: skip


def _each(paths: Sequence[Path], count: int, name: str) -> Sequence[Path | None]:
    if not paths:
        return [None] * count
    if len(paths) == 1:
        return [paths[0]] * count
    if len(paths) != count:
        raise ParameterError(
            name, f"{len(paths)} are given for {count} spectra", "give one, or one for each"
        )
    return list(paths)


def _read(
    path: Path, background: Path | None, arf: Path | None, rmf: Path | None,
    parameters: SpectrumFitParameters, wants: bool, others: Sequence[Path],
) -> ReadSpectrum:  # fmt: skip
    spectrum = read_single_pha(path)
    notes: list[str] = []
    if others.count(path) > 1:
        notes.append(f"{path.name} is given twice: its counts count as often, errors are too small")
    if not spectrum.poisson and parameters.stat != "chi2":
        raise InputError(
            path, f"holds counts that are not Poisson distributed; {parameters.stat} needs them so",
            "use --stat chi2, or the spectrum before its background was subtracted",
        )  # fmt: skip
    matrix_path = _companion(spectrum, rmf, "RESPFILE")
    if matrix_path is None:
        raise InputError(path, "has no response", "give the RMF with --rmf")
    matrix = read_rmf(matrix_path)
    area_path = None
    if not (matrix.includes_area and arf is None):
        area_path = _companion(spectrum, arf, "ANCRFILE")
    area = None if area_path is None else read_arf(area_path)
    other = _background(spectrum, background, wants, parameters, notes)
    read = [path, matrix_path, *(p for p in (area_path, other and other.path) if p)]
    notes += [f"{f.path.name}: {w}" for f in (matrix, area) if f is not None for w in f.warnings]
    for file in (matrix, area, other):
        told = file and other_detector(spectrum.header, file.path, file.header)
        if told:
            notes.append(f"{spectrum.path.name}: {told}")
    return ReadSpectrum(spectrum, other, build_response(matrix, area), tuple(read), tuple(notes))


def _companion(spectrum: PhaSpectrum, given: Path | None, key: CompanionKey) -> Path | None:
    if given is None:
        return companion_file(spectrum, key)
    return None if str(given) == NONE else given


def _background(
    spectrum: PhaSpectrum, given: Path | None, wants: bool, parameters: SpectrumFitParameters,
    notes: list[str],
) -> PhaSpectrum | None:  # fmt: skip
    if not wants:
        there = given if given is not None else spectrum.background_file
        if there is not None and str(there) != NONE:
            notes.append(
                f"{spectrum.path.name}: its background {Path(str(there)).name} is not used by "
                f"{parameters.stat}; the source spectrum is fitted as it is (--stat wstat uses it)"
            )
        return None
    path = _companion(spectrum, given, "BACKFILE")
    if path is None:
        what = parameters.stat if parameters.stat == "wstat" else "the fit"
        raise InputError(
            spectrum.path, f"has no background, which {what} needs",
            "give it with --background, or use --stat cstat",
        )  # fmt: skip
    if str(path) == str(spectrum.path) and spectrum.row is None:
        raise InputError(path, "is its own background", "give the spectrum of another region")
    background = read_single_pha(path)
    if not background.poisson and parameters.stat == "wstat":
        raise InputError(
            path, "holds counts that are not Poisson distributed; wstat needs them so",
            "give the background's own counts",
        )  # fmt: skip
    return background
