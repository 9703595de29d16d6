"""IAU designations of sources."""

import numpy as np
from numpy.typing import ArrayLike

_MICROARCSEC_PER_DEGREE = 3_600_000_000
_AT_ONCE = 65_536


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
    return [name.decode() for name in name_array(ra, dec, prefix).tolist()]


def name_array(ra: ArrayLike, dec: ArrayLike, prefix: str = "XSV") -> np.ndarray:
    """Return the names of `assign_names` as an array of bytes, shape (n,)."""
    if len(prefix) < 3 or not prefix.isascii() or not prefix.isalnum():
        raise ValueError(f"prefix '{prefix}' is not three or more letters and digits")
    ra, dec = np.asarray(ra, dtype=np.float64), np.asarray(dec, dtype=np.float64)
    off_sky = ~(np.isfinite(ra) & (np.abs(dec) <= 90))
    if np.any(off_sky):
        raise ValueError(f"the position of row {int(np.argmax(off_sky))} is not on the sky")
    names = np.empty(len(ra), f"S{len(prefix) + 1 + len('Jhhmmss.s+ddmmss')}")
    for start in range(0, len(ra), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        places = zip(_microarcsec(ra[part] % 360), _microarcsec(dec[part]), strict=True)
        names[part] = [f"{prefix} {_designation(a, d)}".encode() for a, d in places]
    return _distinct(names, ra, dec)


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


def _distinct(names: np.ndarray, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    order = np.lexsort((dec, ra, names))
    ordered = names[order]
    begins = np.append(True, ordered[1:] != ordered[:-1])[: len(names)]
    place = np.arange(len(names))
    number = place - np.maximum.accumulate(np.where(begins, place, 0))
    shared = ~begins | np.append(~begins[1:], False)[: len(names)]
    if not shared.any():
        return names
    letters = [_letters(n).encode() for n in range(int(number.max()) + 1)]
    distinct = names.astype(f"S{names.itemsize + max(map(len, letters))}")
    for row, n in zip(order[shared].tolist(), number[shared].tolist(), strict=True):
        distinct[row] = distinct[row] + letters[n]
    return distinct


def _letters(number: int) -> str:
    """Return A, B, ..., Z, AA, AB, ..."""
    text = ""
    number += 1
    while number:
        number, digit = divmod(number - 1, 26)
        text = chr(ord("A") + digit) + text
    return text
