"""The points of a fit: those of a range of frequencies, with their errors and systematics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from xsurvey.errors import InputError, ParameterError, nearest
from xsurvey.sed.fitting.sed_parameters import SedPointParameters
from xsurvey.sed.tables.energy_distribution import SpectralEnergyDistribution


@dataclass(frozen=True)
class SedPoints:
    """What a model is compared with, in the order of frequency.

    Attributes
    ----------
    name : str
        Of the file.
    frequency : ndarray, shape (n,)
        As observed, Hz.
    flux : ndarray, shape (n,)
        nu F_nu, erg / cm2 / s; of limits the limit.
    sigma : ndarray, shape (n,)
        Total error; of a limit the error that one of its confidence is a multiple of.
    is_limit : ndarray of bool, shape (n,)
    instruments : tuple of str
    systematics : mapping of str to float
        Relative error by instrument, of those that are fitted.
    notes : tuple of str
    """

    name: str
    frequency: np.ndarray
    flux: np.ndarray
    sigma: np.ndarray
    is_limit: np.ndarray
    instruments: tuple[str, ...]
    systematics: Mapping[str, float]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.frequency)

    @property
    def limits(self) -> int:
        """How many are upper limits."""
        return int(self.is_limit.sum())


def select_points(sed: SpectralEnergyDistribution, parameters: SedPointParameters) -> SedPoints:
    r"""Return the points in a range of frequencies with their total errors.

    The error of a point is the mean of those to both sides, with the systematic error of its
    instrument, a fraction of the measured flux, added in quadrature. A limit of confidence C is
    taken for one without a detection: :math:`\sigma = limit / \Phi^{-1}(C)`, no systematics.

    Parameters
    ----------
    sed : SpectralEnergyDistribution
    parameters : SedPointParameters

    Raises
    ------
    ParameterError
        A systematic error that is no fraction, or of an instrument that there is not.
    InputError
        Nothing is left, nothing but limits, or a point has no error at all.
    """
    fractions = systematic_fractions(sed, parameters)
    low = parameters.min_frequency or 0.0
    high = np.inf if parameters.max_frequency is None else parameters.max_frequency
    kept = np.flatnonzero((sed.frequency >= low) & (sed.frequency <= high))
    if not (~sed.is_limit[kept]).any():
        what = "no points" if not len(kept) else "only upper limits"
        raise InputError(
            sed.name, f"has {what} at {low:g} to {high:g} Hz: its frequencies are "
            f"{sed.frequency[0]:.4g} to {sed.frequency[-1]:.4g} Hz",
            "widen --min-frequency and --max-frequency",
        )  # fmt: skip
    instruments = tuple(sed.instruments[i] for i in kept)
    flux, is_limit = sed.flux[kept], sed.is_limit[kept]
    relative = np.array([fractions[name] for name in instruments])
    statistical = 0.5 * (sed.error_low[kept] + sed.error_high[kept])
    confidence = sed.limit_confidence[kept]
    unknown = is_limit & np.isnan(confidence)
    confidence = np.where(unknown, parameters.limit_confidence, confidence)
    with np.errstate(invalid="ignore"):
        of_limit = flux / stats.norm.ppf(confidence)
    sigma = np.where(is_limit, of_limit, np.hypot(statistical, relative * flux))
    if np.any(without := ~(sigma > 0)):
        first = int(np.flatnonzero(without)[0])
        raise InputError(
            sed.name, f"states an error of zero at {sed.frequency[kept][first]:.4g} Hz "
            f"({instruments[first]})", "give a systematic error (--systematic), or correct it",
        )  # fmt: skip
    notes = list(sed.notes)
    if unknown.any():
        notes.append(
            f"the table does not tell the confidence of {unknown.sum()} upper limits: "
            f"{parameters.limit_confidence:g} is taken"
        )
    used = dict.fromkeys(instruments)
    return SedPoints(
        sed.name, sed.frequency[kept], flux, sigma, is_limit, instruments,
        {name: fractions[name] for name in used}, tuple(notes),
    )  # fmt: skip


def systematic_fractions(
    sed: SpectralEnergyDistribution, parameters: SedPointParameters
) -> dict[str, float]:
    """Return the relative systematic error of each instrument of a table.

    Raises
    ------
    ParameterError
        One that is no fraction, given twice, or of an instrument that there is not.
    """
    fractions = dict.fromkeys(sed.instruments, parameters.systematic_default)
    by_lower = {name.lower(): name for name in fractions}
    seen: set[str] = set()
    for text in parameters.systematic:
        name, sign, given = text.rpartition("=")
        if not sign or not name.strip():
            raise ParameterError(
                "systematic", f"'{text}' is not INSTRUMENT=FRACTION", "write for example MAGIC=0.3"
            )
        known = by_lower.get(name.strip().lower())
        if known is None:
            raise ParameterError(
                "systematic", f"{sed.name} has no instrument '{name.strip()}'",
                nearest(name.strip(), fractions),
            )  # fmt: skip
        if known in seen:
            raise ParameterError("systematic", f"{known} is given twice", "give it once")
        seen.add(known)
        fractions[known] = _fraction(given, known)
    return fractions


def _fraction(text: str, instrument: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not 0 <= value <= 10:
        raise ParameterError(
            "systematic", f"'{text.strip()}' of {instrument} is not a fraction",
            "write for example 0.1 for 10 %",
        )  # fmt: skip
    return value
