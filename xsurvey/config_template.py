"""A commented configuration to start from, made from the steps' models."""

import json
import textwrap
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import annotated_types
import yaml
from pydantic import BaseModel, BeforeValidator, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from xsurvey.config import SCHEMA, ClusterChoice, Sections
from xsurvey.io.yaml_file import parse_yaml
from xsurvey.units import (
    parse_angle,
    parse_cone,
    parse_energy_band,
    parse_sky_position,
    parse_time,
)

_WIDTH = 100
_FORMS = {
    parse_angle: "an angle with its unit",
    parse_time: "a time with its unit",
    parse_energy_band: "MIN-MAX in keV",
    parse_sky_position: "RA,DEC",
    parse_cone: "RA,DEC,RADIUS",
}
_BOUNDS = {
    annotated_types.Gt: ("gt", ">"), annotated_types.Ge: ("ge", ">="),
    annotated_types.Lt: ("lt", "<"), annotated_types.Le: ("le", "<="),
}  # fmt: skip


def write_template(
    pipeline: str, sections: Sections, example_inputs: Sequence[str], output: str = "xsurvey_output"
) -> str:
    """Return a configuration with every parameter at its default and explained.

    Parameters
    ----------
    pipeline : str
        The name of the pipeline.
    sections : mapping of str to type[StepParameters]
        Its steps.
    example_inputs : sequence of str
        What to write under ``inputs``; without any there is no such key.
    output : str
        What to write as the output folder.

    Returns
    -------
    str
        YAML that :func:`xsurvey.config.load_config` reads back to the defaults. A parameter that
        has no default stands there as a comment, to be filled in.
    """
    lines = [
        f"# xsurvey {pipeline}: check with `xsurvey check FILE`, do with `xsurvey run FILE`.",
        "# Everything below has its default; what you do not change may be deleted.",
        f"schema: {SCHEMA}",
        f"pipeline: {_scalar(pipeline)}",
        "",
        *_inputs(example_inputs),
        "# The folder for results, from the working directory.",
        f"output: {_scalar(output)}",
        "",
        "# The seed of all random numbers.",
        "seed: 0",
        "",
        *_section("cluster", ClusterChoice, ""),
    ]
    for name, model in sections.items():
        lines += ["", *_section(name, model, "")]
    return "\n".join(lines) + "\n"


def _inputs(examples: Sequence[str]) -> list[str]:
    if not examples:
        return []
    return [
        "# Event files or globs, from the working directory or from the folder of this file. An",
        "# entry may also be a mapping: events, name, and what else belongs to the events.",
        "inputs:",
        *(f"  - {_scalar(text)}" for text in examples),
        "",
    ]


def _section(name: str, model: type[BaseModel], indent: str) -> Iterator[str]:
    summary = (model.__doc__ or "").strip().split("\n\n")[0]
    yield from _comment(" ".join(summary.split()), indent)
    if not model.model_fields:
        yield f"{indent}{name}: {{}}"
        return
    required = all(field.is_required() for field in model.model_fields.values())
    yield f"{indent}{name}:" + (" {}" if required else "")
    for field_name, field in model.model_fields.items():
        yield from _field(field_name, field, f"{indent}  ")


def _field(name: str, field: FieldInfo, indent: str) -> Iterator[str]:
    default = field.get_default(call_default_factory=True)
    if isinstance(default, BaseModel) and default == type(default)():
        yield from _section(name, type(default), indent)
        return
    yield from _comment(_explained(field), indent)
    yield from _entries(field.annotation, indent)
    if field.is_required() or default is PydanticUndefined:
        yield f"{indent}# {name}:    (required)"
    else:
        yield f"{indent}{name}: {_flow(_plain_default(field, default))}"


def _entries(annotation: Any, indent: str, within: str = "# ") -> Iterator[str]:
    """Yield, as comments, what each entry of a mapping from names to models holds.

    ``within`` follows ``indent``, which in a comment has the sign of comments already.
    """
    arguments = typing.get_args(annotation)
    if not (typing.get_origin(annotation) is dict and hasattr(arguments[1], "model_fields")):
        return
    yield f"{indent}{within}NAME:"
    for name, field in arguments[1].model_fields.items():
        text = f"{name}: {_explained(field)}" + (" (required)" if field.is_required() else "")
        yield from textwrap.wrap(
            text, _WIDTH, initial_indent=f"{indent}{within}  ",
            subsequent_indent=f"{indent}{within}    ", break_on_hyphens=False,
        )  # fmt: skip
        yield from _entries(field.annotation, f"{indent}{within}  ", "  ")


def _plain_default(field: FieldInfo, default: Any) -> Any:
    """Return the default as the user would write it, with units."""
    kind: Any = field.annotation
    for metadata in field.metadata:
        kind = typing.Annotated[kind, metadata]
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    # defaults may be given as text; what is shown is what they mean
    return adapter.dump_python(adapter.validate_python(default), mode="json")


def _explained(field: FieldInfo) -> str:
    # an option is repeated, a key of a config is not
    text = (field.description or "").strip().replace("repeat for several", "a list for several")
    hints = sorted(dict.fromkeys(_hints(field.annotation, field.metadata)), key=_is_bound)
    if hints and type(None) in typing.get_args(field.annotation):
        hints.append("or null")
    return f"{text} [{', '.join(hints)}]" if hints else text


def _hints(annotation: Any, metadata: Iterable[Any]) -> Iterator[str]:
    """Yield what values are possible: choices, form, bounds."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        yield "one of " + ", ".join(_scalar(a) for a in arguments)
    elif origin is typing.Annotated:
        yield from _hints(arguments[0], arguments[1:])
    elif arguments and not isinstance(origin, type(Mapping)):
        inner = [a for a in arguments if a not in (type(None), Ellipsis)]
        yield from (hint for a in inner for hint in _hints(a, ()))
    for entry in metadata:
        if isinstance(entry, BeforeValidator) and entry.func in _FORMS:
            yield _FORMS[entry.func]
        for kind, (attribute, sign) in _BOUNDS.items():
            if isinstance(entry, kind):
                yield f"{sign} {getattr(entry, attribute):.12g}"


def _is_bound(hint: str) -> bool:
    return hint[0] in "<>"


def _comment(text: str, indent: str) -> list[str]:
    prefix = f"{indent}# "
    return textwrap.wrap(
        text, _WIDTH, initial_indent=prefix, subsequent_indent=prefix, break_on_hyphens=False
    )


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(k)}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_flow(v) for v in value) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    """Return one value as YAML, quoted when it would read as something else."""
    if not isinstance(value, str):
        return json.dumps(value)
    try:
        plain = value.isprintable() and parse_yaml(f"[{value}]") == [value]
    except yaml.YAMLError:
        plain = False
    if plain:
        return value
    quoted = yaml.safe_dump(value, default_style='"', width=float("inf"), allow_unicode=True)
    return str(quoted).strip()
