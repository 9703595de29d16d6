"""Polarization profiles without an engine: what ``xsurvey polarization profile`` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs.utils import skycoord_to_pixel

from xsurvey.errors import InputError, ParameterError
from xsurvey.imaging.sky_image import read_sky_image
from xsurvey.io.atomic import atomic_output
from xsurvey.missions.selection import SelectionParameters, open_selected
from xsurvey.pipelines.polarization.provenance import header_of, history_of, record_of
from xsurvey.polarization.annuli import AngleMap
from xsurvey.polarization.map_parameters import RadialParameters
from xsurvey.polarization.parameters import PolarizationParameters
from xsurvey.polarization.radial import PolarizationProfile, measure_polarization_profile
from xsurvey.polarization.radial_table import records_of_profile, records_of_total, write_profile
from xsurvey.regions import read_region_file
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
        As `measure_polarization_profile`, a map of angles that is none, or a scale without a
        background.
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
    angles = None if radial.model_map is None else angle_map(radial.model_map)
    found = measure_polarization_profile(
        events, parameters, radial, angles=angles, region=regions[0], background=regions[1],
        seed=seed,
    )  # fmt: skip
    if output is not None:
        header = header_of(events, found.modulation, parameters)
        header["MODELDIR"] = (radial.model, "directions of aligned Stokes parameters")
        inputs = [*paths, region, background_region, radial.model_map]
        write_profile(
            output, found, parameters.acceptance_correction, header,
            [*history_of(inputs, (parameters, radial, selection)), f"seed = {seed}"],
        )  # fmt: skip
    if figure is not None:
        drawn = polarization_profile_figure(found, radial.model)
        with atomic_output(figure) as temporary:
            temporary.write_bytes(png_bytes(drawn))
    return record_of(events, found.modulation, parameters) | _summary(
        found, events.observation.warnings, radial, region, background_region
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
    region: Path | None, background: Path | None,
) -> dict[str, Any]:  # fmt: skip
    scale, counts = found.background_scale, found.background_counts
    trials = found.trials
    bounds = {n: float(v[trials.cell]) for n, v in found.annuli.bounds().items()}
    return {
        "region": None if region is None else str(region),
        "background": None if scale is None or counts is None else {
            "region": str(background), "scale": [float(s) for s in scale],
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
