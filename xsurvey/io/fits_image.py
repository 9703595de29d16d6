"""Images in FITS files of strangers."""

import os

import numpy as np
from astropy.io import fits

from xsurvey.errors import InputError
from xsurvey.io.fits_file import HEADER_ERRORS, is_image, open_fits, quietly, unreadable


def read_image(
    path: str | os.PathLike[str], part: tuple[slice, slice] | None = None
) -> tuple[np.ndarray, fits.Header]:
    """Return the first two-dimensional image of a FITS file and its header.

    Parameters
    ----------
    path : path
    part : pair of slice, optional
        Rows and columns; of an image without further axes no other rows are read.

    Returns
    -------
    image : ndarray of float64, shape (ny, nx)
    header : astropy.io.fits.Header
        Of the whole image.

    Raises
    ------
    InputError
        As `open_fits`, or no image is in the file.
    """
    file = open_fits(path)
    try:
        with quietly(), fits.open(file.path, memmap=False) as hdus:
            for hdu in hdus:
                if not hdu.is_image or image_shape(hdu.header) is None:
                    continue
                header = hdu.header.copy()
                if part is not None and header["NAXIS"] == 2:
                    return hdu.section[part].astype(np.float64), header
                if hdu.data is not None:
                    return np.squeeze(hdu.data)[part or ...].astype(np.float64), header
    except HEADER_ERRORS as error:
        raise unreadable(file.path, error) from error
    raise InputError(file.path, "holds no two-dimensional image", "give a FITS image")


def image_shape(header: fits.Header) -> tuple[int, int] | None:
    """Return rows and columns of an image, axes of one pixel left out; None of anything else."""
    axes = [int(header[f"NAXIS{i}"]) for i in range(int(header.get("NAXIS", 0)), 0, -1)]
    longer = [n for n in axes if n != 1]
    return (longer[0], longer[1]) if len(longer) == 2 else None


def read_image_header(path: str | os.PathLike[str]) -> fits.Header:
    """Return the header of the first two-dimensional image, not compressed, of a FITS file.

    Raises
    ------
    InputError
        As `open_fits`, or no image is in the file.
    """
    for header in open_fits(path).headers:
        packed = header.get("ZIMAGE", False)
        if is_image(header) and not packed and image_shape(header) is not None:
            return header
    raise InputError(path, "holds no two-dimensional image", "give a FITS image")
