"""Spectra of Stokes parameters: which one a file holds, and what its response is.

XSPEC reads the parameter from a keyword XFLTnnnn with the value ``Stokes:0``, ``1`` or ``2`` for I,
Q and U (its manual, models ``polconst``, ``pollin`` and ``polpow``). Spectra of I fold through the
effective area (ARF), those of Q and U through the modulation response (MRF): area times modulation
factor, in a file of the form of an ARF.
"""

from __future__ import annotations

import re
from typing import Literal

from xsurvey.io.ogip.types import AncillaryResponse, PhaSpectrum

Stokes = Literal["I", "Q", "U"]
STOKES: tuple[Stokes, ...] = ("I", "Q", "U")
AreaKind = Literal["area", "modulated area", "modulation"]

_FILTER = re.compile(r"XFLT\d{4}")
_VALUE = re.compile(r"\s*Stokes\s*:\s*([012])(?:\.0*)?\s*", re.IGNORECASE)
_BY_TYPE: dict[str, AreaKind] = {
    "arf": "area", "mrf": "modulated area", "mfact": "modulation", "modfact": "modulation",
}  # fmt: skip
_BY_CONTENT: dict[str, AreaKind] = {
    "SPECRESP": "area", "MODSPECRESP": "modulated area", "MODFACT": "modulation",
}  # fmt: skip


def stokes_parameter(spectrum: PhaSpectrum) -> Stokes | None:
    """Return which Stokes parameter a spectrum is of, None where its header does not say."""
    for key, value in spectrum.header.items():
        if _FILTER.fullmatch(key) and (found := _VALUE.fullmatch(str(value))):
            return STOKES[int(found[1])]
    return None


def stokes_keyword(stokes: Stokes) -> str:
    """Return the value of XFLT0001 that tells XSPEC the Stokes parameter.

    Examples
    --------
    >>> stokes_keyword("U")
    'Stokes:2'
    """
    return f"Stokes:{STOKES.index(stokes)}"


def area_kind(area: AncillaryResponse) -> AreaKind | None:
    """Return what a file of the form of an ARF holds, as its keywords say; None where they do not.

    IRFTYPE says it, or CCNM0001, the name of the data set in the calibration database.
    """
    by_type = _BY_TYPE.get(str(area.header.get("IRFTYPE", "")).strip().lower())
    return by_type or _BY_CONTENT.get(str(area.header.get("CCNM0001", "")).strip().upper())
