"""Source measurements: aperture counts, rates, limits, hardness, pile-up, flags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntFlag
from typing import Any

import numpy as np
from photutils.aperture import ApertureStats, CircularAperture
from scipy.spatial import cKDTree

from xsurvey.apertures.pileup import PILED_UP
from xsurvey.detection.aperture import hardness_ratio
from xsurvey.detection.parameters import PhotometryParameters
from xsurvey.detection.search import DetectedSource
from xsurvey.imaging.sky_image import SkyImage
from xsurvey.inference.poisson_rate import LIMIT_CONFIDENCE, CountsPosterior, counts_posterior
from xsurvey.psf import GaussianPsf, PointSpreadFunction

_EDGE_EXPOSURE = 0.5
_EXTENDED_CONTRAST = 3.0
_EXTENDED_WIDTH = 2.0
_PIXEL_BLUR = 0.6  # pixels
_ONE_SIGMA = 0.3935  # fraction of a 2-D Gaussian within one sigma
_CORE_PIXELS = 1.5  # radius of a 3 x 3 island in detector pixels


class SourceFlag(IntFlag):
    """Bits of the catalog's ``flag`` column; the schema describes them."""

    EXPOSURE_APPROXIMATE = 1
    PSF_APPROXIMATE = 2
    NEAR_EDGE = 4
    BLENDED = 8
    PILED_UP = 16
    EXTENDED_EMISSION = 32
    BACKGROUND_FROM_MAP = 64
    EXTENDED = 128
    SPECTRUM_FAILED = 256
    RESPONSE_APPROXIMATE = 512
    SPECTRUM_AT_LIMIT = 1024
    SPECTRUM_POOR_FIT = 2048
    MODEL_THERMAL = 32768


@dataclass(frozen=True)
class BandData:
    """What is measured in one band.

    Attributes
    ----------
    photons : iterable of (x, y, number)
        Arrays of 0-based image coordinates and how many photons stand there, in chunks.
    exposure : SkyImage
        Vignetted livetime; seconds, or NaN-free relative values with ``timed`` false.
    background : ndarray, shape (ny, nx)
        Expected counts a pixel, for where no annulus is usable.
    """

    photons: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]]
    counts: SkyImage
    exposure: SkyImage
    background: np.ndarray
    timed: bool = True


@dataclass(frozen=True)
class Apertures:
    """Circles to measure in; arrays of shape (n,), pixels of the image."""

    x: np.ndarray
    y: np.ndarray
    radius: np.ndarray
    inner: np.ndarray
    outer: np.ndarray
    fraction: np.ndarray
    annulus_fraction: np.ndarray
    core_fraction: np.ndarray
    extended: np.ndarray


def apertures_for(
    sources: Sequence[DetectedSource], off_axis: np.ndarray, psf: PointSpreadFunction | None,
    pixel_size: float, detector_pixel: float, parameters: PhotometryParameters, fraction: float,
) -> Apertures:  # fmt: skip
    """Choose the aperture and annulus of each source.

    A source whose fitted Gaussian is more than twice as wide as the PSF and the pixels is
    measured in that Gaussian's aperture, and flagged as extended.

    Parameters
    ----------
    sources : sequence of DetectedSource, length n
    off_axis : ndarray, shape (n,)
        Arcmin.
    psf : PointSpreadFunction or None
        None takes each source's fitted Gaussian width.
    pixel_size, detector_pixel : float
        Arcsec.
    parameters : PhotometryParameters
    fraction : float
        Of the PSF, to encircle.
    """
    x = np.array([s.position.x for s in sources], dtype=float)
    y = np.array([s.position.y for s in sources], dtype=float)
    # what a fit on pixels cannot tell from the PSF
    blur = [0.0 if psf is None else float(psf.radius(_ONE_SIGMA, t)) for t in off_axis]
    resolution = np.hypot(blur, _PIXEL_BLUR * pixel_size)
    fitted = [GaussianPsf(max(s.position.sigma, 0.5) * pixel_size, True) for s in sources]
    extended = np.array([
        psf is not None and g.sigma > _EXTENDED_WIDTH * r
        for g, r in zip(fitted, resolution, strict=True)
    ], dtype=bool)  # fmt: skip
    shapes: list[PointSpreadFunction] = [
        psf if psf is not None and not wide else g for g, wide in zip(fitted, extended, strict=True)
    ]
    radius = _each(lambda p, t: p.radius(fraction, t), shapes, off_axis)
    inner, outer = parameters.annulus(radius)
    inner_outer = zip(shapes, off_axis, inner, outer, strict=True)
    annulus_fraction = np.array([
        float(p.encircled_fraction(o, t) - p.encircled_fraction(i, t)) for p, t, i, o in inner_outer
    ])  # fmt: skip
    core = _CORE_PIXELS * detector_pixel
    core_fraction = _each(lambda p, t: p.encircled_fraction(core, t), shapes, off_axis)
    return Apertures(
        x, y, radius / pixel_size, inner / pixel_size, outer / pixel_size,
        np.full(len(x), fraction), annulus_fraction, core_fraction, extended,
    )  # fmt: skip


