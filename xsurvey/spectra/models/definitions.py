"""XSPEC's definitions of models: names, parameters, defaults and limits, from its model.dat.

The format is that of appendix C of the XSPEC manual: a line for the model (name, number of
parameters, energy range, function, kind, flags), a line for each parameter (name, unit,
default, limits hard-soft-soft-hard, step), and an empty line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from xsurvey.errors import InputError, ParameterError, nearest
from xsurvey.spectra.models.installation import installation

KINDS = ("add", "mul", "con", "acn")
_TOKEN = re.compile(r'"[^"]*"|\S+')
_MODEL_FIELDS = 7
_UNBOUNDED = 1e24
_SHORTEST = 2  # letters of an abbreviation, as in XSPEC
# what these stand for in every XSPEC session and paper, though other names begin so
_HABITUAL = {"po": "powerlaw", "ga": "gaussian"}


@dataclass(frozen=True)
class ParameterDefinition:
    """A parameter as XSPEC defines it.

    Attributes
    ----------
    name : str
    unit : str
        As XSPEC writes it; empty for none.
    default : float
    hard_min, soft_min, soft_max, hard_max : float
        A fit stays within the soft limits; beyond the hard ones the model is not defined.
    frozen : bool
        Whether XSPEC holds it unless told otherwise.
    delta : float
        XSPEC's step in fits, positive.
    switch : bool
        It selects a method, or scales: never fitted.
    """

    name: str
    unit: str
    default: float
    hard_min: float
    soft_min: float
    soft_max: float
    hard_max: float
    frozen: bool
    delta: float
    switch: bool = False


NORM = ParameterDefinition("norm", "", 1.0, 0.0, 0.0, 1e20, 1e24, False, 0.01)
"""What XSPEC appends to the parameters of every additive model."""


@dataclass(frozen=True)
class ModelDefinition:
    """A model as XSPEC defines it.

    Attributes
    ----------
    name : str
    kind : {'add', 'mul', 'con', 'acn'}
        Additive (photons/cm2/s in each bin), multiplicative (a factor), convolution, or a
        convolution that also needs the response (pile-up).
    symbol : str
        The function in the library, with the prefix that tells how it is called.
    parameters : tuple of ParameterDefinition
        Of an additive model with `NORM`.
    per_spectrum : bool
        It reads keywords of the spectrum that it is evaluated for.
    initial : str
        What the function is initialised with.
    """

    name: str
    kind: str
    symbol: str
    parameters: tuple[ParameterDefinition, ...]
    per_spectrum: bool = False
    initial: str = ""

    @property
    def shape_parameters(self) -> tuple[ParameterDefinition, ...]:
        """The parameters that the library's function takes: all but the norm."""
        return self.parameters[:-1] if self.kind == "add" else self.parameters


def model_definitions() -> Mapping[str, ModelDefinition]:
    """Return all models of the installation, by name.

    Raises
    ------
    MissingDataError
        XSPEC's models are not installed.
    InputError
        Its model.dat is not as it should be.
    """
    return _read(installation().manager / "model.dat")


@cache
def _read(path: Path) -> dict[str, ModelDefinition]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "reinstall HEASoft") from None
    return parse_definitions(text, str(path))


def find_model(
    name: str, definitions: Mapping[str, ModelDefinition] | None = None
) -> ModelDefinition:
    """Return the model that a name or an abbreviation stands for; case does not matter.

    XSPEC takes the first of several models that begin with the letters given; here that
    is an error, except for the habitual ``po`` and ``ga``.

    Raises
    ------
    ParameterError
        There is no such model, or there are several.
    """
    known = model_definitions() if definitions is None else definitions
    by_lower = {model.lower(): model for model in known}
    lower = name.lower()
    if lower in by_lower:
        return known[by_lower[lower]]
    if _HABITUAL.get(lower) in known:
        return known[_HABITUAL[lower]]
    # only XSPEC's are abbreviated: a plug-in must not change what an abbreviation means
    found = [
        by_lower[m]
        for m in by_lower
        if m.startswith(lower) and not known[by_lower[m]].symbol.startswith("python:")
    ]
    if len(lower) < _SHORTEST or not found:
        raise ParameterError(f"model {name!r}", "there is no such model", _hint(name, known))
    if len(found) > 1:
        raise ParameterError(
            f"model {name!r}", "is the beginning of several models",
            f"write one of {', '.join(sorted(found))}",
        )  # fmt: skip
    return known[found[0]]


