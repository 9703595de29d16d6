"""Exposures with eROSITA's filter wheel closed, which the particle background is taken from.

The recipe is that of the first data release ("Filter Wheel Closed (FWC) data for DR1",
https://erosita.mpe.mpg.de/dr1/AllSkySurveyData_dr1/FWC_dr1/; Yeung et al. 2023, A&A 676, A3,
appendix B): a flag mask of its own, all valid patterns, nothing of the ten minutes after a rotation
of the wheel, which contaminates them, and no exposures with unusual rates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from xsurvey.errors import InputError
from xsurvey.events import EventList
from xsurvey.good_times import GoodTimeIntervals
from xsurvey.io.fits_file import Table
from xsurvey.missions.reading import header_text
from xsurvey.units import EnergyBand

CLOSED_FLAGS = 0xE000F000
"""Bits of FLAG that exclude an event of a closed exposure."""
AFTER_ROTATION = 600.0
"""Seconds after a rotation of the wheel that are left out."""
RATE_BAND = EnergyBand(0.5, 10.0)
RATES = (90.0, 170.0)
"""Counts a minute of a module in that band, between which an exposure is of use."""
_GAP = 60.0  # s: longer gaps of the good times part exposures, before which the wheel has turned


def is_closed(table: Table) -> bool:
    """Tell from the header of the events (FILTER) whether the wheel was closed."""
    return header_text(table, "FILTER").upper() == "CLOSED"


def steady_closed(events: EventList, rotations: Sequence[float] | None = None) -> EventList:
    """Return the events of a closed exposure in the times that the recipe lets pass.

    Parameters
    ----------
    events : EventList
        `Observation.closed`.
    rotations : sequence of float, optional
        When the wheel turned, mission seconds. Without them it is taken to have done so before the
        good time of each module begins, and before it goes on after more than a minute.

    Raises
    ------
    InputError
        The exposure is not closed, or no time is left.
    """
    if not events.observation.closed:
        raise InputError(
            events.observation.path, "is no exposure with a closed filter wheel (FILTER)",
            "give one that is",
        )  # fmt: skip
    columns = events.in_energy(RATE_BAND).columns(["time", "detector"])
    gti = {}
    for number, own in events.gti.items():
        time = columns["time"] if number < 0 else columns["time"][columns["detector"] == number]
        modules = 1 if number > 0 else (len(np.unique(columns["detector"])) or 1)
        gti[number] = steady_times(own, time, modules, rotations)
    gti = {number: own for number, own in gti.items() if own.total > 0}
    if not gti:
        raise InputError(
            events.observation.path, "has no time ten minutes after a rotation of the filter wheel "
            f"and at {RATES[0]:g} to {RATES[1]:g} counts a minute at {RATE_BAND} keV",
            "give a longer or quieter closed exposure",
        )  # fmt: skip
    return replace(events, gti=gti, history=(*events.history, "steady times of a closed exposure"))


def steady_times(
    gti: GoodTimeIntervals, time: np.ndarray, modules: int = 1,
    rotations: Sequence[float] | None = None,
) -> GoodTimeIntervals:  # fmt: skip
    """Return the good times of a module that are of use.

    Parameters
    ----------
    gti : GoodTimeIntervals
    time : ndarray, shape (n,)
        Of its events in `RATE_BAND`, mission seconds.
    modules : int
        How many share the good times and are in ``time``.
    rotations : sequence of float, optional
        As in `steady_closed`.
    """
    if not len(gti.start):
        return gti
    pause = np.concatenate(([True], gti.start[1:] - gti.stop[:-1] > _GAP))
    exposure = np.cumsum(pause) - 1
    turned = gti.start[pause] if rotations is None else np.sort(np.asarray(rotations, float))
    start, stop = [], []
    for number in range(int(exposure[-1]) + 1):
        mine = exposure == number
        own = _away_from(gti.start[mine], gti.stop[mine], turned)
        minutes = own.total / 60 * modules
        if minutes > 0 and RATES[0] <= np.count_nonzero(own.contains(time)) / minutes <= RATES[1]:
            start.append(own.start)
            stop.append(own.stop)
    if not start:
        return GoodTimeIntervals.from_edges(np.empty(0), np.empty(0))
    return GoodTimeIntervals.from_edges(np.concatenate(start), np.concatenate(stop))


def _away_from(start: np.ndarray, stop: np.ndarray, turned: np.ndarray) -> GoodTimeIntervals:
    """Return intervals without what follows rotations too closely."""
    own = GoodTimeIntervals.from_edges(start, stop)
    if not len(turned):
        return own
    last = np.concatenate(([-np.inf], turned + AFTER_ROTATION))
    allowed = GoodTimeIntervals.from_edges(
        np.maximum(last, start[0] - 1), np.concatenate((turned, [stop[-1] + 1]))
    )
    return own.intersection(allowed)
