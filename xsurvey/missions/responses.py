"""What missions say of their spectra: channels, and where responses are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xsurvey.io.ogip.types import AncillaryResponse


@dataclass(frozen=True)
class ChannelGrid:
    """The channels in which a detector's spectra are counted.

    Attributes
    ----------
    numbers : ndarray of int, shape (m,)
        Consecutive.
    low, high : ndarray, shape (m,)
        Nominal energies, keV; ``low`` inclusive.
    """

    numbers: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def uniform(cls, first: int, count: int, width: float, start: float = 0.0) -> ChannelGrid:
        """Return ``count`` channels of ``width`` keV from ``start`` keV on, numbered from first."""
        edges = start + width * np.arange(count + 1)
        return cls(first + np.arange(count), edges[:-1], edges[1:])

    def place_of_numbers(self, numbers: np.ndarray) -> np.ndarray:
        """Return the place of channel numbers in the grid, -1 where they are not in it."""
        place = np.asarray(numbers).astype(np.int64) - int(self.numbers[0])
        return np.where((place >= 0) & (place < len(self.numbers)), place, -1)

    def place_of_energies(self, energy: np.ndarray) -> np.ndarray:
        """Return the place of energies (keV) in the grid, -1 where they are in no channel."""
        energy = np.asarray(energy, float)
        place = np.searchsorted(self.low, energy, side="right") - 1
        inside = (place >= 0) & (energy < self.high[np.maximum(place, 0)])
        return np.where(inside, place, -1)


@dataclass(frozen=True)
class ResponseFiles:
    """Where a mission's responses are, for spectra that are given none.

    Attributes
    ----------
    arf : tuple of path or AncillaryResponse
        Effective areas on the optical axis, of detectors whose counts add up: files, or areas that
        the mission itself knows.
    rmf : path or None
        None where a Gaussian of `Mission.energy_resolution` must do.
    approximate : str
        In what they are approximations, for the header; empty where they are none.
    """

    arf: tuple[Path | AncillaryResponse, ...]
    rmf: Path | None = None
    approximate: str = ""
