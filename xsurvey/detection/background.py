"""The background a search starts from: given, or estimated with compact sources left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xsurvey.detection.candidates import find_candidates, source_mask
from xsurvey.detection.parameters import DetectionParameters
from xsurvey.errors import InputError, ParameterError
from xsurvey.imaging.background import background_map
from xsurvey.imaging.sky_image import SkyImage
from xsurvey.missions import Mission

_MASK_THRESHOLD = 10.0
_LARGEST_MASKED_SCALE = 3
_SMALLEST_SCALE = 8
_FINEST_BACKGROUND = 16.0  # pixels; finer structure is the sources'
_MASKED_SHARE = 0.5  # of the background: where known sources are brighter, pixels are left out


@dataclass(frozen=True)
class Level:
    """The expected background of a band of an observation.

    Attributes
    ----------
    data : ndarray, shape (ny, nx)
        Counts a pixel.
    mask : ndarray of bool, shape (ny, nx)
        Pixels of sources that were left out.
    """

    data: np.ndarray
    mask: np.ndarray


def supplied_level(background: SkyImage, exposure: np.ndarray) -> Level:
    """Check a supplied map of expected counts; zeros inside the field get the least positive value.

    Raises
    ------
    InputError
        Pixels inside the field are negative or not numbers, or none is positive.
    """
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
    # a supplied map may be zero inside the field: the search needs some expectation there
    level = np.where((exposure > 0) & (level <= 0), level[level > 0].min(), level)
    return Level(level, np.zeros(level.shape, dtype=bool))


def background_widths(
    parameters: DetectionParameters, mission: Mission | None, pixel_size: float
) -> tuple[float, ...]:
    """Return the Gaussian sigmas of the map in pixels, the widest first.

    Raises
    ------
    ParameterError
        The widest is so narrow that the map would hold the sources.
    """
    widest = parameters.background_pixels(mission, pixel_size)
    if widest < _SMALLEST_SCALE:
        raise ParameterError(
            "background_scale", f"is only {widest:.3g} pixels: the map would hold the sources",
            f"give {_SMALLEST_SCALE} pixels or more",
        )  # fmt: skip
    widths = [widest]
    while widths[-1] / 2 >= _FINEST_BACKGROUND:
        widths.append(widths[-1] / 2)
    return tuple(widths)


def estimated_level(
    counts: np.ndarray, exposure: np.ndarray, scales: range, widths: tuple[float, ...]
) -> Level:
    """Estimate the background with the clear small wavelet maxima left out.

    Parameters
    ----------
    counts, exposure : ndarray, shape (ny, nx)
    scales : range
        Wavelet planes that are searched.
    widths : tuple of float
        From `background_widths`.
    """
    unmasked = np.zeros(counts.shape, dtype=bool)
    # the finer levels belong to the first pass too: over a nebula the wide level alone
    # would make candidates, and a mask, of all of it
    first = background_map(counts, exposure, unmasked, widths)
    small = range(min(scales.stop, _LARGEST_MASKED_SCALE))
    bright = find_candidates(counts, first, small, _MASK_THRESHOLD)
    mask = source_mask(counts, first, bright, small)
    return Level(background_map(counts, exposure, mask, widths), mask)


def level_without(
    counts: np.ndarray, exposure: np.ndarray, model: np.ndarray, level: np.ndarray,
    widths: tuple[float, ...],
) -> Level:  # fmt: skip
    """Estimate the background anew, known sources subtracted, and masked where they are bright.

    Parameters
    ----------
    counts, exposure, model, level : ndarray, shape (ny, nx)
        Model: expected counts of all known sources; level: the background so far.
    widths : tuple of float
    """
    mask = model > _MASKED_SHARE * level
    mask &= exposure > 0
    return Level(background_map(counts - model, exposure, mask, widths), mask)
