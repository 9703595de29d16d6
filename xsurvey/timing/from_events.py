"""Light curves of event lists: counts in time bins, with the exposure that each of them had."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xsurvey.apertures.aperture import Aperture, sky_places
from xsurvey.apertures.region_samples import sample_region
from xsurvey.attitude import separations, unit_vectors
from xsurvey.errors import InputError, ParameterError
from xsurvey.events import EventList
from xsurvey.good_times import GoodTimeIntervals
from xsurvey.missions import get_mission
from xsurvey.timing.light_curve import LightCurve
from xsurvey.timing.parameters import LightCurveParameters
from xsurvey.timing.visibility import attitude_exposure, pointed_exposure
from xsurvey.units import EnergyBand, SkyPosition

_POINTING_BINS = 50
_VISIT_GAP = 60.0  # s; scans of a field are hours apart, dropouts within one are seconds
_FIELD_PLACES = 12  # on each axis
_LARGEST = 1_000_000


def light_curve_from_events(
    events: EventList, aperture: Aperture, parameters: LightCurveParameters,
    background_scale: float | None = None,
) -> LightCurve:  # fmt: skip
    """Bin the events of a source, or of the whole field, in time.

    Bins of a pointing have one width, counted from the first good time. A survey scan has a bin
    for each visit, cut to when the source was in the field, or several of a given width.

    Parameters
    ----------
    events : EventList
    aperture : Aperture
    parameters : LightCurveParameters
        Of ``light_curve_band`` and ``bin_size`` None stands for the mission's choice.
    background_scale : float, optional
        Exposed area of the source region over that of the background region, where an exposure
        map tells it; the ratio of the areas if not given.

    Returns
    -------
    LightCurve
        Without bins that have no exposure. Exposures hold vignetting, dead time, good time, and
        the fraction of the source's counts in its region.

    Raises
    ------
    InputError
        The region was never seen, or how long is not known.
    ParameterError
        More bins than a million.
    """
    mission = get_mission(events.observation.mission)
    bands = parameters.light_curve_band or tuple(
        mission.bands[label] for label in mission.photometry_bands
    )
    if events.observation.scanning and not events.attitude:
        raise InputError(
            events.observation.path, "is a scan that does not tell where the telescope looked: "
            "how long a place was seen is unknown",
            "give the file with its attitude, or a light curve made of it",
        )  # fmt: skip
    start, stop = _bins(events, parameters)
    photons = region_photons(events, aperture)
    if aperture.source is None:
        events.require_events(len(photons.source))
    exposure, field_time = _exposures(events, aperture, bands, start, stop, photons)
    seen = field_time > 0
    if not seen.any():
        raise InputError(
            events.observation.path, "never saw the position", "give a position in the field"
        )
    start, stop, exposure = start[seen], stop[seen], exposure[seen]
    if events.observation.scanning and events.attitude and parameters.bin_size is None:
        start, stop = _cut_to_sight(events, aperture, start, stop)
    scale = _background_scale(events, aperture, start, stop, background_scale)
    known = np.isfinite(scale)
    start, stop, exposure, scale = start[known], stop[known], exposure[known], scale[known]
    return LightCurve(
        time=(start + stop) / 2, timedel=stop - start, bands=tuple(bands),
        counts=_histogram(photons.source, bands, start, stop),
        background_counts=_histogram(photons.background, bands, start, stop),
        background_scale=np.repeat(scale[:, None], len(bands), axis=1),
        exposure=exposure * aperture.fraction,
        reference_mjd=events.observation.reference_mjd, time_scale=events.observation.time_scale,
        telescope=events.observation.telescope, instrument=events.observation.instrument,
        target=events.observation.target, warnings=_warnings(events, aperture),
        stamps=_stamps(aperture),
    )  # fmt: skip


@dataclass(frozen=True)
class RegionPhotons:
    """Events in a region and in its background region.

    Attributes
    ----------
    source, background : ndarray, shape (n, 2)
        Times, mission seconds, and energies, keV.
    detectors : ndarray, shape (n,)
        Of the events in the region; where there are none, of those in the background region.
    corners : ndarray, shape (2, 2)
        Lowest and highest x, y of all events of the observation.
    """

    source: np.ndarray
    background: np.ndarray
    detectors: np.ndarray
    corners: np.ndarray


def region_photons(events: EventList, aperture: Aperture) -> RegionPhotons:
    """Return times and energies of the events in the regions of an aperture."""
    source, background, detectors, others = [], [], [], []
    low, high = np.full(2, np.inf), np.full(2, -np.inf)
    for chunk in events.chunks():
        both = np.column_stack([chunk["time"], chunk["energy"]])
        x, y = chunk["x"], chunk["y"]
        if len(x):
            low = np.minimum(low, [x.min(), y.min()])
            high = np.maximum(high, [x.max(), y.max()])
        inside = (
            np.ones(len(x), bool) if aperture.source is None else aperture.source.contains(x, y)
        )
        source.append(both[inside])
        detectors.append(chunk["detector"][inside])
        if aperture.background is not None:
            around = aperture.background.contains(x, y)
            background.append(both[around])
            others.append(chunk["detector"][around])
    empty, none = [np.empty((0, 2))], [np.empty(0, int)]
    numbers = np.concatenate(detectors or none)
    return RegionPhotons(
        np.concatenate(source or empty), np.concatenate(background or empty),
        numbers if len(numbers) else np.concatenate(others or none), np.stack([low, high]),
    )  # fmt: skip


def _bins(events: EventList, parameters: LightCurveParameters) -> tuple[np.ndarray, np.ndarray]:
    """Return begins and ends of the bins, before any is dropped for want of exposure."""
    every = [g for g in events.gti.values() if len(g.start)]
    if not every:
        raise InputError(events.observation.path, "has no good time", "give a complete event file")
    good = GoodTimeIntervals.from_edges(
        np.concatenate([g.start for g in every]), np.concatenate([g.stop for g in every])
    )
    if not events.observation.scanning:
        span = good.stop[-1] - good.start[0]
        width = parameters.bin_size or span / _POINTING_BINS
        return _regular(good.start[0], good.stop[-1], width)
    gap = np.concatenate(([True], good.start[1:] - good.stop[:-1] > _VISIT_GAP))
    first, last = good.start[gap], good.stop[np.concatenate((gap[1:], [True]))]
    if parameters.bin_size is None:
        return first, last
    parts = [_regular(a, b, parameters.bin_size) for a, b in zip(first, last, strict=True)]
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def _regular(start: float, stop: float, width: float) -> tuple[np.ndarray, np.ndarray]:
    number = max(int(np.ceil((stop - start) / width - 1e-6)), 1)
    if number > _LARGEST:
        raise ParameterError("bin_size", f"{width:g} s makes {number} bins", "give wider bins")
    edges = start + np.arange(number + 1) * width
    return edges[:-1], edges[1:]


def _exposures(
    events: EventList, aperture: Aperture, bands: tuple[EnergyBand, ...], start: np.ndarray,
    stop: np.ndarray, photons: RegionPhotons,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return effective exposures, shape (n, bands), and the livetime in the field, shape (n,)."""
    energies = [float(np.sqrt(max(band.minimum, 0.1) * band.maximum)) for band in bands]
    if events.attitude and aperture.places:
        wanted = [*energies, None]
        found = attitude_exposure(events, aperture.places, wanted, start, stop)
        return found[:, :-1], found[:, -1]
    if events.observation.scanning:
        return _field_exposure(events, bands, start, stop, photons.corners)
    livetime = pointed_exposure(events, start, stop, _shares(events, photons.detectors))
    if not aperture.places:
        return np.repeat(livetime[:, None], len(bands), axis=1), livetime
    mission = get_mission(events.observation.mission)
    axis = unit_vectors(*events.observation.pointing)
    off_axis = separations(axis, unit_vectors(*np.array(aperture.places).T))
    area = np.array([float(mission.vignetting(off_axis, energy).mean()) for energy in energies])
    return livetime[:, None] * area, livetime


