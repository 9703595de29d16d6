"""``xsurvey lightcurve``."""

from pathlib import Path
from typing import Any

import click

from xsurvey.apertures.aperture import ApertureParameters
from xsurvey.cli.inputs import region_option
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
from xsurvey.timing.parameters import LightCurveParameters, VariabilityParameters


@click.command(cls=StepCommand)
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE..."
)
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), metavar="FILE",
    help="Light curve to write (OGIP, FITS).",
)  # fmt: skip
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE", help="Also draw it (PNG).")
@click.option("--seed", type=WholeNumber(0), default=0, show_default=True, help="Random seed.")
@region_option
@click.option(
    "--background-region", type=click.Path(path_type=Path), metavar="FILE",
    help="DS9 region file of the background, instead of an annulus.",
)  # fmt: skip
@step_options(LightCurveParameters, VariabilityParameters, ApertureParameters, SelectionParameters)
@json_option
def lightcurve_command(
    files: tuple[Path, ...], output: Path, region: Path | None, background_region: Path | None,
    plot: Path | None, seed: int, parameters: tuple[Any, ...], json_path: Path | None,
) -> None:  # fmt: skip
    """Make a light curve and test whether the source varies.

    FILE is an event file (or several, of one observation's units), whose source is at --position
    or in --region; without either, the light curve is that of the whole field. Or FILE is a light
    curve with counts and exposures, of a source (table RATE) or of a field (table LIGHTCRV);
    several that follow each other are joined. Bins of a survey scan are its visits.

    Rates are background subtracted and get 68 % intervals and upper limits; constancy is tested by
    simulation, which holds at few counts too.

    \b
    Examples, a source in events, and the visits of a survey's light curve:
      xsurvey lightcurve events.fits -o lc.fits --position 150.05,2.22 --bin-size 500s
      xsurvey lightcurve source.fits -o visits.fits --visit-gap 1h --plot visits.png
    """
    from xsurvey.io.atomic import check_outputs
    from xsurvey.pipelines.light_curve_file import light_curve_of_files

    check_fits(output, "--plot draws it")
    check_outputs([output, plot, json_path], [*files, region, background_region])
    check_png("--plot", plot)
    curve, summary = light_curve_of_files(
        files, *parameters, output=output, region=region, background_region=background_region,
        plot=plot, seed=seed,
    )  # fmt: skip
    lines = [f"{output}: {len(curve)} bins", *(_line(band) for band in summary["bands"])]
    show_result(lines, json_path, summary, summary["notes"])


def _line(band: dict[str, Any]) -> str:
    """Return one band of the summary in words."""
    from xsurvey.timing.measure import Variability

    rate = band["mean_rate"]
    unit = " keV" if band["band"][:1].isdigit() else ""
    return (
        f"{band['band']}{unit}: {int(band['counts'])} counts, {rate['value']:.4g} "
        f"({rate['lower']:.4g} to {rate['upper']:.4g}) {rate['unit']}, "
        f"{Variability(**band['variability']).verdict()}"
    )
