"""The base of every step's parameter model.

A step has one model: the section of the YAML configuration, the options of its command
and the argument of its function are all made from it. Field descriptions are the help
texts.
"""

import re
import typing
from collections.abc import Collection, Iterator, Mapping
from typing import Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from xsurvey.errors import ParameterError, XSurveyError, nearest

_Error = TypeVar("_Error", bound=XSurveyError)
_COMMAND_OR_OPTION = re.compile(r"`[^`]*`|--(?P<option>[a-z][a-z0-9-]*)")


class StepParameters(BaseModel):
    """Immutable parameters of one analysis step; unknown names are errors."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False
    )

    # of models with many fields: the title in a command's help, from a field on; otherwise the
    # first line of the model's docstring is that of all
    titles: ClassVar[Mapping[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _single_values_as_tuples(cls, values: Any) -> Any:
        """Let ``band: 0.5-7`` stand for a list of one."""
        if not isinstance(values, dict):
            return values
        repeated = {
            name
            for name, field in cls.model_fields.items()
            if typing.get_origin(field.annotation) is tuple
        }
        return {
            name: (value,) if name in repeated and isinstance(value, str) else value
            for name, value in values.items()
        }

    @classmethod
    def read(cls, values: dict[str, Any], subject: str) -> Self:
        """Validate ``values`` and name the offending key when one is wrong.

        Parameters
        ----------
        values : dict
            Field names and what the user wrote for them.
        subject : str
            Dotted path of the section, for the message.

        Raises
        ------
        ParameterError
            An unknown name, a missing value, or an impossible one.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise parameter_error(error, cls, subject, values) from None

    def normalised(self) -> dict[str, Any]:
        """Return the parameters as JSON values, the form that is hashed and recorded."""
        return self.model_dump(mode="json")


def parameter_error(
    error: ValidationError, model: type[BaseModel], subject: str, values: Mapping[str, Any]
) -> ParameterError:  # fmt: skip
    """Turn pydantic's complaints into one-line errors: the first, which has the `others`."""
    first, *others = (
        _one_error(one, model, subject, values) for one in error.errors(include_url=False)
    )
    first.others = tuple(others)
    return first


def _one_error(
    first: Mapping[str, Any], model: type[BaseModel], subject: str, values: Mapping[str, Any]
) -> ParameterError:  # fmt: skip
    path = ".".join(str(part) for part in (subject, *first["loc"]) if str(part))
    if first["type"] == "extra_forbidden":
        names = _fields_at(model, first["loc"][:-1])
        return ParameterError(path, "unknown key", nearest(str(first["loc"][-1]), names))
    if first["type"] == "missing":
        return ParameterError(path, "is required", "give it a value")
    cause = str(first["msg"]).removeprefix("Value error, ")
    given = _as_written(values, first["loc"], first.get("input"))
    if first["type"] != "value_error":
        cause = f"{cause[:1].lower()}{cause[1:]}, not {given!r}"
    elif "; " in cause:  # which says what to do itself
        return ParameterError(path, *cause.rsplit("; ", 1))
    return ParameterError(path, cause, "correct the value")


def _as_written(values: Any, location: tuple[Any, ...], otherwise: Any) -> Any:
    """Return what the user wrote there: ``-5ks``, and not the seconds that were made of it."""
    for part in location:
        try:
            values = values[part]
        except (LookupError, TypeError):
            return otherwise
    return values


def _fields_at(model: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    """Return the field names of the model that a location in the values leads to."""
    current: Any = model
    for part in location:
        if isinstance(part, str) and part in getattr(current, "model_fields", {}):
            current = current.model_fields[part].annotation
        current = _model_in(current)
    return list(getattr(current, "model_fields", {}))


def _model_in(annotation: Any) -> Any:
    """Unwrap ``list[M]``, ``tuple[M, ...]`` and ``M | None`` to the model M."""
    if hasattr(annotation, "model_fields"):
        return annotation
    inner = [_model_in(a) for a in typing.get_args(annotation)]
    return next((a for a in inner if hasattr(a, "model_fields")), None)


def naming_keys(error: _Error, sections: Collection[StepParameters]) -> _Error:
    """Return an error, and its `others`, that names keys of a config, not options of a command.

    What steps say is to be done names options. What is no key of the config stays as it is, and so
    does a command in backquotes.

    Parameters
    ----------
    error : XSurveyError
    sections : collection of StepParameters
        Of the config.
    """
    cause, remedy = (text_naming_keys(text, sections) for text in (error.cause, error.remedy))
    named = type(error)(error.subject, cause, remedy)
    named.others = tuple(naming_keys(other, sections) for other in error.others)
    return named


def text_naming_keys(text: str, sections: Collection[StepParameters]) -> str:
    """Return a text that names keys of a config in place of options, as `naming_keys`."""
    keys = set(_keys_in(tuple(sections)))

    def key_of(found: re.Match[str]) -> str:
        name = (found["option"] or "").replace("-", "_")
        return f"`{name}`" if name in keys else found[0]

    return _COMMAND_OR_OPTION.sub(key_of, text)


def _keys_in(value: Any) -> Iterator[str]:
    if isinstance(value, BaseModel):
        value = dict(value)
    if isinstance(value, Mapping):
        yield from (str(name) for name in value)
        value = tuple(value.values())
    if isinstance(value, (tuple, list)):
        for one in value:
            yield from _keys_in(one)
