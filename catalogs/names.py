"""IAU designations of sources."""

import numpy as np
from numpy.typing import ArrayLike

_MICROARCSEC_PER_DEGREE = 3_600_000_000


def assign_names(ra: ArrayLike, dec: ArrayLike, prefix: str = "XSV") -> list[str]:
    """Return IAU designations ``PREFIX Jhhmmss.s+ddmmss``.

    Parameters
    ----------
    ra, dec : array_like, shape (n,)
        ICRS degrees.
    prefix : str
        Acronym of the catalog, at least three letters or digits.

    Returns
    -------
    list of str
        In the order of the positions. Where several sources share one designation they get
        the suffixes A, B, ... in order of right ascension, then declination, so that the
        names do not depend on the order of the rows.

    Raises
    ------
    ValueError
        A position that is not on the sky, or a prefix that the IAU does not allow.

    Notes
    -----
    The IAU specifications for nomenclature ask that coordinates are truncated, never
    rounded. A decimal position is first rounded to a micro-arcsecond, and all that follows
    is integer arithmetic: otherwise a declination of exactly 10", which as a binary
    fraction of a degree may lie one unit in the last place below it, would be called 09".
    """
    if len(prefix) < 3 or not prefix.isascii() or not prefix.isalnum():
        raise ValueError(f"prefix '{prefix}' is not three or more letters and digits")
    ra, dec = np.asarray(ra, dtype=np.float64), np.asarray(dec, dtype=np.float64)
    off_sky = ~(np.isfinite(ra) & (np.abs(dec) <= 90))
    if np.any(off_sky):
        raise ValueError(f"the position of row {int(np.argmax(off_sky))} is not on the sky")
    names = [
        f"{prefix} {_designation(a, d)}"
        for a, d in zip(_microarcsec(ra % 360), _microarcsec(dec), strict=True)
    ]
    return _distinct(names, np.lexsort((dec, ra)))


def _microarcsec(degrees: np.ndarray) -> list[int]:
    return [int(value) for value in np.rint(degrees * _MICROARCSEC_PER_DEGREE)]


def _designation(ra: int, dec: int) -> str:
    tenths = ra // 1_500_000 % 864_000  # 0.1 s of time is 1.5"; 24 h is 0 h
    seconds = abs(dec) // 1_000_000
    return (
        f"J{tenths // 36_000:02d}{tenths // 600 % 60:02d}{tenths % 600 // 10:02d}.{tenths % 10}"
        f"{'-' if dec < 0 else '+'}"
        f"{seconds // 3600:02d}{seconds // 60 % 60:02d}{seconds % 60:02d}"
    )


def _distinct(names: list[str], order: np.ndarray) -> list[str]:
    groups: dict[str, list[int]] = {}
    for row in order:
        groups.setdefault(names[row], []).append(int(row))
    distinct = list(names)
    for name, rows in groups.items():
        if len(rows) > 1:
            for number, row in enumerate(rows):
                distinct[row] = name + _letters(number)
    return distinct


def _letters(number: int) -> str:
    """Return A, B, ..., Z, AA, AB, ..."""
    text = ""
    number += 1
    while number:
        number, digit = divmod(number - 1, 26)
        text = chr(ord("A") + digit) + text
    return text
