"""One observation in one band, as fits of sources see it."""

from __future__ import annotations

from dataclasses import dataclass

from xsurvey.imaging.sky_image import SkyImage
from xsurvey.psf import PointSpreadFunction
from xsurvey.units import SkyPosition


@dataclass(frozen=True)
class BandImage:
    """Counts, exposure and background on one grid, and what blurs them.

    Attributes
    ----------
    label : str
        Of the band.
    observation : str
        Its name.
    counts, exposure, background : SkyImage
        Counts, vignetted livetime (s, or relative), expected background counts a pixel.
    psf : PointSpreadFunction
    pointing : SkyPosition or None
        Optical axis; None for scans, whose PSF is the same everywhere.
    """

    label: str
    observation: str
    counts: SkyImage
    exposure: SkyImage
    background: SkyImage
    psf: PointSpreadFunction
    pointing: SkyPosition | None = None
