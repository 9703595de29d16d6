"""How brightness varies with azimuth: median profiles, and scatter between sectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xsurvey.imaging.sky_image import SkyImage
from xsurvey.profiles.geometry import RadialGeometry, pixel_solid_angles, polar_coordinates
from xsurvey.profiles.radial_profile import RadialProfile

CELL_COUNTS = 20.0
FEWEST_CELLS = 5
BOOTSTRAPS = 1000
_MEDIAN_OFFSET = 1 / 6
"""Mean of a Poisson variable less its median, over means that are not whole numbers: the median
is floor(mean + 1/3) but for terms in 1 / mean (Choi 1994, Proc. AMS 121, 245)."""


@dataclass(frozen=True)
class AzimuthalMedian:
    """Median brightness of the cells of each bin, count / (s arcmin2), n bins.

    NaN where a bin has fewer than five cells.

    Attributes
    ----------
    value, lower, upper, error : ndarray, shape (n,)
        Median; the ends of its 68.3 % interval and its standard deviation, by bootstrap.
    cells : ndarray of int, shape (n,)
    """

    value: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    error: np.ndarray
    cells: np.ndarray


def azimuthal_median(
    counts: SkyImage, exposure: SkyImage, profile: RadialProfile, geometry: RadialGeometry, *,
    background: SkyImage | None = None, seed: int = 0, cell_counts: float = CELL_COUNTS,
) -> AzimuthalMedian:  # fmt: skip
    """Return the azimuthal median of the brightness in the bins of a profile.

    Every bin is cut into cells that follow each other in azimuth and have equal exposure, as many
    as leave some 20 counts in each. The median of their brightness is not raised by clumps that
    take up less than half of the azimuth (Eckert et al. 2015, MNRAS 447, 2198, who have cells of
    a Voronoi tessellation); errors are by bootstrap over the cells.

    Parameters
    ----------
    counts, exposure : SkyImage
        That the profile was made of.
    profile : RadialProfile
    geometry : RadialGeometry
    background : SkyImage, optional
    seed : int
    cell_counts : float
        Counts of a cell on average.

    Returns
    -------
    AzimuthalMedian

    Notes
    -----
    Cells of equal exposure, and not cells that end when they hold 20 counts, have Poisson counts:
    those would be biased upward by how they end. A sixth of a count is added, by which the median
    of Poisson counts lies below their mean.
    """
    number = len(profile.counts)
    rows, columns = np.nonzero(profile.label_image >= 0)
    label = profile.label_image[rows, columns]
    azimuth = polar_coordinates(counts.grid, geometry.centre)[1][rows, columns]
    if profile.sector is not None:  # a sector that runs through north stays in one piece
        azimuth = (azimuth - profile.sector[0]) % 360
    order = np.lexsort((azimuth, label))
    rows, columns, label = rows[order], columns[order], label[order]
    weight = (exposure.data * pixel_solid_angles(counts.grid))[rows, columns]
    cells = np.maximum(profile.counts // cell_counts, 1).astype(int)
    total = np.cumsum(weight)
    before = np.r_[0.0, np.cumsum(profile.exposure_area)][:-1]
    # the middle of a pixel decides on its cell
    part = (total - weight / 2 - before[label]) / profile.exposure_area[label]
    cell = np.clip((part * cells[label]).astype(int), 0, cells[label] - 1)
    first = np.r_[0, np.cumsum(cells)]
    place = first[label] + cell
    sums = [
        np.bincount(place, weights=values, minlength=first[-1])
        for values in (
            counts.data[rows, columns], weight,
            np.zeros(len(rows)) if background is None else background.data[rows, columns],
        )
    ]  # fmt: skip
    of_counts, of_exposure, of_background = sums
    with np.errstate(divide="ignore", invalid="ignore"):
        brightness = (of_counts + _MEDIAN_OFFSET - of_background) / of_exposure
    generator = np.random.default_rng(seed)
    results = np.full((4, number), np.nan)
    kept = np.zeros(number, dtype=int)
    for i in range(number):
        values = brightness[first[i] : first[i + 1]]
        values = values[np.isfinite(values)]
        kept[i] = len(values) if profile.area[i] > 0 else 0
        if kept[i] >= FEWEST_CELLS:
            results[:, i] = _bootstrapped(values, generator)
    value, lower, upper, error = results
    return AzimuthalMedian(value, lower, upper, error, kept)


def _bootstrapped(
    values: np.ndarray, generator: np.random.Generator
) -> tuple[float, float, float, float]:
    """Return the median of values, the ends of its interval and its standard deviation."""
    medians = np.median(values[generator.integers(len(values), size=(BOOTSTRAPS, len(values)))], 1)
    low, high = np.quantile(medians, (0.1587, 0.8413))
    return float(np.median(values)), float(low), float(high), float(medians.std())


@dataclass(frozen=True)
class AzimuthalScatter:
    """Scatter of the brightness of sectors about their mean, relative to it; n bins.

    Attributes
    ----------
    value : ndarray, shape (n,)
        Intrinsic scatter: zero where the sectors differ by no more than their counts explain,
        NaN where the mean is not positive or a sector was not exposed.
    variance, variance_error : ndarray, shape (n,)
        Its square before it is cut at zero, and the error of this by the counts.
    statistical : ndarray, shape (n,)
        Scatter that Poisson counts make.
    """

    value: np.ndarray
    variance: np.ndarray
    variance_error: np.ndarray
    statistical: np.ndarray


def azimuthal_scatter(sectors: Sequence[RadialProfile]) -> AzimuthalScatter:
    r"""Return the azimuthal scatter of profiles in sectors of one width.

    .. math:: S^2 = \frac{1}{N} \sum_i \frac{(y_i - Y)^2}{Y^2}

    of the brightness :math:`y_i` of N sectors and its mean Y (Vazza et al. 2011, MNRAS 413,
    2305), less what the variances of the counts are expected to make of it.

    Parameters
    ----------
    sectors : sequence of RadialProfile
        With the same edges; at least two.

    Returns
    -------
    AzimuthalScatter

    Raises
    ------
    ValueError
        Fewer than two profiles, or different edges.
    """
    if len(sectors) < 2 or any(not np.array_equal(s.edges, sectors[0].edges) for s in sectors):
        raise ValueError("a scatter needs two profiles or more, with the same edges")
    counts = np.array([s.counts for s in sectors])
    exposure = np.array([s.exposure_area for s in sectors])
    background = np.array([s.background for s in sectors])
    seen = (exposure > 0).all(axis=0)
    exposure = np.where(exposure > 0, exposure, 1.0)
    value = (counts - background) / exposure
    mean = value.mean(axis=0)
    good = seen & (mean > 0)
    square = np.where(good, mean, np.nan) ** 2
    # every sector's variance enters with that of its part of the mean
    number = len(sectors)
    variance = counts / exposure**2
    statistical = (1 - 1 / number) * variance.mean(axis=0) / square
    total = ((value - mean) ** 2).mean(axis=0) / square
    # of a sum of squares of Gaussians about means that differ
    apart = (variance * ((value - mean) ** 2 - variance)).sum(axis=0)
    spread = 2 * (variance**2).sum(axis=0) + 4 * np.maximum(apart, 0)
    error = np.sqrt(spread) / number / square
    intrinsic = total - statistical
    return AzimuthalScatter(
        np.sqrt(np.maximum(intrinsic, 0)), intrinsic, error, np.sqrt(statistical)
    )
