"""Light curves without an engine: what ``xsurvey lightcurve`` does."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from xsurvey.apertures.aperture import (
    WHOLE_FIELD,
    Aperture,
    ApertureParameters,
    aperture_of_regions,
    circular_aperture,
)
from xsurvey.apertures.region_samples import sample_region
from xsurvey.errors import InputError, ParameterError
from xsurvey.events import EventList
from xsurvey.imaging.exposure import approximate_exposure
from xsurvey.imaging.sky_image import grid_from_events
from xsurvey.inference.poisson_rate import CONFIDENCE
from xsurvey.io.atomic import atomic_output
from xsurvey.io.fits_file import open_fits
from xsurvey.missions import get_mission
from xsurvey.missions.selection import SelectionParameters, open_selected
from xsurvey.regions import read_region_file
from xsurvey.report.light_curve_axes import light_curve_figure
from xsurvey.report.plate import png_bytes
from xsurvey.timing.aperture_variability import ApertureVariability, aperture_variability
from xsurvey.timing.files import read_light_curve
from xsurvey.timing.from_events import light_curve_from_events
from xsurvey.timing.join import bin_light_curve, choose_bins, join_light_curves
from xsurvey.timing.light_curve import LightCurve
from xsurvey.timing.measure import Variability, measure_variability
from xsurvey.timing.parameters import LightCurveParameters, VariabilityParameters
from xsurvey.timing.write import write_light_curve

_FEWEST_EVENTS = 50
_WHOLLY = 0.95  # approximate footprints are not better than that

_Parameters = tuple[
    LightCurveParameters, VariabilityParameters, ApertureParameters, SelectionParameters
]


def light_curve_of_files(
    paths: Sequence[Path], binning: LightCurveParameters, variability: VariabilityParameters,
    where: ApertureParameters, selection: SelectionParameters, *, output: Path,
    region: Path | None = None, background_region: Path | None = None, plot: Path | None = None,
    seed: int = 0,
) -> tuple[LightCurve, dict[str, Any]]:  # fmt: skip
    """Bin a light curve, measure its variability, and write it.

    Parameters
    ----------
    paths : sequence of path
        Event files of one observation, or light-curve files of one source or field that follow
        each other in time.
    binning, variability, where, selection : StepParameters
    output : path
        OGIP light curve to write.
    region, background_region : path, optional
        DS9 files, for event files, instead of a position.
    plot : path, optional
        PNG to write.
    seed : int
        Of the simulations that the p-values rest on.

    Returns
    -------
    curve : LightCurve
    summary : dict
        For ``--json``; of event files with tests of arrival times. The keys at its top are those
        of the band that was asked for first, or else of the one with most counts; ``bands`` has
        all.
    """
    arrivals: tuple[ApertureVariability, ...] | None = None
    if open_fits(paths[0]).find("EVENTS"):
        events = open_selected(paths, selection)
        aperture = _aperture(events, where, region, background_region)
        curve = observation_light_curve(events, aperture, binning)
        _check_bands(events, curve)
        arrivals = aperture_variability(events, aperture, curve)
    else:
        _check_no_events(paths[0], where, selection, region, background_region)
        curve = join_light_curves([read_light_curve(p) for p in paths], paths)
        curve = bin_light_curve(curve, binning, paths[0])
    measures = measure_variability(curve, variability, seed)
    inputs = [*paths, *(p for p in (region, background_region) if p is not None)]
    _write(output, curve, measures, inputs, (binning, variability, where, selection), seed)
    if plot is not None:
        figure = light_curve_figure(curve, measures, binning.limit_confidence)
        with atomic_output(plot) as temporary:
            temporary.write_bytes(png_bytes(figure))
    return curve, _summary(output, curve, measures, binning, arrivals)


def _check_bands(events: EventList, curve: LightCurve) -> None:
    """Raise where the whole observation has no event of a band: nothing was measured there."""
    for i, band in enumerate(curve.bands):
        if not isinstance(band, str) and not curve.counts[:, i].any():
            chosen = events.in_energy(band)
            chosen.require_events(chosen.count())


def _aperture(
    events: EventList, where: ApertureParameters, region: Path | None, background: Path | None
) -> Aperture:
    if where.position is not None and region is not None:
        raise ParameterError("region", "is given as well as a position", "give one of them")
    if region is not None:
        other = read_region_file(background, events.wcs) if background is not None else None
        return aperture_of_regions(events, read_region_file(region, events.wcs), other)
    if where.position is None:
        if background is not None:
            raise ParameterError(
                "background_region", "is given without a source", "give --position or --region"
            )
        return WHOLE_FIELD
    other = read_region_file(background, events.wcs) if background is not None else None
    return circular_aperture(events, where, other)


def observation_light_curve(
    events: EventList, aperture: Aperture, binning: LightCurveParameters
) -> LightCurve:
    """Return the light curve of an observation, as ``xsurvey lightcurve`` makes it.

    Parameters
    ----------
    events : EventList
    aperture : Aperture
        Of `circular_aperture` or `aperture_of_regions`; `WHOLE_FIELD`.
    binning : LightCurveParameters

    Returns
    -------
    LightCurve
        Bins with enough exposure. Without an attitude the areas of source and background
        regions are exposed ones, by an approximate exposure map.

    Raises
    ------
    InputError
        As `light_curve_from_events`, or a region was never exposed.
    """
    if aperture.source is None or events.attitude or events.observation.scanning:
        return choose_bins(
            light_curve_from_events(events, aperture, binning), binning, events.observation.path
        )
    seen, scale = _exposed(events, aperture)
    curve = light_curve_from_events(events, aperture, binning, scale)
    if seen < _WHOLLY:
        note = f"only {seen:.0%} of the source region was exposed: exposures are as much shorter"
        curve = replace(curve, exposure=curve.exposure * seen, warnings=(*curve.warnings, note))
    return choose_bins(curve, binning, events.observation.path)


def _exposed(events: EventList, aperture: Aperture) -> tuple[float, float | None]:
    """Return the exposed part of the source region, and the ratio of both regions' exposed areas.

    By an approximate exposure map, whose footprint is that of the events: where they are too few
    to tell it, regions are taken as exposed.
    """
    if events.count() < _FEWEST_EVENTS:
        return 1.0, None
    mission = get_mission(events.observation.mission)
    grid = grid_from_events(events, mission.image_pixel)
    band = mission.bands[mission.detection_bands[0]]
    exposure = approximate_exposure(events, grid, [band])[0].data
    # livetime alone: vignetting is in the exposures already
    energy = float(np.sqrt(band.minimum * band.maximum))
    exposure /= mission.vignetting(grid.off_axis(events.observation.pointing), energy)
    parts, areas = [], []
    for region in (aperture.source, aperture.background):
        if region is None:
            continue
        samples = sample_region(region)
        column = np.floor((samples.x - grid.x_edge) / grid.sky_pixels).astype(int)
        row = np.floor((samples.y - grid.y_edge) / grid.sky_pixels).astype(int)
        on = (row >= 0) & (row < grid.shape[0]) & (column >= 0) & (column < grid.shape[1])
        found = exposure[row[on], column[on]]
        total = float((found * samples.weight[on]).sum())
        if total <= 0:
            raise InputError(
                events.observation.path, f"was never exposed in the {region}", "correct the place"
            )
        parts.append(total / samples.area / float(found.max()))
        areas.append(total)
    return parts[0], areas[0] / areas[1] if len(areas) > 1 else None


def _check_no_events(
    path: Path, where: ApertureParameters, selection: SelectionParameters, *regions: Path | None
) -> None:
    given = where.position is not None or selection.detectors is not None or any(regions)
    if given:
        raise InputError(
            path, "is a light curve, in which no place or detector can be chosen",
            "give an event file, or leave out position, regions and detectors",
        )  # fmt: skip


def _write(
    output: Path, curve: LightCurve, measures: Sequence[Variability], paths: Sequence[Path],
    parameters: _Parameters, seed: int,
) -> None:  # fmt: skip
    header: dict[str, Any] = {"SEED": (seed, "of the simulations behind PVALn")}
    for n, measure in enumerate(measures, start=1):
        if np.isfinite(measure.p_value):
            header |= {
                f"LRT{n}": (measure.statistic, "likelihood ratio against constancy"),
                f"PVAL{n}": (measure.p_value, "its p-value for a constant source"),
                f"VARBL{n}": (bool(measure.variable), f"PVAL{n} <= {measure.significance:g}"),
            }
    history = [f"input {path.name} sha256 {_sha256(path)}" for path in paths]
    names = ("lightcurve", "variability", "aperture", "selection")
    for name, section in zip(names, parameters, strict=True):
        history += [f"{name}.{key} = {value}" for key, value in section.normalised().items()]
    write_light_curve(output, curve, header, history, parameters[0].limit_confidence)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _summary(
    output: Path, curve: LightCurve, measures: Sequence[Variability],
    binning: LightCurveParameters, arrivals: Sequence[ApertureVariability] | None,
) -> dict[str, Any]:  # fmt: skip
    bands = _by_band(curve, measures, binning.limit_confidence)
    for i, band in enumerate(bands):
        band |= {"arrival_times": arrivals[i].as_json() if arrivals is not None else None}
    totals = curve.counts.sum(axis=0)
    main = bands[0 if binning.light_curve_band else int(np.argmax(totals))]
    return {
        "file": str(output), "bins": len(curve), "telescope": curve.telescope,
        "instrument": curve.instrument, "target": curve.target,
        "reference_mjd": curve.reference_mjd, "time_scale": curve.time_scale,
        "exposure_unit": curve.exposure_unit, "time": curve.time, "timedel": curve.timedel,
        **main, "bands": bands, "notes": list(curve.warnings),
    }  # fmt: skip


def _by_band(
    curve: LightCurve, measures: Sequence[Variability], limit_confidence: float
) -> list[dict[str, Any]]:
    low, high = curve.rate_interval()
    limit = curve.upper_limit(limit_confidence)
    mean = curve.summed()
    mean_low, mean_high = mean.rate_interval()
    return [
        {
            "band": label, "counts": curve.counts[:, i].sum(),
            "exposure_s": curve.exposure[:, i].sum(),
            "mean_rate": {
                "value": mean.rate[0, i], "lower": mean_low[0, i], "upper": mean_high[0, i],
                "confidence": CONFIDENCE, "unit": curve.rate_unit,
            },
            "counts_per_bin": curve.counts[:, i],
            "background_counts_per_bin": curve.background_counts[:, i],
            "background_scale": curve.background_scale[:, i],
            "exposure_per_bin": curve.exposure[:, i], "rate": curve.rate[:, i],
            "rate_lo": low[:, i], "rate_hi": high[:, i], "rate_upper_limit": limit[:, i],
            "limit_confidence": limit_confidence, "variability": measures[i].as_json(),
        }
        for i, label in enumerate(curve.labels)
    ]  # fmt: skip
