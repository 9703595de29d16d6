"""``xsurvey polarization spectrum``."""

from pathlib import Path
from typing import Any

import click

from xsurvey.cli.inputs import events_argument, region_option
from xsurvey.cli.options import StepCommand, json_option, show_result, step_options
from xsurvey.missions.selection import SelectionParameters
from xsurvey.polarization.spectra.stokes_spectra_parameters import StokesSpectraParameters


@click.command("spectrum", cls=StepCommand)
@events_argument
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="PREFIX", required=True,
    help="How the names of all files begin: PREFIX_du1_i.pha, PREFIX_du1_bkg_i.pha, "
    "PREFIX_du1.arf, ...",
)  # fmt: skip
@region_option
@click.option(
    "--background-region", type=click.Path(path_type=Path), metavar="FILE",
    help="DS9 region file of the background, whose spectra are written too.",
)  # fmt: skip
@step_options(StokesSpectraParameters, SelectionParameters)
@json_option
def spectrum_command(
    events: tuple[Path, ...], output: Path, region: Path | None, background_region: Path | None,
    parameters: tuple[Any, ...], json_path: Path | None,
) -> None:  # fmt: skip
    """Make spectra of Stokes I, Q and U (OGIP PHA files) for polarization fit, or XSPEC.

    EVENTS are the files of the detector units of one observation. Of each unit I, Q and U are
    written, those of the background if there is one, the effective area (.arf), the modulation
    response (.mrf) and the redistribution matrix (.rmf), which the spectra name.

    \b
    Examples:
      xsurvey polarization spectrum pulsar_du?.fits -o pulsar --region source.reg \\
          --background-region annulus.reg
      xsurvey polarization fit pulsar_du?_[iqu].pha --model 'tbabs*(polconst*powerlaw)' \\
          --energy 2-8 --group min30
    """
    from xsurvey.pipelines.spectropolarimetry.spectra_files import stokes_spectra_of_files

    extraction, selection = parameters
    summary = stokes_spectra_of_files(
        events, output, extraction, selection, region=region, background_region=background_region,
        json_path=json_path,
    )  # fmt: skip
    show_result(_lines(summary), json_path, summary, summary["notes"])


def _lines(summary: dict[str, Any]) -> list[str]:
    lines = []
    for unit in summary["units"]:
        line = f"{unit['unit']}: {unit['counts']} counts in {unit['livetime_s']:.1f} s"
        if unit["background_counts"] is not None:
            line += (
                f", background: {unit['background_counts']} counts, scaled by "
                f"{unit['background_scale']:.4g}"
            )
        files = unit["files"]
        lines.append(f"{line}: {files['I']}, {files['Q']}, {files['U']}")
    responses = summary["responses"]
    lines.append(f"responses: {responses['name']} ({responses['reason']})")
    return lines
