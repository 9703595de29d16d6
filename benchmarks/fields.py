"""Simulated images for the benchmarks of detection: four chips, flat backgrounds, sources.

A Poisson image on a grid is the same as an event file binned on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from astropy.wcs.utils import skycoord_to_pixel

from xsurvey.detection.fitted import FittedSources
from xsurvey.detection.parameters import DetectionParameters
from xsurvey.imaging.field import Field
from xsurvey.imaging.sky_image import ImageGrid, SkyImage

PIXEL = 0.984  # arcsec
SECONDS = 1e5
CHIP = 512
GAP = 11  # pixels
BACKGROUND_SCALE = 60  # pixels


@dataclass(frozen=True)
class TrueSource:
    """A source: x, y in 0-based pixels, expected counts, core radius of a beta model in pixels."""

    x: float
    y: float
    counts: float
    core: float = 0.0


def level_of(rate: float) -> float:
    """Return counts a pixel for a rate in count/s/chip."""
    return rate * SECONDS / CHIP**2


def blank_field(
    level: float, seed: int, shape: tuple[int, int] | None = None, gaps: bool = True
) -> Field:
    """Return a field of four chips without sources."""
    return simulated_field(level, [], 1.0, seed, shape, gaps)


def simulated_field(
    level: float, sources: Sequence[TrueSource], sigma: float, seed: int,
    shape: tuple[int, int] | None = None, gaps: bool = True,
) -> Field:  # fmt: skip
    """Draw a field.

    Parameters
    ----------
    level : float
        Background counts a pixel.
    sources : sequence of TrueSource
    sigma : float
        Of the Gaussian PSF, pixels.
    seed : int
    shape : tuple of int, optional
        Four chips and the gaps between them if not given.
    gaps : bool
        Whether nothing is exposed between the chips.
    """
    generator = np.random.default_rng(seed)
    shape = shape or (2 * CHIP + GAP, 2 * CHIP + GAP)
    exposure = np.full(shape, SECONDS)
    if gaps:
        exposure[CHIP : CHIP + GAP] = 0
        exposure[:, CHIP : CHIP + GAP] = 0
    counts = generator.poisson(level, shape).astype(float)
    for source in sources:
        number = generator.poisson(source.counts)
        # a beta model of beta = 2/3 holds 1 - (1 + r^2)^-1/2 within r core radii
        radius = source.core * np.sqrt((1 - generator.random(number)) ** -2.0 - 1)
        angle = generator.uniform(0, 2 * np.pi, number)
        x = source.x + radius * np.cos(angle) + generator.normal(0, sigma, number)
        y = source.y + radius * np.sin(angle) + generator.normal(0, sigma, number)
        inside = (np.abs(x - shape[1] / 2) < shape[1] / 2 - 1) & (
            np.abs(y - shape[0] / 2) < shape[0] / 2 - 1
        )
        column, row = (np.rint(v[inside]).astype(int) for v in (x, y))
        np.add.at(counts, (row, column), 1)
    counts[exposure == 0] = 0
    grid = _grid(shape)
    return Field(
        {"b": SkyImage(counts, grid, "count")}, {"b": SkyImage(exposure, grid, "s")}, {}, None,
        None, None, float("nan"), "simulated", "", "",
    )  # fmt: skip


def _grid(shape: tuple[int, int]) -> ImageGrid:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [150.0, 2.2]
    wcs.wcs.crpix = [shape[1] / 2 + 0.5, shape[0] / 2 + 0.5]
    wcs.wcs.cdelt = [-PIXEL / 3600, PIXEL / 3600]
    wcs.wcs.set()
    return ImageGrid(wcs, shape, 0.5, 0.5, 1.0, PIXEL)


def search_parameters(sigma: float, lowest: float | None = None) -> DetectionParameters:
    """Return default parameters with a known PSF, MARGINAL sources down to a likelihood."""
    given = {} if lowest is None else {"marginal_threshold": lowest}
    return DetectionParameters(
        psf=f"gaussian:{sigma * PIXEL}arcsec", marginal=True,
        background_scale=f"{BACKGROUND_SCALE * PIXEL}arcsec", **given,
    )  # fmt: skip


def pixels_of(sources: FittedSources, field: Field) -> tuple[np.ndarray, np.ndarray]:
    """Return where found sources lie, 0-based pixels."""
    sky = SkyCoord(sources.ra, sources.dec, unit="deg")
    x, y = skycoord_to_pixel(sky, field.counts["b"].grid.wcs, origin=0)
    return np.asarray(x), np.asarray(y)


def grid_of_places(seed: int, side: int) -> np.ndarray:
    """Return side x side places at random within pixels, off the gaps and apart, (n, 2)."""
    generator = np.random.default_rng(seed)
    step = CHIP / (side / 2)
    line = np.concatenate([
        (np.arange(side // 2) + 0.5) * step, CHIP + GAP + (np.arange(side // 2) + 0.5) * step
    ])  # fmt: skip
    x, y = (v.ravel() for v in np.meshgrid(line, line))
    return np.column_stack([x, y]) + generator.uniform(-1, 1, (side * side, 2))
