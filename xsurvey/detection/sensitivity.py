r"""How faint a source may be at each place and still be found, and over what area.

A source is found where the matched filter of `xsurvey.detection.matched_filter` is above the
value :math:`w_T` whose tail over the background alone is exp(-threshold). With the source's own
counts the filter has cumulants :math:`\kappa_r = \sum_p (b_p + s u_p) h_p^r`, from which its
quantiles follow (Cornish & Fisher 1938, Rev. Inst. Int. Stat. 5, 307). That the place is fitted
adds half a chi squared of two degrees of freedom to the likelihood, 1 in the mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from scipy import ndimage, special

from xsurvey.detection.aperture import on_image
from xsurvey.detection.matched_filter import detectable_counts
from xsurvey.detection.parameters import DetectionParameters
from xsurvey.detection.poisson_tail import log_tail_of_pixels
from xsurvey.detection.profiles import in_pixels, light_on_pixels, radius_of_light
from xsurvey.detection.resolution import field_psf
from xsurvey.errors import MissingDataError, ParameterError
from xsurvey.imaging.field import Field
from xsurvey.imaging.sky_image import ImageGrid, SkyImage, separation_arcmin
from xsurvey.imaging.stack import Stack
from xsurvey.imaging.stack_images import stack_exposure
from xsurvey.psf import PointSpreadFunction

PROBABILITY = 0.5
_GAIN_OF_PLACE = 1.0
_CELLS = 32  # along the longer side of the map
_REACH = 0.95  # part of the light that the filter covers
_LARGEST = 7  # samples from the middle; of wider PSFs each stands for several pixels
_ROWS = 512
_LEAST_LEVEL = 1e-9
_STEPS = 60


def filter_threshold(
    background: np.ndarray, unit: np.ndarray, threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights of the matched filter and its value at a threshold.

    Parameters
    ----------
    background, unit : ndarray, shape (n, p)
        Expected counts without the source; the part of the source's counts in each pixel.
    threshold : float
        -ln P.

    Returns
    -------
    weights : ndarray, shape (n, p)
    value : ndarray, shape (n,)
    """
    level = np.maximum(background, _LEAST_LEVEL)
    weights = np.log1p(detectable_counts(level, unit, threshold)[:, None] * unit / level)
    mean = np.sum(level * weights, axis=1)
    low, high = mean, mean + np.maximum(weights.max(axis=1), 1e-9)
    for _ in range(_STEPS):  # a bracket, widened
        short = -log_tail_of_pixels(high, level, weights) < threshold
        if not short.any():
            break
        high = np.where(short, mean + 2 * (high - mean), high)
    for _ in range(11):  # to a thousandth of the bracket
        middle = (low + high) / 2
        below = -log_tail_of_pixels(middle, level, weights) < threshold
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return weights, (low + high) / 2


