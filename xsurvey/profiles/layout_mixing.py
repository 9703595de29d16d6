"""What the PSF moves between the regions of a layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xsurvey.missions import get_mission
from xsurvey.profiles.geometry import pixel_solid_angles
from xsurvey.profiles.light_between_annuli import LightRadii
from xsurvey.profiles.observed_regions import ObservedRegions
from xsurvey.profiles.psf_mixing import Psf, mixing_matrix
from xsurvey.profiles.region_layout import RegionLayout

RINGS = 4
"""Of an annulus, in which the radii of its light are told apart."""


def layout_mixing(
    layout: RegionLayout, observed: Sequence[ObservedRegions], exposure: np.ndarray,
    psf: Psf | str | None = "mission", brightness: np.ndarray | None = None,
) -> tuple[np.ndarray, LightRadii | None]:  # fmt: skip
    """Return `mixing` and `light_radii` of `xsurvey.profiles.region_spectrum.RegionSpectra`.

    Parameters
    ----------
    layout : RegionLayout
        Without radii of pixels, or without a PSF, there are none of the light.
    observed : sequence of ObservedRegions
        Their livetimes, the mean over groups of detectors, weigh the pixels.
    exposure : ndarray, shape (r,)
        Of the regions' spectra, s.
    psf : PointSpreadFunction, ImagePsf, ``mission`` or None
        ``mission`` is each observation's own; None is none at all.
    brightness : ndarray, shape (ny, nx), optional
        How the light is distributed within regions; evenly if not given.

    Returns
    -------
    mixing : ndarray, shape (r, r)
        arcmin2.
    light_radii : LightRadii or None
    """
    size = len(layout.regions)
    rings = _rings(layout, brightness, 1 if psf is None or layout.radius is None else RINGS)
    total = np.zeros((size, len(rings.light)))
    scans = np.zeros(layout.grid.shape)
    for one in observed:
        livetime = mean_livetime(one)
        observation = one.events.observation
        # a scan's PSF is the mean over the field, a given image is one for all
        if observation.scanning or psf != "mission":
            scans += livetime
            continue
        own = get_mission(observation.mission).psf(False)
        angle = layout.grid.off_axis(observation.pointing)
        total += _matrix(layout, rings, livetime, brightness, own, angle)
    if scans.any():
        shape: Psf | str | None = psf
        if psf == "mission":
            shape = get_mission(observed[0].events.observation.mission).psf(True)
        assert not isinstance(shape, str)
        total += _matrix(layout, rings, scans, brightness, shape, None)
    total = np.divide(
        total, exposure[:, None], out=np.zeros_like(total), where=exposure[:, None] > 0
    ).reshape(size, size, -1)
    mixing = total.sum(axis=2)
    if rings.log_radius is None:
        return mixing, None
    at = rings.log_radius.reshape(size, -1)
    emitted = (rings.light.reshape(size, -1) * at).sum(axis=1)
    counted = np.divide(
        (total * at).sum(axis=2), mixing, out=np.tile(emitted, (size, 1)), where=mixing > 0
    )
    return mixing, LightRadii(emitted, counted)


@dataclass(frozen=True)
class _Rings:
    """Regions divided in rings of equal width, n of each.

    ``labels`` (ny, nx) are n times the region plus the ring; ``light`` (r n,) is the part of its
    region's light, ``scale`` (r n,) its mean brightness over that of the region, and
    ``log_radius`` (r n,) the mean of the logarithm of the radius of its light.
    """

    labels: np.ndarray
    light: np.ndarray
    scale: np.ndarray
    log_radius: np.ndarray | None


def _rings(layout: RegionLayout, brightness: np.ndarray | None, number: int) -> _Rings:
    regions, size = layout.regions, len(layout.regions)
    there = layout.emitted >= 0
    label = layout.emitted[there]
    if number > 1:
        assert layout.radius is not None
        inner, outer = (np.array([getattr(r, k) for r in regions]) for k in ("inner", "outer"))
        part = (layout.radius[there] - inner[label]) / (outer - inner)[label]
        ring = np.clip((number * part).astype(int), 0, number - 1)
    else:
        ring = np.zeros(len(label), int)
    own = label * number + ring
    labels = np.full(layout.emitted.shape, -1, dtype=np.int32)
    labels[there] = own
    square = pixel_solid_angles(layout.grid)[there]
    weight = square
    if brightness is not None:
        bright = np.asarray(brightness, float)[there]
        bright = np.where(np.isfinite(bright) & (bright > 0), bright, 0.0)
        dark = np.bincount(label, bright, minlength=size) <= 0
        # regions without light are taken for evenly bright, as mixing matrices do
        weight = square * np.where(dark[label], 1.0, bright)
    count = size * number
    light, area = (np.bincount(own, w, minlength=count) for w in (weight, square))
    share = _over(light, np.repeat(light.reshape(size, number).sum(axis=1), number))
    whole = np.repeat(area.reshape(size, number).sum(axis=1), number)
    radius = None
    if layout.radius is not None:
        # half a pixel: the middle of the innermost one is at no radius
        least = 0.5 * np.sqrt(square)
        logs = np.log(np.maximum(layout.radius[there], least))
        radius = _over(np.bincount(own, weight * logs, minlength=count), light)
    return _Rings(labels, share, _over(share, _over(area, whole)), radius if number > 1 else None)


def _over(values: np.ndarray, by: np.ndarray) -> np.ndarray:
    return np.divide(values, by, out=np.zeros_like(values), where=by > 0)


def mean_livetime(one: ObservedRegions) -> np.ndarray:
    """Return the livetime of every pixel, the mean over groups weighted by their detectors."""
    weights = np.array([len(g.detectors) for g in one.groups.values()], float)
    maps = [g.exposure.livetime for g in one.groups.values()]
    total = sum(w * m for w, m in zip(weights / weights.sum(), maps, strict=True))
    return np.asarray(total, float)


def solid_angles(layout: RegionLayout, labels: np.ndarray) -> np.ndarray:
    """Return the solid angle of the pixels of each region, arcmin2, shape (r,)."""
    chosen = labels >= 0
    square = pixel_solid_angles(layout.grid)[chosen]
    return np.bincount(labels[chosen], square, minlength=len(layout.regions))


def _matrix(
    layout: RegionLayout, rings: _Rings, livetime: np.ndarray, brightness: np.ndarray | None,
    psf: Psf | None, off_axis: np.ndarray | None,
) -> np.ndarray:  # fmt: skip
    """Return what is counted of all rings, for regions of mean brightness one, (r, r n)."""
    matrix = mixing_matrix(
        rings.labels, layout.detected, livetime, brightness, psf, layout.grid.pixel_size / 60,
        off_axis=off_axis, solid_angle=pixel_solid_angles(layout.grid),
        emitted_regions=len(rings.light), detected_regions=len(layout.regions),
    )  # fmt: skip
    return matrix * rings.scale