def _field_exposure(
    events: EventList, bands: tuple[EnergyBand, ...], start: np.ndarray, stop: np.ndarray,
    corners: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return the time that a place of a scanned field was seen, the mean over the field."""
    steps = (np.arange(_FIELD_PLACES) + 0.5) / _FIELD_PLACES
    x, y = (low + steps * (high - low) for low, high in corners.T)
    ra, dec = events.wcs.all_pix2world(*(a.ravel() for a in np.meshgrid(x, y)), 1)
    places = [SkyPosition(float(a) % 360, float(b)) for a, b in zip(ra, dec, strict=True)]
    livetime = attitude_exposure(events, places, [None], start, stop)
    return np.repeat(livetime, len(bands), axis=1), livetime[:, 0]


def _shares(events: EventList, detectors: np.ndarray) -> dict[int, float]:
    """Return what part of the exposure each detector contributes.

    Coaligned detectors all see the source. Of others the one, or those, that its events lie on.

    Raises
    ------
    InputError
        There are no events to tell.
    """
    if events.coaligned:
        return dict.fromkeys(events.gti, 1 / len(events.gti))
    if not len(detectors):
        raise InputError(
            events.observation.path, "has no events at the position or around it",
            "give a position in the field, or a larger radius",
        )  # fmt: skip
    numbers, counts = np.unique(detectors, return_counts=True)
    return {int(n): float(c) / len(detectors) for n, c in zip(numbers, counts, strict=True)}


def _cut_to_sight(
    events: EventList, aperture: Aperture, start: np.ndarray, stop: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return bins that begin and end when the source enters and leaves the field."""
    if not aperture.places:
        return start, stop
    fine = [_regular(a, b, 1.0) for a, b in zip(start, stop, strict=True)]
    first, last = np.empty_like(start), np.empty_like(stop)
    for number, (low, high) in enumerate(fine):
        seen = attitude_exposure(events, aperture.places, [None], low, high)[:, 0] > 0
        # a glimpse that is shorter than a step may be missed by these samples
        seen = seen if seen.any() else np.ones_like(seen)
        first[number] = low[seen][0]
        last[number] = min(high[seen][-1], stop[number])
    return first, last


def _histogram(
    photons: np.ndarray, bands: tuple[EnergyBand, ...], start: np.ndarray, stop: np.ndarray
) -> np.ndarray:
    """Return counts, shape (n, bands)."""
    time, energy = photons.T
    number = np.searchsorted(start, time, side="right") - 1
    inside = (number >= 0) & (time <= stop[np.clip(number, 0, len(stop) - 1)])
    counts = np.zeros((len(start), len(bands)), dtype=np.int64)
    for column, band in enumerate(bands):
        chosen = inside & (energy >= band.minimum) & (energy < band.maximum)
        counts[:, column] = np.bincount(number[chosen], minlength=len(start))
    return counts


def _background_scale(
    events: EventList, aperture: Aperture, start: np.ndarray, stop: np.ndarray,
    given: float | None,
) -> np.ndarray:  # fmt: skip
    """Return the expected background counts in the source region a count in the other one."""
    if aperture.background is None or aperture.source is None:
        return np.zeros(len(start))
    both = [sample_region(region) for region in (aperture.source, aperture.background)]
    areas = both[0].area / both[1].area
    if not events.attitude:
        return np.full(len(start), areas if given is None else given)
    seen = [
        attitude_exposure(events, sky_places(events, samples), [None], start, stop)[:, 0]
        for samples in both
    ]
    if not seen[1].any():
        raise InputError(
            events.observation.path, f"never saw the {aperture.background} while it saw the source",
            "give another background region",
        )  # fmt: skip
    # NaN: the bin cannot be used, since nothing is known of its background
    return areas * np.divide(seen[0], seen[1], out=np.full(len(start), np.nan), where=seen[1] > 0)


def _stamps(aperture: Aperture) -> dict[str, str]:
    stamps = {"EXPMAP": "APPROX"}
    if aperture.source is None:
        stamps["APERTURE"] = "whole field, no vignetting"
    elif aperture.fraction == 1:
        stamps["PSFCORR"] = "NONE"
    if aperture.background is None:
        stamps["BACKGND"] = "NONE"
    return stamps


def _warnings(events: EventList, aperture: Aperture) -> tuple[str, ...]:
    found = events.observation.warnings
    if events.observation.scanning and aperture.source is None:
        found += ("a scan sees another part of the sky at each visit: its rate varies with that",)
    return found
