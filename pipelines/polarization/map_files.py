"""Polarization maps: what ``xsurvey polarization map`` and the stage of maps do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from xsurvey.events import EventList
from xsurvey.io.atomic import atomic_output
from xsurvey.missions.selection import SelectionParameters, open_selected
from xsurvey.pipelines.polarization.named_regions import (
    NamedRegion,
    check_cells,
    files_of,
    name_of,
    region_of_file,
    regions_of,
)
from xsurvey.pipelines.polarization.provenance import header_of, history_of, record_of
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.polarization.space.map_images import write_map
from xsurvey.polarization.space.map_parameters import MapParameters
from xsurvey.polarization.space.maps import PolarizationMap, measure_map
from xsurvey.report.plate import png_bytes
from xsurvey.report.polarization_maps import map_figure

_CHANCE = 0.01


def map_of_files(
    paths: Sequence[Path], parameters: PolarizationParameters, mapping: MapParameters,
    selection: SelectionParameters, *, region: Path | None = None,
    background_region: Path | None = None, output: Path | None = None,
    figure: Path | None = None, vectors: float = 3.0, seed: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """Make a polarization map, write and draw it.

    Parameters
    ----------
    paths : sequence of path
        Event files of the units of one observation.
    parameters, mapping, selection : StepParameters
    region, background_region : path, optional
        DS9 files.
    output, figure : path, optional
        FITS and PNG files to write.
    vectors : float
        Sigma above which the figure has vectors.
    seed : int

    Returns
    -------
    dict
        For ``--json``.

    Raises
    ------
    InputError, ParameterError, MissingDataError
        As `map_of_events`.
    """
    check_cells(parameters, background_region is not None)
    events = open_selected(paths, selection)
    own, background = (region_of_file(one, events) for one in (region, background_region))
    history: list[str] = []
    if output is not None:
        inputs = [*paths, *files_of(own, background)]
        history = history_of(inputs, (parameters, mapping, selection))
    return map_of_events(
        events, parameters, mapping, region=own, background=background, output=output,
        figure=figure, vectors=vectors, seed=seed, history=history,
    )  # fmt: skip


def map_of_events(
    events: EventList, parameters: PolarizationParameters, mapping: MapParameters, *,
    region: NamedRegion | None = None, background: NamedRegion | None = None,
    output: Path | None = None, figure: Path | None = None, vectors: float = 3.0, seed: int = 0,
    history: Sequence[str] = (),
) -> dict[str, Any]:  # fmt: skip
    """Make a polarization map of events that are open, write and draw it.

    Parameters
    ----------
    events : EventList
        Of one observation.
    parameters, mapping : StepParameters
    region, background : NamedRegion, optional
    output, figure, vectors, seed
        As of `map_of_files`.
    history : sequence of str
        Lines of provenance: inputs and parameters.

    Returns
    -------
    dict
        For JSON.

    Raises
    ------
    InputError, ParameterError, MissingDataError
        As `measure_map`, or parameters that are not of maps.
    """
    check_cells(parameters, background is not None)
    found = measure_map(
        events, parameters, mapping, region=regions_of(region),
        background=regions_of(background), seed=seed,
    )  # fmt: skip
    if output is not None:
        header = header_of(events, found.modulation, parameters)
        if found.background_scale is not None:
            header["BKGSCALE"] = (found.background_scale, "of a pixel, to background region")
        write_map(
            output, found, parameters.acceptance_correction, header, [*history, f"seed = {seed}"]
        )
    if figure is not None:
        with atomic_output(figure) as temporary:
            temporary.write_bytes(png_bytes(map_figure(found, vectors)))
    return record_of(events, found.modulation, parameters) | _summary(
        found, events.observation.warnings, name_of(region), name_of(background)
    )


def _summary(
    found: PolarizationMap, warnings: Sequence[str], region: str | None, background: str | None
) -> dict[str, Any]:
    kernel = found.kernel
    return {
        "region": region,
        "background": None if found.background_scale is None else {
            "region": background, "scale": found.background_scale,
            "counts": [int(n) for n in found.background_counts]
            if found.background_counts is not None else None,
        },
        "shape": list(found.grid.shape), "pixel_size_arcsec": found.grid.pixel_size,
        "smoothing": None if kernel is None else {
            "shape": kernel.shape, "size_arcsec": kernel.size * found.grid.pixel_size,
            "beam_pixels": kernel.beam,
        },
        "blocks": None if found.label is None else len(found.used),
        "bins": [_bin_record(found, i) for i in range(found.used.shape[1])],
        "trials": found.trials.record(), "most_significant": _most_significant(found),
        "notes": [*warnings, *found.notes],
    }  # fmt: skip


def _bin_record(found: PolarizationMap, number: int) -> dict[str, Any]:
    """Return how many pixels of an energy bin were looked at, and exceed their MDP99."""
    used, bins = found.used[:, number], found.bins
    above = used & (bins.pd[:, number] > bins.mdp99[:, number])
    return {
        "energy_min": float(bins.energy_min[number]), "energy_max": float(bins.energy_max[number]),
        "pixels": int(used.sum()), "above_mdp99": int(above.sum()),
        "above_mdp99_expected_by_chance": _CHANCE * int(used.sum()),
    }  # fmt: skip


def _most_significant(found: PolarizationMap) -> dict[str, Any] | None:
    cell, number = found.trials.cell, found.trials.bin
    if cell < 0:
        return None
    bins = found.bins
    position = found.position(cell)
    record = {
        name: float(getattr(bins, name)[cell, number])
        for name in ("counts", "pd", "pd_err", "pa_deg", "pa_err_deg", "mdp99")
    }
    record["significance"] = float(np.asarray(bins.significance)[cell, number])
    return {
        "ra": position.ra, "dec": position.dec, "energy_min": float(bins.energy_min[number]),
        "energy_max": float(bins.energy_max[number]), **record,
    }  # fmt: skip
