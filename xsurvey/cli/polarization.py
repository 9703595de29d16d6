"""``xsurvey polarization``: polarization from the events of polarimeters."""

import click

from xsurvey.cli.lazy_group import CommandEntry, LazyGroup

COMMANDS = {
    "pcube": CommandEntry("xsurvey.cli.polarization_pcube", "Measure polarization in energy bins."),
}


@click.group("polarization", cls=LazyGroup, entries=COMMANDS)
def polarization_command() -> None:
    """Measure X-ray polarization.

    Degrees are fractions, angles degrees north through east.
    """
