"""Polarization profiles: what ``xsurvey polarization profile`` and the stage of profiles do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs.utils import skycoord_to_pixel

from xsurvey.errors import InputError
from xsurvey.events import EventList
from xsurvey.imaging.sky_image import read_sky_image
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
from xsurvey.polarization.space.annuli import AngleMap
from xsurvey.polarization.space.map_parameters import RadialParameters
from xsurvey.polarization.space.radial import PolarizationProfile, measure_polarization_profile
from xsurvey.polarization.space.radial_table import (
    records_of_profile,
    records_of_total,
    write_profile,
)
from xsurvey.report.plate import png_bytes
from xsurvey.report.polarization_profile_axes import polarization_profile_figure


def profile_of_event_files(
    paths: Sequence[Path], parameters: PolarizationParameters, radial: RadialParameters,
    selection: SelectionParameters, *, region: Path | None = None,
    background_region: Path | None = None, output: Path | None = None,
    figure: Path | None = None, seed: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """Measure a polarization profile, write and draw it.

    Parameters
    ----------
    paths : sequence of path
        Event files of the units of one observation.
    parameters, radial, selection : StepParameters
    region, background_region : path, optional
        DS9 files.
    output, figure : path, optional
        FITS and PNG files to write.
    seed : int

    Returns
    -------
    dict
        For ``--json``.

    Raises
    ------
    InputError, ParameterError, MissingDataError
        As `profile_of_events`.
    """
    check_cells(parameters, background_region is not None)
    events = open_selected(paths, selection)
    own, background = (region_of_file(one, events) for one in (region, background_region))
    history: list[str] = []
    if output is not None:
        inputs = [*paths, *files_of(own, background), radial.model_map]
        history = history_of(inputs, (parameters, radial, selection))
    return profile_of_events(
        events, parameters, radial, region=own, background=background, output=output,
        figure=figure, seed=seed, history=history,
    )  # fmt: skip


def profile_of_events(
    events: EventList, parameters: PolarizationParameters, radial: RadialParameters, *,
    region: NamedRegion | None = None, background: NamedRegion | None = None,
    output: Path | None = None, figure: Path | None = None, seed: int = 0,
    history: Sequence[str] = (),
) -> dict[str, Any]:  # fmt: skip
    """Measure a polarization profile of events that are open, write and draw it.

    Parameters
    ----------
    events : EventList
        Of one observation.
    parameters, radial : StepParameters
        The map of angles is where ``radial`` says.
    region, background : NamedRegion, optional
    output, figure, seed
        As of `profile_of_event_files`.
    history : sequence of str
        Lines of provenance: inputs and parameters.

    Returns
    -------
    dict
        For JSON.

    Raises
    ------
    InputError, ParameterError, MissingDataError
        As `measure_polarization_profile`, a map of angles that is none, or parameters that are not
        of profiles.
    """
    check_cells(parameters, background is not None)
    angles = None if radial.model_map is None else angle_map(radial.model_map)
    found = measure_polarization_profile(
        events, parameters, radial, angles=angles, region=regions_of(region),
        background=regions_of(background), seed=seed,
    )  # fmt: skip
    if output is not None:
        header = header_of(events, found.modulation, parameters)
        header["MODELDIR"] = (radial.model, "directions of aligned Stokes parameters")
        write_profile(
            output, found, parameters.acceptance_correction, header, [*history, f"seed = {seed}"]
        )
    if figure is not None:
        drawn = polarization_profile_figure(found, radial.model)
        with atomic_output(figure) as temporary:
            temporary.write_bytes(png_bytes(drawn))
    return record_of(events, found.modulation, parameters) | _summary(
        found, events.observation.warnings, radial, name_of(region), name_of(background)
    )


def angle_map(path: Path) -> AngleMap:
    """Return what reads angles, degrees north through east, off a FITS image: nearest pixels.

    Raises
    ------
    InputError
        Not an image, without celestial coordinates, not in degrees, or without a number.
    """
    image = read_sky_image(path)
    if image.unit not in ("", "deg", "degree", "degrees"):
        raise InputError(path, f"is in {image.unit}, not in degrees", "give a map of angles")
    if not np.isfinite(image.data).any():
        raise InputError(path, "has no angle at all", "give a map of angles")
    ny, nx = image.data.shape

    def angle(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
        sky = SkyCoord(np.ravel(ra), np.ravel(dec), unit="deg", frame="icrs")
        found = skycoord_to_pixel(sky, image.grid.wcs, origin=0)
        column, row = (np.nan_to_num(np.round(v), nan=-1.0).astype(int) for v in found)
        inside = (row >= 0) & (row < ny) & (column >= 0) & (column < nx)
        values = np.full(len(row), np.nan)
        values[inside] = image.data[row[inside], column[inside]]
        return np.where(np.isfinite(values), values, np.nan).reshape(np.shape(ra))

    return angle


def _summary(
    found: PolarizationProfile, warnings: Sequence[str], radial: RadialParameters,
    region: str | None, background: str | None,
) -> dict[str, Any]:  # fmt: skip
    scale, counts = found.background_scale, found.background_counts
    trials = found.trials
    bounds = {n: float(v[trials.cell]) for n, v in found.annuli.bounds().items()}
    return {
        "region": region,
        "background": None if scale is None or counts is None else {
            "region": background, "scale": [float(s) for s in scale],
            "counts": [int(n) for n in counts],
        },
        "center": list(found.annuli.center), "model": radial.model,
        "model_angle_deg": None if radial.model_angle is None else radial.model_angle / 3600,
        "annuli": records_of_profile(found), "total_aligned": records_of_total(found),
        "trials": trials.record(),
        "most_significant": None if trials.cell < 0 else bounds | {
            "energy_min": float(found.bins.energy_min[trials.bin]),
            "energy_max": float(found.bins.energy_max[trials.bin]),
        },
        "notes": [*warnings, *found.notes],
    }  # fmt: skip
