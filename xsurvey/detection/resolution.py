"""Which PSF holds for an observation: the user's, its mission's, or what its sources look like."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from xsurvey.detection.band_image import BandImage
from xsurvey.detection.group_fit import fit_group, make_blocks
from xsurvey.detection.parameters import DetectionParameters
from xsurvey.detection.scene import Scene
from xsurvey.imaging.field import Field
from xsurvey.psf import GaussianPsf, PointSpreadFunction, parse_psf

_SIGMAS = np.geomspace(0.5, 8.0, 13)  # pixels
_BRIGHTEST = 30
_DEFAULT_SIGMA = 1.0  # pixels
_SHARPEST = 0.25


def field_psf(field: Field, parameters: DetectionParameters) -> PointSpreadFunction | None:
    """Return the PSF that the parameters or the mission name, None where neither does."""
    if parameters.psf is not None:
        return parse_psf(parameters.psf)
    if field.mission is None or (field.pointing is None and not field.scanning):
        return None
    return field.mission.psf(field.scanning)


def estimated_psf(image: BandImage, ra: np.ndarray, dec: np.ndarray) -> GaussianPsf:
    """Return a Gaussian as wide as the sharper ones of some sources.

    Parameters
    ----------
    image : BandImage
        Its PSF is not looked at.
    ra, dec : ndarray, shape (n,)
        Places of clear sources, the clearest first.

    Returns
    -------
    GaussianPsf
        Of the lower quartile of their best widths, marked as approximate; of one pixel where
        there is no source.
    """
    size = image.counts.grid.pixel_size
    count = min(len(ra), _BRIGHTEST)
    if not count:
        return GaussianPsf(_DEFAULT_SIGMA * size, True)
    statistics = np.full((count, len(_SIGMAS)), np.inf)
    widest = Scene([replace(image, psf=GaussianPsf(_SIGMAS[-1] / 2 * size, True))])
    for row in range(count):
        place = ra[[row]], dec[[row]], np.array([2 * size])
        for column, sigma in enumerate(_SIGMAS):
            scene = Scene([replace(image, psf=GaussianPsf(sigma * size, True))])
            for source in scene.make_sources(*place):
                source.counts = np.full(1, 10.0)
                # the same pixels for all widths
                blocks = make_blocks(widest, [source])
                statistics[row, column] = fit_group(scene, [source], blocks).statistic
    best = _SIGMAS[statistics.argmin(axis=1)]
    return GaussianPsf(float(np.quantile(best, _SHARPEST, method="nearest")) * size, True)
