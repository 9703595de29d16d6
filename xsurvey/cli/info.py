"""``xsurvey info``."""

from pathlib import Path

import click

from xsurvey.cli.inputs import event_argument
from xsurvey.cli.options import json_option, write_json


@click.command()
@event_argument
@json_option
def info_command(events: Path, json_path: Path | None) -> None:
    """Describe an event file: what was observed, what passes the standard filter, what is odd.

    \b
    Example:
      xsurvey info acisf00754_evt2.fits.gz
    """
    from xsurvey.errors import printable
    from xsurvey.imaging.summary import summarise
    from xsurvey.io.atomic import check_outputs
    from xsurvey.missions import open_events

    check_outputs([json_path], [events])
    summary = summarise(open_events(events))
    for label, value in summary.lines():
        click.echo(f"{label + ':':<18}{printable(value)}")
    for warning in summary.warnings:
        click.echo(f"{'warning:':<18}{printable(warning)}")
    write_json(json_path, summary.as_json())
