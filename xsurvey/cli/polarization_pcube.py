"""``xsurvey polarization pcube``."""

import math
from pathlib import Path
from typing import Any

import click

from xsurvey.cli.inputs import events_argument, region_option
from xsurvey.cli.options import StepCommand, check_fits, json_option, show_result, step_options
from xsurvey.missions.selection import SelectionParameters
from xsurvey.polarization.parameters import PolarizationParameters


@click.command("pcube", cls=StepCommand)
@events_argument
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE",
    help="Table of the bins to write (FITS).",
)  # fmt: skip
@region_option
@click.option(
    "--background-region", type=click.Path(path_type=Path), metavar="FILE",
    help="DS9 region file of the background, which is subtracted.",
)  # fmt: skip
@step_options(PolarizationParameters, SelectionParameters)
@json_option
def pcube_command(
    events: tuple[Path, ...], output: Path | None, region: Path | None,
    background_region: Path | None, parameters: tuple[Any, ...], json_path: Path | None,
) -> None:  # fmt: skip
    """Measure the polarization of a source in energy bins.

    EVENTS are the files of the detector units of one observation, which are added up. Limits are
    99 % and 99.73 % upper limits of the degree, significance is against no polarization.

    \b
    Examples:
      xsurvey polarization pcube pulsar_du?.fits --ebins 2,4,6,8 --json bins.json
      xsurvey polarization pcube pulsar_du?.fits --region source.reg \\
          --background-region annulus.reg --weighted -o bins.fits
    """
    from xsurvey.io.atomic import check_outputs
    from xsurvey.pipelines.polarization.cube_files import polarization_of_files

    check_fits(output)
    check_outputs([output, json_path], [*events, region, background_region])
    cube, selection = parameters
    summary = polarization_of_files(
        events, cube, selection, region=region, background_region=background_region, output=output
    )
    show_result(_lines(summary), json_path, summary, summary["notes"])


def _lines(summary: dict[str, Any]) -> list[str]:
    """Return a table of the bins, and what responses they rest on."""
    lines = [
        "energy (keV)    counts       PD  error   PA (deg)  error  sigma  MDP99  99 % limit"
        "  99.73 %"
    ]
    for one in summary["bins"]:
        energy = f"{one['energy_min']:g}-{one['energy_max']:g}"
        lines.append(
            f"{energy:<12} {one['counts']:>9} {_number(one['pd'], 8, 4)} "
            f"{_number(one['pd_err'], 6, 4)} {_number(one['pa_deg'], 10, 2)} "
            f"{_number(one['pa_err_deg'], 6, 2)} {_number(one['significance'], 6, 2)} "
            f"{_number(one['mdp99'], 6, 4)} {_number(one['pd_upper_99'], 11, 4)} "
            f"{_number(one['pd_upper_9973'], 8, 4)}"
        )
    background = summary["background"]
    if background is not None:
        lines.append(
            f"background: {background['counts']} counts, scaled by {background['scale']:.4g}"
        )
    responses = summary["responses"]
    lines.append(f"responses: {responses['name']} ({responses['reason']})")
    return lines


def _number(value: float | None, width: int, digits: int) -> str:
    known = value is not None and math.isfinite(value)
    return f"{value:>{width}.{digits}f}" if known else f"{'-':>{width}}"
