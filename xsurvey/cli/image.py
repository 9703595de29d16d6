"""``xsurvey image``."""

from pathlib import Path
from typing import Any

import click

from xsurvey.cli.inputs import events_argument, exposure_option, region_option
from xsurvey.cli.options import check_fits, json_option, show_result, step_options
from xsurvey.imaging.parameters import ImageParameters
from xsurvey.missions.selection import SelectionParameters
from xsurvey.profiles.exposure_spectrum import ExposureMapParameters


@click.command()
@events_argument
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), metavar="FILE",
    help="Counts image to write.",
)  # fmt: skip
@click.option(
    "--exposure-output", type=click.Path(path_type=Path), metavar="FILE",
    help="Also write the exposure map.",
)  # fmt: skip
@exposure_option
@region_option
@click.option("--band", multiple=True, metavar="KEV", help="Energy range, as an image band.")
@step_options(ImageParameters, SelectionParameters, ExposureMapParameters)
@json_option
def image_command(
    events: tuple[Path, ...], output: Path, exposure_output: Path | None, exposure: Path | None,
    region: Path | None, band: tuple[str, ...], parameters: tuple[Any, ...], json_path: Path | None,
) -> None:  # fmt: skip
    """Make a counts image of an observation; --exposure-output writes its exposure map too.

    \b
    Examples, 2-7 keV in pixels of 2 arcsec, and one group of detectors:
      xsurvey image events.fits -o hard.fits --band 2-7 --pixel-size 2arcsec
      xsurvey image em01_080156_020_EventList_c010.fits.gz -o tm8.fits --detectors TM8
    """
    from xsurvey.errors import ParameterError
    from xsurvey.imaging.field import field_from_events
    from xsurvey.io.atomic import check_outputs
    from xsurvey.missions import get_mission
    from xsurvey.missions.selection import open_selected
    from xsurvey.profiles.weighted_exposure import weighted_exposure
    from xsurvey.regions import read_region_file

    imaging, selection, exposing = parameters
    try:
        wanted = [*imaging.image_band, *ImageParameters.read({"image_band": band}, "").image_band]
    except ParameterError as error:
        raise ParameterError("--band", error.cause, error.remedy) from None
    if len(wanted) > 1:
        raise ParameterError("--band", "is given more than once", "make one image at a time")
    for path in (output, exposure_output):
        check_fits(path, "the report of `xsurvey run` has pictures")
    check_outputs([output, exposure_output, json_path], [*events, exposure, region])
    event_list = open_selected(events, selection)
    mission = get_mission(event_list.observation.mission)
    if region is not None:
        event_list = event_list.in_region(read_region_file(region, event_list.wcs))
    chosen = wanted[0] if wanted else mission.bands[mission.detection_bands[0]]
    field = field_from_events(event_list, [chosen], imaging, exposure)
    label = next(iter(field.counts))
    image = field.counts[label]
    exposure_map, told = weighted_exposure(field, label, exposing.spectrum)
    if exposing.spectrum is not None and exposure_map is field.exposure[label] and not told:
        told = "the exposure map is not for a spectrum: it was given, or has no vignetting"
    image.write(output)
    if exposure_output is not None:
        exposure_map.write(exposure_output)
    counts = int(image.data.sum())
    line = (
        f"{output}: {counts} counts in {chosen} keV, {image.data.shape[1]} x "
        f"{image.data.shape[0]} pixels of {image.grid.pixel_size:.4g} arcsec"
    )
    notes = [*event_list.observation.warnings, *([told] if told else [])]
    show_result([line], json_path, {
        "file": str(output), "counts": counts, "band": list(chosen),
        "shape": list(image.data.shape), "pixel_size_arcsec": image.grid.pixel_size,
        # no place of a scan is seen for as long as the file lasts
        "livetime_s": None if event_list.observation.scanning else event_list.livetime,
        "exposure_map": exposure_map.stamps["EXPMAP"],
    }, notes)  # fmt: skip