def _each(function: Any, shapes: Sequence[PointSpreadFunction], off_axis: np.ndarray) -> np.ndarray:
    return np.array([float(function(p, t)) for p, t in zip(shapes, off_axis, strict=True)])


@dataclass(frozen=True)
class BandPhotometry:
    """Measurements of n sources in one band; arrays of shape (n,)."""

    counts: np.ndarray
    background: np.ndarray
    exposure: np.ndarray
    posterior: CountsPosterior
    from_map: np.ndarray


def measure_band(data: BandData, apertures: Apertures) -> BandPhotometry:
    """Measure all sources in one band.

    The background comes from an annulus without other sources' apertures; where such an
    annulus has no exposure, from the background map, and the source is flagged.

    Parameters
    ----------
    data : BandData
    apertures : Apertures
        Of n sources.
    """
    exposure = data.exposure.data
    circles = _photutils_circles(apertures)
    if not circles:
        empty = np.empty(0)
        posterior = counts_posterior(empty, empty, empty, empty, empty, empty)
        return BandPhotometry(empty.astype(int), empty, empty, posterior, empty.astype(bool))
    source_area = _sums(circles, exposure)
    pixels_inside = _sums(circles, np.ones_like(exposure))
    counts = _count_photons(data.photons, apertures)
    free = _free_of_sources(exposure > 0, apertures)
    annulus_counts, annulus_area = _annuli(data.counts.data, exposure, free, apertures)
    from_map = annulus_area < source_area
    # the map's expectation stands for an annulus a hundred apertures large
    map_level = _sums(circles, data.background)
    annulus_counts = np.where(from_map, 100 * map_level, annulus_counts)
    annulus_area = np.where(from_map, 100 * np.maximum(source_area, 1e-9), annulus_area)
    leaked = np.where(from_map, 0.0, apertures.annulus_fraction)
    posterior = counts_posterior(
        counts, annulus_counts, source_area, annulus_area, apertures.fraction, leaked
    )
    expected = annulus_counts * source_area / annulus_area
    mean_exposure = np.divide(
        source_area, pixels_inside, out=np.zeros_like(source_area), where=pixels_inside > 0
    )
    return BandPhotometry(counts, expected, mean_exposure, posterior, from_map)


def _photutils_circles(apertures: Apertures) -> list[CircularAperture]:
    return [
        CircularAperture((x, y), r)
        for x, y, r in zip(apertures.x, apertures.y, apertures.radius, strict=True)
    ]


def _sums(circles: list[CircularAperture], image: np.ndarray) -> np.ndarray:
    """Return the sum of an image in each circle, pixels cut exactly."""
    return np.array([float(c.do_photometry(image)[0][0]) for c in circles])


def _count_photons(
    photons: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]], apertures: Apertures
) -> np.ndarray:
    totals = np.zeros(len(apertures.x), dtype=np.int64)
    centres = np.column_stack([apertures.x, apertures.y])
    for x, y, number in photons:
        if not len(x):
            continue
        tree = cKDTree(np.column_stack([x, y]), balanced_tree=False)
        inside = tree.query_ball_point(centres, apertures.radius)
        totals += np.array([int(number[i].sum()) for i in inside], dtype=np.int64)
    return totals


def _free_of_sources(field: np.ndarray, apertures: Apertures) -> np.ndarray:
    free = field.copy()
    for x, y, r in zip(apertures.x, apertures.y, apertures.inner, strict=True):
        rows, columns, distance = _window(field.shape, x, y, r)
        free[rows, columns] &= distance > r
    return free


def _annuli(
    counts: np.ndarray, exposure: np.ndarray, free: np.ndarray, apertures: Apertures
) -> tuple[np.ndarray, np.ndarray]:
    total, area = np.zeros(len(apertures.x)), np.zeros(len(apertures.x))
    for i, (x, y, r) in enumerate(zip(apertures.x, apertures.y, apertures.outer, strict=True)):
        rows, columns, distance = _window(counts.shape, x, y, r)
        # the source's own inner circle is not free either
        ring = free[rows, columns] & (distance <= r)
        total[i] = counts[rows, columns][ring].sum()
        area[i] = exposure[rows, columns][ring].sum()
    return total, area


