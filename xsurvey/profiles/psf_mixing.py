r"""What a PSF moves from one region of the sky to another: mixing matrices.

.. math::

   M_{ij} = \sum_{p \in i} E_p\, (P \otimes B_j)_p\, \Delta\Omega

with the response E of the detected pixels p of region i (exposure, or 1), the PSF P, and the
brightness :math:`B_j` of region j, of mean 1 over its solid angle and zero outside of it. The
integral over places in region j and over the PSF is one over five numbers between 0 and 1 and is
taken at fixed points of a Sobol sequence (Sobol 1967, USSR Comput. Math. Math. Phys. 7, 86), so
that its cost does not depend on the image. What the same points give without a PSF, which is known
exactly from the pixels, corrects them (a control variate).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from scipy.stats import qmc

from xsurvey.errors import InputError
from xsurvey.profiles.psf_sampling import Displacement, ImagePsf, RoundPsf
from xsurvey.psf import PointSpreadFunction

LOG2_POINTS = 14
"""Points of a region, 2 to this: elements are true to .2 % of the region's light, typically."""

Psf = PointSpreadFunction | ImagePsf


def mixing_matrix(
    emitted: np.ndarray, detected: np.ndarray, response: np.ndarray,
    brightness: np.ndarray | None, psf: Psf | None, pixel_arcmin: float, *,
    off_axis: np.ndarray | None = None, solid_angle: np.ndarray | None = None,
    emitted_regions: int | None = None, detected_regions: int | None = None,
    log2_points: int = LOG2_POINTS,
) -> np.ndarray:  # fmt: skip
    """Return how much of each region's light is counted in each region.

    Parameters
    ----------
    emitted : ndarray of int, shape (ny, nx)
        Region of each pixel where light comes from, from 0; negative for none.
    detected : ndarray of int, shape (ny, nx)
        The same of pixels that are counted.
    response : ndarray, shape (ny, nx)
        Of the detected pixels: exposure in s, or exposure relative to something; zero (or no
        number) where nothing is counted.
    brightness : ndarray, shape (ny, nx), optional
        How the light is distributed within regions, up to a factor for each region; evenly
        without it, and in regions where it is nowhere positive.
    psf : PointSpreadFunction or ImagePsf, optional
        None: photons stay where they are, and the sums are exact.
    pixel_arcmin : float
        Side of a pixel.
    off_axis : ndarray, shape (ny, nx), optional
        Off-axis angles of the pixels, arcmin; zero without it.
    solid_angle : ndarray, shape (ny, nx), optional
        Of the pixels, arcmin2, where they are not all the square of ``pixel_arcmin``: far from
        where a projection touches the sky.
    emitted_regions, detected_regions : int, optional
        Number of regions; by the largest labels if not given.
    log2_points : int
        Points of a region, 2 to this.

    Returns
    -------
    ndarray, shape (detected, emitted)
        Response times arcmin2. Light that is displaced out of the image or out of all regions is
        in no row. A region without a pixel has zeros.

    Raises
    ------
    InputError
        Arrays of different shapes, or a pixel without a size.
    """
    _check(emitted, detected, response, brightness, off_axis, solid_angle, pixel_arcmin)
    columns = int(emitted.max(initial=-1)) + 1 if emitted_regions is None else emitted_regions
    rows = int(detected.max(initial=-1)) + 1 if detected_regions is None else detected_regions
    seen = np.where(np.isfinite(response) & (response > 0), response, 0.0)
    # a row more takes what is counted nowhere
    target = np.where((detected >= 0) & (detected < rows) & (seen > 0), detected, rows)
    image = _Image(target.ravel(), seen.ravel(), emitted.shape, rows)
    displacement = None if psf is None else displacement_of(psf, off_axis)
    matrix = np.zeros((rows, columns))
    sky, regions = _sky(emitted, columns, off_axis, pixel_arcmin)
    for j, pixels in enumerate(regions):
        if not len(pixels):
            continue
        angles = None if solid_angle is None else np.nan_to_num(np.ravel(solid_angle)[pixels])
        weights = _weights(brightness, pixels, angles)
        exact = image.summed(pixels, weights)
        share = exact
        if displacement is not None:
            points = _points(log2_points) + _shift(j)[:, None]
            points -= np.floor(points)
            moved, still = _sampled(image, pixels, weights, points, displacement, sky)
            share = np.maximum(moved + (exact - still), 0.0)
        region = len(pixels) * pixel_arcmin**2 if angles is None else angles.sum()
        matrix[:, j] = share * region
    return matrix


def _check(
    emitted: np.ndarray, detected: np.ndarray, response: np.ndarray,
    brightness: np.ndarray | None, off_axis: np.ndarray | None, solid_angle: np.ndarray | None,
    pixel_arcmin: float,
) -> None:  # fmt: skip
    images = (emitted, detected, response, brightness, off_axis, solid_angle)
    shapes = {np.shape(image) for image in images if image is not None}
    if len(shapes) != 1 or len(next(iter(shapes))) != 2:
        raise InputError(
            "mixing matrix", f"is asked of arrays of shapes {sorted(shapes)}",
            "give labels, response and brightness on one image",
        )  # fmt: skip
    if not (pixel_arcmin > 0 and np.isfinite(pixel_arcmin)):
        raise InputError("mixing matrix", f"has pixels of {pixel_arcmin} arcmin", "give their side")


