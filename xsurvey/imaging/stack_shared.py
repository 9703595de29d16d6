"""Survey files that hold the same photons: each place belongs to the file with the nearest centre.

Neighbouring tiles of a survey are cut from one stream of photons, and overlap.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from astropy.wcs import WCS
from astropy.wcs.utils import pixel_to_skycoord

from xsurvey.attitude import unit_vectors
from xsurvey.events import EventList
from xsurvey.imaging.field import Field
from xsurvey.imaging.stack_parameters import SharedSky

_ROWS = 256
"""Of an image, of which directions are known together."""


@dataclass(frozen=True)
class NearestCentre:
    """The part of the sky that is nearer to one centre than to others, in some sky pixels."""

    wcs: WCS
    shared: SharedSky

    def contains(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Tell which places (1-based sky pixels) are nearest to the own centre."""
        x, y = np.broadcast_arrays(np.asarray(x, float), np.asarray(y, float))
        sky = pixel_to_skycoord(x, y, self.wcs, 1).icrs
        place = unit_vectors(sky.ra.deg, sky.dec.deg)
        own = self.shared.centre
        nearest = np.ones(x.shape, dtype=bool)
        for other in self.shared.others:
            difference = place @ (unit_vectors(*own) - unit_vectors(*other))
            # what is just as near to both is the first one's
            nearest &= (difference > 0) | ((difference == 0) & (own < other))
        return nearest

    def __str__(self) -> str:
        return "nearer to this field's centre than to those with the same photons"


def own_events(events: EventList, shared: SharedSky) -> EventList:
    """Return the events that belong to this file and not to another that has them too."""
    if not shared.others:
        return events
    return events.in_region(NearestCentre(events.wcs, shared))


def own_exposure(field: Field, shared: SharedSky) -> Field:
    """Return a field of own events whose exposure is zero where others' are used."""
    if not shared.others:
        return field
    assert field.events is not None
    region = NearestCentre(field.events.wcs, shared)
    grid = field.grid
    keep = np.empty(grid.shape, bool)
    x, y = grid.to_sky_pixels(np.arange(grid.shape[1])[None, :], np.arange(grid.shape[0])[:, None])
    for first in range(0, len(y), _ROWS):
        rows = slice(first, first + _ROWS)
        keep[rows] = region.contains(x, y[rows])
    exposure = {b: replace(m, data=np.where(keep, m.data, 0.0)) for b, m in field.exposure.items()}
    return replace(field, exposure=exposure)
