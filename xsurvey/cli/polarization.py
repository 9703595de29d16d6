"""``xsurvey polarization``: polarization from the events of polarimeters."""

import click

from xsurvey.cli.lazy_group import CommandEntry, LazyGroup

COMMANDS = {
    "fit": CommandEntry("xsurvey.cli.polarization_fit", "Fit polarized models to Stokes spectra."),
}


@click.group("polarization", cls=LazyGroup, entries=COMMANDS)
def polarization_command() -> None:
    """Measure X-ray polarization.

    Degrees are fractions, angles degrees north through east.
    """
