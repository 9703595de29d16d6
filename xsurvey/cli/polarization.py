"""``xsurvey polarization``: Stokes parameters of events and of spectra."""

import click

from xsurvey.cli.lazy_group import CommandEntry, LazyGroup

COMMANDS = {
    "fit": CommandEntry("xsurvey.cli.polarization_fit", "Fit models to Stokes spectra."),
}


@click.group("polarization", cls=LazyGroup, entries=COMMANDS)
def polarization_command() -> None:
    """Measure the polarization of X-rays."""
