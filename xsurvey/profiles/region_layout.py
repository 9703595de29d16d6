"""Regions of spectra on an image: annuli, sectors of annuli, and regions of the sky background."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xsurvey.imaging.sky_image import ImageGrid


@dataclass(frozen=True)
class SpectralRegion:
    """One region.

    Attributes
    ----------
    name : str
        ``annulus_01``, ``annulus_01_east``, ``sky_north``.
    kind : {'annulus', 'sky'}
    inner, outer : float
        Arcmin.
    sector : tuple of float or None
        Position angles, degrees north through east.
    sky_sector : int
        Which foreground it lies in (0 where there is one for all).
    """

    name: str
    kind: str
    inner: float
    outer: float
    sector: tuple[float, float] | None = None
    sky_sector: int = 0


@dataclass(frozen=True)
class RegionLayout:
    """Regions that do not overlap, as labels on one grid.

    Attributes
    ----------
    grid : ImageGrid
    regions : sequence of SpectralRegion
        r of them; annuli first, inside out, then the sky.
    emitted : ndarray of int, shape (ny, nx)
        Region of each pixel by geometry alone, -1 for none: where photons come from.
    detected : ndarray of int, shape (ny, nx)
        The same without masked pixels: where photons are counted.
    radius : ndarray, shape (ny, nx), optional
        Arcmin, of ellipses where annuli are ellipses; not kept in files.
    """

    grid: ImageGrid
    regions: Sequence[SpectralRegion]
    emitted: np.ndarray
    detected: np.ndarray
    radius: np.ndarray | None = None
