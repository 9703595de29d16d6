"""Maps of the particle background, for profiles of surface brightness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xsurvey.imaging.sky_image import ImageGrid, SkyImage
from xsurvey.missions.responses import ChannelGrid
from xsurvey.profiles.geometry import pixel_solid_angles
from xsurvey.profiles.particles.scaling import ParticleScale
from xsurvey.profiles.particles.template import fractions_within
from xsurvey.units import EnergyBand


@dataclass(frozen=True)
class ParticleMap:
    """Expected particles in one band.

    Attributes
    ----------
    image : SkyImage
        Counts per pixel: livetimes times what the scaled templates give. Not vignetted.
    relative_error : float
        One sigma, of the whole map: systematic error of the template, counts of the hard band, and
        the template's counts in the band.
    """

    image: SkyImage
    relative_error: float


def particle_map(
    grid: ImageGrid, channels: ChannelGrid, scales: Mapping[str, ParticleScale],
    livetimes: Mapping[str, Sequence[np.ndarray]], band: EnergyBand, template_error: float,
) -> ParticleMap:  # fmt: skip
    """Return the particle background in a band.

    Parameters
    ----------
    grid : ImageGrid
    channels : ChannelGrid
        Of the templates. Of a channel that a limit of the band divides, a part is taken.
    scales : mapping of str to ParticleScale
        By group of detectors.
    livetimes : mapping of str to sequence of ndarray, shape (ny, nx)
        Of each group by each observation, s.
    band : EnergyBand
        keV.
    template_error : float
        Relative systematic error of the templates, fully correlated between groups.
    """
    square = pixel_solid_angles(grid)
    total = np.zeros(grid.shape)
    counting = 0.0
    inside = fractions_within(channels, band)
    for group, scale in scales.items():
        part = float(inside @ scale.shape)
        own = np.zeros(grid.shape)
        for rate, livetime in zip(scale.rate, livetimes[group], strict=True):
            if rate > 0:
                own += rate * part * square * livetime
        number = float(own.sum())
        if number > 0:
            integral = np.array([[(livetime * square).sum()] for livetime in livetimes[group]])
            shape = float(inside**2 @ scale.shape_variance) / part**2
            counting += number**2 * (scale.relative_error(integral) ** 2 + shape)
        total += own
    every = float(total.sum())
    error = np.hypot(template_error, np.sqrt(counting) / every) if every > 0 else template_error
    stamps = {
        "BAND_LO": band.minimum, "BAND_HI": band.maximum, "CONTENT": "PARTICLES",
        "PARTERR": (round(float(error), 6)),
    }  # fmt: skip
    return ParticleMap(SkyImage(total, grid, "count", stamps), float(error))
