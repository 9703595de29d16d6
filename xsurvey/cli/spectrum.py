"""``xsurvey spectrum``: extract and fit spectra."""

import click

from xsurvey.cli.spectrum_extract import extract_command
from xsurvey.cli.spectrum_fit import fit_command


@click.group("spectrum")
def spectrum_command() -> None:
    """Extract spectra from event files.

    Spectra and responses are OGIP files, which XSPEC and Sherpa open.
    """


spectrum_command.add_command(extract_command)
spectrum_command.add_command(fit_command)
