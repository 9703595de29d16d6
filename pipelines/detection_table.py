"""Detection in one observation, without an engine: what ``xsurvey detect`` does."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from xsurvey import __version__
from xsurvey.catalogs import write_fits
from xsurvey.detection.detect import band_labels, search_bands
from xsurvey.detection.fluxes import assumed_spectrum, field_factors
from xsurvey.detection.measure import detect_sources, measured_bands
from xsurvey.detection.parameters import DetectionParameters, PhotometryParameters
from xsurvey.errors import InputError, plain_ascii
from xsurvey.events import EventList
from xsurvey.imaging.field import Field, field_from_events, field_from_image
from xsurvey.imaging.parameters import ImageParameters
from xsurvey.imaging.sky_image import read_map_of
from xsurvey.io.fits_file import is_event_file
from xsurvey.missions import get_mission
from xsurvey.missions.selection import SelectionParameters, open_selected
from xsurvey.pipelines.source_products import false_keywords, flux_keywords
from xsurvey.pipelines.source_tables import source_tables
from xsurvey.pipelines.stack_stages import described_bands
from xsurvey.regions import RegionSet, read_region_file

_ACRONYM = "XSV"


def detect_in_file(
    paths: Sequence[Path], imaging: ImageParameters, detection: DetectionParameters,
    photometry: PhotometryParameters, selection: SelectionParameters, *, output: Path,
    exposure: Path | None = None, background: Path | None = None, region: Path | None = None,
) -> tuple[Table, dict[str, Any]]:  # fmt: skip
    """Detect and measure the sources of an observation or a counts image.

    Parameters
    ----------
    paths : sequence of path
        The event files of one observation, or one image.
    imaging, detection, photometry, selection : StepParameters
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
    path = paths[0]
    if is_event_file(path):
        events = open_selected(paths, selection)
        field = _field_of_events(events, imaging, detection, photometry, exposure)
    elif len(paths) > 1 or selection.detectors is not None:
        raise InputError(
            path, "is an image, which has neither other files nor detectors", "give it alone"
        )
    else:
        field = field_from_image(path, detection.band, exposure)
    first = next(iter(field.counts.values()))
    level = read_map_of(background, first) if background is not None else None
    inside = _region(region, field) if region is not None else None
    measured = detect_sources(
        field, detection, photometry, level, inside, field_factors(photometry)
    )
    joined = {
        "target": plain_ascii(path.name.split(".")[0]), "rows": measured.rows,
        "bands": measured.bands, "hardness": measured.hardness,
        "searched": described_bands(
            field, band_labels(field, search_bands(detection, field.mission))
        ),
    }  # fmt: skip
    table = source_tables([joined], _ACRONYM).sources
    exposure_kind = str(next(iter(field.exposure.values())).stamps.get("EXPMAP", "SUPPLIED"))
    header = {
        "CREATOR": f"xsurvey {__version__}", "EXPMAP": exposure_kind,
        "THRESH": (detection.threshold, "-ln P of TRUE sources"), "OBS_ID": field.obs_id,
        "INFILE": ", ".join(p.name for p in paths),
        **false_keywords([{"expected_false": measured.expected_false}]),
        **flux_keywords([{"flux_spectrum": assumed_spectrum(photometry)}]),
    }  # fmt: skip
    write_fits(table, output, header)
    false = measured.expected_false[1 if detection.marginal else 0]
    return table, _summary(table, field, detection, exposure_kind, output, false)


def _field_of_events(
    events: EventList, imaging: ImageParameters, detection: DetectionParameters,
    photometry: PhotometryParameters, exposure: Path | None,
) -> Field:  # fmt: skip
    mission = get_mission(events.observation.mission)
    searched = search_bands(detection, mission)
    bands = [*searched, *measured_bands(photometry, detection, mission)]
    return field_from_events(events, list(dict.fromkeys(bands)), imaging, exposure)


def _region(path: Path, field: Field) -> RegionSet:
    if field.events is not None:
        return read_region_file(path, field.events.wcs, "physical")
    return read_region_file(path, next(iter(field.counts.values())).grid.wcs, "image")


def _summary(
    table: Table,
    field: Field,
    detection: DetectionParameters,
    exposure_kind: str,
    output: Path,
    false: float,
) -> dict[str, Any]:
    true = int(sum(table["classification"] == "TRUE")) if len(table) else 0
    # what the headers made doubtful is told here too, not by `info` alone
    notes = list(field.events.observation.warnings) if field.events is not None else []
    if exposure_kind == "APPROX":
        notes.append(
            "the exposure map is approximate (EXPMAP = 'APPROX'); give one with --exposure"
        )
    if not field.timed:
        notes.append("the exposure is not known in seconds: rates are left empty")
    return {
        "file": str(output), "sources": len(table), "true": true, "marginal": len(table) - true,
        "threshold": detection.threshold, "bands": {k: list(v) for k, v in field.bands.items()},
        "expected_false": float(f"{false:.3g}") if np.isfinite(false) else None,
        "exposure_map": exposure_kind, "notes": notes,
    }  # fmt: skip