@dataclass(frozen=True)
class _Sky:
    """Where photons come from."""

    centre: tuple[float, float]
    pixel: float
    off_axis: np.ndarray | None


@dataclass(frozen=True)
class _Image:
    """Where photons are counted: rows of the matrix and responses, pixel after pixel."""

    target: np.ndarray
    response: np.ndarray
    shape: tuple[int, int]
    rows: int

    def summed(self, pixels: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
        """Return the mean response in each row, shape (rows,), over pixels."""
        response = self.response[pixels]
        response = response / len(pixels) if weights is None else response * weights
        return np.bincount(self.target[pixels], response, self.rows + 1)[: self.rows]

    def at(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return the mean response in each row over places in pixels, shape (rows,)."""
        ny, nx = self.shape
        row, column = np.floor(y + 0.5).astype(np.int64), np.floor(x + 0.5).astype(np.int64)
        inside = (row >= 0) & (row < ny) & (column >= 0) & (column < nx)
        place = row[inside] * nx + column[inside]
        sums = np.bincount(self.target[place], self.response[place], self.rows + 1)
        return sums[: self.rows] / len(y)


def _sampled(
    image: _Image, pixels: np.ndarray, weights: np.ndarray | None, points: np.ndarray,
    displacement: Displacement, sky: _Sky,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return the mean responses with and without displacement, shape (rows,) each."""
    if weights is None:
        chosen = pixels[np.minimum((points[0] * len(pixels)).astype(np.int64), len(pixels) - 1)]
    else:
        cumulative = np.cumsum(weights)
        at = np.searchsorted(cumulative, points[0] * cumulative[-1], side="right")
        chosen = pixels[np.minimum(at, len(pixels) - 1)]
    y, x = np.divmod(chosen, image.shape[1])
    azimuth = np.arctan2(y - sky.centre[0], x - sky.centre[1])
    angle = None if sky.off_axis is None else sky.off_axis[chosen]
    dx, dy = displacement.displace(points[3], points[4], azimuth, angle)
    still = np.bincount(image.target[chosen], image.response[chosen], image.rows + 1)
    moved = image.at(y + points[1] - 0.5 + dy / sky.pixel, x + points[2] - 0.5 + dx / sky.pixel)
    return moved, still[: image.rows] / len(chosen)


def displacement_of(psf: Psf, off_axis: np.ndarray | None = None) -> Displacement:
    """Return how a PSF displaces photons, at off-axis angles of an image (arcmin) or on axis."""
    if isinstance(psf, ImagePsf):
        return psf
    return RoundPsf(psf, 0.0 if off_axis is None else float(np.nanmax(off_axis, initial=0.0)))


def _sky(
    labels: np.ndarray, regions: int, off_axis: np.ndarray | None, pixel: float
) -> tuple[_Sky, list[np.ndarray]]:
    """Return the sky, and the flat indices of the pixels of each region, from its middle out.

    The middle is that of the first region. In this order, and with angles of displacement counted
    from the direction away from the middle, annuli vary smoothly with the points: fewer are needed.
    """
    flat = labels.ravel()
    used = np.flatnonzero((flat >= 0) & (flat < regions))
    label = flat[used]
    y, x = np.divmod(used, labels.shape[1])
    first = label == label.min() if len(label) else label >= 0
    centre = (float(y[first].mean()), float(x[first].mean())) if len(label) else (0.0, 0.0)
    distance = np.hypot(y - centre[0], x - centre[1])
    order = np.argsort(label + distance / (sum(labels.shape) + 1.0), kind="stable")
    limits = np.searchsorted(label[order], np.arange(regions + 1))
    used = used[order]
    angles = None if off_axis is None else np.nan_to_num(np.ravel(off_axis))
    return _Sky(centre, pixel, angles), [used[limits[j] : limits[j + 1]] for j in range(regions)]


def _weights(
    brightness: np.ndarray | None, pixels: np.ndarray, solid_angle: np.ndarray | None
) -> np.ndarray | None:
    """Return each pixel's part of its region's light; None if all are equal."""
    values = solid_angle
    if brightness is not None:
        light = np.ravel(brightness)[pixels].astype(float)
        light = np.where(np.isfinite(light) & (light > 0), light, 0.0)
        if light.sum() > 0:
            values = light if solid_angle is None else light * solid_angle
    if values is None or not values.sum() > 0:
        return None
    return values / values.sum()


@functools.lru_cache(maxsize=4)
def _points(log2_points: int) -> np.ndarray:
    """Return Sobol points, shape (5, n): pixel, y and x within it, fraction, angle."""
    points = qmc.Sobol(5, scramble=False).random_base2(log2_points).T
    points = np.ascontiguousarray(points)
    points.flags.writeable = False
    return points


def _shift(region: int) -> np.ndarray:
    """Return by how much a region's points are shifted, so that regions do not err alike.

    The irrational steps are those of Kronecker's sequence with square roots of primes; they keep
    points off the edges of pixels, on which unshifted ones lie.
    """
    return (region + 1) * np.sqrt(np.array([2.0, 3.0, 5.0, 7.0, 11.0])) % 1.0
