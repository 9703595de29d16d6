"""A group of commands that are imported when they are called."""

import importlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import click

from xsurvey.errors import nearest


class CommandEntry(NamedTuple):
    """Where a command lives, and its line in the help of its group (so nothing is imported).

    The command ``name`` is called ``name_command`` in its module, with an underscore for a hyphen.
    """

    module: str
    summary: str


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def __init__(self, *args: Any, entries: Mapping[str, CommandEntry], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.entries = entries

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the command names in the order of the table."""
        return list(self.entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command; an unknown name gets the nearest known ones."""
        if cmd_name not in self.entries:
            raise click.UsageError(f"no command '{cmd_name}'; {nearest(cmd_name, self.entries)}")
        module = importlib.import_module(self.entries[cmd_name].module)
        command: click.Command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in self.entries.items()])
