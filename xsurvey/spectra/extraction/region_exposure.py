"""Exposure and area of regions, with what was cut out of them or never seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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
        Mean livetime of what was seen of it, s.
    exposed_area : float
        Area of that, deg2: exposure times this is livetime integrated over the region.
    area : float
        Without masks, seen or not, deg2.
    samples : RegionSamples
        Points in it.
    places : SeenPlaces
        What these got.
    """

    exposure: float
    exposed_area: float
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
    events: EventList, region: RegionSet, samples: RegionSamples, sky: SeenSky
) -> RegionExposure:
    """Return exposure and area of a region.

    Parameters
    ----------
    events : EventList
    region : RegionSet
        For messages.
    samples : RegionSamples
        Of it.
    sky : SeenSky

    Raises
    ------
    InputError
        No part of it was ever seen.
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
    exposure = float((samples.weight * places.livetime).sum()) / seen_area
    return RegionExposure(exposure, seen_area * square, samples.area * square, samples, places)
