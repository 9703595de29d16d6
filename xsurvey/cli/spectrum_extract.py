"""``xsurvey spectrum extract``."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from xsurvey.apertures.aperture import ApertureParameters
from xsurvey.cli.inputs import events_argument, exposure_option
from xsurvey.cli.options import StepCommand, check_fits, json_option, show_result, step_options
from xsurvey.missions.selection import SelectionParameters
from xsurvey.spectra.extraction.parameters import ExtractionParameters

_FILE = click.Path(path_type=Path)


@click.command("extract", cls=StepCommand)
@events_argument
@click.option(
    "-o", "--output", required=True, type=_FILE, metavar="FILE",
    help="Spectrum to write (PHA). Background spectrum, effective area and matrix go beside it, "
    "as STEM_bkg.pha, STEM.arf and STEM.rmf.",
)  # fmt: skip
@click.option(
    "--region",
    type=_FILE,
    metavar="FILE",
    help="DS9 region file of the source, instead of a circle about --position.",
)
@click.option(
    "--background-region", type=_FILE, metavar="FILE",
    help="DS9 region file of the background, instead of an annulus.",
)  # fmt: skip
@click.option(
    "--exclude", type=_FILE, metavar="FILE",
    help="DS9 region file of what is cut out of both regions, such as other sources.",
)  # fmt: skip
@click.option(
    "--arf", type=_FILE, metavar="FILE",
    help="Effective area of all the detectors together; the mission's, on the optical axis, if not "
    "given. none leaves it out.",
)  # fmt: skip
@click.option(
    "--rmf", type=_FILE, metavar="FILE",
    help="Response matrix, whose channels are used; without one that of the mission, or Gaussian "
    "lines of its resolution, stamped RMFAPPR = 'APPROX'.",
)  # fmt: skip
@exposure_option
@step_options(ExtractionParameters, ApertureParameters, SelectionParameters)
@json_option
def extract_command(
    events: tuple[Path, ...], output: Path, region: Path | None, background_region: Path | None,
    exclude: Path | None, arf: Path | None, rmf: Path | None, exposure: Path | None,
    parameters: tuple[Any, ...], json_path: Path | None,
) -> None:  # fmt: skip
    """Extract the spectrum of a source, its background and its responses.

    The source is in --region, or in a circle about --position with an annulus around it for the
    background. Several observations of it are extracted one by one and added up.

    EXPOSURE is the livetime of the detectors that see a region, BACKSCAL its exposed area in deg2,
    without masks, gaps and what lies beyond the field. Counts of coaligned detectors add up, their
    exposure is the mean: the effective area is that of all of them.

    \b
    Examples, a nebula with its background, and a point source:
      xsurvey spectrum extract events.fits -o nebula.pha --region nebula.reg \\
        --background-region sky.reg --exclude sources.reg
      xsurvey spectrum extract events.fits -o source.pha --position 150.05,2.22 \\
        --source-type point --rmf tm0.rmf --arf tm0.arf
    """
    from xsurvey.io.atomic import check_outputs
    from xsurvey.pipelines.spectra.extraction_files import (
        SpectrumInputs,
        product_paths,
        spectra_of_files,
        spectrum_summary,
        write_spectra,
    )

    check_fits(output, "`xsurvey spectrum fit --plot` draws spectra")
    inputs = SpectrumInputs(region, background_region, exclude, exposure, arf, rmf)
    products = product_paths(output)
    check_outputs([*products.values(), json_path], [*events, *inputs.files()])
    extraction, where, selection = parameters
    spectra = spectra_of_files(events, extraction, where, selection, inputs)
    written = write_spectra(spectra, output, [*events, *inputs.files()], parameters)
    summary = spectrum_summary(spectra)
    result = {"files": {k: str(v) for k, v in written.items()}, **summary}
    show_result(_lines(output, summary, written), json_path, result, spectra.warnings)


def _lines(output: Path, summary: dict[str, Any], written: Mapping[str, Path]) -> Iterator[str]:
    yield (
        f"{output}: {summary['counts']} counts in {summary['exposure_s']:.6g} s, "
        f"{summary['exposed_area_deg2'] * 3600:.5g} arcmin2"
    )
    if (behind := summary["background"]) is not None:
        yield (
            f"{written['background']}: {behind['counts']} counts in {behind['exposure_s']:.6g} s, "
            f"{behind['exposed_area_deg2'] * 3600:.5g} arcmin2, scaled by {behind['scale']:.4g}"
        )
    for name in ("arf", "rmf"):
        if name in written:
            yield f"{written[name]}: {summary['responses'][name]}"
