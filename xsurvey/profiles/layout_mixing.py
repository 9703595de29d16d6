"""What the PSF moves between the regions of a layout."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from xsurvey.missions import get_mission
from xsurvey.profiles.geometry import pixel_solid_angles
from xsurvey.profiles.observed_regions import ObservedRegions
from xsurvey.profiles.psf_mixing import Psf, mixing_matrix
from xsurvey.profiles.region_layout import RegionLayout


def layout_mixing(
    layout: RegionLayout, observed: Sequence[ObservedRegions], exposure: np.ndarray,
    psf: Psf | str | None = "mission", brightness: np.ndarray | None = None,
) -> np.ndarray:  # fmt: skip
    """Return the mixing matrix of `xsurvey.profiles.region_spectrum.RegionSpectra`.

    Parameters
    ----------
    layout : RegionLayout
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
    ndarray, shape (r, r)
        arcmin2.
    """
    size = len(layout.regions)
    total = np.zeros((size, size))
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
        total += _matrix(layout, livetime, brightness, own, angle)
    if scans.any():
        shape: Psf | str | None = psf
        if psf == "mission":
            shape = get_mission(observed[0].events.observation.mission).psf(True)
        assert not isinstance(shape, str)
        total += _matrix(layout, scans, brightness, shape, None)
    return np.divide(
        total, exposure[:, None], out=np.zeros_like(total), where=exposure[:, None] > 0
    )


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
    layout: RegionLayout, livetime: np.ndarray, brightness: np.ndarray | None, psf: Psf | None,
    off_axis: np.ndarray | None,
) -> np.ndarray:  # fmt: skip
    size = len(layout.regions)
    return mixing_matrix(
        layout.emitted, layout.detected, livetime, brightness, psf, layout.grid.pixel_size / 60,
        off_axis=off_axis, solid_angle=pixel_solid_angles(layout.grid), emitted_regions=size,
        detected_regions=size,
    )  # fmt: skip
