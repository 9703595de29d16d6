"""Fields with photons in memory, and sources as if they had been found."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from astropy.wcs import WCS

from xsurvey.detection.fitted import FittedSources, FoundSources
from xsurvey.imaging.field import Field, Photons
from xsurvey.imaging.sky_image import ImageGrid, SkyImage, grid_from_wcs
from xsurvey.imaging.stack import Stack
from xsurvey.missions import get_mission
from xsurvey.units import SkyPosition

BANDS = ("s", "h")
PLACE = SkyPosition(150.0, 2.0)


@dataclass(frozen=True)
class PhotonField(Field):
    """A field whose photons are in memory."""

    drawn: Mapping[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    @property
    def binned(self) -> bool:
        return False

    def photons(self, label: str) -> Iterator[Photons]:
        x, y = self.drawn[label]
        yield x, y, np.ones(len(x))


def sky_grid(side: int) -> ImageGrid:
    """Return pixels of an arcsec."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], list(PLACE)
    wcs.wcs.cdelt, wcs.wcs.crpix = [-1 / 3600, 1 / 3600], [(side + 1) / 2] * 2
    return grid_from_wcs(wcs, (side, side))


def photon_field(
    photons: Mapping[str, tuple[np.ndarray, np.ndarray]], exposure: np.ndarray,
    frame_time: float = np.nan,
) -> PhotonField:  # fmt: skip
    """Return a field of photons (x, y in pixels) by band, all bands with one exposure map."""
    side = exposure.shape[0]
    grid, mission = sky_grid(side), get_mission("chandra")
    edges = np.arange(side + 1) - 0.5
    images = {
        band: SkyImage(np.histogram2d(y, x, (edges, edges))[0], grid, "count")
        for band, (x, y) in photons.items()
    }
    return PhotonField(
        images, dict.fromkeys(images, SkyImage(exposure, grid, "s")),
        {b: mission.bands[b] for b in images}, None, mission, PLACE, frame_time, "1", "", "",
        drawn=photons,
    )  # fmt: skip


def drawn(
    generator: np.random.Generator, places: Sequence[tuple[float, float]],
    counts: Sequence[float], background: float, width: float, side: int = 200,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Draw photons of Gaussian sources of mean counts over a background in counts a pixel."""
    own = generator.poisson(counts)
    x, y = (
        np.repeat(v, own) + width * generator.standard_normal(own.sum())
        for v in np.array(places, float).reshape(-1, 2).T
    )
    noise = generator.uniform(-0.5, side - 0.5, (2, generator.poisson(background * side**2)))
    return np.append(x, noise[0]), np.append(y, noise[1])


def stack_of(*fields: Field) -> Stack:
    names = tuple("abcdef"[: len(fields)])
    return Stack("stack", names, fields, next(iter(fields[0].counts.values())).grid)


def found_at(
    stack: Stack, places: Sequence[tuple[float, float]], background: float = 0.0,
    extent: float = 0.0, converged: bool = True, band: str = "s",
) -> FoundSources:  # fmt: skip
    """Return sources at image places of the stack."""
    xy = np.array(places, float).reshape(-1, 2)
    n = len(xy)
    ra, dec = stack.grid.to_icrs(*xy.T) if n else (np.empty(0), np.empty(0))
    zero, one = np.zeros(n), np.ones((n, 1))
    covariance = np.tile(np.diag([0.04, 0.01]), (n, 1, 1))
    sources = FittedSources(
        (band,), ra, dec, covariance, one, one, one, zero + 20, one, np.full(n, band),
        zero + extent, zero, zero, zero, np.arange(n), np.full(n, converged), zero + 1,
    )  # fmt: skip
    shape = stack.grid.shape
    backgrounds = {
        name: {
            b: SkyImage(background * (f.exposure[b].data > 0), stack.grid, "count")
            for b in f.counts
        }
        for name, f in zip(stack.names, stack.fields, strict=True)
    }
    masks = {name: np.zeros(shape, dtype=bool) for name in stack.names}
    return FoundSources(sources, np.full(n, "TRUE"), backgrounds, masks)
