"""Images for looking at: holes filled, adaptively smoothed, taken apart by size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from pydantic import Field

from xsurvey.imaging.adaptive_smoothing import adaptive_smoothing
from xsurvey.imaging.hole_filling import fill_holes
from xsurvey.imaging.sky_image import SkyImage
from xsurvey.imaging.wavelet_display import wavelet_images
from xsurvey.parameters import StepParameters
from xsurvey.units import Angle, written


class DisplayParameters(StepParameters):
    """Images that are made for looking at; nothing is measured on them."""

    display_snr: float = Field(
        default=5.0, gt=0, le=1000, description="Signal-to-noise ratio of adaptive smoothing."
    )
    display_largest: Angle = Field(
        default=written("2arcmin"), gt=0, description="Widest sigma of adaptive smoothing."
    )
    wavelet_scales: int = Field(
        default=5, ge=0, le=12, description="Planes of the wavelet decomposition; 0 for none."
    )
    wavelet_threshold: float = Field(
        default=3.0, ge=0, le=20, description="Sigma above which wavelet coefficients are kept."
    )


def display_images(
    counts: SkyImage, exposure: SkyImage, background: SkyImage | None, counted: np.ndarray | None,
    parameters: DisplayParameters, seed: int = 0,
) -> dict[str, SkyImage]:  # fmt: skip
    """Return the images of a field that are shown.

    Parameters
    ----------
    counts, exposure : SkyImage
        On the same pixels; s, vignetted.
    background : SkyImage or None
        Counts a pixel that are not of the sky.
    counted : ndarray of bool, shape (ny, nx), or None
        False where sources are masked.
    parameters : DisplayParameters
    seed : int
        Of what fills the holes.

    Returns
    -------
    dict of str to SkyImage
        ``filled``: counts with holes filled in; ``smoothed``: adaptively, count / (s arcmin2);
        ``smoothing_scale``: arcsec; ``wavelet_*``: as `wavelet_images`, as many planes as the
        image has room for.
    """
    filled = counts
    if counted is not None:
        filled = fill_holes(counts, counted, exposure, seed, background)
    smooth = adaptive_smoothing(
        counts, exposure, parameters.display_snr, parameters.display_largest, background, counted
    )
    images = {
        "filled": filled, "smoothed": smooth.brightness,
        "smoothing_scale": replace(smooth.brightness, data=smooth.scale, unit="arcsec"),
    }  # fmt: skip
    room = int(np.log2(max(min(counts.grid.shape) // 4, 2)))
    scales = min(parameters.wavelet_scales, room)
    if scales:
        images |= wavelet_images(
            filled, exposure, scales, parameters.wavelet_threshold, background
        )  # fmt: skip
    return images
