"""Command-line options made from the parameter models.

The name, default and help of an option are the field's; no option of a step is written
by hand. Units come through the annotated types of :mod:`xsurvey.units`.
"""

import functools
import json
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

from xsurvey.parameters import StepParameters

_METAVARS = {
    "Angle": "ANGLE", "Duration": "TIME", "Band": "KEV", "Position": "RA,DEC",
    "ConeOnSky": "RA,DEC,RADIUS",
}  # fmt: skip


_NOT_FITS = frozenset((
    ".png", ".jpg", ".jpeg", ".pdf", ".svg", ".gif", ".tif", ".tiff", ".eps", ".ps", ".txt", ".dat",
    ".csv", ".tsv", ".ecsv", ".parquet", ".hats", ".json", ".yaml", ".yml", ".xml", ".vot", ".html",
    ".htm", ".reg", ".h5", ".hdf5", ".npy", ".npz", ".md", ".log", ".zip",
))  # fmt: skip


class StepOption(click.Option):
    """An option of a field, and the title below which :class:`StepCommand` lists it."""

    def __init__(self, *args: Any, title: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = title


class StepCommand(click.Command):
    """A command whose help lists the options of each step below a title of their own."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options first, then those of its steps in their order."""
        sections: dict[str, list[tuple[str, str]]] = {"Options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                title = parameter.title if isinstance(parameter, StepOption) else "Options"
                sections.setdefault(title, []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)


class WholeNumber(click.IntRange):
    """A whole number from a least one on, with messages that are plain English."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number."""
        try:
            number = int(value)
        except ValueError:
            number = None
        if number is None or (self.min is not None and number < self.min):
            self.fail(f"'{value}' is not a whole number from {self.min} on", param, ctx)
        return number


def option_name(field_name: str) -> str:
    """Return the option of a field: ``pixel_size`` becomes ``--pixel-size``."""
    return "--" + field_name.replace("_", "-")


def step_options(*models: type[StepParameters]) -> Callable[[Callable], Callable]:
    """Give a command the options of one or several parameter models.

    The decorated function gets one ``parameters`` argument: an instance of the model, or a
    tuple of instances where several models are given. Options that the user did not give
    are left to the models' defaults.
    """
    fields = {name: field for model in models for name, field in model.model_fields.items()}
    titles = {name: title for model in models for name, title in _titles(model)}

    def decorate(function: Callable) -> Callable:
        @functools.wraps(function)
        def with_parameters(*args: Any, **kwargs: Any) -> Any:
            given = {name: kwargs.pop(name) for name in fields}
            written = {k: v for k, v in given.items() if v is not None and v != ()}
            with errors_name_options():
                read = tuple(
                    model.read({k: v for k, v in written.items() if k in model.model_fields}, "")
                    for model in models
                )
                return function(*args, parameters=read if len(read) > 1 else read[0], **kwargs)

        decorated: Callable = with_parameters
        for name, field in reversed(fields.items()):
            decorated = _option(name, field, titles[name])(decorated)
        return decorated

    return decorate


@contextmanager
def errors_name_options() -> Iterator[None]:
    """Name the option of the running command, not the field, in what is wrong with a parameter.

    Subjects that are no option of the command, such as the key of a config, stay as they are.
    """
    from xsurvey.errors import ParameterError

    try:
        yield
    except ParameterError as error:
        options = {
            str(p.name): p.opts[-1]
            for p in click.get_current_context().command.params
            if isinstance(p, click.Option)
        }
        name, cause = error.subject.split(".")[0], error.cause
        if not error.subject:
            # where fields contradict each other, the cause begins with the one to blame
            name, _, rest = cause.partition(" ")
            cause = rest if name in options and rest[:1].isalpha() else cause
        subject = options.get(name, error.subject) or "command line"
        raise ParameterError(subject, cause, error.remedy) from None


def _titles(model: type[StepParameters]) -> Iterator[tuple[str, str]]:
    """Yield the fields of a model with the titles of their options."""
    title = " ".join((model.__doc__ or "").split("\n\n")[0].split()).rstrip(".")
    for name in model.model_fields:
        title = model.titles.get(name, title)
        yield name, title


def _option(name: str, field: FieldInfo, title: str) -> Callable[[Callable], Callable]:
    kind, repeated = _inner_type(field.annotation)
    text = field.description or ""
    shown = _default_text(field)
    if shown:
        text = f"{text}  [default: {shown}]"
    if kind is bool:
        flag = option_name(name)
        return click.option(
            f"{flag}/--no-{flag[2:]}", name, default=None, help=text, cls=StepOption, title=title
        )
    return click.option(
        option_name(name), name, multiple=repeated, default=None, help=text,
        cls=StepOption, title=title,
        # a value with a unit is read by the model, not by click
        type=click.STRING if (metavar := _metavar(kind, field)) else _click_type(kind),
        metavar=metavar,
    )  # fmt: skip


def _inner_type(annotation: Any) -> tuple[Any, bool]:
    """Return the type of one value and whether the option may be repeated."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        kinds = [a for a in typing.get_args(annotation) if a is not type(None)]
        return _inner_type(kinds[0])
    if typing.get_origin(annotation) in (tuple, list):
        return typing.get_args(annotation)[0], True
    return annotation, False


def _click_type(kind: Any) -> click.ParamType:
    if typing.get_origin(kind) is typing.Literal:
        return click.Choice([str(v) for v in typing.get_args(kind)])
    if kind is int:
        return click.INT
    if kind is float:
        return click.FLOAT
    return click.STRING


def _metavar(kind: Any, field: FieldInfo) -> str | None:
    from xsurvey import units

    for name, metavar in _METAVARS.items():
        alias = getattr(units, name)
        if kind is alias or (
            not typing.get_args(kind)
            and kind is typing.get_args(alias)[0]
            and set(alias.__metadata__) <= set(field.metadata)
        ):
            return metavar
    return "FILE" if kind is Path else None


def _default_text(field: FieldInfo) -> str:
    if field.is_required() or field.default is None:
        return ""
    if isinstance(field.default, bool):
        return "on" if field.default else "off"
    if isinstance(field.default, str):  # written as the user would, with its unit
        return field.default
    kind: Any = field.annotation
    for metadata in field.metadata:
        kind = typing.Annotated[kind, metadata]
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    value = adapter.dump_python(field.default, mode="json")
    if value == {}:
        return ""
    if isinstance(value, list):
        return ", ".join(str(v) for v in value)
    return str(value)


def check_png(option: str, path: Path | None) -> None:
    """Check that the figure that an option asks for is not named as another kind of file.

    Raises
    ------
    ParameterError
        The name ends in something else than ``.png``.
    """
    from xsurvey.errors import ParameterError

    if path is not None and path.suffix.lower() not in ("", ".png"):
        raise ParameterError(option, f"draws PNG files, and not '{path.suffix}'", "end it in .png")


def check_fits(path: Path | None, instead: str = "") -> None:
    """Check that a FITS file that ``-o`` names is not named as another kind of file.

    Parameters
    ----------
    path : path or None
    instead : str
        What makes other kinds, for the remedy.

    Raises
    ------
    ParameterError
        The name ends as that of a picture, a text or another table.
    """
    from xsurvey.errors import ParameterError

    if path is not None and path.suffix.lower() in _NOT_FITS:
        remedy = f"end it in .fits{instead and '; '}{instead}"
        raise ParameterError("--output", f"is a FITS file, and not '{path.suffix}'", remedy)


def show_result(
    lines: Iterable[str], json_path: Path | None, result: dict[str, Any], notes: Iterable[str] = ()
) -> None:
    """Print a command's result and what is to be noted of it, and write it as JSON if asked for.

    The JSON is written whatever becomes of what is printed: nobody may read that to its end.
    """
    from xsurvey.errors import printable

    try:
        for line in lines:
            click.echo(line)
        for note in notes:
            click.echo(f"xsurvey: note: {printable(note)}", err=True)
    finally:
        write_json(json_path, result)


def write_json(path: Path | None, result: dict[str, Any]) -> None:
    """Write a command's result as strict JSON (null, never NaN) to ``path`` if one is given."""
    if path is None:
        return
    from xsurvey.io.atomic import atomic_output
    from xsurvey.io.json_values import finite

    with atomic_output(path) as temporary:
        temporary.write_text(json.dumps(finite(result), indent=2, allow_nan=False) + "\n")


json_option = click.option(
    "--json", "json_path", type=click.Path(path_type=Path), metavar="FILE",
    help="Also write the result as JSON.",
)  # fmt: skip