def _hint(name: str, known: Iterable[str]) -> str:
    hint = nearest(name, known)
    return hint if hint.startswith("did") else "look it up in the XSPEC manual"  # there are 300


def parse_definitions(text: str, subject: str) -> dict[str, ModelDefinition]:
    """Parse the text of a model.dat.

    Raises
    ------
    InputError
        A line is not as the format has it; ``subject`` (the file) and the line are named.
    """
    definitions: dict[str, ModelDefinition] = {}
    lines = iter(enumerate(text.splitlines(), start=1))
    for number, line in lines:
        words = _words(line)
        if not words or line.lstrip().startswith("#"):
            continue
        try:
            definition = _model(words, (_words(next(lines)[1]) for _ in range(int(words[1]))))
        except (ValueError, IndexError, StopIteration, RuntimeError) as error:
            raise InputError(
                subject, f"the model at line {number} is not as XSPEC defines models ({error})",
                "use the file of an XSPEC release",
            ) from None  # fmt: skip
        definitions[definition.name] = definition
    return definitions


def _words(line: str) -> list[str]:
    return [word.strip('"').strip() for word in _TOKEN.findall(line)]


def _model(words: list[str], lines: Iterable[list[str]]) -> ModelDefinition:
    if len(words) < _MODEL_FIELDS or words[5] not in KINDS:
        raise ValueError(f"{' '.join(words[:_MODEL_FIELDS])!r}")
    kind = words[5]
    parameters = _unique([_parameter(line) for line in lines])
    flags = [word for word in words[6:] if word in ("0", "1")]
    return ModelDefinition(
        words[0], kind, words[4], (*parameters, NORM) if kind == "add" else parameters,
        per_spectrum=len(flags) > 1 and flags[1] == "1",
        initial=" ".join(words[6 + len(flags):]),
    )  # fmt: skip


def _parameter(words: list[str]) -> ParameterDefinition:
    if words and words[0][:1] in ("$", "*"):
        return _switch(words)
    if len(words) and words[-1] == "P":  # periodic
        words = words[:-1]
    default, hard_min, soft_min, soft_max, hard_max, delta = (float(w) for w in words[-6:])
    if len(words) != 8:
        raise ValueError(f"parameter line {' '.join(words)!r}")
    # of some velocity widths the default lies beyond the limits: a fit could not start there
    default = min(max(default, soft_min), soft_max)
    return ParameterDefinition(
        words[0], words[1], default, hard_min, soft_min, soft_max, hard_max,
        frozen=delta <= 0, delta=abs(delta),
    )  # fmt: skip


def _switch(words: list[str]) -> ParameterDefinition:
    """Parse ``$switch 2`` or ``*pivotE keV 1.0``: a value, at times with limits."""
    name = words[0][1:]
    values: list[float] = []
    for word in reversed(words[1:]):
        try:
            values.insert(0, float(word))
        except ValueError:
            break
    if not name or not values:
        raise ValueError(f"parameter line {' '.join(words)!r}")
    unit = words[1] if len(words) - 1 > len(values) else ""
    low, high = (values[1], values[4]) if len(values) >= 5 else (-_UNBOUNDED, _UNBOUNDED)
    return ParameterDefinition(
        name, unit, values[0], low, low, high, high, frozen=True, delta=0.0, switch=True
    )


def _unique(parameters: list[ParameterDefinition]) -> tuple[ParameterDefinition, ...]:
    """Refuse a model in which two parameters have one name: they could not be told apart."""
    names = [parameter.name.lower() for parameter in parameters]
    if len(set(names)) != len(names):
        raise ValueError("two parameters have one name")
    return tuple(parameters)
