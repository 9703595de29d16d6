"""What tests of extraction share: simulated pointings, flat areas, brute-force areas."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from regions import CirclePixelRegion, PixCoord

from xsurvey.events import EventList
from xsurvey.io.ogip.types import AncillaryResponse, RedistributionMatrix
from xsurvey.missions.responses import ChannelGrid
from xsurvey.regions import RegionSet
from xsurvey.simulate.motion import rotated
from xsurvey.simulate.observation import SimulatedObservation
from xsurvey.spectra.extraction import GivenResponses
from xsurvey.spectra.extraction.gaussian_response import gaussian_matrix

CHANNELS = ChannelGrid(
    np.arange(1, 101), 0.2 * 1.04 ** np.arange(100.0), 0.2 * 1.04 ** np.arange(1.0, 101)
)
"""Of unequal width, from 0.2 to 10.1 keV."""


def flat_area(area: float = 100.0, bins: int = 200) -> AncillaryResponse:
    """Return an effective area that is the same at all energies from 0.1 to 12 keV."""
    edges = np.linspace(0.1, 12, bins + 1)
    return AncillaryResponse(Path(), edges[:-1], edges[1:], np.full(bins, area))


def matrix(channels: ChannelGrid = CHANNELS, fwhm: float = 1e-3) -> RedistributionMatrix:
    """Return a nearly diagonal matrix on the energies of `flat_area`."""
    area = flat_area()
    return gaussian_matrix(
        area.energy_low, area.energy_high, channels, np.full(len(area.energy_low), fwhm)
    )


def flat_responses(*includes: str) -> GivenResponses:
    """Return a flat area alone: channels and matrix are the mission's."""
    return GivenResponses(flat_area(), None, frozenset(includes))


def circle(
    observation: SimulatedObservation, dx: float, dy: float, radius: float
) -> CirclePixelRegion:
    """Return a circle at an offset from the optical axis, arcsec."""
    pixel, (x, y) = observation.mission.sky_pixel, observation.wcs.wcs.crpix
    return CirclePixelRegion(PixCoord(x - 1 + dx / pixel, y - 1 + dy / pixel), radius / pixel)


def region(*shapes: CirclePixelRegion, masks: Sequence[CirclePixelRegion] = ()) -> RegionSet:
    """Return a region of some circles without others."""
    return RegionSet(shapes, tuple(masks))


def sky_circle(events: EventList, ra: float, dec: float, radius: float) -> RegionSet:
    """Return a circle about a position, degrees and arcsec."""
    x, y = events.wcs.all_world2pix([[ra, dec]], 0)[0]
    return region(CirclePixelRegion(PixCoord(x, y), radius / events.pixel_size))


def brute_areas(
    observation: SimulatedObservation, where: RegionSet, step: float = 1.0, times: int = 60
) -> tuple[float, float]:
    """Return the exposed and the whole area of a region, deg2, by going through its pixels.

    Exposed: the mean over the good time of what lies on a detector.
    """
    boxes = [shape.bounding_box for shape in where.include]
    x = np.arange(min(b.ixmin for b in boxes) + step / 2, max(b.ixmax for b in boxes) + 1, step)
    y = np.arange(min(b.iymin for b in boxes) + step / 2, max(b.iymax for b in boxes) + 1, step)
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    points = points[where.contains(*points.T)]
    mission, motion = observation.mission, observation.motion
    offset = (points - observation.wcs.wcs.crpix) * mission.sky_pixel
    gti = motion.gti
    moments = gti.start[0] + (np.arange(times) + 0.5) / times * (gti.stop[-1] - gti.start[0])
    total = 0.0
    for axis in motion.axis(moments):
        local = rotated(offset - axis, -motion.roll)
        seen = np.zeros(len(points), dtype=bool)
        for detector in mission.detectors():
            seen |= detector.sees(*local.T)
        total += np.count_nonzero(seen) / times
    square = (step * mission.sky_pixel / 3600) ** 2
    return total * square, len(points) * square