def _window(
    shape: tuple[int, ...], x: float, y: float, radius: float
) -> tuple[slice, slice, np.ndarray]:
    rows = slice(max(int(y - radius), 0), min(int(y + radius) + 2, shape[0]))
    columns = slice(max(int(x - radius), 0), min(int(x + radius) + 2, shape[1]))
    dy = np.arange(rows.start, rows.stop)[:, None] - y
    dx = np.arange(columns.start, columns.stop)[None, :] - x
    return rows, columns, np.hypot(dx, dy)


def band_columns(name: str, measured: BandPhotometry, timed: bool) -> dict[str, np.ndarray]:
    """Return the catalog columns of one band, arrays of shape (n,)."""
    posterior = measured.posterior
    low, high = posterior.shortest_interval()
    net = posterior.mode()
    usable = measured.exposure > 0
    seconds = np.where(usable & timed, measured.exposure, np.nan)
    width = np.maximum((high - low) / 2, 1e-12)
    nan = np.where(usable, 1.0, np.nan)
    return {
        f"counts_{name}": measured.counts,
        f"background_{name}": measured.background,
        f"net_counts_{name}": net * nan,
        f"net_counts_{name}_lo": low * nan,
        f"net_counts_{name}_hi": high * nan,
        f"rate_{name}": net / seconds,
        f"rate_{name}_lo": low / seconds,
        f"rate_{name}_hi": high / seconds,
        f"rate_{name}_upper": posterior.quantile(LIMIT_CONFIDENCE) / seconds,
        f"exposure_{name}": seconds,
        f"significance_{name}": net / width * nan,
    }


def hardness_columns(
    pairs: Iterable[tuple[str, str]], measured: Mapping[str, BandPhotometry]
) -> dict[str, np.ndarray]:
    """Return the hardness ratios of the pairs (harder, softer) whose bands were measured."""
    columns: dict[str, np.ndarray] = {}
    for hard, soft in pairs:
        if hard not in measured or soft not in measured:
            continue
        h, s = measured[hard], measured[soft]
        value, low, high = hardness_ratio(h.posterior, s.posterior, h.exposure, s.exposure)
        name = f"hardness_{hard}{soft}"
        columns |= {name: value, f"{name}_lo": low, f"{name}_hi": high}
    return columns


def source_flags(
    apertures: Apertures, exposure: np.ndarray, background: np.ndarray, pileup: np.ndarray,
    from_map: np.ndarray, *, exposure_approximate: bool, psf_approximate: bool,
) -> np.ndarray:  # fmt: skip
    """Return the flag of each source, shape (n,), bits of `SourceFlag`."""
    flags = np.zeros(len(apertures.x), dtype=np.int32)
    if exposure_approximate:
        flags |= SourceFlag.EXPOSURE_APPROXIMATE
    if psf_approximate:
        flags |= SourceFlag.PSF_APPROXIMATE
    exposed = exposure > 0
    typical_exposure = np.median(exposure[exposed])
    level = np.divide(background, exposure, out=np.zeros_like(background), where=exposed)
    typical_level = np.median(level[exposed])
    for i, (x, y, r) in enumerate(zip(apertures.x, apertures.y, apertures.radius, strict=True)):
        aperture = CircularAperture((x, y), max(r, 1.0))
        if ApertureStats(exposure, aperture).min < _EDGE_EXPOSURE * typical_exposure:
            flags[i] |= SourceFlag.NEAR_EDGE
        row = int(np.clip(round(y), 0, level.shape[0] - 1))
        column = int(np.clip(round(x), 0, level.shape[1] - 1))
        if level[row, column] > _EXTENDED_CONTRAST * typical_level:
            flags[i] |= SourceFlag.EXTENDED_EMISSION
    if len(apertures.x) > 1:
        tree = cKDTree(np.column_stack([apertures.x, apertures.y]))
        for i, j in tree.query_pairs(2 * float(apertures.radius.max())):
            distance = np.hypot(apertures.x[i] - apertures.x[j], apertures.y[i] - apertures.y[j])
            if distance < apertures.radius[i] + apertures.radius[j]:
                flags[[i, j]] |= SourceFlag.BLENDED
    flags[np.nan_to_num(pileup) > PILED_UP] |= SourceFlag.PILED_UP
    flags[from_map] |= SourceFlag.BACKGROUND_FROM_MAP
    flags[apertures.extended] |= SourceFlag.EXTENDED
    return flags
