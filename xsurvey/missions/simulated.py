"""What is asked of simulators of missions, and what simulated files say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from xsurvey.units import EnergyBand, SkyPosition


@dataclass(frozen=True)
class ScanPattern:
    """How a telescope surveys the sky: great circles, one after the other.

    Attributes
    ----------
    speed : float
        Of the optical axis on the sky, arcsec / s.
    period : float
        Between two scans of the same field, in s.
    step : float
        By which each scan lies beside the last one, in arcmin.
    """

    speed: float
    period: float
    step: float


@dataclass(frozen=True)
class SimulatedFacts:
    """What the header of a simulated observation needs to know; times in mission seconds."""

    pointing: SkyPosition
    roll: float
    start: float
    stop: float
    ontime: float
    scanning: bool
    detectors: tuple[int, ...] = ()
    """Numbers of those that observe."""
    closed: bool = False
    """Whether the filter wheel is closed."""


class SourcePolarization(NamedTuple):
    """Polarization of a simulated source.

    Attributes
    ----------
    degree : float
        A fraction.
    angle_deg : float
        North through east, at the start of the observation.
    rate : float
        Of its rotation, degrees a day.
    """

    degree: float
    angle_deg: float
    rate: float = 0.0


@dataclass(frozen=True)
class SimulationRequest:
    """What a mission's own simulator is asked for; counts are expected ones of all units."""

    pointing: SkyPosition
    roll: float
    exposure: float
    energy: EnergyBand
    photon_index: float
    background_rate: float
    positions: Sequence[SkyPosition]
    counts: Sequence[float]
    seed: int
    start: str | None = None
    """ISO date (UTC) or seconds of the mission; the simulator's own if there is none."""
    polarization: Sequence[SourcePolarization] = ()
    """Of each source; unpolarized if there are none."""
