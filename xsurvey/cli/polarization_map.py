"""``xsurvey polarization map``."""

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
from xsurvey.polarization.space.map_parameters import MapParameters


@click.command("map", cls=StepCommand)
@events_argument
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), metavar="FILE",
    help="Images to write (FITS), cubes along energy where there are several bins.",
)  # fmt: skip
@click.option(
    "--figure", type=click.Path(path_type=Path), metavar="FILE",
    help="Also draw intensity with vectors, and the significance beside (PNG).",
)  # fmt: skip
@click.option(
    "--vectors", type=click.FloatRange(0), default=3.0, show_default=True, metavar="SIGMA",
    help="Significance of a pixel above which the figure has a vector.",
)  # fmt: skip
@region_option
@click.option(
    "--background-region", type=click.Path(path_type=Path), metavar="FILE",
    help="DS9 region file of the background, which is subtracted from every pixel.",
)  # fmt: skip
@click.option("--seed", type=WholeNumber(0), default=0, show_default=True, help="Random seed.")
@step_options(PolarizationParameters, MapParameters, SelectionParameters)
@json_option
def map_command(
    events: tuple[Path, ...], output: Path, figure: Path | None, vectors: float,
    region: Path | None, background_region: Path | None, seed: int, parameters: tuple[Any, ...],
    json_path: Path | None,
) -> None:  # fmt: skip
    """Map polarization, with the significance of every pixel.

    EVENTS are the files of the detector units of one observation, which are added up. Pixels with
    too few events have no polarization. How improbable the most significant pixel is among all
    that were looked at is printed, and stands in the header and in the JSON.

    \b
    Examples:
      xsurvey polarization map nebula_du?.fits -o map.fits --pixel-size 26arcsec --figure map.png
      xsurvey polarization map nebula_du?.fits -o map.fits --ebins 2,4,8 --pixel-size 13arcsec \\
          --smoothing tophat --smoothing-size 30arcsec --simulations 1000
    """
    from xsurvey.io.atomic import check_outputs
    from xsurvey.pipelines.polarization.map_files import map_of_files

    cube, mapping, selection = parameters
    check_fits(output)
    check_png("--figure", figure)
    check_outputs([output, figure, json_path], [*events, region, background_region])
    summary = map_of_files(
        events, cube, mapping, selection, region=region, background_region=background_region,
        output=output, figure=figure, vectors=vectors, seed=seed,
    )  # fmt: skip
    show_result(_lines(summary, output), json_path, summary, summary["notes"])


def _lines(summary: dict[str, Any], output: Path) -> list[str]:
    ny, nx = summary["shape"]
    lines = [f"{output}: {nx} x {ny} pixels of {summary['pixel_size_arcsec']:.4g} arcsec"]
    if summary["smoothing"] is not None:
        smooth = summary["smoothing"]
        lines[0] += f", smoothed ({smooth['shape']}, {smooth['size_arcsec']:.4g} arcsec)"
    if summary["blocks"] is not None:
        lines[0] += f", in {summary['blocks']} blocks"
    lines.extend(
        f"{one['energy_min']:g}-{one['energy_max']:g} keV: {one['pixels']} pixels with enough "
        f"events, {one['above_mdp99']} above their MDP99, of which "
        f"{one['above_mdp99_expected_by_chance']:.2g} are expected by chance"
        for one in summary["bins"]
    )
    best = summary["most_significant"]
    if best is not None:
        trials = summary["trials"]
        lines.append(
            f"most significant: {best['ra']:.5f},{best['dec']:+.5f}, {best['energy_min']:g}-"
            f"{best['energy_max']:g} keV: PD {best['pd']:.3f} +- {best['pd_err']:.3f}, PA "
            f"{best['pa_deg']:.1f} +- {best['pa_err_deg']:.1f} deg, {best['significance']:.2f} "
            "sigma"
        )  # fmt: skip
        lines.append(trials_line(trials))
    lines.append(f"responses: {summary['responses']['name']} ({summary['responses']['reason']})")
    return lines


def trials_line(trials: dict[str, Any]) -> str:
    """Return in words how improbable the most significant cell is."""
    line = (
        f"after {trials['effective_trials']:.4g} trials: p = {trials['p_global']:.3g} "
        f"({trials['sigma_global']:.2f} sigma)"
    )
    if trials["beams"] < trials["cells"]:
        line += f", of {trials['beams']:.3g} beams in {trials['cells']} pixels"
    if trials["simulations"]:
        line += f"; p = {trials['p_global_simulated']:.3g} by {trials['simulations']} simulations"
    return line
