"""Exposure and area of regions, with what was cut out of them or never seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from xsurvey.apertures.region_samples import RegionSamples, sample_region
from xsurvey.errors import InputError
from xsurvey.events import EventList
from xsurvey.imaging.seen_sky import SeenPlaces, SeenSky
from xsurvey.regions import RegionSet

_POINTS = 20_000  # a mask or an edge cuts areas to a few in a thousand


@dataclass(frozen=True)
class RegionExposure:
    """How long a region was seen, and how much of it.

    Attributes
    ----------
    exposure : float
        s: of a pointing the livetime of the detectors that see it, of a scan the mean time for
        which its places were in the field.
    exposed_area : float
        deg2: exposure times this is livetime integrated over the region.
    coverage : float
        Mean livetime of the places that were seen at all, relative to the exposure: less than 1
        where gaps and edges of detectors pass over them.
    area : float
        Without masks, seen or not, deg2.
    samples : RegionSamples
        Points in it.
    places : SeenPlaces
        What these got.
    """

    exposure: float
    exposed_area: float
    coverage: float
    area: float
    samples: RegionSamples
    places: SeenPlaces


def sample_finely(region: RegionSet) -> RegionSamples:
    """Return enough points of a region for its area to count.

    Raises
    ------
    InputError
        As `sample_region`.
    """
    return sample_region(region, _POINTS)


def region_exposure(
    events: EventList, region: RegionSet, samples: RegionSamples, sky: SeenSky,
    detectors: Mapping[int, int],
) -> RegionExposure:  # fmt: skip
    """Return exposure and area of a region.

    Parameters
    ----------
    events : EventList
    region : RegionSet
        For messages.
    samples : RegionSamples
        Of it.
    sky : SeenSky
    detectors : mapping of int to int
        Events of each detector in it.

    Raises
    ------
    InputError
        No part of it was ever seen, or there is no good time.
    """
    places = sky.at(samples.x, samples.y)
    seen = places.livetime > 0
    if not seen.any():
        raise InputError(
            events.observation.path, f"was never exposed in the {region}",
            "give a region on the detectors",
        )  # fmt: skip
    square = (events.pixel_size / 3600) ** 2
    seen_area = float(samples.weight[seen].sum())
    integral = float((samples.weight * places.livetime).sum())
    exposure = integral / seen_area
    if not events.observation.scanning:
        exposure = _livetime(events, detectors)
        if exposure <= 0:
            raise InputError(
                events.observation.path, "has no good time", "give a complete event file"
            )
    return RegionExposure(
        exposure, integral / exposure * square, integral / exposure / seen_area,
        samples.area * square, samples, places,
    )  # fmt: skip


def _livetime(events: EventList, detectors: Mapping[int, int]) -> float:
    """Return the livetime of the detectors that see a region, s: coaligned ones all do.

    Of others, those that have its events, each in the measure in which it has them.
    """
    total = sum(detectors.values())
    if events.coaligned or not total:
        return events.livetime
    return sum(n * events.detector_livetime(d) for d, n in detectors.items()) / total
