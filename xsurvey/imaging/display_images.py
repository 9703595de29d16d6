"""Images for looking at: holes filled, adaptively smoothed, taken apart by size, dereddened."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from pydantic import Field

from xsurvey.errors import InputError
from xsurvey.imaging.adaptive_smoothing import adaptive_smoothing
from xsurvey.imaging.hole_filling import fill_holes
from xsurvey.imaging.sky_image import SkyImage, same_grid
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


def absorption_corrected(
    image: SkyImage, column: SkyImage | float, columns: np.ndarray, transmission: np.ndarray,
    mean_column: float,
) -> SkyImage:  # fmt: skip
    """Return an image as it were if all of it were absorbed as much as at one column density.

    Parameters
    ----------
    image : SkyImage
        Brightness of the sky, without other background.
    column : SkyImage or float
        Column density of hydrogen, 1e22 / cm2: a map on the image's pixels, or one for all.
    columns, transmission : ndarray, shape (k,)
        Share of the band's counts that is left behind such columns, ascending.
    mean_column : float
        To which all is brought; 0 takes the absorption off.

    Raises
    ------
    InputError
        A map on other pixels, or column densities outside of the table.
    """
    if isinstance(column, SkyImage):
        same_grid(image, column, column.source or "map of column densities")
        here = np.asarray(column.data, float)
    else:
        here = np.full(image.data.shape, float(column))
    seen = np.isfinite(image.data)
    known = (here >= columns[0]) & (here <= columns[-1])
    if not known[seen].all() or not columns[0] <= mean_column <= columns[-1]:
        raise InputError(
            "column density", f"is not from {columns[0]:g} to {columns[-1]:g} 1e22 / cm2",
            "give column densities of hydrogen in 1e22 / cm2",
        )  # fmt: skip
    logarithm = np.log(transmission)
    factor = np.exp(
        np.interp(mean_column, columns, logarithm) - np.interp(here, columns, logarithm)
    )
    stamps = {**image.stamps, "NH_TO": mean_column}
    return replace(image, data=image.data * factor, stamps=stamps)