def detection_probability(
    counts: np.ndarray, background: np.ndarray, unit: np.ndarray, weights: np.ndarray,
    value: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Return the probability that a source's filter reaches a value, shape (n,).

    Parameters
    ----------
    counts : ndarray, shape (n,)
        Of the source, all of its light.
    background, unit, weights : ndarray, shape (n, p)
    value : ndarray, shape (n,)
        From `filter_threshold`.
    """
    expected = background + np.asarray(counts)[:, None] * unit
    mean, variance, third = (np.sum(expected * weights**r, axis=1) for r in (1, 2, 3))
    sigma = np.sqrt(np.maximum(variance, 1e-300))
    part = third / sigma**3 / 6
    # x = z + (z^2 - 1) part, solved for the normal quantile z
    root = np.sqrt(np.maximum(1 + 4 * part * (part + (value - mean) / sigma), 0))
    return np.asarray(special.ndtr(-2 * ((value - mean) / sigma + part) / (1 + root)))


def detectable_at(
    background: np.ndarray, unit: np.ndarray, threshold: float, probability: float = PROBABILITY
) -> np.ndarray:
    """Return the counts of sources that are found with a probability.

    Parameters
    ----------
    background, unit : ndarray, shape (n, p)
    threshold : float
        -ln P at which a source counts as found.
    probability : float

    Returns
    -------
    ndarray, shape (n,)
        All of the source's light, as ``unit`` has parts of it; NaN where nothing was exposed.
    """
    seen = unit.sum(axis=1) > 0
    result = np.full(len(unit), np.nan)
    rows = np.flatnonzero(seen)
    for first in range(0, len(rows), _ROWS):
        at = rows[first : first + _ROWS]
        b, u = np.maximum(background[at], _LEAST_LEVEL), unit[at]
        weights, value = filter_threshold(b, u, max(threshold - _GAIN_OF_PLACE, 0.1))
        low = np.zeros(len(at))
        high = 3 * detectable_counts(b, u, threshold) + 10
        for _ in range(30):
            middle = (low + high) / 2
            below = detection_probability(middle, b, u, weights, value) < probability
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        result[at] = (low + high) / 2
    return result


def sensitivity_map(
    stack: Stack, label: str, backgrounds: Mapping[str, SkyImage],
    detection: DetectionParameters, probability: float = PROBABILITY,
) -> SkyImage:  # fmt: skip
    """Return the rate at which point sources are found in one band.

    What is needed in counts is worked out on a coarse grid and interpolated; the exposure it is
    divided by has the pixels of the stack.

    Parameters
    ----------
    stack : Stack
    label : str
        Of a searched band.
    backgrounds : mapping of str to SkyImage
        By observation: expected counts a pixel.
    detection : DetectionParameters
        For the threshold of TRUE sources and the PSF.
    probability : float
        Of being found.

    Returns
    -------
    SkyImage
        count / s (counts, where the exposure is not in seconds) on the stack's grid; NaN where
        nothing was exposed.

    Raises
    ------
    ParameterError
        The probability is not between 0 and 1.
    MissingDataError
        No PSF is known.
    """
    if not 0 < probability < 1:
        raise ParameterError(
            "probability", f"is {probability:g}", "give one between 0 and 1"
        )  # fmt: skip
    grid = stack.grid
    rows, columns = _coarse(grid.shape)
    x, y = (v.ravel() for v in np.meshgrid(columns, rows))
    ra, dec = grid.to_icrs(x, y)
    found = [
        _pixels(field, label, backgrounds[name].data, ra, dec, field_psf(field, detection))
        for name, field in zip(stack.names, stack.fields, strict=True)
    ]
    seconds = np.sum([one[2] for one in found], axis=0)
    share = np.where(seconds > 0, seconds, np.inf)[:, None]
    background = np.concatenate([one[0] for one in found], axis=1)
    unit = np.concatenate([one[1] for one in found], axis=1) / share
    counts = detectable_at(background, unit, detection.local_threshold, probability)
    exposure = stack_exposure(stack, label).data
    fine = _interpolated(counts.reshape(len(rows), len(columns)), rows, columns, grid.shape)
    rate = np.divide(fine, exposure, out=np.full(grid.shape, np.nan), where=exposure > 0)
    timed = all(f.timed for f in stack.fields)
    return SkyImage(rate, grid, "count / s" if timed else "count", {
        "SENSPROB": probability, "THRESH": detection.threshold,
        "EXPMAP": "APPROX" if any(f.exposure_approximate for f in stack.fields) else "SUPPLIED",
        "PSFMAP": "APPROX" if _approximate(stack, detection) else "SUPPLIED",
    })  # fmt: skip


def in_flux(rates: SkyImage, factor: float) -> SkyImage:
    """Return a map of rates as one of fluxes, for a factor in erg / cm2 / count."""
    return replace(rates, data=rates.data * factor, unit="erg / (s cm2)")


def sky_coverage(limits: SkyImage, values: np.ndarray) -> np.ndarray:
    """Return the area over which sources of some rates or fluxes are found, deg2.

    Parameters
    ----------
    limits : SkyImage
        From `sensitivity_map`.
    values : ndarray, shape (k,)
        In the unit of the map.
    """
    known = np.sort(limits.data[np.isfinite(limits.data)])
    area = (limits.grid.pixel_size / 3600) ** 2
    return np.searchsorted(known, np.asarray(values, float), side="right") * area


def _approximate(stack: Stack, detection: DetectionParameters) -> bool:
    psfs = [field_psf(f, detection) for f in stack.fields]
    return any(p is None or p.approximate for p in psfs)


def _coarse(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    step = max(1.0, max(shape) / _CELLS)
    return tuple(  # type: ignore[return-value]
        np.linspace(0, n - 1, max(2, int(np.ceil(n / step)) + 1)) for n in shape
    )


def _at(image: np.ndarray, grid: ImageGrid, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    x, y = on_image(grid, ra, dec)
    column, row = np.rint(x).astype(int), np.rint(y).astype(int)
    ny, nx = grid.shape
    on = (row >= 0) & (row < ny) & (column >= 0) & (column < nx)
    return np.where(on, image[np.clip(row, 0, ny - 1), np.clip(column, 0, nx - 1)], 0.0)


def _pixels(
    field: Field, label: str, background: np.ndarray, ra: np.ndarray, dec: np.ndarray,
    psf: PointSpreadFunction | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Return background and exposure-weighted light on the pixels around places, and exposures."""
    if psf is None:
        raise MissingDataError(
            "PSF", f"of {field.obs_id or 'the image'} is not known", "give one (detection: psf)"
        )  # fmt: skip
    image = field.exposure[label]
    seconds = _at(image.data, image.grid, ra, dec)
    level = _at(background, image.grid, ra, dec)
    angle = np.zeros(len(ra))
    if field.pointing is not None:
        angle = separation_arcmin(ra, dec, field.pointing)
    # the PSF changes slowly: one a bin of its width
    wide = np.asarray(psf.radius(0.5, angle)) / image.grid.pixel_size
    bins = np.round(np.log(wide) / 0.1).astype(int)
    size = 2 * _LARGEST + 1
    unit = np.zeros((len(ra), size * size))
    area = np.ones(len(ra))
    for one in np.unique(bins):
        chosen = bins == one
        profile = in_pixels(psf.mixture(float(np.median(angle[chosen]))), image.grid.pixel_size)
        step = max(1.0, radius_of_light(profile, _REACH) / _LARGEST)
        edges = (np.arange(size + 1) - size / 2) * step
        # a source is somewhere in its pixel
        light = light_on_pixels(profile, 0.25, 0.25, edges, edges)
        # the corners hold little light and much background
        away = np.hypot(*np.meshgrid(*(((edges[1:] + edges[:-1]) / 2,) * 2)))
        light[away > radius_of_light(profile, _REACH) + step] = 0.0
        unit[chosen], area[chosen] = light.ravel(), step**2
    expected = np.broadcast_to((level * area)[:, None], unit.shape)
    used = unit.any(axis=0)
    unit = unit[:, used]
    return np.where(unit > 0, expected[:, used], 0.0), unit * seconds[:, None], seconds


def _interpolated(
    values: np.ndarray, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Return values on all pixels; what is not known is that of the nearest that is."""
    missing = ~np.isfinite(values)
    if missing.all():
        return np.full(shape, np.nan)
    nearest = ndimage.distance_transform_edt(missing, return_distances=False, return_indices=True)
    filled = values[tuple(nearest)]
    y = np.interp(np.arange(shape[0]), rows, np.arange(len(rows)))
    x = np.interp(np.arange(shape[1]), columns, np.arange(len(columns)))
    low_y, low_x = (np.minimum(v.astype(int), n - 2) for v, n in zip((y, x), filled.shape,
                                                                    strict=True))  # fmt: skip
    part_y, part_x = (y - low_y)[:, None], (x - low_x)[None, :]
    lower = filled[low_y][:, low_x] * (1 - part_x) + filled[low_y][:, low_x + 1] * part_x
    upper = filled[low_y + 1][:, low_x] * (1 - part_x) + filled[low_y + 1][:, low_x + 1] * part_x
    return np.asarray(lower * (1 - part_y) + upper * part_y)
