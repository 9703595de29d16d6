"""``xsurvey sed``: spectral energy distributions, and X-ray points for them."""

import click

from xsurvey.cli.lazy_group import CommandEntry, LazyGroup

COMMANDS = {
    "fit": CommandEntry(
        "xsurvey.cli.sed_fit", "Fit radiative models to spectral energy distributions."
    ),
    "points": CommandEntry(
        "xsurvey.cli.sed_points", "Make flux points of X-ray spectra, without absorption."
    ),
    "simulate": CommandEntry(
        "xsurvey.cli.sed_simulate", "Write simulated flux points and polarization."
    ),
}


@click.group("sed", cls=LazyGroup, entries=COMMANDS)
def sed_command() -> None:
    """Fit and simulate spectral energy distributions of blazars, and make X-ray points for them.

    Tables are ECSV, FITS or CSV files of flux points with units, as of gammapy, agnpy and jetset.
    """
