"""The few columns of a catalog of xsurvey that a person looks at first."""

from __future__ import annotations

import numpy as np
from astropy.table import Table

_FIRST = ("name", "source_id", "detection_id")
"""What a row is called: the first of these that there is."""
_BEFORE = ("observation", "ra", "dec", "detection_likelihood")
_AFTER = ("flag", "separation")
_MOST_RATES = 3
_OURS = frozenset(("source_id", "flag"))


def brief_columns(table: Table) -> list[str]:
    """Return the name, position, likelihood, rate and flag of a catalog that xsurvey made.

    Of the rates that of the first band, and those of other missions' bands where it is missing.
    A table of somebody else's has all its columns.
    """
    names = list(table.colnames)
    if not set(names) >= _OURS:
        return names
    first = [name for name in _FIRST if name in names][:1]
    before, after = ([n for n in some if n in names] for some in (_BEFORE, _AFTER))
    return [*first, *before, *_rates(table), *after]


def _rates(table: Table) -> list[str]:
    """Return the first columns of rates of which every row has one, as far as it has any."""
    chosen: list[str] = []
    without = np.ones(len(table), dtype=bool)
    for name in table.colnames:
        # not the ends of intervals, nor rates of the fit
        band = name.removeprefix("rate_")
        if band == name or f"{name}_lo" not in table.colnames or len(chosen) == _MOST_RATES:
            continue
        values = np.asarray(np.ma.filled(table[name], np.nan), float)
        if not chosen or (np.isfinite(values) & without).any():
            chosen.append(name)
            without &= ~np.isfinite(values)
    return chosen
