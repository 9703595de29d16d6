"""Sky coordinates of event tables: a WCS from the keywords of two columns."""

import numpy as np
from astropy.wcs import WCS
from astropy.wcs.utils import wcs_to_celestial_frame

from xsurvey.errors import InputError
from xsurvey.io.fits_file import Table


def wcs_from_columns(table: Table, x: str, y: str) -> WCS | None:
    """Build the celestial WCS that TCTYP, TCRVL, TCRPX and TCDLT of two columns describe.

    Parameters
    ----------
    table : Table
        The event table.
    x, y : str
        Names of the sky-pixel columns.

    Returns
    -------
    astropy.wcs.WCS or None
        Pixel coordinates are the columns' values for ``origin=1``; None where a keyword
        is missing or not a finite number.

    Raises
    ------
    InputError
        RADESYS names no frame of the sky.

    Notes
    -----
    Keywords: Greisen & Calabretta 2002 (A&A 395, 1061) and Calabretta & Greisen 2002
    (A&A 395, 1077), table forms.
    """
    numbers = [table.column_number(name) for name in (x, y)]
    header = table.header
    wcs = WCS(naxis=2)
    try:
        wcs.wcs.ctype = [str(header[f"TCTYP{n}"]).strip() for n in numbers]
        wcs.wcs.crval = [float(header[f"TCRVL{n}"]) for n in numbers]
        wcs.wcs.crpix = [float(header[f"TCRPX{n}"]) for n in numbers]
        wcs.wcs.cdelt = [float(header[f"TCDLT{n}"]) for n in numbers]
        wcs.wcs.cunit = ["deg", "deg"]
        if not np.all(np.isfinite([*wcs.wcs.crval, *wcs.wcs.crpix, *wcs.wcs.cdelt])):
            return None
        if not (wcs.wcs.ctype[0].startswith("RA") and wcs.wcs.ctype[1].startswith("DEC")):
            return None
        if "RADECSYS" in header or "RADESYS" in header:
            wcs.wcs.radesys = str(header.get("RADESYS", header.get("RADECSYS"))).strip()
        wcs.wcs.set()
    except (KeyError, ValueError, TypeError):
        return None
    if not wcs.has_celestial:  # names that begin well and are no projection
        return None
    try:
        wcs_to_celestial_frame(wcs)
    except ValueError as error:
        raise InputError(
            table.path, f"keyword RADESYS is '{wcs.wcs.radesys}', which is no frame of the sky",
            "correct the header",
        ) from error  # fmt: skip
    return wcs
