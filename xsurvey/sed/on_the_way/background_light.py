"""Gamma rays that the extragalactic background light absorbs on their way.

Optical depths are published as tables of energies and redshifts. What is interpolated is their
logarithm, never the transmission exp(-tau): that is 1 or 0 in most of a table, and where it falls
it is no line between nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from xsurvey.errors import InputError, ParameterError
from xsurvey.sed.constants import TEV

_LEAST = 1e-12
"""Stands for an optical depth of nothing."""
_FLATTEST = 1.0
"""Power of the energy with which optical depths fall below a table, at least."""
_TOLD = 1e-3
"""Optical depth from which an extrapolation is told of."""
_SAME_REDSHIFT = 1e-6


@dataclass(frozen=True)
class OpticalDepthTable:
    """Optical depths by energy and redshift of the source.

    Attributes
    ----------
    name : str
        Of the model, or the file.
    reference : str
        Where it is published; of a user's own table the file again.
    frequency : ndarray, shape (n,)
        Hz, as observed; rising.
    redshift : ndarray, shape (m,)
        Above 0; rising.
    tau : ndarray, shape (n, m)
        Not negative.
    """

    name: str
    reference: str
    frequency: np.ndarray
    redshift: np.ndarray
    tau: np.ndarray

    def towards(self, redshift: float) -> BackgroundLight:
        """Return what is in front of a source.

        Between redshifts ln tau is a line in ln z. Nearer than the first of several it is
        proportional to the redshift, with a note.

        Raises
        ------
        ParameterError
            The source is farther than the table reaches; of a table of one redshift, it is not
            at that one.
        """
        z, logs = self.redshift, np.log(np.maximum(self.tau, _LEAST))
        if len(z) == 1 and abs(redshift / z[0] - 1) > _SAME_REDSHIFT:
            raise ParameterError(
                "ebl", f"{self.name} is of the redshift {z[0]:g} alone, and the source is at "
                f"{redshift:g}", "give optical depths of its redshift",
            )  # fmt: skip
        if redshift > z[-1] * (1 + _SAME_REDSHIFT):
            raise ParameterError(
                "ebl", f"{self.name} ends at the redshift {z[-1]:g}, and the source is at "
                f"{redshift:g}", "choose another model, or none",
            )  # fmt: skip
        notes: list[str] = []
        if redshift < z[0] * (1 - _SAME_REDSHIFT):
            notes.append(
                f"optical depths of {self.name} begin at the redshift {z[0]:g}: nearer they are "
                "taken to be proportional to it"
            )
            at = np.maximum(logs[:, 0] + np.log(redshift / z[0]), np.log(_LEAST))
        else:
            at = np.array([np.interp(np.log(redshift), np.log(z), row) for row in logs])
        return BackgroundLight(self.name, self.reference, self.frequency, np.exp(at), notes)


class BackgroundLight:
    """What the extragalactic background light leaves of a source's gamma rays.

    Parameters
    ----------
    name, reference : str
        As of the table.
    frequency : ndarray, shape (n,)
        Hz, as observed; rising.
    tau : ndarray, shape (n,)
        Positive.
    notes : sequence of str
    """

    def __init__(
        self, name: str, reference: str, frequency: np.ndarray, tau: np.ndarray,
        notes: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self.name, self.reference = name, reference
        self.first, self.last = float(frequency[0]), float(frequency[-1])
        self._notes = tuple(notes)
        x, logs = np.log(frequency), np.log(tau)
        self._curve = PchipInterpolator(x, logs)
        self._begin = x[0], logs[0], max((logs[1] - logs[0]) / (x[1] - x[0]), _FLATTEST)

    def optical_depth(self, frequencies: np.ndarray) -> np.ndarray:
        """Return tau at frequencies in Hz.

        ln tau is a monotonic cubic in ln E. Below the table it goes on with the slope of its
        lowest two energies, or as E if that falls faster; above it stays what it is at the
        highest, which is for curves: `check` refuses points there.
        """
        x = np.log(frequencies)
        first, value, slope = self._begin
        inside = self._curve(np.clip(x, first, np.log(self.last)))
        return np.exp(np.where(x < first, value + slope * (x - first), inside))

    def transmission(self, frequencies: np.ndarray) -> np.ndarray:
        """Return exp(-tau), shape (f,)."""
        return np.exp(-self.optical_depth(frequencies))

    def check(self, name: str, frequencies: np.ndarray) -> None:
        """Raise where points are above the table.

        Raises
        ------
        InputError
        """
        if (highest := float(frequencies.max())) > self.last * (1 + 1e-9):
            raise InputError(
                name, f"has a point at {highest / TEV:.4g} TeV, and optical depths of {self.name} "
                f"end at {self.last / TEV:.4g} TeV", f"set --max-frequency {self.last:.4g}",
            )  # fmt: skip

    def notes(self, frequencies: np.ndarray) -> list[str]:
        """Return what a reader of results must know, for points at frequencies in Hz."""
        tau = self.optical_depth(frequencies)
        told = [
            f"gamma rays are absorbed on the way, as by {self.reference}, with an optical depth of "
            f"{tau.max():.3g} at most: fluxes of the table are taken to be as observed",
            *self._notes,
        ]
        if np.any(tau[frequencies < self.first] > _TOLD):
            told.append(
                f"optical depths of {self.name} begin at {1e3 * self.first / TEV:.4g} GeV, and are "
                "extrapolated for points below"
            )
        return told

    def record(self, frequencies: np.ndarray) -> dict[str, str | float]:
        """Return what was taken, for results."""
        return {
            "name": self.name, "reference": self.reference,
            "largest_optical_depth": float(self.optical_depth(frequencies).max()),
        }  # fmt: skip
