"""``xsurvey info``."""

from pathlib import Path

import click

from xsurvey.cli.inputs import events_argument
from xsurvey.cli.options import json_option, show_result, step_options
from xsurvey.missions.selection import SelectionParameters


@click.command()
@events_argument
@step_options(SelectionParameters)
@json_option
def info_command(
    events: tuple[Path, ...], parameters: SelectionParameters, json_path: Path | None
) -> None:
    """Describe an observation: what was observed, what passes the standard filter, what is odd.

    Several files are the units of one observation, such as detectors that have a file each.

    \b
    Examples:
      xsurvey info acisf00754_evt2.fits.gz
      xsurvey info ixpe02009001_det?_evt2_v01.fits.gz
    """
    from xsurvey.errors import printable
    from xsurvey.imaging.summary import summarise
    from xsurvey.io.atomic import check_outputs
    from xsurvey.missions.selection import open_selected

    check_outputs([json_path], events)
    summary = summarise(open_selected(events, parameters))
    labelled = [*summary.lines(), *(("warning", text) for text in summary.warnings)]
    lines = (f"{label + ':':<18}{printable(value)}" for label, value in labelled)
    show_result(lines, json_path, summary.as_json())
