"""The search: background map, candidates in each band, bands merged, positions fitted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from xsurvey.detection import starlet
from xsurvey.detection.candidates import (
    Candidates,
    find_candidates,
    merge_scales,
    source_mask,
)
from xsurvey.detection.parameters import DetectionParameters
from xsurvey.detection.position import FittedPosition, fit_position
from xsurvey.errors import InputError, ParameterError
from xsurvey.imaging.background import background_map
from xsurvey.imaging.sky_image import SkyImage
from xsurvey.missions import Mission

_MASK_THRESHOLD = 10.0
_LARGEST_MASKED_SCALE = 3
_SMALLEST_SCALE = 8
_FINEST_BACKGROUND = 16.0  # pixels; finer structure is the sources'


@dataclass(frozen=True)
class BandSearch:
    """What was found in one band.

    Attributes
    ----------
    background : ndarray, shape (ny, nx)
        Expected counts a pixel.
    mask : ndarray of bool, shape (ny, nx)
        Pixels of sources, left out of the background map.
    """

    band: str
    counts: np.ndarray
    background: np.ndarray
    mask: np.ndarray
    candidates: Candidates


@dataclass(frozen=True)
class DetectedSource:
    """A source after merging.

    Attributes
    ----------
    position : FittedPosition
    likelihood : float
        -ln P, P corrected for the number of bands searched.
    band : str
        Where it is most significant.
    scale : int
        Wavelet plane, 0 the finest.
    core_scale : int
        Finest plane in which it is clear.
    """

    position: FittedPosition
    likelihood: float
    band: str
    scale: int
    core_scale: int


def search_band(
    band: str, counts: SkyImage, exposure: SkyImage, parameters: DetectionParameters,
    background: SkyImage | None = None, mission: Mission | None = None,
) -> BandSearch:  # fmt: skip
    """Find the candidates of one band.

    Parameters
    ----------
    band : str
        Its label.
    counts, exposure : SkyImage
        On the same grid.
    parameters : DetectionParameters
    background : SkyImage, optional
        Expected counts a pixel; estimated where not given.
    mission : Mission, optional
        Whose habits hold where the parameters say nothing.

    Raises
    ------
    InputError
        Nothing is exposed, or the supplied background has no positive pixel.
    """
    data, seconds = counts.data, exposure.data
    if not (seconds > 0).any():
        raise InputError("exposure map", "is zero everywhere", "give the map of this image")
    data = np.where(seconds > 0, data, 0.0)
    lowest = parameters.lowest_threshold
    scales = range(parameters.scales)
    if background is not None:
        level = _supplied_background(background, seconds)
        # a supplied map may be zero inside the field: the search needs some expectation there
        level = np.where((seconds > 0) & (level <= 0), level[level > 0].min(), level)
        mask = np.zeros(data.shape, dtype=bool)
    else:
        widest = parameters.background_pixels(mission, counts.grid.pixel_size)
        if widest < _SMALLEST_SCALE:
            raise ParameterError(
                "background_scale", f"is only {widest:.3g} pixels: the map would hold the sources",
                f"give {_SMALLEST_SCALE} pixels or more",
            )  # fmt: skip
        level, mask = _estimate_background(data, seconds, scales, widest)
    found = find_candidates(data, level, scales, lowest)
    merged = merge_scales(found, data, level, lowest)
    return BandSearch(band, data, level, mask, merged)


def _supplied_background(background: SkyImage, exposure: np.ndarray) -> np.ndarray:
    subject = background.source or "background map"
    inside = background.data[exposure > 0]
    if not np.isfinite(inside).all() or (inside < 0).any():
        raise InputError(
            subject, "has pixels inside the field that are negative or not numbers",
            "give expected counts per pixel",
        )  # fmt: skip
    level = np.where(exposure > 0, background.data, 0.0)
    if not (level > 0).any():
        raise InputError(subject, "has no positive pixel", "give expected counts per pixel")
    return level


def _estimate_background(
    counts: np.ndarray, exposure: np.ndarray, scales: range, widest: float
) -> tuple[np.ndarray, np.ndarray]:
    unmasked = np.zeros(counts.shape, dtype=bool)
    widths = [widest]
    while widths[-1] / 2 >= _FINEST_BACKGROUND:
        widths.append(widths[-1] / 2)
    # the finer levels belong to the first pass too: over a nebula the wide level alone
    # would make candidates, and a mask, of all of it
    first = background_map(counts, exposure, unmasked, tuple(widths))
    small = range(min(scales.stop, _LARGEST_MASKED_SCALE))
    bright = find_candidates(counts, first, small, _MASK_THRESHOLD)
    mask = source_mask(counts, first, bright, small)
    return background_map(counts, exposure, mask, tuple(widths)), mask


def merge_bands(
    searches: list[BandSearch], parameters: DetectionParameters
) -> list[DetectedSource]:
    """Merge the candidates of all bands and fit their positions.

    A source keeps the band and scale of its largest likelihood. P is multiplied by the
    number of bands searched (Bonferroni), so that more bands do not make more false
    sources.

    Parameters
    ----------
    searches : list of BandSearch
    parameters : DetectionParameters

    Returns
    -------
    list of DetectedSource
        Most significant first.
    """
    lowest = parameters.lowest_threshold
    entries = []
    for search in searches:
        c = search.candidates
        likelihood = c.likelihood - np.log(len(searches))
        for i in np.flatnonzero(likelihood >= lowest):
            entries.append((float(likelihood[i]), int(c.x[i]), int(c.y[i]), i, search))
    entries.sort(key=lambda e: (-e[0], e[1], e[2], e[4].band))
    sources: list[DetectedSource] = []
    for value, _, _, i, search in entries:
        c = search.candidates
        core_scale = int(c.core_scale[i])
        if any(
            _same(int(c.core_x[i]), int(c.core_y[i]), starlet.kernel_sigma(core_scale), known)
            for known in sources
        ):
            continue
        start = max(starlet.kernel_sigma(core_scale), 0.7)
        position = fit_position(
            search.counts, search.background, int(c.core_x[i]), int(c.core_y[i]), start
        )
        sources.append(DetectedSource(position, value, search.band, int(c.scale[i]), core_scale))
    return _without_repeats(sources)


def _same(x: float, y: float, width: float, known: DetectedSource) -> bool:
    distance = np.hypot(x - known.position.x, y - known.position.y)
    return bool(distance <= max(2.0, 1.5 * max(width, starlet.kernel_sigma(known.core_scale))))


def _without_repeats(sources: list[DetectedSource]) -> list[DetectedSource]:
    """Drop sources whose fits ended within a pixel of a more significant one."""
    kept: list[DetectedSource] = []
    for source in sources:
        p = source.position
        if all(np.hypot(p.x - k.position.x, p.y - k.position.y) > 1.0 for k in kept):
            kept.append(source)
    return kept


def gaussian_significance(likelihood: np.ndarray) -> np.ndarray:
    """Return the Gaussian sigmas whose one-sided tail is ``exp(-likelihood)``.

    Parameters
    ----------
    likelihood : ndarray
        -ln P, natural logarithm; any size (deep tails are solved in logarithms).
    """
    likelihood = np.asarray(likelihood, float)
    sigma = np.sqrt(2 * np.maximum(likelihood, 0.7))
    for _ in range(30):  # Newton on ln Q(sigma) + L, whose slope is -phi/Q
        log_tail = special.log_ndtr(-sigma)
        slope = -np.exp(-0.5 * sigma**2 - 0.5 * np.log(2 * np.pi) - log_tail)
        sigma = sigma - (log_tail + likelihood) / slope
    return np.where(likelihood > np.log(2), sigma, 0.0)
