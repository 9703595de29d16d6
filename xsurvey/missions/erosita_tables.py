"""What an eROSITA file tells of its telescope modules: good times, dead time, attitude."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from xsurvey.attitude import Attitude
from xsurvey.errors import InputError
from xsurvey.events import GoodTimeIntervals
from xsurvey.io.fits_file import FitsFile, Table, extension_name
from xsurvey.missions.reading import (
    TableSource,
    checked_live_fraction,
    intervals_of_events,
    read_intervals,
    require_numbers,
)

_ATTITUDE_GAP = 60.0  # s; 1.5 deg of a scan, a great circle all along


def _numbered(file: FitsFile, name: str) -> dict[int, Table]:
    """Return the tables NAME1 to NAME7 by module, and a plain NAME as -1."""
    found = {}
    for table in file.tables:
        match = re.fullmatch(rf"{name}([1-7]?)", extension_name(table.header))
        if match:
            found[int(match[1] or -1)] = table
    return found


def good_times(
    file: FitsFile, events: Table, source: TableSource, warnings: list[str]
) -> dict[int, GoodTimeIntervals]:
    """Return the good times of each module: of GTIn, of one GTI for all, or where events are.

    Raises
    ------
    InputError
        All tables are empty, or there are neither tables nor events.
    """
    tables = _numbered(file, "GTI")
    if any(number > 0 for number in tables):
        tables.pop(-1, None)
    gti = {number: read_intervals(table) for number, table in sorted(tables.items())}
    if set(gti) == {-1}:  # one table for all: it holds for each module that has others
        modules = sorted(
            {n for name in ("CORRATT", "DEADCOR") for n in _numbered(file, name) if n > 0}
        )
        gti = dict.fromkeys(modules, gti[-1]) if modules else gti
    used = {number: own for number, own in gti.items() if own.total > 0}
    if used:
        return used
    if gti:
        raise InputError(file.path, "all its GTI tables are empty", "give a complete event file")
    warnings.append(
        "no GTI tables: good time is where each module has events, gaps between them left out; "
        "exposures are approximate"
    )
    found = intervals_of_events(source)
    if not found:
        raise InputError(
            events.path, "has neither GTI tables nor events", "give a complete event file"
        )
    return found


def live_fractions(
    file: FitsFile, gti: Mapping[int, GoodTimeIntervals], warnings: list[str]
) -> dict[int, float]:
    """Return the mean of DEADC over the good times of each module."""
    tables = _numbered(file, "DEADCOR")
    live = {}
    for number, own in gti.items():
        table = tables.get(number)
        if table is None or not {"time", "deadc"} <= set(table.names) or not table.rows:
            continue
        require_numbers(table, ["time", "deadc"])
        raw = table.read()
        time, fraction = table.numbers(raw, "time"), table.numbers(raw, "deadc")
        known = np.isfinite(time) & np.isfinite(fraction)
        if not known.any():
            continue
        order = np.argsort(time[known], kind="stable")
        samples, lengths = own.samples(1.0)
        at = np.interp(samples, time[known][order], fraction[known][order])
        live[number] = checked_live_fraction(float(np.average(at, weights=lengths)), warnings)
    without = ", ".join(str(number) for number in gti if number not in live)
    if not live:
        warnings.append("no DEADCOR tables: no dead-time correction")
    elif without:
        warnings.append(f"no DEADCOR table of modules {without}: no dead-time correction of them")
    return live


def attitudes(
    file: FitsFile, gti: Mapping[int, GoodTimeIntervals], warnings: list[str]
) -> dict[int, Attitude]:
    """Return the attitude of each module with good times, if the file tells of all of them."""
    found = {}
    for number, table in _numbered(file, "CORRATT").items():
        if number not in gti or not {"time", "ra", "dec"} <= set(table.names):
            continue
        require_numbers(table, ["time", "ra", "dec"])
        raw = table.read()
        attitude = Attitude.from_samples(*(table.numbers(raw, n) for n in ("time", "ra", "dec")))
        if len(attitude.time):
            found[number] = attitude
    without = ", ".join(str(number) for number in gti if number not in found)
    if found and without:
        # an exposure of some modules only would be wrong without a sign of it
        warnings.append(f"no CORRATT table of modules {without}: no attitude is used")
        return {}
    return found


def with_known_attitude(
    file: FitsFile, gti: Mapping[int, GoodTimeIntervals], attitude: Mapping[int, Attitude],
    warnings: list[str],
) -> dict[int, GoodTimeIntervals]:  # fmt: skip
    """Return the good times of which the attitude is known; where it is not nothing can be said."""
    if not attitude:
        return dict(gti)
    known = {n: own.intersection(attitude[n].coverage(_ATTITUDE_GAP)) for n, own in gti.items()}
    lost = {n: own.total - known[n].total for n, own in gti.items()}
    if not any(own.total > 0 for own in known.values()):
        raise InputError(
            file.path, "its attitude (CORRATT) is of other times than its good times",
            "give a complete event file",
        )  # fmt: skip
    if max(lost.values()) > 1:
        worst = max(lost, key=lambda n: lost[n])
        warnings.append(
            f"{lost[worst]:.0f} s of good time are left out, of which CORRATT{worst} tells nothing"
        )
    return known
