"""One event list of the files of an observation's detector units."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from xsurvey.errors import InputError
from xsurvey.events import EventList


def join_units(units: Sequence[EventList]) -> EventList:
    """Join the units of one observation.

    Parameters
    ----------
    units : sequence of EventList
        Of one mission; each with good times of its own detectors.

    Returns
    -------
    EventList
        Facts of the observation are those of the unit with the lowest number; its instrument
        names all of them, and warnings say whose they are.

    Raises
    ------
    InputError
        They are of different missions, observations or sky pixels, scans are among pointings, or
        a detector is there twice.
    """
    ordered = sorted(units, key=lambda unit: min(unit.gti))
    for first, second in itertools.pairwise(ordered):
        _check_same_observation(first, second)
    _check_distinct(ordered)
    first = ordered[0]
    warnings = dict.fromkeys(
        f"{unit.observation.instrument}: {text}"
        for unit in ordered for text in unit.observation.warnings
    )  # fmt: skip
    observation = replace(
        first.observation, instrument=_instrument(ordered), warnings=tuple(warnings),
        header_exposure=np.nan,
    )  # fmt: skip
    attitude = {number: own for unit in ordered for number, own in unit.attitude.items()}
    gti = {number: own for unit in ordered for number, own in unit.gti.items()}
    return replace(
        first, observation=observation, gti=gti,
        sources=tuple(source for unit in ordered for source in unit.sources),
        live_fraction={n: own for unit in ordered for n, own in unit.live_fraction.items()},
        # an exposure of some units only would be wrong without a sign of it
        attitude=attitude if set(attitude) == set(gti) else {},
    )  # fmt: skip


def _instrument(units: Sequence[EventList]) -> str:
    """Return ``GPD DU1+DU2`` for the instruments ``GPD DU1`` and ``GPD DU2``."""
    names = list(dict.fromkeys(unit.observation.instrument for unit in units))
    first, blank, _ = names[0].partition(" ")
    if blank and all(name.startswith(f"{first} ") for name in names):
        return f"{first} {'+'.join(name.removeprefix(f'{first} ') for name in names)}"
    return "+".join(names)


def _check_same_observation(first: EventList, other: EventList) -> None:
    ours, theirs = first.observation, other.observation
    remedy = "give the detector units of one observation"
    if theirs.mission != ours.mission:
        raise InputError(
            theirs.path, f"is of {theirs.telescope}, not {ours.telescope} as {ours.path}", remedy
        )
    if theirs.obs_id != ours.obs_id:
        raise InputError(
            theirs.path, f"is of observation {theirs.obs_id}, but {ours.path} of {ours.obs_id}",
            remedy,
        )  # fmt: skip
    if theirs.scanning != ours.scanning:
        kinds = ("a scan", "a pointing") if theirs.scanning else ("a pointing", "a scan")
        raise InputError(theirs.path, f"is {kinds[0]}, but {ours.path} {kinds[1]}", remedy)
    a, b = first.wcs.wcs, other.wcs.wcs
    same = (
        list(a.ctype) == list(b.ctype)
        and np.allclose(a.crval, b.crval, atol=1e-6)
        and np.allclose(a.crpix, b.crpix)
        and np.allclose(a.cdelt, b.cdelt)
    )
    if not same:
        raise InputError(
            theirs.path, f"has other sky pixels than {ours.path}", "give files of one processing"
        )


def _check_distinct(units: Sequence[EventList]) -> None:
    seen: dict[int, EventList] = {}
    for unit in units:
        for number in unit.gti:
            if number in seen:
                raise InputError(
                    unit.observation.path, f"is detector unit {number} as well as "
                    f"{seen[number].observation.path}", "give each unit once",
                )  # fmt: skip
            seen[number] = unit
