"""``xsurvey spectrum``: extract and fit spectra."""

import click

from xsurvey.cli.lazy_group import CommandEntry, LazyGroup

COMMANDS = {
    "extract": CommandEntry(
        "xsurvey.cli.spectrum_extract", "Extract spectra and their responses from event files."
    ),
    "fit": CommandEntry("xsurvey.cli.spectrum_fit", "Fit models to spectra."),
}


@click.group("spectrum", cls=LazyGroup, entries=COMMANDS)
def spectrum_command() -> None:
    """Extract and fit spectra.

    Spectra and responses are OGIP files, which XSPEC and Sherpa open.
    """
