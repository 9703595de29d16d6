"""``xsurvey detect``."""

from pathlib import Path
from typing import Any

import click

from xsurvey.cli.inputs import exposure_option, region_option
from xsurvey.cli.options import StepCommand, check_fits, json_option, show_result, step_options
from xsurvey.detection.parameters import DetectionParameters, PhotometryParameters
from xsurvey.imaging.parameters import ImageParameters
from xsurvey.missions.selection import SelectionParameters


@click.command(cls=StepCommand)
@click.argument(
    "source", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="EVENTS...|IMAGE"
)
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), metavar="FILE",
    help="Source table to write (FITS).",
)  # fmt: skip
@exposure_option
@click.option(
    "--background",
    type=click.Path(path_type=Path),
    metavar="MAP",
    help="Expected background counts a pixel, on the pixels of the image. Estimated if not given.",
)
@region_option
@step_options(DetectionParameters, PhotometryParameters, ImageParameters, SelectionParameters)
@json_option
def detect_command(
    source: tuple[Path, ...], output: Path, exposure: Path | None, background: Path | None,
    region: Path | None, parameters: tuple[Any, ...], json_path: Path | None,
) -> None:  # fmt: skip
    """Find and measure the sources of an observation or a counts image.

    Maxima of a wavelet transform whose Poisson probability under the background is below
    exp(-threshold) are sources. They are measured in apertures fitted to the PSF, with
    68 % intervals and 95 % upper limits.

    \b
    Examples:
      xsurvey detect events.fits -o sources.fits
      xsurvey detect image.fits --exposure exposure.fits -o sources.fits --marginal
    """
    from xsurvey.io.atomic import check_outputs
    from xsurvey.pipelines.detection_table import detect_in_file

    detection, photometry, imaging, selection = parameters
    check_fits(output, "`xsurvey catalog export` writes other formats of it")
    check_outputs([output, json_path], [*source, exposure, background, region])
    table, summary = detect_in_file(
        source, imaging, detection, photometry, selection,
        exposure=exposure, background=background, region=region, output=output,
    )  # fmt: skip
    line = (
        f"{output}: {len(table)} sources ({summary['true']} TRUE, {summary['marginal']} MARGINAL)"
    )
    show_result([line], json_path, summary, summary["notes"])
