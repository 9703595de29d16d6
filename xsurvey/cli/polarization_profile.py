"""``xsurvey polarization profile``."""

import math
from pathlib import Path
from typing import Any

import click

from xsurvey.cli.inputs import events_argument, region_option
from xsurvey.cli.options import (
    StepCommand,
    WholeNumber,
    check_fits,
    check_png,
    json_option,
    show_result,
    step_options,
)
from xsurvey.missions.selection import SelectionParameters
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.polarization.space.map_parameters import RadialParameters


@click.command("profile", cls=StepCommand)
@events_argument
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE",
    help="Table of annuli and sectors to write (FITS).",
)  # fmt: skip
@click.option(
    "--figure", type=click.Path(path_type=Path), metavar="FILE", help="Also draw it (PNG)."
)
@region_option
@click.option(
    "--background-region", type=click.Path(path_type=Path), metavar="FILE",
    help="DS9 region file of the background, which is subtracted from every annulus.",
)  # fmt: skip
@click.option("--seed", type=WholeNumber(0), default=0, show_default=True, help="Random seed.")
@step_options(RadialParameters, PolarizationParameters, SelectionParameters)
@json_option
def profile_command(
    events: tuple[Path, ...], output: Path | None, figure: Path | None, region: Path | None,
    background_region: Path | None, seed: int, parameters: tuple[Any, ...], json_path: Path | None,
) -> None:  # fmt: skip
    """Measure polarization in annuli and sectors, along and across radial or other directions.

    EVENTS are the files of the detector units of one observation, which are added up. The Stokes
    parameters of each event are turned to the direction of the model at its place: Q'/I is the
    polarization along it, negative across it, U'/I that at 45 degrees.

    \b
    Examples:
      xsurvey polarization profile remnant_du?.fits --center 350.866,58.811 \\
          --edges 0,1,2,3arcmin --figure profile.png
      xsurvey polarization profile remnant_du?.fits --center 350.866,58.811 \\
          --edges 1.5,3arcmin --sectors 4 --model tangential -o profile.fits --json profile.json
    """
    from xsurvey.io.atomic import check_outputs
    from xsurvey.pipelines.polarization.radial_files import profile_of_event_files

    radial, cube, selection = parameters
    check_fits(output)
    check_png("--figure", figure)
    check_outputs(
        [output, figure, json_path], [*events, region, background_region, radial.model_map]
    )
    summary = profile_of_event_files(
        events, cube, radial, selection, region=region, background_region=background_region,
        output=output, figure=figure, seed=seed,
    )  # fmt: skip
    show_result(_lines(summary), json_path, summary, summary["notes"])


def _lines(summary: dict[str, Any]) -> list[str]:
    from xsurvey.cli.polarization_map import trials_line

    lines = [
        "radius (arcmin)  angles (deg)  energy (keV)   counts      Q'/I   error     U'/I   error"
        "      PD  MDP99  sigma"
    ]
    for one in summary["annuli"]:
        errors = [math.sqrt(one[f"aligned_{n}_norm_variance"]) for n in ("q", "u")]
        radius = f"{one['radius_min'] / 60:.3f}-{one['radius_max'] / 60:.3f}"
        angles = f"{one['angle_min']:g}-{one['angle_max']:g}"
        energy = f"{one['energy_min']:g}-{one['energy_max']:g}"
        lines.append(
            f"{radius:<15}  {angles:<12}  {energy:<12} {one['counts']:>8.0f} "
            f"{_number(one['aligned_q_norm'], 9)} {_number(errors[0], 7)} "
            f"{_number(one['aligned_u_norm'], 8)} {_number(errors[1], 7)} "
            f"{_number(one['aligned_pd'], 7)} {_number(one['mdp99'], 6)} "
            f"{_number(one['aligned_significance'], 6, 2)}"
        )
    for one in summary["total_aligned"]:
        lines.append(
            f"all, {one['energy_min']:g}-{one['energy_max']:g} keV: Q'/I "
            f"{_number(one['q_norm'], 0, 4)} +- {_number(math.sqrt(one['q_norm_variance']), 0, 4)} "
            f"({_number(one['alignment_sigma'], 0, 2)} sigma along), U'/I "
            f"{_number(one['u_norm'], 0, 4)} +- {_number(math.sqrt(one['u_norm_variance']), 0, 4)}"
        )
    if summary["most_significant"] is not None:
        lines.append(f"most significant, {trials_line(summary['trials'])}")
    lines.append(f"responses: {summary['responses']['name']} ({summary['responses']['reason']})")
    return lines


def _number(value: float, width: int, digits: int = 3) -> str:
    return f"{value:>{width}.{digits}f}" if math.isfinite(value) else f"{'-':>{width}}"
