"""Polarization in energy bins without an engine: what ``xsurvey polarization pcube`` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xsurvey.events import EventList
from xsurvey.missions.selection import SelectionParameters, open_selected
from xsurvey.pipelines.polarization.named_regions import check_scale, regions_of_files
from xsurvey.pipelines.polarization.provenance import header_of, history_of, record_of
from xsurvey.polarization.cube_table import write_cube
from xsurvey.polarization.measure import PolarizationCube, measure_polarization
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.polarization.records import records_of_bins


def polarization_of_files(
    paths: Sequence[Path], parameters: PolarizationParameters, selection: SelectionParameters, *,
    region: Path | None = None, background_region: Path | None = None, output: Path | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Measure the polarization of a source, and write it.

    Parameters
    ----------
    paths : sequence of path
        Event files of the units of one observation.
    parameters, selection : StepParameters
    region, background_region : path, optional
        DS9 files.
    output : path, optional
        FITS table to write.

    Returns
    -------
    dict
        For ``--json``.

    Raises
    ------
    InputError, ParameterError, MissingDataError
        As `measure_polarization`, or a scale without a background.
    """
    check_scale(parameters, background_region is not None)
    events = open_selected(paths, selection)
    regions = regions_of_files(events, region, background_region)
    cube = measure_polarization(events, parameters, *regions)
    if output is not None:
        header = header_of(events, cube.modulation, parameters)
        if cube.background_scale is not None:
            header["BKGSCALE"] = (cube.background_scale, "of the background region")
        write_cube(
            output, cube.bins, parameters.acceptance_correction,
            header, history_of([*paths, region, background_region], (parameters, selection)),
        )  # fmt: skip
    return polarization_summary(events, cube, parameters, region, background_region)


def polarization_summary(
    events: EventList, cube: PolarizationCube, parameters: PolarizationParameters,
    region: Path | None, background_region: Path | None,
) -> dict[str, Any]:  # fmt: skip
    """Return the numbers of a measurement, for ``--json``."""
    observation, modulation = events.observation, cube.modulation
    bins = records_of_bins(cube.bins)
    background = None
    if cube.background_counts is not None:
        background = {
            "region": str(background_region), "scale": cube.background_scale,
            "counts": int(cube.background_counts.sum()),
        }  # fmt: skip
        for record, counts in zip(bins, cube.background_counts, strict=True):
            record["background_counts"] = int(counts)
    return record_of(events, modulation, parameters) | {
        "region": None if region is None else str(region), "background": background,
        "bins": bins, "notes": [*observation.warnings, *cube.notes],
    }  # fmt: skip
