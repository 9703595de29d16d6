"""Polarization maps without an engine: what ``xsurvey polarization map`` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from xsurvey.errors import ParameterError
from xsurvey.io.atomic import atomic_output
from xsurvey.missions.selection import SelectionParameters, open_selected
from xsurvey.pipelines.polarization.provenance import header_of, history_of, record_of
from xsurvey.polarization.map_images import write_map
from xsurvey.polarization.map_parameters import MapParameters
from xsurvey.polarization.maps import PolarizationMap, measure_map
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.regions import read_region_file
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
        As `measure_map`, or a scale without a background.
    """
    if parameters.background_scale is not None and background_region is None:
        raise ParameterError(
            "background_scale", "is given without a background", "give --background-region too"
        )
    events = open_selected(paths, selection)
    regions = [
        None if one is None else read_region_file(one, events.wcs)
        for one in (region, background_region)
    ]
    found = measure_map(
        events, parameters, mapping, region=regions[0], background=regions[1], seed=seed
    )
    if output is not None:
        header = header_of(events, found.modulation, parameters)
        if found.background_scale is not None:
            header["BKGSCALE"] = (found.background_scale, "of a pixel, to background region")
        inputs = [*paths, region, background_region]
        write_map(
            output, found, parameters.acceptance_correction, header,
            [*history_of(inputs, (parameters, mapping, selection)), f"seed = {seed}"],
        )  # fmt: skip
    if figure is not None:
        with atomic_output(figure) as temporary:
            temporary.write_bytes(png_bytes(map_figure(found, vectors)))
    return record_of(events, found.modulation, parameters) | _summary(
        found, events.observation.warnings, region, background_region
    )


def _summary(
    found: PolarizationMap, warnings: Sequence[str], region: Path | None, background: Path | None
) -> dict[str, Any]:
    kernel = found.kernel
    return {
        "region": None if region is None else str(region),
        "background": None if found.background_scale is None else {
            "region": str(background), "scale": found.background_scale,
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
