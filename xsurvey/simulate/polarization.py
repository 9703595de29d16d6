"""Polarization of simulated sources."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from astropy.table import Table

from xsurvey.errors import ParameterError
from xsurvey.missions import Mission, missions
from xsurvey.missions.simulated import SourcePolarization


def parse_polarization(text: str) -> tuple[float, float]:
    """Return the degree and the angle that ``PD,PA`` names: a fraction, and degrees.

    Raises
    ------
    ValueError
        Another form, or numbers out of range.
    """
    try:
        degree, angle = (float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"'{text}' is not PD,PA, such as 0.05,30") from None
    if not 0 <= degree <= 1:
        raise ValueError(f"the degree of '{text}' is not between 0 and 1")
    if not -360 <= angle <= 360:
        raise ValueError(f"the angle of '{text}' is not between -360 and 360 degrees")
    return degree, angle


def check_polarized(mission: Mission) -> None:
    """Raise ParameterError where a mission has no simulator of polarized sources."""
    if mission.simulates_polarization:
        return
    able = ", ".join(name for name, other in missions().items() if other.simulates_polarization)
    raise ParameterError(
        "polarization", f"cannot be simulated for {mission.name}",
        f"leave it out, or choose a mission for which it can ({able})",
    )  # fmt: skip


def polarization_of(
    texts: Sequence[str], rate: float, mission: Mission, given: int, number: int
) -> list[SourcePolarization]:
    """Return the polarization of each source.

    Parameters
    ----------
    texts : sequence of str
        One PD,PA for all sources, or one for each that was given; the others, at random places,
        are unpolarized then.
    rate : float
        Degrees a day, of all that are polarized.
    mission : Mission
    given, number : int
        Sources that were given, which are the first, and all of them.

    Raises
    ------
    ParameterError
        Another number of polarizations, or a mission whose simulator has none.
    """
    if not texts:
        return [SourcePolarization(0.0, 0.0)] * number
    check_polarized(mission)
    found = [SourcePolarization(*parse_polarization(text), rate) for text in texts]
    if len(found) == 1 and number:
        return found * number
    if len(found) != given:
        raise ParameterError(
            "polarization", f"has {len(found)} values for {given} sources",
            "give one for all sources, or one for each source",
        )  # fmt: skip
    return found + [SourcePolarization(0.0, 0.0)] * (number - given)


def add_polarization(table: Table, polarization: Sequence[SourcePolarization]) -> None:
    """Add columns with degree, angle at the start, and rate to a truth table."""
    values = np.array(polarization, dtype=float).reshape(-1, 3)
    for name, unit, column in zip(
        ("pd", "pa", "rotation_rate"), ("", "deg", "deg / d"), values.T, strict=True
    ):
        table[name] = column
        if unit:
            table[name].unit = unit
