"""The base of every step's parameter model.

A step has one model: the section of the YAML configuration, the options of its command
and the argument of its function are all made from it. Field descriptions are the help
texts.
"""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from xsurvey.errors import ParameterError, nearest


class StepParameters(BaseModel):
    """Immutable parameters of one analysis step; unknown names are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

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
            raise parameter_error(error, cls, subject) from None

    def normalised(self) -> dict[str, Any]:
        """Return the parameters as JSON values, the form that is hashed and recorded."""
        return self.model_dump(mode="json")


def parameter_error(error: ValidationError, model: type[BaseModel], subject: str) -> ParameterError:
    """Turn pydantic's first complaint into the one-line error of the contract."""
    first = error.errors(include_url=False)[0]
    path = ".".join(str(part) for part in (subject, *first["loc"]) if str(part))
    if first["type"] == "extra_forbidden":
        names = _fields_at(model, first["loc"][:-1])
        return ParameterError(path, "unknown key", nearest(str(first["loc"][-1]), names))
    if first["type"] == "missing":
        return ParameterError(path, "is required", "give it a value")
    cause = str(first["msg"]).removeprefix("Value error, ")
    given = first.get("input")
    if first["type"] != "value_error":
        cause = f"{cause[:1].lower()}{cause[1:]}, not {given!r}"
    return ParameterError(path, cause, "correct the value")


def _fields_at(model: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    current: Any = model
    for part in location:
        field = getattr(current, "model_fields", {}).get(part)
        if field is None:
            break
        current = field.annotation
    return list(getattr(current, "model_fields", {}))
