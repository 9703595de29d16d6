"""Images of single sources: counts, exposure and background around them, and the PSF."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from xsurvey import __version__
from xsurvey.errors import printable
from xsurvey.imaging.cutout import PixelBox, cut_grid, cut_image
from xsurvey.imaging.psf_image import psf_image
from xsurvey.imaging.sky_image import ImageGrid, SkyImage
from xsurvey.io.fits_writer import write_hdus
from xsurvey.psf import PointSpreadFunction


def write_cut_out(
    path: Path, box: PixelBox, counts: SkyImage, exposure: SkyImage, background: SkyImage | None,
    header: Mapping[str, Any],
) -> None:  # fmt: skip
    """Write the pixels around a source: counts, and as extensions what belongs to them.

    Parameters
    ----------
    path : path
    box : PixelBox
    counts, exposure : SkyImage
        Of one band of an observation, on its grid.
    background : SkyImage or None
        Expected background counts a pixel, ``BACKGROUND``; None where there is no map.
    header : mapping of str to value
        Keywords of every extension: which source it is.
    """
    parts = {"EXPOSURE": exposure, "BACKGROUND": background}
    hdus: list[Any] = [fits.PrimaryHDU(_pixels(counts, box), _header(counts, box, header))]
    for name, image in parts.items():
        if image is not None:
            data, words = _pixels(image, box), _header(image, box, header)
            hdus.append(fits.ImageHDU(data, words, name=name))
    write_hdus(path, hdus)


def write_psf(
    path: Path, box: PixelBox, grid: ImageGrid, psf: PointSpreadFunction, off_axis: float,
    place: tuple[float, float], header: Mapping[str, Any],
) -> float:  # fmt: skip
    """Write the PSF at the place of a source, on the pixels of its cut-outs.

    Parameters
    ----------
    path : path
    box : PixelBox
    grid : ImageGrid
        Of the observation.
    psf : PointSpreadFunction
    off_axis : float
        Of the source, arcmin; 0 for scans.
    place : (float, float)
        0-based coordinates of the source in the observation's images.
    header : mapping of str to value

    Returns
    -------
    float
        The fraction of a source's counts that falls into the cut-out: the sum of the pixels.
    """
    part = cut_grid(grid, box)
    x, y = place[0] - box.x0, place[1] - box.y0
    data = psf_image(psf.mixture(off_axis), x, y, box.shape, grid.pixel_size)
    total = float(data.sum())
    words = {
        **header, "PSFFRAC": (total, "sum: fraction of the counts in this image"),
        "OFFAXIS": (off_axis, "[arcmin] of the source"), "PSFX": (x + 1, "[pixel] of the source"),
        "PSFY": (y + 1, "[pixel] of the source"),
        "PSFAPPR": (psf.approximate, "whether the PSF is an approximation"),
    }  # fmt: skip
    image = SkyImage(data, part, "", {})
    whole = PixelBox(0, 0, box.shape[1], box.shape[0])
    hdu = fits.PrimaryHDU(data.astype(np.float32), _header(image, whole, words))
    write_hdus(path, [hdu])
    return total


def _pixels(image: SkyImage, box: PixelBox) -> np.ndarray:
    data = cut_image(image, box).data
    whole = image.unit == "count" and np.all(data == np.round(data))
    return data.astype(np.int32 if whole else np.float32)


def _header(image: SkyImage, box: PixelBox, words: Mapping[str, Any]) -> fits.Header:
    header = cut_image(image, box).header()
    header["CREATOR"] = f"xsurvey {__version__}"
    for key, value in words.items():
        header[key] = printable(value) if isinstance(value, str) else value
    return header
