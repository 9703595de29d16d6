"""Checksums of the FITS standard, of data that are never in memory as a whole."""

import numpy as np
from astropy.io import fits

_FULL = 0xFFFFFFFF
_ZERO = ord("0")
_PUNCTUATION = frozenset((*range(0x3A, 0x41), *range(0x5B, 0x61)))
"""Signs between digits, capitals and small letters, which the text may not have."""


class DataSum:
    """The ones' complement sum of 32-bit words, of bytes that come in pieces.

    Notes
    -----
    FITS standard 4.0, appendix J.
    """

    def __init__(self) -> None:
        self._total = 0
        self._left = b""

    def add(self, data: bytes) -> None:
        """Count further bytes."""
        data = self._left + data if self._left else data
        whole = len(data) // 4 * 4
        self._left = data[whole:]
        self._total += int(np.frombuffer(data[:whole], ">u4").sum(dtype=np.uint64))

    @property
    def value(self) -> int:
        """The sum of all bytes; the data unit is filled up with zeros."""
        return _folded(self._total + int.from_bytes(self._left.ljust(4, b"\0"), "big"))


def set_checksums(header: fits.Header, datasum: int) -> None:
    """Set ``DATASUM`` and ``CHECKSUM`` of a header, which has both cards already.

    Notes
    -----
    FITS standard 4.0, appendix J: the text makes the sum of the whole HDU all ones.
    """
    header["DATASUM"] = str(datasum)
    header["CHECKSUM"] = "0" * 16
    of_header = DataSum()
    of_header.add(header.tostring().encode("ascii"))
    header["CHECKSUM"] = _encoded(_FULL - _folded(of_header.value + datasum))


def _folded(total: int) -> int:
    while total > _FULL:
        total = (total & _FULL) + (total >> 32)
    return total


def _encoded(value: int) -> str:
    """Return the sixteen letters and digits that stand for a sum."""
    columns = []
    for byte in value.to_bytes(4, "big"):
        quarter, rest = divmod(byte, 4)
        signs = [quarter + rest + _ZERO, *([quarter + _ZERO] * 3)]
        while _PUNCTUATION & set(signs):
            for first in (0, 2):
                if _PUNCTUATION & set(signs[first : first + 2]):
                    signs[first] += 1
                    signs[first + 1] -= 1
        columns.append(signs)
    text = "".join(chr(columns[byte][sign]) for sign in range(4) for byte in range(4))
    return text[-1] + text[:-1]  # the value begins in the last byte of a word
