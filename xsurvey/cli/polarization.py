"""``xsurvey polarization``: polarization from the events of polarimeters."""

import click

from xsurvey.cli.lazy_group import CommandEntry, LazyGroup

COMMANDS = {
    "map": CommandEntry("xsurvey.cli.polarization_map", "Map polarization and its significance."),
    "pcube": CommandEntry("xsurvey.cli.polarization_pcube", "Measure polarization in energy bins."),
    "profile": CommandEntry(
        "xsurvey.cli.polarization_profile", "Measure polarization in annuli and sectors."
    ),
    "spectrum": CommandEntry(
        "xsurvey.cli.polarization_spectrum", "Make spectra of Stokes I, Q and U."
    ),
    "fit": CommandEntry("xsurvey.cli.polarization_fit", "Fit polarized models to Stokes spectra."),
    "test": CommandEntry(
        "xsurvey.cli.polarization_test", "Test constancy, rotation, phases, and known angles."
    ),
    "simulate-series": CommandEntry(
        "xsurvey.cli.polarization_series", "Write a simulated optical series."
    ),
}


@click.group("polarization", cls=LazyGroup, entries=COMMANDS)
def polarization_command() -> None:
    """Measure X-ray polarization.

    Degrees are fractions, angles degrees north through east.
    """
