"""Keywords of written OGIP tables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.io import fits

from xsurvey.errors import plain_ascii

_NAME = re.compile(r"[A-Z0-9_-]{1,8}")


def add_keywords(header: fits.Header, groups: Sequence[Mapping[str, Any]]) -> None:
    """Add keywords to a header; the first group that has one decides.

    Those of the first group are the format's own. Of the others, names and values that FITS cannot
    hold are left out, and characters that it cannot hold become ``_``.

    Parameters
    ----------
    header : astropy.io.fits.Header
    groups : sequence of mappings
        A value may be a pair of value and comment; those of HISTORY and COMMENT are lists of
        lines.
    """
    for group in groups:
        for name, entry in group.items():
            if name in ("HISTORY", "COMMENT"):
                for line in [entry] if isinstance(entry, str) else entry:
                    header[name] = plain_ascii(line)
                continue
            value, comment = entry if isinstance(entry, tuple) else (entry, "")
            if name in header or not _NAME.fullmatch(name):
                continue
            if isinstance(value, np.generic):
                value = value.item()
            if isinstance(value, str):
                value = plain_ascii(value)
            elif not isinstance(value, int | float) or not np.isfinite(value):
                continue
            header[name] = (value, plain_ascii(comment))
