"""Files of the spectra of a source: found before anything runs, made inputs, and read by tasks."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from xsurvey.config import Config
from xsurvey.config_files import find_file
from xsurvey.engine import TaskContext
from xsurvey.engine.plan import TaskInput
from xsurvey.errors import InputError, XSurveyError
from xsurvey.io.ogip.pha import split_selection
from xsurvey.pipelines.blazar.spectrum_parameters import BlazarSpectrum
from xsurvey.pipelines.spectra.reading import NONE, SpectrumFiles, named_companions
from xsurvey.spectra.joint_background import pca_file

_GIVEN = ("files", "background", "arf", "rmf")


@dataclass(frozen=True)
class SpectrumInputs:
    """What is read for the spectra of an instrument.

    Attributes
    ----------
    files : SpectrumFiles
        That the user names, where they are.
    named : tuple of path
        That headers name.
    components : path or None
        Of a trained background.
    """

    files: SpectrumFiles
    named: tuple[Path, ...]
    components: Path | None

    def of_task(self) -> dict[str, TaskInput]:
        """Return the inputs of a task, files without rows."""
        given = {
            "files": self.files.spectra, "background": self.files.background,
            "arf": self.files.arf, "rmf": self.files.rmf, "named": self.named,
        }  # fmt: skip
        inputs: dict[str, TaskInput] = {
            name: [split_selection(path)[0] for path in paths if str(path) != NONE]
            for name, paths in given.items() if paths
        }  # fmt: skip
        return inputs if self.components is None else {**inputs, "components": self.components}


def spectrum_inputs(config: Config, key: str, spectrum: BlazarSpectrum) -> SpectrumInputs:
    """Return the files of an entry of a configuration.

    Parameters
    ----------
    config : Config
    key : str
        Of the entry.
    spectrum : BlazarSpectrum

    Raises
    ------
    InputError
        One is not there, of those too that headers name.
    ParameterError
        Another number of companions than of spectra.
    """

    def found(name: str) -> tuple[Path, ...]:
        return tuple(
            Path(NONE) if text == NONE else _found(config, f"{key}.{name}.{i}", text)
            for i, text in enumerate(getattr(spectrum, name))
        )

    spectra, background, arf, rmf = (found(name) for name in _GIVEN)
    files = SpectrumFiles(spectra, background, arf, rmf)
    components = pca_file(spectrum.background_model)
    with errors_of(f"{config.path}: {key}"):
        named = named_companions(files, spectrum.fitting())
    return SpectrumInputs(
        files, tuple(named), None if components is None
        else find_file(config, f"{key}.background_model", str(components)),
    )  # fmt: skip


def _found(config: Config, key: str, text: str) -> Path:
    """Return a file, with the row that ``file.pha{3}`` selects."""
    place, row = split_selection(os.path.expanduser(text))
    path = find_file(config, key, str(place))
    return path if row is None else Path(f"{path}{{{row}}}")


def files_in(context: TaskContext) -> SpectrumFiles:
    """Return the files that the user names, as a task has them."""
    spectrum = context.section(BlazarSpectrum)
    spectra, background, arf, rmf = (
        _with_rows(getattr(spectrum, name), context.paths(name) if name in context.inputs else [])
        for name in _GIVEN
    )
    return SpectrumFiles(spectra, background, arf, rmf)


def _with_rows(texts: Sequence[str], paths: Sequence[Path]) -> list[Path]:
    """Return files with the rows that their names in the configuration select."""
    left = iter(paths)
    return [
        Path(NONE) if text == NONE else _selected(next(left), Path(text).name) for text in texts
    ]  # fmt: skip


def _selected(path: Path, name: str) -> Path:
    """Return a file with what its name as it was written has more than its own."""
    return path.with_name(f"{path.name}{name.removeprefix(path.name)}")


def check_declared(context: TaskContext, read: Sequence[Path]) -> None:
    """Raise where a task read a file that is none of its inputs.

    Raises
    ------
    InputError
        It was put beside the spectrum after the run was planned.
    """
    declared = {path.resolve() for name in context.inputs for path in context.paths(name)}
    for path in read:
        plain = split_selection(path)[0]
        if plain.resolve() not in declared:
            raise InputError(plain, "was not there when the run began", "run again")


@contextmanager
def errors_of(subject: str) -> Iterator[None]:
    """Let errors begin with the key of the configuration that they are of."""
    try:
        yield
    except XSurveyError as error:
        raise type(error)(f"{subject}: {error.subject}", error.cause, error.remedy) from None
