"""Detection in one file, without an engine: what ``xsurvey detect`` does."""

from pathlib import Path
from typing import Any

from astropy.table import Table

from xsurvey import __version__
from xsurvey.catalogs import write_fits
from xsurvey.detection.detect import search_bands
from xsurvey.detection.measure import detect_sources, measured_bands
from xsurvey.detection.parameters import DetectionParameters, PhotometryParameters
from xsurvey.imaging.field import Field, field_from_events, field_from_image
from xsurvey.imaging.parameters import ImageParameters
from xsurvey.imaging.sky_image import read_map_of
from xsurvey.io.fits_file import is_event_file
from xsurvey.missions import get_mission, open_events
from xsurvey.pipelines.source_products import source_table
from xsurvey.regions import RegionSet, read_region_file

_ACRONYM = "XSV"


def detect_in_file(
    path: Path, imaging: ImageParameters, detection: DetectionParameters,
    photometry: PhotometryParameters, *, output: Path, exposure: Path | None = None,
    background: Path | None = None, region: Path | None = None,
) -> tuple[Table, dict[str, Any]]:  # fmt: skip
    """Detect and measure the sources of an event file or a counts image.

    Parameters
    ----------
    path : path
        Events or image.
    imaging, detection, photometry : StepParameters
    output : path
        FITS table to write.
    exposure, background, region : path, optional
        Maps on the pixels of the image, and a DS9 file.

    Returns
    -------
    table : astropy.table.Table
    summary : dict
        For ``--json``.
    """
    if is_event_file(path):
        field = _field_of_events(path, imaging, detection, photometry, exposure)
    else:
        field = field_from_image(path, detection.band, exposure)
    first = next(iter(field.counts.values()))
    level = read_map_of(background, first) if background is not None else None
    inside = _region(region, field) if region is not None else None
    measured = detect_sources(field, detection, photometry, level, inside)
    joined = {
        "target": path.name.split(".")[0], "rows": measured.rows, "bands": measured.bands,
        "hardness": measured.hardness,
    }  # fmt: skip
    table = source_table([joined], _ACRONYM)
    exposure_kind = str(next(iter(field.exposure.values())).stamps.get("EXPMAP", "SUPPLIED"))
    header = {
        "CREATOR": f"xsurvey {__version__}", "EXPMAP": exposure_kind,
        "THRESH": (detection.threshold, "-ln P of TRUE sources"), "OBS_ID": field.obs_id,
        "INFILE": path.name,
    }  # fmt: skip
    write_fits(table, output, header)
    return table, _summary(table, field, detection, exposure_kind, output)


def _field_of_events(
    path: Path, imaging: ImageParameters, detection: DetectionParameters,
    photometry: PhotometryParameters, exposure: Path | None,
) -> Field:  # fmt: skip
    events = open_events(path)
    mission = get_mission(events.observation.mission)
    searched = search_bands(detection, mission)
    bands = [*searched, *measured_bands(photometry, detection, mission)]
    return field_from_events(events, list(dict.fromkeys(bands)), imaging, exposure)


def _region(path: Path, field: Field) -> RegionSet:
    if field.events is not None:
        return read_region_file(path, field.events.wcs, "physical")
    return read_region_file(path, next(iter(field.counts.values())).grid.wcs, "image")


def _summary(
    table: Table, field: Field, detection: DetectionParameters, exposure_kind: str, output: Path
) -> dict[str, Any]:
    true = int(sum(table["classification"] == "TRUE")) if len(table) else 0
    # what the headers made doubtful is told here too, not by `info` alone
    notes = list(field.events.observation.warnings) if field.events is not None else []
    if exposure_kind == "APPROX":
        notes.append(
            "the exposure map is approximate (EXPMAP = 'APPROX'); give one with --exposure"
        )
    if not field.timed:
        notes.append("the image has no EXPOSURE: rates are left empty")
    return {
        "file": str(output), "sources": len(table), "true": true, "marginal": len(table) - true,
        "threshold": detection.threshold, "bands": {k: list(v) for k, v in field.bands.items()},
        "exposure_map": exposure_kind, "notes": notes,
    }  # fmt: skip
