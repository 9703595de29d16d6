"""``xsurvey sed``: fit spectral energy distributions."""

import click

from xsurvey.cli.lazy_group import CommandEntry, LazyGroup

COMMANDS = {
    "fit": CommandEntry(
        "xsurvey.cli.sed_fit", "Fit radiative models to spectral energy distributions."
    ),
    "simulate": CommandEntry(
        "xsurvey.cli.sed_simulate", "Write simulated flux points and polarization."
    ),
}


@click.group("sed", cls=LazyGroup, entries=COMMANDS)
def sed_command() -> None:
    """Fit spectral energy distributions of blazars.

    Tables are ECSV, FITS or CSV files of flux points with units, as of gammapy, agnpy and jetset.
    """
