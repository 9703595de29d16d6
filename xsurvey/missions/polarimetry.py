"""What missions say of their polarimeters: how strongly detectors answer to polarization."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from xsurvey.errors import InputError
from xsurvey.events import Observation
from xsurvey.io.ogip.types import AncillaryResponse, RedistributionMatrix

Weighting = Literal["none", "neff", "simple"]
"""How events are weighted: not at all; by weights whose counts are effective ones, of spectra; by
weights that just add up, of polarization cubes."""


@dataclass(frozen=True)
class Modulation:
    """Modulation factors and effective areas of some detectors in their channels.

    Attributes
    ----------
    detectors : ndarray of int, shape (d,)
        Numbers, ascending.
    energy : ndarray, shape (c,)
        Middle of the channels, keV, ascending.
    factor : ndarray, shape (d, c)
        Modulation factor; NaN where it is not known.
    effective_area : ndarray, shape (d, c)
        On the axis, cm2; NaN where it is not known.
    channels : ndarray of int, shape (c,)
        Their numbers, consecutive.
    name : str
        Of the set of responses.
    weighting : str
        Which kind of weights they are for, one of `Weighting`.
    reason : str
        Why they were chosen.
    files : tuple of str
        Names of the files that were read.
    warnings : tuple of str
        What is odd about the choice.
    """

    detectors: np.ndarray
    energy: np.ndarray
    factor: np.ndarray
    effective_area: np.ndarray
    channels: np.ndarray
    name: str = ""
    weighting: Weighting = "none"
    reason: str = ""
    files: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def usable(self) -> np.ndarray:
        """Tell in which channels the factor and the area are known and positive, shape (d, c)."""
        with np.errstate(invalid="ignore"):
            return (self.factor > 0) & (self.effective_area > 0)

    def range(self) -> tuple[float, float]:
        """Return the energies, keV, between which all detectors can be used.

        Raises
        ------
        InputError
            There are none.
        """
        good = np.flatnonzero(self.usable().all(axis=0))
        if not len(good):
            raise InputError(
                self.name or "responses", "have no energy at which all detectors have a modulation "
                "factor and an area", "give another set (--irf)",
            )  # fmt: skip
        half = float(np.median(np.diff(self.energy))) / 2 if len(self.energy) > 1 else 0.0
        return float(self.energy[good[0]]) - half, float(self.energy[good[-1]]) + half

    def of_detectors(self, numbers: np.ndarray) -> Modulation:
        """Return that of some of the detectors, in ascending order.

        Raises
        ------
        InputError
            One of them is not there.
        """
        wanted = np.unique(np.asarray(numbers, dtype=int))
        place = np.searchsorted(self.detectors, wanted)
        known = place < len(self.detectors)
        known[known] = self.detectors[place[known]] == wanted[known]
        if not known.all():
            raise InputError(
                self.name or "responses", f"have no detector {wanted[~known][0]}",
                "give responses of all detectors",
            )  # fmt: skip
        return Modulation(
            self.detectors[place], self.energy, self.factor[place], self.effective_area[place],
            self.channels, self.name, self.weighting, self.reason, self.files, self.warnings,
        )  # fmt: skip


@dataclass(frozen=True)
class UnitResponses:
    """What the Stokes spectra of a detector fold through.

    Attributes
    ----------
    detector : int
    name : str
        As DETNAM has it.
    arf : AncillaryResponse
        On the axis, of Stokes I.
    mrf : AncillaryResponse
        The same times the modulation factor, of Q and U.
    rmf : RedistributionMatrix
    """

    detector: int
    name: str
    arf: AncillaryResponse
    mrf: AncillaryResponse
    rmf: RedistributionMatrix


@dataclass(frozen=True)
class StokesResponseSet:
    """Responses of the Stokes spectra of an observation.

    Attributes
    ----------
    units : tuple of UnitResponses
        In the order of their numbers.
    name, weighting, reason, files, warnings
        As of `Modulation`.
    """

    units: tuple[UnitResponses, ...]
    name: str = ""
    weighting: Weighting = "none"
    reason: str = ""
    files: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def no_polarimeter(observation: Observation) -> InputError:
    """Return what is raised for observations of other instruments."""
    return InputError(
        observation.path, f"is of {observation.telescope}, which measures no polarization",
        "give event files of a polarimeter",
    )  # fmt: skip


def no_stokes_responses(observation: Observation) -> InputError:
    """Return the error of telescopes whose Stokes spectra have no responses."""
    return InputError(
        observation.path, f"is of {observation.telescope or observation.mission}, of which there "
        "are no responses of Stokes spectra", "measure energy bins instead; in a config set "
        "stokes_spectra: {enabled: false}",
    )  # fmt: skip
